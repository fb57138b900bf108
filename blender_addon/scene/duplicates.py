"""Copies of objects: of the same look, and a baked one placed next to its source, or in place of it."""

from contextlib import ExitStack

import bpy


def copy_of(object: bpy.types.Object, name: str, undo: ExitStack) -> bpy.types.Object:
    """Copy an object with its mesh, both called `name`; the copy is in no collection yet."""
    mesh = object.data.copy()
    undo.callback(bpy.data.meshes.remove, mesh)
    copy = object.copy()
    undo.callback(bpy.data.objects.remove, copy)
    copy.data, copy.name = mesh, name
    mesh.name = copy.name
    return copy


def duplicate(object: bpy.types.Object, undo: ExitStack) -> bpy.types.Object:
    """Copy an object with its mesh, modifiers, materials, groups, parent and transform into the same collections."""
    copy = copy_of(object, f"{object.name} (baked)", undo)
    places = [place for place in object.users_collection if place.library is None and place.override_library is None]
    for collection in places or [bpy.context.scene.collection]:
        collection.objects.link(copy)
    return copy


def take_place(object: bpy.types.Object, copy: bpy.types.Object) -> bpy.types.Object:
    """Give the source the copy's mesh and remove the copy; everything that refers to the source still does.

    The former mesh and its shape keys are removed, unless something else uses them.
    """
    former, name, mesh = object.data, object.data.name, copy.data
    object.data = mesh
    bpy.data.objects.remove(copy)
    if former.users == 0:
        bpy.data.meshes.remove(former)
    mesh.name = name
    return object
