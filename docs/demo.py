"""The demo of `python3 build.py demo`, and an example of how to drive the extension without a window.

    python docs/demo.py EXTENSION.zip CLIP MESH.glb PICTURES OUT

Run it in a Python that has bpy; the variable ACTIONMESH_PYTHON names the Python that runs the backend.

It installs the extension, makes a new object from the clip, gives the mesh a texture and a rig, animates it from the
clip, and writes OUT/demo.blend, OUT/demo.glb, OUT/demo.png (the clip, the new object, the rigged mesh) and
OUT/timings.txt. From the clip in the folder PICTURES it makes a textured relief in a separate scene: OUT/relief.glb and
OUT/relief.png (the clip, and below it the mesh from the front and from three quarters).
"""

import sys
import time
from pathlib import Path

import bpy
import numpy as np
from demo_stage import rendered, save_picture, set_up_camera_and_light, show_clip
from mathutils import Euler, Matrix, Vector

LEFT, RIGHT = -2.6, 2.6
ROWS, WIDTH, HEIGHT, ZOOM = 4, 900, 300, 1.7
COLUMNS, CELL, PICTURE_RATE = 8, 220, 24
THREE_QUARTERS = Euler((np.radians(14), 0, np.radians(-40))).to_matrix().to_4x4()
"""Turns a mesh as if seen by a camera 40 degrees to the side and 14 degrees above."""
AROUND = 1.06
"""The side of a picture in PICTURES, in widths of its subject."""


def main(extension: Path, clip: Path, mesh: Path, pictures: Path, out: Path) -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    install(extension)
    # use the clip's frame rate, so that the board shows one clip frame per scene frame
    scene = set_up(bpy.context.scene, round(bpy.data.movieclips.load(str(clip)).fps))
    rigged = textured_and_rigged(mesh)
    before = uv_of(rigged)
    start = time.perf_counter()
    made = animate_from_video(clip)
    note(out, f"Animate from Video, the backend's start included: {told(made)}, {time.perf_counter() - start:.1f} s")
    start = time.perf_counter()
    animate_selected(rigged, clip)
    note(out, f"Animate Selected: {told(rigged)}, {time.perf_counter() - start:.1f} s")
    assert np.array_equal(uv_of(rigged), before) and rigged.modifiers[0].type == "ARMATURE"
    made.location.x, rigged.parent.location.x = 0.0, RIGHT
    show_clip(clip, scene.frame_end, Vector((LEFT, 0, 1)), 2.0, ZOOM)
    set_up_camera_and_light(scene, WIDTH, HEIGHT, 8.2, Vector((0, -10, 1)))
    bpy.ops.wm.save_as_mainfile(filepath=str(out / "demo.blend"), compress=True)
    select(made, rigged, rigged.parent)
    bpy.ops.actionmesh.export("EXEC_DEFAULT", filepath=str(out / "demo.glb"), format="GLB")
    start = time.perf_counter()
    save_picture(np.concatenate(list(rendered(scene, ROWS))[::-1]), out / "demo.png")
    note(out, f"Preview: {time.perf_counter() - start:.1f} s")
    make_relief(pictures, out)


def make_relief(pictures: Path, out: Path) -> None:
    """Make a relief from a folder of pictures in a new scene: the clip, the mesh below it, and the mesh turned."""
    bpy.ops.scene.new(type="EMPTY")
    scene = set_up(bpy.context.scene, PICTURE_RATE)
    start = time.perf_counter()
    made = animate_from_video(pictures)
    note(out, f"Relief: {told(made)}, {time.perf_counter() - start:.1f} s")
    select(made)
    bpy.ops.actionmesh.export("EXEC_DEFAULT", filepath=str(out / "relief.glb"), format="GLB")
    centre, width = middle(made)
    pitch = 0.8 * width
    aside = made.copy()
    bpy.context.collection.objects.link(aside)
    about = Matrix.Translation(centre) @ THREE_QUARTERS @ Matrix.Translation(-centre)
    aside.matrix_world = Matrix.Translation((0, 0, -pitch)) @ about @ made.matrix_world
    show_clip(sorted(pictures.glob("*.webp"))[0], scene.frame_end, centre + Vector((0, 0, pitch)), AROUND * width, 1.0)
    eye = centre - Vector((0, 10 * width, 0))
    set_up_camera_and_light(scene, CELL, 2 * CELL, 2.5 * width, eye)
    start = time.perf_counter()
    save_picture(np.concatenate(list(rendered(scene, COLUMNS)), axis=1), out / "relief.png")
    note(out, f"Preview of the relief: {time.perf_counter() - start:.1f} s")


def middle(made: bpy.types.Object) -> tuple[Vector, float]:
    """Return the centre of an object's bounding box in world space, and the width of the box."""
    corners = [made.matrix_world @ Vector(corner) for corner in made.bound_box]
    return sum(corners, Vector()) / len(corners), made.dimensions.x


