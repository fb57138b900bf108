"""Cameras from a cone around the front: the backend renderer's conventions, and everything is in the picture."""

import numpy as np
import pytest

from actionmesh.media.render import Camera as BackendCamera
from blender_addon.motion.cone import draw_around, draw_camera, look_from


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
    drawn = draw_around(subject(), 200, np.random.default_rng(1))
    pitches = np.degrees([np.arcsin(camera.axes[2, 1]) for camera in drawn])
    assert pitches.min() < -5 and pitches.max() > 25


def test_a_turned_cone_is_the_same_cone_elsewhere():
    for seed in range(20):
        front, side = (draw_camera(subject(), np.random.default_rng(seed), np.radians(yaw)) for yaw in (0, 100))
        assert (yaw_of(side) - yaw_of(front) - 100 + 180) % 360 - 180 == pytest.approx(0, abs=1e-6)
        assert side.axes[2, 1] == pytest.approx(front.axes[2, 1])
