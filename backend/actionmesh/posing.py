"""The artist's mesh in the pose that a frame of the clip shows: as it is, in another frame, or bent."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from .errors import MeshError
from .geometry.mesh import Mesh
from .matching.standing import Standing
from .media.clip import Clip
from .misfit import misfit_picture
from .progress import Progress
from .protocol import Animate
from .stages.bending import LEAST_FIT, bend_into_frame, bent_into
from .stages.match import find_standing, named_frame
from .stages.reference_frame import best_frame, chosen_frame


@dataclass(frozen=True)
class Posed:
    """The mesh that moves.

    Args:
        mesh: the artist's, or bent into the reference frame.
        anchor: the reference frame.
        standing: how the mesh stands there.
        notes: sentences on what was chosen.
    """

    mesh: Mesh
    anchor: int
    standing: Standing
    notes: tuple[str, ...] = ()


def posed(options: Animate, mesh: Mesh, clip: Clip, anchor: int, known: Collection[int], progress: Progress) -> Posed:
    """Return the artist's mesh as a frame of the clip shows it, as well as that can be had.

    If the artist chose no reference frame and the mesh does not stand as the first one shows it, others are tried. On
    request a mesh that stands as none of them shows it is bent.

    Args:
        clip: with its subject cut out.
        anchor: the reference frame that the artist chose, or the first one.
        known: other frames whose shape the artist gave.
    Raises:
        MeshError: the mesh was to be bent, and cannot be.
    """
    crops = clip.crops
    assert crops is not None
    standing = find_standing(mesh.vertices, mesh.faces, crops, anchor, options.facing, progress)
    found = Posed(mesh, anchor, standing)
    if options.anchor is None and not standing.agrees:
        best = best_frame(mesh.vertices, mesh.faces, crops, {anchor, *clip.absent, *known}, options.facing, progress)
        if best is not None and best[1].agrees:
            return Posed(mesh, *best, (chosen_frame(*best, anchor),))
        if options.bend and best is not None and (best[1].view.cost < standing.view.cost or not standing.legible):
            found = Posed(mesh, *best)
    return found if found.standing.agrees or not options.bend else bent(options, found, clip, progress)


def bent(options: Animate, found: Posed, clip: Clip, progress: Progress) -> Posed:
    """Return the mesh bent into its reference frame.

    Raises:
        MeshError: it overlaps the frame too little; a picture beside the job's first result shows it.
    """
    mesh, crops, anchor = found.mesh, clip.crops, found.anchor
    assert crops is not None
    bending = bend_into_frame(mesh.vertices, mesh.faces, crops, anchor, options.facing, progress)
    if bending.fits:
        moved = replace(mesh, vertices=bending.vertices)
        return Posed(moved, anchor, bending.standing, (bent_into(anchor, bending.standing),))
    picture = misfit_picture(bending.vertices, mesh.faces, crops, anchor, bending.standing, options.out)
    seen = "" if picture is None else f" {picture} shows it."
    raise MeshError(
        f"{mesh.name} cannot be bent into the pose that {named_frame(anchor)} of {clip.name} shows: they overlap by "
        f"{100 * bending.standing.view.overlap:.0f}%, and {100 * LEAST_FIT:.0f}% are needed.{seen}",
        "Pose the mesh like the frame, choose another reference frame, or animate it without bending.",
    )
