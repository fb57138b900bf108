"""Clips by their names: which files and folders of a folder are clips, and in which order.

Blender and the command line look for the clips of a batch in the same way. Nothing is opened here.
"""

import re
from pathlib import Path

VIDEO_SUFFIXES = frozenset(
    ".mp4 .mov .m4v .mkv .webm .avi .mpg .mpeg .ts .mts .m2ts .mxf .ogv .wmv .flv .3gp .gif".split()
)
PICTURE_SUFFIXES = frozenset(".png .apng .jpg .jpeg .jpe .webp .avif .gif .bmp .tif .tiff .tga .jp2".split())
MASK_WORDS = frozenset("mask masks msk alpha matte mattes silhouette seg segmentation".split())
WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")


def clips_in(folder: Path) -> list[Path]:
    """Return the clips of a folder in natural order: videos, and folders that hold pictures.

    Whatever is named like masks, such as walk_mask.mp4, goes with a clip and is none itself.

    Raises:
        OSError: the folder, or one in it, cannot be listed.
    """
    return sorted((path for path in folder.iterdir() if _is_clip(path)), key=lambda path: natural_order(path.name))


def _is_clip(path: Path) -> bool:
    if path.name.startswith(".") or MASK_WORDS & set(words_of(path)):
        return False
    if path.is_dir():
        return any(is_picture(inner) for inner in path.iterdir())
    return path.suffix.lower() in VIDEO_SUFFIXES


def is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".")


def words_of(path: Path) -> list[str]:
    """Return the words of a file's name in small letters, without its ending."""
    return [word.casefold() for word in WORDS.findall(path.stem)]


def natural_order(name: str) -> list[tuple[int, str]]:
    """Return a sort key that puts frame2 before frame10."""
    parts = re.split(r"([0-9]+)", name.casefold())
    return [(int(part), part) if part.isdecimal() else (-1, part) for part in parts]
