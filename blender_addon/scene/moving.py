"""The frames over which something moves, as far as its curves show: the frames that an export must hold."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import bpy
import numpy as np

from . import fcurves
from .animation_record import read_record
from .key_blocks import laid_keys
from .nla_strips import leaves, strips_of
from .playback import paths_of
from .rest_track import is_rest

ENDLESS = {
    "CLOTH", "SOFT_BODY", "FLUID", "DYNAMIC_PAINT", "PARTICLE_SYSTEM", "MESH_CACHE", "MESH_SEQUENCE_CACHE", "NODES",
    "OCEAN", "WAVE", "BUILD", "EXPLODE",
}  # fmt: skip
"""Modifiers that may move their object in every frame."""
Span = tuple[float, float]


def moving_range(members: Iterable[bpy.types.Object], first: int, last: int) -> tuple[int, int] | None:
    """Return the whole frames between which objects move.

    That is the range of our animations, and of the objects' other curves between `first` and `last`. Returns None if
    there is no animation of ours, if something may move without a curve, or if a curve repeats without end.
    """
    ours: list[Span] = []
    others: list[Span] = []
    for member in members:
        if _moves_otherwise(member):
            return None
        for owner in _owners(member):
            for is_ours, span in _spans(owner):
                if span is None:
                    return None
                (ours if is_ours else others).append(span)
    if not ours:
        return None
    others = [(max(start, first), min(end, last)) for start, end in others if start <= last and end >= first]
    starts, ends = zip(*ours, *others, strict=True)
    return math.floor(min(starts)), math.ceil(max(ends))


def _owners(member: bpy.types.Object) -> Iterator[bpy.types.ID]:
    found = (member, member.data, getattr(member.data, "shape_keys", None))
    yield from (owner for owner in found if owner is not None and owner.animation_data is not None)


def _spans(owner: Any) -> Iterator[tuple[bool, Span | None]]:
    """Yield each curve's and strip's first and last frame, None if it has no end, and whether it is ours."""
    animation = owner.animation_data
    if any(map(_follows_time, animation.drivers)):
        yield False, None
    laid = {fcurves.value_path(block.name) for block in laid_keys(owner)} if isinstance(owner, bpy.types.Key) else set()
    ours = [strip for _, strip in strips_of(owner, laid)]
    shown = [strip for track in animation.nla_tracks if not track.mute for strip in track.strips if not strip.mute]
    for strip in leaves(shown):
        if not strip.mute and not is_rest(strip):
            yield strip in ours, (strip.frame_start, strip.frame_end)
    made = read_record(owner) if isinstance(owner, bpy.types.Key) else None
    paths = paths_of(owner, made) if made is not None else set()
    for curve in fcurves.curves(owner):
        if len(curve.keyframe_points) and not curve.mute:
            frames = fcurves.read_points(curve)[:, 0]
            endless = any(not modifier.mute for modifier in curve.modifiers)
            yield curve.data_path in paths, None if endless else (float(np.min(frames)), float(np.max(frames)))


def _follows_time(curve: bpy.types.FCurve) -> bool:
    driver = curve.driver
    reads_scene = any(target.id_type == "SCENE" for variable in driver.variables for target in variable.targets)
    return reads_scene or (driver.type == "SCRIPTED" and "frame" in driver.expression)


def _moves_otherwise(member: bpy.types.Object) -> bool:
    if any(modifier.type in ENDLESS and modifier.show_viewport for modifier in member.modifiers):
        return True
    bones = member.pose.bones if member.pose is not None else ()
    constraints = [
        constraint for holder in (member, *bones) for constraint in holder.constraints if not constraint.mute
    ]
    return any(getattr(constraint, "target", None) not in (None, member) for constraint in constraints)
