"""The animation curves of a data-block, mostly a Key: the only module that handles how Blender's versions differ.

    4.2, 4.3    an action holds its curves itself
    from 4.4    an action has a slot for each data-block that it animates; the curves are in the slot's channelbag

4.4 and 4.5 still offer the old way, but a curve made with it is in no slot and animates nothing.
"""

from collections.abc import Callable, Iterable
from typing import Any

import bpy
import numpy as np

from ..errors import ArtistError
from ..motion.weights import Loop
from .attributes import read_all

SLOTTED = bpy.app.version >= (4, 4, 0)
LINEAR, VECTOR = 1, 2
"""Blender's numbers for straight lines between keyframes, and for handles that lie on them."""

CYCLES = {Loop.LOOP: "REPEAT", Loop.PING_PONG: "MIRROR"}


def value_path(name: str) -> str:
    """Return the data path, from the Key, of the weight of the shape key called `name`."""
    return f'key_blocks["{bpy.utils.escape_identifier(name)}"].value'


def curves(key: bpy.types.ID) -> Any:
    """Return the curves that animate a data-block: a Blender collection, or an empty tuple."""
    animation = key.animation_data
    if animation is None or animation.action is None:
        return ()
    return curves_of(animation.action, slot_of(animation))


def curves_of(action: bpy.types.Action, slot: Any) -> Any:
    """Return the curves of an action, or of one of its slots; `slot` is None before Blender 4.4."""
    if not SLOTTED:
        return action.fcurves
    bag = _channelbag(action, slot)
    return () if bag is None else bag.fcurves


def slot_of(owner: Any) -> Any:
    """Return the slot of its action that an AnimData or an NLA strip plays; None before Blender 4.4."""
    return owner.action_slot if SLOTTED else None


def other_slots(action: bpy.types.Action, slot: Any) -> list[Any]:
    """Return the slots of an action except one."""
    return [other for other in action.slots if other != slot] if SLOTTED else []


def keep_only(action: bpy.types.Action, slot: Any, paths: set[str]) -> Any:
    """Remove all curves but those of these data paths in one slot, and all other slots.

    Args:
        slot: of this action, or of the one that it was copied from.
    Returns:
        The slot in this action.
    """
    kept = action.slots[slot.identifier] if SLOTTED else None
    for other in other_slots(action, kept):
        action.slots.remove(other)
    all_curves = curves_of(action, kept)
    for curve in [curve for curve in all_curves if curve.data_path not in paths]:
        all_curves.remove(curve)
    return kept


def _channelbag(action: bpy.types.Action, slot: Any) -> Any:
    if slot is None:
        return None
    strips = (strip for layer in action.layers for strip in layer.strips if strip.type == "KEYFRAME")
    return next((bag for bag in (strip.channelbag(slot) for strip in strips) if bag is not None), None)


def find(key: bpy.types.ID, path: str, index: int = 0) -> bpy.types.FCurve | None:
    """Return the curve of a data path, or None; `index` says which number of a vector."""
    return next((curve for curve in curves(key) if curve.data_path == path and curve.array_index == index), None)


def make(key: bpy.types.ID, path: str, index: int = 0, group: str = "") -> bpy.types.FCurve:
    """Return the curve of a data path, made if there is none. The data-block needs an action, see `own_action`.

    Args:
        index: of the value in an array.
        group: the name under which editors list the curve; empty for none.
    """
    action = key.animation_data.action
    if SLOTTED:
        curve = action.fcurve_ensure_for_datablock(key, path, index=index)
    else:
        curve = action.fcurves.find(path, index=index) or action.fcurves.new(path, index=index)
    if group:
        groups = _channelbag(action, key.animation_data.action_slot).groups if SLOTTED else action.groups
        curve.group = groups.get(group) or groups.new(group)
    return curve


def remove(key: bpy.types.ID, paths: Iterable[str]) -> None:
    """Remove the curves of these data paths, if there are any; all others stay."""
    remove_from(curves(key), set(paths))


def remove_from(held: Any, paths: set[str]) -> None:
    """Remove the curves of these data paths from a collection of curves."""
    for curve in [curve for curve in held if curve.data_path in paths]:
        held.remove(curve)


def set_points(curve: bpy.types.FCurve, points: np.ndarray) -> None:
    """Replace a curve's keyframes, joined by straight lines.

    Args:
        points: (N, 2) of frame and value, frames increasing; stored as float32.
    """
    keyframes = curve.keyframe_points
    keyframes.clear()
    keyframes.add(len(points))
    keyframes.foreach_set("co", np.ascontiguousarray(points, np.float32).ravel())
    for name, number in (("interpolation", LINEAR), ("handle_left_type", VECTOR), ("handle_right_type", VECTOR)):
        keyframes.foreach_set(name, np.full(len(points), number, np.int32))
    curve.update()


def play(key: bpy.types.ID, path: str, frames: np.ndarray, values: np.ndarray, loop: Loop, group: str = "") -> None:
    """Make or replace the curves of a vector's data path; see `make`.

    Args:
        frames: (T,), increasing.
        values: (T, N), a column for each number.
    """
    for index, column in enumerate(values.T):
        curve = make(key, path, index, group)
        set_points(curve, np.stack([frames, column], axis=1))
        set_loop(curve, loop)


