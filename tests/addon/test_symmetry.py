"""The plane that mirrors a shape, at any angle, of meshes made as halves and of scans."""

import itertools

import numpy as np
import pytest

from blender_addon.motion.symmetry import Partners, mirror_yaw


def about_z(degrees):
    sin, cos = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    return np.array([(cos, -sin, 0), (sin, cos, 0), (0, 0, 1)])


def beast(seed=0, partners=True):
    """Return vertices and surface points of a body along Y, symmetric about X = 0, whose front and back differ."""
    rng = np.random.default_rng(seed)
    half = rng.uniform((0, -1, 0), (0.4, 1, 0.5), (400, 3)) * (1, 1, 1)
    head = rng.uniform((0, -1.6, 0.5), (0.2, -1.1, 1.0), (200, 3))
    half = np.concatenate([half, head])
    other = (
        half if partners else np.concatenate([rng.permutation(half[:400]), head]) + rng.normal(size=half.shape) * 0.02
    )
    both = np.concatenate([half, other * (-1, 1, 1)])
    return both, rng.permutation(both)


def off(found, wanted):
    """Return the angle between two planes in degrees."""
    return abs((np.degrees(found) - wanted + 90) % 180 - 90)


@pytest.mark.parametrize("degrees", [0, 37, 90, 141])
def test_plane_of_a_mesh_made_as_halves(degrees):
    vertices, points = (part @ about_z(degrees).T for part in beast())
    assert off(mirror_yaw(vertices, points), degrees) < 2


@pytest.mark.parametrize("degrees", [0, 37, 90])
def test_plane_of_a_shape_without_partners(degrees):
    vertices, points = (part @ about_z(degrees).T for part in beast(partners=False))
    assert off(mirror_yaw(vertices, points), degrees) < 8


@pytest.mark.parametrize("degrees", [0, 90])
def test_partners_tell_left_and_right_from_front_and_back(degrees):
    """A T-pose looks nearly the same in front and behind: its points reveal less than its vertices."""
    rng = np.random.default_rng(1)

    def half():
        arm, trunk = (
            rng.uniform((0.1, -0.06, 0.9), (1, 0.06, 1.0), (300, 3)),
            rng.uniform((0, -0.1, 0), (0.2, 0.1, 1.2), (300, 3)),
        )
        return np.concatenate([arm, trunk])

    modelled = half()
    vertices = np.concatenate([modelled, modelled * (-1, 1, 1)])
    points = rng.permutation(np.concatenate([half(), half() * (-1, 1, 1)]))
    assert off(mirror_yaw(vertices @ about_z(degrees).T, points @ about_z(degrees).T), degrees) < 1


def test_without_any_plane_the_documented_one_stays():
    rng = np.random.default_rng(2)
    scattered = rng.normal(size=(900, 3))
    assert mirror_yaw(scattered, scattered) == 0


def test_place_and_size_do_not_matter():
    vertices, points = beast()
    assert off(mirror_yaw(300 * vertices + (5000, -70, 9), 300 * points + (5000, -70, 9)), 0) < 1


def halves(seed=3):
    half = np.random.default_rng(seed).uniform((0.02, -0.5, -0.5), (0.5, 0.5, 0.5), (300, 3))
    return half, half * (-1, 1, 1)


@pytest.mark.parametrize("signs", list(itertools.product((-1, 0, 1), repeat=3)))
def test_a_partner_lies_up_to_a_two_hundred_fiftieth_off_in_every_direction(signs):
    half, other = halves()
    assert Partners(np.concatenate([half, other + 0.0038 * np.array(signs)])).share(0.0) > 0.98
    assert not any(signs[1:]) or Partners(np.concatenate([half, other + 0.02 * np.array(signs)])).share(0.0) < 0.1


def test_without_partners_the_share_is_small_and_across_another_plane_too():
    half, other = halves()
    assert Partners(np.concatenate([half, other + (0, 0.05, 0)])).share(0.0) < 0.1
    assert Partners(np.concatenate([half, other])).share(np.pi / 2) < 0.1


@pytest.mark.parametrize(
    ("shift", "loose"),
    [(0.0, [(0.9, 0, 0)] * 1), (0.3, []), (0.3, [(1.2, 0, 0)]), (-0.3, [(-1.0, 0, 0)])],
)
def test_the_plane_goes_through_the_origin_the_middle_or_the_median(shift, loose):
    """A loose vertex moves the middle of the box away; where all is shifted, the median finds the plane."""
    half, other = halves()
    middle = np.random.default_rng(0).uniform((0, -0.5, -0.5), (0, 0.5, 0.5), (41, 3))
    whole = np.concatenate([half, other, middle]) + (shift, 0, 0)
    assert Partners(np.concatenate([whole, np.reshape(loose, (-1, 3))])).share(0.0) > 0.98


def test_the_plane_through_the_origin_is_found_where_neither_middle_nor_median_are():
    half, other = halves()
    loose = np.random.default_rng(1).uniform((0.6, -0.5, -0.5), (0.9, 0.5, 0.5), (100, 3))
    assert Partners(np.concatenate([half, other, loose])).share(0.0) == pytest.approx(600 / 700, abs=0.02)
