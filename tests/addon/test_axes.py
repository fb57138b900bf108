"""Axes: proper rotations whose inverse is exact."""

import numpy as np
import pytest

from blender_addon.motion.axes import rotation, seen_axes, to_local, to_model, yaw_between

FACINGS = {
    "NEG_Y": ((0, -1, 0), (0, 0, 1)),
    "POS_Y": ((0, 1, 0), (0, 0, 1)),
    "POS_X": ((1, 0, 0), (0, 0, 1)),
    "NEG_X": ((-1, 0, 0), (0, 0, 1)),
    "POS_Z": ((0, 0, 1), (0, 1, 0)),
    "NEG_Z": ((0, 0, -1), (0, 1, 0)),
}
"""Front and up of a mesh: what its setting is called after, with Z up, or Y up where the front lies along Z."""


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


@pytest.mark.parametrize(
    ("yaw", "facing", "direction"),
    [
        (0, "NEG_Y", (0, -1, 0)),
        (90, "NEG_Y", (1, 0, 0)),
        (180, "NEG_Y", (0, 1, 0)),
        (-90, "NEG_Y", (-1, 0, 0)),
        (90, "POS_X", (0, 1, 0)),
        (90, "POS_Z", (1, 0, 0)),
        (30, "NEG_Y", (0.5, -0.8660254, 0)),
    ],
)
def test_a_yaw_is_a_local_direction(yaw, facing, direction):
    front, up = seen_axes(yaw, facing)
    np.testing.assert_allclose(front, direction, atol=1e-7)
    assert np.array_equal(up, FACINGS[facing][1])


@pytest.mark.parametrize(
    ("axis", "facing", "yaw"),
    [
        ("NEG_Y", "NEG_Y", 0),
        ("POS_X", "NEG_Y", 90),
        ("POS_Y", "NEG_Y", 180),
        ("NEG_X", "NEG_Y", 270),
        ("NEG_Y", "POS_X", 270),
        ("NEG_Z", "POS_Z", 180),
        ("POS_Z", "NEG_Y", None),
        ("NEG_Y", "NEG_Z", None),
    ],
)
def test_an_axis_lies_at_a_yaw_from_another_unless_another_is_up(axis, facing, yaw):
    assert yaw_between(axis, facing) == yaw
    if yaw is not None:
        np.testing.assert_allclose(seen_axes(yaw, facing)[0], FACINGS[axis][0], atol=1e-12)


def turned(degrees, axis):
    """Return the rotation (3, 3) by an angle around a coordinate axis."""
    sin, cos = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    return np.roll(np.array([(cos, -sin, 0), (sin, cos, 0), (0, 0, 1)]), axis + 1, axis=(0, 1))


@pytest.mark.parametrize(("degrees", "yaw"), [(44.7, 0), (45.3, 90), (134.7, 90), (225.3, 270), (-44.7, 0)])
def test_the_nearest_of_four_yaws_is_taken_for_a_mesh_that_is_shown_turned(degrees, yaw):
    assert yaw_between("NEG_Y", "NEG_Y", turned(degrees, 2)) == yaw


@pytest.mark.parametrize("size", [0.1, 1.0, 10.0])
def test_an_axis_that_leans_by_more_than_25_degrees_is_not_up(size):
    assert yaw_between("NEG_Y", "NEG_Y", size * turned(25, 0)) == 0
    assert yaw_between("NEG_Y", "NEG_Y", size * turned(27, 0)) is None
