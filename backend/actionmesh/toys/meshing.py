"""Remesh a toy, as artists' meshes vary: the same surface with other vertices, and so with other normals.

The first frame is remeshed, and every new vertex keeps its place on the tracked surface in all frames.
"""

import fast_simplification
import numpy as np
import torch
from scipy.spatial import cKDTree
from skimage.measure import marching_cubes
from trimesh.triangles import closest_point, points_to_barycentric

from .queries import vertex_normals
from .sequence import ToySequence
from .shapes import BlendedBody

NEIGHBOURS = 4
"""Nearest vertices whose faces are searched for the nearest one."""
KINDS = ("tracked", "marching cubes", "decimated", "quads")


def remeshed(sequence: ToySequence, rng: np.random.Generator, kind: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return vertices (T, V, 3) float32 and triangles (F, 3) int32 of a mesh of the toy, of a random kind and density.

    Args:
        kind: one of KINDS: the toy's own mesh, marching cubes on a coarser or finer grid, decimation to a few hundred
            faces, or quads (surface nets) cut into triangles.
    """
    kind = kind or str(rng.choice(KINDS))
    if kind == "tracked":
        return sequence.vertices, sequence.faces
    if kind == "decimated":
        target = min(int(np.exp(rng.uniform(np.log(300), np.log(3000)))), len(sequence.faces) - 1)
        vertices, faces = fast_simplification.simplify(sequence.vertices[0], sequence.faces, target_count=target)
    else:
        field, spacing, corner = _sampled(sequence.body, sequence.vertices[0], int(rng.integers(20, 56)))
        make = _surface_nets if kind == "quads" else _marching_cubes
        vertices, faces = make(field, spacing)
        vertices = vertices + corner
    return _carried(vertices, sequence), faces.astype(np.int32)


def reference_vertices(sequence: ToySequence, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return vertices (T, count, 3) float32 of a random mesh of the toy, and their unit normals.

    If the mesh has fewer vertices, some come twice.
    """
    vertices, faces = remeshed(sequence, rng)
    chosen = rng.permutation(np.resize(rng.permutation(vertices.shape[1]), max(count, vertices.shape[1])))[:count]
    return vertices[:, chosen], vertex_normals(vertices, faces)[:, chosen].astype(np.float32)


def _sampled(body: BlendedBody, first: np.ndarray, cells: int) -> tuple[np.ndarray, float, np.ndarray]:
    """Sample the signed distance of the first frame on a grid with `cells` cells along its longest side.

    The grid's outermost points always count as outside, so that every surface is closed.

    Returns:
        The field, the spacing, and the lowest corner.
    """
    low, high = first.min(axis=0), first.max(axis=0)
    spacing = float((high - low).max() / cells)
    corner = low - 1.5 * spacing
    counts = np.ceil((high - low) / spacing).astype(int) + 4
    grid = corner + spacing * np.stack(np.meshgrid(*map(np.arange, counts), indexing="ij"), axis=-1)
    distance = body.signed_distance(torch.from_numpy(grid.reshape(-1, 3).astype(np.float32)), 0)
    field = np.pad(distance.numpy().reshape(counts), 1, constant_values=spacing)
    return field, spacing, corner - spacing


def _marching_cubes(field: np.ndarray, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    vertices, faces, _, _ = marching_cubes(field, 0.0, spacing=(spacing,) * 3, gradient_direction="descent")
    return vertices, faces


def _surface_nets(field: np.ndarray, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """Mesh a field by surface nets (Gibson, "Constrained elastic surface nets", 1998).

    Every cell that the surface crosses gets a vertex, the mean of the crossings on its edges. Every edge that crosses
    the surface gets a quad, cut into two triangles.
    """
    inside = field < 0
    cells = np.array(field.shape) - 1
    sums, counts, edges = np.zeros((*cells, 3)), np.zeros(cells), []
    for axis in range(3):
        signs = np.moveaxis(inside, axis, 0)
        crossing = np.argwhere(np.moveaxis(signs[:-1] != signs[1:], 0, axis))
        ahead = crossing + np.eye(3, dtype=int)[axis]
        before, after = field[tuple(crossing.T)], field[tuple(ahead.T)]
        places = crossing + np.eye(3)[axis] * (before / (before - after))[:, None]
        side, other = (axis + 1) % 3, (axis + 2) % 3
        corners = []
        for step in ((0, 0), (-1, 0), (-1, -1), (0, -1)):
            cell = crossing.copy()
            cell[:, side] += step[0]
            cell[:, other] += step[1]
            np.add.at(sums, tuple(cell.T), places)
            np.add.at(counts, tuple(cell.T), 1)
            corners.append(np.ravel_multi_index(tuple(cell.T), tuple(cells)))
        quads = np.stack(corners, axis=1)
        edges.append(np.where((before < 0)[:, None], quads, quads[:, ::-1]))
    quads = np.concatenate(edges)
    used, faces = np.unique(quads, return_inverse=True)
    faces = faces.reshape(-1, 4)
    vertices = sums.reshape(-1, 3)[used] / counts.reshape(-1)[used, None] * spacing
    return vertices, np.concatenate([faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]])


def _carried(points: np.ndarray, sequence: ToySequence) -> np.ndarray:
    """Move points (V, 3) onto the nearest face of the first frame, and carry them to all frames (T, V, 3)."""
    faces, weights = _nearest_face(points, sequence)
    return np.einsum("tvcx,vc->tvx", sequence.vertices[:, sequence.faces[faces]], weights).astype(np.float32)


def _nearest_face(points: np.ndarray, sequence: ToySequence) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest face (V,) around the nearest vertices, and barycentric weights (V, 3) of its nearest point."""
    first = sequence.vertices[0].astype(np.float64)
    around, starts = _faces_around(sequence.faces, len(first))
    near = cKDTree(first).query(points, NEIGHBOURS)[1]
    owner, candidates = [], []
    for column in near.T:
        count = starts[column + 1] - starts[column]
        rows = np.repeat(np.arange(len(points)), count)
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        owner.append(rows)
        candidates.append(around[np.repeat(starts[column], count) + within])
    rows, faces = np.concatenate(owner), np.concatenate(candidates)
    corners = first[sequence.faces[faces]]
    nearest = closest_point(corners, points[rows])
    order = np.lexsort((np.linalg.norm(nearest - points[rows], axis=1), rows))
    best = order[np.unique(rows[order], return_index=True)[1]]
    return faces[best], _weights(corners[best], nearest[best])


def _weights(corners: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return barycentric weights (V, 3) of points (V, 3) on triangles (V, 3, 3).

    In a triangle without area, the nearest corner gets all the weight.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = points_to_barycentric(corners, points)
    flat = ~np.isfinite(weights).all(axis=1)
    weights[flat] = np.eye(3)[np.linalg.norm(corners[flat] - points[flat, None], axis=2).argmin(axis=1)]
    weights = np.clip(weights, 0, 1)
    return weights / weights.sum(axis=1, keepdims=True)


def _faces_around(faces: np.ndarray, vertices: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the faces sorted by vertex, and where those of each vertex begin, as in a compressed sparse row."""
    order = np.argsort(faces.ravel(), kind="stable")
    return order // 3, np.concatenate([[0], np.cumsum(np.bincount(faces.ravel(), minlength=vertices))])
