"""Surface preparation for the networks: welded vertices, a common size, normals and sampled points.

On a mesh with UV seams, places and normals are correct only after welding: weld first, compute, then map back through
the index. Everything that depends on the mesh's size counts every vertex, so remove strays first (see `strays`).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy.spatial import cKDTree

from .triangles import joined

SAME_PLACE = 1e-6
UP = np.array([0.0, 1.0, 0.0])


def weld(vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Merge vertices at the same place, so that they move together.

    Distances are shares of the bounding box's longest side. Two vertices closer than 1e-6 are always merged; two
    further apart than 5e-6 are never merged directly, only through a chain of close neighbours. Merged vertices keep
    the order and the position of the first.

    Args:
        vertices: (V, 3) float32.
    Returns:
        welded (W, 3) float32, and index (V,) int64: `welded[index]` has the positions of `vertices`.
    """
    cells, first = _cells(vertices, SAME_PLACE / 2)
    reach = SAME_PLACE * (1 + np.sqrt(3)) * _size(vertices)
    pairs = cKDTree(vertices[first]).query_pairs(reach, output_type="ndarray")
    place = joined(pairs, len(first))[1][cells]
    _, first, index = np.unique(place, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return vertices[first[order]], np.argsort(order)[index]


def _size(vertices: np.ndarray) -> float:
    return float(np.ptp(vertices.astype(np.float64), axis=0).max())


def _cells(vertices: np.ndarray, side: float) -> tuple[np.ndarray, np.ndarray]:
    """Sort vertices into cubes of `side` times the size: each vertex's cube (V,) and each cube's first vertex (C,).

    The cubes bound the number of close pairs even if many vertices share a place.
    """
    low = vertices.min(axis=0).astype(np.float64)
    scale = side * _size(vertices) or 1.0
    x, y, z = ((vertices - low) / scale).astype(np.int64).T
    base = int(1 / side) + 2
    _, first, cells = np.unique((x * base + y) * base + z, return_index=True, return_inverse=True)
    return cells, first


@dataclass(frozen=True, eq=False)
class Normalisation:
    """The similarity `x -> scale * turn (x - centre)`, computed in float64; the result has the input's type.

    Args:
        centre: (3,) the point that moves to the origin.
        scale: the factor.
        turn: (3, 3) rotation; None keeps the axes.
    """

    centre: np.ndarray
    scale: float
    turn: np.ndarray | None = None

    def apply(self, vertices: np.ndarray) -> np.ndarray:
        """Return positions (..., 3) of the file in model space."""
        moved = vertices.astype(np.float64) - self.centre
        turned = moved if self.turn is None else moved @ self.turn.T
        return (turned * self.scale).astype(vertices.dtype)

    def invert(self, vertices: np.ndarray) -> np.ndarray:
        """Return model-space positions (..., 3) in the file's space; inverts `apply` up to the type's rounding."""
        return (self.invert_shift(vertices) + self.centre).astype(vertices.dtype)

    def invert_shift(self, shifts: np.ndarray) -> np.ndarray:
        """Return differences (..., 3) of model-space positions as differences in the file's space, float64."""
        scaled = shifts.astype(np.float64) / self.scale
        return scaled if self.turn is None else scaled @ self.turn


def normalise(
    vertices: np.ndarray, extent: float = 1.0, turn: np.ndarray | None = None
) -> tuple[np.ndarray, Normalisation]:
    """Centre the bounding box at the origin and scale its longest side to 2 * extent.

    Args:
        vertices: (V, 3) float32, not all at one place.
        extent: half the longest side of the result.
        turn: (3, 3) rotation that is applied first: the box is that of the rotated vertices.
    Returns:
        scaled (V, 3) float32 and the transform that was applied.
    """
    turned = vertices.astype(np.float64) if turn is None else vertices.astype(np.float64) @ turn.T
    size = float(np.ptp(turned, axis=0).max())
    assert size > 0
    centre = (turned.min(axis=0) + turned.max(axis=0)) / 2
    transform = Normalisation(centre if turn is None else centre @ turn, 2 * extent / size, turn)
    return transform.apply(vertices), transform


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Return unit normals of (V, 3) vertices: the adjacent faces' normals, weighted by the face's angle at the vertex.

    They do not depend on how the surface is triangulated (Thuermer and Wuethrich 1998, "Computing Vertex Normals from
    Polygonal Facets"). Vertices that no face uses, and those whose faces cancel out, get +Y.

    Args:
        faces: (F, 3) triangles.
    Returns:
        (V, 3) float32.
    """
    corners = vertices[faces].astype(np.float64)
    normals, products = _face_normals(corners)
    area = np.linalg.norm(normals, axis=-1)
    real = area > 1e-12 * products
    units = np.where(real[:, None], normals / np.where(real, area, 1)[:, None], 0)
    angles = np.where(real[:, None], corner_angles(corners), 0)
    weighted = angles[..., None] * np.concatenate([units, np.ones_like(units[:, :1])], axis=1)[:, None]
    sums = [
        np.bincount(faces.reshape(-1), weights=column, minlength=len(vertices)) for column in weighted.reshape(-1, 4).T
    ]
    return _unit(np.stack(sums[:3], axis=1), sums[3]).astype(np.float32)


def corner_angles(corners: np.ndarray) -> np.ndarray:
    """Return the angles (F, 3) in radians at the corners (F, 3, 3) of triangles; 0 next to a side of length 0."""
    along, back = np.roll(corners, -1, axis=1) - corners, np.roll(corners, 1, axis=1) - corners
    across = np.linalg.norm(np.cross(along, back), axis=-1)
    return np.arctan2(across, np.einsum("fcx,fcx->fc", along, back))


def _face_normals(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return float64 normals (..., 3) of triangle corners (..., 3, 3), and the scale (...) of their rounding error.

    A normal is as long as twice the triangle's area; the scale is the product of two sides.
    """
    a, b, c = np.moveaxis(corners.astype(np.float64), -2, 0)
    return np.cross(b - a, c - a), np.linalg.norm(b - a, axis=-1) * np.linalg.norm(c - a, axis=-1)


def _unit(vectors: np.ndarray, summed: np.ndarray) -> np.ndarray:
    """Return unit vectors (..., 3); +Y where a vector is only rounding error of a sum of length `summed` (...)."""
    length = np.linalg.norm(vectors, axis=-1)
    real = length > 1e-12 * summed
    return np.where(real[..., None], vectors / np.where(real, length, 1)[..., None], UP)


class SurfaceSamples(NamedTuple):
    """Points on a surface and their places on it, so that they can be found again in another pose.

    points (P, 3) float32; normals (P, 3) float32, unit, of the face; face_index (P,) int64; barycentric (P, 3) float32.
    """

    points: np.ndarray
    normals: np.ndarray
    face_index: np.ndarray
    barycentric: np.ndarray


def sample_surface(vertices: np.ndarray, faces: np.ndarray, count: int, seed: int) -> SurfaceSamples:
    """Sample `count` points uniformly by area; faces without area are never chosen.

    For points in a triangle see Osada et al. 2002, "Shape Distributions", section 4.2.
    """
    random = np.random.default_rng(seed)
    areas = np.linalg.norm(_face_normals(vertices[faces])[0], axis=1)
    face_index = random.choice(len(faces), size=count, p=areas / areas.sum())
    root, along = np.sqrt(random.random(count)), random.random(count)
    barycentric = np.stack([1 - root, root * (1 - along), root * along], axis=1).astype(np.float32)
    points, normals = carry(face_index, barycentric, vertices, faces)
    return SurfaceSamples(points, normals, face_index, barycentric)


def carry(
    face_index: np.ndarray, barycentric: np.ndarray, vertices: np.ndarray, faces: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Find sampled points in other poses of the same mesh.

    Args:
        face_index: (P,); barycentric: (P, 3); vertices: (..., V, 3), any number of poses; faces: (F, 3).
    Returns:
        points (..., P, 3) and face normals (..., P, 3), float32; +Y where a pose has flattened a face to no area.
    """
    corners = vertices[..., faces[face_index], :]
    points = np.einsum("...pcx,pc->...px", corners.astype(np.float64), barycentric)
    return points.astype(np.float32), _unit(*_face_normals(corners)).astype(np.float32)


def farthest_points(points: torch.Tensor, count: int, seed: int, candidates: int | None = None) -> torch.Tensor:
    """Choose `count` well-spread points from a random subset.

    Args:
        points: (P, 3) on any device, P >= count.
        candidates: size of the random subset; 4 * count by default.
    Returns:
        (count,) int64 indices into `points`, all different, on its device; the same for the same seed.
    """
    return farthest_points_batch(points[None], count, seed, candidates)[0]


def farthest_points_batch(points: torch.Tensor, count: int, seed: int, candidates: int | None = None) -> torch.Tensor:
    """Apply `farthest_points` to a batch (B, P, 3): (B, count) int64; each row is independent of the others."""
    total = points.shape[1]
    wanted = 4 * count if candidates is None else candidates
    assert count <= min(total, wanted), f"{count} of {total} points out of {wanted} candidates"
    subset = torch.randperm(total, generator=torch.Generator().manual_seed(seed))[:wanted].to(points.device)
    return subset[_spread(points[:, subset].float(), count)]


def _spread(points: torch.Tensor, count: int) -> torch.Tensor:
    """Return (B, count) indices by farthest point sampling (Eldar et al. 1997), from the first of (B, M, 3) points."""
    batch = torch.arange(len(points), device=points.device)
    chosen = torch.zeros(len(points), count, dtype=torch.long, device=points.device)
    nearest = torch.full(points.shape[:2], torch.inf, device=points.device)
    for step in range(1, count):
        last = chosen[:, step - 1]
        distance = (points - points[batch, last, None]).square().sum(-1)
        nearest = torch.minimum(nearest, distance)
        nearest[batch, last] = -1.0
        chosen[:, step] = nearest.argmax(dim=1)
    return chosen
