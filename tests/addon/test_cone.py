"""Cameras from a cone around the front: the backend renderer's conventions, and everything is in the picture."""

import numpy as np
import pytest

from actionmesh.media.render import Camera as BackendCamera
from blender_addon.motion.cone import aimed, draw_around, draw_camera, look_from


def subject(way=0.0, seed=0):
    """Return four poses that move `way` units towards the viewer."""
    poses = np.random.default_rng(seed).uniform(-0.75, 0.75, (4, 60, 3))
    poses[..., 2] += np.linspace(0, way, 4)[:, None]
    return poses


def cameras(poses, count=60):
    return [draw_camera(poses, np.random.default_rng(seed)) for seed in range(count)]


def test_axes_are_those_of_the_backend():
    for yaw, pitch in ((0, 0), (0.2, 0.1), (-0.1, 0.3)):
        assert np.allclose(look_from(yaw, pitch), BackendCamera(yaw, pitch).axes)


@pytest.mark.parametrize("way", [0.0, 3.0, 30.0, -30.0])
def test_every_pose_is_in_the_picture_and_touches_its_margin(way):
    poses = subject(way)
    for camera in cameras(poses):
        places = camera.project(poses)
        assert places.min() > 0.02 and places.max() < 0.98
        assert np.ptp(places.reshape(-1, 2), axis=0).max() == pytest.approx(1 / 1.06)
        assert camera.distance - camera.near >= 1 - 1e-9 and camera.near >= (poses @ camera.axes[2]).max() - 1e-9


def test_cameras_fill_the_cone_and_some_have_no_perspective():
    drawn = cameras(subject(), 300)
    middle = look_from(0, np.radians(4))[2]
    off = np.degrees([np.arccos(np.clip(camera.axes[2] @ middle, -1, 1)) for camera in drawn])
    assert 14 < off.max() < 15.1 and off.min() < 3 and 8 < np.median(off) < 13
    flat = np.mean([np.isinf(camera.distance) for camera in drawn])
    assert 0.2 < flat < 0.4


def angle_of(camera):
    """Return the field of view in degrees for what reaches 1.45 to either side."""
    return 2 * np.degrees(np.arctan(1.45 / camera.distance))


def test_cameras_lie_all_around_the_middle_of_the_cone_with_fields_of_view_of_15_to_40_degrees():
    drawn = cameras(subject()[:, :4], 1000)
    yaws = np.degrees([np.arctan2(camera.axes[2, 0], camera.axes[2, 2]) for camera in drawn])
    pitches = np.degrees([np.arcsin(camera.axes[2, 1]) for camera in drawn]) - 4
    around = np.arctan2(pitches, yaws)
    assert abs(np.cos(around).mean()) < 0.05 and abs(np.sin(around).mean()) < 0.05
    assert yaws.min() < -14 and yaws.max() > 14 and pitches.min() < -14 and pitches.max() > 14
    angles = [angle_of(camera) for camera in drawn if np.isfinite(camera.distance)]
    assert 15 <= min(angles) < 15.5 and 39.5 < max(angles) <= 40 and 26 < np.mean(angles) < 29


def test_a_picture_shows_right_and_down_from_0_to_1():
    """A sheet of 2 x 1 units, and a point in front of it; both fill the picture but for 3% at each side."""
    sheet = np.array([[(-1, -0.5, 0), (1, -0.5, 0), (1, 0.5, 0), (-1, 0.5, 0)]])
    flat = aimed(sheet, look_from(0, 0), np.inf)
    assert (flat.half, flat.near, flat.far) == pytest.approx((1.06, 0, 0)) and np.allclose(flat.centre, 0)
    assert flat.project(np.array([1, 0.5, 7])) == pytest.approx((0.5 + 1 / 2.12, 0.5 - 0.25 / 1.06))
    near = aimed(np.concatenate([sheet, sheet + (1, 0, 2)]), look_from(0, 0), 4.0)
    assert (near.distance, near.near, near.far) == pytest.approx((4, 2, 0))
    assert near.centre == pytest.approx(((4 - 1) / 2, 0)) and near.half == pytest.approx(2.5 * 1.06)
    assert near.project(np.array([2, 0.5, 2])) == pytest.approx((0.5 + 0.5 / 1.06, 0.5 - 1 / 5.3))


def test_an_eye_stays_a_unit_before_the_nearest_point():
    ball = subject()[:, :9] + (0, 0, 5)
    assert aimed(ball, look_from(0, 0), 3.0).distance == pytest.approx(ball[..., 2].max() + 1)


def test_perspective_enlarges_what_is_near():
    camera = next(camera for camera in cameras(subject()) if np.isfinite(camera.distance))
    right, back = 0.1 * camera.axes[0], camera.axes[2]
    near, far = (
        np.ptp(camera.project(np.stack([place * back + right, place * back - right]))[:, 0]) for place in (0.7, -0.7)
    )
    expected = (camera.distance + 0.7) / (camera.distance - 0.7)
    assert near / far == pytest.approx(expected)


def yaw_of(camera):
    return np.degrees(np.arctan2(camera.axes[2, 0], camera.axes[2, 2])) % 360


@pytest.mark.parametrize("count", [1, 4, 8])
def test_cameras_all_around_share_the_circle(count):
    drawn = draw_around(subject(2.0), count, np.random.default_rng(0))
    assert sorted(int(yaw_of(camera) // (360 / count)) for camera in drawn) == list(range(count))
    pitches = np.degrees([np.arcsin(camera.axes[2, 1]) for camera in drawn])
    assert pitches.min() >= -10 and pitches.max() <= 30 and all(np.isfinite(camera.distance) for camera in drawn)
    for camera in drawn:
        places = camera.project(subject(2.0))
        assert places.min() > 0.02 and places.max() < 0.98 and camera.distance - camera.near >= 1 - 1e-9


def test_pitches_all_around_fill_their_range():
    drawn = draw_around(subject()[:, :4], 1000, np.random.default_rng(1))
    pitches = np.degrees([np.arcsin(camera.axes[2, 1]) for camera in drawn])
    assert -10 <= pitches.min() < -9.5 and 29.5 < pitches.max() <= 30
    angles = [angle_of(camera) for camera in drawn]
    assert 15 <= min(angles) < 15.5 and 39.5 < max(angles) <= 40
    alone = [yaw_of(draw_around(subject(), 1, np.random.default_rng(seed))[0]) for seed in range(40)]
    assert min(alone) < 40 and max(alone) > 320


def test_a_turned_cone_is_the_same_cone_elsewhere():
    for seed in range(20):
        front, side = (draw_camera(subject(), np.random.default_rng(seed), np.radians(yaw)) for yaw in (0, 100))
        assert (yaw_of(side) - yaw_of(front) - 100 + 180) % 360 - 180 == pytest.approx(0, abs=1e-6)
        assert side.axes[2, 1] == pytest.approx(front.axes[2, 1])
