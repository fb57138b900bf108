"""Matching a finished animation to its clip, during a job or again later with other choices, without the networks."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from .animation import Animation
from .clip_camera import clip_camera
from .colouring import painted_again
from .errors import InputError
from .matching.film import Film, make_film
from .matching.graph import NODES
from .matching.standing import Standing
from .media.clip import Clip
from .progress import Progress
from .protocol import Facing, Fit, Match
from .stages.match import find_standing, match_to_clip, mismatch


def matched(
    animation: Animation,
    film: Film,
    standing: Standing,
    way: Match,
    known: Mapping[int, np.ndarray],
    progress: Progress,
) -> Animation:
    """Return the animation on its clip, with the camera and the fit in its provenance.

    A mesh that does not stand as the reference frame shows it is left as it is, unless `way` names a way.

    Args:
        animation: as the network made it.
        known: the vertices (V, 3) of the frames whose poses are known, including the reference frame's.
    """
    anchor = animation.provenance.anchor
    found_fit = replace(
        animation.provenance.fit,
        agreement=standing.view.overlap if standing.unbent is None else standing.unbent,
        bent=None if standing.unbent is None else standing.view.overlap,
        facing=standing.yaw,
        doubt=standing.doubtful,
        camera=clip_camera(film, standing) if standing.agrees else None,
        notes=tuple(_notes(standing, anchor, way)),
    )
    if way is Match.OFF or (way is Match.AUTO and not standing.agrees):
        return animation.with_fit(found_fit)
    frames, vertices = animation.frames, animation.vertices.copy()
    for frame, pose in known.items():
        vertices[frames.index(frame)] = pose
    found = match_to_clip(vertices, animation.faces, frames, tuple(known), anchor, film, standing, way, NODES, progress)
    changed = replace(animation, vertices=found.vertices, unmatched=animation.vertices)
    return changed.with_fit(
        replace(found_fit, way=found.way, overlap=found.overlap, camera=clip_camera(film, standing))
    )


def match_again(animation: Animation, clip: Clip, way: Match, facing: Facing, progress: Progress) -> Animation:
    """Return a finished animation matched to its clip again, from the poses that the network made.

    Args:
        clip: the animation's frames with the subject cut out.
    Raises:
        InputError: the clip's frames differ from the animation's.
    """
    require_same_frames(animation, clip)
    assert clip.crops is not None
    if animation.unmatched is not None:
        animation = replace(animation, vertices=animation.unmatched, unmatched=None)
    rest, faces = animation.vertices[animation.reference_frame], animation.faces
    animation = animation.without_strays()
    film, reference = make_film(clip.crops, progress.check), animation.vertices[animation.reference_frame]
    anchor = animation.provenance.anchor
    standing = find_standing(reference, animation.faces, clip.crops, anchor, facing, progress)
    before = animation.provenance.fit
    if before.bent is not None:
        standing = replace(standing, unbent=before.agreement)
    cleared = replace(animation.provenance, fit=Fit(shape=before.shape))
    again = matched(replace(animation, provenance=cleared), film, standing, way, {anchor: reference}, progress)
    return painted_again(again, clip.crops, standing, progress).with_strays(rest, faces)


def require_same_frames(animation: Animation, clip: Clip) -> None:
    """Raise InputError unless a clip has as many frames as an animation."""
    whole = np.count_nonzero(animation.frame_indices >= 0)
    if len(clip.frames) != whole or clip.crops is None:
        problem = f"{clip.name} gives {len(clip.frames)} frames, but the result has {whole}."
        raise InputError(problem, "Choose the clip that the result was made from, with the same frames.")


def _notes(standing: Standing, anchor: int, way: Match) -> list[str]:
    notes = [] if standing.agrees else [mismatch(standing, anchor, way is Match.AUTO)]
    if standing.doubtful is not None:
        notes.append(
            f"Seen from {standing.doubtful:.0f} degrees, the mesh fits the reference frame almost as well as from "
            f"{standing.yaw:.0f} degrees. If it faces the wrong way, choose its facing."
        )
    return notes
