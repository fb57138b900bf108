"""Measure how a mesh's vertices move what its modifiers draw, and so how a motion comes back onto the mesh."""

import numpy as np
from mathutils.bvhtree import BVHTree
from mathutils.kdtree import KDTree

from ..errors import TargetError
from ..motion.carrying import Carry, Way
from ..motion.correspondence import (
    Links,
    barycentric,
    copies_of,
    joined,
    links_as,
    links_of,
    links_to_surface,
    same_copies,
    share_alive,
    snapped,
)
from .stand_in import Drawn, Probe

APPLY = "actionmesh.apply_to_copy"
"""The operator that makes a separate mesh of what is visible."""
STEPS = (1e-3, 1e-4, 1e-5, 1e-6)
"""Shares of the size by which all vertices are moved, tried in order, to see what moves with them. The first that keeps
all merged vertices merged is the last one tried."""
PUSH = 0.05
"""The same share, for modifiers that make another surface for each position."""
COVERED, ALIVE = 0.2, 0.5
"""For the other vertices to follow: share of vertices that must be shown, and of shown copies that must move with
them."""
TOLD = 0.5
"""Share of copies that must be recognised after a small move; the others then move as the nearest of these."""
NEAR, MOST_NEAR = 0.05, 0.95
"""Greatest distance of a new surface, as a share of the size, from this share of the mesh's vertices."""
FOLLOWS = 0.3
"""Share of a push by which the new surface may fail to follow it."""


def measure_back(name: str, probe: Probe, drawn: Drawn, shape: np.ndarray, through: tuple[str, ...]) -> Carry:
    """Return the map from the motion of what is shown of a mesh back to the mesh.

    Args:
        name: the object's name, for messages.
        drawn: what is drawn of the mesh now.
        shape: (3, 3), from the object's coordinates to those in which it is shown.
        through: names of its modifiers.
    Raises:
        TargetError: moving the mesh does not move what is shown.
    """
    count = len(probe.mixed)
    copy_of = np.full(len(drawn.vertices), -1) if drawn.marks is None else copies_of(probe.marks, drawn.marks)
    covered = np.zeros(count, bool)
    covered[copy_of[copy_of >= 0]] = True
    response = _response(probe, drawn, copy_of)
    if covered.mean() >= COVERED and response is not None:
        if share_alive(copy_of, response) < ALIVE:
            raise _held(name, through)
        links = _fill(links_of(copy_of, response, count), covered, probe, drawn, response)
        way = _way(copy_of, count)
    else:
        links, way = _nearest(name, probe, drawn, through), Way.NEAREST
    links = Links(links.target.astype(np.int32), links.source.astype(np.int32), links.blocks @ np.linalg.inv(shape))
    shown = (drawn.vertices @ shape.T).astype(np.float32)
    return Carry(shown, shape, count, links.target, links.source, links.blocks.astype(np.float32), way, through)


def _way(copy_of: np.ndarray, count: int) -> Way:
    if (copy_of < 0).any():
        return Way.FINER
    return Way.EXACT if len(copy_of) == count and len(np.unique(copy_of)) == count else Way.COPIES


def _held(name: str, through: tuple[str, ...]) -> TargetError:
    problem = (
        f"The modifiers of {name} ({', '.join(through)}) alone decide where it appears: shape keys would not move it."
    )
    return TargetError(problem, "Animate a copy with its shape.", APPLY)


def _response(probe: Probe, drawn: Drawn, copy_of: np.ndarray) -> np.ndarray | None:
    """Return (N, 3, 3), how far shown vertices move with the mesh; None if each position gives other vertices."""
    best, known = np.empty(0), np.zeros(len(copy_of), bool)
    for step in STEPS if drawn.marks is not None else ():
        columns, told = _moved_by(step * probe.size, probe, drawn, copy_of)
        if told.sum() > known.sum():
            best, known = columns, told
        if known.all():
            break
    if not known.any() or known[copy_of >= 0].mean() < TOLD:
        return None
    if not known.all():
        best[~known] = best[known][_nearest_of(drawn.vertices[known], drawn.vertices[~known])]
    return best


