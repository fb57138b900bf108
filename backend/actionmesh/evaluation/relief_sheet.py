"""Draw a sheet of reliefs: two frames of each clip, each next to the textured relief from the front and the side."""

from collections.abc import Sequence

import numpy as np

from ..animation import Animation
from ..matching.silhouette import overlap
from ..media.clip import Clip
from ..media.reader import read_clip
from ..media.render import Camera
from ..output.preview import Stage, over
from ..protocol import FrameChoice
from ..relief.shape import MAX_FACES
from ..relief_animation import relief_animation
from ..segmentation.choice import cut_out
from .baselines import NOWHERE
from .subjects import QUIET

CELL = 168
ASIDE = (0, 40, 60)
"""Views of a relief, in degrees around +Y from the front."""
BACKDROPS = (255, *(240 for _ in ASIDE))
"""Grey values behind the clip, and behind each view of the relief."""


def relief_sheet(clips: Sequence[str]) -> tuple[np.ndarray, list[float]]:
    """Return a picture (len(clips) CELL, 8 CELL, 3) uint8, and how well each relief fits its clip, 0 to 1."""
    rows, overlaps = [], []
    for source in clips:
        clip = cut_out(read_clip(source, FrameChoice()))
        frames = np.arange(len(clip.frames), dtype=float).tolist()
        relief = relief_animation(clip, None, frames, MAX_FACES, NOWHERE, (), QUIET)
        rows.append(_row(relief, clip))
        assert relief.provenance.fit.overlap is not None
        overlaps.append(relief.provenance.fit.overlap)
    return np.concatenate(rows), overlaps


def two_frames(relief: Animation, clip: Clip) -> tuple[int, int]:
    """Return the frame that was inflated, and the frame whose outline differs most from it."""
    masks = clip.frames[:][..., 3] > 127
    return relief.reference_frame, int(np.argmin([overlap(masks[relief.reference_frame], mask) for mask in masks]))


def _row(relief: Animation, clip: Clip) -> np.ndarray:
    cameras = [Camera(yaw=np.radians(yaw)) for yaw in ASIDE]
    stage = Stage(relief, None, clip.frames, None, CELL, cameras)
    cells = [cell for frame in two_frames(relief, clip) for cell in zip(stage.pictures(frame), BACKDROPS, strict=True)]
    return np.concatenate([over(picture, np.full((CELL, CELL, 3), grey)) for picture, grey in cells], axis=1)
