"""One Gauss-Newton step of a frame's deformation.

Its terms are flow, outline, rigidity, priors and smoothness in time, all in pixels. The unknowns are a turn and a
move of each node, in film space. The normal equations of 100 nodes are dense (600 x 600) and solved by Cholesky
decomposition.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree

from .camera import FilmCamera
from .film import Outline, contour_of, samples
from .flow import Correspondences, Pose
from .graph import Graph
from .search import robust_weight

MOST_CONTOUR = 400
"""Most points of either contour that are used."""
FARTHEST = 30.0
"""Pixels across the picture by which a step may move a node."""
MOST_DAMPING = 1.0
"""The damping at which a step is taken however far it moves a node."""
MOST_CARRIERS = 6
"""Most nodes that are kept for a face's points."""


@dataclass(frozen=True)
class Weights:
    """The weight of each term; distances are in film pixels, stretch is a share of an edge's length.

    Args:
        rigidity: for each edge between nodes, which should turn with its node and keep its length.
        rigidity_reach: stretch beyond which an edge counts less and less; infinite for plain squares.
        outline: for each point of the two contours.
        outline_reach: pixels beyond which a contour's point counts less and less.
        outline_end: pixels beyond which it does not count.
        picture, depth: for the nodes' distance from their prior places, across the picture and along the view.
        time: for the difference between a node's move and that of its neighbours in time.
    """

    rigidity: float
    rigidity_reach: float
    picture: float
    depth: float
    time: float
    outline: float = 0.5
    outline_reach: float = 10.0
    outline_end: float = 30.0


@dataclass(frozen=True)
class State:
    """The nodes in one frame, in film space: turns (N, 3, 3) from the rest pose, places (N, 3)."""

    turns: np.ndarray
    places: np.ndarray

    @classmethod
    def at(cls, places: np.ndarray) -> "State":
        """Return the state of nodes that are not turned."""
        return cls(np.repeat(np.eye(3)[None], len(places), axis=0), places.copy())

    def moved(self, start: "State", end: "State") -> "State":
        """Return this state moved and turned as from one state to another."""
        return State(end.turns @ start.turns.transpose(0, 2, 1) @ self.turns, self.places + end.places - start.places)


class Rest:
    """The pose from which a frame is deformed, in film space.

    Args:
        body: the graph on its mesh, which all poses share.
        vertices: (V, 3) film space.
    """

    def __init__(self, body: "Body", vertices: np.ndarray):
        self.body, self.vertices = body, vertices
        graph = body.graph
        self.nodes = vertices[graph.nodes]
        ends = self.nodes[graph.edges]
        self.edges = ends[:, 1] - ends[:, 0]
        self.lengths = np.maximum(np.linalg.norm(self.edges, axis=1), 1e-6)

    def carried(self, state: State) -> np.ndarray:
        """Return the vertices (V, 3) in film space that a state gives."""
        return self.body.graph.carried(self.vertices, state.turns, state.places)


def fitted(rest: Rest, vertices: np.ndarray) -> State:
    """Return the state that carries the rest pose to a pose of known vertices (V, 3) of film space.

    Each node turns like the vertices attached to it (Kabsch 1976).
    """
    graph, moved = rest.body.graph, vertices[rest.body.graph.nodes]
    if np.array_equal(vertices, rest.vertices):
        return State.at(rest.nodes)
    count, spread = len(moved), np.zeros((len(moved), 3, 3))
    for column in range(graph.hung.shape[1]):
        nodes, weights = graph.hung[:, column], graph.weights[:, column]
        before, after = rest.vertices - rest.nodes[nodes], vertices - moved[nodes]
        products = weights[:, None, None] * np.einsum("vi,vj->vij", after, before)
        spread += np.stack(
            [np.bincount(nodes, products[:, i, j], count) for i in range(3) for j in range(3)], axis=1
        ).reshape(count, 3, 3)
    left, _, right = np.linalg.svd(spread)
    left[:, :, 2] *= np.sign(np.linalg.det(left @ right))[:, None]
    return State(left @ right, moved.copy())


class Body:
    """A mesh and the graph that carries it, in any pose.

    Args:
        faces: (F, 3).
    """

    def __init__(self, graph: Graph, faces: np.ndarray):
        self.graph, self.faces = graph, faces
        self.carriers = Carriers.of(graph, faces)


