"""The deformation graph: nodes on the surface that carry it along, each turned and moved (Sumner et al. 2007).

A point x of the rest pose goes to the weighted mean of turn_j (x - node_j) + place_j over its nodes j. Nodes are
chosen, and points attached to them, by distances *along the surface*, so that two legs that touch do not move each
other.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from ..geometry.triangles import edges_of, joined

NODES = 100
NODES_A_POINT = 4
NEIGHBOURS = 6
REACH = 4.0
"""Range of the distances computed from each node, in times the greatest distance of a point from its nearest node."""


@dataclass(frozen=True)
class Graph:
    """Nodes on a mesh of V vertices.

    Args:
        nodes: (N,) int, the vertices that are nodes.
        hung: (V, 4) int, the nodes that carry each vertex.
        weights: (V, 4), the weights of these nodes; they sum to 1.
        edges: (E, 2) int, neighbouring nodes, each pair in both directions.
    """

    nodes: np.ndarray
    hung: np.ndarray
    weights: np.ndarray
    edges: np.ndarray

    def carried(self, rest: np.ndarray, turns: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Return where the nodes carry the vertices (V, 3) of a rest pose; turns (N, 3, 3), places (N, 3)."""
        nodes = rest[self.nodes]
        offsets = places - np.einsum("nij,nj->ni", turns, nodes)
        maps = np.concatenate([turns, offsets[:, :, None]], axis=2).reshape(len(nodes), 12)
        mixed = np.einsum("vk,vkm->vm", self.weights, maps[self.hung]).reshape(-1, 3, 4)
        pose: np.ndarray = np.einsum("vij,vj->vi", mixed[:, :, :3], rest) + mixed[:, :, 3]
        return pose


def make_graph(vertices: np.ndarray, faces: np.ndarray, count: int = NODES) -> Graph:
    """Return a graph of at most `count` nodes on a mesh: vertices (V, 3), one per place; faces (F, 3)."""
    surface = surface_graph(vertices, faces)
    nodes, nearest = farthest_along(surface, min(count, len(vertices)), _start(vertices, faces))
    farthest = float(nearest.max())  # 0 if every vertex is a node
    distances = dijkstra(surface, indices=nodes, limit=REACH * farthest if farthest > 0 else np.inf)
    hung, weights = _hung(distances)
    between = distances[:, nodes]
    np.fill_diagonal(between, np.inf)
    near = np.argsort(between, axis=1)[:, :NEIGHBOURS]
    pairs = np.stack([np.repeat(np.arange(len(nodes)), near.shape[1]), near.ravel()], axis=1)
    pairs = pairs[np.isfinite(between[pairs[:, 0], pairs[:, 1]])]
    edges = np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0)
    return Graph(nodes, hung, weights, edges)


def surface_graph(vertices: np.ndarray, faces: np.ndarray) -> csr_matrix:
    """Return the lengths (V, V) of a mesh's edges; loose parts are connected where they are nearest to each other."""
    edges = edges_of(faces).astype(np.int64)
    edges = np.concatenate([edges, *ties(vertices, edges)])
    lengths = np.maximum(np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1), 1e-9)
    ends = np.concatenate([edges, edges[:, ::-1]])
    keys, first = np.unique(ends[:, 0] * len(vertices) + ends[:, 1], return_index=True)
    return csr_matrix(
        (np.tile(lengths, 2)[first], (keys // len(vertices), keys % len(vertices))), shape=(len(vertices),) * 2
    )


def ties(vertices: np.ndarray, edges: np.ndarray) -> list[np.ndarray]:
    """Return edges (n, 2) that connect all parts of the mesh.

    In each round every part is tied to the nearest other one (Boruvka 1926).
    """
    tree, found = cKDTree(vertices), list[np.ndarray]()
    while True:
        count, part = joined(np.concatenate([edges, *found]), len(vertices))
        if count == 1:
            return found
        found.append(_nearest_others(vertices, tree, part, count))


def _nearest_others(vertices: np.ndarray, tree: cKDTree, part: np.ndarray, count: int) -> np.ndarray:
    """Return (n, 2): for each part but the largest, the shortest edge to a vertex of another part."""
    largest = int(np.bincount(part).argmax())
    found: dict[int, tuple[int, int]] = {}
    open_parts, neighbours = set(range(count)) - {largest}, 8
    while open_parts:
        asked = np.flatnonzero(np.isin(part, list(open_parts)))
        reach, near = tree.query(vertices[asked], k=min(neighbours, len(vertices)))
        reach = np.where(part[near] != part[asked][:, None], reach, np.inf)
        best = reach.argmin(axis=1)
        shortest = reach[np.arange(len(asked)), best]
        for row in np.argsort(shortest):
            if not np.isfinite(shortest[row]):
                break
            found.setdefault(int(part[asked[row]]), (int(asked[row]), int(near[row, best[row]])))
        open_parts -= found.keys()
        neighbours *= 4
    return np.array(list(found.values()), np.int64).reshape(-1, 2)


def farthest_along(surface: csr_matrix, count: int, start: int) -> tuple[np.ndarray, np.ndarray]:
    """Return `count` vertices, each the farthest along the surface from those before.

    Returns: these vertices, and the distance (V,) of every vertex to the nearest of them.
    """
    nodes, nearest = [start], dijkstra(surface, indices=start)
    while len(nodes) < count:
        farthest = int(nearest.argmax())
        if nearest[farthest] <= 0:
            break
        nodes.append(farthest)
        nearest = np.minimum(nearest, dijkstra(surface, indices=farthest, limit=float(nearest[farthest])))
    return np.array(nodes), nearest


def _start(vertices: np.ndarray, faces: np.ndarray) -> int:
    """Return the vertex of a face nearest to the middle; it is the same for every pose that is turned or moved."""
    used = np.unique(faces)
    return int(used[np.linalg.norm(vertices[used] - vertices[used].mean(axis=0), axis=1).argmin()])


def _hung(distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest nodes (V, 4) of each vertex, and their weights, as published: (1 - d / d_5)^2."""
    count = min(NODES_A_POINT + 1, len(distances))
    near = np.argpartition(distances, count - 1, axis=0)[:count]
    reach = np.take_along_axis(distances, near, axis=0)
    order = reach.argsort(axis=0)
    near, reach = np.take_along_axis(near, order, axis=0), np.take_along_axis(reach, order, axis=0)
    last = reach[-1] if count > NODES_A_POINT else reach[-1] * 2
    last = np.where(np.isfinite(last), last, np.where(np.isfinite(reach), reach, 0).max(axis=0) * 2)
    kept = min(NODES_A_POINT, len(distances))
    shares = np.clip(1 - reach[:kept] / np.maximum(last, 1e-12), 0, None) ** 2
    shares = np.where(np.isfinite(reach[:kept]), shares, 0)
    shares[0] = np.maximum(shares[0], 1e-6)
    return near[:kept].T.copy(), (shares / shares.sum(axis=0)).T
