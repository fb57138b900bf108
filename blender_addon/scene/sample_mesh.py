"""A mesh file in the scene as one of the artist's objects: no parent, at the 3D cursor, clear of other objects."""

from pathlib import Path

import bpy

from ..errors import ArtistError
from .free_place import stand_clear
from .meshes import read_basis


def add_mesh(context: bpy.types.Context, path: Path, name: str) -> bpy.types.Object:
    """Add the mesh of a glTF file to the scene, in a collection of the artist's, and return it.

    Raises:
        ArtistError: Blender's glTF importer is off, or cannot read the file.
    """
    there = set(context.scene.objects)
    try:
        bpy.ops.import_scene.gltf(filepath=str(path))
    except (AttributeError, RuntimeError) as error:
        raise ArtistError(f"{path.name} cannot be read.", "Turn on the add-on glTF 2.0 in the preferences.") from error
    new = [item for item in context.scene.objects if item not in there]
    made = next(item for item in new if item.type == "MESH")
    context.view_layer.update()
    made.data.transform(made.matrix_world)
    made.parent = None
    made.matrix_world.identity()
    for item in new:
        if item != made:
            bpy.data.objects.remove(item)
    made.rotation_mode = "XYZ"
    made.data.shade_smooth()
    made.name = made.data.name = name
    made.location = context.scene.cursor.location
    made.location.z -= float(read_basis(made.data)[:, 2].min())
    stand_clear(context.scene, made)
    return made
