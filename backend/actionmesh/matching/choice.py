"""How well poses explain the clip, by the reference frame's colours and by the outline, and which way to match."""

from collections.abc import Callable, Collection

import numpy as np

from ..protocol import Match
from .camera import FilmCamera
from .film import Film
from .flow import FlowMatcher, look
from .silhouette import Scene, overlap

TRUSTED_BELOW = 0.7
"""Share of the still mesh's residual below which motion explains the clip well enough to be refined."""


def trusted(
    poses: np.ndarray, known: Collection[int], anchor: int, faces: np.ndarray, film: Film, camera: FilmCamera,
    check: Callable[[], None] = lambda: None,
) -> bool:  # fmt: skip
    """Return whether poses (T, V, 3) explain the film clearly better than a mesh that does not move.

    Networks that move a mesh randomly across the picture also move it randomly in depth, where the film cannot
    correct it.

    Args:
        poses: in match space, as the networks made them.
        known: the frames whose poses are given, including the anchor; the still mesh takes the nearest one's pose.
    """
    nearest = [min(known, key=lambda given: abs(given - frame)) for frame in range(len(poses))]
    moving, still = (residual(these, anchor, faces, film, camera, check) for these in (poses, poses[nearest]))
    return moving < TRUSTED_BELOW * still


def better(
    refined: np.ndarray, tracked: np.ndarray, anchor: int, faces: np.ndarray, film: Film, camera: FilmCamera,
    check: Callable[[], None] = lambda: None,
) -> Match:  # fmt: skip
    """Return the way that explains the film better.

    Args:
        refined: (T, V, 3), the poses of REFINE.
        tracked: (T, V, 3), the poses of TRACK.
    """
    one, other = (residual(poses, anchor, faces, film, camera, check) for poses in (refined, tracked))
    return Match.REFINE if other > one else Match.TRACK


def residual(
    poses: np.ndarray,
    anchor: int,
    faces: np.ndarray,
    film: Film,
    camera: FilmCamera,
    check: Callable[[], None] = lambda: None,
) -> float:
    """Return how badly poses (T, V, 3) of match space explain the film: the mean over its frames, 0 to 1."""
    matcher = FlowMatcher(film, camera, faces)
    source = look(poses[anchor], faces, camera, film.size)
    residuals = []
    for frame, pose in enumerate(poses):
        if frame != anchor:
            check()
            residuals.append(matcher.mismatch(look(pose, faces, camera, film.size), frame, source, anchor))
    return float(np.mean(residuals))


def fit(
    poses: np.ndarray, faces: np.ndarray, film: Film, camera: FilmCamera, check: Callable[[], None] = lambda: None
) -> float:
    """Return the intersection over union of silhouette and subject, mean over the frames of poses (T, V, 3)."""
    overlaps = []
    for frame, pose in enumerate(poses):
        check()
        overlaps.append(overlap(Scene(pose, faces).sight(camera, film.size).mask, film.masks[frame]))
    return float(np.mean(overlaps))
