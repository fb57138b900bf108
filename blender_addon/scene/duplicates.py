"""A baked copy beside its source, or in its place."""

from contextlib import ExitStack

import bpy


def duplicate(object: bpy.types.Object, undo: ExitStack) -> bpy.types.Object:
    """Copies an object with its mesh into the same collections: same modifiers, materials, groups, parent and transform."""
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
    """Gives the source the copy's mesh and removes the copy; all that refers to the source still does.

    The former mesh goes with its shape keys, unless something else uses it.
    """
    former, name, mesh = object.data, object.data.name, copy.data
    object.data = mesh
    bpy.data.objects.remove(copy)
    if former.users == 0:
        bpy.data.meshes.remove(former)
    mesh.name = name
    return object
