import numpy as np
import pytest

from blender_addon.errors import ArtistError
from blender_addon.motion.thinning import kept_poses, thinning_error


def test_first_last_and_reference_pose_are_kept():
    assert kept_poses(10, 4, 3).tolist() == [0, 3, 4, 8, 9]
    assert kept_poses(3, 100, 0).tolist() == [0, 2]
    assert kept_poses(4, 1, 2).tolist() == [0, 1, 2, 3]


def test_step_below_one_is_refused():
    with pytest.raises(ArtistError, match="is 0"):
        kept_poses(10, 0, 0)


def test_error_is_the_greatest_distance_from_the_straight_line():
    frames = np.array([1.0, 2.0, 4.0, 5.0])
    poses = np.zeros((4, 2, 3), np.float32)
    poses[:, :, 0] = frames[:, None]
    assert thinning_error(poses, frames, np.array([0, 3]), 2.0) == 0.0

    poses[2, 1] += [0, 3, 4]
    assert thinning_error(poses, frames, np.array([0, 3]), 2.0) == pytest.approx(2.5)
    assert thinning_error(poses, frames, np.array([0, 2, 3]), 2.0) == pytest.approx(np.hypot(3, 4) / 3 / 2)
    assert thinning_error(poses, frames, np.arange(4), 2.0) == 0.0

    poses[1] += (9, 0, 0)
    assert thinning_error(poses, frames, np.array([0, 1, 3]), 1.0) == pytest.approx(34**0.5)
