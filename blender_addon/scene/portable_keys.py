"""Shape keys that every format can carry: relative, with weights from 0 to 1, on copies that exist during an export.

Exporters ignore absolute keys or write them wrong, and importers clip weights to 0 and 1. The copies have a keyframe
for the weights at every frame of the range. A weight above 1 goes into a larger key; a key with weights below 0 becomes
two, of which the second points the other way.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

import bpy
import numpy as np

from ..errors import ArtistError
from . import fcurves
from .key_blocks import add_pose, coordinates_of, remove_blocks, result_keys
from .key_weights import weights_at
from .meshes import read_basis
from .nla_strips import strips_of
from .playback import EVAL_TIME
from .rest_track import rest_strip
from .stage import stage

CLOSE = 1e-6


@contextmanager
def portable_keys(scene: bpy.types.Scene, objects: Iterable[bpy.types.Object], start: int, end: int) -> Iterator[None]:
    """Replace meshes that need it by a stand-in of the same name; restore everything afterwards, also after an error.

    Args:
        start, end: whole frames between which the animation will be read, at whole frames only.
    Raises:
        ArtistError: a mesh that needs it belongs to another file.
    """
    frames = np.arange(start, end + 1)
    users: dict[bpy.types.Mesh, list[bpy.types.Object]] = {}
    for object in objects:
        if object.type == "MESH" and result_keys(object.data.shape_keys):
            users.setdefault(object.data, []).append(object)
    with ExitStack() as undo:
        for mesh, owners in users.items():
            key, blocks = mesh.shape_keys, result_keys(mesh.shape_keys)
            paths = {fcurves.value_path(block.name) for block in blocks}
            on_tracks = rest_strip(key) is not None or any(strips_of(key, paths))
            weights = _drawn_weights(scene, owners[0], frames) if on_tracks else weights_at(key, frames, blocks)
            if not key.use_relative or weights.min() < -CLOSE or weights.max() > 1 + CLOSE:
                _stand_in(mesh, owners, undo)
                _rewrite(owners[0], frames, weights)
        yield


def _drawn_weights(scene: bpy.types.Scene, owner: bpy.types.Object, frames: np.ndarray) -> np.ndarray:
    """Return the (N, K) weights of all results' keys at N frames as Blender mixes them in NLA tracks."""
    with stage(scene, [owner], int(frames[0]), int(frames[-1])) as stand_in:
        blocks, rows = result_keys(owner.data.shape_keys), []
        for frame in frames:
            stand_in.frame_set(int(frame))
            drawn = owner.evaluated_get(stand_in.view_layers[0].depsgraph).data.shape_keys
            rows.append([0.0 if block.mute else drawn.key_blocks[block.name].value for block in blocks])
    return np.array(rows)


def _stand_in(mesh: bpy.types.Mesh, owners: list[bpy.types.Object], undo: ExitStack) -> None:
    """Put a copy in place of a mesh, under its name; the undo also removes the copy's action."""
    linked = next((block.name for block in (mesh, *owners) if block.library is not None), None)
    if linked is not None:
        problem = f"{linked} is linked from another file, and its shape keys must be changed for this."
        raise ArtistError(problem, "Make it local.", "object.make_local")
    copy, name = mesh.copy(), mesh.name
    undo.callback(bpy.data.meshes.remove, copy)
    undo.callback(setattr, mesh, "name", name)
    undo.callback(setattr, copy, "name", f"{name} (exported)")
    mesh.name, copy.name = f"{name} (kept)", name
    for owner in owners:
        shown = (owner.active_shape_key_index, owner.show_only_shape_key)
        undo.callback(_give_back, owner, mesh, *shown)
        owner.data, owner.show_only_shape_key = copy, False
    undo.callback(fcurves.own_action(copy.shape_keys, name))


def _give_back(owner: bpy.types.Object, mesh: bpy.types.Mesh, active: int, alone: bool) -> None:
    owner.data = mesh
    owner.active_shape_key_index, owner.show_only_shape_key = active, alone


def _rewrite(object: bpy.types.Object, frames: np.ndarray, weights: np.ndarray) -> None:
    """Replace the animation's keys and curves by ones that play `weights` (N, K) at `frames` (N,).

    Strips stay: the keys of results' strips are gone, or play what the new curves say.
    """
    key, basis = object.data.shape_keys, read_basis(object.data)
    blocks = result_keys(key)
    moves = [coordinates_of(block) - basis for block in blocks]
    paths = {fcurves.value_path(block.name) for block in blocks}
    fcurves.remove(key, [EVAL_TIME, *paths])
    _end_solo(key.animation_data.nla_tracks)
    remove_blocks(object, blocks)
    key.use_relative = True
    halves = [
        (move * sign, (column * sign).clip(0))
        for move, column in zip(moves, weights.T, strict=True)
        for sign in (1, -1)
    ]
    for index, (move, column) in enumerate(half for half in halves if half[1].any()):
        peak = max(1.0, column.max())
        block = add_pose(object, index, np.ascontiguousarray(basis + move * peak, np.float32))
        curve = fcurves.make(key, fcurves.value_path(block.name))
        fcurves.set_points(curve, np.stack([frames, column / peak], axis=1))
    key.update_tag()


def _end_solo(tracks: bpy.types.NlaTracks) -> None:
    """Mute all tracks but a solo one instead, because that also keeps the action from playing."""
    solo = [track for track in tracks if track.is_solo]
    for track in tracks:
        track.mute = track.mute or (bool(solo) and track not in solo)
    for track in solo:
        track.is_solo = False
