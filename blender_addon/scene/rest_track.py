"""A locked NLA track below those of results, which holds the weights of their keys at 0.

Blender leaves a property as it was once nothing plays it. Without this track, muting or deleting the track of a result
would freeze the mesh in whatever pose it had.
"""

import bpy
import numpy as np

from . import fcurves

TRACK = "ActionMesh Rest"
MARK = "actionmesh_rest"
"""The property that marks its action."""


def rest_strip(key: bpy.types.Key) -> bpy.types.NlaStrip | None:
    """Return the strip that holds a Key's weights; None if there is none."""
    animation = key.animation_data
    strips = (strip for track in animation.nla_tracks for strip in track.strips) if animation is not None else ()
    return next((strip for strip in strips if is_rest(strip)), None)


def is_rest(strip: bpy.types.NlaStrip) -> bool:
    """Return whether a strip only holds weights at 0."""
    return strip.action is not None and MARK in strip.action


def hold_at_rest(object: bpy.types.Object, key: bpy.types.Key, paths: set[str]) -> None:
    """Hold the properties at these data paths at 0 below all tracks that are added from now on.

    Blender adds tracks on top only. A new one of these holds no other properties, so it hides no track that is there
    already: one that Blender itself pushed down, or one whose rest track the artist has deleted.
    """
    strip = rest_strip(key)
    if strip is not None:
        _own_action(strip)
        _write(key, strip.action, paths)
    else:
        action = bpy.data.actions.new(f"{object.name} rest"[:60])
        action[MARK] = True
        slot = _write(key, action, paths)
        track = key.animation_data.nla_tracks.new()
        track.name = TRACK
        strip = track.strips.new("Rest", 0, action)
        if slot is not None:
            strip.action_slot = slot
        strip.extrapolation = "HOLD"
        track.lock = True


def release_from_rest(key: bpy.types.Key, paths: set[str]) -> None:
    """Hold these properties no longer; remove the track when it holds nothing any more."""
    strip = rest_strip(key)
    if strip is None:
        return
    _own_action(strip)
    held = fcurves.curves_of(strip.action, fcurves.slot_of(strip))
    fcurves.remove_from(held, paths)
    if not len(held):
        action, tracks = strip.action, key.animation_data.nla_tracks
        tracks.remove(next(track for track in tracks if strip in list(track.strips)))
        bpy.data.actions.remove(action)


def _own_action(strip: bpy.types.NlaStrip) -> None:
    """Give the strip a copy of its action if the strip of a copied mesh plays it, too."""
    if strip.action.users - strip.action.use_fake_user > 1:
        slot = fcurves.slot_of(strip)
        strip.action = strip.action.copy()
        if slot is not None:
            strip.action_slot = strip.action.slots[slot.identifier]


def _write(key: bpy.types.Key, action: bpy.types.Action, paths: set[str]) -> object:
    """Write curves of 0 into an action, which the Key plays only meanwhile; return the action's slot."""
    animation = key.animation_data or key.animation_data_create()
    before, slot = animation.action, fcurves.slot_of(animation)
    identifier = slot and slot.identifier
    strip = rest_strip(key)
    rest_slot = fcurves.slot_of(strip) if strip is not None else None
    fcurves.assign(animation, action, rest_slot and rest_slot.identifier)
    for path in paths:
        fcurves.set_points(fcurves.make(key, path), np.array([[0.0, 0.0]]))
    written = fcurves.slot_of(animation)
    fcurves.assign(animation, before, identifier)
    return written
