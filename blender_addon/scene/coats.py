"""Colours of a result on a mesh that already exists.

A later result of the same object replaces an earlier one only if that is unchanged. What an artist edited, painted over
or replaced stays, as do all other materials and UV maps.
"""

from contextlib import ExitStack

import bpy
import numpy as np

from ..errors import TargetError
from ..motion.result_file import Motion
from .attributes import read_all
from .coat_parts import Dress, alike, coloured_material, find_dress, mark, marks_of, mean_colour, new_picture, write_uv
from .coat_switch import read_slots, show, write_slots
from .key_blocks import PROPERTY
from .meshes import read_triangles, read_uv

CLIP_COLOURS = "Clip Colours"
"""Name of the UV map that is added to an artist's mesh."""
MOST_UV_MAPS = 8
"""Blender's limit for one mesh."""


def check_room(object: bpy.types.Object) -> None:
    """Raise TargetError if an artist's mesh has no room for colours."""
    if len(object.data.uv_layers) >= MOST_UV_MAPS:
        problem = f"{object.name} has {MOST_UV_MAPS} UV maps, the most that a mesh can have."
        raise TargetError(problem, "Remove one, or turn off Colours from the Clip.")


def renew(object: bpy.types.Object, motion: Motion, undo: ExitStack) -> None:
    """Replace the colours of an earlier result by those of a new one, if they are unchanged."""
    ours = find_dress(object)
    corners = None if ours is None else _corners(object.data, motion)
    if ours is not None and corners is not None and ours.is_as_made:
        _replace(object, ours, corners, motion, undo)


def add(object: bpy.types.Object, motion: Motion, undo: ExitStack) -> str:
    """Give an artist's mesh the colours of a result, in a slot of their own, and show them.

    Its materials stay in their slots, and its UV maps stay as they are; `show` switches back to them.

    Returns:
        A sentence if the colours were left out, otherwise an empty string.
    """
    corners, ours = _corners(object.data, motion), find_dress(object)
    if corners is None and motion.vertices.shape[1] != len(object.data.vertices):
        return f"Modifiers give {object.name} faces that it does not have itself, so its colours were left out."
    if corners is None:
        return f"The faces of {object.name} were changed after the job began, so its colours were left out."
    if ours is not None and ours.is_as_made:
        _replace(object, ours, corners, motion, undo)
        return ""
    layer, is_new = _layer_for(object.data, corners, undo)
    if layer is None:
        return f"{object.name} has {MOST_UV_MAPS} UV maps, the most that a mesh can have, so its colours were left out."
    assert motion.coat is not None
    made: list[bpy.types.ID] = []
    undo.callback(lambda: bpy.data.batch_remove(made))
    material = coloured_material(
        f"{object.name} {CLIP_COLOURS}", motion.coat, layer, made, by_name=True, owns_layer=is_new
    )
    undo.callback(lambda: object.data.materials.pop(index=len(object.data.materials) - 1))
    object.data.materials.append(material)
    undo.callback(write_slots, object.data, read_slots(object.data))
    show(object, True)
    return ""


def _replace(object: bpy.types.Object, ours: Dress, corners: np.ndarray, motion: Motion, undo: ExitStack) -> None:
    """Replace the picture, and the UVs (L, 2) of the mesh's corners if they differ."""
    assert motion.coat is not None
    layer, mesh, owns_layer = ours.layer, object.data, ours.owns_layer
    if not alike(read_uv(layer), corners):
        if owns_layer:
            undo.callback(write_uv, layer, read_uv(layer))
            write_uv(layer, corners)
        else:
            layer, owns_layer = _layer_for(mesh, corners, undo)
            if layer is None:
                return
    made: list[bpy.types.ID] = []
    undo.callback(lambda: bpy.data.batch_remove(made))
    material, node = ours.material, ours.node
    name = node.image.name
    if material.users - material.use_fake_user > 1:  # other objects show it too and keep it
        slot, shared = object.material_slots[ours.slot], material
        material = shared.copy()
        made.append(material)
        undo.callback(setattr, slot, "material", shared)
        slot.material, node = material, material.node_tree.nodes[node.name]
    image = new_picture(name, motion.coat, made)
    _keep(material, node, undo)
    node.image, material.diffuse_color = image, mean_colour(image)
    for places in _uv_nodes(material, ours.layer.name):
        places.uv_map = layer.name
    mark(material, image, layer, owns_layer)


def _keep(material: bpy.types.Material, node: bpy.types.Node, undo: ExitStack) -> None:
    """Register an undo that restores a material and the node that shows its picture."""
    image, colour, marks = node.image, tuple(material.diffuse_color), marks_of(material)
    places = _uv_nodes(material, marks["uv_map"])

    def restore() -> None:
        node.image, material.diffuse_color, material[PROPERTY] = image, colour, marks
        for place in places:
            place.uv_map = marks["uv_map"]

    undo.callback(restore)


def _uv_nodes(material: bpy.types.Material, layer: str) -> list[bpy.types.Node]:
    return [node for node in material.node_tree.nodes if node.type == "UVMAP" and node.uv_map == layer]


def forget_unused() -> None:
    """Remove pictures that were made here and that nothing shows any more."""
    for image in [image for image in bpy.data.images if PROPERTY in image and not image.users]:
        bpy.data.images.remove(image)


def _layer_for(
    mesh: bpy.types.Mesh, corners: np.ndarray, undo: ExitStack
) -> tuple[bpy.types.MeshUVLoopLayer | None, bool]:
    """Return the UV map with these UVs (L, 2), or a new one, and whether it is new; None if there is no room."""
    for layer in mesh.uv_layers:
        if alike(read_uv(layer), corners):
            return layer, False
    if len(mesh.uv_layers) >= MOST_UV_MAPS:
        return None, False
    layer = mesh.uv_layers.new(name=CLIP_COLOURS, do_init=False)
    name = layer.name
    undo.callback(lambda: mesh.uv_layers.remove(mesh.uv_layers[name]))
    write_uv(layer, corners)
    return mesh.uv_layers[name], True


def _corners(mesh: bpy.types.Mesh, motion: Motion) -> np.ndarray | None:
    """Return a result's UVs (L, 2) at the corners of a mesh; None if its faces differ or the result has no colours."""
    if motion.coat is None:
        return None
    triangles = read_triangles(mesh)
    found = motion.coat.uv_on(motion.faces, triangles)
    if found is None:
        return None
    loops = read_all(mesh.loop_triangles, "loops", 3, kind=np.int32).ravel()
    corners = np.zeros((len(mesh.loops), 2), np.float32)
    corners[loops] = found.reshape(-1, 2)
    return corners
