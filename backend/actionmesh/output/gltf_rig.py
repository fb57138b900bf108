"""A rigged animation as glTF 2.0: one skin, joints with a translation and a rotation in every pose.

The mesh keeps its UVs and materials. Its vertices move into the animation's space and its own targets, skins and
animations are left out, with a warning, because the new skin replaces what they did. Its other nodes, such as cameras,
stay still.
"""

import logging
from dataclasses import asdict
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from ..animation import Animation
from ..files.atomic import write_atomically
from ..geometry.gltf_nodes import roots_of
from ..geometry.gltf_scene import has_triangles, triangles_of
from ..rigging.rig import Rig
from .gltf import ANIMATION_NAME, unit
from .gltf_document import Document, add_to
from .gltf_source import Block, Source, open_source

SKELETON_NAME = "Skeleton"
log = logging.getLogger(__name__)


def write_rigged_glb(animation: Animation, rig: Rig, path: Path, source_mesh: Path | None) -> None:
    """Write a .glb whose bones play the animation.

    Args:
        animation: the rig's; its times increase.
        path: the file to write.
        source_mesh: the mesh that was animated, for its UVs and materials; None for one that the model made.
    Raises:
        OutputError: the file cannot be written, or would be over 4 GiB.
    """
    data = rigged_document(open_source(animation, source_mesh), animation, rig).to_glb()
    write_atomically(path, lambda part: part.write_bytes(data))


def rigged_document(source: Source, animation: Animation, rig: Rig) -> Document:
    """Turn the source's document into one with a skin and an animation of its joints, and return it."""
    document = source.document
    _tell_of_animations(document.json)
    joints = _add_joints(document, animation, rig)
    document.json["skins"] = _other_skins(document.json, {block.node for block in source.blocks})
    inverse = np.tile(np.eye(4), (len(joints), 1, 1))
    inverse[:, :3, 3] = -rig.heads
    columns = inverse.transpose(0, 2, 1).reshape(-1, 16)
    skin = {"joints": joints, "inverseBindMatrices": document.add_keys(columns), "name": SKELETON_NAME}
    number = add_to(document.json, "skins", skin)
    for block in source.blocks:
        _bind(document, block, animation.vertices[animation.reference_frame], rig)
    for node in reversed(dict.fromkeys(block.node for block in source.blocks)):  # a scene is read last root first
        _stand_alone(document.json, node, number)
    document.json["animations"] = [_animation(document, joints, animation, rig)]
    return document


def _tell_of_animations(gltf: dict) -> None:
    """Log the source's own animations: they move joints and morph targets that the new skin replaces."""
    count = len(gltf.get("animations", []))
    if count:
        log.warning("The mesh's own animations (%d) are left out: the new bones replace what they moved.", count)


def _other_skins(gltf: dict, mine: set[int]) -> list[dict]:
    """Return the skins to keep: all, if a node outside the scene needs one, so that their numbers stay."""
    needed = any("skin" in node for index, node in enumerate(gltf["nodes"]) if index not in mine)
    return gltf.get("skins", []) if needed else []


def _add_joints(document: Document, animation: Animation, rig: Rig) -> list[int]:
    """Add a node for each bone below those of the scene, and return their numbers."""
    gltf = document.json
    joints = []
    for bone, name in enumerate(rig.names):
        parent = rig.parents[bone]
        offset = rig.heads[bone] - (rig.heads[parent] if parent >= 0 else 0)
        joints.append(add_to(gltf, "nodes", {"name": name, "translation": offset.tolist()}))
        if parent >= 0:
            gltf["nodes"][joints[parent]].setdefault("children", []).append(joints[bone])
    above = {"name": SKELETON_NAME, "children": [joints[0]]}
    if animation.origin.any():
        above["translation"] = animation.origin.tolist()
    _show(gltf, add_to(gltf, "nodes", above))
    return joints


def _show(gltf: dict, node: int) -> None:
    """Add a root node to the scene that is shown."""
    if not gltf.get("scenes"):
        gltf["scenes"] = [{"nodes": [root for root in roots_of(gltf) if root != node]}]
    gltf["scenes"][gltf.get("scene", 0)].setdefault("nodes", []).append(node)


