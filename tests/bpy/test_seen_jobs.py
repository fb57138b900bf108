"""Jobs for meshes that look different from how they are modelled, from the button to the keys.

The worker makes waves.
"""

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from blender_addon.motion.carrying import load_carry
from blender_addon.session import job_list
from blender_addon.session.runner import runner
from blender_addon.workflow import animated_object, clip_fit
from tests.bpy.addon import clip, keys_of, press, selected_cube, states, tick_until
from tests.bpy.waving_worker import read_ply

from .seen_meshes import SHEAR, body, drawn, halved, placed, select, twin_of, with_mirror, with_own_key, with_rig

OPS = bpy.ops.actionmesh
TILT = Matrix.Rotation(np.radians(90), 4, "X")


def animate(target, addon, name="wave"):
    select(target)
    assert OPS.animate_selected(filepath=clip(addon, name)) == {"FINISHED"}


CASES = {
    "object scaled (1, 1, 2)": lambda: placed(body(), Matrix.Diagonal((1, 1, 2, 1))),
    "object mirrored": lambda: placed(body(), Matrix.Diagonal((-1, 1, 1, 1))),
    "object on its back, which stands in the world": lambda: placed(body(), TILT @ Matrix.Diagonal((1, 2, 1, 1))),
    "own key and rig": lambda: with_rig(with_own_key(body())),
}


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(make, id=name, marks=pytest.mark.fault(f"Another motion than with all applied: {name}"))
        for name, make in CASES.items()
    ],
)
def test_a_job_moves_it_as_if_all_were_applied(addon, make):
    target = make()
    twin = twin_of(target)
    rest = drawn(target, 1)
    assert np.abs(drawn(twin) - rest).max() < 1e-5
    animate(target, addon)
    animate(twin, addon)
    assert keys_of(target) == keys_of(twin) == 5 and runner.state.problem is None
    off = motion = 0.0
    for frame in range(1, 6):
        right = drawn(twin, frame)
        off += np.abs(drawn(target, frame) - right).mean()
        motion += np.abs(right - rest).mean()
    assert motion > 0 and off / motion < 0.05


@pytest.mark.fault("The model was shown half of my mirrored mesh")
def test_the_model_is_shown_what_is_seen(addon):
    target = with_mirror(halved(body()))
    seen = drawn(target)
    animate(target, addon)
    folder = job_list.records(False)[0].folder
    vertices, faces, _ = read_ply(folder / "target.ply")
    assert np.abs(vertices - seen[:, [0, 2, 1]] * (1, 1, -1)).max() < 1e-6
    assert len(faces) > 1.9 * sum(len(face.vertices) - 2 for face in target.data.polygons)
    assert dict(animated_object.facts(target))["Brought Back"].startswith("Through Mirror, copies share their mean")


@pytest.mark.fault("My mirrored mesh was shown to the model inside out")
def test_a_mirrored_objects_faces_look_outwards(addon):
    target = selected_cube(scale=(1, 1, 1))
    target.scale.x = -2
    animate(target, addon)
    vertices, faces, _ = read_ply(job_list.records(False)[0].folder / "target.ply")
    corners = vertices[faces]
    assert (
        np.einsum(
            "fx,fx->f", np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), corners[:, 0]
        ).min()
        > 0
    )


@pytest.mark.fault("The rig moved on while my job ran, and the keys are wrong")
def test_what_was_seen_counts_and_not_the_pose_when_the_job_ends(addon):
    target = with_rig(body())
    still = with_rig(body("Still"))
    for item in (target, still):
        select(item)
        press(OPS.animate_selected, filepath=clip(addon))
        if item == target:
            rig = target.modifiers["Rig"].object.pose.bones["Upper"]
            before, rig.rotation_euler = rig.rotation_euler.copy(), (0, 0, 0)
        tick_until(lambda item=item: keys_of(item))
    rig.rotation_euler = before
    for frame in (2, 4):
        assert np.abs(drawn(target, frame) - drawn(still, frame)).max() < 1e-4


@pytest.mark.fault("Match Again and Rerun forget how my mesh was shown")
def test_matching_and_running_again(addon):
    target = placed(body(), Matrix.Diagonal((1, 1, 2, 1)))
    rest = drawn(target, 1)
    animate(target, addon)
    once = drawn(target, 3) - rest
    assert OPS.match_again(match="refine") == {"FINISHED"}
    assert np.abs(drawn(target, 3) - rest - 2 * once).max() < 1e-5
    assert OPS.match_again(match="refine") == {"FINISHED"}
    assert np.abs(drawn(target, 3) - rest - 4 * once).max() < 1e-5
    assert OPS.rerun() == {"FINISHED"}
    assert np.abs(drawn(target, 3) - rest - once).max() < 1e-5
    folders = [record.folder for record in job_list.records(False)]
    assert len(folders) == 4 and all(load_carry(folder / "carry.npz") is not None for folder in folders)


@pytest.mark.fault("The arrow and the clip's camera are wrong for a scaled object")
@pytest.mark.parametrize("matrix", [TILT @ Matrix.Diagonal((1, 2, 1, 1)), Matrix.Diagonal((-1, 2, 1, 1))])
def test_arrow_and_camera_are_those_of_what_was_seen(addon, matrix):
    target = placed(body(), matrix)
    twin = twin_of(target)
    for item in (target, twin):
        animate(item, addon)
    world = np.array(target.matrix_world)[:3, :3]
    ways = clip_fit.front_and_up(target) @ world.T
    assert np.allclose(ways / np.linalg.norm(ways, axis=1, keepdims=True), clip_fit.front_and_up(twin), atol=1e-5)
    cameras = []
    for item in (target, twin):
        select(item)
        assert OPS.add_camera() == {"FINISHED"}
        bpy.context.view_layer.update()
        cameras.append(bpy.context.scene.camera)
    one, other = (np.array(camera.matrix_world) for camera in cameras)
    assert np.allclose(one, other, atol=1e-4) and cameras[0].data.lens == pytest.approx(cameras[1].data.lens, rel=1e-4)