def set_up(scene: bpy.types.Scene, rate: int) -> bpy.types.Scene:
    """Set a scene's frame rate and the demo's settings; return the scene."""
    scene.frame_end = 1  # it grows with the animation
    scene.render.fps = rate
    scene.actionmesh.preset = "demo"
    scene.actionmesh.start_at = "FIRST"
    return scene


def note(out: Path, line: str) -> None:
    """Write a line to OUT/timings.txt and to standard error, because Blender writes to standard output."""
    print(line, file=sys.stderr, flush=True)
    with (out / "timings.txt").open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def told(made: bpy.types.Object) -> str:
    return f"{len(made.data.vertices)} vertices, {len(made.data.shape_keys.key_blocks) - 1} shape keys"


def install(extension: Path) -> None:
    bpy.ops.preferences.addon_enable(module="bl_pkg")
    bpy.ops.extensions.package_install_files(filepath=str(extension), repo="user_default", enable_on_install=True)


def animate_from_video(clip: Path) -> bpy.types.Object:
    there = set(bpy.data.objects)
    bpy.ops.actionmesh.animate_from_video("EXEC_DEFAULT", filepath=str(clip))
    return next(each for each in bpy.data.objects if each not in there and each.type == "MESH")


def animate_selected(target: bpy.types.Object, clip: Path) -> None:
    select(target)
    bpy.ops.actionmesh.animate_selected("EXEC_DEFAULT", filepath=str(clip))


def select(*objects: bpy.types.Object) -> None:
    for each in bpy.context.view_layer.objects:
        each.select_set(each in objects)
    bpy.context.view_layer.objects.active = objects[0]


def textured_and_rigged(path: Path) -> bpy.types.Object:
    """Return a file's mesh, with UVs, a striped texture and an armature of two bones."""
    bpy.ops.import_scene.gltf(filepath=str(path))
    mesh = next(each for each in bpy.context.selected_objects if each.type == "MESH")
    bpy.context.view_layer.update()
    mesh.matrix_world, mesh.parent = mesh.matrix_world.copy(), None
    for vertex in mesh.data.vertices:
        vertex.co = 1.2 * vertex.co
    mesh.location.z = -min(vertex.co.z for vertex in mesh.data.vertices)
    paint(mesh)
    rig(mesh)
    return mesh


def paint(mesh: bpy.types.Object) -> None:
    """Add planar UVs from the front and a striped texture."""
    layer = mesh.data.uv_layers.new(name="front")
    low = min(vertex.co.z for vertex in mesh.data.vertices)
    high = max(vertex.co.z for vertex in mesh.data.vertices)
    for loop in mesh.data.loops:
        place = mesh.data.vertices[loop.vertex_index].co
        layer.data[loop.index].uv = ((place.x - low) / (high - low), (place.z - low) / (high - low))
    image = bpy.data.images.new("stripes", 256, 256)
    rows, columns = np.mgrid[0:256, 0:256]
    light = ((rows // 16 + columns // 64) % 2)[..., None]
    colours = np.where(light, (0.95, 0.62, 0.2, 1.0), (0.1, 0.22, 0.42, 1.0))
    image.pixels.foreach_set(colours.astype(np.float32).ravel())
    image.pack()
    material = bpy.data.materials.new("stripes")
    material.use_nodes = True
    texture = material.node_tree.nodes.new("ShaderNodeTexImage")
    texture.image = image
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    material.node_tree.links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    mesh.data.materials.clear()
    mesh.data.materials.append(material)


def rig(mesh: bpy.types.Object) -> None:
    """Add a lower and an upper bone; the upper one leans a little, to show that the rig's part of the pose stays."""
    armature = bpy.data.objects.new("rig", bpy.data.armatures.new("rig"))
    bpy.context.collection.objects.link(armature)
    select(armature)
    height = mesh.dimensions.z
    bpy.ops.object.mode_set(mode="EDIT")
    for name, start, end in (("lower", 0.0, 0.5), ("upper", 0.5, 1.0)):
        bone = armature.data.edit_bones.new(name)
        bone.head, bone.tail = (0, 0, start * height), (0, 0, end * height)
    bpy.ops.object.mode_set(mode="OBJECT")
    low = -mesh.location.z
    for vertex in mesh.data.vertices:
        share = min(max((vertex.co.z - low) / height * 2 - 0.5, 0.0), 1.0)
        for name, weight in (("lower", 1 - share), ("upper", share)):
            group = mesh.vertex_groups.get(name) or mesh.vertex_groups.new(name=name)
            group.add([vertex.index], weight, "REPLACE")
    mesh.parent = armature
    modifier = mesh.modifiers.new("rig", "ARMATURE")
    modifier.object = armature
    armature.pose.bones["upper"].rotation_mode = "XYZ"
    armature.pose.bones["upper"].rotation_euler.z = 0.1


def uv_of(mesh: bpy.types.Object) -> np.ndarray:
    values = np.empty(2 * len(mesh.data.loops), np.float32)
    mesh.data.uv_layers[0].data.foreach_get("uv", values)
    return values


if __name__ == "__main__":
    main(*(Path(argument).resolve() for argument in sys.argv[1:6]))
