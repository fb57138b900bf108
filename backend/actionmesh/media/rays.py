"""Ray casting against a triangle mesh with Embree, or with numpy where Embree is not available.

embreex has wheels for Linux, Windows and macOS 13 and later. The numpy version (Moeller and Trumbore 1997, on the rays
whose pixels a face's box covers) gives the same hits, about twenty times slower.
"""

from dataclasses import dataclass

import numpy as np

try:
    from embreex.mesh_construction import TriangleMesh
    from embreex.rtcore_scene import EmbreeScene
except ImportError:  # macOS before 13
    EmbreeScene = None

MISS = -1


@dataclass(frozen=True)
class RayHits:
    """The first hit of each of R rays.

    Args:
        face: (R,) int, MISS if the ray hits nothing.
        u, v: (R,) weights of the face's second and third corner.
        normal: (R, 3) of the face, of any length and on either side.
    """

    face: np.ndarray
    u: np.ndarray
    v: np.ndarray
    normal: np.ndarray


class RayScene:
    """A mesh prepared for ray casting: vertices (V, 3) float32, faces (F, 3) int32."""

    def __init__(self, vertices: np.ndarray, faces: np.ndarray, plain: bool = EmbreeScene is None):
        self._vertices = np.ascontiguousarray(vertices, np.float32)
        self._faces = np.ascontiguousarray(faces, np.int32)
        self._plain = plain
        if not plain:
            self._scene = EmbreeScene()
            self._mesh = TriangleMesh(self._scene, self._vertices, self._faces)

    def hits(self, origins: np.ndarray, directions: np.ndarray, eye: np.ndarray | None) -> RayHits:
        """Return the first hit of each ray.

        Args:
            origins, directions: (R, 3) float32.
            eye: (3,) the point that all rays pass through; None if they are parallel.
        """
        if self._plain:
            return plain_hits(self._vertices, self._faces, origins, directions, eye)
        answer = self._scene.run(origins, directions, output=True)
        return RayHits(answer["primID"].astype(np.int64), answer["u"], answer["v"], answer["Ng"])


def plain_hits(
    vertices: np.ndarray, faces: np.ndarray, origins: np.ndarray, directions: np.ndarray, eye: np.ndarray | None
) -> RayHits:
    """Return the first hit of each ray with numpy alone; see `RayScene.hits`.

    All rays of a picture cross one plane. There each face covers a box of rays, and only these are tested.
    """
    corners = vertices.astype(np.float64)[faces]
    origins, directions = origins.astype(np.float64), directions.astype(np.float64)
    pairs = _candidates(corners, origins, directions, eye)
    face, ray = pairs.T
    a, first, second = corners[face, 0], corners[face, 1] - corners[face, 0], corners[face, 2] - corners[face, 0]
    across = np.cross(directions[ray], second)
    determinant = np.einsum("px,px->p", first, across)
    usable = np.abs(determinant) > 1e-18
    inverse = np.where(usable, 1 / np.where(usable, determinant, 1), 0)
    to_origin = origins[ray] - a
    u = np.einsum("px,px->p", to_origin, across) * inverse
    beside = np.cross(to_origin, first)
    v = np.einsum("px,px->p", directions[ray], beside) * inverse
    along = np.einsum("px,px->p", second, beside) * inverse
    met = np.flatnonzero(usable & (u >= -EDGE) & (v >= -EDGE) & (u + v <= 1 + EDGE) & (along > 0))
    order = met[np.lexsort((along[met], ray[met]))]
    rays, nearest = np.unique(ray[order], return_index=True)
    chosen = order[nearest]
    count = len(origins)
    one, other = np.zeros((2, count), np.float32)
    result = RayHits(np.full(count, MISS), one, other, np.zeros((count, 3), np.float32))
    result.face[rays], result.u[rays], result.v[rays] = face[chosen], u[chosen], v[chosen]
    result.normal[rays] = np.cross(first[chosen], second[chosen])
    return result


EDGE = 1e-7
"""How far beyond a face's edge a ray still hits it, so that no ray slips between two faces."""


def _candidates(corners: np.ndarray, origins: np.ndarray, directions: np.ndarray, eye: np.ndarray | None) -> np.ndarray:
    """Return (P, 2) faces and rays that may meet, found with a grid of rays in the plane across the mean direction."""
    back = -directions.mean(axis=0)
    back /= np.linalg.norm(back)
    helper = np.eye(3)[np.abs(back).argmin()]
    right = np.cross(helper, back)
    right /= np.linalg.norm(right)
    up = np.cross(back, right)
    rays = _flat(directions if eye is not None else origins, right, up, back, eye is not None)
    shapes = _flat(corners if eye is None else corners - eye, right, up, back, eye is not None)
    low, high = rays.min(axis=0), rays.max(axis=0)
    side = max(1, int(np.sqrt(len(rays)) / 2))
    cell = np.maximum((high - low) / side, 1e-12)
    place = ((rays - low) / cell).astype(int).clip(0, side - 1)
    cell_of_ray = place[:, 0] * side + place[:, 1]
    order = np.argsort(cell_of_ray, kind="stable")
    starts = np.searchsorted(cell_of_ray[order], np.arange(side * side + 1))
    first = np.floor((shapes.min(axis=1) - low) / cell - 1e-6).astype(int)
    last = np.floor((shapes.max(axis=1) - low) / cell + 1e-6).astype(int)
    seen = np.flatnonzero(((last >= 0) & (first < side)).all(axis=1))
    first, last = first[seen].clip(0, side - 1), last[seen].clip(0, side - 1)
    spans = last - first + 1
    face = np.repeat(np.arange(len(seen)), spans.prod(axis=1))
    within = np.arange(len(face)) - np.repeat(np.cumsum(spans.prod(axis=1)) - spans.prod(axis=1), spans.prod(axis=1))
    columns = first[face, 0] + within // spans[face, 1]
    cells = columns * side + first[face, 1] + within % spans[face, 1]
    counts = starts[cells + 1] - starts[cells]
    pair_face = np.repeat(face, counts)
    offset = np.arange(len(pair_face)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.stack([seen[pair_face], order[np.repeat(starts[cells], counts) + offset]], axis=1)


def _flat(points: np.ndarray, right: np.ndarray, up: np.ndarray, back: np.ndarray, central: bool) -> np.ndarray:
    """Project points (..., 3) to the plane across the view, (..., 2); if `central`, seen from an eye at the origin."""
    flat = np.stack([points @ right, points @ up], axis=-1)
    return flat / np.maximum(-(points @ back), 1e-9)[..., None] if central else flat
