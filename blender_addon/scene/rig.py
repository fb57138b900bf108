"""What makes the rig of an imported file the same as another's, whatever the character is called or how it is painted.

Characters of one rig often share their motions too: none may be in a training set and in the set that judges it.
"""

import hashlib

import bpy
import numpy as np

from .meshes import read_triangles

FEWEST = 3
"""Bones; smaller armatures only carry a mesh."""
STEP = 0.01
"""Share of a skeleton's size to which lengths are rounded."""


def rigs_of_file() -> list[str]:
    """Return what identifies the rigs that are open; two files share a rig where they have one of these in common.

    An armature has two: its bones' names and parents, and its tree with the lengths at rest, without names. A file without
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
    """A bone and all below it: how far each begins from where its parent begins, children in the order of these texts."""
    length = (bone.head_local - bone.parent.head_local).length / size if bone.parent else 0.0
    return f"({round(length / STEP)}{''.join(sorted(_branch(child, size) for child in bone.children))})"


def _by_mesh() -> str:
    pieces = sorted(read_triangles(item.data).tobytes() for item in bpy.data.objects if item.type == "MESH")
    return f"mesh:{_digest(b'|'.join(pieces))}"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
