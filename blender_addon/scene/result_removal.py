"""Remove one result from a mesh: its keys, curves, strips and action, and nothing else."""

import bpy

from ..errors import ArtistError
from . import fcurves
from .animation_record import Record, remove_record
from .key_blocks import laid_prefixes, pose_keys, remove_blocks
from .named_actions import name_of, take_out
from .nla_strips import check_removable, own_actions, paths_in, remove_strips, strips_of
from .nla_tracks import check_changeable, forget_laid, laid_result
from .playback import paths_of, recorded_key
from .rest_track import release_from_rest
from .root_motion import carries_root, release_root


def remove_active(object: bpy.types.Object) -> Record:
    """Remove the active result; the mesh returns to rest, or to what its tracks play. An action that is an asset stays.

    The object loses root motion that was extracted from the result.

    Raises:
        ArtistError: there is none, or it cannot be changed now. Nothing was changed.
    """
    key, record = recorded_key(object)
    check_changeable(object, key)
    _check_basis(object, record)
    _release_root(object)
    if len(fcurves.curves(key)):
        fcurves.own_action(key, name_of(object, record))
        action, _slot = take_out(key, paths_of(key, record), name_of(object, record))
        if not action.users:
            bpy.data.actions.remove(action)
    _remove_keys(object, record)
    remove_record(key)
    key.use_relative = True
    key.update_tag()
    return record


def remove_laid(object: bpy.types.Object, prefix: str) -> Record:
    """Remove a result on tracks.

    Its action stays if it is an asset or something else plays it, and in strips that also hold other curves.

    Raises:
        ArtistError: there is no such result, or it cannot be changed now. Nothing was changed.
    """
    key, found = laid_result(object, prefix)
    record, paths = found.record, paths_of(key, found.record)
    _check_basis(object, record)
    check_removable(key, paths)
    if prefix not in laid_prefixes(key):
        _release_root(object)
    strips = [strip for _, strip in strips_of(key, paths)]
    mixed = [strip for strip in strips if not paths_in(strip) <= paths]
    own_actions(mixed, spare_assets=True)
    actions = {strip.action for strip in strips if strip not in mixed}
    for strip in mixed:
        fcurves.remove_from(fcurves.curves_of(strip.action, fcurves.slot_of(strip)), paths)
    remove_strips(key, {strip for strip in strips if strip not in mixed})
    for action in actions:
        if not action.users:
            bpy.data.actions.remove(action)
    release_from_rest(key, paths)
    _remove_keys(object, record)
    if prefix in laid_prefixes(key):
        forget_laid(key, prefix)
    else:
        remove_record(key)
    key.update_tag()
    return record


def _check_basis(object: bpy.types.Object, record: Record) -> None:
    """Raise ArtistError if a pose of a result is what all other keys are relative to."""
    key = object.data.shape_keys
    if key.reference_key in pose_keys(key, record.keys):
        problem = f"The Basis key of {object.name} was deleted, and a pose of {record.keys} took its place."
        cure = "Undo that, or add a shape key and move it above all others, if your version of Blender allows it."
        raise ArtistError(problem, cure)


def _release_root(object: bpy.types.Object) -> None:
    """Take off an object the root motion that was extracted from its active result."""
    if carries_root(object):
        release_root(object)


def _remove_keys(object: bpy.types.Object, record: Record) -> None:
    """Remove a result's keys; the artist's selected key stays selected."""
    shown = object.active_shape_key.name if object.active_shape_key else ""
    remove_blocks(object, pose_keys(object.data.shape_keys, record.keys))
    object.active_shape_key_index = max(0, object.data.shape_keys.key_blocks.find(shown))
