"""An armature that moves a copy of an animated mesh: bones, keys, vertex groups, modifier.

The source keeps its shape keys. The copy keeps everything but those of the animation; the armature acts first, before
the artist's own modifiers.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import bpy
import numpy as np

from ..motion.bone_motion import bone_channels
from ..motion.rig_file import FoundRig
from ..motion.weights import Loop, knots
from . import fcurves
from .animation_record import remove_record
from .duplicates import duplicate
from .key_blocks import laid_keys, other_keys, pose_keys, remove_blocks
from .meshes import read_basis
from .playback import EVAL_TIME

MODIFIER = "ActionMesh Armature"
LEAST_WEIGHT = 1e-6


@dataclass(frozen=True)
class Bound:
    """An armature and the mesh that it moves."""

    armature: bpy.types.Object
    mesh: bpy.types.Object


def bind_armature(object: bpy.types.Object, rig: FoundRig, frames: np.ndarray, loop: Loop) -> Bound:
    """Make an armature with keyed bones and a copy of the mesh that follows it; leave nothing behind on failure.

    Args:
        object: a mesh with an ActionMesh animation, in Object Mode.
        rig: for the vertices of its basis.
        frames: (T,) scene frames of the rig's poses.
    """
    with ExitStack() as undo:
        copy = duplicate(object, undo)
        copy.name = copy.data.name = f"{object.name} (rigged)"
        _drop_poses(object, copy, undo)
        names = _add_groups(copy, rig)
        armature = _new_armature(copy, rig, names, undo)
        _key_bones(armature, rig, names, frames, loop, undo)
        _bind(copy, armature)
        undo.pop_all()
    return Bound(armature, copy)


def _drop_poses(source: bpy.types.Object, copy: bpy.types.Object, undo: ExitStack) -> None:
    """Remove the active result's keys and curves from the copy; the artist's own and those on NLA tracks stay."""
    key = copy.data.shape_keys
    if not other_keys(key) and not laid_keys(key):
        copy.shape_key_clear()
        copy.data.vertices.foreach_set("co", read_basis(source.data).ravel())
        copy.data.update()
        return
    blocks = pose_keys(key)
    undo.callback(fcurves.own_action(key, copy.name))
    fcurves.remove(key, [EVAL_TIME, *(fcurves.value_path(block.name) for block in blocks)])
    remove_blocks(copy, blocks)
    remove_record(key)
    key.use_relative = True
    copy.active_shape_key_index, copy.show_only_shape_key = 0, False


def _add_groups(copy: bpy.types.Object, rig: FoundRig) -> list[str]:
    """Add a vertex group for each bone; return their names, which are new to the mesh."""
    groups = [copy.vertex_groups.new(name=name) for name in rig.names]
    vertices, columns = np.nonzero(rig.weights > LEAST_WEIGHT)
    bones, shares = rig.influences[vertices, columns], rig.weights[vertices, columns].astype(np.float32)
    order = np.lexsort((shares, bones))
    bones, shares, vertices = bones[order], shares[order], vertices[order]
    starts = [0, *(np.flatnonzero((np.diff(bones) != 0) | (np.diff(shares) != 0)) + 1).tolist()]
    ends, members = [*starts[1:], len(order)], vertices.tolist()
    for start, end, bone, share in zip(starts, ends, bones[starts].tolist(), shares[starts].tolist(), strict=True):
        groups[bone].add(members[start:end], share, "ADD")  # all vertices of a bone that have one weight
    return [group.name for group in groups]


def _new_armature(copy: bpy.types.Object, rig: FoundRig, names: list[str], undo: ExitStack) -> bpy.types.Object:
    data = bpy.data.armatures.new(f"{copy.name} Armature")
    undo.callback(bpy.data.armatures.remove, data)
    armature = bpy.data.objects.new(data.name, data)
    undo.callback(bpy.data.objects.remove, armature)
    with _being_edited(armature):
        bones = [data.edit_bones.new(name) for name in names]
        for bone, parent, head, tail in zip(bones, rig.parents, rig.heads, rig.tails, strict=True):
            bone.head, bone.tail = head, tail
            bone.parent = bones[parent] if parent >= 0 else None
    armature.show_in_front = True
    data.display_type = "STICK"
    for collection in copy.users_collection:
        collection.objects.link(armature)
    return armature


@contextmanager
def _being_edited(armature: bpy.types.Object) -> Iterator[None]:
    """Hold an armature that is in no collection in Edit Mode, the only mode in which it gets bones."""
    layer = bpy.context.view_layer
    before, home = layer.objects.active, bpy.context.scene.collection
    home.objects.link(armature)
    try:
        layer.objects.active = armature
        bpy.ops.object.mode_set(mode="EDIT")
        try:
            yield
        finally:
            bpy.ops.object.mode_set(mode="OBJECT")
    finally:
        layer.objects.active = before
        home.objects.unlink(armature)


def _key_bones(
    armature: bpy.types.Object, rig: FoundRig, names: list[str], frames: np.ndarray, loop: Loop, undo: ExitStack
) -> None:
    rests = np.array([armature.data.bones[name].matrix_local for name in names], np.float64)
    bends = knots(frames, loop)
    deforms = np.concatenate([rig.deforms, rig.deforms[: len(bends) - len(frames)]])
    undo.callback(fcurves.own_action(armature, armature.name))
    for name, *channels in zip(names, *bone_channels(rests, rig.parents, deforms), strict=True):
        armature.pose.bones[name].rotation_mode = "QUATERNION"
        path = f'pose.bones["{bpy.utils.escape_identifier(name)}"]'
        for channel, values in zip(("location", "rotation_quaternion"), channels, strict=True):
            fcurves.play(armature, f"{path}.{channel}", bends, values, loop, name)


def _bind(copy: bpy.types.Object, armature: bpy.types.Object) -> None:
    """Let the armature move the mesh, and hang one on the other so that they stay together.

    The mesh hangs on the armature, as in every rig. If the object itself moves or is held, the armature hangs on it.
    """
    modifier = copy.modifiers.new(MODIFIER, "ARMATURE")
    copy.modifiers.move(len(copy.modifiers) - 1, 0)
    modifier = copy.modifiers[0]
    modifier.object, modifier.use_vertex_groups, modifier.use_bone_envelopes = armature, True, False
    if copy.animation_data is not None or len(copy.constraints):
        armature.parent = copy
        return
    armature.parent, armature.parent_type, armature.parent_bone = copy.parent, copy.parent_type, copy.parent_bone
    armature.matrix_parent_inverse = copy.matrix_parent_inverse
    armature.matrix_basis = copy.matrix_basis
    copy.parent, copy.parent_type = armature, "OBJECT"
    copy.matrix_parent_inverse.identity()
    copy.matrix_basis.identity()