def read_points(curve: bpy.types.FCurve) -> np.ndarray:
    """Return the (N, 2) float32 keyframes: frame and value."""
    return read_all(curve.keyframe_points, "co", 2)


def read_loop(curve: bpy.types.FCurve) -> Loop:
    """Return how a curve repeats."""
    modes = {modifier.mode_after for modifier in curve.modifiers if modifier.type == "CYCLES"}
    return next((loop for loop, mode in CYCLES.items() if mode in modes), Loop.NONE)


def set_loop(curve: bpy.types.FCurve, loop: Loop, onward: bool = False) -> None:
    """Make a curve repeat after its last keyframe, there and back for PING_PONG, or not at all.

    Args:
        onward: each round of a loop begins where the last one ended.
    """
    for modifier in [modifier for modifier in curve.modifiers if modifier.type == "CYCLES"]:
        curve.modifiers.remove(modifier)
    if loop in CYCLES:
        cycles = curve.modifiers.new("CYCLES")
        cycles.mode_before, cycles.mode_after = "NONE", "REPEAT_OFFSET" if onward else CYCLES[loop]
    curve.update()


def own_action(key: bpy.types.ID, name: str) -> Callable[[], None]:
    """Give a data-block an action whose curves animate nothing else: a new one called `name`, or a copy of a shared.

    Returns:
        A function that undoes this.
    Raises:
        ArtistError: an NLA strip of it is open for editing.
    """
    had_animation, animation = _animation(key)
    if animation.action is not None and not _shared(key, animation):
        return _own_slot(key, animation)
    return _replace_action(key, animation, name, had_animation)


def fresh_action(owner: bpy.types.ID, name: str) -> Callable[[], None]:
    """Give a data-block a new action called `name`, which begins as a copy of the one it has.

    That one stays in the file, with a fake user.

    Returns:
        A function that undoes this.
    Raises:
        ArtistError: an NLA strip of it is open for editing.
    """
    had_animation, animation = _animation(owner)
    before, slot = animation.action, animation.action_slot if SLOTTED else None
    kept = before is None or before.library is not None or before.use_fake_user
    take_back = _replace_action(owner, animation, name, had_animation)
    animation.action.name = name
    if slot is not None:
        for other in [other for other in animation.action.slots if other != animation.action_slot]:
            animation.action.slots.remove(other)
    if kept:
        return take_back
    before.use_fake_user = True

    def undo() -> None:
        take_back()
        before.use_fake_user = False

    return undo


def _animation(owner: bpy.types.ID) -> tuple[bool, bpy.types.AnimData]:
    """Return whether a data-block has had animation data, and that data, made if there is none."""
    had_animation = owner.animation_data is not None
    animation = owner.animation_data or owner.animation_data_create()
    if animation.use_tweak_mode:
        name = f"the shape keys {owner.name}" if isinstance(owner, bpy.types.Key) else owner.name
        raise ArtistError(f"An NLA strip of {name} is open for editing.", "Leave its tweak mode first.")
    return had_animation, animation


def _shared(key: bpy.types.ID, animation: bpy.types.AnimData) -> bool:
    action = animation.action
    if action.library is not None or action.override_library is not None:
        return True
    if not SLOTTED:
        return action.users - action.use_fake_user > 1
    if any(strip.action == action for track in animation.nla_tracks for strip in track.strips):
        return True
    return animation.action_slot is not None and any(user != key for user in animation.action_slot.users())


def _own_slot(key: bpy.types.ID, animation: bpy.types.AnimData) -> Callable[[], None]:
    if not SLOTTED or animation.action_slot is not None:
        return lambda: None
    action = animation.action
    slot = action.slots.new(key.id_type, key.name)
    animation.action_slot = slot
    return lambda: action.slots.remove(slot)


def _replace_action(
    key: bpy.types.ID, animation: bpy.types.AnimData, name: str, had_animation: bool
) -> Callable[[], None]:
    before, slot_before = animation.action, animation.action_slot if SLOTTED else None
    action = bpy.data.actions.new(name) if before is None else before.copy()
    assign(animation, action, slot_before and slot_before.identifier)

    def take_back() -> None:
        if had_animation:
            assign(animation, before, slot_before and slot_before.identifier)
        else:
            key.animation_data_clear()
        bpy.data.actions.remove(action)

    return take_back


def assign(animation: bpy.types.AnimData, action: bpy.types.Action | None, slot: str | None) -> None:
    """Make an owner of animation play an action, or none; `slot` is the identifier of one of its slots."""
    animation.action = action
    if action is not None and slot is not None:
        animation.action_slot = action.slots[slot]


def drop_empty_action(owner: bpy.types.ID) -> None:
    """Remove the action of a data-block if it has no curves and nothing else uses it."""
    animation = owner.animation_data
    action = animation.action if animation is not None else None
    if action is None or len(curves(owner)) or action.users > 1 or action.use_fake_user or action.library is not None:
        return
    if SLOTTED and len(action.slots) > 1:
        return
    animation.action = None
    bpy.data.actions.remove(action)
