"""The clip's camera: what Blender sees through it matches its numbers to half a pixel."""

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Euler, Matrix, Vector

from blender_addon.errors import ArtistError
from blender_addon.scene.clip_camera import add_camera
from blender_addon.scene.objects import ObjectOptions, new_object
from blender_addon.scene.options import WriteOptions
from blender_addon.scene.shape_keys import write_motion

from .scenes import dance, evaluated, patchwork

TURN = np.array(Euler((0.2, 0.5, -0.1)).to_matrix())
CAMERAS = {
    "perspective": {"focal": 945.8, "pixel": None},
    "telephoto": {"focal": 9000.0, "pixel": None, "distance": 60.0},
    "orthographic": {"focal": None, "pixel": 0.0123},
}
FRAMES = {"wide": (640, 360), "tall": (270, 480), "square": (512, 512), "odd": (853, 479)}


def fit(frame=(640, 360), focal=945.8, pixel=None, distance=8.0):
    """Return the backend's numbers for a camera that looks at the middle of a patchwork from one side."""
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = TURN, np.array([0.5, 0.5, 0.0]) + TURN @ (0.1, -0.05, distance)
    width, height = frame
    camera = {"matrix": matrix.ravel().tolist(), "width": width, "height": height, "focal": focal, "pixel": pixel}
    return {"way": "track", "agreement": 0.97, "overlap": 0.95, "camera": camera}


def described(vertices, camera):
    """Return the clip pixels where the camera's numbers put the job's mesh, (T, V, 2) columns and rows."""
    matrix = np.array(camera["matrix"]).reshape(4, 4)
    right, up, back = np.moveaxis((vertices - matrix[:3, 3]) @ matrix[:3, :3], -1, 0)
    pixels = camera["focal"] / -back if camera["focal"] else 1 / camera["pixel"]
    return np.stack([camera["width"] / 2 + pixels * right, camera["height"] / 2 - pixels * up], axis=-1)


def seen(target, made, camera, frames):
    """Return the clip pixels where Blender sees the drawn vertices."""
    scene, pictures = bpy.context.scene, []
    for frame in frames:
        local = evaluated(target, frame)
        places = [world_to_camera_view(scene, made, target.matrix_world @ Vector(vertex)) for vertex in local]
        pictures.append([(place.x * camera["width"], (1 - place.y) * camera["height"]) for place in places])
    return np.array(pictures)


def animated(target, told, facing="NEG_Y", **options):
    motion = dance(target, facing=facing, residual=0.0)
    motion.provenance["fit"] = told
    write_motion(target, motion, WriteOptions(1, 24, facing=facing, **options))
    return motion


def plain(target):
    pass


def turned_and_scaled(target):
    target.location, target.rotation_euler, target.scale = (5, -3, 2), (0.4, -0.7, 2.0), (3, 3, 3)


def parented(target):
    bpy.ops.object.empty_add(location=(1, 2, 3), rotation=(0.3, 0.2, 1.0))
    parent = bpy.context.object
    parent.scale = (0.01, 0.01, 0.01)
    target.parent = parent
    turned_and_scaled(target)
    target.matrix_parent_inverse = Matrix.Translation((0, 0, 40)) @ Matrix.Rotation(1.0, 4, "X")


def mirrored(target):
    target.scale = (-2, 2, 2)


@pytest.mark.parametrize("place", [plain, turned_and_scaled, parented, mirrored])
@pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS)
@pytest.mark.parametrize("facing", ["NEG_Y", "POS_X", "POS_Z"])
def test_the_mesh_lies_on_the_film(place, camera, facing):
    target = patchwork()
    place(target)
    told = fit(**camera)
    motion = animated(target, told, facing)
    added = add_camera(bpy.context.scene, target)
    found = seen(target, added.object, told["camera"], range(1, 6))
    assert np.ptp(found, axis=1).min() > 20, "the mesh is to be seen"
    np.testing.assert_allclose(found, described(motion.vertices, told["camera"]), atol=0.5)
    assert added.object.data.type == ("PERSP" if camera["focal"] else "ORTHO") and added.object.parent == target


@pytest.mark.parametrize(
    "camera", [CAMERAS["perspective"], CAMERAS["orthographic"]], ids=["perspective", "orthographic"]
)
@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
@pytest.mark.parametrize(
    "before", [(1920, 1080, 1, 1), (720, 576, 16, 15), (270, 480, 1, 1)], ids=["hd", "pal", "tall"]
)
def test_renders_have_the_shape_of_the_clip(camera, frame, before):
    render, target = bpy.context.scene.render, patchwork()
    render.resolution_x, render.resolution_y, render.pixel_aspect_x, render.pixel_aspect_y = before
    told = fit(frame, **camera)
    motion = animated(target, told)
    added = add_camera(bpy.context.scene, target)
    found = seen(target, added.object, told["camera"], [1, 5])
    np.testing.assert_allclose(found, described(motion.vertices[[0, 4]], told["camera"]), atol=0.5)
    now = (render.resolution_x, render.resolution_y, render.pixel_aspect_x, render.pixel_aspect_y)
    same = frame[1] == pytest.approx(frame[0] * before[1] * before[3] / (before[0] * before[2]), abs=0.5)
    assert now == (before if same else (*frame, 1.0, 1.0))
    said = f"The resolution is now {frame[0]} x {frame[1]}, that of the clip, instead of {before[0]} x {before[1]}."
    assert added.notes == (() if same else (said,))


