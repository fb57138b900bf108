"""Triangulation of polygons: a fan from the first corner if it stays inside, ear clipping otherwise.

A polygon is projected along its own normal, the direction with the largest projected area; it may be slightly bent.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import mapbox_earcut
import numpy as np


@dataclass(frozen=True, eq=False)
class Triangles:
    """The triangles of a list of polygons, in the polygons' order.

    Args:
        faces: (F, 3) int64, vertices.
        polygon: (F,) int64, the polygon that each triangle is a part of.
        corners: (F, 3) int64, the corners within that polygon, counted from 0.
    """

    faces: np.ndarray
    polygon: np.ndarray
    corners: np.ndarray


def cut_up(polygons: Sequence | np.ndarray, vertices: np.ndarray) -> Triangles:
    """Return the triangles of polygons; polygons with fewer than three corners have none.

    Args:
        polygons: sequences of vertices, or an array (K, size) if all have the same number of corners.
        vertices: (V, 3), finite or not.
    Raises:
        ValueError: a polygon refers to a vertex that does not exist.
    """
    sizes, flat = _flat(polygons)
    if len(flat) and (flat.min() < 0 or flat.max() >= len(vertices)):
        wrong = int(flat.min() if flat.min() < 0 else flat.max())
        raise ValueError(f"a face refers to vertex {wrong}, counted from 0, of {len(vertices)}")
    starts = np.cumsum(sizes) - sizes
    owners, corners = [np.empty(0, np.int64)], [np.empty((0, 3), np.int64)]
    for size in np.unique(sizes[sizes >= 3]).tolist():
        which = np.flatnonzero(sizes == size)
        same = flat[starts[which][:, None] + np.arange(size)]
        fan = np.stack([np.zeros(size - 2, np.int64), np.arange(1, size - 1), np.arange(2, size)], axis=1)
        fits = _fans_fit(same, vertices) if size > 3 else np.ones(len(which), bool)
        owners.append(np.repeat(which[fits], size - 2))
        corners.append(np.tile(fan, (int(fits.sum()), 1)))
        for row in np.flatnonzero(~fits):
            corners.append(_ears(vertices[same[row]].astype(np.float64), fan))
            owners.append(np.full(len(corners[-1]), which[row]))
    polygon, inside = np.concatenate(owners), np.concatenate(corners)
    order = np.argsort(polygon, kind="stable")
    polygon, inside = polygon[order], inside[order]
    return Triangles(flat[starts[polygon][:, None] + inside], polygon, inside)


def _flat(polygons: Sequence | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each polygon's number of corners, and all corners one after the other."""
    if isinstance(polygons, np.ndarray):
        return np.full(len(polygons), polygons.shape[1]), polygons.ravel().astype(np.int64)
    sizes = np.fromiter(map(len, polygons), np.int64, len(polygons))
    return sizes, np.fromiter((corner for polygon in polygons for corner in polygon), np.int64, int(sizes.sum()))


def _fans_fit(polygons: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """Return (K,) whether no triangle of the fan is flipped against the polygon's own normal."""
    points = vertices[polygons].astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        spokes = points[:, 1:] - points[:, :1]
        parts = np.cross(spokes[:, :-1], spokes[:, 1:])
        normals = parts.sum(axis=1)
        along = np.einsum("kfi,ki->kf", parts, normals)
        slack = 1e-9 * (normals**2).sum(axis=1, keepdims=True)
        return ~(along < -slack).any(axis=1)


def _ears(points: np.ndarray, fan: np.ndarray) -> np.ndarray:
    """Return the triangles of one polygon (n, 3), projected to its plane; its fan if the polygon has no area."""
    points = points - points.mean(axis=0)
    normal = np.cross(points, np.roll(points, -1, axis=0)).sum(axis=0)
    length = np.linalg.norm(normal)
    if not np.isfinite(length) or not length:
        return fan
    across = np.linalg.svd(normal[None] / length)[2]  # rows: the normal, and two axes at right angles to it
    flat = np.ascontiguousarray(points @ across[1:].T)
    ears = mapbox_earcut.triangulate_float64(flat, np.array([len(flat)], np.uint32)).reshape(-1, 3).astype(np.int64)
    if not len(ears):
        return fan
    turned = np.cross(points[ears[:, 1]] - points[ears[:, 0]], points[ears[:, 2]] - points[ears[:, 0]]) @ normal < 0
    ears[turned] = ears[turned][:, ::-1]
    return ears
