"""Lights drawn at random: never from behind alone, never too dark or too bright."""

import numpy as np

from blender_addon.motion.lighting import STUDIO, Light, draw_light


def test_lights_differ_and_stay_reasonable():
    lights = [draw_light(np.random.default_rng(seed)) for seed in range(200)]
    directions = np.array([light.key_from for light in lights])
    assert np.allclose(np.linalg.norm(directions, axis=1), 1) and directions[:, 1].min() > 0
    assert {tuple(np.sign(direction[[0, 2]])) for direction in directions} == {(1, 1), (1, -1), (-1, 1), (-1, -1)}
    brightest = [light.ambient + light.key for light in lights]
    assert min(brightest) > 0.7 and max(brightest) < 1.35 and min(light.ambient for light in lights) >= 0.25
    raised = np.arcsin(directions[:, 1])
    assert 0.1 <= raised.min() < 0.15 and 1.25 < raised.max() <= 1.3
    colours, shares = (
        np.array([light.colour for light in lights]),
        [light.key / (1.05 - light.ambient) for light in lights],
    )
    assert np.allclose(colours[:, 0] + colours[:, 2], 2) and (colours[:, 1] == 1).all()
    assert 0.88 <= colours.min() < 0.89 and 1.11 < colours.max() <= 1.12
    assert (
        0.7 <= min(shares) < 0.72 and 1.28 < max(shares) <= 1.3 and 0.59 < max(light.ambient for light in lights) <= 0.6
    )
    assert all(0.8 < channel < 1.2 for light in lights for channel in light.colour) and len(set(lights)) == 200


def test_the_studio_makes_white_white():
    assert STUDIO == Light(0.45, 0.55, (-0.45, 0.65, 0.8), (1, 1, 1)) and STUDIO.ambient + STUDIO.key == 1.0
