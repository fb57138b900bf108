"""The limbs of a mesh: the branches of its surface, each with the joint at which it hangs on the rest.

A branch begins at a place that is farther from the rest of the surface than its surroundings, as the tip of an arm
is, and ends where it meets another one. Places are compared by their mean distance along the surface to all others
(Hilaga et al. 2001, "Topology Matching"), from the largest downwards: branches grow, and meet (a merge tree).
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from .graph import Graph, ties

SHORTEST = 0.08
"""Length of the shortest limb, as a share of the longest way along the surface; by mean distances to all nodes."""
MOST = 0.25
"""Share of all nodes above which a branch is the body, or most of it: turned at a neck, it can take the head's place
in the outline."""


@dataclass(frozen=True)
class Limb:
    """A part of a mesh that may turn around a joint.

    Args:
        nodes: (L,) int, the nodes of the graph that turn.
        hinge: (H,) int, the nodes around the joint, of the limb and of the rest.
    """

    nodes: np.ndarray
    hinge: np.ndarray


def limbs_of(graph: Graph, places: np.ndarray) -> list[Limb]:
    """Return the limbs of a mesh, the longest first, and after them the outer half of each.

    Args:
        places: (N, 3) of the graph's nodes.
    """
    loose = ties(places, graph.edges)
    edges = np.concatenate([graph.edges, *loose, *(tie[:, ::-1] for tie in loose)])
    distances = _along(edges, places)
    branches = sorted(_branches(edges, distances), key=len, reverse=True)
    limbs = [_hung(edges, branch) for branch in branches]
    halves = [_outer_half(distances, limb) for limb in limbs]
    return [limb for limb in (*limbs, *(_hung(edges, half) for half in halves if len(half))) if len(limb.hinge)]


def _along(edges: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the distances (N, N) between nodes along edges (E, 2)."""
    starts, ends = edges.T
    lengths = np.maximum(np.linalg.norm(places[ends] - places[starts], axis=1), 1e-9)
    return np.asarray(dijkstra(csr_matrix((lengths, (starts, ends)), shape=(len(places),) * 2), directed=False))


def _branches(edges: np.ndarray, distances: np.ndarray) -> list[np.ndarray]:
    """Return the nodes of each branch."""
    height, least = distances.mean(axis=1), SHORTEST * float(distances.max())
    near: list[list[int]] = [[] for _ in height]
    for start, end in edges.tolist():
        near[start].append(end)
    branch_of: dict[int, int] = {}
    members: dict[int, list[int]] = {}
    found: list[np.ndarray] = []
    for node in np.argsort(-height).tolist():
        meeting = sorted({branch_of[other] for other in near[node] if other in branch_of})
        long = [peak for peak in meeting if height[peak] - height[node] >= least]
        if len(long) > 1:
            found += [np.array(members[peak]) for peak in long if len(members[peak]) <= MOST * len(height)]
        peak = max(meeting, key=lambda top: height[top], default=node)
        joined = [node, *(each for top in meeting for each in members.pop(top))]
        members[peak] = joined
        branch_of.update(dict.fromkeys(joined, peak))
    return found


def _hung(edges: np.ndarray, nodes: np.ndarray) -> Limb:
    """Return the limb of these nodes; its hinge is where edges leave it."""
    inside = np.zeros(int(edges.max()) + 1, bool)
    inside[nodes] = True
    across = inside[edges[:, 0]] != inside[edges[:, 1]]
    return Limb(nodes, np.unique(edges[across]))


def _outer_half(distances: np.ndarray, limb: Limb) -> np.ndarray:
    """Return the nodes of a limb that are farther from its hinge than half of the farthest."""
    if not len(limb.hinge):
        return limb.nodes[:0]
    far = distances[np.ix_(limb.nodes, limb.hinge)].min(axis=1)
    outer: np.ndarray = limb.nodes[far > far.max() / 2]
    return outer
