"""Reading of clips from disk: choose frames, and decode only those.

See `opening.py` for the kinds of clips. A mask is a clip too; it gives the subject's alpha for each frame.

Frames with the same aspect ratio but different sizes (a clip with some frames rendered at half resolution) are resized
to the first one's size. Frames with different aspect ratios are refused, because neither stretching nor padding would
keep the subject in place.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..errors import InputError, MediaError
from ..frame_numbers import number_of
from ..progress import Progress
from ..protocol import FrameChoice, Stage
from .clip import Clip, fitted_size, resize_rgba
from .frame_file import FrameFile
from .opening import CURE_OF_STILLS, Counted, FrameSource, open_sources
from .opening import open_source as open_source

LOSSY_LEVELS = 16
"""Compressed alpha and masks this close to 0 or 255 (a codec's noise) become 0 or 255."""
LARGEST_CLIP = 8 * 2**30
"""The most bytes of decoded frames; more is probably a mistake: a whole hour of video has 200 GB."""
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)


def read_clip(
    source: str,
    choice: FrameChoice,
    mask: str | None = None,
    fps: float | None = None,
    max_side: int = 1024,
    progress: Progress | None = None,
) -> Clip:
    """Read the chosen frames of a clip, shrunk to `max_side`; if the file allows, no other frames are decoded.

    Args:
        source: a video file, an animated picture, a folder of pictures, or a pattern (`walk_*.png`, `walk_%04d.png`).
        choice: the frames to read.
        mask: another such source with as many frames as the clip; white is the subject. It replaces the clip's alpha.
        fps: frames a second; None uses a video's own times, and 24 for pictures.
        max_side: the longest side in pixels.
        progress: receives every frame.
    Raises:
        MediaError: a file is missing, damaged or not a clip, or the clip lacks requested frames.
        InputError: fps or max_side is not above 0.
        OutputError: the temporary folder is too full for the frames.
        Cancelled: the user asked to stop.
    """
    if (fps is not None and not 0 < fps < math.inf) or max_side < 1:
        raise InputError(f"The frame rate is {fps} and the longest side {max_side}.", "Use numbers above 0.")
    progress = progress or Progress()
    opened, masks = open_sources(source, mask, progress.check)
    return read_frames(opened, masks, choose_frames(choice, opened), fps, max_side, progress)


def read_frames(
    source: "FrameSource",
    masks: "FrameSource | None",
    indices: np.ndarray,
    fps: float | None,
    max_side: int,
    progress: Progress,
) -> Clip:
    """Read the frames at rising `indices` (T,) int64; for the other arguments see `read_clip`."""
    native = NativeFrames(source, masks, tuple(indices.tolist()))
    frames, seconds, has_alpha = _file(native, max_side, progress)
    return Clip(
        frames=frames,
        times=(indices - indices[0]) / fps if fps is not None else seconds - seconds[0],
        indices=indices,
        has_alpha=masks is not None or has_alpha,
        name=source.name,
        native=native,
    )


def choose_frames(choice: FrameChoice, source: Counted) -> np.ndarray:
    """Return the rising indices (T,) int64 that `choice` picks from the clip.

    Raises:
        MediaError: the clip has too few frames.
    """
    total = source.count(_frames_needed(choice))
    if total < 2:
        frames = "frame" if total == 1 else "frames"
        raise MediaError(f"{source.name} has {total} {frames}, but an animation needs at least 2.", CURE_OF_STILLS)
    if choice.start >= total:
        raise MediaError(
            f"{source.name} has {total} frames, so it has no frame {number_of(choice.start)}.",
            f"Start at {number_of(0)} to {number_of(total - 2)}.",
        )
    last = total - 1 if choice.count is None else choice.start + (choice.count - 1) * choice.step
    if choice.spread is not None and last < total and last - choice.start + 1 >= choice.spread:
        return np.rint(np.linspace(choice.start, last, choice.spread)).astype(np.int64)
    indices = np.arange(choice.start, min(last, total - 1) + 1, choice.step, dtype=np.int64)
    asked = choice.spread or choice.count or 2
    if len(indices) < asked or last >= total:
        every = f" in steps of {choice.step}" if choice.step > 1 else ""
        raise MediaError(
            f"{source.name} has {total} frames: from frame {number_of(choice.start)}{every} that leaves "
            f"{len(indices)}, but {max(asked, choice.count or 0)} were requested.",
            "Request fewer frames, or start earlier.",
        )
    return indices


