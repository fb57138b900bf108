"""Opening of a clip and its masks.

A source is a video file (`video.py`), a folder or a pattern of pictures (`pictures.py`), or an animated picture
(`animated.py`).
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from ..errors import MediaError
from ..intake import regular_file
from ..protocol.clip_names import is_picture
from .animated import AnimatedPicture
from .patterns import is_pattern
from .pictures import open_sequence
from .video import VideoFile

CURE_OF_STILLS = "Choose a video, a folder of pictures, or a pattern such as walk_*.png."


class Counted(Protocol):
    """What `reader.choose_frames` asks of a clip."""

    name: str

    def count(self, enough: int | None = None) -> int:
        """Return the number of frames; counting may stop at `enough`."""


class FrameSource(Counted, Protocol):
    """A clip on disk. `lossy` says whether its compression blurs an alpha channel."""

    lossy: bool

    def frame_name(self, index: int) -> str: ...

    def rate(self) -> float:
        """Return the average frames a second."""

    def read(self, indices: Sequence[int]) -> Iterator[tuple[np.ndarray, float]]:
        """Yield the frames at rising `indices`, (H, W, 4) uint8 RGBA, and their seconds."""


def open_sources(
    source: str, mask: str | None, check: Callable[[], None] = lambda: None
) -> tuple["FrameSource", "FrameSource | None"]:
    """Open a clip and its masks, which may be next to its pictures.

    Args:
        source: the clip.
        mask: the masks; None uses those next to the clip's pictures, if any.
        check: called regularly while they are read; an exception that it raises stops the work.
    Raises:
        MediaError: the clip or the masks cannot be opened, or they differ in length.
    """
    opened, masks = _open(source, check)
    if mask is not None:
        given, beside = _open(mask, check)
        masks = beside or given
    if masks is not None:
        _require_as_many(opened, masks)
    return opened, masks


def open_source(source: str) -> FrameSource:
    """Open a clip of any kind; raise MediaError if `source` cannot be used as a clip."""
    return _open(source, lambda: None)[0]


def _open(source: str, check: Callable[[], None]) -> tuple[FrameSource, FrameSource | None]:
    """Open a clip, and the masks next to its pictures, if any."""
    path = Path(source)
    try:
        if path.is_dir() or (not path.exists() and is_pattern(source)):
            return open_sequence(source, check)
        regular_file(path)
    except PermissionError as error:
        raise MediaError(f"{source} cannot be read: permission denied.", "Change its permissions.") from error
    except FileNotFoundError as error:
        raise MediaError(f"{source} does not exist.", "Check the path.") from error
    except (OSError, ValueError) as error:
        reason = (error.strerror or "it cannot be opened") if isinstance(error, OSError) else str(error)
        raise MediaError(f"{source} cannot be used as a clip: {reason}.", CURE_OF_STILLS) from error
    return (AnimatedPicture(path, check) if is_picture(path) else VideoFile(path, check)), None


def _require_as_many(source: FrameSource, masks: FrameSource) -> None:
    frames, found = source.count(), masks.count()
    if frames != found:
        raise MediaError(
            f"{source.name} has {frames} frames, but its mask {masks.name} has {found}.", "Supply one mask per frame."
        )
