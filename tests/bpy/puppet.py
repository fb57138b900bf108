"""A mesh bound to an armature whose action is known, and that action as shape keys instead."""

import bpy
import numpy as np

from blender_addon.motion.axes import to_model
from blender_addon.motion.result_file import Motion
from blender_addon.scene.meshes import read_triangles
from blender_addon.scene.options import WriteOptions
from blender_addon.scene.shape_keys import write_motion

from .scenes import evaluated, go_to, link

FRAMES = range(1, 9)


def puppet(bones=4, connected=True, rings=25, around=8):
    """Return a tube along Z and its armature: a chain of bones, and beside it one without weights."""
    heights = np.linspace(0, bones, rings)
    angles = np.arange(around) * 2 * np.pi / around
    points = [(0.3 * np.cos(angle), 0.2 * np.sin(angle), height) for height in heights for angle in angles]
    faces = [
        (r * around + a, r * around + (a + 1) % around, (r + 1) * around + (a + 1) % around, (r + 1) * around + a)
        for r in range(rings - 1)
        for a in range(around)
    ]
    mesh = bpy.data.meshes.new("Tube")
    mesh.from_pydata(points, [], faces)
    tube, armature = link(mesh, "Tube"), _armature(bones, connected)
    for bone in range(bones):
        group = tube.vertex_groups.new(name=f"Bone.{bone}")
        for vertex, (_x, _y, z) in enumerate(points):
            weight = 2 * max(0.0, 0.8 - abs(z - bone - 0.5))  # not normalised, and shared near the joints
            if weight:
                group.add([vertex], weight, "REPLACE")
    tube.vertex_groups.new(name="Other").add(range(10), 1.0, "REPLACE")
    tube.modifiers.new("Armature", "ARMATURE").object = armature
    tube.parent = armature
    bpy.context.view_layer.objects.active = tube
    return tube, armature


def _armature(bones, connected):
    data = bpy.data.armatures.new("Rig")
    armature = link(data, "Rig")
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    parent = data.edit_bones.new("Control")
    parent.head, parent.tail = (0, 0, 0), (0, 1, 0)
    for bone in range(bones):
        made = data.edit_bones.new(f"Bone.{bone}")
        made.head, made.tail, made.parent = (0, 0, bone), (0, 0, bone + 1), parent
        made.roll, made.use_connect = 0.3 * bone, connected and bone > 0
        parent = made
    loose = data.edit_bones.new("Aside")
    loose.head, loose.tail, loose.parent = (1, 0, 1), (1, 0, 2), data.edit_bones["Bone.1"]
    bpy.ops.object.mode_set(mode="OBJECT")
    return armature


def perform(armature, much=0.35, location=True):
    """Key every bone of the chain over FRAMES, from rest in the first to ever more."""
    for number, bone in enumerate(bone for bone in armature.pose.bones if bone.name.startswith("Bone")):
        bone.rotation_mode = ("QUATERNION", "XYZ", "AXIS_ANGLE", "ZYX")[number % 4]
        for frame in FRAMES:
            angle = much * (frame - FRAMES[0]) * (1 if number % 2 else 0.6)
            turn(bone, angle, (1, 0.3 * number, 0.2))
            if location and number == 0:
                bone.location = (0.1 * (frame - 1), 0.05 * (frame - 1), 0)
                bone.keyframe_insert("location", frame=frame)
            bone.keyframe_insert(path_of(bone), frame=frame)


def path_of(bone):
    return {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}.get(
        bone.rotation_mode, "rotation_euler"
    )


def turn(bone, angle, axis):
    """Rotate a bone in its own mode."""
    from mathutils import Matrix

    matrix = Matrix.Rotation(angle, 3, axis)
    if bone.rotation_mode == "QUATERNION":
        bone.rotation_quaternion = matrix.to_quaternion()
    elif bone.rotation_mode == "AXIS_ANGLE":
        axis, angle = matrix.to_quaternion().to_axis_angle()
        bone.rotation_axis_angle = (angle, *axis)
    else:
        bone.rotation_euler = matrix.to_euler(bone.rotation_mode, bone.rotation_euler)


def posed(armature, frames=FRAMES):
    """Return the matrices of all bones, (T, B, 4, 4) in the armature's space."""
    found = []
    for frame in frames:
        go_to(frame)
        shown = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
        found.append([np.array(bone.matrix) for bone in shown.pose.bones])
    return np.array(found)


def drawn(target, frames=FRAMES):
    return np.array([evaluated(target, frame) for frame in frames], np.float64)


def reset(armature):
    """Take the action off an armature, and pose it at rest; return the action."""
    action = armature.animation_data and armature.animation_data.action
    armature.animation_data_clear()
    for bone in armature.pose.bones:
        bone.matrix_basis.identity()
        bone.location, bone.scale = (0, 0, 0), (1, 1, 1)
        bone.rotation_quaternion, bone.rotation_euler = (1, 0, 0, 0), (0, 0, 0)
        bone.rotation_axis_angle = (0, 0, 1, 0)
    bpy.context.view_layer.update()
    return action


def as_keys(target, places, start=FRAMES[0], rate=24.0, **options):
    """Write places (T, V, 3), the first of them the basis, as the object's animation, one pose a frame."""
    count = len(places)
    motion = Motion(
        to_model(places, "NEG_Y").astype(np.float32),
        read_triangles(target.data),
        np.arange(count) / rate,
        0,
        np.arange(count),
        {"clip": "walk.mp4"},
    )
    return write_motion(target, motion, WriteOptions(start=start, rate=rate, **options))


def performed(**options):
    """Return a puppet at rest that shape keys move as its armature did, and the bones and vertices of the truth."""
    tube, armature = puppet(**options)
    perform(armature)
    bones, places = posed(armature), drawn(tube)
    reset(armature)
    as_keys(tube, places)
    return tube, armature, bones, places