def _bind(document: Document, block: Block, rest: np.ndarray, rig: Rig) -> None:
    """Give a primitive its vertices in the animation's space, and their joints and weights."""
    primitive, attributes = block.primitive, block.primitive["attributes"]
    if _mirrors(block):
        faces = triangles_of(primitive, document.array, len(block.rows))[:, ::-1]
        primitive |= {"indices": document.add_indices(faces), "mode": 4}
    _turn_directions(document, block, attributes)
    for name in [name for name in attributes if name.startswith(("JOINTS_", "WEIGHTS_"))]:
        del attributes[name]
    attributes["POSITION"] = document.add_vectors(rest[block.rows][None])[0]
    attributes["JOINTS_0"] = document.add_joints(rig.influences[block.rows])
    attributes["WEIGHTS_0"] = document.add_attribute(_rounded(rig.weights[block.rows]))
    primitive.pop("targets", None)


def _turn_directions(document: Document, block: Block, attributes: dict) -> None:
    """Turn a primitive's normals and tangents into the animation's space."""
    count = len(block.rows)
    if "NORMAL" in attributes:
        normals = document.array(attributes["NORMAL"]).astype(np.float64) + block.added_normals
        turned = np.einsum("nji,nj->ni", np.broadcast_to(block.back, (count, 3, 3)), normals)
        attributes["NORMAL"] = document.add_vectors(unit(turned)[None])[0]
    if "TANGENT" in attributes:
        tangents = document.array(attributes["TANGENT"]).astype(np.float64)
        turned = np.einsum("nij,nj->ni", np.broadcast_to(block.to_world[..., :3, :3], (count, 3, 3)), tangents[:, :3])
        side = tangents[:, 3:] * (-1 if _mirrors(block) else 1)
        attributes["TANGENT"] = document.add_attribute(np.hstack([unit(turned), side]))


def _mirrors(block: Block) -> bool:
    return bool(np.median(np.sign(np.linalg.det(block.to_world[..., :3, :3]))) < 0)


def _rounded(weights: np.ndarray) -> np.ndarray:
    """Return float32 weights that still sum to 1."""
    rounded = weights.astype(np.float32)
    rounded[:, 0] = 1 - rounded[:, 1:].sum(axis=1, dtype=np.float64)
    return rounded


def _stand_alone(gltf: dict, index: int, skin: int) -> None:
    """Move a node's mesh to a new node at the root, because a skin ignores where its node is."""
    node = gltf["nodes"][index]
    mesh = gltf["meshes"][node["mesh"]]
    mesh["primitives"] = [primitive for primitive in mesh["primitives"] if has_triangles(primitive)]
    mesh.pop("weights", None)
    if isinstance(mesh.get("extras"), dict):
        mesh["extras"].pop("targetNames", None)
    for name in ("skin", "weights"):
        node.pop(name, None)
    name = node.get("name", mesh.get("name", ANIMATION_NAME))
    _show(gltf, add_to(gltf, "nodes", {"name": name, "mesh": node.pop("mesh"), "skin": skin}))


def _animation(document: Document, joints: list[int], animation: Animation, rig: Rig) -> dict:
    assert (np.diff(animation.times) > 0).all(), "times must increase"
    times = document.add_scalars(animation.times)
    samplers: list[dict] = []
    channels: list[dict] = []
    for bone, joint in enumerate(joints):
        shifts, turns = local_motion(rig, bone)
        for path, values in (("translation", shifts), ("rotation", turns)):
            channels.append({"sampler": len(samplers), "target": {"node": joint, "path": path}})
            samplers.append({"input": times, "interpolation": "LINEAR", "output": document.add_keys(values)})
    extras = {"reference_frame": animation.reference_frame, "provenance": asdict(animation.saved_provenance)}
    return {"name": ANIMATION_NAME, "samplers": samplers, "channels": channels, "extras": extras}


def local_motion(rig: Rig, bone: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a joint's translations (T, 3) and rotations (T, 4), xyzw, relative to its parent's joint.

    At rest all joints are unturned. Neighbouring rotations lie on the same side of the sphere.
    """
    world = _joint_matrices(rig, bone)
    parent = rig.parents[bone]
    local = world if parent < 0 else np.linalg.inv(_joint_matrices(rig, parent)) @ world
    turns = Rotation.from_matrix(local[:, :3, :3]).as_quat()
    flips = np.cumprod(np.where((turns[1:] * turns[:-1]).sum(axis=1) < 0, -1, 1))
    turns[1:] *= flips[:, None]
    return local[:, :3, 3], turns


def _joint_matrices(rig: Rig, bone: int) -> np.ndarray:
    matrices = rig.deforms[:, bone].copy()
    matrices[:, :3, 3] += matrices[:, :3, :3] @ rig.heads[bone]
    return matrices
