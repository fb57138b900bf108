"""Which objects can be animated, and whether one is still the object that a job began with."""

import hashlib
import uuid
from typing import Any

import bpy
import numpy as np

from ..errors import TargetChanged, TargetError
from .animation_record import read_record
from .meshes import read_basis

KEPT = "The result stays in History."
BLENDER = uuid.uuid4().hex
"""Identifies this run of Blender: its object numbers mean nothing in another run."""
SMALLEST, LARGEST = 1e-12, 1e15
"""Limits for the longest side and the farthest coordinate; beyond them float32 loses products of lengths."""


def check_target(object: bpy.types.Object | None) -> None:
    """Raise TargetError if shape keys cannot be written to the object.

    Raises:
        TargetError: it says why, what to do, and which operator fixes it.
        TargetChanged: the object has been deleted.
    """
    _check_kind(object)
    _check_owner(object)
    _check_mode(object)
    _check_keys(object)
    _check_shape(object)


def _check_kind(object: bpy.types.Object | None) -> None:
    if object is None:
        raise TargetError("No object is selected.", "Select a mesh.")
    try:
        kind, name = object.type, object.name
    except ReferenceError as error:
        raise TargetChanged("The object was deleted.", KEPT) from error
    if kind == "EMPTY" and object.instance_type == "COLLECTION" and object.instance_collection is not None:
        problem = f"{name} shows the collection {object.instance_collection.name} and has no mesh of its own."
        raise TargetError(problem, "Make its instances real.", "object.duplicates_make_real")
    if kind != "MESH":
        raise TargetError(f"{name} is not a mesh.", "Select a mesh.")


def _check_owner(object: bpy.types.Object) -> None:
    name, mesh = object.name, object.data
    if object.override_library is not None or mesh.override_library is not None:
        raise TargetError(f"{name} is a library override.", "Make it local.", "object.make_local")
    if object.library is not None:
        raise TargetError(f"{name} is linked from {object.library.filepath}.", "Make it local.", "object.make_local")
    if mesh.library is not None:
        cure = "Make it a mesh of its own."
        raise TargetError(
            f"The mesh of {name} is linked from {mesh.library.filepath}.", cure, "object.make_single_user"
        )
    users = mesh.users - mesh.use_fake_user
    if users > 1:
        cure = "Make it a mesh of its own."
        raise TargetError(
            f"The mesh of {name} has {users} users, which would all move.", cure, "object.make_single_user"
        )


def _check_mode(object: bpy.types.Object) -> None:
    if object.mode in {"EDIT", "SCULPT"}:
        raise TargetError(f"{object.name} is being edited.", "Leave its mode first.", "object.mode_set")


def _check_keys(object: bpy.types.Object) -> None:
    key = object.data.shape_keys
    if key is not None and not key.use_relative and read_record(key) is None:
        cure = "Turn on Relative in its shape keys, or animate a copy."
        raise TargetError(f"{object.name} has absolute shape keys of its own.", cure)


def _check_shape(object: bpy.types.Object) -> None:
    name, mesh = object.name, object.data
    if not len(mesh.vertices):
        raise TargetError(f"{name} has no vertices.", "Select a mesh with a surface.")
    if not len(mesh.polygons):
        raise TargetError(f"{name} has no faces.", "Select a mesh with a surface.")
    basis = read_basis(mesh)
    if not np.isfinite(basis).all():
        broken = int((~np.isfinite(basis).all(axis=1)).sum())
        raise TargetError(
            f"{broken} of the {len(basis)} vertices of {name} are not finite (NaN).", "Delete or fix them."
        )
    if (basis == basis[0]).all():
        raise TargetError(f"All vertices of {name} are at one point.", "Select a mesh with a size.")
    reach = float(np.abs(basis).max())
    size = float((basis.max(axis=0).astype(np.float64) - basis.min(axis=0)).max())
    if size < SMALLEST or reach > LARGEST:
        cure = "Scale it to a usual size, and apply the scale."
        raise TargetError(f"{name} is {size:.2g} units large and reaches {reach:.2g} units far.", cure)


FINGERPRINT = {"name", "session", "vertices", "basis"}
"""The entries that a fingerprint must have."""


def fingerprint(object: bpy.types.Object) -> dict[str, Any]:
    """Return what identifies the object later: plain JSON.

    Its session number finds it while its file stays open, even under a new name. After the file is opened again, its
    name finds it.
    """
    basis = read_basis(object.data)
    return {
        "name": object.name,
        "blender": BLENDER,
        "session": object.session_uid,
        "vertices": len(basis),
        "basis": hashlib.blake2b(basis.tobytes(), digest_size=16).hexdigest(),
    }


def find_target(mark: dict[str, Any]) -> bpy.types.Object:
    """Return the object of a fingerprint, unchanged: the same object, or if that is gone, one with its name.

    Raises:
        TargetChanged: the object is gone, its vertices differ, or the fingerprint is not valid.
    """
    if not FINGERPRINT <= mark.keys():
        raise TargetChanged("The job does not say which object it was made for.", KEPT)
    meshes = [item for item in bpy.data.objects if item.type == "MESH" and item.library is None]
    same = [item for item in meshes if mark.get("blender") == BLENDER and item.session_uid == mark["session"]]
    found = same or [item for item in meshes if item.name == mark["name"]]
    if not found:
        raise TargetChanged(f"{mark['name']} was deleted.", KEPT)
    check_unchanged(found[0], mark)
    return found[0]


def check_unchanged(object: bpy.types.Object, mark: dict[str, Any]) -> None:
    """Raise TargetChanged if the object's vertices differ from its fingerprint.

    Raises:
        TargetChanged: their number or their positions differ.
    """
    now = fingerprint(object)
    if now["vertices"] != mark["vertices"]:
        counts = f"{mark['vertices']} vertices when the job began and has {now['vertices']} now"
        raise TargetChanged(f"{object.name} had {counts}.", KEPT)
    if now["basis"] != mark["basis"]:
        raise TargetChanged(f"The rest pose of {object.name} was edited after the job began.", KEPT)