def _frames_needed(choice: FrameChoice) -> int | None:
    """Return how many frames the clip must have; None if its end must be known."""
    return None if choice.count is None else choice.start + (choice.count - 1) * choice.step + 1


@dataclass(frozen=True)
class NativeFrames:
    """The chosen frames of a source at its own resolution, decoded again for each iteration.

    Args:
        source, masks: the clip, and its masks if there are any.
        indices: the frames' numbers in the source, rising.
    """

    source: FrameSource
    masks: FrameSource | None
    indices: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (frame for frame, _ in self.read())

    def read(self, max_side: int | None = None) -> Iterator[tuple[np.ndarray, float]]:
        """Yield each frame (H, W, 4) uint8, masked and shrunk to at most `max_side`, and its time in seconds.

        Raises:
            MediaError: a frame cannot be read, or its aspect ratio differs from the first frame's.
        """
        alphas = self.masks.read(self.indices) if self.masks is not None else None
        size = None
        for index, (picture, seconds) in zip(self.indices, self.source.read(self.indices), strict=True):
            size = size or _FrameSize(picture.shape[0], picture.shape[1], self.source.frame_name(index), max_side)
            frame = np.array(size.fit(picture, self.source, index))
            if self.source.lossy:
                frame[..., 3] = _without_noise(frame[..., 3])
            if self.masks is not None and alphas is not None:
                frame[..., 3] = _alpha_of_mask(size.fit(next(alphas)[0], self.masks, index), self.masks.lossy)
            yield frame, seconds


def _file(native: NativeFrames, max_side: int, progress: Progress) -> tuple[FrameFile, np.ndarray, bool]:
    """Read the frames, shrink them, and store them on disk.

    Returns:
        frames (T, H, W, 4) uint8, their seconds (T,), and whether any pixel is transparent.
    """
    pictures = native.read(max_side)
    times, has_alpha = np.zeros(len(native)), False
    for step in progress.track(range(len(native)), Stage.READING):
        frame, times[step] = next(pictures)
        if step == 0:
            frames = FrameFile(*frame.shape[:2])
            _require_room(frame.nbytes * len(native), native)
        frames.append(frame)
        has_alpha = has_alpha or bool((frame[..., 3] < 128).any())
    return frames, times, has_alpha


def _require_room(size: int, native: NativeFrames) -> None:
    if size > LARGEST_CLIP:
        raise MediaError(
            f"{native.source.name} would take {size / 2**30:.0f} GiB with {len(native)} frames.",
            "Choose fewer frames: set a count, a larger step, or a spread.",
        )


@dataclass(frozen=True)
class _FrameSize:
    """The size of a clip's first frame, in pixels, before it is shrunk to `max_side`; with None it keeps its size."""

    height: int
    width: int
    frame: str
    max_side: int | None

    @property
    def fitted(self) -> tuple[int, int]:
        """(height, width) of the clip's frames after shrinking."""
        if self.max_side is None:
            return self.height, self.width
        width, height = fitted_size(self.width, self.height, self.max_side)
        return height, width

    def fit(self, picture: np.ndarray, source: FrameSource, index: int) -> np.ndarray:
        """Resize a picture to the clip's size.

        Raises:
            MediaError: scaled to the first frame's height, the picture's width differs by more than a pixel.
        """
        height, width = picture.shape[:2]
        if abs(width * self.height / height - self.width) > 1:
            raise MediaError(
                f"{source.frame_name(index)} of {source.name} is {width} x {height} pixels, "
                f"but {self.frame}, the first, is {self.width} x {self.height}.",
                "Give all frames and masks the same aspect ratio.",
            )
        return resize_rgba(picture, self.fitted[1], self.fitted[0])


def _alpha_of_mask(mask: np.ndarray, lossy: bool) -> np.ndarray:
    """Return a mask's (H, W, 4) uint8 whiteness as alpha, (H, W) uint8; transparent pixels count as black."""
    luminance = mask[..., :3].astype(np.float32) @ LUMINANCE
    alpha = np.rint(luminance * (mask[..., 3] / np.float32(255))).astype(np.uint8)
    return _without_noise(alpha) if lossy else alpha


def _without_noise(alpha: np.ndarray) -> np.ndarray:
    alpha = np.where(alpha <= LOSSY_LEVELS, 0, alpha)
    return np.where(alpha >= 255 - LOSSY_LEVELS, 255, alpha).astype(np.uint8)
