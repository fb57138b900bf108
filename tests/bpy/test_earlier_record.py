"""A job from an earlier version of the add-on opens, its result comes back as it was meant, and it runs again."""

import bpy
import numpy as np
import pytest
from safetensors.numpy import save_file

from blender_addon.jobs.folder import jobs_root
from blender_addon.jobs.record import Purpose, State
from blender_addon.scene.meshes import read_basis, save_rest_pose
from blender_addon.scene.targets import fingerprint
from blender_addon.session import job_list
from blender_addon.session.runner import runner
from tests.addon import earlier_record
from tests.bpy.addon import clip, keys_of, selected_cube
from tests.bpy.waving_worker import read_ply

OPS = bpy.ops.actionmesh
MISSED = np.float32([0, 0.125, 0])
"""How far the result is from the rest pose at the reference frame, in the model's axes."""


def left_behind(addon, target, kept, mesh="target.ply", provenance="{}", **facts):
    """Leave such a job for `target`, with its result, and return its id."""
    request, writing = (
        {"clip": clip(addon), "mesh": mesh, "keep_reference_pose": kept},
        {"keep_reference_pose": bool(kept)},
    )
    folder = earlier_record.written(jobs_root(), request, writing | {"target": fingerprint(target)}, **facts)
    save_rest_pose(target, "NEG_Y", folder / "target.ply")
    vertices, faces, _ = read_ply(folder / "target.ply")
    poses = np.stack([vertices + MISSED, vertices + MISSED * 3])
    arrays = {
        "vertices": poses,
        "faces": faces.astype(np.int32),
        "times": np.arange(2) / 24,
        "frame_indices": np.arange(2),
    }
    save_file(arrays, str(folder / "result.safetensors"), {"reference_frame": "0", "provenance": provenance})
    return folder.name


def heights(target):
    """Return how far each pose is above the rest pose: the model's y is the scene's z."""
    blocks = [block for block in target.data.shape_keys.key_blocks if block.name.startswith("ActionMesh ")]
    rest = read_basis(target.data)
    found = [np.array([point.co for point in block.points]) - rest for block in blocks]
    assert all(np.allclose(moved, [0, 0, moved[0, 2]], atol=1e-6) for moved in found)
    return [float(moved[0, 2]) for moved in found]


@pytest.mark.parametrize(("kept", "expected"), [(True, [0, 0.25]), (False, [0.125, 0.375])])
def test_its_result_comes_back_with_its_meaning(addon, kept, expected):
    target = selected_cube()
    job = left_behind(addon, target, kept)
    assert [record.id for record in job_list.records(True)] == [job]
    assert OPS.bring_back(job=job) == {"FINISHED"}
    assert heights(target) == pytest.approx(expected, abs=1e-6)
    if kept:
        first = target.data.shape_keys.key_blocks["ActionMesh 0001"].points
        assert np.array_equal([point.co for point in first], read_basis(target.data))


@pytest.mark.parametrize(("bent", "expected"), [("null", [0, 0.25]), ("0.9", [0.125, 0.375])])
def test_a_mesh_that_was_bent_into_its_reference_frame_shows_that_pose_there(addon, bent, expected):
    target = selected_cube()
    basis = read_basis(target.data)
    job = left_behind(addon, target, True, provenance=f'{{"fit": {{"bent": {bent}}}}}')
    assert OPS.bring_back(job=job) == {"FINISHED"}
    assert heights(target) == pytest.approx(expected, abs=1e-6)
    assert np.array_equal(read_basis(target.data), basis), "the artist's own pose stays the basis"


@pytest.mark.parametrize(("kept", "pose"), [(True, "corrected"), (False, "decoded")])
def test_it_runs_again_as_it_was(addon, kept, pose):
    target = selected_cube()
    job = left_behind(addon, target, kept, state="interrupted")
    assert OPS.retry(job=job) == {"FINISHED"}
    again = next(record for record in job_list.records(True) if record.id != job)
    assert again.request.reference_pose == pose and again.request.seed == 7 and again.request.mesh == "target.ply"
    assert again.state is State.WRITTEN and keys_of(target) == 5
    assert OPS.rerun(job=job, seed=3) == {"FINISHED"}
    assert {record.request.reference_pose for record in job_list.records(True)} == {pose}


def test_where_its_mesh_is_gone_its_result_is_an_object_of_its_own(addon):
    target = selected_cube()
    job = left_behind(addon, target, False)
    bpy.data.objects.remove(target)
    OPS.bring_back(job=job)
    made = bpy.data.objects["wave to Cube"]
    assert keys_of(made) == 2 and heights(made)[0] == 0


def test_one_of_a_new_object_comes_back_and_runs_again(addon):
    job = left_behind(addon, selected_cube(), None, mesh=None, purpose=Purpose.NEW_OBJECT, title="wave")
    OPS.bring_back(job=job)
    made = bpy.data.objects["wave"]
    assert keys_of(made) == 2 and heights(made)[0] == 0 and runner.record(job).request.reference_pose is None
