"""Meshes that look different from how they are modelled, and how well a motion of what is seen fits them."""

import bpy
import numpy as np
from mathutils import Euler, Matrix
from mathutils.bvhtree import BVHTree

from blender_addon.motion.axes import to_model
from blender_addon.motion.result_file import Motion
from blender_addon.scene.key_blocks import coordinates_of
from blender_addon.scene.options import WriteOptions
from blender_addon.scene.seen import see
from blender_addon.scene.shape_keys import write_motion

from .scenes import go_to, link

POSES, REFERENCE, START = 5, 1, 10
SHEAR = Matrix(((1, 0.4, 0, 0), (0, 1, 0, 0), (0.3, 0, 1, 0), (0, 0, 0, 1)))


def body(name="Body"):
    """Return a lopsided body of 200 vertices, twice as high as wide."""
    bpy.ops.mesh.primitive_uv_sphere_add(segments=18, ring_count=12, radius=1)
    made = bpy.context.active_object
    made.name = name
    places = coordinates(made)
    places *= (1, 0.7, 2)
    places[:, 0] += 0.15 * places[:, 2] ** 2
    made.data.vertices.foreach_set("co", places.ravel())
    made.data.update()
    return made


def coordinates(made):
    places = np.empty((len(made.data.vertices), 3), np.float32)
    made.data.vertices.foreach_get("co", places.ravel())
    return places


def field(world, pose, mirrored=False):
    """Return where a smooth motion takes world points, (N, 3): a bend, a twist and a swell that grow with the pose.

    Args:
        mirrored: alike on both sides of x = 0.
    """
    much = 0.12 * (pose - REFERENCE)
    x, y, z = world.T
    side = np.abs(x) if mirrored else x
    shift = np.stack(
        [much * np.sin(z) * (x if mirrored else 1.0), much * np.cos(z) * side, much * 0.6 * np.sin(side + y)], axis=1
    )
    return world + shift


def drawn(target, frame=None):
    """Return world positions as the viewport shows them, (N, 3) float64."""
    if frame is not None:
        go_to(frame)
    bpy.context.view_layer.update()
    shown = target.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = shown.to_mesh()
    places = np.empty((len(mesh.vertices), 3), np.float32)
    mesh.vertices.foreach_get("co", places.ravel())
    shown.to_mesh_clear()
    world = np.array(target.matrix_world, np.float64)
    return places @ world[:3, :3].T + world[:3, 3]


def used(target):
    """Return the indices of the drawn vertices that belong to a face."""
    shown = target.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = shown.to_mesh()
    found = sorted({vertex for face in mesh.polygons for vertex in face.vertices})
    shown.to_mesh_clear()
    return found


def motion_of(target, seen, mirrored=False):
    """Return the model's result for the mesh that it was shown, if the world moved by `field`."""
    world = np.array(target.matrix_world, np.float64)
    rest = drawn(target)
    shape, shown = np.eye(3), (rest - world[:3, 3]) @ np.linalg.inv(world[:3, :3]).T
    if seen.carry is not None:
        shape, shown = seen.carry.shape, seen.carry.shown.astype(np.float64)
    to_shown = shape @ np.linalg.inv(world[:3, :3])
    poses = np.stack([shown + (field(rest, pose, mirrored) - rest) @ to_shown.T for pose in range(POSES)])
    vertices = to_model(poses, "NEG_Y").astype(np.float32)
    triangles = np.array([(0, 1, 2)], np.int32) if seen.triangles is None else seen.triangles
    return Motion(vertices, triangles, np.arange(POSES) / 24.0, REFERENCE, np.arange(POSES), {"clip": "field.mp4"})


def animate(target, mirrored=False, upright=True, **options):
    """Show the mesh to a model whose motion is `field`, write the motion and return the write's answer."""
    go_to(START)
    seen = see(target, upright)
    motion = motion_of(target, seen, mirrored)
    return write_motion(target, motion, WriteOptions(START, 24, carry=seen.carry, **options))


