"""The spring: a coil between two ends, compressed, stretched and swayed, with or without a hop."""

import numpy as np

from ..motion import Wave
from ..paint import palette
from ..rig import Rig, X, Y, Z

A_TURN = 8
LEVELS = 4


def spring(rng: np.random.Generator) -> Rig:
    u, rig = rng.uniform, Rig(blend=0.015)
    coil, foot, top, other = palette(rng)
    radius, height, wire = u(0.2, 0.32), u(0.6, 1.0), u(0.04, 0.055)
    joints = _stem(rig, rng, height)
    _coil(rig, joints, (radius, height, wire), int(rng.integers(2, 4)), (coil, other))
    rig.ellipsoid(0, (0, -0.03, 0), (radius * u(1.0, 1.3), 0.05, radius * u(1.0, 1.3)), foot)
    _top(rig, rng, joints[-1], radius, height, top)
    rig.stretch = Wave(u(0.14, 0.27), u(0, 1))
    if rng.random() < 0.4:
        rig.shifts.append((Y, Wave(u(0.1, 0.22), hop=True)))
    return rig


def _stem(rig: Rig, rng: np.random.Generator, height: float) -> list[int]:
    """Add the joints that carry the coil, one above the other; they sway as one."""
    parent, joints, angle, sway = 0, [], rng.uniform(0, np.pi), rng.uniform(2, 9)
    for level in range(LEVELS):
        parent = rig.joint(parent, (0, height * level / LEVELS, 0))
        rig.swing(parent, X * np.sin(angle) + Z * np.cos(angle), sway, 0.04 * level)
        joints.append(parent)
    return joints


def _coil(rig: Rig, joints: list[int], sizes: tuple[float, float, float], turns: int, colours: tuple) -> None:
    radius, height, wire = sizes
    steps = turns * A_TURN
    around = np.linspace(0, 2 * np.pi * turns, steps + 1)
    points = np.stack([radius * np.sin(around), height * np.arange(steps + 1) / steps, radius * np.cos(around)], axis=1)
    for step in range(steps):
        joint = joints[step * LEVELS // steps]
        rig.cone(joint, points[step], points[step + 1], wire, wire, colours[step // A_TURN % 2])


def _top(rig: Rig, rng: np.random.Generator, joint: int, radius: float, height: float, colour: np.ndarray) -> None:
    u, size = rng.uniform, radius * rng.uniform(0.7, 1.1)
    if rng.random() < 0.5:
        rig.ellipsoid(joint, (0, height + 0.03, 0), (radius * 1.1, 0.05, radius * 1.1), colour)
        return
    centre = np.array([0, height + size * 0.7, 0])
    rig.ellipsoid(joint, centre, size * np.array([1.0, u(0.8, 1.0), 1.0]), colour)
    rig.eyes += [(centre + size * np.array([side * 0.4, 0.2, 0.88]), size * 0.24) for side in (1, -1)]
