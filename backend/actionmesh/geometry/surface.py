"""What the networks take from a surface: one vertex a place, a common size, normals, sampled points.

A place or a normal of a mesh with UV seams is only right on the welded mesh: weld first, compute, then map back
through the index. All that goes by a mesh's size counts every vertex: those of no face are left out before (`strays`).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

SAME_PLACE = 1e-6
UP = np.array([0.0, 1.0, 0.0])


def weld(vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Merges vertices at the same place, so that they move together.

    Vertices closer than 1e-6 of the bounding box's longest side are always merged, further than 5e-6 never (chains of
    such neighbours are merged whole). Places keep the order and the position of their first vertex.

    Args:
        vertices: (V, 3) float32.
    Returns:
        welded (W, 3) float32, and index (V,) int64 with `welded[index]` at the place of `vertices`.
    """
    cells, first = _cells(vertices, SAME_PLACE / 2)
    reach = SAME_PLACE * (1 + np.sqrt(3)) * _size(vertices)
    pairs = cKDTree(vertices[first]).query_pairs(reach, output_type="ndarray")
    links = coo_matrix((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(len(first), len(first)))
    place = connected_components(links, directed=False)[1][cells]
    _, first, index = np.unique(place, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return vertices[first[order]], np.argsort(order)[index]


def _size(vertices: np.ndarray) -> float:
    return float(np.ptp(vertices.astype(np.float64), axis=0).max())


def _cells(vertices: np.ndarray, side: float) -> tuple[np.ndarray, np.ndarray]:
    """Puts vertices in cubes of `side` times the size: (V,) the cube of each, (C,) the first vertex of each cube.

    Cubes bound the number of close pairs however many vertices share a place.
    """
    low = vertices.min(axis=0).astype(np.float64)
    scale = side * _size(vertices) or 1.0
    x, y, z = ((vertices - low) / scale).astype(np.int64).T
    base = int(1 / side) + 2
    _, first, cells = np.unique((x * base + y) * base + z, return_index=True, return_inverse=True)
    return cells, first


@dataclass(frozen=True, eq=False)
class Normalisation:
    """The similarity `x -> scale * turn (x - centre)`, computed in float64 and given back in the type that came in.

    Args:
        turn: (3, 3) rotation; None leaves the axes as they are.
    """

    centre: np.ndarray
    scale: float
    turn: np.ndarray | None = None

    def apply(self, vertices: np.ndarray) -> np.ndarray:
        """(..., 3) positions of the file to (..., 3) in model space."""
        moved = vertices.astype(np.float64) - self.centre
        turned = moved if self.turn is None else moved @ self.turn.T
        return (turned * self.scale).astype(vertices.dtype)

    def invert(self, vertices: np.ndarray) -> np.ndarray:
        """(..., 3) positions in model space to (..., 3) of the file; undoes `apply` up to the type's rounding."""
        return (self.invert_shift(vertices) + self.centre).astype(vertices.dtype)

    def invert_shift(self, shifts: np.ndarray) -> np.ndarray:
        """(..., 3) differences of positions in model space to (..., 3) float64 of the file's."""
        scaled = shifts.astype(np.float64) / self.scale
        return scaled if self.turn is None else scaled @ self.turn


def normalise(
    vertices: np.ndarray, extent: float = 1.0, turn: np.ndarray | None = None
) -> tuple[np.ndarray, Normalisation]:
    """Centres the bounding box at the origin and scales its longest side to 2 * extent.

    Args:
        vertices: (V, 3) float32, not all at one place.
        turn: (3, 3) rotation that comes before: the box is the turned vertices'.
    Returns:
        scaled (V, 3) float32 and the transform that made it.
    """
    turned = vertices.astype(np.float64) if turn is None else vertices.astype(np.float64) @ turn.T
    size = float(np.ptp(turned, axis=0).max())
    assert size > 0
    centre = (turned.min(axis=0) + turned.max(axis=0)) / 2
    transform = Normalisation(centre if turn is None else centre @ turn, 2 * extent / size, turn)
    return transform.apply(vertices), transform


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Return unit normals of (V, 3) vertices: the adjacent faces' normals, weighted by the face's angle at the vertex.

    So they do not depend on how a surface is cut into triangles (Thuermer and Wuethrich 1998, "Computing Vertex Normals
    from Polygonal Facets"). Vertices of no face, and those whose faces cancel, get +Y.

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
    """Return the angles (F, 3) in radians at the corners (F, 3, 3) of triangles; 0 beside a side without length."""
    along, back = np.roll(corners, -1, axis=1) - corners, np.roll(corners, 1, axis=1) - corners
    across = np.linalg.norm(np.cross(along, back), axis=-1)
    return np.arctan2(across, np.einsum("fcx,fcx->fc", along, back))


def _face_normals(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(..., 3, 3) triangle corners to float64 normals (..., 3), as long as twice the triangle's area, and (...) the
    product of two of its sides, which is what rounding goes by."""
    a, b, c = np.moveaxis(corners.astype(np.float64), -2, 0)
    return np.cross(b - a, c - a), np.linalg.norm(b - a, axis=-1) * np.linalg.norm(c - a, axis=-1)


def _unit(vectors: np.ndarray, summed: np.ndarray) -> np.ndarray:
    """Unit vectors (..., 3); +Y where nothing is left but rounding of what was summed, given by its length (...)."""
    length = np.linalg.norm(vectors, axis=-1)
    real = length > 1e-12 * summed
    return np.where(real[..., None], vectors / np.where(real, length, 1)[..., None], UP)


class SurfaceSamples(NamedTuple):
    """Points on a surface, and where on it they are, so that they can be found again on another pose.

    points (P, 3) float32; normals (P, 3) float32, unit, of the face; face_index (P,) int64; barycentric (P, 3) float32.
    """

    points: np.ndarray
    normals: np.ndarray
    face_index: np.ndarray
    barycentric: np.ndarray


def sample_surface(vertices: np.ndarray, faces: np.ndarray, count: int, seed: int) -> SurfaceSamples:
    """Samples `count` points evenly by area; faces without area are never chosen.

    Points in a triangle: Osada et al. 2002, "Shape Distributions", section 4.2.
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
    """Finds sampled points on other poses of the same mesh.

    Args:
        face_index: (P,); barycentric: (P, 3); vertices: (..., V, 3), any number of poses; faces: (F, 3).
    Returns:
        points (..., P, 3) and face normals (..., P, 3), float32; +Y where a pose has flattened a face to no area.
    """
    corners = vertices[..., faces[face_index], :]
    points = np.einsum("...pcx,pc->...px", corners.astype(np.float64), barycentric)
    return points.astype(np.float32), _unit(*_face_normals(corners)).astype(np.float32)


def farthest_points(points: torch.Tensor, count: int, seed: int, candidates: int | None = None) -> torch.Tensor:
    """Chooses `count` well spread points out of a random subset.

    Args:
        points: (P, 3) on any device, P >= count.
        candidates: size of the random subset; 4 * count unless given.
    Returns:
        (count,) int64 indices into `points`, all different, on its device; the same for the same seed.
    """
    return farthest_points_batch(points[None], count, seed, candidates)[0]


def farthest_points_batch(points: torch.Tensor, count: int, seed: int, candidates: int | None = None) -> torch.Tensor:
    """`farthest_points` for (B, P, 3): (B, count) int64; each row as if it had been alone."""
    total = points.shape[1]
    wanted = 4 * count if candidates is None else candidates
    assert count <= min(total, wanted), f"{count} of {total} points out of {wanted} candidates"
    subset = torch.randperm(total, generator=torch.Generator().manual_seed(seed))[:wanted].to(points.device)
    return subset[_spread(points[:, subset].float(), count)]


def _spread(points: torch.Tensor, count: int) -> torch.Tensor:
    """Farthest point sampling (Eldar et al. 1997) from the first of (B, M, 3) points: (B, count) indices."""
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
