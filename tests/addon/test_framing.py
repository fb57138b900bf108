"""The camera in front of a moving subject: where it stands and what it sees."""

import itertools

import numpy as np
import pytest

from blender_addon.motion.axes import FACINGS
from blender_addon.motion.framing import frame_box, front_axes


def seen(view, points):
    """Return (N, 2) positions in the picture, from -1 to 1 across it, and (N,) depths in front of the camera."""
    right, up, back = view.axes @ (points - view.eye).T
    half = -back * np.tan(view.field_of_view / 2)
    return np.stack([right / half, up / half], axis=1), -back


def corners(axes, low, high):
    """Return the corners of a box along a camera's axes, (8, 3) in the world."""
    return np.array(list(itertools.product(*zip(low, high, strict=True)))) @ axes


@pytest.mark.parametrize("facing", FACINGS)
def test_camera_stands_in_front_slightly_above(facing):
    front, up = (np.array(axis, float) for axis in FACINGS[facing])
    axes = front_axes(facing)
    assert axes @ axes.T == pytest.approx(np.eye(3)) and np.linalg.det(axes) == pytest.approx(1)
    assert (axes[2] @ front, axes[2] @ up) == pytest.approx((np.cos(np.radians(5)), np.sin(np.radians(5))))
    assert axes[1] @ up > 0.9 and axes[0] @ up == pytest.approx(0)


@pytest.mark.parametrize("scale", [1e-3, 1, 1e3])
@pytest.mark.parametrize("size", [(1, 1, 1), (4, 1, 0.1), (0.2, 3, 1), (1, 1, 9), (1, 0, 0), (0, 0, 1)])
def test_whole_box_is_in_the_picture_and_fills_it(size, scale):
    rng = np.random.default_rng(0)
    axes, low = front_axes("POS_X"), rng.normal(size=3) * scale * 10
    high = low + np.array(size) * scale
    view = frame_box(axes, low, high)
    places, depths = seen(view, corners(axes, low, high))
    assert np.abs(places).max() < 1
    assert (depths > view.near).all() and (depths < view.far).all()
    if max(size[:2]) > 0:
        assert np.abs(places).max() > 0.9
    assert places.max(axis=0) == pytest.approx(-places.min(axis=0), abs=1e-6)


@pytest.mark.parametrize("high", [(1, 2, 3), (np.nan, 3, 4), (np.inf, 3, 4), (3e38, 3, 4)])
def test_what_has_no_size_cannot_be_framed(high):
    with pytest.raises(ValueError, match="cannot be framed"):
        frame_box(front_axes("NEG_Y"), np.array([1.0, 2.0, 3.0]), np.array(high, float))


def test_unknown_facing_is_refused():
    with pytest.raises(ValueError, match="'UP'"):
        front_axes("UP")


@pytest.mark.parametrize(("size", "half"), [((2, 1, 4), 1), ((1, 6, 4), 3), ((0.001, 0, 4), 0.02)])
def test_the_eye_stands_where_the_front_of_the_box_fills_25_degrees_but_for_a_margin(size, half):
    low = np.array([1.0, 2.0, 3.0])
    view = frame_box(np.eye(3), low, low + size)
    distance = half * 1.06 / np.tan(np.radians(12.5))
    assert view.eye == pytest.approx((*(low + np.array(size) / 2)[:2], low[2] + size[2] + distance))
    assert (view.near, view.far) == pytest.approx((distance / 10, 2 * (distance + 4)))
    assert view.field_of_view == pytest.approx(np.radians(25))
