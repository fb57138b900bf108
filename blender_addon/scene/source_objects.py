"""What is rendered of an animated object, and whether its animation can be rendered.

A source is any object: a mesh, the armature or empty that moves meshes, or a collection instance. Everything that it
carries is rendered, unless renders hide it. Between two pictures objects are kept by name, because undo makes every
reference invalid.
"""

from collections.abc import Iterable, Iterator

import bpy

from ..errors import ArtistError

SHAPES = {"MESH", "CURVE", "SURFACE", "META", "FONT", "CURVES", "POINTCLOUD"}
SIMULATIONS = {"CLOTH", "SOFT_BODY"}

Name = tuple[str, str | None]
"""An object's name, and the path of its library."""


def name_of(item: bpy.types.Object) -> Name:
    return item.name, item.library.filepath if item.library else None


def find(names: Iterable[Name]) -> list[bpy.types.Object]:
    """Return objects by name.

    Raises:
        ArtistError: one no longer exists.
    """
    found = []
    for name in names:
        item = bpy.data.objects.get(name)
        if item is None:
            raise ArtistError(f"The object {name[0]!r} no longer exists.", "Choose the animated object again.")
        found.append(item)
    return found


def shown_objects(source: bpy.types.Object, scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """Return what a render of the source shows: itself, its descendants and the meshes that its armatures deform.

    Raises:
        ArtistError: a render shows nothing, because the source is not in the scene, has no shape, or is hidden in
            renders.
    """
    if source.name not in scene.objects:
        raise ArtistError(f"{source.name!r} is not in the scene {scene.name!r}.", "Choose an object of this scene.")
    whole = [item for item in _carried(source, scene) if item.type in SHAPES or item.instance_type == "COLLECTION"]
    if not whole:
        cure = "Choose a mesh, or the armature or empty that moves one."
        raise ArtistError(f"{source.name!r} has no mesh that can be rendered.", cure)
    in_renders = set(_in_renders(scene.collection))
    shown = [item for item in whole if not item.hide_render and item in in_renders]
    if not shown:
        cure = "Enable it and its collection in renders (the camera icons in the Outliner)."
        raise ArtistError(f"{source.name!r} is hidden in renders.", cure)
    return shown


def require_baked(shown: Iterable[bpy.types.Object]) -> None:
    """Raise ArtistError if a simulation is not baked.

    A simulation runs frame after frame, so a single frame can only be rendered from its baked cache.

    Raises:
        ArtistError: a simulation is not baked.
    """
    for item in shown:
        if item.rigid_body is not None and item.rigid_body.type == "ACTIVE" and not item.rigid_body.kinematic:
            cure = "Bake it to keyframes (Object > Rigid Body > Bake To Keyframes)."
            raise ArtistError(f"{item.name!r} is moved by a rigid body simulation.", cure)
        for simulation in item.modifiers:
            if simulation.type in SIMULATIONS and simulation.show_render and not simulation.point_cache.is_baked:
                cure = "Bake all simulations, then try again."
                raise ArtistError(
                    f"The simulation {simulation.name!r} of {item.name!r} is not baked.", cure, "ptcache.bake_all"
                )


def _carried(source: bpy.types.Object, scene: bpy.types.Scene) -> list[bpy.types.Object]:
    family = {source, *source.children_recursive}
    return [item for item in scene.objects if item in family or _armatures(item) & family]


def _armatures(item: bpy.types.Object) -> set[bpy.types.Object]:
    return {modifier.object for modifier in item.modifiers if modifier.type == "ARMATURE" and modifier.object}


def _in_renders(collection: bpy.types.Collection) -> Iterator[bpy.types.Object]:
    if not collection.hide_render:
        yield from collection.objects
        for child in collection.children:
            yield from _in_renders(child)
