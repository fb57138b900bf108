"""The mesh that was animated, as a glTF document, with the animation's vertices found in its primitives.

A .glb or .gltf file is taken as it is; any other format is turned into glTF, see `plain_source`. A mesh that was coloured here
has these colours; another one of the model's own is plain clay.
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
"""Of what a vertex's matrix stretches most: what it stretches less is flat."""


@dataclass(frozen=True, eq=False)
class Block:
    """A primitive of the scene.

    Args:
        node: index of its node.
        primitive: its JSON.
        to_world: from the primitive's space to the animation's: (4, 4) float64, or of a skin (n, 4, 4).
        positions: (n, 3) float64, in the primitive's space, with its own morph targets by their default weights.
        added: (n, 3) float64, what these targets add; and `added_normals`.
        rows: (n,) int, the animation's vertex that each of its vertices follows.
    """

    node: int
    primitive: dict
    to_world: np.ndarray
    positions: np.ndarray
    added: np.ndarray
    added_normals: np.ndarray
    rows: np.ndarray

    @cached_property
    def _back(self) -> np.ndarray:
        """(3, 3) or (n, 3, 3); the pseudo-inverse lets what is scaled to nothing in one direction stay flat."""
        return np.linalg.pinv(self.to_world[..., :3, :3], rcond=FLAT)

    def to_local(self, points: np.ndarray, which: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Points (..., m, 3) of the animation's space -> float64 in the primitive's space.

        Args:
            which: of the block's vertices, those that the points are; all of them by default.
        """
        if self.to_world.ndim == 2:
            return (points - self.to_world[:3, 3]) @ self._back.T
        return np.einsum("nij,...nj->...ni", self._back[which], points - self.to_world[which, :3, 3])


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
    """A copy whose document can be changed."""
    document = copy.deepcopy(source.document)
    primitives = shown_primitives(document.json)
    blocks = [replace(block, primitive=content) for block, (_, content) in zip(source.blocks, primitives, strict=True)]
    return replace(source, document=document, blocks=blocks)


def open_file(animation: Animation, path: Path, mesh: Mesh | None = None) -> Source:
    """The mesh at `path`, with all that its file tells of it.

    Args:
        mesh: what `load_mesh` gives of it, if the caller has it already.
    Raises:
        MeshError: it cannot be read, or is not the mesh that was animated.
    """
    origin = animation.origin
    mesh = mesh or load_mesh(path, origin)
    if len(mesh.vertices) != animation.vertices.shape[1]:
        raise MeshError(f"It has {len(mesh.vertices)} vertices, the animation {animation.vertices.shape[1]}.")
    with naming_damage(path):
        if path.suffix.lower() in (".glb", ".gltf"):
            document = Document.read(path)
            tidy(document)
            return _open_document(document, mesh.vertices, animation.faces, origin, np.arange(len(mesh.vertices)))
        document, rows = plain_document(mesh)
        return _open_document(_moved(document, origin), mesh.vertices, animation.faces, origin, rows)


def _moved(document: Document, origin: np.ndarray) -> Document:
    """Put a document whose vertices count from `origin` where it belongs, by a node above all others."""
    if origin.any():
        for scene in document.json["scenes"]:
            above = {"name": "origin", "translation": origin.tolist(), "children": scene["nodes"]}
            scene["nodes"] = [add_to(document.json, "nodes", above)]
    return document


def _open_document(
    document: Document, vertices: np.ndarray, faces: np.ndarray, origin: np.ndarray, rows: np.ndarray
) -> Source:
    """Finds the surfaces of a document, in which `rows` says which vertex each of its own is."""
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
                f"The skin of nodes[{primitive.node}] squeezes {flat} vertices flat: they move in part only."
            )
    return Source(document, blocks, vertices, faces)


def _flat(world: np.ndarray) -> int:
    """How many vertices a skin squeezes so that some motions cannot reach them; a node that is flat was meant to be."""
    if world.ndim == 2:
        return 0
    stretch = np.linalg.svd(world[:, :3, :3], compute_uv=False)
    return int((stretch[:, 2] <= FLAT * stretch[:, 0]).sum())


def _separate_meshes(gltf: dict) -> None:
    """Copies a mesh that several nodes share for each further node: their vertices move differently."""
    seen = set()
    for node in dict.fromkeys(found.node for found, _ in shown_primitives(gltf)):
        entry = gltf["nodes"][node]
        if entry["mesh"] in seen:
            entry["mesh"] = add_to(gltf, "meshes", copy.deepcopy(gltf["meshes"][entry["mesh"]]))
        seen.add(entry["mesh"])
