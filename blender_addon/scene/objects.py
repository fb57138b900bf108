"""Make a new object from a motion that was found in a video alone.

It faces -Y with Z up. Its origin is under the middle of the reference pose, at the height of that pose's lowest point,
and is placed on the 3D cursor; later poses may go below it, as a crouch does before a jump. Its size is in the
vertices, so its transform is plain. It has the colours that the clip shows of it, or is plain clay if there are none.
"""

from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from ..errors import ArtistError
from ..motion.axes import to_local
from ..motion.result_file import Motion
from .coat_parts import coloured_material, uv_layer_of
from .meshes import read_basis
from .options import WriteOptions, Written
from .shape_keys import write_motion

FACING, UV_MAP = "NEG_Y", "UVMap"


@dataclass(frozen=True)
class ObjectOptions:
    """Settings of a new object.

    Args:
        name: of the object, its mesh, material and collection.
        size: metres, the longest side of the reference pose's bounding box.
        location: in the scene; None takes the 3D cursor.
        collection: name of a new collection for it; None takes `name`.
        smooth: shade smooth instead of flat.
        colour: of the clay: linear red, green, blue, alpha.
    Raises:
        ArtistError: the size is not above 0.
    """

    name: str
    size: float = 2.0
    location: tuple[float, float, float] | None = None
    collection: str | None = None
    smooth: bool = True
    colour: tuple[float, float, float, float] = (0.6, 0.57, 0.53, 1.0)

    def __post_init__(self) -> None:
        if not 0 < self.size < float("inf"):
            raise ArtistError(f"The size of the new object is {self.size} m.", "Use a number above 0.")


def new_object(
    scene: bpy.types.Scene, motion: Motion, chosen: ObjectOptions, options: WriteOptions
) -> tuple[bpy.types.Object, Written]:
    """Add an animated object in a collection of its own; if that fails, add nothing.

    Args:
        options: how the motion is written; facing, scale, origin and whether the reference pose is kept are taken from
            `chosen` instead.
    Raises:
        ArtistError: the motion has no size or cannot be written like this.
    """
    rest, scale, origin = stand(motion, chosen.size / metres_per_unit(scene))
    made: list[bpy.types.ID] = []
    try:
        object = _add_object(scene, motion, chosen, rest, made)
        placed = {"facing": FACING, "scale": scale, "origin": origin, "keep_reference_pose": True}
        return object, write_motion(object, motion, WriteOptions(**vars(options) | placed))
    except BaseException:
        bpy.data.batch_remove(made)
        raise


def metres_per_unit(scene: bpy.types.Scene) -> float:
    """Return the length of a unit; one metre if the scene has no units."""
    units = scene.unit_settings
    return 1.0 if units.system == "NONE" else units.scale_length


def stand(motion: Motion, longest: float) -> tuple[np.ndarray, float, tuple[float, float, float]]:
    """Return the reference pose as a new object's rest pose.

    Args:
        longest: longest side of its bounding box, in units.
    Returns:
        (V, 3) float32 local coordinates, the local units per unit of the motion, and the motion's origin in local
        coordinates.
    Raises:
        ArtistError: all its vertices are at one point.
    """
    local = to_local(motion.vertices[motion.reference_frame].astype(np.float64), FACING)
    low, high = local.min(axis=0), local.max(axis=0)
    side = float((high - low).max())
    if side == 0:
        raise ArtistError("The shape that was found has no size.", "Choose another reference frame.")
    middle = (low + high) / 2
    ground, scale = np.array([middle[0], middle[1], low[2]]), longest / side
    x, y, z = (-ground * scale).tolist()
    return ((local - ground) * scale).astype(np.float32), scale, (x, y, z)


def lie_of(object: bpy.types.Object, motion: Motion, facing: str) -> dict[str, Any]:
    """Return how a motion lies in an object made from one with the same reference pose: values of `WriteOptions`."""
    basis = read_basis(object.data).astype(np.float64)
    shown = to_local(motion.vertices[motion.reference_frame].astype(np.float64), facing)
    scale = float(np.ptp(basis, axis=0).max() / np.ptp(shown, axis=0).max())
    x, y, z = (basis.min(axis=0) - scale * shown.min(axis=0)).tolist()
    return {"scale": scale, "origin": (x, y, z)}


def _add_object(
    scene: bpy.types.Scene, motion: Motion, chosen: ObjectOptions, rest: np.ndarray, made: list[bpy.types.ID]
) -> bpy.types.Object:
    """Add the object at rest; add each data-block to `made` as soon as it exists."""
    mesh = bpy.data.meshes.new(chosen.name)
    made.append(mesh)
    _fill(mesh, rest, motion, chosen.smooth)
    mesh.materials.append(_material(mesh, motion, chosen, made))
    object = bpy.data.objects.new(chosen.name, mesh)
    made.append(object)
    object.location = scene.cursor.location if chosen.location is None else chosen.location
    collection = bpy.data.collections.new(chosen.collection or chosen.name)
    made.append(collection)
    collection.objects.link(object)
    scene.collection.children.link(collection)
    return object


def _fill(mesh: bpy.types.Mesh, vertices: np.ndarray, motion: Motion, smooth: bool) -> None:
    """Fill an empty mesh with its vertices (V, 3), in order, and the motion's triangles and UVs."""
    triangles = motion.faces
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", np.ascontiguousarray(vertices, np.float32).ravel())
    mesh.loops.add(triangles.size)
    mesh.loops.foreach_set("vertex_index", np.ascontiguousarray(triangles, np.int32).ravel())
    mesh.polygons.add(len(triangles))
    mesh.polygons.foreach_set("loop_start", np.arange(0, triangles.size, 3, dtype=np.int32))
    mesh.update(calc_edges=True)
    if motion.coat is not None:
        uv_layer_of(mesh, motion.coat.corner_uv, UV_MAP)
    mesh.validate()
    if smooth:
        mesh.shade_smooth()
    else:
        mesh.shade_flat()


def _material(
    mesh: bpy.types.Mesh, motion: Motion, chosen: ObjectOptions, made: list[bpy.types.ID]
) -> bpy.types.Material:
    """Return a material with the motion's colours, or clay."""
    if motion.coat is not None:
        return coloured_material(chosen.name, motion.coat, mesh.uv_layers[UV_MAP], made)
    material = _clay(chosen)
    made.append(material)
    return material


def _clay(chosen: ObjectOptions) -> bpy.types.Material:
    """Return a Principled material; from Blender 5.0 on, every new material has nodes."""
    material = bpy.data.materials.new(chosen.name)
    if material.node_tree is None:
        material.use_nodes = True
    surface = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    surface.inputs["Base Color"].default_value = chosen.colour
    surface.inputs["Roughness"].default_value = 0.6
    material.diffuse_color = chosen.colour
    return material
