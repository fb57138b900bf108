"""Animations as glTF 2.0: one file with morph targets and a weight animation, or one file per pose.

A glTF source keeps its UVs, materials, textures, node hierarchy and vertex order; only morph targets and an animation
are added. Every pose is one morph target, relative to the source's own mesh. Its weight is 1 at the pose's time and
falls linearly to 0 at its neighbours' times.

A skin stays. It acts after the morph targets, which are therefore expressed in the space before the skin: as long as
the skeleton keeps its pose, the mesh moves as animated, and a moving skeleton carries the animated mesh along. The
source's own morph targets and animations stay too. Our animation holds those targets at their default weights, and it
comes before the source's animations.
"""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ..animation import Animation
from ..files.atomic import write_atomically
from ..geometry.gltf_pose import weights_of
from ..geometry.gltf_scene import has_triangles
from ..geometry.reading import centre_if_far
from ..geometry.triangles import summed_normals
from ..quantising import compact
from .far_nodes import hang_at
from .gltf_document import Document
from .gltf_source import Block, Source, copy_source, open_source

ANIMATION_NAME = "ActionMesh"


def write_animated_glb(
    animation: Animation, path: Path, source_mesh: Path | None, quantise: float | None = None
) -> None:
    """Write a .glb whose morph targets play the animation.

    Args:
        animation: its vertices are those of `load_mesh(source_mesh)`, in that order; its times increase.
        path: the file to write.
        source_mesh: the mesh that was animated; None for one that the model made.
        quantise: store the poses with fewer bits and only where they move, within this error in percent of a mesh's
            size; None stores them as floats.
    Raises:
        OutputError: the file cannot be written, or would be over 4 GiB.
    """
    source = open_source(animation, source_mesh)
    older = [len(source.document.json.get(name, [])) for name in ("accessors", "bufferViews")]
    data = animated_document(source, animation).to_glb()
    if quantise is not None:
        data = compact(data, quantise, *older).data
    write_atomically(path, lambda part: part.write_bytes(data))


def animated_document(source: Source, animation: Animation) -> Document:
    """Add the animation to the source's document, and return the document."""
    old_weights = _add_morph_targets(source, animation)
    _add_weight_animation(source.document, old_weights, animation)
    return source.document


def pose_files(animation: Animation, source_mesh: Path | None) -> Iterator[bytes]:
    """Yield each pose as the bytes of a separate .glb file, with the source's UVs, materials and hierarchy."""
    source = open_source(animation, source_mesh)
    for pose in animation.vertices:
        yield posed_document(source, pose).to_glb()


def posed_document(source: Source, pose: np.ndarray) -> Document:
    """Return a copy of the source's document in a pose (V, 3)."""
    posed = copy_source(source)
    positions = [block.to_local(pose[block.rows]) - block.added for block in posed.blocks]
    for node in dict.fromkeys(block.node for block in posed.blocks):
        mine = [index for index, block in enumerate(posed.blocks) if block.node == node]
        centre = np.zeros(3)
        if all(posed.blocks[index].to_world.ndim == 2 for index in mine):  # a skin ignores its node
            centre = centre_if_far(np.concatenate([positions[index] for index in mine]))
        for index in mine:
            _pose(posed, posed.blocks[index], pose, positions[index] - centre)
        if centre.any():
            hang_at(posed.document, node, centre)
    return posed.document


def _pose(posed: Source, block: Block, pose: np.ndarray, positions: np.ndarray) -> None:
    attributes = block.primitive["attributes"]
    if "NORMAL" in attributes:
        normals = unit(_turned_normals(posed, block, pose[None])) - block.added_normals
        attributes["NORMAL"] = posed.document.add_vectors(normals)[0]
    attributes["POSITION"] = posed.document.add_vectors(positions[None])[0]


def _add_morph_targets(source: Source, animation: Animation) -> dict[int, list[float]]:
    """Add every pose as a morph target of every block.

    Returns:
        for each animated node, the default weights of its old targets.
    """
    document, poses = source.document, animation.vertices
    for block in source.blocks:
        deltas = block.to_local(poses[:, block.rows]) - block.positions
        targets = [{"POSITION": accessor} for accessor in document.add_vectors(deltas)]
        if "NORMAL" in block.primitive["attributes"]:
            deltas = _turned_normals(source, block, poses) - _normals(source, block)
            for target, accessor in zip(targets, document.add_vectors(deltas), strict=True):
                target["NORMAL"] = accessor
        block.primitive["targets"] = block.primitive.get("targets", []) + targets
    return {node: _extend_mesh(document, node, len(poses)) for node in dict.fromkeys(b.node for b in source.blocks)}