def missed(target, rest, mirrored=False, frames=START):
    """Return the mean distance of what is drawn from where `field` takes it, as a share of the mean motion.

    Args:
        rest: (N, 3) what was drawn before.
        frames: of the first pose.
    """
    kept, off, motion = used(target), 0.0, 0.0
    for pose in range(POSES):
        right = field(rest, pose, mirrored)[kept]
        off += np.linalg.norm(drawn(target, frames + pose)[kept] - right, axis=1).mean()
        motion += np.linalg.norm(right - rest[kept], axis=1).mean()
    return off / motion


def missed_by_surface(target, rest, frames=START):
    """Return `missed` for modifiers that make other vertices in every pose: distances are from the right surface."""
    faces, off, motion = triangles_of(target, frames + REFERENCE), 0.0, 0.0
    for pose in range(POSES):
        right = field(rest, pose)
        tree = BVHTree.FromPolygons(right.tolist(), faces)
        off += np.mean([tree.find_nearest(place)[3] for place in drawn(target, frames + pose).tolist()])
        motion += np.linalg.norm(right - rest, axis=1).mean()
    return off / motion


def triangles_of(target, frame):
    go_to(frame)
    mesh = target.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    return [tuple(face.vertices) for face in mesh.polygons]


def placed(target, matrix):
    """Keep the look under another transform, perhaps a parent's: the mesh is moved the other way."""
    target.data.transform(matrix.inverted(), shape_keys=True)
    target.data.update()
    parent = link(None, "Parent")
    target.parent, target.matrix_parent_inverse = parent, matrix
    bpy.context.view_layer.update()
    return target


def select(*targets):
    bpy.ops.object.select_all(action="DESELECT")
    for target in targets:
        target.select_set(True)
        bpy.context.view_layer.objects.active = target


def twin_of(target):
    """Return what is seen of an object as a separate mesh."""
    select(target)
    bpy.ops.actionmesh.apply_to_copy()
    twin = bpy.context.active_object
    matrix = twin.matrix_world.copy()
    twin.parent, twin.matrix_world = None, Matrix()
    twin.data.transform(matrix)
    twin.data.update()
    target.hide_set(False)
    return twin


def halved(made):
    """Keep the half on the positive side of x = 0, its border on the plane."""
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.mesh.bisect(plane_co=(0, 0, 0), plane_no=(1, 0, 0), clear_inner=True)
    bpy.ops.object.mode_set(mode="OBJECT")
    return made


def with_mirror(made):
    made.modifiers.new("Mirror", "MIRROR").use_axis = (True, False, False)
    return made


def with_own_key(made, value=1.0):
    """Flatten the basis; an artist's key restores the body."""
    shape = coordinates(made)
    made.shape_key_add(name="Basis").points.foreach_set("co", (shape * (1, 1, 0.5)).astype(np.float32).ravel())
    key = made.shape_key_add(name="Body")
    key.points.foreach_set("co", shape.ravel())
    key.value = value
    made.data.update()
    return made


def with_rig(made, bend=(0.5, 0.3, -0.4)):
    """Add two bones, the upper one bent, with weights that blend smoothly from one to the other."""
    armature = link(bpy.data.armatures.new("Rig"), "Rig")
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    for name, head, tail in (("Lower", (0, 0, -2), (0, 0, 0)), ("Upper", (0, 0, 0), (0, 0, 2))):
        bone = armature.data.edit_bones.new(name)
        bone.head, bone.tail = head, tail
    bpy.ops.object.mode_set(mode="OBJECT")
    upper = armature.pose.bones["Upper"]
    upper.rotation_mode, upper.rotation_euler = "XYZ", Euler(bend)
    shares = 1 / (1 + np.exp(-3 * coordinates(made)[:, 2]))
    for name, weights in (("Lower", 1 - shares), ("Upper", shares)):
        group = made.vertex_groups.new(name=name)
        for index, weight in enumerate(weights.tolist()):
            group.add([index], weight, "REPLACE")
    made.modifiers.new("Rig", "ARMATURE").object = armature
    bpy.context.view_layer.objects.active = made
    return made


def keys_of(target):
    return {block.name: coordinates_of(block) for block in target.data.shape_keys.key_blocks}
