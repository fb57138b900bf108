"""Signed distances from a closed surface, by Blender's tree of boxes."""

import numpy as np
from mathutils import Vector
from mathutils.bvhtree import BVHTree

DIRECTIONS = tuple(Vector(ray).normalized() for ray in ((0.36, 0.48, 0.8), (-0.7, 0.62, -0.35), (0.29, -0.85, -0.44)))
"""Of three rays, none along an axis: two that agree decide, so that one which meets an edge does not."""
STEP = 1e-5
"""Model units past a triangle at which its ray goes on."""


def signed_distances(vertices: np.ndarray, triangles: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(Q,) float64, negative inside, of points (Q, 3) from a closed surface whose normals point outwards.

    Inside is where the surface winds around a point at least once, so that parts which overlap count as their union; the
    distance is that to the nearest triangle of any part.

    Args:
        vertices: (V, 3); triangles: (F, 3), both in model space.
    """
    tree = BVHTree.FromPolygons(vertices.tolist(), triangles.tolist(), all_triangles=True)
    places = [Vector(point) for point in points.tolist()]
    distances = np.array([tree.find_nearest(place)[3] for place in places])
    inside = np.array([_is_inside(tree, place) for place in places], bool)
    return np.where(inside, -distances, distances)


def _is_inside(tree: BVHTree, place: Vector) -> bool:
    first, second = (_winding(tree, place, direction) > 0 for direction in DIRECTIONS[:2])
    return first if first == second else _winding(tree, place, DIRECTIONS[2]) > 0


def _winding(tree: BVHTree, place: Vector, direction: Vector) -> int:
    """How many parts a ray leaves more often than it enters them."""
    count = 0
    while True:
        hit, normal, _, _ = tree.ray_cast(place, direction)
        if hit is None:
            return count
        count += 1 if normal.dot(direction) > 0 else -1
        place = hit + STEP * direction
