"""What an artist does, as a script: the demo of `python3 build.py demo`, and an example of driving the extension without a window.

    python docs/demo.py EXTENSION.zip CLIP MESH.glb OUT        in a Python that has bpy; ACTIONMESH_PYTHON runs the backend

It installs the extension, makes a new object from the clip, gives the mesh a texture and a rig and lets it move as the clip does,
and writes OUT/demo.blend, OUT/demo.glb, OUT/demo.png (the clip, the new object, the rigged mesh) and OUT/timings.txt.
"""

import sys
import time
from pathlib import Path

import bpy
import numpy as np

LEFT, RIGHT = -2.6, 2.6
ROWS, WIDTH, HEIGHT, ZOOM = 4, 900, 300, 1.7


def main(extension: Path, clip: Path, mesh: Path, out: Path) -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    install(extension)
    scene = bpy.context.scene
    scene.frame_end = 1  # it grows with the animation
    scene.render.fps = round(bpy.data.movieclips.load(str(clip)).fps)  # so that the board shows a frame of the clip in each
    scene.actionmesh.preset = "demo"
    scene.actionmesh.start_at = "FIRST"
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
    show_clip(clip, scene.frame_end)
    bpy.ops.wm.save_as_mainfile(filepath=str(out / "demo.blend"), compress=True)
    select(made, rigged, rigged.parent)
    bpy.ops.actionmesh.export("EXEC_DEFAULT", filepath=str(out / "demo.glb"), format="GLB")
    start = time.perf_counter()
    render_rows(scene, out / "demo.png")
    note(out, f"Preview: {time.perf_counter() - start:.1f} s")


def note(out: Path, line: str) -> None:
    """On the standard error, since Blender itself writes to the standard output; and in OUT/timings.txt."""
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
    """The mesh of a file with UVs, a striped texture and an armature of two bones."""
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
    """Planar UVs from the front, and a picture of stripes."""
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
    """A lower and an upper bone; the upper one leans a little, so that the rig's part of the pose is seen to stay."""
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


def show_clip(clip: Path, end: int) -> None:
    """The clip on a board that plays along."""
    bpy.ops.mesh.primitive_plane_add(size=2.0, location=(LEFT, 0, 1), rotation=(np.pi / 2, 0, 0))
    image = bpy.data.images.load(str(clip))
    material = bpy.data.materials.new("clip")
    material.use_nodes = True
    nodes = material.node_tree.nodes
    nodes.clear()
    texture, light, output = (nodes.new(f"ShaderNode{kind}") for kind in ("TexImage", "Emission", "OutputMaterial"))
    texture.image = image
    texture.image_user.frame_duration = end
    texture.image_user.use_auto_refresh = True
    material.node_tree.links.new(texture.outputs["Color"], light.inputs["Color"])
    material.node_tree.links.new(light.outputs["Emission"], output.inputs["Surface"])
    board = bpy.context.object.data
    board.materials.append(material)
    for corner in board.uv_layers[0].data:  # a closer look at the middle
        corner.uv = 0.5 + (corner.uv[0] - 0.5) / ZOOM, 0.5 + (corner.uv[1] - 0.5) / ZOOM


def render_rows(scene: bpy.types.Scene, path: Path) -> None:
    """A column of frames, each with the clip, the new object and the rigged mesh side by side."""
    set_up_camera_and_light(scene)
    rows = []
    for frame in np.linspace(scene.frame_start, scene.frame_end, ROWS + 1)[:ROWS].round():
        scene.frame_set(int(frame))
        scene.render.filepath = str(path.with_name(".row.png"))
        bpy.ops.render.render(write_still=True)
        image = bpy.data.images.load(scene.render.filepath)
        rows.insert(0, np.array(image.pixels[:], np.float32).reshape(HEIGHT, WIDTH, 4))
        bpy.data.images.remove(image)
    path.with_name(".row.png").unlink()
    sheet = bpy.data.images.new("sheet", WIDTH, HEIGHT * ROWS)
    sheet.pixels.foreach_set(np.concatenate(rows).ravel())
    sheet.filepath_raw, sheet.file_format = str(path), "PNG"
    sheet.save()


def set_up_camera_and_light(scene: bpy.types.Scene) -> None:
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = 16, False
    scene.render.resolution_x, scene.render.resolution_y = WIDTH, HEIGHT
    scene.view_settings.view_transform = "Standard"
    scene.world = bpy.data.worlds.new("world")
    scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.9, 0.9, 0.9, 1)
    scene.world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.6
    sun = bpy.data.objects.new("sun", bpy.data.lights.new("sun", "SUN"))
    sun.data.energy, sun.rotation_euler = 2.5, (0.7, 0.2, 0.5)
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.data.type, camera.data.ortho_scale = "ORTHO", 8.2
    camera.location, camera.rotation_euler = (0, -10, 1), (np.pi / 2, 0, 0)
    for each in (sun, camera):
        scene.collection.objects.link(each)
    scene.camera = camera


if __name__ == "__main__":
    main(*(Path(argument).resolve() for argument in sys.argv[1:5]))
