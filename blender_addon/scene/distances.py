"""Signed distances from a closed surface, by Blender's BVH tree."""

import numpy as np
from mathutils import Vector
from mathutils.bvhtree import BVHTree

DIRECTIONS = tuple(Vector(ray).normalized() for ray in ((0.36, 0.48, 0.8), (-0.7, 0.62, -0.35), (0.29, -0.85, -0.44)))
"""Three rays, none along an axis: two that agree decide, so that a ray which meets an edge does not."""
STEP = 1e-5
"""Model units behind a triangle at which its ray continues."""


def signed_distances(vertices: np.ndarray, triangles: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return (Q,) float64 distances of points (Q, 3) from a closed surface with outward normals, negative inside.

    A point is inside if the surface winds around it at least once, so parts that overlap count as their union. The
    distance is that to the nearest triangle of any part.

    Args:
        vertices: (V, 3) in model space.
        triangles: (F, 3).
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
    """Return how often a ray leaves parts minus how often it enters them."""
    count = 0
    while True:
        hit, normal, _, _ = tree.ray_cast(place, direction)
        if hit is None:
            return count
        count += 1 if normal.dot(direction) > 0 else -1
        place = hit + STEP * direction
