"""Which of two animations explains the clip better: by the colours of the reference frame and by the outline."""

from collections.abc import Callable, Mapping

import numpy as np

from ..protocol import Match
from .camera import FilmCamera
from .film import Film
from .flow import FlowMatcher, look
from .silhouette import Scene, overlap

TRACK_BELOW = 0.88
"""Times refine's residual: below it, track is taken."""
COLOUR = 40.0
"""Difference of colour (RGB, 0 to 255 a channel) at which a pixel is half wrong."""


def better(
    ways: Mapping[Match, np.ndarray], anchor: int, faces: np.ndarray, film: Film, camera: FilmCamera,
    check: Callable[[], None] = lambda: None,
) -> Match:  # fmt: skip
    """Return REFINE or TRACK, whichever poses (T, V, 3) explain the film better."""
    refined, tracked = (residual(ways[way], anchor, faces, film, camera, check) for way in (Match.REFINE, Match.TRACK))
    return Match.TRACK if tracked < TRACK_BELOW * refined else Match.REFINE


def residual(
    poses: np.ndarray, anchor: int, faces: np.ndarray, film: Film, camera: FilmCamera, check: Callable[[], None] = lambda: None
) -> float:
    """Return how badly poses (T, V, 3) of match space explain the film: the mean over its frames, 0 to 1.

    In each frame every pixel of mesh or subject counts: wholly wrong where only one of them is, and by its colour where both
    are and the anchor frame showed that place of the mesh.
    """
    matcher = FlowMatcher(film, camera, faces)
    source = look(poses[anchor], faces, camera, film.size)
    residuals = []
    for frame, pose in enumerate(poses):
        if frame == anchor:
            continue
        check()
        seen = look(pose, faces, camera, film.size)
        picture, shown = matcher.painted(seen, frame, source, anchor)
        mask, mesh = film.masks[frame].ravel(), seen.sight.mask.ravel()
        pixel = seen.sight.pixel[shown & mask[seen.sight.pixel]]
        off = np.linalg.norm(picture.reshape(-1, 3)[pixel] - film.pictures[frame].reshape(-1, 3)[pixel].astype(np.float32), axis=1)
        wrong = np.count_nonzero(mask ^ mesh) + (off**2 / (off**2 + COLOUR**2)).sum()
        residuals.append(wrong / max(1, np.count_nonzero(mask | mesh)))
    return float(np.mean(residuals))


def fit(poses: np.ndarray, faces: np.ndarray, film: Film, camera: FilmCamera, check: Callable[[], None] = lambda: None) -> float:
    """Return the overlap of silhouette and subject, over their union, mean over the frames of poses (T, V, 3)."""
    overlaps = []
    for frame, pose in enumerate(poses):
        check()
        overlaps.append(overlap(Scene(pose, faces).sight(camera, film.size).mask, film.masks[frame]))
    return float(np.mean(overlaps))
