"""What the film corrects across the picture, carried over to depth.

Refining corrects the networks' motion across the picture, but hardly in depth, of which a film says little. Yet their
errors in time are often alike in all three directions: motion is too small, too late or too even. So each frame's
motion across the picture is explained by the networks' motion in the frames around it, and its depth is made from the
depth of those frames in the same proportions. The mesh tells where that is wrong: its edges would be stretched.
"""

from collections.abc import Collection

import numpy as np

from .camera import FilmCamera
from .graph import Graph

REACH = 32
"""Number of frames that explain one."""
HOLD = 0.001
"""How strongly a frame is explained by itself alone, as a share of the mean square of the motion."""
MOST_STRETCH = 1.05
"""Factor by which edges may be stretched more than they were."""


def carry_into_depth(
    poses: np.ndarray, refined: np.ndarray, anchor: int, known: Collection[int], graph: Graph, camera: FilmCamera
) -> np.ndarray:
    """Return refined poses (T, V, 3) float32 of model space, their depth corrected as they were across the picture.

    The same poses are returned if edges between the graph's nodes would be stretched. Each frame's proportions
    minimise a ridge regression (Hoerl and Kennard 1970) towards the frame itself.

    Args:
        poses: (T, V, 3) model space, as the networks made them.
        refined: (T, V, 3) model space, after `refine_poses`.
        anchor: the frame from which motion is measured.
        known: the frames whose poses stay as they are, including the anchor.
    """
    depth = np.stack([camera.to_film(pose)[:, 2] for pose in refined])
    moved, wanted = (_across(each[:, graph.nodes], anchor, camera) for each in (poses, refined))
    carried = refined.astype(np.float32)
    for frame in set(range(len(poses))) - set(known):
        near = frames_around(frame, len(poses))
        shares = shares_of(moved[near], wanted[frame], near == frame)
        carried[frame] = camera.at_depth(refined[frame], depth[anchor] + shares @ (depth[near] - depth[anchor]))
    before, after = (stretch(each, anchor, graph) for each in (refined, carried))
    return carried if after < MOST_STRETCH * before else refined


def frames_around(frame: int, total: int) -> np.ndarray:
    """Return the numbers of the REACH frames around one, or of all frames of a shorter film."""
    first = max(0, min(frame - REACH // 2, total - REACH))
    return np.arange(first, min(total, first + REACH))


def shares_of(moved: np.ndarray, wanted: np.ndarray, itself: np.ndarray) -> np.ndarray:
    """Return the shares (K,) in which the motions `moved` (K, M) of frames add up to the motion `wanted` (M,).

    Args:
        itself: (K,) bool, the frame that explains what the others leave open.
    """
    products = moved @ moved.T
    hold = HOLD * np.trace(products) / len(moved)
    if not hold:
        return itself.astype(float)
    shares: np.ndarray = np.linalg.solve(products + hold * np.eye(len(moved)), moved @ wanted + hold * itself)
    return shares


def stretch(poses: np.ndarray, anchor: int, graph: Graph) -> float:
    """Return by which share of their length edges between nodes are longer or shorter than in the anchor's pose."""
    lengths = np.linalg.norm(np.diff(poses[:, graph.nodes[graph.edges]], axis=2), axis=-1)[:, :, 0]
    return float(np.abs(lengths / np.maximum(lengths[anchor], 1e-9) - 1).mean())


def _across(places: np.ndarray, anchor: int, camera: FilmCamera) -> np.ndarray:
    """Return the motion (T, 2 N) of places (T, N, 3) across the picture, away from the anchor's, in pixels."""
    film = np.stack([camera.to_film(pose)[:, :2] for pose in places])
    motion: np.ndarray = (film - film[anchor]).reshape(len(film), -1)
    return motion
