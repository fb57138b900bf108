"""A skeleton for bones that were found one by one: which hangs on which, where they meet, and what they are called.

Bones that share vertices are neighbours. They meet where both move alike: the point about which one turns as the other
sees it.
"""

from dataclasses import dataclass

import numpy as np

from ..geometry.triangles import face_normals
from .bone_names import named
from .decomposition import Skinning

STAY = 0.01
"""How strongly a joint stays where the bones share vertices; a turn by 0.1 radians pulls as strongly."""
REACH = 1.0
"""A joint may lie this far from the shared vertices, in units of the smaller bone's radius."""
SHORTEST = 0.02
"""Length of the shortest bone, as a share of the mesh's size."""


@dataclass(frozen=True, eq=False)
class Skeleton:
    """Bones in an order in which parents come before their children; the first is the only root.

    Args:
        order: (B,) the number of each bone in the skinning.
        names: unique.
        parents: (B,) int32; -1 for the root.
        heads, tails: (B, 3) float64, at rest; no bone has the length 0.
    """

    order: np.ndarray
    names: tuple[str, ...]
    parents: np.ndarray
    heads: np.ndarray
    tails: np.ndarray


@dataclass(frozen=True, eq=False)
class Regions:
    """What each of B bones moves at rest.

    Args:
        shared: (B, B) the area that two bones share.
        mass: (B,) the area of each.
        centres: (B, 3); radii: (B,) of the area that a bone moves.
        between: (B, B, 3) the centre of what two bones share; their middle if they share nothing.
    """

    shared: np.ndarray
    mass: np.ndarray
    centres: np.ndarray
    radii: np.ndarray
    between: np.ndarray


def skeleton_of(skinning: Skinning, rest: np.ndarray, faces: np.ndarray) -> Skeleton:
    """Return a skeleton for the bones of a skinning.

    Args:
        rest: (V, 3), in axes in which the subject faces +Z and +Y is up; faces: (F, 3).
    """
    regions = regions_of(skinning.dense, rest, faces)
    above = hierarchy(regions)
    order = _from_the_root(above, regions.mass)
    place = np.argsort(order)
    parents = np.array([place[above[bone]] if above[bone] >= 0 else -1 for bone in order], np.int32)
    heads = np.array([_head(bone, above[bone], skinning.deforms, regions) for bone in order])
    tails = _tails(heads, parents, regions.centres[order], regions.mass[order], SHORTEST * _size(rest))
    return Skeleton(order, named(heads, tails, parents, rest), parents, heads, tails)


def regions_of(weights: np.ndarray, rest: np.ndarray, faces: np.ndarray) -> Regions:
    """Return the regions of bones with weights (V, B)."""
    area = _areas(rest, faces)
    mass = area @ weights
    sums = (area[:, None] * weights).T @ rest
    centres = sums / mass[:, None]
    spread = np.array(
        [area * each @ ((rest - centre) ** 2).sum(axis=1) for each, centre in zip(weights.T, centres, strict=True)]
    )
    shared = (area[:, None] * weights).T @ weights
    pairs = np.einsum("vi,vj,vk->ijk", area[:, None] * weights, weights, rest, optimize=True)
    together = shared[..., None] > 1e-12 * mass.sum()
    middles = (centres[:, None] + centres[None]) / 2
    between = np.where(together, pairs / np.where(together, shared[..., None], 1), middles)
    return Regions(shared * together[..., 0], mass, centres, np.sqrt(spread / mass), between)