def _extend_mesh(document: Document, node_index: int, poses: int) -> list[float]:
    """Name and weight a mesh's new targets, give its lines and points zero targets, and return the old weights."""
    node = document.json["nodes"][node_index]
    mesh = document.json["meshes"][node["mesh"]]
    shown = [primitive for primitive in mesh["primitives"] if "POSITION" in primitive["attributes"]]
    for primitive in shown:
        if not has_triangles(primitive):
            count = document.json["accessors"][primitive["attributes"]["POSITION"]]["count"]
            still = document.add_zeros(count)
            primitive["targets"] = primitive.get("targets", []) + [{"POSITION": still} for _ in range(poses)]
    old = len(shown[0]["targets"]) - poses
    held = (weights_of(document.json, node) or [0.0] * old)[:old]
    mesh["weights"] = mesh.get("weights", [0.0] * old) + [0.0] * poses
    if "weights" in node:
        node["weights"] = node["weights"] + [0.0] * poses
    extras = mesh.setdefault("extras", {})
    if isinstance(extras, dict):
        names = extras.get("targetNames", [f"target_{k}" for k in range(old)])
        extras["targetNames"] = names + [f"pose_{k:04d}" for k in range(poses)]
    return held


def _add_weight_animation(document: Document, old_weights: dict[int, list[float]], animation: Animation) -> None:
    """Add the pose weights as the file's first animation, and pad the weights in its other animations."""
    poses = len(animation.times)
    assert (np.diff(animation.times) > 0).all(), "times must increase"
    _pad_other_animations(document, {node: len(held) for node, held in old_weights.items()}, poses)
    times = document.add_scalars(animation.times)
    kinds = sorted({tuple(held) for held in old_weights.values()})
    weights = [document.add_scalars(np.hstack([np.tile(held, (poses, 1)), np.eye(poses)]).ravel()) for held in kinds]
    entry = {
        "name": ANIMATION_NAME,
        "samplers": [{"input": times, "interpolation": "LINEAR", "output": output} for output in weights],
        "channels": [
            {"sampler": kinds.index(tuple(held)), "target": {"node": node, "path": "weights"}}
            for node, held in old_weights.items()
        ],
        "extras": {
            "reference_frame": animation.reference_frame,
            "frame_indices": animation.frame_indices.tolist(),
            "provenance": asdict(animation.saved_provenance),
        },
    }
    document.json.setdefault("animations", []).insert(0, entry)


def _pad_other_animations(document: Document, old_targets: dict[int, int], poses: int) -> None:
    """Set the new targets' weights to 0 in the source's own animations: a key stores the weights of all targets."""
    for other in document.json.get("animations", []):
        padded = set()
        for channel in other["channels"]:
            node, sampler = channel["target"].get("node"), channel["sampler"]
            if channel["target"]["path"] != "weights" or node not in old_targets or sampler in padded:
                continue
            padded.add(sampler)
            entry = other["samplers"][sampler]
            weights = document.array(entry["output"]).reshape(-1, old_targets[node]).astype(np.float32)
            entry["output"] = document.add_scalars(np.pad(weights, ((0, 0), (0, poses))).ravel())


def _turned_normals(source: Source, block: Block, poses: np.ndarray) -> np.ndarray:
    """Return the block's own normals, rotated as the surface around each vertex rotates from rest to pose.

    Args:
        poses: (T, V, 3), all vertices of the animation.
    Returns:
        (T, n, 3) float64 in the block's space.
    """
    used, first, follows = np.unique(block.rows, return_index=True, return_inverse=True)
    number = np.full(len(source.vertices), -1)
    number[used] = np.arange(len(used))
    faces = number[source.faces]
    faces = faces[(faces >= 0).all(axis=1)]
    before = _vertex_normals(block.to_local(source.vertices[used], first), faces)[follows]
    after = (_vertex_normals(block.to_local(pose[used], first), faces)[follows] for pose in poses)
    normals = _normals(source, block)
    return np.stack([_turn(normals, before, pose) for pose in after])


def _normals(source: Source, block: Block) -> np.ndarray:
    """Return the source's normals (n, 3) float64, in the block's space."""
    return source.document.array(block.primitive["attributes"]["NORMAL"]).astype(np.float64) + block.added_normals


def _vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Return area-weighted unit normals (n, 3); 0 for vertices without a face."""
    return unit(summed_normals(vertices, faces, faces))


def unit(vectors: np.ndarray) -> np.ndarray:
    """Scale vectors (..., 3) to length 1; zero vectors stay zero."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-30)


def _turn(vectors: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Rotate each vector (n, 3) by the smallest rotation from its `before` to its `after` (Rodrigues' formula).

    If either is 0, the vector stays the same.
    """
    cosine = (before * after).sum(axis=1, keepdims=True)
    axis = np.cross(before, after)
    along = axis * (axis * vectors).sum(axis=1, keepdims=True) / np.maximum(1 + cosine, 1e-9)
    known = before.any(axis=1, keepdims=True) & after.any(axis=1, keepdims=True)
    return np.where(known, vectors * cosine + np.cross(axis, vectors) + along, vectors)
