"""Axes: proper rotations whose inverse is exact."""

import numpy as np
import pytest

from blender_addon.motion.axes import FACINGS, rotation, to_local, to_model


@pytest.mark.parametrize("facing", FACINGS)
def test_front_becomes_plus_z_and_up_plus_y(facing):
    front, up = FACINGS[facing]
    turn = rotation(facing)
    assert np.array_equal(turn @ front, (0, 0, 1)) and np.array_equal(turn @ up, (0, 1, 0))
    assert np.linalg.det(turn) == 1 and np.array_equal(turn @ turn.T, np.eye(3))
    assert set(np.abs(turn).ravel()) == {0.0, 1.0}


@pytest.mark.parametrize("facing", FACINGS)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_there_and_back_is_exact(facing, kind):
    points = np.random.default_rng(0).normal(size=(2, 50, 3)).astype(kind)
    there = to_model(points, facing)
    assert there.dtype == kind and np.array_equal(to_local(there, facing), points)
    assert np.array_equal(there[1, 7], rotation(facing) @ points[1, 7])


def test_known_axes():
    assert np.array_equal(to_model(np.array([1.0, 2, 3]), "NEG_Y"), (1, 3, -2))
    assert np.array_equal(to_model(np.array([1.0, 2, 3]), "POS_Z"), (1, 2, 3))
    assert np.array_equal(to_model(np.array([1.0, 2, 3]), "POS_X"), (2, 3, 1))


def test_unknown_axis():
    with pytest.raises(ValueError, match="'UP'; it must be one of NEG_Y"):
        rotation("UP")
