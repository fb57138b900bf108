"""Discovery of a clip's frames and masks in a folder or by a pattern, and their order.

Masks may be next to the pictures: `00_image.png` and `00_mask.png`, `walk_0001.png` and `walk_0001_mask.png`,
`rgb_1.png` and `alpha_1.png`. Numbers only give the order: a gap in them is not a pause.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import MediaError
from ..protocol.clip_names import MASK_WORDS, is_picture, natural_order, words_of
from .patterns import matcher

PICTURE_WORDS = frozenset("image images img rgb rgba color colour frame picture photo beauty".split())


@dataclass(frozen=True)
class FoundPictures:
    """The pictures of a clip, and one mask for each picture, or an empty list of masks."""

    pictures: list[Path]
    masks: list[Path]


def find_pictures(source: str, check: Callable[[], None] = lambda: None) -> list[Path]:
    """Return the pictures of a folder or a pattern (`*`, `?`, `%d`, `%04d` in the file name), in natural order.

    Args:
        source: the folder or the pattern.
        check: called for every file; an exception that it raises stops the work.
    Raises:
        MediaError: the folder does not exist, or contains no matching picture.
    """
    path, pictures = Path(source), []
    folder, matches = (path, lambda name: True) if path.is_dir() else (path.parent, matcher(path.name))
    try:
        for entry in folder.iterdir():
            check()
            if is_picture(entry) and matches(entry.name) and entry.is_file():
                pictures.append(entry)
    except OSError as error:
        raise MediaError(f"The folder {folder} cannot be read ({error.strerror}).", "Check the path.") from error
    if not pictures:
        raise MediaError(
            f"{source} contains no pictures.", "Choose a folder or a pattern of png, jpg, webp, tif or bmp files."
        )
    return sorted(pictures, key=lambda picture: natural_order(picture.name))


def with_masks(source: str, found: Sequence[Path]) -> FoundPictures:
    """Separate pictures from masks by their names.

    Raises:
        MediaError: only some pictures have a mask, or the pictures are not one sequence.
    """
    masks = [path for path in found if MASK_WORDS & set(words_of(path))]
    pictures = [path for path in found if path not in set(masks)]
    if not masks or not pictures:
        _require_one_sequence(source, found)
        return FoundPictures(list(found), [])
    _require_one_sequence(source, pictures)
    return FoundPictures(pictures, _masks_of(source, pictures, masks))


def _masks_of(source: str, pictures: list[Path], masks: list[Path]) -> list[Path]:
    of_key = {_key(mask): mask for mask in masks}
    keys = [_key(picture) for picture in pictures]
    lone = next((picture for picture, key in zip(pictures, keys, strict=True) if key not in of_key), None)
    if lone is None and len(set(keys)) == len(keys) == len(masks):
        return [of_key[key] for key in keys]
    lacking = f": {lone.name} has no mask" if lone is not None else ""
    raise MediaError(
        f"{source} contains {len(pictures)} pictures and {len(masks)} masks, such as {masks[0].name}{lacking}.",
        "Give each picture one mask, or move the masks into a separate folder.",
    )


def _key(path: Path) -> tuple[str, ...]:
    """Return the words of a name that a picture and its mask share."""
    return tuple(word for word in words_of(path) if word not in MASK_WORDS | PICTURE_WORDS)


def _require_one_sequence(source: str, pictures: Sequence[Path]) -> None:
    """Refuse a numbered sequence that is mixed with other pictures; names without any pattern are accepted."""
    kinds = Counter(_kind(path) for path in pictures)
    numbered = {_kind(path) for path in pictures if re.search(r"\d", path.stem)}
    in_sequences = sum(count for kind, count in kinds.items() if count > 1 and kind in numbered)
    if len(kinds) == 1 or in_sequences < len(pictures) / 2 or in_sequences < 2:
        return
    firsts = {_kind(path): path.name for path in reversed(pictures)}
    (most, count), (other, others) = kinds.most_common(2)
    raise MediaError(
        f"{source} mixes pictures of different names: {count} like {firsts[most]} and {others} like {firsts[other]}.",
        f"Use a pattern, such as {re.sub(r'[0-9]+', '*', firsts[most], count=1)}, or move the other pictures.",
    )


def _kind(path: Path) -> str:
    """Return a name without its numbers and separators, which is the same for all pictures of a sequence."""
    return re.sub(r"[\s_\-().#\d]+", "", path.stem.casefold()) + path.suffix.casefold()
