"""Room for a new object: it is moved aside until it stands clear of other objects."""

from collections.abc import Iterator

import bpy
import numpy as np
from mathutils import Vector

from .key_blocks import coordinates_of, pose_keys
from .meshes import read_basis

SOLID = {"MESH", "CURVE", "SURFACE", "META", "FONT", "CURVES", "POINTCLOUD", "VOLUME"}
MUCH_LARGER = 4.0
"""Anything wider than this many times the new object is a floor or a room, in which the object stands."""
GAP = 0.1
"""Gap between the new object and its neighbour, in widths of the new object."""


def stand_clear(scene: bpy.types.Scene, made: bpy.types.Object) -> None:
    """Move an object along X until its box, in any of its poses, overlaps no visible object's box in any of its own."""
    layer = bpy.context.view_layer if scene == bpy.context.scene else scene.view_layers[0]
    layer.update()
    low, high = _reach(made)
    width = high[:2] - low[:2]
    neighbours = list(_boxes(layer, made, MUCH_LARGER * width.max()))
    moved = 0.0
    while touched := [box for box in neighbours if _overlap((low, high), box)]:
        step = max(other[0] for _low, other in touched) + GAP * width.max() - low[0]
        low[0], high[0], moved = low[0] + step, high[0] + step, moved + step
    made.location.x += moved


def _boxes(
    layer: bpy.types.ViewLayer, made: bpy.types.Object, widest: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the lowest and the highest corner of each other object in the world, unless it is wider."""
    for item in layer.objects:
        if item != made and item.type in SOLID and item.visible_get(view_layer=layer):
            corners = np.array([item.matrix_world @ Vector(corner) for corner in item.bound_box])
            low, high = corners.min(axis=0), corners.max(axis=0)
            if np.max(high[:2] - low[:2]) <= widest:
                yield _reach(item) if _moves(item) else (low, high)


def _moves(item: bpy.types.Object) -> bool:
    """Return whether an object is a mesh with poses, which may leave the place where it is now."""
    return item.type == "MESH" and bool(pose_keys(item.data.shape_keys))


def _reach(made: bpy.types.Object) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and the highest corner of an object over all its poses, in the world."""
    poses = [coordinates_of(block) for block in pose_keys(made.data.shape_keys)] or [read_basis(made.data)]
    low = np.min([pose.min(axis=0) for pose in poses], axis=0)
    high = np.max([pose.max(axis=0) for pose in poses], axis=0)
    ends = np.array(np.meshgrid(*zip(low, high, strict=True))).reshape(3, -1).T
    placed = np.array([made.matrix_world @ Vector(end) for end in ends])
    return placed.min(axis=0), placed.max(axis=0)


def _overlap(one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]) -> bool:
    """Return whether two boxes share more than a border."""
    shared = np.minimum(one[1], other[1]) - np.maximum(one[0], other[0])
    return bool((shared > 1e-6).all())
