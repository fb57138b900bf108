"""The plane that mirrors a shape, at any angle, of meshes made as halves and of scans."""

import numpy as np
import pytest

from blender_addon.motion.symmetry import mirror_yaw


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
