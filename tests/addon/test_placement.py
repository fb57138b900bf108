"""From the world into model space and back."""

import numpy as np
import pytest

from blender_addon.motion.axes import FACINGS, rotation
from blender_addon.motion.placement import Placement


@pytest.mark.parametrize("facing", FACINGS)
def test_first_frame_fills_its_box_and_all_comes_back(facing):
    rng = np.random.default_rng(0)
    world = rng.normal(size=(3, 40, 3)) * (1, 5, 2) + (100, -20, 7)
    placement = Placement.of(world[0], rotation(facing))
    model = placement.to_model(world)
    low, high = model[0].min(axis=0), model[0].max(axis=0)
    assert np.allclose(low + high, 0) and (high - low).max() == pytest.approx(1.5)
    assert np.allclose(placement.to_world(model), world)
    sides = [np.linalg.norm(pose[0] - pose[1]) for pose in (model[1], world[1])]
    assert sides[0] == pytest.approx(sides[1] * placement.scale)


def test_a_character_of_blender_stands_up_and_looks_ahead():
    corners = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (0, 4)], float)
    placement = Placement.of(corners, rotation("NEG_Y"))
    assert np.allclose(placement.to_model(np.array([0, -1, 4.0])), (0, 0.75, 0.375))


def test_a_small_character_can_be_placed():
    assert Placement.of(np.array([(0, 0, 0), (0, 0, 0.01)]), rotation("NEG_Y")).scale == pytest.approx(150)


def test_what_cannot_be_placed_is_named():
    with pytest.raises(ValueError, match="one place"):
        Placement.of(np.ones((5, 3)), rotation("NEG_Y"))
    with pytest.raises(ValueError, match="SIDEWAYS"):
        rotation("SIDEWAYS")
