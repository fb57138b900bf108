"""The demo's stage: a board that plays the clip, a camera, a light, and rendered pictures."""

from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector


def show_clip(clip: Path, end: int, centre: Vector, size: float, zoom: float) -> None:
    """Add a board that plays the clip along with the scene; `clip` is a video or the first picture of a sequence."""
    bpy.ops.mesh.primitive_plane_add(size=size, location=centre, rotation=(np.pi / 2, 0, 0))
    image = bpy.data.images.load(str(clip))
    image.source = "MOVIE" if image.source == "MOVIE" else "SEQUENCE"
    material = bpy.data.materials.new("clip")
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    kinds = "TexImage", "Emission", "BsdfTransparent", "MixShader", "OutputMaterial"
    texture, light, nothing, mix, output = (nodes.new(f"ShaderNode{kind}") for kind in kinds)
    texture.image, texture.interpolation = (
        image,
        "Closest",
    )  # interpolation would show the colour of transparent pixels at the rim
    image.alpha_mode = "CHANNEL_PACKED"
    texture.image_user.frame_duration = end
    texture.image_user.use_auto_refresh = True
    links.new(texture.outputs["Color"], light.inputs["Color"])
    links.new(texture.outputs["Alpha"], mix.inputs["Fac"])
    links.new(nothing.outputs["BSDF"], mix.inputs[1])
    links.new(light.outputs["Emission"], mix.inputs[2])
    links.new(mix.outputs["Shader"], output.inputs["Surface"])
    board = bpy.context.object.data
    board.materials.append(material)
    for corner in board.uv_layers[0].data:  # zoom in on the middle
        corner.uv = 0.5 + (corner.uv[0] - 0.5) / zoom, 0.5 + (corner.uv[1] - 0.5) / zoom


def rendered(scene: bpy.types.Scene, count: int) -> Iterator[np.ndarray]:
    """Render `count` frames spread over the scene; yield pictures (height, width, 4), the lowest row first."""
    size = scene.render.resolution_y, scene.render.resolution_x, 4
    for frame in np.linspace(scene.frame_start, scene.frame_end, count + 1)[:count].round():
        scene.frame_set(int(frame))
        scene.render.filepath = str(Path(bpy.app.tempdir) / "frame.png")
        bpy.ops.render.render(write_still=True, scene=scene.name)
        image = bpy.data.images.load(scene.render.filepath)
        yield np.array(image.pixels[:], np.float32).reshape(size)
        bpy.data.images.remove(image)


def save_picture(pixels: np.ndarray, path: Path) -> None:
    """Write pixels (height, width, 4), the lowest row first, as PNG."""
    height, width, _ = pixels.shape
    sheet = bpy.data.images.new("sheet", width, height)
    sheet.pixels.foreach_set(pixels.ravel())
    sheet.filepath_raw, sheet.file_format = str(path), "PNG"
    sheet.save()


def set_up_camera_and_light(scene: bpy.types.Scene, width: int, height: int, longest: float, eye: Vector) -> None:
    """Add a light, and an orthographic camera at `eye` that looks along +Y.

    `longest` is the length that the camera sees along the longer side of its picture.
    """
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = 16, False
    scene.render.resolution_x, scene.render.resolution_y = width, height
    scene.view_settings.view_transform = "Standard"
    scene.world = bpy.data.worlds.new("world")
    scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.9, 0.9, 0.9, 1)
    scene.world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.6
    sun = bpy.data.objects.new("sun", bpy.data.lights.new("sun", "SUN"))
    sun.data.energy, sun.rotation_euler = 2.5, (0.7, 0.2, 0.5)
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.data.type, camera.data.ortho_scale = "ORTHO", longest
    camera.location, camera.rotation_euler = eye, (np.pi / 2, 0, 0)
    for each in (sun, camera):
        scene.collection.objects.link(each)
    scene.camera = camera
