"""Which frame shows the artist's mesh as it stands, if the artist chose none and the first frame does not.

A few frames spread over the clip are compared at a glance, and the likeliest are looked at closely. Nothing is tried
while the mesh stands as the first frame shows it.
"""

from collections.abc import Collection

import numpy as np

from ..geometry.surface import weld
from ..matching.film import make_still
from ..matching.standing import SHARPNESS, Standing, cost_at_a_glance, is_legible
from ..media.subject_crops import SubjectCrops
from ..progress import Progress
from ..protocol import Facing, Stage
from .match import find_standing, named_frame, one_thread

GLANCES, LOOKS = 9, 3
"""Frames that are compared at a glance, and those of them that are looked at closely."""


def best_frame(
    vertices: np.ndarray, faces: np.ndarray, crops: SubjectCrops, left_out: Collection[int], facing: Facing,
    progress: Progress,
) -> tuple[int, Standing] | None:  # fmt: skip
    """Return the frame in which a mesh stands best, and how it stands there; None if no frame shows the subject.

    Frames in which the mesh stands as they show it come before all others; of these, and of the others if there are
    none, the one with the least cost is returned.

    Args:
        vertices: (V, 3) float32, in the mesh's own coordinates.
        faces: (F, 3).
        left_out: frames that are not tried.
    """
    tried = [frame for frame in range(len(crops)) if frame not in left_out]
    glanced = _at_a_glance(vertices, faces, crops, spread(tried, GLANCES), facing, progress)
    looked = [
        (frame, find_standing(vertices, faces, crops, frame, facing, progress)) for _, frame in sorted(glanced)[:LOOKS]
    ]
    return min(looked, key=lambda pair: (not pair[1].agrees, pair[1].view.cost), default=None)


def chosen_frame(frame: int, standing: Standing, first: int) -> str:
    """Return the sentence for a frame that was chosen because the mesh does not stand as `first` shows it."""
    return (
        f"The reference is {named_frame(frame)}, which shows the mesh as it stands "
        f"(they overlap by {100 * standing.view.overlap:.0f}%); {named_frame(first)} does not."
    )


def spread(frames: list[int], count: int) -> list[int]:
    """Return `count` of the frames, spread evenly from the first to the last; all if there are no more."""
    if len(frames) <= count:
        return frames
    return [frames[place] for place in np.linspace(0, len(frames) - 1, count).round().astype(int)]


def _at_a_glance(
    vertices: np.ndarray, faces: np.ndarray, crops: SubjectCrops, frames: list[int], facing: Facing, progress: Progress
) -> list[tuple[float, int]]:
    """Return the cost of the mesh's best view in each frame that shows the subject large enough, and the frame."""
    places, place_of = weld(vertices)
    advance, found = progress.start(Stage.FINDING_CAMERA, max(1, len(frames))), []
    with one_thread():
        for frame in frames:
            still = make_still(crops, frame, SHARPNESS)
            if is_legible(still):
                found.append((cost_at_a_glance(places, place_of[faces], still, facing, progress.check), frame))
            advance()
    return found
