"""The mesh that was animated, as a glTF document, with the animation's vertices found in its primitives.

A .glb or .gltf file is taken as it is. Any other format is turned into glTF by trimesh. A mesh that was coloured here has
these colours; another one of the model's own is plain clay. Where the document splits or reorders vertices, as trimesh does
along the UV seams of an .obj, they are matched by place: vertices at one place move together.
"""

import copy
import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import trimesh
from scipy.spatial import KDTree

from ..animation import Animation
from ..errors import MeshError
from ..geometry.gltf_scene import shown_primitives, to_world
from ..geometry.mesh_files import load_mesh
from .coated_document import coated_document
from .gltf_document import Document, add_to

log = logging.getLogger(__name__)

CLAY = (0.5, 0.33, 0.23, 1.0)
SAME_PLACE = 1e-5
"""Vertices closer than this share of the mesh's longest side are at one place."""


@dataclass(frozen=True)
class Block:
    """A primitive of the scene.

    Args:
        node: index of its node.
        primitive: its JSON.
        to_world: (4, 4) float64, from the primitive's space to the animation's.
        positions: (n, 3) float64, in the primitive's space.
        rows: (n,) int, the animation's vertex that each of its vertices follows.
    """

    node: int
    primitive: dict
    to_world: np.ndarray
    positions: np.ndarray
    rows: np.ndarray

    def to_local(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 3) of the animation's space -> float64 in the primitive's space.

        The pseudo-inverse lets a node that is scaled to nothing in one direction stay flat.
        """
        return (points - self.to_world[:3, 3]) @ np.linalg.pinv(self.to_world[:3, :3]).T


@dataclass(frozen=True)
class Source:
    """A document, its surfaces, and the mesh that was animated, at rest: `vertices` (V, 3) and `faces` (F, 3)."""

    document: Document
    blocks: list[Block]
    vertices: np.ndarray
    faces: np.ndarray


def open_source(animation: Animation, path: Path | None) -> Source:
    """The mesh at `path`; with a warning the animation's own mesh instead when that is not the one that was animated.

    A mesh that was coloured here is shown in these colours, and without its file's materials and hierarchy.

    Args:
        path: the file that `animation` was made from; None when the model made the mesh.
    """
    if path is not None and animation.appearance is None:
        try:
            return _open_file(animation, path)
        except (MeshError, ValueError, KeyError, IndexError, TypeError) as error:
            log.warning(
                "The result is saved without the materials of %s: %s",
                path,
                error,
                exc_info=not isinstance(error, MeshError),
            )
    rest = animation.vertices[animation.reference_frame]
    if animation.appearance is not None:
        document, rows = coated_document(rest, animation.faces, animation.appearance)
        return _open_document(document, rest, animation.faces, rows)
    mesh = trimesh.Trimesh(rest, animation.faces, process=False)
    return _open_document(_from_trimesh(mesh.scene(), Path()), rest, animation.faces)


def copy_source(source: Source) -> Source:
    """A copy whose document can be changed."""
    document = copy.deepcopy(source.document)
    primitives = shown_primitives(document.json)
    blocks = [replace(block, primitive=content) for block, (_, content) in zip(source.blocks, primitives, strict=True)]
    return replace(source, document=document, blocks=blocks)


def _open_file(animation: Animation, path: Path) -> Source:
    is_gltf = path.suffix.lower() in (".glb", ".gltf")
    document = Document.read(path) if is_gltf else _convert(path)
    vertices = load_mesh(path).vertices
    if len(vertices) != animation.vertices.shape[1]:
        raise MeshError(f"It has {len(vertices)} vertices, the animation {animation.vertices.shape[1]}.")
    return _open_document(document, vertices, animation.faces)


def _convert(path: Path) -> Document:
    try:
        scene = trimesh.load_scene(path, process=False)
    except Exception as error:  # trimesh lets through whatever its readers meet
        raise MeshError(f"{path} cannot be read.", "Export it again.") from error
    return _from_trimesh(scene, path)


def _from_trimesh(scene: trimesh.Scene, path: Path) -> Document:
    document = Document.parse(scene.export(file_type="glb", include_normals=True), path)
    for mesh in document.json["meshes"]:
        for primitive in mesh["primitives"]:
            if "material" not in primitive:
                colour = (1.0, 1.0, 1.0, 1.0) if "COLOR_0" in primitive["attributes"] else CLAY
                material = {"pbrMetallicRoughness": {"baseColorFactor": list(colour)}}
                primitive["material"] = add_to(document.json, "materials", material)
    for material in document.json["materials"]:  # glTF's own default is bare metal, which no source here means
        shading = material.setdefault("pbrMetallicRoughness", {})
        shading |= {"metallicFactor": 0.0, "roughnessFactor": shading.get("roughnessFactor", 0.8)}
    return document


def _open_document(document: Document, vertices: np.ndarray, faces: np.ndarray, rows: np.ndarray | None = None) -> Source:
    """Finds the surfaces of a document; `rows`, which vertex each of its own is, is found by place unless given."""
    _separate_meshes(document.json)
    primitives = list(shown_primitives(document.json))
    positions = [document.array(content["attributes"]["POSITION"]).astype(np.float64) for _, content in primitives]
    world = [to_world(local, found.world) for local, (found, _) in zip(positions, primitives, strict=True)]
    if rows is None:
        rows = _match(np.concatenate([np.empty((0, 3)), *world]), vertices)
    blocks = [
        Block(found.node, content, found.world, local, rows[found.vertices])
        for (found, content), local in zip(primitives, positions, strict=True)
    ]
    return Source(document, blocks, vertices, faces)


def _separate_meshes(gltf: dict) -> None:
    """Copies a mesh that several nodes share for each further node: their vertices move differently."""
    seen = set()
    for node in dict.fromkeys(found.node for found, _ in shown_primitives(gltf)):
        entry = gltf["nodes"][node]
        if entry["mesh"] in seen:
            entry["mesh"] = add_to(gltf, "meshes", copy.deepcopy(gltf["meshes"][entry["mesh"]]))
        seen.add(entry["mesh"])


def _match(points: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """(len(points),) int: the same order if they are the same vertices, else the vertex at the same place."""
    tolerance = SAME_PLACE * float(np.ptp(vertices, axis=0).max())
    if points.shape == vertices.shape and np.abs(points - vertices).max() <= tolerance:
        return np.arange(len(points))
    distances, rows = KDTree(vertices).query(points)
    if not len(points) or distances.max() > tolerance:
        raise MeshError("Its vertices are not where the animation has them.", "Animate this mesh again.")
    return rows
