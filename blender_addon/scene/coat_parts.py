"""The parts that colour a result in a .blend: a UV map, a packed picture, and a matte material that shows it.

All parts are marked, so that they can be recognised later, as can an artist's changes to them.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from ..errors import MotionError
from ..motion.coat import Coat
from .key_blocks import PROPERTY
from .meshes import read_uv


@dataclass(frozen=True)
class Dress:
    """A material made here: its slot, the node that shows its picture, and the UV map of the picture."""

    slot: int
    material: bpy.types.Material
    node: bpy.types.Node
    layer: bpy.types.MeshUVLoopLayer

    @property
    def is_as_made(self) -> bool:
        """Whether the UVs were not edited and the picture was not painted over."""
        image, mark = self.node.image, self.material[PROPERTY]
        packed = image.packed_file
        if image.is_dirty or packed is None or _hash(packed.data) != mark.get("picture"):
            return False
        return _hash(read_uv(self.layer).tobytes()) == mark.get("uv")

    @property
    def owns_layer(self) -> bool:
        """Whether the UV map was made here too and is not one of the artist's."""
        return bool(self.material[PROPERTY].get("owns_layer"))


def find_dress(object: bpy.types.Object) -> Dress | None:
    """Return an object's first material that was made here and still has a picture and a UV map of ours."""
    for number, slot in enumerate(object.material_slots):
        mark = slot.material.get(PROPERTY) if slot.material else None
        if mark is None or not hasattr(mark, "get") or slot.material.node_tree is None:
            continue
        layer = object.data.uv_layers.get(str(mark.get("uv_map", "")))
        node = next(_shown_pictures(slot.material), None)
        if node is not None and layer is not None:
            return Dress(number, slot.material, node, layer)
    return None


def _shown_pictures(material: bpy.types.Material) -> Iterator[bpy.types.Node]:
    for node in material.node_tree.nodes:
        if node.type == "TEX_IMAGE" and node.image is not None and PROPERTY in node.image:
            yield node


def uv_layer_of(mesh: bpy.types.Mesh, corner_uv: np.ndarray, name: str) -> bpy.types.MeshUVLoopLayer:
    """Return a new UV map of a mesh whose faces are triangles, with the UVs (F, 3, 2) of their corners."""
    layer = mesh.uv_layers.new(name=name, do_init=False)
    write_uv(layer, corner_uv.reshape(-1, 2))
    return layer


def coloured_material(
    name: str,
    coat: Coat,
    layer: bpy.types.MeshUVLoopLayer,
    made: list[bpy.types.ID],
    by_name: bool = False,
    owns_layer: bool = True,
) -> bpy.types.Material:
    """Return a new matte material with a coat's picture; everything that is made is added to `made` at once.

    Args:
        layer: the UV map of the picture.
        by_name: let the material name the UV map, so that it does not matter which of several is the active one.
        owns_layer: whether the UV map was made for it and may be overwritten later.
    Raises:
        MotionError: the picture is damaged.
    """
    image = new_picture(name, coat, made)
    material = bpy.data.materials.new(name)
    made.append(material)
    if material.node_tree is None:
        material.use_nodes = True
    tree = material.node_tree
    surface = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
    surface.inputs["Roughness"].default_value = 1.0
    texture = tree.nodes.new("ShaderNodeTexImage")
    texture.location = surface.location.x - 320, surface.location.y
    texture.image, texture.extension = image, "EXTEND"
    tree.links.new(texture.outputs["Color"], surface.inputs["Base Color"])
    if coat.has_alpha:
        tree.links.new(texture.outputs["Alpha"], surface.inputs["Alpha"])
    if by_name:
        places = tree.nodes.new("ShaderNodeUVMap")
        places.location = texture.location.x - 220, texture.location.y - 200
        places.uv_map = layer.name
        tree.links.new(places.outputs["UV"], texture.inputs["Vector"])
    tree.nodes.active = texture  # Solid shading shows the active texture
    material.diffuse_color = mean_colour(image)
    mark(material, image, layer, owns_layer)
    return material


def new_picture(name: str, coat: Coat, made: list[bpy.types.ID]) -> bpy.types.Image:
    """Return a coat's picture as an image packed into the .blend.

    Raises:
        MotionError: the picture is damaged.
    """
    image = bpy.data.images.new(name, 1, 1, alpha=coat.has_alpha)
    made.append(image)
    image.pack(data=coat.png, data_len=len(coat.png))
    image.source = "FILE"
    image.filepath_raw = f"//{bpy.path.clean_name(name)}.png"
    image[PROPERTY] = True
    if 0 in image.size or not image.has_data:  # asking for the size loads the picture
        raise MotionError("The picture of the result is damaged.", "Run the job again.")
    return image


def mean_colour(image: bpy.types.Image) -> tuple[float, float, float, float]:
    """Return an image's mean colour, linear, for views that show one colour per material."""
    values = np.empty(image.size[0] * image.size[1] * 4, np.float32)
    image.pixels.foreach_get(values)
    red, green, blue = (values.reshape(-1, 4)[:, :3].mean(axis=0, dtype=np.float64) ** 2.2).tolist()
    return red, green, blue, 1.0


def mark(
    material: bpy.types.Material, image: bpy.types.Image, layer: bpy.types.MeshUVLoopLayer, owns_layer: bool
) -> None:
    """Store with the material what it is made of."""
    facts = {"uv_map": layer.name, "uv": _hash(read_uv(layer).tobytes()), "picture": _hash(image.packed_file.data)}
    material[PROPERTY] = marks_of(material) | facts | {"owns_layer": owns_layer}


def marks_of(material: bpy.types.Material) -> dict[str, Any]:
    """Return what is stored with a material."""
    return material[PROPERTY].to_dict() if PROPERTY in material else {}


def _hash(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def write_uv(layer: bpy.types.MeshUVLoopLayer, corners: np.ndarray) -> None:
    layer.uv.foreach_set("vector", np.ascontiguousarray(corners, np.float32).ravel())


def alike(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and bool(np.allclose(one, other, rtol=0, atol=1e-6))
