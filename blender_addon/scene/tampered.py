"""Repair settings that no panel could have set: from a .blend that was edited, damaged, or saved by another version.

Blender keeps them as they are in the file: an invalid choice reads as an empty text, and a number may be out of range.
"""

import math
from typing import Any

import bpy

NUMBERS = {"INT", "FLOAT"}


def mend_settings() -> None:
    """Reset every setting of ours that is out of range to its default, in all scenes and objects of the file."""
    for owner in (*bpy.data.scenes, *bpy.data.objects):
        if owner.library is None:
            _mend(owner.actionmesh)


def _mend(group: bpy.types.PropertyGroup) -> None:
    for item in group.bl_rna.properties:
        if item.identifier not in group:  # still at its default
            continue
        if item.type == "POINTER" and isinstance(value := getattr(group, item.identifier), bpy.types.PropertyGroup):
            _mend(value)
        elif item.type == "COLLECTION":
            for value in getattr(group, item.identifier):
                _mend(value)
        elif not _is_sound(item, getattr(group, item.identifier)):
            group.property_unset(item.identifier)


def _is_sound(item: bpy.types.Property, value: Any) -> bool:
    if item.type == "ENUM":
        return value in item.enum_items
    if item.type in NUMBERS:
        values = tuple(value) if item.is_array else (value,)
        return all(math.isfinite(each) and item.hard_min <= each <= item.hard_max for each in values)
    return True
