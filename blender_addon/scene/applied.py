"""An object's visible shape as a mesh of its own, for motions that its modifiers and shape keys would block."""

from contextlib import ExitStack

import bpy

from ..errors import TargetError
from .duplicates import duplicate

APPLIED = "(applied)"


def apply_to_copy(object: bpy.types.Object) -> bpy.types.Object:
    """Copy an object with what the viewport shows of it as its mesh, and hide the original, which does not change.

    Raises:
        TargetError: the object shows no faces.
    """
    bpy.context.view_layer.update()
    graph = bpy.context.evaluated_depsgraph_get()
    with ExitStack() as undo:
        copy = duplicate(object, undo)
        shown = object.evaluated_get(graph)
        mesh = bpy.data.meshes.new_from_object(shown, preserve_all_data_layers=True, depsgraph=graph)
        undo.callback(bpy.data.meshes.remove, mesh)
        if not len(mesh.polygons):
            raise TargetError(
                f"{object.name} shows no faces of a mesh after its modifiers.", "Make its instances real first."
            )
        former, copy.data = copy.data, mesh
        bpy.data.meshes.remove(former)
        undo.pop_all()
    copy.modifiers.clear()
    _forget_drivers_of_modifiers(copy)
    copy.name = mesh.name = f"{object.name} {APPLIED}"
    object.hide_set(True)
    object.hide_render = True
    return copy


def _forget_drivers_of_modifiers(copy: bpy.types.Object) -> None:
    if copy.animation_data is not None:
        for driver in [item for item in copy.animation_data.drivers if item.data_path.startswith("modifiers[")]:
            copy.animation_data.drivers.remove(driver)
