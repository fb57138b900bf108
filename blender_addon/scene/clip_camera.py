"""The clip's camera for the mesh that was animated from it: seen through it, the mesh covers its image in the clip.

The camera is a child of the object. It was found in the coordinates of the mesh, where all the motion is, so it stays
right when the object is moved, turned or scaled evenly.
"""

from contextlib import ExitStack
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Matrix

from ..errors import ArtistError
from ..motion.clip_lens import SENSOR, Lens, camera_in_object, lens_of, shape_differs
from ..process.backend_locator import protocol
from . import clip_film
from .animation_record import Record
from .key_motion import animated_key
from .meshes import read_surface_points

MOST_PIXELS = 0.5
"""Pixels by which the mesh may be off the clip without a warning."""
DRAWN = 0.2
"""How far the pyramid that Blender draws for a camera reaches towards the mesh, as a share of the distance."""


@dataclass(frozen=True)
class AddedCamera:
    """A camera that was added.

    Args:
        object: the camera.
        notes: sentences on what was changed in the scene.
        warnings: sentences on what is not exact or missing.
    """

    object: bpy.types.Object
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def add_camera(scene: bpy.types.Scene, object: bpy.types.Object) -> AddedCamera:
    """Add the camera of the clip that an object was animated from, make it the scene's, and put the clip behind it.

    Raises:
        ArtistError: the object has no ActionMesh animation, or no camera was found for it. Nothing was added.
    """
    _, record = animated_key(object)
    found = record.fit.camera if record.fit is not None else None
    if found is None:
        raise ArtistError(
            f"No camera was found for {object.name}.", "Match it again with another facing or reference frame."
        )
    bpy.context.view_layer.update()
    lens = _lens(object, record, found)
    with ExitStack() as undo:
        data = bpy.data.cameras.new(f"{object.name} Clip Camera")
        undo.callback(bpy.data.cameras.remove, data)
        _set_lens(data, lens)
        warnings = [] if lens.error <= MOST_PIXELS else [_stretched(object, lens)]
        warnings += clip_film.put_behind(data, record, (found.width, found.height), scene, undo)
        made = _stand(scene, object, record, data, lens, undo)
        undo.pop_all()
    notes = [_made_active(scene, made), _set_resolution(scene.render, found.width, found.height)]
    return AddedCamera(made, tuple(filter(None, notes)), tuple(warnings))


def _lens(object: bpy.types.Object, record: Record, found: protocol.ClipCamera) -> Lens:
    local = camera_in_object(found.matrix, record.facing, record.scale, record.origin)
    pixel = None if found.pixel is None else found.pixel * record.scale
    world = np.array(object.matrix_world, np.float64) @ _from_shown(record)
    points = read_surface_points(object.data) @ record.shape_matrix.T
    try:
        return lens_of(local, found.focal, pixel, (found.width, found.height), points, world)
    except (ZeroDivisionError, OverflowError) as error:
        cure = "Give the object a scale other than 0, or match it again."
        raise ArtistError(f"{object.name} has no size through the camera that was found.", cure) from error


def _from_shown(record: Record) -> np.ndarray:
    """Return the (4, 4) matrix from the shown mesh's axes, in which the camera was found, to the object's."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.linalg.inv(record.shape_matrix)
    return matrix


def _set_lens(data: bpy.types.Camera, lens: Lens) -> None:
    data.sensor_fit, data.sensor_width = "HORIZONTAL", SENSOR
    if lens.focal is not None:
        data.type, data.lens = "PERSP", lens.focal
    else:
        data.type, data.ortho_scale = "ORTHO", lens.across
    data.clip_start, data.clip_end = lens.near, lens.far


def _stand(
    scene: bpy.types.Scene,
    object: bpy.types.Object,
    record: Record,
    data: bpy.types.Camera,
    lens: Lens,
    undo: ExitStack,
) -> bpy.types.Object:
    made = bpy.data.objects.new(data.name, data)
    undo.callback(bpy.data.objects.remove, made)
    made.parent = object
    made.matrix_parent_inverse = Matrix(_from_shown(record).tolist())
    made.matrix_basis = Matrix(lens.local.tolist())
    middle = (read_surface_points(object.data) @ record.shape_matrix.T).mean(axis=0)
    distance = float(np.linalg.norm(lens.local[:3, 3] - middle))
    data.display_size = DRAWN * distance * SENSOR / data.lens
    mine = [place for place in object.users_collection if place.library is None and place.name in _collections(scene)]
    for collection in mine or [scene.collection]:
        collection.objects.link(made)
    return made


def _collections(scene: bpy.types.Scene) -> set[str]:
    return {scene.collection.name, *(collection.name for collection in scene.collection.children_recursive)}


def _made_active(scene: bpy.types.Scene, made: bpy.types.Object) -> str:
    before, scene.camera = scene.camera, made
    return f"{made.name} is now the scene's camera instead of {before.name}." if before else ""


def _set_resolution(render: bpy.types.RenderSettings, width: int, height: int) -> str:
    """Give renders the shape of the clip's frames; leave them alone if they have it already, at any size."""
    seen = render.resolution_x * render.pixel_aspect_x, render.resolution_y * render.pixel_aspect_y
    if not shape_differs((width, height), seen):
        return ""
    before = f"{render.resolution_x} x {render.resolution_y}"
    render.resolution_x, render.resolution_y = width, height
    render.pixel_aspect_x = render.pixel_aspect_y = 1.0
    return f"The resolution is now {width} x {height}, that of the clip, instead of {before}."


def _stretched(object: bpy.types.Object, lens: Lens) -> str:
    return (
        f"{object.name} is scaled unevenly: the mesh may be up to {lens.error:.0f} pixels off the clip. "
        "Apply its scale and animate it again."
    )
