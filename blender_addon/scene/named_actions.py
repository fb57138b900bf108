"""An action of a result's own: its name, from the mesh and the clip, and only the result's curves in it."""

import re
from dataclasses import replace
from itertools import count
from pathlib import PurePath
from typing import Any

import bpy

from . import fcurves
from .animation_record import Record
from .key_blocks import LONGEST_PREFIX, PREFIX, laid_prefixes, pose_keys, pose_name
from .playback import paths_of

LONGEST = 63
"""Bytes of a data-block's name in every supported Blender."""
NUMBERED, WILDCARDS = re.compile(r"\.\d{3,}$"), re.compile(r"\*|%\d*d")


def title_of(provenance: dict[str, Any], otherwise: str = "") -> str:
    """Return what a motion is called: `otherwise` if given, or its clip without ending and wildcards, or "Motion"."""
    clip = PurePath(str(provenance.get("clip") or "").replace("\\", "/")).stem
    return otherwise or WILDCARDS.sub("", clip).strip(" _-.") or "Motion"


def action_name(object: bpy.types.Object, title: str) -> str:
    """Return the name of an object's action for a motion: "Husky walk"."""
    return shortened(f"{object.name} {title}", LONGEST)


def name_of(object: bpy.types.Object, record: Record) -> str:
    """Return the name of the action of a result."""
    return action_name(object, title_of(record.provenance, record.title))


def free_prefix(key: bpy.types.Key, record: Record) -> str:
    """Return what the names of a result's keys begin with for good: the one it has, or its title, or "title 2"."""
    if record.keys != PREFIX:
        return record.keys
    title = shortened(title_of(record.provenance, record.title), LONGEST_PREFIX - 5) or "Motion"
    names = (title if number == 1 else f"{title} {number}" for number in count(1))
    taken = {PREFIX, *laid_prefixes(key)}
    return next(name for name in names if name not in taken and not pose_keys(key, name))


def rename_keys(key: bpy.types.Key, record: Record, prefix: str) -> Record:
    """Rename a result's keys, with their curves; return its record, which the caller stores."""
    if prefix != record.keys:
        for pose, block in enumerate(pose_keys(key, record.keys)):
            block.name = pose_name(pose, prefix)
    return replace(record, keys=prefix)


def shortened(name: str, longest: int) -> str:
    """Return a name cut to at most `longest` bytes of UTF-8, in one line and without spaces at its ends."""
    line = " ".join(name.split())
    return line.encode("utf-8", "ignore")[:longest].decode("utf-8", "ignore").strip()


def rename_action(object: bpy.types.Object, before: Record | None, now: Record) -> None:
    """Name the action after the new motion, if it still has the name of the motion before and no curves of others."""
    key = object.data.shape_keys
    action = key.animation_data.action
    called = NUMBERED.sub("", action.name)
    made = {object.name} | ({name_of(object, before)} if before else set())
    ours = paths_of(key, now)
    alone = all(curve.data_path in ours for curve in fcurves.curves(key))
    if called in made and alone and not fcurves.other_slots(action, fcurves.slot_of(key.animation_data)):
        action.name = name_of(object, now)


def take_out(key: bpy.types.Key, paths: set[str], name: str) -> tuple[bpy.types.Action, Any]:
    """Take a result's curves out of what a Key plays, into an action of their own.

    If the Key's action holds nothing else, it is that action. Otherwise the artist's curves stay in the Key's action,
    and the result's go into a new one called `name`, exactly as they are.

    Args:
        key: with an action of its own, see `fcurves.own_action`.
    Returns:
        The action and its slot; the slot is None before Blender 4.4.
    """
    animation = key.animation_data
    action, slot = animation.action, fcurves.slot_of(animation)
    others = [curve.data_path for curve in fcurves.curves(key) if curve.data_path not in paths]
    if not others and not fcurves.other_slots(action, slot):
        fcurves.assign(animation, None, None)
        return action, slot
    alone = action.copy()
    alone.name = name
    alone_slot = fcurves.keep_only(alone, slot, paths)
    fcurves.remove(key, paths)
    if not others:
        fcurves.assign(animation, None, None)
        if not action.users:
            bpy.data.actions.remove(action)
    return alone, alone_slot
