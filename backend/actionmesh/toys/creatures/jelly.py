"""The jelly: a pudding of soft layers that wobble one after the other, round or cut as a block, on a plate or not."""

import numpy as np

from ..motion import Wave
from ..paint import palette
from ..rig import Rig, X, Y, Z

LAYERS = 5


def jelly(rng: np.random.Generator) -> Rig:
    u, rig = rng.uniform, Rig(blend=0.035)
    first, second, berry, plate = palette(rng)
    wide, height, narrow = u(0.34, 0.5), u(0.5, 0.85), u(0.45, 0.95)
    layers = _layers(rig, rng, (wide, height, narrow), (first, second))
    if rng.random() < 0.6:
        size = u(0.07, 0.11)
        rig.ellipsoid(layers[-1], (0, height + size * 0.7, 0), np.full(3, size), berry)
    if rng.random() < 0.5:
        rig.ellipsoid(0, (0, -0.02, 0), (wide * 1.45, 0.045, wide * 1.45), plate)
    rig.stretch = Wave(u(0.06, 0.16), u(0, 1), 1 + int(rng.integers(2)))
    if rng.random() < 0.3:
        rig.shifts.append((Y, Wave(u(0.08, 0.2), hop=True)))
    return rig


def _layers(rig: Rig, rng: np.random.Generator, sizes: tuple[float, float, float], colours: tuple) -> list[int]:
    """Add a chain of joints that sways with a delay towards the top, with a disc or a slab at each joint."""
    u, (wide, height, narrow) = rng.uniform, sizes
    part = rig.box if rng.random() < 0.4 else rig.ellipsoid
    lean, angle, late, roundness = u(2.5, 6.5), u(0, np.pi), u(0.03, 0.12), u(0.8, 1.25)
    striped, thick = rng.random() < 0.6, height / LAYERS
    parent, layers = 0, []
    for index in range(LAYERS):
        parent = rig.joint(parent, (0, index * thick, 0))
        half = wide * (1 - (1 - narrow) * index / (LAYERS - 1))
        colour = colours[index % 2 if striped else 0]
        part(parent, (0, (index + 0.5) * thick, 0), (half, thick, half * roundness), colour)
        rig.swing(parent, X, lean * np.sin(angle), late * index)
        rig.swing(parent, Z, lean * np.cos(angle), late * index)
        rig.swing(parent, Y, u(0, 4), late * index + 0.3)
        layers.append(parent)
    return layers