def _areas(rest: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Return a third of the area (V,) of the faces around each vertex, and a trifle for those without."""
    doubled = np.linalg.norm(face_normals(rest[faces]), axis=1)
    area = np.bincount(faces.ravel(), np.repeat(doubled / 6, 3), len(rest))
    return area + 1e-9 * (area.sum() or 1.0) / len(rest)


def hierarchy(regions: Regions) -> np.ndarray:
    """Return each bone's parent (B,), -1 for the root.

    The tree joins bones that share the largest areas (a maximum spanning tree, by Prim's algorithm); bones that share
    nothing hang on the nearest. The root is the bone from which all others are reached on the shortest ways, weighted
    by their areas.
    """
    count = len(regions.mass)
    apart = np.linalg.norm(regions.centres[:, None] - regions.centres[None], axis=2)
    closeness = regions.shared / regions.mass.max() - 1e-9 * apart / (apart.max() or 1.0)
    joined, edges = [int(np.argmax(regions.mass))], []
    while len(joined) < count:
        left = [bone for bone in range(count) if bone not in joined]
        table = closeness[np.ix_(joined, left)]
        row, column = np.unravel_index(np.argmax(table), table.shape)
        edges.append((joined[row], left[column]))
        joined.append(left[column])
    ways = np.full((count, count), np.inf)
    np.fill_diagonal(ways, 0)
    for one, other in edges:  # each adds a bone to those that are joined already
        known = np.isfinite(ways[one])
        ways[other, known] = ways[known, other] = ways[one, known] + apart[one, other]
        ways[other, other] = 0
    return _hung(edges, int(np.argmin(ways @ regions.mass)), count)


def _hung(edges: list[tuple[int, int]], root: int, count: int) -> np.ndarray:
    parents, waiting = np.full(count, -1), [root]
    seen = {root}
    while waiting:
        bone = waiting.pop()
        for one, other in edges:
            for near, far in ((one, other), (other, one)):
                if near == bone and far not in seen:
                    parents[far] = bone
                    seen.add(far)
                    waiting.append(far)
    return parents


def _from_the_root(parents: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Return the bones (B,) level by level, those that move more first."""
    order = [int(np.flatnonzero(parents < 0)[0])]
    for bone in order:  # grows meanwhile
        children = np.flatnonzero(parents == bone)
        order += children[np.argsort(-mass[children], kind="stable")].tolist()
    return np.array(order)


def _head(bone: int, parent: int, deforms: np.ndarray, regions: Regions) -> np.ndarray:
    if parent < 0:
        return regions.centres[bone]
    start = regions.between[bone, parent]
    found = joint(deforms[:, parent], deforms[:, bone], start)
    near = REACH * min(regions.radii[bone], regions.radii[parent])
    return found if np.linalg.norm(found - start) <= near else start


def joint(one: np.ndarray, other: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return the point (3,) at rest that two bones' matrices (T, 4, 4) move alike, by least squares; else near `start`.

    About an axis, every point of it would do: the nearest to `start` is returned.
    """
    turns, shifts = (one - other)[:, :3, :3], (one - other)[:, :3, 3]
    normal = np.einsum("tji,tjk->ik", turns, turns) / len(turns) + STAY**2 * np.eye(3)
    wanted = -np.einsum("tji,tj->i", turns, shifts) / len(turns) + STAY**2 * start
    return np.linalg.solve(normal, wanted)


def _tails(
    heads: np.ndarray, parents: np.ndarray, centres: np.ndarray, mass: np.ndarray, shortest: float
) -> np.ndarray:
    """Return tails: at the head of the child that carries most, else as far beyond the centre as the head is before."""
    carried = mass.copy()
    for bone in range(len(heads) - 1, 0, -1):
        carried[parents[bone]] += carried[bone]
    tails = np.empty_like(heads)
    for bone, head in enumerate(heads):
        children = np.flatnonzero(parents == bone)
        ends = [heads[children[np.argmax(carried[children])]]] if len(children) else []
        ends.append(2 * centres[bone] - head)
        tails[bone] = next((end for end in ends if np.linalg.norm(end - head) >= shortest), head + (0, shortest, 0))
    return tails


def _size(points: np.ndarray) -> float:
    return float(np.linalg.norm(np.ptp(points.astype(np.float64), axis=0)))
