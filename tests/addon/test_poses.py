"""A motion applied to a rest pose."""

import numpy as np
import pytest

from blender_addon.errors import MotionError
from blender_addon.motion.axes import FACINGS, to_local
from blender_addon.motion.poses import local_poses


def made(scale=1.0):
    rng = np.random.default_rng(0)
    motion = rng.normal(size=(4, 30, 3)).astype(np.float32)
    return motion, (rng.normal(size=(30, 3)) * scale).astype(np.float32)


def poses(*arguments, **named):
    return np.array([pose.copy() for pose in local_poses(*arguments, **named)])


@pytest.mark.parametrize("facing", FACINGS)
@pytest.mark.parametrize("scale", [1.0, 250.0])
def test_displacements_are_added_to_the_basis(facing, scale):
    motion, basis = made(scale)
    exact = to_local(motion.astype(np.float64), facing)
    wanted = basis + scale * (exact - exact[1])
    got = poses(motion, basis, facing, 1, True, scale)
    assert got.dtype == np.float32 and (np.abs(got - wanted) <= np.spacing(np.abs(got))).all()
    assert got[1].tobytes() == basis.tobytes()


@pytest.mark.parametrize("facing", FACINGS)
def test_without_the_reference_pose_the_motion_is_turned_alone(facing):
    motion, basis = made()
    assert np.array_equal(poses(motion, basis, facing, 1, False, 2.0), to_local(motion, facing) * 2)


@pytest.mark.parametrize("keep", [True, False])
def test_vertices_beyond_float32_are_named(keep):
    motion, basis = made()
    motion[2, 7, 1] = 3e38
    with pytest.raises(MotionError, match="In pose 2 .* too far away"):
        poses(motion, basis, "NEG_Y", 0, keep, 250.0)


def test_poses_are_not_scaled_unless_told_to():
    motion, basis = made()
    assert np.array_equal(poses(motion, basis, "POS_Z", 1, False), to_local(motion, "POS_Z"))


def test_a_motion_far_from_the_origin_keeps_the_basis():
    motion, basis = made(1e-3)
    assert poses(motion + np.float32(1e4), basis, "NEG_Y", 2, True)[2].tobytes() == basis.tobytes()


def test_only_one_pose_is_in_memory():
    motion, basis = made()
    first, second, *_ = local_poses(motion, basis, "NEG_Y", 0, True)
    assert first is second
