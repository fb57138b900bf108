"""Frames from a file that contains several pictures: gif, apng, webp, avif, tiff."""

import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ..errors import MediaError
from ..frame_numbers import number_of
from ..intake import MAX_PIXELS, open_picture, regular_file
from .decoded_picture import as_rgba, told
from .parts import Animation, Part, Then, open_animation

UNTIMED_SECONDS = 0.1
"""How long browsers show a frame of an animated picture whose own time is 10 ms or less."""
STILL_FORMATS = ("MPO",)
"""Formats with several pictures of one moment: the two eyes of a stereo camera, a photograph and its brightness."""
FEWEST_BYTES = 10
"""The fewest bytes that a picture of an animation takes."""


class AnimatedPicture:
    """A file with several pictures, each shown for its own time.

    Args:
        path: the file.
        check: called for every picture; an exception that it raises stops the work.
    Raises:
        MediaError: the file is not a picture, or is too large.
    """

    lossy = False

    def __init__(self, path: Path, check: Callable[[], None] = lambda: None):
        self.name = path.name
        self._path = path
        self._check = check
        with told(path, self.name, 0):
            self._is_composed, self._count, self._breaks_off = self._look()

    def count(self, enough: int | None = None) -> int:
        if self._breaks_off and (enough is None or enough > self._count):
            raise MediaError(
                f"{self._path} is damaged: it ends early, at frame {number_of(self._count)}.",
                "Export it again, or choose other frames.",
            )
        return self._count

    def frame_name(self, index: int) -> str:
        return f"frame {number_of(index)}"

    def rate(self) -> float:
        """Return the average frames a second, from the times of all frames but the last.

        Raises:
            MediaError: the file is damaged.
        """
        shown = [seconds for _, seconds in self._frames(range(self.count()), decode=False)][:-1]
        return len(shown) / sum(shown) if shown else 24.0

    def read(self, indices: Sequence[int]) -> Iterator[tuple[np.ndarray, float]]:
        """Yield the frames at rising `indices`, (H, W, 4) uint8, and their seconds; all up to the last are decoded.

        Raises:
            MediaError: the file is damaged.
        """
        wanted, begins = set(indices), 0.0
        for index, (picture, seconds) in enumerate(self._frames(range(max(indices) + 1))):
            if index in wanted:
                yield picture, begins
            begins += seconds

    def _look(self) -> tuple[bool, int, bool]:
        """Return whether the pictures are drawn on a canvas, how many there are, and whether the file ends early."""
        with regular_file(self._path).open("rb") as file:
            animation, count = open_animation(file), 0
            if animation is None:
                return False, self._count_with_pillow(), False
            _require_size(animation)
            try:
                for _ in animation.parts:
                    self._check()
                    count += 1
            except (EOFError, ValueError):
                return True, count, True
        return True, count, False

    def _count_with_pillow(self) -> int:
        with open_picture(self._path) as image:
            count = 1 if image.format in STILL_FORMATS else getattr(image, "n_frames", 1)
        if count * FEWEST_BYTES > self._path.stat().st_size:
            raise ValueError(f"says that it has {count} pictures, but is too small for them")
        return count

    def _frames(self, indices: range, decode: bool = True) -> Iterator[tuple[np.ndarray, float]]:
        """Yield each frame and how many seconds it is shown."""
        frames = self._composed(decode) if self._is_composed else self._with_pillow()
        for index in indices:
            self._check()
            with told(self._path, self.name, index):
                picture, seconds = next(frames)
            yield picture, seconds if seconds > 0.01 else UNTIMED_SECONDS

    def _composed(self, decode: bool) -> Iterator[tuple[np.ndarray, float]]:
        with regular_file(self._path).open("rb") as file:
            animation = open_animation(file)
            assert animation is not None
            for picture, part in _drawn(animation) if decode else ((np.empty(0), part) for part in animation.parts):
                yield picture, part.milliseconds / 1000

    def _with_pillow(self) -> Iterator[tuple[np.ndarray, float]]:
        shown = 0.0
        with open_picture(self._path) as image:
            for index in range(self._count):
                image.seek(index)
                if image.width * image.height > MAX_PIXELS:
                    raise ValueError(f"has {image.width} x {image.height} pixels in picture {index}")
                picture = as_rgba(ImageOps.exif_transpose(image))
                seconds = float(image.info.get("duration") or 0) / 1000
                if seconds > 0.01 and "timestamp" in image.info:  # summed rounded durations alone would drift
                    seconds = image.info["timestamp"] / 1000 + seconds - shown
                yield picture, seconds
                shown += seconds


def _require_size(animation: Animation) -> None:
    width, height = animation.canvas
    if not 0 < width * height <= MAX_PIXELS:
        raise ValueError(f"has {width} x {height} pixels; the limit is {MAX_PIXELS // 10**6} million")


def _drawn(animation: Animation) -> Iterator[tuple[np.ndarray, Part]]:
    """Yield the canvas after each part is drawn, (H, W, 4) uint8, and the part."""
    canvas = Image.new("RGBA", animation.canvas)
    for part in animation.parts:
        left, top, width, height = part.box
        right, bottom = min(left + width, canvas.width), min(top + height, canvas.height)
        box = (left, top, max(left, right), max(top, bottom))
        before = canvas.crop(box)
        with open_picture(io.BytesIO(part.data)) as image:
            picture = Image.fromarray(as_rgba(image)).crop((0, 0, box[2] - left, box[3] - top))
        canvas.paste(Image.alpha_composite(before, picture) if part.over else picture, box)
        yield np.asarray(canvas), part
        if part.then is Then.PREVIOUS:
            canvas.paste(before, box)
        elif part.then is Then.BACKGROUND:
            canvas.paste((0, 0, 0, 0), box)
