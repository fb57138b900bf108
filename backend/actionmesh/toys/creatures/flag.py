"""The flag: a cloth with waves that run away from its pole."""

import numpy as np

from ..paint import palette
from ..rig import Rig, X, Y, Z

STRIPS = 7
THICK = 0.03


def flag(rng: np.random.Generator) -> Rig:
    u, rig = rng.uniform, Rig(blend=0.02)
    first, _, second, _ = palette(rng)
    length, half, top = u(0.8, 1.2), u(0.2, 0.38), u(0.35, 0.5)
    if rng.random() < 0.8:
        _pole(rig, rng, half, top)
    colours = [first, second, first] if rng.random() < 0.5 else [first] * 3
    taper = u(0.0, 0.06) if rng.random() < 0.3 else 0.0
    strip = length / STRIPS
    droop, ripple, waves, twist = u(0, 3.5), u(14, 24), u(0.7, 1.3), u(0, 6)
    parent = 0
    for index in range(STRIPS):
        parent = rig.joint(parent, (index * strip, top - half, 0))
        tall = half * (1 - taper * index)
        centre = ((index + 0.5) * strip, top - half, 0)
        rig.box(parent, centre, (strip * 0.62, tall, THICK), colours[3 * index // STRIPS])
        delay = waves * index / STRIPS
        rig.swing(parent, Y, ripple * min(1.0, 0.5 + 0.25 * index), delay, bias=u(-3, 3))
        rig.swing(parent, X, twist, delay + 0.2)
        rig.swing(parent, Z, droop * 0.6, delay, bias=-droop)
    return rig


def _pole(rig: Rig, rng: np.random.Generator, half: float, top: float) -> None:
    wood = np.array([0.55, 0.45, 0.35]) * rng.uniform(0.6, 1.5)
    bottom, radius = rng.uniform(0.2, 0.6), rng.uniform(0.03, 0.045)
    place = -radius, top - 2 * half - bottom, 0
    rig.cone(0, place, (-radius, top + 0.06, 0), radius, radius, wood)
    rig.ellipsoid(0, (-radius, top + 0.08, 0), np.full(3, radius * 1.6), wood * 0.7)
    rig.swing(0, Z, rng.uniform(0, 5), rng.uniform(0, 1))