@pytest.mark.parametrize(
    "camera", [CAMERAS["perspective"], CAMERAS["orthographic"]], ids=["perspective", "orthographic"]
)
def test_a_new_object_of_another_size_lies_on_the_film_too(camera):
    told = fit(**camera)
    motion = dance(patchwork(), residual=0.0)
    motion.provenance["fit"] = told | {"shape": "relief"}
    made, _ = new_object(
        bpy.context.scene, motion, ObjectOptions("Fox", size=0.7, location=(4, 5, 6)), WriteOptions(1, 24)
    )
    made.rotation_euler = (0, 0, 1)
    added = add_camera(bpy.context.scene, made)
    found = seen(made, added.object, told["camera"], range(1, 6))
    np.testing.assert_allclose(found, described(motion.vertices, told["camera"]), atol=0.5)


def test_it_goes_with_the_object():
    target, told = patchwork(), fit()
    motion = animated(target, told)
    added = add_camera(bpy.context.scene, target)
    turned_and_scaled(target)
    bpy.context.view_layer.update()
    np.testing.assert_allclose(
        seen(target, added.object, told["camera"], [3]), described(motion.vertices[2:3], told["camera"]), atol=0.5
    )


@pytest.mark.parametrize(
    "camera", [CAMERAS["perspective"], CAMERAS["orthographic"]], ids=["perspective", "orthographic"]
)
def test_uneven_scale_is_told_with_what_it_costs(camera):
    target, told = patchwork(), fit(**camera)
    target.scale = (1, 1, 1.2)
    motion = animated(target, told)
    added = add_camera(bpy.context.scene, target)
    (warning,) = (line for line in added.warnings if "unevenly" in line)
    most = float(warning.split("up to ")[1].split(" pixels")[0])
    middle = np.array([320, 180])
    vertices = motion.vertices[:, :8]
    off = np.abs(seen(target, added.object, told["camera"], range(1, 6))[:, :8] - described(vertices, told["camera"]))
    inside = (np.abs(described(vertices, told["camera"]) - middle) < middle).all(axis=-1)
    assert 0.5 < off[inside].max() < most + 0.5


@pytest.mark.parametrize("size", [0.001, 1.0, 5000.0])
def test_it_sees_near_and_far_enough(size):
    target, told = patchwork(), fit()
    target.data.transform(Matrix.Scale(size, 4))
    matrix = np.array(told["camera"]["matrix"]).reshape(4, 4)
    matrix[:3, 3] *= size
    told["camera"]["matrix"] = matrix.ravel().tolist()
    animated(target, told)
    made = add_camera(bpy.context.scene, target).object
    bpy.context.view_layer.update()
    depths = [-(made.matrix_world.inverted() @ target.matrix_world @ vertex.co).z for vertex in target.data.vertices]
    assert made.data.clip_start < min(depths) / 2 and max(depths) * 2 < made.data.clip_end


def test_it_is_the_scenes_camera_and_says_whose_place_it_takes():
    scene, target = bpy.context.scene, patchwork("Fox")
    animated(target, fit(frame=(1920, 1080)))
    assert add_camera(scene, target).notes == () and scene.camera.name == "Fox Clip Camera"
    again = add_camera(scene, target)
    assert scene.camera == again.object
    assert again.notes == ("Fox Clip Camera.001 is now the scene's camera instead of Fox Clip Camera.",)


def test_without_a_camera_nothing_is_added():
    target = patchwork()
    with pytest.raises(ArtistError, match="has no ActionMesh animation"):
        add_camera(bpy.context.scene, target)
    told = fit()
    animated(target, told | {"camera": None})
    with pytest.raises(ArtistError, match="No camera was found for Subject"):
        add_camera(bpy.context.scene, target)
    assert not bpy.data.cameras


def test_what_fails_half_way_leaves_nothing(monkeypatch):
    target = patchwork()
    animated(target, fit())
    monkeypatch.setattr("blender_addon.scene.clip_camera.Matrix", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        add_camera(bpy.context.scene, target)
    assert not bpy.data.cameras and not bpy.data.images and not bpy.data.actions.get("Subject Clip Camera")
    assert bpy.context.scene.camera is None and bpy.context.scene.render.resolution_x == 1920


def test_the_operator_adds_it(addon):
    from tests.bpy.addon import clip, selected_cube

    target = selected_cube()
    bpy.ops.actionmesh.animate_selected(filepath=clip(addon))
    assert bpy.ops.actionmesh.add_camera() == {"FINISHED"}
    made = bpy.context.scene.camera
    assert made.parent == target and bpy.context.active_object == target
    assert tuple(made.matrix_local.translation) == pytest.approx((5, 0, 0), abs=1e-6), "before the side that was seen"
    bpy.context.view_layer.objects.active = None
    with pytest.raises(RuntimeError, match="poll"):
        bpy.ops.actionmesh.add_camera()
