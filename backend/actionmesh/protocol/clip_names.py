"""Clips by their names: which files and folders of a folder are clips, and in which order.

Blender and the command line look for the clips of a batch in the same way. Nothing is opened here.
"""

import re
from contextlib import suppress
from pathlib import Path

VIDEO_SUFFIXES = frozenset(
    ".mp4 .mov .m4v .mkv .webm .avi .mpg .mpeg .ts .mts .m2ts .mxf .ogv .wmv .flv .3gp .gif".split()
)
PICTURE_SUFFIXES = frozenset(".png .apng .jpg .jpeg .jpe .webp .avif .gif .bmp .tif .tiff .tga .jp2".split())
MASK_WORDS = frozenset("mask masks msk alpha matte mattes silhouette seg segmentation".split())
WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")


def clips_in(folder: Path) -> list[Path]:
    """Return the clips of a folder in natural order: videos, and folders that hold pictures.

    What is named like masks, such as walk_mask.mp4 beside walk.mp4, goes with a clip and is none itself.

    Raises:
        OSError: the folder cannot be listed.
    """
    found = [path for path in folder.iterdir() if _may_be_clip(path)]
    names = {tuple(words_of(path)) for path in found}
    clips = [path for path in found if not _are_masks(path, names)]
    return sorted(clips, key=lambda path: natural_order(path.name))


def _may_be_clip(path: Path) -> bool:
    if path.name.startswith("."):
        return False
    if path.is_dir():
        with suppress(OSError):  # closed to us, such as lost+found
            return any(is_picture(inner) for inner in path.iterdir())
        return False
    return path.suffix.lower() in VIDEO_SUFFIXES


def _are_masks(path: Path, names: set[tuple[str, ...]]) -> bool:
    """Return whether a name is that of a clip with a word for masks; without another word, it goes with any clip."""
    words = words_of(path)
    clip = tuple(word for word in words if word not in MASK_WORDS)
    return len(clip) < len(words) and (clip in names if clip else len(names) > 1)


def is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".")


def words_of(path: Path) -> list[str]:
    """Return the words of a file's name in small letters, without its ending."""
    return [word.casefold() for word in WORDS.findall(path.stem)]


def natural_order(name: str) -> list[tuple[int, str]]:
    """Return a sort key that puts frame2 before frame10."""
    parts = re.split(r"([0-9]+)", name.casefold())
    return [(int(part), part) if part.isdecimal() else (-1, part) for part in parts]
