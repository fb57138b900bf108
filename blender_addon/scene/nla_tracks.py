"""Results on NLA tracks: one is pushed down, plays as a strip beside the others, and can be taken up again.

Each result has relative keys and curves of its own, so strips of two results add up where they overlap, and a strip's
influence fades its result alone. A strip stands for nothing outside its frames.

Blender leaves a property as it was once no track plays it, so a muted track would freeze the mesh in a pose. A locked
track below therefore holds the weights of all keys that were pushed down here at 0.
"""

import math
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import bpy

from ..errors import ArtistError
from ..motion.weights import Loop, knots
from . import fcurves
from .animation_record import Record, read_laid, read_record, remove_record, write_laid, write_record
from .key_blocks import laid_prefixes
from .key_motion import animated_key
from .named_actions import free_prefix, name_of, rename_keys, take_out
from .nla_strips import check_removable, own_actions, remove_strips, strips_of
from .options import Mode
from .playback import active_record, is_down, paths_of, require_all_keys, write_curves
from .rest_track import hold_at_rest, release_from_rest
from .root_motion import HOME

MOST_ROUNDS = 1000
"""Blender's limit on the repetitions of a strip."""


@dataclass(frozen=True)
class Laid:
    """A result on tracks.

    Args:
        record: how it was made; its `keys` is the prefix that identifies it.
        track: the first track that plays it; None if the artist has removed its strips.
        strip: the first strip.
    """

    record: Record
    track: bpy.types.NlaTrack | None
    strip: bpy.types.NlaStrip | None


def laid_results(key: bpy.types.Key | None) -> list[Laid]:
    """Return the results on tracks, among them an active one that was pushed down by Blender itself."""
    if key is None:
        return []
    found, active = list(read_laid(key).values()), read_record(key)
    if active is not None and is_down(key, active):
        found.append(active)
    return [Laid(record, *next(strips_of(key, paths_of(key, record)), (None, None))) for record in found]


def push_down(object: bpy.types.Object, until: float | None = None) -> Laid:
    """Put the active result on an NLA track of its own; the object then has no active result.

    Its keys get the clip's name, so that the keys of the next result cannot replace them.

    Args:
        until: a result that repeats gets a strip that repeats up to this scene frame; None plays it once.
    Raises:
        ArtistError: the object has no active result, or one that cannot be mixed. Nothing was changed.
    """
    check_mixable(object)
    key, record = settle(object)
    paths = paths_of(key, record)
    hold_at_rest(object, key, paths)
    action, slot = take_out(key, paths, name_of(object, record))
    track = key.animation_data.nla_tracks.new()
    track.name = record.keys
    strip = _add_strip(track, action, slot, record, until)
    _lay(key, record)
    key.update_tag()
    return Laid(record, track, strip)


def check_mixable(object: bpy.types.Object) -> None:
    """Raise ArtistError if the active result cannot become an action of its own.

    Raises:
        ArtistError: there is none, its keys are absolute or without curves, or the object travels with it.
    """
    key, record = animated_key(object)
    check_changeable(object, key)
    if record.mode == Mode.ABSOLUTE:
        problem = f"{object.name} has absolute shape keys, of which only one motion can play at a time."
        raise ArtistError(problem, "Bake it with Replace Source first, which makes them relative.", "actionmesh.bake")
    if HOME in object:
        problem = f"{object.name} travels as an object, and an action of its shape keys would leave that behind."
        raise ArtistError(problem, "Apply its root motion first.", "actionmesh.apply_root_motion")
    if not paths_of(key, record) & {curve.data_path for curve in fcurves.curves(key)}:
        problem = f"The shape keys of {object.name} have no animation curves."
        raise ArtistError(problem, "Set their speed, which writes the curves again.")


def check_changeable(object: bpy.types.Object, key: bpy.types.Key) -> None:
    """Raise ArtistError if results cannot be moved, named or removed.

    Raises:
        ArtistError: the object is being edited, its keys are linked, or an NLA strip of them is open for editing.
    """
    if object.mode in {"EDIT", "SCULPT"}:
        raise ArtistError(f"{object.name} is being edited.", "Leave its mode first.", "object.mode_set")
    if key.library is not None or key.override_library is not None:
        problem = f"The shape keys of {object.name} are linked from another file."
        raise ArtistError(problem, "Make it local.", "object.make_local")
    if key.animation_data is not None and key.animation_data.use_tweak_mode:
        problem = f"An NLA strip of the shape keys {key.name} is open for editing."
        raise ArtistError(problem, "Leave its tweak mode first.")


def settle(object: bpy.types.Object) -> tuple[bpy.types.Key, Record]:
    """Give the active result an action of its own and its keys the name that they keep, after its clip.

    Blender renames the keys in the curves that the mesh plays, so an action in the asset browser fits them as well.
    """
    key, record = animated_key(object)
    fcurves.own_action(key, name_of(object, record))
    settled = rename_keys(key, record, free_prefix(key, record))
    write_record(key, settled)
    return key, settled


