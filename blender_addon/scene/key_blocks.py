"""The shape keys of an animation: how they are named, found, added and removed. No curves, no times.

A mesh can have several results. One is the active result, which the panels and tools work on; the others were laid down
on NLA tracks. The keys of each begin with a prefix of their own, so that no two results share a key.
"""

import re
from collections.abc import Iterable
from typing import Any

import bpy
import numpy as np

from .attributes import read_all

PREFIX = "ActionMesh"
"""What the names of a new result's keys begin with."""
PROPERTY, LAID = "actionmesh", "actionmesh_laid"
"""The Key's properties that hold the record of the active result, and those of the laid ones by their prefixes."""
ASIDE = " (replaced)"
LONGEST_PREFIX = 40
"""Bytes; Blender's limit for a key's name is 63, and a number and `ASIDE` follow."""


def pose_name(pose: int, prefix: str = PREFIX) -> str:
    """Return the name of the key of pose 0, 1, ...: "ActionMesh 0001", "ActionMesh 0002", ..."""
    return f"{prefix} {pose + 1:04d}"


def active_prefix(key: bpy.types.Key) -> str:
    """Return the prefix of the active result's keys; that of a new result if there is none."""
    kept: Any = key.get(PROPERTY)
    prefix = kept.get("keys", PREFIX) if hasattr(kept, "keys") else PREFIX
    return prefix if isinstance(prefix, str) and prefix else PREFIX


def laid_prefixes(key: bpy.types.Key) -> list[str]:
    """Return the prefixes of the results on tracks, in the order in which they were laid down."""
    kept: Any = key.get(LAID)
    return list(kept.keys()) if hasattr(kept, "keys") else []


def pose_keys(key: bpy.types.Key | None, prefix: str | None = None) -> list[bpy.types.ShapeKey]:
    """Return the keys of a result, in the order of its poses; None for `prefix` means the active result."""
    if key is None:
        return []
    named = re.compile(re.escape(active_prefix(key) if prefix is None else prefix) + r" \d{4,}")
    found = [block for block in key.key_blocks if named.fullmatch(block.name)]
    return sorted(found, key=lambda block: int(block.name.split()[-1]))


def replaceable_keys(key: bpy.types.Key | None) -> list[bpy.types.ShapeKey]:
    """Return the keys that a new result replaces: the active result's, and any that already have a new one's names.

    A damaged record may name other keys than those that are there.
    """
    if key is None:
        return []
    laid = {block.name for block in laid_keys(key)}
    found = {block.name: block for block in (*pose_keys(key), *pose_keys(key, PREFIX))}
    return [block for name, block in found.items() if name not in laid]


def laid_keys(key: bpy.types.Key | None) -> list[bpy.types.ShapeKey]:
    """Return the keys of all results on tracks."""
    return [] if key is None else [block for prefix in laid_prefixes(key) for block in pose_keys(key, prefix)]


def result_keys(key: bpy.types.Key | None) -> list[bpy.types.ShapeKey]:
    """Return the keys of all results, the active one's first."""
    return [*pose_keys(key), *laid_keys(key)]


def other_keys(key: bpy.types.Key | None) -> list[bpy.types.ShapeKey]:
    """Return the artist's own keys, without the reference key."""
    if key is None:
        return []
    ours = {block.name for block in (*replaceable_keys(key), *laid_keys(key))}
    return [block for block in key.key_blocks if block != key.reference_key and block.name not in ours]


def add_pose(object: bpy.types.Object, pose: int, coordinates: np.ndarray, prefix: str = PREFIX) -> bpy.types.ShapeKey:
    """Add one key, relative to the basis and with weight 0.

    Args:
        coordinates: (V, 3) float32, contiguous.
        prefix: of the result's keys.
    """
    block = object.shape_key_add(name=pose_name(pose, prefix), from_mix=False)
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
