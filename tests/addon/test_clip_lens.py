"""The lens of the clip's camera against the projection that its numbers describe, written out here."""

import numpy as np
import pytest

from blender_addon.motion.clip_lens import camera_in_object, lens_of, shape_differs

POINTS = np.random.default_rng(1).uniform(-1, 1, (50, 3))
TURN = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))[0]
TURN *= np.sign(np.linalg.det(TURN))
FRAME = (640, 360)


def standing(place):
    """Return a camera turned by TURN that has the origin at `place` in its own axes."""
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = TURN, -TURN @ place
    return matrix


def seen(lens, world):
    """Return POINTS in pixels right of and above the frame's middle, (V, 2), through a camera that is a child.

    The camera's columns have length 1.
    """
    eye = world @ lens.local
    eye[:3, :3] /= np.linalg.norm(eye[:3, :3], axis=0)
    x, y, z = np.linalg.inv(eye)[:3] @ world @ np.vstack([POINTS.T, np.ones(50)])
    if lens.focal is not None:
        return np.stack([x, y], 1) / -z[:, None] * lens.focal / 36 * FRAME[0]
    return np.stack([x, y], 1) / lens.across * FRAME[0]


def expected(matrix, focal, pixel):
    x, y, z = np.linalg.inv(matrix)[:3] @ np.vstack([POINTS.T, np.ones(50)])
    return np.stack([x, y], 1) * (focal / -z[:, None] if focal else 1 / pixel)


WORLDS = {
    "plain": np.eye(4),
    "turned and scaled": np.block([[3 * TURN.T, np.array([[5], [6], [7.0]])], [np.zeros((1, 3)), 1]]),
    "mirrored": np.diag([-1.0, 1, 1, 1]),
}


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
@pytest.mark.parametrize(("focal", "pixel"), [(700.0, None), (None, 0.01)])
def test_a_child_of_the_object_sees_what_the_clips_camera_saw(world, focal, pixel):
    matrix = standing((0.3, -0.2, -5))
    lens = lens_of(matrix, focal, pixel, FRAME, POINTS, world)
    np.testing.assert_allclose(seen(lens, world), expected(matrix, focal, pixel), atol=1e-6)
    assert lens.error < 1e-9
    scale = np.cbrt(abs(np.linalg.det(world[:3, :3])))
    assert lens.near < 0.2 * 4 * scale and lens.far > 6 * scale


@pytest.mark.parametrize(("focal", "pixel"), [(700.0, None), (None, 0.01)])
def test_uneven_scale_is_off_by_no_more_than_is_said(focal, pixel):
    matrix, world = standing((0, 0, -5)), np.diag([1.0, 1.1, 1, 1])
    lens = lens_of(matrix, focal, pixel, FRAME, POINTS, world)
    off = np.abs(seen(lens, world) - expected(matrix, focal, pixel)).max()
    assert 0.5 < off <= lens.error < 40


def test_a_camera_very_far_away_becomes_an_orthographic_one_nearby():
    matrix = standing((0, 0, -4000))
    lens = lens_of(matrix, 400_000.0, None, FRAME, POINTS, np.eye(4))
    assert lens.focal is None and np.linalg.norm(lens.local[:3, 3]) < 20
    assert np.abs(seen(lens, np.eye(4)) - expected(matrix, 400_000.0, None)).max() < 0.1


def test_the_jobs_mesh_lies_in_the_object_as_it_was_written():
    """The camera is 5 units in front of a mesh that was written facing X, at twice the size and 1 higher."""
    matrix = np.eye(4)
    matrix[2, 3] = 5
    local = camera_in_object(tuple(matrix.ravel()), "POS_X", 2.0, (0, 0, 1))
    assert local.shape == (4, 4) and local[3].tolist() == [0, 0, 0, 1]
    np.testing.assert_allclose(local[:3, 3], (10, 0, 1))
    np.testing.assert_allclose(local[:3, :3].T, [(0, 1, 0), (0, 0, 1), (1, 0, 0)])


@pytest.mark.parametrize(
    ("frame", "picture", "differs"),
    [
        ((640, 360), (1920, 1080), False),
        ((854, 480), (1920, 1080), False),
        ((640, 480), (1920, 1080), True),
        ((1080, 1920), (1920, 1080), True),
        ((768, 576), (720 * 16 / 15, 576), False),
        ((1, 1), (1, 1.5), False),
        ((1, 1), (1, 1.75), True),
        ((1, 1), (1, 0.25), True),
    ],
)
def test_a_picture_of_the_same_shape_is_one_to_half_a_pixel(frame, picture, differs):
    assert shape_differs(frame, picture) is differs


BOX = np.array([(1, 2, 3), (3, 3, 4)], np.float32)
"""Corners of a mesh of size 2, not around the origin."""


def lens_before_box(depth, scale=1.0):
    """Return the lens of a camera with a focal length of 500 pixels, `depth` away from the middle of BOX."""
    local = np.eye(4)
    local[:3, 3] = (2, 2.5, 3.5 + depth)
    return lens_of(local, 500.0, None, FRAME, BOX, np.diag([scale, scale, scale, 1]))


@pytest.mark.parametrize(
    ("depth", "scale", "near", "far"),
    [(8, 1, 0.1, 1000), (2, 1, 0.04, 1000), (2, 0.5, 0.02, 1000), (30, 1, 0.1, 1500), (30, 2, 0.1, 3000)],
)
def test_a_camera_sees_a_fiftieth_to_fifty_times_of_its_distance_and_what_is_usual(depth, scale, near, far):
    lens = lens_before_box(depth, scale)
    assert (lens.near, lens.far) == pytest.approx((near, far)) and lens.focal == pytest.approx(500 * 36 / 640)


@pytest.mark.parametrize(("scale", "near", "far"), [(1, 0.1, 1000), (0.1, 0.012, 1000), (10, 0.1, 3000)])
def test_from_a_thousand_sizes_on_a_camera_is_orthographic_and_stands_three_sizes_away(scale, near, far):
    assert lens_before_box(2000).focal is not None
    lens = lens_before_box(2001, scale)
    assert lens.focal is None and lens.local[:3, 3] == pytest.approx((2, 2.5, 9.5))
    assert lens.across == pytest.approx(640 * 2001 / 500 * scale)
    assert (lens.near, lens.far) == pytest.approx((near, far))


def test_an_uneven_scale_counts_along_the_axes_of_the_camera():
    """Right, up and back of the camera are the object's Y, Z and X."""
    local = np.eye(4)
    local[:3, :3] = np.array([(0, 1, 0), (0, 0, 1), (1, 0, 0)]).T
    local[:3, 3] = (2 + 30, 2.5, 3.5)
    lens = lens_of(local, 500.0, None, FRAME, BOX, np.diag([2.0, 3, 5, 1]))
    assert lens.focal == pytest.approx(500 * 2 / 15**0.5 * 36 / 640) and lens.far == pytest.approx(30 * 2 * 50)
    assert lens.error == pytest.approx((5 / 15**0.5 - 1) * 320)
