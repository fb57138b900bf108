"""Conversion of an .obj, .ply or .stl mesh to a glTF document with its UVs, colours and materials.

Vertices are split along the seams of UVs and normals. The mesh's vertex of each split vertex is recorded, not guessed
from its place.
"""

from pathlib import Path

import numpy as np
import trimesh
from trimesh.visual import ColorVisuals, TextureVisuals
from trimesh.visual.material import PBRMaterial

from ..geometry.gltf_scene import shown_primitives
from ..geometry.mesh import Mesh
from ..geometry.surface import vertex_normals
from .gltf_document import Document, add_to
from .plain_parts import Part, parts_of

CLAY = (0.5, 0.33, 0.23, 1.0)


def plain_document(mesh: Mesh) -> tuple[Document, np.ndarray]:
    """Return a document of the mesh's file, and the mesh's vertex (R,) of each of its R vertices.

    The document's vertices are relative to the mesh's origin. Its notes name what was left out.
    """
    assert mesh.path is not None
    made = parts_of(mesh, mesh.path)
    smooth = vertex_normals(mesh.vertices, mesh.faces)
    document, rows = document_of(made.parts, mesh.vertices, smooth, mesh.path)
    document.notes += made.notes
    return document, rows


def document_of(parts: list[Part], vertices: np.ndarray, smooth: np.ndarray, path: Path) -> tuple[Document, np.ndarray]:
    """Return a document of a mesh's parts, and the mesh's vertex (R,) of each of its R vertices.

    Args:
        parts: the mesh's triangles.
        vertices: (V, 3) of the mesh.
        smooth: (V, 3) normals for the parts that have none.
        path: names the file in messages.
    """
    scene, followed = trimesh.Scene(), {}
    for number, part in enumerate(parts):
        made, followed[f"part_{number}"] = _trimesh_of(part, vertices, smooth)
        scene.add_geometry(made, node_name=f"part_{number}", geom_name=f"part_{number}")
    document = Document.parse(scene.export(file_type="glb", include_normals=True), path)
    _finish_materials(document.json)
    meshes = [document.json["meshes"][primitive.mesh] for primitive, _ in shown_primitives(document.json)]
    return document, np.concatenate([followed[mesh["name"]] for mesh in meshes])


def _trimesh_of(part: Part, vertices: np.ndarray, smooth: np.ndarray) -> tuple[trimesh.Trimesh, np.ndarray]:
    """Return a part with one vertex for each set of vertex, UV and normal, and the mesh's vertex (n,) of each."""
    flat = part.rows.ravel()
    given = [values.reshape(len(flat), -1) for values in (part.uv, part.normals) if values is not None]
    if given:
        _, first, inverse = np.unique(np.column_stack([flat, *given]), axis=0, return_index=True, return_inverse=True)
    else:
        _, first, inverse = np.unique(flat, return_index=True, return_inverse=True)
    rows = flat[first]
    normals = smooth[rows] if part.normals is None else part.normals.reshape(-1, 3)[first]
    made = trimesh.Trimesh(vertices[rows], inverse.reshape(-1, 3), vertex_normals=normals, process=False)
    if part.uv is not None:
        clay = PBRMaterial(baseColorFactor=(255 * np.array(CLAY)).astype(np.uint8))
        made.visual = TextureVisuals(uv=part.uv.reshape(-1, 2)[first], material=part.material or clay)
    elif part.material is not None:
        made.visual = TextureVisuals(material=part.material)
    elif part.colours is not None and len(part.colours) == len(vertices):
        made.visual = ColorVisuals(made, vertex_colors=part.colours[rows])
    elif part.colours is not None:
        made.visual = ColorVisuals(made, face_colors=part.colours)
    return made, rows


def _finish_materials(gltf: dict) -> None:
    for mesh in gltf["meshes"]:
        for primitive in mesh["primitives"]:
            if "material" not in primitive:
                colour = (1.0, 1.0, 1.0, 1.0) if "COLOR_0" in primitive["attributes"] else CLAY
                material = {"pbrMetallicRoughness": {"baseColorFactor": list(colour)}}
                primitive["material"] = add_to(gltf, "materials", material)
    for material in gltf["materials"]:  # glTF's default is bare metal, which none of these formats means
        shading = material.setdefault("pbrMetallicRoughness", {})
        shading |= {"metallicFactor": 0.0, "roughnessFactor": shading.get("roughnessFactor", 0.8)}
