"""Frames from picture files: a folder or a pattern of numbered pictures, and animated pictures (gif, webp, apng).

Pillow reads them, so palettes, grey, 16 bits a channel, CMYK and the camera's rotation come out as upright 8-bit RGBA.
Floating-point pictures (OpenEXR) are left out: how they should look is not in the file.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps

from ..errors import MediaError

PICTURE_SUFFIXES = frozenset(".png .apng .jpg .jpeg .jpe .webp .avif .gif .bmp .tif .tiff .tga .jp2".split())
LOSSY_SUFFIXES = frozenset((".jpg", ".jpeg", ".jpe", ".webp", ".avif", ".jp2"))
SEQUENCE_FPS = 24.0
UNTIMED_SECONDS = 0.1
"""How long browsers show an animated picture's frame that gives no time of its own (10 ms or less)."""

Answer = TypeVar("Answer")


class PictureSequence:
    """Pictures in natural order, one a frame, at 24 frames a second."""

    def __init__(self, source: str):
        self.name = source
        self._paths = find_pictures(source)
        self.lossy = any(path.suffix.lower() in LOSSY_SUFFIXES for path in self._paths)

    def count(self, enough: int | None = None) -> int:
        return len(self._paths)

    def frame_name(self, index: int) -> str:
        return self._paths[index].name

    def rate(self) -> float:
        return SEQUENCE_FPS

    def read(self, indices: Sequence[int]) -> Iterator[tuple[np.ndarray, float]]:
        """The frames at rising `indices`: (H, W, 4) uint8 and seconds.

        Raises:
            MediaError: a file is damaged or no picture.
        """
        for index in indices:
            yield _guarded(self._paths[index], self.name, index, _open_upright), index / SEQUENCE_FPS


class AnimatedPicture:
    """One file with several pictures in it, each shown for its own time."""

    lossy = False

    def __init__(self, path: Path):
        self.name = path.name
        self._path = path
        self._count = _guarded(path, self.name, 0, _count_frames)

    def count(self, enough: int | None = None) -> int:
        return self._count

    def frame_name(self, index: int) -> str:
        return f"frame {index}"

    def rate(self) -> float:
        """Frames a second on average, from the times of all but the last.

        Raises:
            MediaError: the file is damaged.
        """
        shown = _guarded(self._path, self.name, 0, _read_durations)[:-1]
        return len(shown) / sum(shown) if shown else SEQUENCE_FPS

    def read(self, indices: Sequence[int]) -> Iterator[tuple[np.ndarray, float]]:
        """As PictureSequence.read; frames build on those before them, so all up to the last one are decoded."""
        wanted, seconds = set(indices), 0.0
        with _guarded(self._path, self.name, 0, Image.open) as image:
            for index in range(max(indices) + 1):
                rgba = _guarded(self._path, self.name, index, partial(_show, image, index))
                if index in wanted:
                    yield rgba, seconds
                seconds += _duration(image)


def is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".")


def is_pattern(source: str) -> bool:
    return re.search(r"[*?]|%\d*d", Path(source).name) is not None


def find_pictures(source: str) -> list[Path]:
    """The pictures of a folder, or those of a pattern (`*`, `?`, `%d`, `%04d` in the file name), in natural order.

    Raises:
        MediaError: there is no such folder, or no picture in it.
    """
    path = Path(source)
    folder, matches = (path, is_picture) if path.is_dir() else (path.parent, _matcher(path.name))
    try:
        pictures = [entry for entry in folder.iterdir() if is_picture(entry) and matches(entry) and entry.is_file()]
    except OSError as error:
        raise MediaError(f"The folder {folder} cannot be read ({error.strerror}).", "Check the path.") from error
    if not pictures:
        raise MediaError(
            f"{source} holds no pictures.", "Give a folder or a pattern of png, jpg, webp, tif or bmp files."
        )
    return sorted(pictures, key=lambda picture: natural_order(picture.name))


def natural_order(name: str) -> list[tuple[int, str]]:
    """A sort key that puts frame2 before frame10."""
    parts = re.split(r"([0-9]+)", name.casefold())
    return [(int(part), part) if part.isdecimal() else (-1, part) for part in parts]


def _matcher(pattern: str) -> Callable[[Path], bool]:
    def expression(token: str) -> str:
        if token in ("*", "?"):
            return {"*": ".*", "?": "."}[token]
        digits = re.fullmatch(r"%(\d*)d", token)
        return rf"\d{{{int(digits[1] or 1)},}}" if digits else re.escape(token)

    whole = re.compile("".join(map(expression, re.split(r"([*?]|%\d*d)", pattern))))
    return lambda path: whole.fullmatch(path.name) is not None


def _guarded(path: Path, name: str, index: int, read: Callable[[Path], Answer]) -> Answer:
    """Calls `read(path)`; what Pillow says about a bad file becomes one sentence."""
    try:
        return read(path)
    except PermissionError as error:
        raise MediaError(f"{path} may not be read.", "Change its permissions.") from error
    except (OSError, EOFError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        at = f" (frame {index} of {name})" if path.name != name else f" at frame {index}"
        raise MediaError(f"{path} is damaged or no picture{at}.", "Export it again, or choose other frames.") from error


def _count_frames(path: Path) -> int:
    with Image.open(path) as image:
        return getattr(image, "n_frames", 1)


def _read_durations(path: Path) -> list[float]:
    """How long each frame is shown, in seconds."""
    with Image.open(path) as image:
        seconds = []
        for index in range(getattr(image, "n_frames", 1)):
            image.seek(index)
            image.load()
            seconds.append(_duration(image))
        return seconds


def _duration(image: Image.Image) -> float:
    milliseconds = float(image.info.get("duration") or 0)
    return milliseconds / 1000 if milliseconds > 10 else UNTIMED_SECONDS


def _open_upright(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return _rgba(ImageOps.exif_transpose(image))


def _show(image: Image.Image, index: int, _: Path) -> np.ndarray:
    image.seek(index)
    return _rgba(image)


def _rgba(image: Image.Image) -> np.ndarray:
    """Any Pillow picture -> (H, W, 4) uint8; 16-bit grey is scaled, where Pillow's own conversion would clip it."""
    if image.mode == "F":
        raise ValueError("floating-point picture")
    if image.mode.startswith("I"):
        grey = np.rint(np.asarray(image).astype(np.float64).clip(0, 65535) / 257).astype(np.uint8)
        image = Image.fromarray(grey)
    if image.mode == "CMYK":
        image = image.convert("RGB")
    return np.asarray(image.convert("RGBA"))
