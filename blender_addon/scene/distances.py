"""Signed distances from a surface, by Blender's BVH tree."""

import numpy as np
from mathutils import Vector
from mathutils.bvhtree import BVHTree

DIRECTIONS = tuple(Vector(ray).normalized() for ray in ((0.36, 0.48, 0.8), (-0.7, 0.62, -0.35), (0.29, -0.85, -0.44)))
"""Three rays, none along an axis: two that agree decide, so that a ray which meets an edge does not."""
HEIGHTS = np.linspace(-0.95, 0.95, 24).reshape(4, 6).T.ravel()
TURNS = np.pi * (1 + 5**0.5) * np.arange(24)
"""Of rays in all directions: z, such that any few that follow each other are spread over all heights, and the angle."""
AROUND = tuple(
    Vector(((1 - height**2) ** 0.5 * np.cos(turn), (1 - height**2) ** 0.5 * np.sin(turn), height))
    for height, turn in zip(HEIGHTS, TURNS, strict=True)
)
"""Rays in all directions from a point around a surface with gaps."""
AGREEING = 4
"""The first of them, which decide if they agree."""
STEP = 1e-5
"""Model units behind a triangle at which its ray continues."""


def signed_distances(
    vertices: np.ndarray, triangles: np.ndarray, points: np.ndarray, closed: bool = True
) -> np.ndarray:
    """Return (Q,) float64 distances of points (Q, 3) from a surface, negative inside.

    A point is inside a closed surface if it winds around the point at least once, so parts that overlap count as their
    union. A surface with gaps, whose normals may point either way, has to wind around it by more than a half (Jacobson
    et al. 2013). The distance is that to the nearest triangle of any part.

    Args:
        vertices: (V, 3) in model space.
        triangles: (F, 3).
        closed: whether the surface is closed and its normals point outwards.
    """
    tree = BVHTree.FromPolygons(vertices.tolist(), triangles.tolist(), all_triangles=True)
    places = [Vector(point) for point in points.tolist()]
    distances = np.array([tree.find_nearest(place)[3] for place in places])
    is_inside = _is_inside if closed else _is_wound
    return np.where([is_inside(tree, place) for place in places], -distances, distances)


def _is_inside(tree: BVHTree, place: Vector) -> bool:
    first, second = (_winding(tree, place, direction) > 0 for direction in DIRECTIONS[:2])
    return first if first == second else _winding(tree, place, DIRECTIONS[2]) > 0


def _is_wound(tree: BVHTree, place: Vector) -> bool:
    """Return whether the mean of what rays in all directions count, which is the winding number, is above a half."""
    counts = [_winding(tree, place, direction) for direction in AROUND[:AGREEING]]
    if len(set(counts)) > 1:
        counts += [_winding(tree, place, direction) for direction in AROUND[AGREEING:]]
    return abs(sum(counts)) > 0.5 * len(counts)


def _winding(tree: BVHTree, place: Vector, direction: Vector) -> int:
    """Return how often a ray leaves parts minus how often it enters them."""
    count = 0
    while True:
        hit, normal, _, _ = tree.ray_cast(place, direction)
        if hit is None:
            return count
        count += 1 if normal.dot(direction) > 0 else -1
        place = hit + STEP * direction