def adopt(object: bpy.types.Object) -> str:
    """Treat a result that Blender itself pushed down as one that was pushed down here; its strips stay as they are.

    Returns:
        The prefix that its keys have now; empty if there is no such result, or one with absolute keys.
    Raises:
        ArtistError: it cannot be changed now, see `check_changeable`.
    """
    key = object.data.shape_keys
    record = read_record(key) if key is not None else None
    if record is None or record.mode == Mode.ABSOLUTE or not is_down(key, record):
        return ""
    check_changeable(object, key)
    own_actions([strip for _, strip in strips_of(key, paths_of(key, record))])
    settled = rename_keys(key, record, free_prefix(key, record))
    _lay(key, settled)
    return settled.keys


def keep_tracks(object: bpy.types.Object, undo: ExitStack) -> None:
    """Make sure that a new result replaces nothing that the artist has put on a track or in the asset browser.

    An active result whose action is an asset is pushed down, on a muted track; the undo takes it up again.

    Raises:
        ArtistError: it cannot be changed now, see `check_mixable`.
    """
    adopt(object)
    key = object.data.shape_keys
    if active_record(key) is None or key.animation_data is None:
        return
    action = key.animation_data.action
    if action is not None and action.asset_data is not None:
        laid = push_down(object)
        undo.callback(take_up, object, laid.record.keys)
        if laid.track is not None:
            laid.track.mute = True


def take_up(object: bpy.types.Object, prefix: str) -> Record:
    """Make a result on tracks the active one again, at the frames of its own curves; its strips are removed.

    Raises:
        ArtistError: there is no such result, another is active, or the artist's own curves or a meta strip are in the
            way. Nothing was changed.
    """
    key, found = laid_result(object, prefix)
    if active_record(key) is not None:
        problem = f"{object.name} has another active result."
        raise ArtistError(problem, "Push it down first.", "actionmesh.push_down")
    animation = key.animation_data or key.animation_data_create()
    if animation.action is not None:
        problem = f"The shape keys of {object.name} already play the action {animation.action.name}."
        raise ArtistError(problem, "Push that action down or unlink it in the Action editor first.")
    record = found.record
    require_all_keys(object, record)
    check_removable(key, paths_of(key, record))
    if prefix in laid_prefixes(key):
        adopt(object)
    if found.strip is None:
        fcurves.own_action(key, name_of(object, record))
        write_curves(key, record)
    else:
        action, slot = found.strip.action, fcurves.slot_of(found.strip)
        identifier = slot and slot.identifier
        remove_strips(key, {strip for _, strip in strips_of(key, paths_of(key, record)) if strip.action == action})
        fcurves.assign(animation, action, identifier)
    release_from_rest(key, paths_of(key, record))
    forget_laid(key, prefix)
    write_record(key, record)
    key.update_tag()
    return record


def laid_result(object: bpy.types.Object, prefix: str) -> tuple[bpy.types.Key, Laid]:
    """Return a result on tracks.

    Raises:
        ArtistError: there is none of this prefix, or it cannot be changed now.
    """
    key = getattr(object.data, "shape_keys", None)
    found = next((laid for laid in laid_results(key) if laid.record.keys == prefix), None)
    if key is None or found is None:
        raise ArtistError(f"{object.name} has no result {prefix!r} on a track.", "Choose one under Result > Tracks.")
    check_changeable(object, key)
    return key, found


def forget_laid(key: bpy.types.Key, prefix: str) -> None:
    """Remove the record of a result on tracks, if there is one."""
    write_laid(key, {name: record for name, record in read_laid(key).items() if name != prefix})


def span_of(record: Record) -> tuple[float, float]:
    """Return the frames of a result's curves that its strip plays: there and back if it is a ping-pong loop."""
    first, last = (float(frame) for frame in knots(record.frames, record.playback.loop)[[0, -1]])
    last = max(last, first + 1)
    return (first, 2 * last - first) if record.playback.loop == Loop.PING_PONG else (first, last)


def _add_strip(
    track: bpy.types.NlaTrack, action: bpy.types.Action, slot: Any, record: Record, until: float | None
) -> bpy.types.NlaStrip:
    first, last = span_of(record)
    strip = track.strips.new(action.name, math.floor(first), action)
    if slot is not None:
        strip.action_slot = slot
    strip.action_frame_start, strip.action_frame_end = first, last
    strip.frame_start_ui = first
    strip.frame_end_ui = last
    strip.scale = 1.0
    strip.extrapolation, strip.blend_type = "NOTHING", "REPLACE"
    if until is not None and record.playback.loop != Loop.NONE:
        strip.repeat = min(max(1, math.ceil((until - first) / (last - first))), MOST_ROUNDS)
    return strip


def _lay(key: bpy.types.Key, record: Record) -> None:
    """Keep a result's record with those on tracks."""
    write_laid(key, read_laid(key) | {record.keys: record})
    remove_record(key)
