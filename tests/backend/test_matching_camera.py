"""The clip's camera and the search for it: each piece alone, on numbers that can be written down."""

from dataclasses import replace

import numpy as np
import pytest

from actionmesh.geometry.surface import normalise
from actionmesh.matching.camera import FilmCamera, axes_of
from actionmesh.matching.film import Film
from actionmesh.matching.search import View, angle_between, apart, framed, ordered, robust, robust_weight
from actionmesh.matching.standing import camera_in_mesh, turn_of, wrapped

CAMERA = FilmCamera(0.3, -0.2, 0.1, 0.25, 90.0, (4.0, -3.0), (80.0, 70.0))
FLAT = FilmCamera(0.0, 0.0, 0.0, 0.0, 10.0, (0.0, 0.0), (10.0, 10.0))
"""Parallel rays along -Z; ten pixels a unit, and the origin in the middle of 20 x 20 pixels."""
SQUARE = np.array([(-0.5, -0.5, 0), (0.5, -0.5, 0), (0.5, 0.5, 0), (-0.5, 0.5, 0)], np.float32)
HALVES = np.array([(0, 1, 2), (0, 2, 3)], np.int32)
LINE = np.stack([np.arange(9.0), np.zeros(9), np.zeros(9)], axis=1)
"""Nine places one apart, joined by flat triangles: along the surface, distances are differences of numbers."""


# The camera.


def test_axes_turn_as_they_are_described():
    np.testing.assert_allclose(axes_of(np.pi / 2, 0, 0), [(0, 0, -1), (0, 1, 0), (1, 0, 0)], atol=1e-12)
    np.testing.assert_allclose(axes_of(0, np.pi / 2, 0), [(1, 0, 0), (0, 0, -1), (0, 1, 0)], atol=1e-12)
    np.testing.assert_allclose(axes_of(0, 0, np.pi / 2), [(0, -1, 0), (1, 0, 0), (0, 0, 1)], atol=1e-12)
    axes = axes_of(0.3, -0.2, 0.1)
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)


def test_the_eye_lies_at_its_distance_on_the_optical_axis():
    back = CAMERA.axes[2]
    assert CAMERA.eye @ back == pytest.approx(4)
    for distance in (1, 4, 9):
        assert CAMERA.pixels(CAMERA.to_film(CAMERA.eye - distance * back)) == pytest.approx((80, 70))


def test_pixels_are_those_of_the_formula():
    film = np.array([6.0, 12.0, 72.0])
    near = 1 - 0.25 / 90 * 72
    assert CAMERA.pixels(film) == pytest.approx((80 + 10 / near, 70 - 9 / near))
    assert CAMERA.to_film(np.array([0, 0.5, 0])) == pytest.approx(45 * CAMERA.axes[:, 1])


def test_the_seven_numbers_go_there_and_back():
    assert CAMERA.numbers.tolist() == [0.3, -0.2, 0.1, 0.25, 90, 4, -3]
    assert CAMERA.with_numbers(CAMERA.numbers) == CAMERA
    other = CAMERA.with_numbers(np.arange(7.0))
    assert other == FilmCamera(0, 1, 2, 3, 4, (5, 6), (80, 70))


def test_a_parallel_camera_is_placed_three_sizes_from_the_middle():
    vertices = np.array([(1, 2, 3), (5, 3, 4)], float)
    matrix = camera_in_mesh(FLAT, normalise(vertices, 0.75)[1])
    assert matrix[:3, 3] == pytest.approx((3, 2.5, 3.5 + 3 * 4)) and matrix[3].tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize(("angle", "same"), [(0, 0), (190, -170), (-190, 170), (180, -180), (359, -1), (720.5, 0.5)])
def test_angles_are_wrapped_around_the_front(angle, same):
    assert wrapped(angle) == pytest.approx(same)


def test_a_turn_brings_its_side_to_the_front():
    assert turn_of(90) @ (1, 0, 0) == pytest.approx((0, 0, 1)) and turn_of(30) @ (0, 1, 0) == pytest.approx((0, 1, 0))
    assert turn_of(-40) @ (np.sin(np.radians(-40)), 0, np.cos(np.radians(40))) == pytest.approx((0, 0, 1))


@pytest.mark.parametrize("inverse_distance", [0.0, 0.3])
def test_film_space_is_undone_and_its_derivatives_are_right(inverse_distance):
    camera = FilmCamera(0.3, -0.2, 0.1, inverse_distance, 90.0, (4.0, -3.0), (80.0, 70.0))
    points = np.random.default_rng(0).normal(0, 0.4, (20, 3))
    film = camera.to_film(points)
    np.testing.assert_allclose(camera.to_model(film), points, atol=1e-12)
    jacobian, step = camera.jacobian(film), 1e-4
    for axis in range(3):
        shift = step * np.eye(3)[axis]
        numeric = (camera.pixels(film + shift) - camera.pixels(film - shift)) / (2 * step)
        np.testing.assert_allclose(jacobian[..., axis], numeric, atol=1e-6)


