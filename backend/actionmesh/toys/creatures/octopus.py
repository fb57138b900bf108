"""The octopus: a mantle that pulses over six to eight arms that curl and spread."""

import numpy as np

from ..motion import Wave
from ..paint import palette
from ..rig import Rig, X, Y, Z


def octopus(rng: np.random.Generator) -> Rig:
    u, rig = rng.uniform, Rig(blend=0.022)
    body, _, arm, _ = palette(rng)
    size, tall = u(0.2, 0.28), u(1.0, 1.5)
    mantle = rig.joint(0, (0, 0, 0))
    rig.ellipsoid(mantle, (0, size * tall * 0.75, 0), (size, size * tall, size * u(0.9, 1.1)), body)
    rig.swing(mantle, X, u(4, 14), u(0, 1))
    rig.swing(mantle, Z, u(4, 14), u(0, 1))
    rig.eyes += [(np.array([side * 0.5, 0.55, 0.85]) * size, size * 0.22) for side in (1, -1)]
    _arms(rig, rng, size, (body, arm, arm))
    rig.stretch = Wave(u(0.04, 0.14), u(0, 1))
    rig.shifts.append((Y, Wave(u(0.02, 0.08), u(0, 1))))
    return rig


def _arms(rig: Rig, rng: np.random.Generator, size: float, colours: tuple) -> None:
    """Make the arms swing all together, as in swimming, or one after the other around the body."""
    u, count = rng.uniform, int(rng.integers(6, 9))
    reach, droop, thick = u(0.17, 0.25), u(0.35, 1.0), u(0.055, 0.075) * np.array([1.1, 1.0, 0.75, 0.4])
    curl, spread, together, level = u(18, 35), u(10, 26), rng.random() < 0.5, u(-5, 12)
    for index in range(count):
        around = 2 * np.pi * (index + 0.5) / count
        outward, tangent = np.array([np.sin(around), 0, np.cos(around)]), np.array([np.cos(around), 0, -np.sin(around)])
        steps = [reach * (outward * np.cos(droop * f) - Y * np.sin(droop * f)) for f in (0.4, 0.9, 0.7)]
        points = np.cumsum([outward * size * 0.62 - 0.02 * Y, *steps], axis=0)
        delay = 0.0 if together else index / count
        for part, joint in enumerate(rig.limb(0, points, thick, colours)):
            rig.swing(joint, tangent, curl if part else spread, delay + 0.15 * part, bias=u(-8, 8) if part else level)
            rig.swing(joint, Y, u(3, 10), u(0, 1))
