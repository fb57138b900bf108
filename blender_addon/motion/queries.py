"""The points around a surface at which its signed distance is sampled, to train a shape's latent."""

import numpy as np

NEAR_SHARE, BOX_SHARE = 0.6, 0.25
NOISE_SCALES = (0.01, 0.03, 0.09)
BOX_PADDING = 0.1


def draw_queries(surface: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw query points around one pose, given points (P, 3) of its surface in model space.

    NEAR_SHARE of them are surface points plus noise, equally many at each scale; BOX_SHARE are uniform in the box of
    the surface padded by BOX_PADDING; the rest are uniform in [-1, 1]^3.

    Returns:
        (count, 3) float16. Measure distances from the points as they are stored.
    """
    near, boxed = round(NEAR_SHARE * count), round(BOX_SHARE * count)
    scales = np.array(NOISE_SCALES)[np.arange(near) % len(NOISE_SCALES), None]
    around = surface[rng.integers(len(surface), size=near)] + scales * rng.standard_normal((near, 3))
    low, high = surface.min(axis=0) - BOX_PADDING, surface.max(axis=0) + BOX_PADDING
    points = [around, rng.uniform(low, high, (boxed, 3)), rng.uniform(-1, 1, (count - near - boxed, 3))]
    return np.concatenate(points).astype(np.float16)
