"""Which frames give a mesh its colours, and where."""

from collections.abc import Callable

import numpy as np

MOST_FRAMES = 6
BETTER = 1.3
"""How many times as squarely another frame must show a vertex for its colours to be used."""
WORTH = 0.003
"""Least gain in squareness, as a share of the whole surface, for which a further frame is used."""


def best_views(
    scores: np.ndarray, areas: np.ndarray, anchor: int, softened: Callable[[np.ndarray], np.ndarray]
) -> dict[int, np.ndarray]:
    """Return the few frames whose colours are used, and their shares (V,) at each vertex: 0 to 1, their sum at most 1.

    The anchor comes first. A further frame is used only where it shows the surface much better than those before
    it, because many frames that show it equally well would blur it.

    Args:
        scores: (T, V), how squarely each frame shows each vertex, 0 to 1.
        areas: (V,) surface around each vertex.
        softened: (V,) -> (V,), averages with neighbours, for soft borders between frames.
    """
    chosen, best, label = [anchor], scores[anchor], np.where(scores[anchor] > 0, anchor, -1)
    while len(chosen) < MOST_FRAMES:
        gains = np.clip(scores - BETTER * best, 0, None) @ areas
        frame = int(gains.argmax())
        if frame in chosen or gains[frame] < WORTH * areas.sum():
            break
        better = scores[frame] > BETTER * best
        label, best = np.where(better, frame, label), np.where(better, scores[frame], best)
        chosen.append(frame)
    return {frame: softened((label == frame).astype(np.float64)) * (scores[frame] > 0) for frame in chosen}