@pytest.mark.fault("Keys with drivers or curves of their own lost them")
def test_own_drivers_and_curves_stay(addon):
    target = with_own_key(body())
    for frame, value in ((1, 1.0), (9, 0.5)):
        target.data.shape_keys.key_blocks["Body"].value = value
        target.data.shape_keys.key_blocks["Body"].keyframe_insert("value", frame=frame)
    driven = target.shape_key_add(name="Driven")
    driver = driven.driver_add("value").driver
    driver.expression = "0.25"
    bpy.context.scene.frame_set(5)
    animate(target, addon)
    key = target.data.shape_keys
    assert len(key.animation_data.drivers) == 1 and driven.value == pytest.approx(0.25)
    bpy.context.scene.frame_set(9)
    assert key.key_blocks["Body"].value == pytest.approx(0.5)
    assert not [item for item in (*bpy.data.objects, *bpy.data.meshes) if "Probe" in item.name]


@pytest.mark.fault("My mesh is gone when the job ends, and its result with it")
def test_what_was_seen_becomes_an_object_where_the_mesh_is_gone(addon):
    target = with_mirror(halved(body()))
    count = len(drawn(target))
    select(target)
    press(OPS.animate_selected, filepath=clip(addon))
    bpy.data.objects.remove(target)
    tick_until(lambda: runner.state.problem)
    (record,) = job_list.records(False)
    assert OPS.bring_back(job=record.id) == {"FINISHED"}
    assert len(bpy.context.scene.objects["wave to Body"].data.vertices) == count


@pytest.mark.fault("A damaged file beside a result ends in a traceback")
def test_a_damaged_way_back_is_one_sentence(addon):
    target = with_mirror(halved(body()))
    animate(target, addon)
    (record,) = job_list.records(False)
    (record.folder / "carry.npz").write_bytes(b"PK\x03\x04 no such file")
    with pytest.raises(RuntimeError, match="does not say how the mesh was shown to the model"):
        OPS.bring_back(job=record.id)


@pytest.mark.parametrize("change", ["nan", "beyond", "pickle"])
@pytest.mark.fault("A tampered file beside a result runs code or writes nonsense")
def test_a_tampered_way_back_is_refused(addon, change):
    target = with_mirror(halved(body()))
    animate(target, addon)
    path = job_list.records(False)[0].folder / "carry.npz"
    with np.load(path) as kept:
        arrays = dict(kept)
    if change == "nan":
        arrays["blocks"][0] = np.nan
    elif change == "beyond":
        arrays["target"][0] = 1 << 20
    else:
        arrays["way"] = np.array([path], object)
    np.savez(path, **arrays)
    with pytest.raises(RuntimeError, match="does not say how the mesh was shown"):
        OPS.bring_back(job=path.parent.name)


@pytest.mark.fault("Colours of a mirrored mesh are left out, or lie on wrong faces")
def test_colours_of_a_mirrored_mesh(addon):
    target = with_mirror(halved(body()))
    bpy.context.scene.actionmesh.colours = True
    animate(target, addon, "painted")
    assert [material.name for material in target.data.materials] == ["Body Clip Colours"]
    assert "misses the motion by 100%" in runner.state.problem.problem, (
        "the wave goes up on one side, down on the other"
    )


@pytest.mark.fault("Colours of a subdivided mesh: told that I had changed its faces")
def test_colours_of_a_subdivided_mesh_are_left_out_with_the_true_reason(addon):
    target = body()
    target.modifiers.new("Finer", "SUBSURF").levels = 1
    bpy.context.scene.actionmesh.colours = True
    animate(target, addon, "painted")
    assert keys_of(target) == 5
    assert (
        runner.state.problem.problem
        == "Modifiers give Body faces that it does not have itself, so its colours were left out."
    )


@pytest.mark.fault("Animate Selected took a mesh that was active and not selected")
def test_the_selected_mesh_is_animated_and_not_the_active_one(addon):
    active, selected, other = map(selected_cube, ("Active", "Chosen", "Other"))
    select(selected)
    bpy.context.view_layer.objects.active = active
    assert OPS.animate_selected(filepath=clip(addon)) == {"FINISHED"}
    assert [keys_of(item) for item in (active, selected, other)] == [0, 5, 0]
    selected.select_set(False)
    with pytest.raises(RuntimeError, match="Select a mesh to animate"):
        OPS.animate_selected(filepath=clip(addon))
    assert len(states()) == 1


@pytest.mark.fault("Of several selected meshes one cannot be animated, and the others were begun")
def test_nothing_is_begun_where_one_of_the_selected_is_refused(addon):
    good, bad = selected_cube("Good"), selected_cube("Bad")
    bad.scale.z = 0
    select(good, bad)
    with pytest.raises(RuntimeError, match="Bad has no usable shape: it is scaled flat"):
        OPS.animate_selected(filepath=clip(addon))
    assert not runner.state.records and keys_of(good) == 0


def test_a_sheared_mesh_through_the_operator(addon):
    target = placed(body(), SHEAR)
    rest = drawn(target, 1)
    animate(target, addon)
    moved = drawn(target, 2) - rest
    assert np.abs(moved[:, 2]).max() > 0.05 and np.abs(moved[:, :2]).max() < 1e-4, "the wave is upright in the world"
