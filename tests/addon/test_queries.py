"""Where signed distances are sampled."""

import numpy as np

from blender_addon.motion.queries import draw_queries


def test_queries_are_near_the_surface_in_its_box_and_anywhere():
    rng = np.random.default_rng(0)
    surface = rng.uniform((-0.2, -0.7, 0), (0.2, 0.7, 0), (4000, 3))
    points = draw_queries(surface, 3000, rng)
    assert points.shape == (3000, 3) and points.dtype == np.float16
    near, boxed, anywhere = np.split(points.astype(float), [1800, 2550])
    for number, scale in enumerate((0.01, 0.03, 0.09)):
        assert np.isclose(np.abs(near[number::3, 2]).mean(), scale * np.sqrt(2 / np.pi), rtol=0.1)
    low, high = surface.min(axis=0) - 0.1, surface.max(axis=0) + 0.1
    assert (boxed > low - 1e-3).all() and (boxed < high + 1e-3).all() and np.ptp(boxed[:, 2]) > 0.18
    assert np.abs(anywhere).max() <= 1 and np.allclose(anywhere.std(axis=0), 1 / np.sqrt(3), atol=0.05)
