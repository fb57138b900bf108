"""A painted mesh as a glTF document: vertices split along UV seams, smooth normals, one picture."""

import numpy as np

from ..geometry.surface import vertex_normals
from ..painting.coat import Coat
from .gltf_document import Document

LINEAR, LINEAR_MIPMAPS, CLAMPED = 9729, 9987, 33071


def coated_document(vertices: np.ndarray, faces: np.ndarray, coat: Coat) -> tuple[Document, np.ndarray]:
    """Return a document of one node, and the mesh's vertex (R,) of each of its R vertices.

    Args:
        vertices: (V, 3) at rest; faces: (F, 3).
        coat: the mesh's UVs and picture.
    """
    rows, uv, split = coat.split(faces)
    document = Document({"asset": {"version": "2.0", "generator": "ActionMesh"}}, bytearray(), [])
    position, normal = document.add_vectors(np.stack([vertices[rows], vertex_normals(vertices, faces)[rows]]))
    attributes = {"POSITION": position, "NORMAL": normal, "TEXCOORD_0": document.add_attribute(uv * (1, -1) + (0, 1))}
    primitive = {"attributes": attributes, "indices": document.add_indices(split), "material": 0}
    document.add_picture(coat.png, "image/png")
    wrap = {"wrapS": CLAMPED, "wrapT": CLAMPED}
    shading = {"baseColorTexture": {"index": 0}, "metallicFactor": 0.0, "roughnessFactor": 1.0}
    document.json |= {
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "ActionMesh"}],
        "meshes": [{"primitives": [primitive], "name": "ActionMesh"}],
        "materials": [{"name": "ActionMesh", "pbrMetallicRoughness": shading}],
        "textures": [{"source": 0, "sampler": 0}],
        "samplers": [{"magFilter": LINEAR, "minFilter": LINEAR_MIPMAPS, **wrap}],
    }
    return document, rows
