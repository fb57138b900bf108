"""Place a baked copy next to its source, or in place of it."""

from contextlib import ExitStack

import bpy


def duplicate(object: bpy.types.Object, undo: ExitStack) -> bpy.types.Object:
    """Copy an object with its mesh, modifiers, materials, groups, parent and transform into the same collections."""
    mesh = object.data.copy()
    undo.callback(bpy.data.meshes.remove, mesh)
    copy = object.copy()
    undo.callback(bpy.data.objects.remove, copy)
    copy.data, copy.name = mesh, f"{object.name} (baked)"
    mesh.name = copy.name
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
