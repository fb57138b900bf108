"""Bending the artist's mesh into a frame of the clip, if it stands as no frame shows it."""

from dataclasses import dataclass, replace

import numpy as np

from ..geometry.surface import weld
from ..matching.bend import Bent, bend
from ..matching.film import make_still
from ..matching.search import View
from ..matching.standing import SHARPNESS, Standing, is_legible, possible_stands
from ..media.subject_crops import SubjectCrops
from ..progress import Progress
from ..protocol import Facing, Stage
from .match import named_frame, one_thread

STRAIN_PRICE, CREASES_WORTH = 0.3, 0.1
"""Overlap that a radian of strain costs, and that a correlation of 1 between creases and edges is worth."""
LEAST_FIT = 0.85
"""Overlap of the bent mesh and the frame below which it was not bent into the right pose."""
SHARE_OF_BENDING = 300
"""Approximate number of limbs and steps: the steps of its progress bar."""


@dataclass(frozen=True)
class BentMesh:
    """A mesh that was bent into a frame, and how it stands there.

    Args:
        vertices: (V, 3) float32, in the mesh's own coordinates.
        standing: with the camera found for the bent mesh.
    """

    vertices: np.ndarray
    standing: Standing

    @property
    def fits(self) -> bool:
        """Whether it overlaps the frame well enough to be animated."""
        return self.standing.legible and self.standing.view.overlap >= LEAST_FIT


def bend_into_frame(
    vertices: np.ndarray, faces: np.ndarray, crops: SubjectCrops, frame: int, facing: Facing, progress: Progress
) -> BentMesh:
    """Return a mesh bent into a frame, from the side from which it then explains the frame best.

    Args:
        vertices: (V, 3) float32, in the mesh's own coordinates.
        faces: (F, 3).
        facing: the side that the camera sees; AUTO tries several.
    """
    places, place_of = weld(vertices)
    still = make_still(crops, frame, SHARPNESS)
    with progress.about(Stage.FINDING_CAMERA, SHARE_OF_BENDING) as check, one_thread():
        stands = possible_stands(places, place_of[faces], still, facing, check)
        tried = [
            (standing, bend(standing.to_match.apply(places), place_of[faces], still, standing.view.camera, check))
            for standing in stands
        ]
    standing, bent = max(tried, key=lambda pair: merit(pair[1]))
    shift = standing.to_match.invert_shift(bent.vertices.astype(np.float64) - standing.to_match.apply(places))
    view = View(bent.camera, bent.overlap, bent.cost, bent.creases)
    moved = (vertices + shift[place_of]).astype(np.float32)
    seen = replace(standing, view=view, unbent=standing.view.overlap, legible=is_legible(still))
    return BentMesh(moved, seen)


def merit(bent: Bent) -> float:
    """Return how well a bent mesh explains its frame: what is overlapped, less what had to be bent for it."""
    return bent.overlap - STRAIN_PRICE * bent.strain + CREASES_WORTH * bent.creases


def bent_into(frame: int, standing: Standing) -> str:
    """Return the sentence for a mesh that was bent into a frame."""
    assert standing.unbent is not None
    return (
        f"The mesh does not stand as any frame shows it, so it was bent into {named_frame(frame)}: they overlapped by "
        f"{100 * standing.unbent:.0f}%, and overlap by {100 * standing.view.overlap:.0f}% now. Its own pose stays the "
        "basis. What the frame does not show, above all depth, is a guess."
    )
