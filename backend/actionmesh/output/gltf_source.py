"""The animated mesh as a glTF document, with the animation's vertex of each vertex of its primitives.

A .glb or .gltf file is used as it is; other formats are converted, see `plain_source`. A mesh that was painted here
keeps its paint; any other mesh that the model made is plain clay.
"""

import copy
import logging
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from ..animation import Animation
from ..errors import MeshError
from ..geometry.gltf_pose import Poser
from ..geometry.gltf_scene import placed_primitives, shown_primitives
from ..geometry.mesh import Mesh
from ..geometry.mesh_files import load_mesh
from ..geometry.reading import DAMAGED, naming_damage
from ..geometry.surface import vertex_normals
from .coated_document import coated_document
from .gltf_document import Document, add_to
from .gltf_tidy import tidy
from .plain_parts import Part
from .plain_source import document_of, plain_document

log = logging.getLogger(__name__)

FLAT = 1e-7
"""A vertex's matrix is flat in a direction if it stretches it by at most this share of its largest stretch."""


@dataclass(frozen=True, eq=False)
class Block:
    """A primitive of the scene.

    Args:
        node: the index of the primitive's node.
        primitive: the primitive's JSON.
        to_world: from the primitive's space to the animation's: (4, 4) float64, or (n, 4, 4) for a skin.
        positions: (n, 3) float64, in the primitive's space, with its own morph targets at their default weights.
        added, added_normals: (n, 3) float64, what these targets add to the positions and normals.
        rows: (n,) int, the animation's vertex that each vertex follows.
    """

    node: int
    primitive: dict
    to_world: np.ndarray
    positions: np.ndarray
    added: np.ndarray
    added_normals: np.ndarray
    rows: np.ndarray

    @cached_property
    def back(self) -> np.ndarray:
        """(3, 3) or (n, 3, 3); with the pseudo-inverse, a direction that is scaled to 0 stays flat."""
        return np.linalg.pinv(self.to_world[..., :3, :3], rcond=FLAT)

    def to_local(self, points: np.ndarray, which: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Return points (..., m, 3) of the animation's space in the primitive's space, float64.

        Args:
            which: the block's vertices that the points belong to; all of them by default.
        """
        if self.to_world.ndim == 2:
            return (points - self.to_world[:3, 3]) @ self.back.T
        return np.einsum("nij,...nj->...ni", self.back[which], points - self.to_world[which, :3, 3])


@dataclass(frozen=True)
class Source:
    """A document, its surfaces, and the animated mesh at rest: `vertices` (V, 3) and `faces` (F, 3)."""

    document: Document
    blocks: list[Block]
    vertices: np.ndarray
    faces: np.ndarray


def open_source(animation: Animation, path: Path | None) -> Source:
    """Open the mesh at `path`; if it is not the mesh that was animated, log a warning and use the animation's mesh.

    A mesh that was painted here has its paint, but not the materials and hierarchy of its file.

    Args:
        path: the file that `animation` was made from; None if the model made the mesh.
    """
    if path is not None and animation.appearance is None:
        try:
            source = open_file(animation, path)
            for note in source.document.notes:
                log.warning("%s: %s", path, note)
            return source
        except (MeshError, *DAMAGED) as error:
            log.warning(
                "The result is saved without the materials of %s: %s",
                path,
                error,
                exc_info=not isinstance(error, MeshError),
            )
    rest, faces = animation.vertices[animation.reference_frame], animation.faces
    if animation.appearance is not None:
        document, rows = coated_document(rest, faces, animation.appearance)
    else:
        document, rows = document_of([Part(faces)], rest, vertex_normals(rest, faces), Path())
    return _open_document(_moved(document, animation.origin), rest, faces, animation.origin, rows)


def copy_source(source: Source) -> Source:
    """Return a copy whose document can be changed independently."""
    document = copy.deepcopy(source.document)
    primitives = shown_primitives(document.json)
    blocks = [replace(block, primitive=content) for block, (_, content) in zip(source.blocks, primitives, strict=True)]
    return replace(source, document=document, blocks=blocks)


def open_file(animation: Animation, path: Path, mesh: Mesh | None = None) -> Source:
    """Open the mesh at `path`, with everything that its file contains.

    Args:
        mesh: the result of `load_mesh`, if the caller has it already.
    Raises:
        MeshError: the file cannot be read, or is not the mesh that was animated.
    """
    origin = animation.origin
    mesh = mesh or load_mesh(path, origin)
    if len(mesh.vertices) != animation.vertices.shape[1]:
        raise MeshError(f"It has {len(mesh.vertices)} vertices, but the animation has {animation.vertices.shape[1]}.")
    with naming_damage(path):
        if path.suffix.lower() in (".glb", ".gltf"):
            document = Document.read(path)
            tidy(document)
            return _open_document(document, mesh.vertices, animation.faces, origin, np.arange(len(mesh.vertices)))
        document, rows = plain_document(mesh)
        return _open_document(_moved(document, origin), mesh.vertices, animation.faces, origin, rows)


def _moved(document: Document, origin: np.ndarray) -> Document:
    """Move a document whose vertices are relative to `origin` to its place, with a new root node."""
    if origin.any():
        for scene in document.json["scenes"]:
            above = {"name": "origin", "translation": origin.tolist(), "children": scene["nodes"]}
            scene["nodes"] = [add_to(document.json, "nodes", above)]
    return document


def _open_document(
    document: Document, vertices: np.ndarray, faces: np.ndarray, origin: np.ndarray, rows: np.ndarray
) -> Source:
    """Return a document's source; `rows` gives the animation's vertex of each of the document's vertices."""
    _separate_meshes(document.json)
    found = list(placed_primitives(document.json, document.array))
    poser, blocks = Poser(document.json, document.array), []
    for primitive, content, placed in found:
        node, shape = document.json["nodes"][primitive.node], placed.positions.shape
        world = placed.world.copy()
        world[..., :3, 3] -= origin
        added, turned = (poser.morphed(node, content, name, shape) for name in ("POSITION", "NORMAL"))
        blocks.append(Block(primitive.node, content, world, placed.positions, added, turned, rows[primitive.vertices]))
        if flat := _flat(world):
            document.notes.append(
                f"The skin of nodes[{primitive.node}] flattens {flat} vertices: they can move only partly."
            )
    return Source(document, blocks, vertices, faces)


def _flat(world: np.ndarray) -> int:
    """Return how many vertices a skin flattens, so that they cannot follow some motions; a flat node is intended."""
    if world.ndim == 2:
        return 0
    stretch = np.linalg.svd(world[:, :3, :3], compute_uv=False)
    return int((stretch[:, 2] <= FLAT * stretch[:, 0]).sum())


def _separate_meshes(gltf: dict) -> None:
    """Give every node its own copy of a shared mesh, because the nodes' vertices move differently."""
    seen = set()
    for node in dict.fromkeys(found.node for found, _ in shown_primitives(gltf)):
        entry = gltf["nodes"][node]
        if entry["mesh"] in seen:
            entry["mesh"] = add_to(gltf, "meshes", copy.deepcopy(gltf["meshes"][entry["mesh"]]))
        seen.add(entry["mesh"])
