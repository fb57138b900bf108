"""Identify the rig of an imported file, regardless of the character's name or colours.

Characters with the same rig often share motions, so the same rig must not be in both a training set and its test set.
"""

import hashlib

import bpy
import numpy as np

from .meshes import read_triangles

FEWEST = 3
"""Bones; a smaller armature only carries a mesh."""
STEP = 0.01
"""Share of a skeleton's size to which lengths are rounded."""


def rigs_of_file() -> list[str]:
    """Return what identifies the rigs in the open file; two files share a rig if they have one of these in common.

    An armature has two: its bones' names and parents, and its tree with the rest lengths, without names. A file without
    armatures has one: the triangles of its meshes.
    """
    armatures = [item.data for item in bpy.data.objects if item.type == "ARMATURE" and len(item.data.bones) >= FEWEST]
    found = {identity for armature in armatures for identity in (_by_names(armature), _by_lengths(armature))}
    return sorted(found or {_by_mesh()})


def _by_names(armature: bpy.types.Armature) -> str:
    lines = sorted(f"{bone.name}<{bone.parent.name if bone.parent else ''}" for bone in armature.bones)
    return f"names:{_digest(chr(10).join(lines).encode())}"


def _by_lengths(armature: bpy.types.Armature) -> str:
    heads = np.array([bone.head_local for bone in armature.bones])
    size = float(np.ptp(heads, axis=0).max()) or 1.0
    roots = sorted(_branch(bone, size) for bone in armature.bones if bone.parent is None)
    return f"lengths:{_digest(''.join(roots).encode())}"


def _branch(bone: bpy.types.Bone, size: float) -> str:
    """Return a bone and everything below it as text: the distance of each head from its parent's, children sorted."""
    length = (bone.head_local - bone.parent.head_local).length / size if bone.parent else 0.0
    return f"({round(length / STEP)}{''.join(sorted(_branch(child, size) for child in bone.children))})"


def _by_mesh() -> str:
    pieces = sorted(read_triangles(item.data).tobytes() for item in bpy.data.objects if item.type == "MESH")
    return f"mesh:{_digest(b'|'.join(pieces))}"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
