"""Bones from the real worker, without Blender: poses go there as a file, a rig comes back."""

import numpy as np
import pytest

from blender_addon.jobs.model_task import ModelTask
from blender_addon.motion.bone_motion import bone_channels, continuous, quaternions
from blender_addon.motion.rig_file import load_rig, save_poses
from blender_addon.process.backend_locator import protocol
from blender_addon.process.client import start_brief_worker
from tests.backend.bending import bent, turn

from .workers import REAL_PYTHON, is_running, wait_until


def asked(folder, **fields):
    """Save a tube that bends at x = 0.3 and ask a worker of its own for bones."""
    rest, faces, poses = (each.astype(np.float32) for each in bent(at=0.3))
    save_poses(folder / "p.safetensors", rest, faces.astype(np.int32), poses - rest, "NEG_Y")
    client = start_brief_worker(REAL_PYTHON, folder / "logs")
    request = protocol.Rig(str(folder / "p.safetensors"), (str(folder / "r.safetensors"),), **fields)
    return ModelTask(client, request, "Bake again."), client.pid, rest, poses


def over(task):
    task.poll()
    return task.over


def test_bones_come_back_in_the_axes_of_the_mesh(tmp_path):
    task, pid, rest, poses = asked(tmp_path, bones=2)
    wait_until(lambda: over(task), 60)
    assert task.error is None and task.answer.bones == 2 and task.answer.poses == len(poses) + 1
    assert task.progress.stage in (protocol.Stage.RIGGING, protocol.Stage.SAVING)
    rig = load_rig(tmp_path / "r.safetensors", "NEG_Y")
    assert len(rig.deforms) == len(poses)
    matrices = np.einsum("vk,tvkij->tvij", rig.weights, rig.deforms[:, rig.influences])
    moved = np.einsum("tvij,vj->tvi", matrices[..., :3, :3], rest) + matrices[..., :3, 3]
    gaps = 100 * np.linalg.norm(moved - poses, axis=2) / np.linalg.norm(np.ptp(rest, axis=0))
    assert np.sqrt((gaps**2).mean()) < 0.3 and gaps.max() == pytest.approx(task.answer.worst, abs=1e-3)
    assert np.linalg.norm(rig.heads[1] - (0.3, 0, 0)) < 0.03 and rig.names[1] == "bone.L.001"
    wait_until(lambda: not is_running(pid))


def test_a_request_that_makes_no_sense_is_refused_with_its_cure(tmp_path):
    task, *_ = asked(tmp_path, bones=0)
    wait_until(lambda: over(task), 60)
    assert task.answer is None and "number of bones is 0" in task.error.problem and task.error.cure


def test_cancelling_ends_the_worker(tmp_path):
    task, pid, *_ = asked(tmp_path, bones=64)
    task.poll()
    task.cancel()
    assert task.over and task.error is None
    wait_until(lambda: not is_running(pid))
    assert not (tmp_path / "r.safetensors").exists()


def test_channels_pose_each_bone_as_its_deform_says():
    rng = np.random.default_rng(0)
    parents, angles = np.array([-1, 0, 1, 0]), np.linspace(0, 5, 9)
    rests, deforms = np.tile(np.eye(4), (4, 1, 1)), np.tile(np.eye(4), (9, 4, 1, 1))
    for bone in range(4):
        rests[bone, :3, :3], rests[bone, :3, 3] = turn(bone), rng.random(3)
        for pose, angle in enumerate(angles):
            deforms[pose, bone, :3, :3], deforms[pose, bone, :3, 3] = turn(angle * (bone + 1) / 4), rng.random(3)
    locations, rotations = bone_channels(rests, parents, deforms)
    for pose in range(9):
        posed = []
        for bone, parent in enumerate(parents):
            own = np.eye(4)
            w, x, y, z = rotations[bone, pose]
            assert x == pytest.approx(0, abs=1e-9) and y == pytest.approx(0, abs=1e-9)
            own[:3, :3], own[:3, 3] = turn(2 * np.arctan2(z, w)), locations[bone, pose]
            above = rests[bone] if parent < 0 else posed[parent] @ np.linalg.inv(rests[parent]) @ rests[bone]
            posed.append(above @ own)
            np.testing.assert_allclose(posed[bone], deforms[pose, bone] @ rests[bone], atol=1e-9)
    assert ((rotations[:, 1:] * rotations[:, :-1]).sum(axis=2) > 0).all()


def test_quaternions_of_half_turns_are_unit_and_stay_on_one_side():
    turns = np.stack([turn(angle) for angle in np.linspace(0, 4 * np.pi, 40)])
    found = continuous(quaternions(turns))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-12)
    assert found[0, 0] > 0 and ((found[1:] * found[:-1]).sum(axis=1) > 0.9).all()
    np.testing.assert_allclose(np.abs(found[:, 3]), np.abs(np.sin(np.linspace(0, 2 * np.pi, 40))), atol=1e-7)
