"""Settings that no panel could have set: of a .blend that was tampered with, damaged, or saved by another version.

Blender keeps them as they lie in the file: a choice that is none reads as an empty text, a number may be out of its range.
"""

import math
from typing import Any

import bpy

NUMBERS = {"INT", "FLOAT"}


def mend_settings() -> None:
    """Give every setting of ours that is out of its range its default, in all scenes and objects of the file."""
    for owner in (*bpy.data.scenes, *bpy.data.objects):
        if owner.library is None:
            _mend(owner.actionmesh)


def _mend(group: bpy.types.PropertyGroup) -> None:
    for item in group.bl_rna.properties:
        if item.identifier not in group:  # as most are, in most files
            continue
        if item.type == "POINTER" and isinstance(value := getattr(group, item.identifier), bpy.types.PropertyGroup):
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
