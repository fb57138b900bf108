"""The shape keys of an animation: how they are named, found, added and removed. No curves, no times."""

import re
from collections.abc import Iterable

import bpy
import numpy as np

from .attributes import read_all

OURS = re.compile(r"ActionMesh \d{4,}")
ASIDE = " (replaced)"


def pose_name(pose: int) -> str:
    """Return the name of the key of pose 0, 1, ...: "ActionMesh 0001", "ActionMesh 0002", ..."""
    return f"ActionMesh {pose + 1:04d}"


def pose_keys(key: bpy.types.Key | None) -> list[bpy.types.ShapeKey]:
    """Return the keys of the animation, in the order of its poses."""
    found = [block for block in key.key_blocks if OURS.fullmatch(block.name)] if key else []
    return sorted(found, key=lambda block: int(block.name.split()[-1]))


def other_keys(key: bpy.types.Key | None) -> list[bpy.types.ShapeKey]:
    """Return the artist's own keys, without the reference key."""
    if key is None:
        return []
    return [block for block in key.key_blocks if block != key.reference_key and not OURS.fullmatch(block.name)]


def add_pose(object: bpy.types.Object, pose: int, coordinates: np.ndarray) -> bpy.types.ShapeKey:
    """Add one key, relative to the basis and with weight 0.

    Args:
        coordinates: (V, 3) float32, contiguous.
    """
    block = object.shape_key_add(name=pose_name(pose), from_mix=False)
    block.points.foreach_set("co", coordinates.ravel())
    block.relative_key = object.data.shape_keys.reference_key
    block.value = 0.0
    return block


def coordinates_of(block: bpy.types.ShapeKey) -> np.ndarray:
    """Return the (V, 3) float32 coordinates of a key."""
    return read_all(block.points, "co", 3)


def remove_blocks(object: bpy.types.Object, blocks: Iterable[bpy.types.ShapeKey]) -> None:
    """Remove these keys; with the last one, the Key data-block is removed too."""
    for block in list(blocks):
        object.shape_key_remove(block)
