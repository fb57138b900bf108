"""Animations as glTF 2.0: one file with morph targets and a weight animation, or one file a pose.

A source in glTF keeps its UVs, materials, textures, node hierarchy and vertex order: only morph targets and an
animation are added. Every pose is one morph target, relative to the source's own mesh, and its weight is a tent: 1 at
the pose's time, linear to 0 at its neighbours'.

A skin stays, and acts after the morph targets: as long as the skeleton rests the mesh moves as animated, and a
skeleton that moves carries the animated mesh along. Morph targets and animations that the source has stay too: as
further shapes, which our animation holds at 0, and as further animations, of which ours is the first.
"""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ..animation import Animation
from ..geometry.gltf_scene import has_triangles
from .atomic import write_atomically
from .gltf_document import Document
from .gltf_source import Block, Source, copy_source, open_source

ANIMATION_NAME = "ActionMesh"


def write_animated_glb(animation: Animation, path: Path, source_mesh: Path | None) -> None:
    """Writes a .glb whose morph targets play the animation.

    Args:
        animation: its vertices are those of `load_mesh(source_mesh)`, in that order; its times increase.
        source_mesh: the mesh that was animated; None for one that the model made.
    Raises:
        OutputError: the file cannot be written, or would be over 4 GiB.
    """
    source = open_source(animation, source_mesh)
    old_targets = _add_morph_targets(source, animation)
    _add_weight_animation(source.document, old_targets, animation)
    write_atomically(path, lambda part: part.write_bytes(source.document.to_glb()))


def pose_files(animation: Animation, source_mesh: Path | None) -> Iterator[bytes]:
    """Each pose as the bytes of a .glb file of its own, with the source's UVs, materials and hierarchy."""
    source = open_source(animation, source_mesh)
    for pose in animation.vertices:
        posed = copy_source(source)
        for block in posed.blocks:
            attributes = block.primitive["attributes"]
            if "NORMAL" in attributes:
                attributes["NORMAL"] = posed.document.add_vectors(_turned_normals(posed, block, pose[None]))[0]
            attributes["POSITION"] = posed.document.add_vectors(block.to_local(pose[None, block.rows]))[0]
        yield posed.document.to_glb()


def _add_morph_targets(source: Source, animation: Animation) -> dict[int, int]:
    """Adds every pose as a morph target of every block; how many targets each animated node had before."""
    document, poses = source.document, animation.vertices
    for block in source.blocks:
        deltas = block.to_local(poses[:, block.rows]) - block.positions
        targets = [{"POSITION": accessor} for accessor in document.add_vectors(deltas)]
        if "NORMAL" in block.primitive["attributes"]:
            deltas = _turned_normals(source, block, poses) - document.array(block.primitive["attributes"]["NORMAL"])
            for target, accessor in zip(targets, document.add_vectors(deltas), strict=True):
                target["NORMAL"] = accessor
        block.primitive["targets"] = block.primitive.get("targets", []) + targets
    return {node: _extend_mesh(document, node, len(poses)) for node in dict.fromkeys(b.node for b in source.blocks)}


def _extend_mesh(document: Document, node_index: int, poses: int) -> int:
    """Names and weighs the new targets of a mesh and gives its lines and points still ones; its old target count."""
    node = document.json["nodes"][node_index]
    mesh = document.json["meshes"][node["mesh"]]
    shown = [primitive for primitive in mesh["primitives"] if "POSITION" in primitive["attributes"]]
    for primitive in shown:
        if not has_triangles(primitive):
            count = document.json["accessors"][primitive["attributes"]["POSITION"]]["count"]
            still = document.add_zeros(count)
            primitive["targets"] = primitive.get("targets", []) + [{"POSITION": still} for _ in range(poses)]
    old = len(shown[0]["targets"]) - poses
    mesh["weights"] = mesh.get("weights", [0.0] * old) + [0.0] * poses
    if "weights" in node:
        node["weights"] = node["weights"] + [0.0] * poses
    extras = mesh.setdefault("extras", {})
    if isinstance(extras, dict):
        names = extras.get("targetNames", [f"target_{k}" for k in range(old)])
        extras["targetNames"] = names + [f"pose_{k:04d}" for k in range(poses)]
    return old


def _add_weight_animation(document: Document, old_targets: dict[int, int], animation: Animation) -> None:
    """Adds the tent weights as the file's first animation, and pads the weights that its other animations move."""
    poses = len(animation.times)
    assert (np.diff(animation.times) > 0).all(), "times must increase"
    _pad_other_animations(document, old_targets, poses)
    times = document.add_scalars(animation.times)
    counts = sorted(set(old_targets.values()))
    weights = [document.add_scalars(np.hstack([np.zeros((poses, old)), np.eye(poses)]).ravel()) for old in counts]
    entry = {
        "name": ANIMATION_NAME,
        "samplers": [{"input": times, "interpolation": "LINEAR", "output": output} for output in weights],
        "channels": [
            {"sampler": counts.index(old), "target": {"node": node, "path": "weights"}}
            for node, old in old_targets.items()
        ],
        "extras": {
            "reference_frame": animation.reference_frame,
            "frame_indices": animation.frame_indices.tolist(),
            "provenance": asdict(animation.provenance),
        },
    }
    document.json.setdefault("animations", []).insert(0, entry)


def _pad_other_animations(document: Document, old_targets: dict[int, int], poses: int) -> None:
    """A key stores the weights of all targets of a mesh: in the source's own animations the new targets are 0."""
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
    """The block's own normals, turned as the surface around each vertex turns from rest to pose.

    Args:
        poses: (T, V, 3), all vertices of the animation.
    Returns:
        (T, n, 3) float64 in the block's space.
    """
    normals = source.document.array(block.primitive["attributes"]["NORMAL"]).astype(np.float64)
    used, follows = np.unique(block.rows, return_inverse=True)
    number = np.full(len(source.vertices), -1)
    number[used] = np.arange(len(used))
    faces = number[source.faces]
    faces = faces[(faces >= 0).all(axis=1)]
    before = _vertex_normals(block.to_local(source.vertices[used]), faces)[follows]
    after = (_vertex_normals(block.to_local(pose[used]), faces)[follows] for pose in poses)
    return np.stack([_turn(normals, before, pose) for pose in after])


def _vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(n, 3) area-weighted unit normals; 0 where there is no face."""
    corners = vertices[faces]
    weighted = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    sums = [np.bincount(faces.ravel(), np.repeat(weighted[:, axis], 3), len(vertices)) for axis in range(3)]
    normals = np.stack(sums, axis=1)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)


def _turn(vectors: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Rodrigues' formula: each vector (n, 3) under the smallest rotation that takes its `before` to its `after`.

    Where either is 0 the vector stays.
    """
    cosine = (before * after).sum(axis=1, keepdims=True)
    axis = np.cross(before, after)
    along = axis * (axis * vectors).sum(axis=1, keepdims=True) / np.maximum(1 + cosine, 1e-9)
    known = before.any(axis=1, keepdims=True) & after.any(axis=1, keepdims=True)
    return np.where(known, vectors * cosine + np.cross(axis, vectors) + along, vectors)
