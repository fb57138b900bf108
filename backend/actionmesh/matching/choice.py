"""How well poses explain the clip, by the reference frame's colours and by the outline, and which way to match."""

from collections.abc import Callable, Collection

import numpy as np

from ..protocol import Match
from .camera import FilmCamera
from .film import Film
from .flow import FlowMatcher, look
from .silhouette import Scene, overlap

MISSED_BELOW = 0.36
"""Share of the motion across the picture that the networks may have missed to be trusted."""
TRUSTED_BELOW = 0.8
"""Share of the still mesh's residual below which the networks' motion may be trusted."""
CLEARLY = 1.03
"""Factor by which the refined poses' residual must exceed the tracked ones' for these to be taken."""


def trusted(
    poses: np.ndarray, refined: np.ndarray, known: Collection[int], anchor: int, faces: np.ndarray, film: Film,
    camera: FilmCamera, check: Callable[[], None] = lambda: None,
) -> bool:  # fmt: skip
    """Return whether the networks foresaw most of the motion that refining found, and it explains the film.

    What they foresee across the picture, they foresee in depth too. Networks that move a mesh randomly across the
    picture also move it randomly in depth, where the film cannot correct it.

    Args:
        poses: (T, V, 3) in match space, as the networks made them.
        refined: (T, V, 3), the poses of `refine_poses`.
        known: the frames whose poses are given, including the anchor; the still mesh takes the nearest one's pose.
    """
    still = poses[[min(known, key=lambda given: abs(given - frame)) for frame in range(len(poses))]]
    if not missed(poses, refined, still, camera) < MISSED_BELOW:
        return False
    moving, unmoved = (residual(these, anchor, faces, film, camera, check) for these in (poses, still))
    return moving < TRUSTED_BELOW * unmoved


def missed(poses: np.ndarray, refined: np.ndarray, still: np.ndarray, camera: FilmCamera) -> float:
    """Return how far poses (T, V, 3) are from the refined ones across the picture, over how far the still mesh is.

    It is infinite if nothing moves.
    """
    far = np.zeros(2)
    for wanted, *others in zip(refined, poses, still, strict=True):
        place = camera.to_film(wanted)[:, :2]
        far += [np.linalg.norm(camera.to_film(each)[:, :2] - place, axis=1).mean() for each in others]
    return float(far[0] / far[1]) if far[1] else np.inf


def better(
    refined: np.ndarray, tracked: np.ndarray, anchor: int, faces: np.ndarray, film: Film, camera: FilmCamera,
    check: Callable[[], None] = lambda: None,
) -> Match:  # fmt: skip
    """Return TRACK if it explains the film clearly better, and REFINE otherwise.

    Args:
        refined: (T, V, 3), the poses of REFINE.
        tracked: (T, V, 3), the poses of TRACK.
    """
    one, other = (residual(poses, anchor, faces, film, camera, check) for poses in (refined, tracked))
    return Match.TRACK if one > CLEARLY * other else Match.REFINE


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