@dataclass(frozen=True)
class Carriers:
    """The nodes that carry the points of each face: nodes (F, K), and their weights (F, 3, K) at its corners."""

    nodes: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, graph: Graph, faces: np.ndarray) -> "Carriers":
        """Return the nodes that carry most of each face, at most MOST_CARRIERS."""
        total = len(graph.nodes)
        corners = np.repeat(np.arange(3 * len(faces)), graph.hung.shape[1])
        by_corner = csr_matrix(
            (graph.weights[faces].ravel(), (corners, graph.hung[faces].ravel())), shape=(3 * len(faces), total)
        )
        by_face = by_corner[0::3] + by_corner[1::3] + by_corner[2::3]
        count = min(MOST_CARRIERS, int(np.diff(by_face.indptr).max()))
        nodes = np.zeros((len(faces), count), int)
        rows = np.repeat(np.arange(len(faces)), np.diff(by_face.indptr))
        order = np.lexsort((-by_face.data, rows))
        rank = np.arange(len(order)) - by_face.indptr[rows]
        kept = rank < count
        nodes[rows[kept], rank[kept]] = by_face.indices[order][kept]
        filled = np.zeros(nodes.shape, bool)
        filled[rows[kept], rank[kept]] = True
        weights = np.stack(
            [
                np.asarray(by_corner[corner::3][np.arange(len(faces))[:, None], nodes].todense()) * filled
                for corner in range(3)
            ],
            axis=1,
        )
        return cls(nodes, weights / weights.sum(axis=2, keepdims=True))


class Equations:
    """The normal equations of a frame's step, to which terms are added."""

    def __init__(self, rest: Rest, state: State, camera: FilmCamera):
        self.rest, self.state, self.camera = rest, state, camera
        self._size = 6 * len(state.places)
        self._rows: list[Rows] = []
        self._diagonal, self._pull = np.zeros(self._size), np.zeros(self._size)

    def add_correspondences(self, found: Correspondences) -> None:
        """Require surface points to be seen at their targets."""
        if not len(found.face):  # a subject of one colour gives no flow
            return
        points, moves = self._moves(found.face, found.weights)
        off = self.camera.pixels(points) - found.target
        self._add(
            self.camera.jacobian(points) @ moves.columns, off, np.repeat(found.trust[:, None], 2, axis=1), moves.nodes
        )

    def add_outline(self, pose: Pose, outline: Outline, weights: Weights) -> None:
        """Require the mesh's contour to lie on the mask's, and the mask's on the mesh's."""
        on_contour = np.flatnonzero(contour_of(pose.sight.mask).reshape(-1)[pose.sight.pixel])
        targets = outline.contour + 0.5
        if not len(on_contour) or not len(targets):
            return
        on_contour = on_contour[_spread(len(on_contour), MOST_CONTOUR)]
        targets = targets[_spread(len(targets), MOST_CONTOUR)]
        points, moves = self._moves(pose.sight.face[on_contour], pose.sight.weights[on_contour])
        seen, jacobian = self.camera.pixels(points), self.camera.jacobian(points)
        slope = samples(outline.slope, seen)
        out = samples(outline.distance[..., None], seen)[:, 0] + 0.5
        self._add_along(jacobian, moves, slope, out, weights)
        nearest = cKDTree(seen).query(targets)[1]
        normals = samples(outline.slope, targets)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
        across = ((seen[nearest] - targets) * normals).sum(axis=1)
        self._add_along(jacobian[nearest], moves.chosen(nearest), normals, across, weights)

    def add_rigidity(self, weights: Weights) -> None:
        """Require edges between nodes to be the rest pose's, turned with their first node (Sorkine and Alexa 2007)."""
        graph, rest, state = self.rest.body.graph, self.rest, self.state
        starts, ends = graph.edges.T
        turned = np.einsum("eij,ej->ei", state.turns[starts], rest.edges)
        off = (turned - (state.places[ends] - state.places[starts])) / rest.lengths[:, None]
        stretch = np.linalg.norm(off, axis=1)
        trust = weights.rigidity * (
            robust_weight(stretch, weights.rigidity_reach) if np.isfinite(weights.rigidity_reach) else 1.0
        )
        columns = np.zeros((len(starts), 3, 2, 6))
        columns[:, :, 0, :3] = -cross_matrices(turned)
        columns[:, :, 0, 3:], columns[:, :, 1, 3:] = np.eye(3), -np.eye(3)
        columns /= rest.lengths[:, None, None, None]
        share = np.broadcast_to(np.atleast_1d(trust)[:, None], off.shape)
        self._add(columns.reshape(len(starts), 3, 12), off, share, graph.edges)

    def add_places(self, prior: np.ndarray, weights: np.ndarray) -> None:
        """Require nodes to be at `prior` (N, 3); `weights` (3,) or (N, 3) weights the axes."""
        counted = np.broadcast_to(weights, prior.shape)
        at = (6 * np.arange(len(prior))[:, None] + [3, 4, 5]).ravel()
        self._diagonal[at] += counted.ravel()
        self._pull[at] += (counted * (self.state.places - prior)).ravel()

    def solved(self, damping: float = 1e-4) -> State:
        """Return the state after the step.

        If a part hangs on so little that the step would throw it across the picture, damping rises until it stays, or
        to MOST_DAMPING (Marquardt 1963).
        """
        columns = np.concatenate([rows.columns.ravel() for rows in self._rows])
        at = np.concatenate([rows.at.ravel() for rows in self._rows])
        off = np.concatenate([rows.off for rows in self._rows])
        ends = np.cumsum(np.concatenate([np.full(len(rows.off), rows.columns.shape[1]) for rows in self._rows]))
        jacobian = csr_matrix((columns, at, np.concatenate([[0], ends])), shape=(len(off), self._size))
        matrix, right = (jacobian.T @ jacobian).toarray(), jacobian.T @ off + self._pull
        diagonal = np.diag_indices(self._size)
        matrix[diagonal] += self._diagonal
        scale = matrix[diagonal]
        while True:
            matrix[diagonal] = scale + damping * scale + 1e-6
            factor = cho_factor(matrix, check_finite=False)
            step = -cho_solve(factor, right, check_finite=False).reshape(-1, 6)
            if np.linalg.norm(step[:, 3:5], axis=1).max() <= FARTHEST or damping >= MOST_DAMPING:
                return State(rotations(step[:, :3]) @ self.state.turns, self.state.places + step[:, 3:])
            damping *= 10

    def _moves(self, face: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, "Moves"]:
        """Return surface points (M, 3) where the nodes carry them now, and how they move with the nodes."""
        rest, state, body = self.rest, self.state, self.rest.body
        nodes, corner_shares = body.carriers.nodes[face], body.carriers.weights[face]
        shares = np.einsum("mc,mck->mk", weights, corner_shares)
        weighted = np.einsum("mc,mck,mcx->mkx", weights, corner_shares, rest.vertices[body.faces[face]])
        arms = np.einsum("mkij,mkj->mki", state.turns[nodes], weighted - shares[..., None] * rest.nodes[nodes])
        place = (arms + shares[..., None] * state.places[nodes]).sum(axis=1)
        columns = np.zeros((len(face), 3, nodes.shape[1], 6))
        columns[..., :3] = -cross_matrices(arms).transpose(0, 2, 1, 3)
        columns[..., 3:] = shares[:, None, :, None] * np.eye(3)[None, :, None, :]
        return place, Moves(nodes, columns.reshape(len(face), 3, -1))

    def _add_along(
        self, jacobian: np.ndarray, moves: "Moves", direction: np.ndarray, off: np.ndarray, weights: Weights
    ) -> None:
        rows = np.einsum("mi,mij->mj", direction, jacobian)[:, None] @ moves.columns
        trust = weights.outline * robust_weight(off, weights.outline_reach) * (np.abs(off) < weights.outline_end)
        self._add(rows, off[:, None], trust[:, None], moves.nodes)

    def _add(self, columns: np.ndarray, off: np.ndarray, trust: np.ndarray, nodes: np.ndarray) -> None:
        """Add residuals off (M, R) with derivatives (M, R, 6 K) by K nodes (M, K)."""
        if not off.size:
            return
        scale = np.sqrt(trust)
        at = np.repeat((6 * nodes[:, :, None] + np.arange(6)).reshape(len(nodes), 1, -1), off.shape[1], axis=1)
        self._rows.append(
            Rows((columns * scale[..., None]).reshape(off.size, -1), at.reshape(off.size, -1), (off * scale).ravel())
        )


