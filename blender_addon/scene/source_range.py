"""The frames between which a source moves, from the keyframes and strips of everything that may move it.

Motion from anything else (a cache, a simulation, curves that repeat) covers the scene's range.
"""

from collections.abc import Iterator

import bpy
import numpy as np

from .attributes import read_all
from .fcurves import SLOTTED, curves_of
from .source_objects import SIMULATIONS

EARLY = 1
"""Frames before the scene's start at which a motion may begin and still be shown whole: many files count from 0,
Blender from 1."""
CACHES = {"MESH_CACHE", "MESH_SEQUENCE_CACHE", "FLUID", "OCEAN", "WAVE", "BUILD"}
TIMED = {"GeometryNodeInputSceneTime", "GeometryNodeSimulationInput"}
"""Nodes through which time itself moves a mesh."""
STILL = 1e-6
"""Least difference between a curve's keyframes for it to move anything."""


def range_of(source: bpy.types.Object | None, scene: bpy.types.Scene) -> tuple[int, int]:
    """Return the first and last frame of a source's motion within the scene's range, or that range if unknown.

    A motion that begins one frame before the range is taken whole.
    """
    whole = scene.frame_start, scene.frame_end
    spans = [] if source is None else list(_spans(movers_of(source, scene)))
    if not spans or None in spans:
        return whole
    start = int(np.floor(min(span[0] for span in spans if span)))
    end = int(np.ceil(max(span[1] for span in spans if span)))
    if start < whole[0] - EARLY:
        start = whole[0]
    end = min(end, whole[1])
    return (start, end) if start < end else whole


def movers_of(source: bpy.types.Object, scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """Return the source, what it carries, and all objects that they are children of, deformed by or bound to."""
    found: dict[bpy.types.Object, None] = {}
    waiting = [source, *source.children_recursive]
    waiting += [item for item in scene.objects if any(other in waiting for other in _named_by(item))]
    while waiting:
        item = waiting.pop()
        if item not in found:
            found[item] = None
            waiting += _named_by(item)
    return list(found)


def _named_by(item: bpy.types.Object) -> list[bpy.types.Object]:
    bones = item.pose.bones if item.pose else ()
    bound = [constraint for holder in (item, *bones) for constraint in holder.constraints if not constraint.mute]
    named = [item.parent, *(getattr(part, "target", None) for part in bound)]
    named += [getattr(modifier, "object", None) for modifier in item.modifiers if modifier.show_render]
    named += [target.id for driver in _drivers(item) for variable in driver.variables for target in variable.targets]
    return [other for other in named if isinstance(other, bpy.types.Object)]


def _owners(item: bpy.types.Object) -> Iterator[bpy.types.AnimData]:
    """Yield the animation data of an object, its data and its shape keys."""
    for owner in (item, item.data, getattr(item.data, "shape_keys", None)):
        animation = getattr(owner, "animation_data", None)
        if animation is not None:
            yield animation


def _drivers(item: bpy.types.Object) -> Iterator[bpy.types.Driver]:
    yield from (curve.driver for animation in _owners(item) for curve in animation.drivers)


def _spans(movers: list[bpy.types.Object]) -> Iterator[tuple[float, float] | None]:
    """Yield the first and last frame of each curve and strip; None for motion from anything else."""
    for item in movers:
        if item.rigid_body is not None or any(
            _runs_on_time(modifier) for modifier in item.modifiers if modifier.show_render
        ):
            yield None
        if any("frame" in driver.expression for driver in _drivers(item) if driver.type == "SCRIPTED"):
            yield None
        for animation in _owners(item):
            yield from _spans_of(animation)


def _runs_on_time(modifier: bpy.types.Modifier) -> bool:
    if modifier.type == "NODES":
        return modifier.node_group is not None and any(
            node.bl_idname in TIMED for node in _nodes(modifier.node_group, set())
        )
    return modifier.type in CACHES | SIMULATIONS


def _nodes(tree: bpy.types.NodeTree, seen: set[bpy.types.NodeTree]) -> Iterator[bpy.types.Node]:
    """Yield the nodes of a tree and of the groups in it."""
    seen.add(tree)
    for node in tree.nodes:
        yield node
        inner = getattr(node, "node_tree", None)
        if inner is not None and inner not in seen:
            yield from _nodes(inner, seen)


def _spans_of(animation: bpy.types.AnimData) -> Iterator[tuple[float, float] | None]:
    if animation.action is not None:
        for curve in curves_of(animation.action, animation.action_slot if SLOTTED else None):
            if any(modifier.type == "CYCLES" and not modifier.mute for modifier in curve.modifiers):
                yield None
            elif not curve.mute and _moves(curve):
                yield tuple(curve.range())
    for track in animation.nla_tracks:
        for strip in () if track.mute else track.strips:
            if not strip.mute:
                yield strip.frame_start, strip.frame_end


def _moves(curve: bpy.types.FCurve) -> bool:
    points = curve.keyframe_points
    if len(points) < 2:
        return len(curve.sampled_points) > 1
    return bool(np.ptp(read_all(points, "co", 2)[:, 1]) > STILL)