def _moved_by(step: float, probe: Probe, drawn: Drawn, copy_of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the (N, 3, 3) response to a step of all vertices along each axis, and (N,) whether it is known."""
    moved = [probe.draw(probe.mixed + step * axis) for axis in np.eye(3)]
    same = np.stack([_same(probe, drawn, copy_of, other) for other in moved])
    columns = [
        other.vertices[index].astype(np.float64) - drawn.vertices for other, index in zip(moved, same, strict=True)
    ]
    reach = max(float(np.abs(drawn.vertices).max()), float(np.abs(probe.mixed).max()))
    noise = float(np.spacing(np.float32(reach))) / step
    return snapped(np.stack(columns, axis=-1) / step, noise), np.asarray(same.min(axis=0) >= 0)


def _same(probe: Probe, drawn: Drawn, copy_of: np.ndarray, other: Drawn) -> np.ndarray:
    """Return (N,): the vertex of `other` that is the same as each vertex of `drawn`; -1 where that is unclear."""
    if drawn.is_like(other):
        return np.arange(len(copy_of))
    if other.marks is None:
        return np.full(len(copy_of), -1)
    return same_copies(copy_of, copies_of(probe.marks, other.marks), len(probe.mixed))


def _nearest_of(places: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Return (Q,): the index of the nearest of the places (P, 3) to each of `asked` (Q, 3)."""
    tree = KDTree(len(places))
    for index, place in enumerate(places.tolist()):
        tree.insert(place, index)
    tree.balance()
    return np.array([tree.find(place)[1] for place in asked.tolist()], np.int64)


def _fill(links: Links, covered: np.ndarray, probe: Probe, drawn: Drawn, response: np.ndarray) -> Links:
    """Return the links of all vertices.

    Vertices that are not shown move as the surface near them, or as the nearest shown vertex.
    """
    if covered.all():
        return links
    places = probe.mixed
    corners, weights, distances = _points_on(drawn, places)
    near = ~covered & (distances <= NEAR * probe.size)
    links = joined([links, links_to_surface(np.flatnonzero(near), corners[near], weights[near], response)])
    missing, shown = np.flatnonzero(~covered & ~near), np.flatnonzero(covered)
    if not len(missing):
        return links
    nearest = shown[_nearest_of(places[shown], places[missing])]
    return joined([links, links_as(missing, nearest, links)])


def _nearest(name: str, probe: Probe, drawn: Drawn, through: tuple[str, ...]) -> Links:
    """Return the links of vertices to the nearest points of a surface that modifiers made near the mesh.

    Raises:
        TargetError: the surface is elsewhere, or does not move with the mesh.
    """
    corners, weights, distances = _points_on(drawn, probe.mixed)
    size = probe.size
    if np.quantile(distances, MOST_NEAR) > NEAR * size or not _follows(probe, drawn, size):
        problem = f"The modifiers of {name} ({', '.join(through)}) show another mesh instead of its own."
        raise TargetError(problem, "Animate a copy with that mesh.", APPLY)
    response = np.broadcast_to(np.eye(3), (len(drawn.vertices), 3, 3))
    return links_to_surface(np.arange(len(probe.mixed)), corners, weights, response)


def _points_on(drawn: Drawn, places: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the points of a surface nearest to places (P, 3).

    Returns:
        Corners (P, 3) of their triangles, weights (P, 3), and distances (P).
    """
    tree = BVHTree.FromPolygons(drawn.vertices.tolist(), drawn.triangles.tolist(), all_triangles=True)
    found = [tree.find_nearest(place) for place in places.tolist()]
    corners = drawn.triangles[[hit[2] for hit in found]]
    weights = barycentric(np.array([hit[0] for hit in found], np.float64), drawn.vertices[corners])
    return corners, weights, np.array([hit[3] for hit in found])


def _follows(probe: Probe, drawn: Drawn, size: float) -> bool:
    """Return whether what is shown goes where the mesh is pushed."""
    for axis in np.eye(3):
        pushed = probe.draw(probe.mixed + PUSH * size * axis)
        if not len(pushed.vertices):
            return False
        went = (_middle(pushed) - _middle(drawn)) / (PUSH * size)
        if np.abs(went - axis).max() > FOLLOWS:
            return False
    return True


def _middle(drawn: Drawn) -> np.ndarray:
    used = drawn.vertices[np.unique(drawn.triangles)].astype(np.float64)
    return (used.min(axis=0) + used.max(axis=0)) / 2
