"""A rigged, textured mesh that also has an ActionMesh animation; reads files back to compare vertex positions."""

import bpy
import numpy as np
from mathutils.kdtree import KDTree

from blender_addon.scene.options import WriteOptions
from blender_addon.scene.shape_keys import write_motion

from .scenes import dance, go_to

IMPORTERS = {
    ".glb": lambda path: bpy.ops.import_scene.gltf(filepath=path),
    ".fbx": lambda path: bpy.ops.import_scene.fbx(filepath=path),
    ".abc": lambda path: bpy.ops.wm.alembic_import(filepath=path, as_background_job=False),
    ".usdc": lambda path: bpy.ops.wm.usd_import(filepath=path),
    ".usdz": lambda path: bpy.ops.wm.usd_import(filepath=path),
}


def ball(name="Creature"):
    """Return a ball of quads and triangles with UVs, turned, stretched and moved."""
    bpy.ops.mesh.primitive_uv_sphere_add(segments=10, ring_count=6)
    made = bpy.context.object
    made.name = made.data.name = name
    made.location, made.rotation_euler, made.scale = (1, 2, 3), (0.3, 0.2, 0.1), (1, 2, 0.5)
    return made


def animate(target, start=2.5, poses=7, rate=24.0, clip_rate=13.0, reference=2, **options):
    """Write poses that mostly fall between whole frames."""
    motion = dance(target, poses=poses, reference=reference, rate=clip_rate)
    write_motion(target, motion, WriteOptions(start=start, rate=rate, **options))
    return motion


def held(target):
    """Give a mesh a parent that is moved and turned, and return the mesh."""
    parent = bpy.data.objects.new("Holder", None)
    bpy.context.scene.collection.objects.link(parent)
    parent.location, parent.rotation_euler = (3, -1, 2), (0.5, 0, 1)
    target.parent = parent
    return target


def paint(target):
    """Add a material with a picture packed into the file."""
    image = bpy.data.images.new("Fur", 8, 8)
    image.pixels.foreach_set(np.random.default_rng(0).random(256).astype(np.float32))
    image.pack()
    material = bpy.data.materials.new("Coat")
    material.use_nodes = True
    nodes = material.node_tree.nodes
    surface = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    picture = nodes.new("ShaderNodeTexImage")
    picture.image = image
    material.node_tree.links.new(picture.outputs["Color"], surface.inputs["Base Color"])
    target.data.materials.append(material)
    return image


def rig(target):
    """Add two bones, the upper one animated; the lower half of the mesh follows the lower one, with a soft border."""
    bpy.ops.object.armature_add(location=(0.5, 0, 0), rotation=(0, 0, 0.4))
    armature = bpy.context.object
    armature.name = "Rig"
    bpy.ops.object.mode_set(mode="EDIT")
    lower = armature.data.edit_bones[0]
    lower.name, lower.head, lower.tail = "Lower", (0, 0, -1), (0, 0, 0)
    upper = armature.data.edit_bones.new("Upper")
    upper.head, upper.tail, upper.parent = (0, 0, 0), (0, 0, 1), lower
    bpy.ops.object.mode_set(mode="OBJECT")
    heights = np.array([vertex.co.z for vertex in target.data.vertices])
    for name, weights in (("Lower", (1 - heights) / 2), ("Upper", (1 + heights) / 2)):
        group = target.vertex_groups.new(name=name)
        for index, weight in enumerate(weights):
            group.add([index], float(weight), "REPLACE")
    target.parent = armature
    target.modifiers.new("Armature", "ARMATURE").object = armature
    bone = armature.pose.bones["Upper"]
    bone.rotation_mode = "XYZ"
    for frame, angle in ((1, 0.0), (6, 0.8), (12, -0.3)):
        bone.rotation_euler = (angle, 0, angle / 2)
        bone.keyframe_insert("rotation_euler", frame=frame)
    return armature


def world(target, frames):
    """Return the drawn vertices in the world, (N, V, 3) float64."""
    places = []
    for frame in frames:
        go_to(frame)
        drawn = target.evaluated_get(bpy.context.evaluated_depsgraph_get())
        coordinates = np.empty((len(drawn.data.vertices), 3), np.float32)
        drawn.data.vertices.foreach_get("co", coordinates.ravel())
        matrix = np.array(drawn.matrix_world, np.float64)
        places.append(coordinates @ matrix[:3, :3].T + matrix[:3, 3])
    return np.array(places)


def open_file(path):
    """Import a file: (its textured or only mesh, all new objects, new images). Frame range and rate stay."""
    scene, objects, images = bpy.context.scene, set(bpy.data.objects), set(bpy.data.images)
    render, kept = scene.render, (scene.frame_start, scene.frame_end)
    rate = (render.fps, render.fps_base)
    IMPORTERS[path.suffix](str(path))
    (render.fps, render.fps_base), (scene.frame_start, scene.frame_end) = rate, kept
    new = [made for made in bpy.data.objects if made not in objects]
    meshes = sorted((made for made in new if made.type == "MESH"), key=lambda made: -len(made.data.uv_layers))
    return meshes[0], new, [image for image in bpy.data.images if image not in images]


def difference(before, after):
    """Return the greatest distance of a vertex in `after` (N, W, 3) from its nearest in `before` (N, V, 3).

    The distance is a fraction of the size.

    Which vertex is which is found in the middle frame: files may split vertices at seams, and change their order.
    """
    middle, tree = len(before) // 2, KDTree(before.shape[1])
    for index, place in enumerate(before[middle]):
        tree.insert(place, index)
    tree.balance()
    same = [tree.find(place)[1] for place in after[middle]]
    assert set(same) == set(range(before.shape[1]))
    size = np.linalg.norm(np.ptp(before[middle], axis=0))
    return np.linalg.norm(before[:, same] - after, axis=-1).max() / size
