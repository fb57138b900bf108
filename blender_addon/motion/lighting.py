"""The light for pictures: ambient light, and a key light that casts no shadows."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Light:
    """A light, as shares of what makes a white surface white.

    Args:
        ambient, key: strength of the light from everywhere, and of the key.
        key_from: direction of the key, along the camera's right, up and back.
        colour: of the key, linear.
    """

    ambient: float = 0.45
    key: float = 0.55
    key_from: tuple[float, float, float] = (-0.45, 0.65, 0.8)
    colour: tuple[float, float, float] = (1.0, 1.0, 1.0)


STUDIO = Light()


def draw_light(rng: np.random.Generator) -> Light:
    """Draw a light from above the camera or next to it, with random strength and warmth."""
    around, raised = rng.uniform(-np.pi, np.pi), rng.uniform(0.1, 1.3)
    right, up, back = np.cos(raised) * np.sin(around), np.sin(raised), np.cos(raised) * np.cos(around)
    warmth = rng.uniform(-0.12, 0.12)
    ambient = rng.uniform(0.25, 0.6)
    key = (1.05 - ambient) * rng.uniform(0.7, 1.3)
    return Light(float(ambient), float(key), (float(right), float(up), float(back)), (1 + warmth, 1.0, 1 - warmth))