def test_an_enlarged_picture_has_the_enlarged_pixels():
    camera = FilmCamera(0.3, -0.2, 0.1, 0.2, 90.0, (4.0, -3.0), (80.0, 70.0))
    points = np.random.default_rng(1).normal(0, 0.4, (20, 3))
    larger = camera.rescaled(2.5, (10.0, -20.0))
    expected = (camera.pixels(camera.to_film(points)) - (10, -20)) * 2.5
    np.testing.assert_allclose(larger.pixels(larger.to_film(points)), expected, atol=1e-9)


@pytest.mark.parametrize("inverse_distance", [0.0, 0.25])
def test_the_camera_in_the_mesh_s_coordinates_sees_the_same(inverse_distance):
    """A pinhole (or parallel) camera with that matrix, written out here, agrees with the seven numbers."""
    camera = FilmCamera(0.0, 0.2, 0.05, inverse_distance, 80.0, (6.0, -9.0), (100.0, 60.0))
    vertices = np.random.default_rng(2).normal(0, 3, (30, 3)) + (5, 6, 7)
    placed, to_match = normalise(vertices, 0.75, turn_of(50.0))
    matrix = camera_in_mesh(camera, to_match)
    local = (vertices - matrix[:3, 3]) @ matrix[:3, :3]
    if inverse_distance:
        focal = camera.scale / inverse_distance
        pixels = np.array([100.0, 60.0]) + focal * local[:, :2] / -local[:, 2:] * (1, -1)
    else:
        pixels = np.array([100.0, 60.0]) + camera.scale * to_match.scale * local[:, :2] * (1, -1)
    np.testing.assert_allclose(pixels, camera.pixels(camera.to_film(placed)), atol=1e-6)


# The search for the camera.


def test_cameras_are_kept_that_look_from_apart():
    cameras = [replace(FLAT, yaw=np.radians(degrees)) for degrees in (0, 5, 30, 180, 185, 90)]
    assert apart(cameras, 20, 9) == [cameras[index] for index in (0, 2, 3, 5)]
    assert apart(cameras, 20, 2) == [cameras[0], cameras[2]] and apart(cameras, 0, 9) == cameras
    assert angle_between(cameras[0], cameras[5]) == pytest.approx(90)
    assert angle_between(FLAT, replace(FLAT, pitch=np.radians(-25))) == pytest.approx(25)


def test_views_that_explain_the_outline_are_ordered_by_creases_and_others_by_cost():
    views = {name: View(FLAT, 1, cost, creases) for name, cost, creases in
             (("near", 0.10, 0.2), ("right", 0.11, 0.5), ("far", 9, 0.9), ("farther", 10, 1.0))}  # fmt: skip
    given = [views[name] for name in ("farther", "near", "far", "right")]
    assert ordered(given) == [views[name] for name in ("right", "near", "far", "farther")]


def test_a_framed_mesh_fills_the_box_of_the_mask():
    masks = np.zeros((1, 60, 80), bool)
    masks[0, 12:45, 20:64] = True
    film = Film(np.zeros((1, 60, 80, 3), np.uint8), masks, (0.0, 0.0), 1.0, (60, 80), 0)
    vertices = np.random.default_rng(0).uniform(-0.75, 0.75, (400, 3))
    camera = framed(vertices, film, 0, (0.4, 0.2, 0.0, 0.1))
    assert camera.principal == (40, 30) and camera.numbers[:4].tolist() == [0.4, 0.2, 0, 0.1]
    seen = camera.pixels(camera.to_film(vertices))
    low, high = seen.min(axis=0), seen.max(axis=0)
    assert (low + high) / 2 == pytest.approx(((20 + 64) / 2, (12 + 45) / 2), abs=0.1)
    assert np.prod(high - low) == pytest.approx(44 * 33, rel=0.02)


def test_the_weights_are_those_of_the_robust_square():
    residuals, step = np.array([-3.0, -0.5, 0.2, 1.0, 7.0]), 1e-6
    slope = (robust(residuals + step, 1.5) - robust(residuals - step, 1.5)) / (2 * step)
    np.testing.assert_allclose(2 * residuals * robust_weight(residuals, 1.5), slope, atol=1e-6)


def test_a_robust_square_is_a_square_where_small_and_ends():
    np.testing.assert_allclose(robust(np.array([0.0, 0.1, 1e6]), 2.0), [0, 0.01, 4], rtol=3e-3, atol=1e-9)
