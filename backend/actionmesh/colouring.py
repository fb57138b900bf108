"""Painting a finished animation in the colours that its clip shows: a mesh made from the clip, or an artist's."""

from dataclasses import replace

import numpy as np

from .animation import Animation
from .clip_camera import clip_camera, native_camera
from .geometry.mesh_corners import Corners
from .geometry.surface import weld
from .matching.camera import FilmCamera
from .matching.choice import fit
from .matching.film import make_film
from .matching.standing import Standing
from .media.subject_crops import SubjectCrops
from .painting.atlas import Atlas, atlas_of, atlas_of_uv
from .painting.coat import Coat
from .painting.painting import painted_by_clip
from .progress import Progress
from .protocol import Stage

UNPAINTED = "The mesh has no colours from the clip, because the clip's camera was not found."


def painted_by_camera(animation: Animation, crops: SubjectCrops, standing: Standing, progress: Progress) -> Animation:
    """Return the animation with the colours that its clip shows, and with the clip's camera in its provenance."""
    film = make_film(crops, progress.check)
    poses = standing.to_match.apply(_whole_poses(animation))
    coat = _coat(poses, animation, crops, native_camera(film, standing), None, progress)
    fitting = fit(poses, animation.faces, film, standing.view.camera, progress.check)
    found = replace(
        animation.provenance.fit, agreement=standing.view.overlap, overlap=fitting, camera=clip_camera(film, standing)
    )
    return replace(animation, appearance=coat).with_fit(found)


def own_mesh_painted(
    animation: Animation, corners: Corners, crops: SubjectCrops, standing: Standing, progress: Progress
) -> Animation:
    """Return the animation of an artist's mesh with the clip's colours, or with a note that says why it has none.

    Args:
        corners: the mesh's own; UVs that leave the picture or overlap are not used.
    """
    found = animation.provenance.fit
    if found.camera is None:
        return animation.with_fit(replace(found, notes=(*found.notes, UNPAINTED)))
    own = atlas_of_uv(corners.uv)
    if own is None:
        places, place_of = weld(animation.vertices[animation.reference_frame])
        own = atlas_of(places, place_of[animation.faces], corners.polygon, progress.check)
    return _painted_into(own, animation, crops, standing, progress)


def painted_again(animation: Animation, crops: SubjectCrops, standing: Standing, progress: Progress) -> Animation:
    """Return an animation that was matched again, repainted if it is an artist's mesh that had been painted."""
    coat, made = animation.appearance, animation.provenance
    if coat is None or made.mesh is None or made.fit.camera is None:
        return animation
    atlas = Atlas(coat.corner_uv, (coat.picture.shape[0], coat.picture.shape[1]))
    return _painted_into(atlas, animation, crops, standing, progress)


def _painted_into(
    atlas: Atlas, animation: Animation, crops: SubjectCrops, standing: Standing, progress: Progress
) -> Animation:
    poses = standing.to_match.apply(_whole_poses(animation))
    camera = native_camera(make_film(crops, progress.check), standing)
    return replace(animation, appearance=_coat(poses, animation, crops, camera, atlas, progress))


def _coat(
    poses: np.ndarray,
    animation: Animation,
    crops: SubjectCrops,
    camera: FilmCamera,
    atlas: Atlas | None,
    progress: Progress,
) -> Coat:
    """Return what the clip shows of poses (T, V, 3) of match space.

    Vertices at the same place are merged, so that colours spread across seams.
    """
    advance, anchor = progress.start(Stage.PAINTING, 1), animation.provenance.anchor
    _, place_of = weld(poses[anchor])
    first = np.unique(place_of, return_index=True)[1]
    coat = painted_by_clip(poses[:, first], place_of[animation.faces], camera, crops, anchor, progress.check, atlas)
    advance()
    return coat


def _whole_poses(animation: Animation) -> np.ndarray:
    """Return the poses (T, V, 3) of whole frames."""
    return animation.vertices[animation.frame_indices >= 0]