@dataclass(frozen=True)
class Rows:
    """Weighted residuals.

    Args:
        columns: (R, C), their derivatives.
        at: (R, C), the unknowns by which these derivatives are taken.
        off: (R,), the residuals.
    """

    columns: np.ndarray
    at: np.ndarray
    off: np.ndarray


@dataclass(frozen=True)
class Moves:
    """How points move with nodes.

    Args:
        nodes: (M, K).
        columns: (M, 3, 6 K), derivatives by a turn, then a move, of each node.
    """

    nodes: np.ndarray
    columns: np.ndarray

    def chosen(self, rows: np.ndarray) -> "Moves":
        return replace(self, nodes=self.nodes[rows], columns=self.columns[rows])


def cross_matrices(vectors: np.ndarray) -> np.ndarray:
    """Return (..., 3, 3) with `matrix @ x == cross(vector, x)`."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    zero = np.zeros_like(x)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*vectors.shape, 3)


def rotations(vectors: np.ndarray) -> np.ndarray:
    """Return rotation matrices (N, 3, 3) of rotation vectors (N, 3): Rodrigues' formula."""
    angle = np.linalg.norm(vectors, axis=1)[:, None, None]
    cross = cross_matrices(vectors / np.maximum(angle[:, 0], 1e-12))
    matrices: np.ndarray = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
    return matrices


def _spread(total: int, most: int) -> np.ndarray:
    return np.arange(total) if total <= most else np.linspace(0, total - 1, most).astype(int)
