"""The hopping box: a crate or a die that hops, tips and squashes; some have a lid, feet or a face."""

import numpy as np

from ..motion import Wave
from ..paint import EYE, palette
from ..rig import Rig, X, Y, Z


def box(rng: np.random.Generator) -> Rig:
    u, rig = rng.uniform, Rig(blend=0.018)
    side, feet, lid, trim = palette(rng)
    half = np.array([u(0.24, 0.4), u(0.2, 0.4), u(0.24, 0.4)])
    rig.box(0, (0, 0, 0), half, side)
    if rng.random() < 0.5:
        _lid(rig, rng, half, lid)
    if rng.random() < 0.5:
        _feet(rig, rng, half, feet)
    if rng.random() < 0.5:
        rig.eyes += [(np.array([s * half[0] * 0.4, half[1] * 0.25, half[2]]), u(0.05, 0.09)) for s in (1, -1)]
        rig.ellipsoid(0, (0, -half[1] * 0.3, half[2]), (half[0] * 0.4, 0.035, 0.035), EYE)
    else:
        rig.box(0, (0, 0, half[2] * 0.7), (half[0] * 0.45, half[1] * 0.45, half[2] * 0.4), trim)
    _hop(rig, rng)
    return rig


def _lid(rig: Rig, rng: np.random.Generator, half: np.ndarray, colour: np.ndarray) -> None:
    """Add a lid that only its hinge holds; a gap keeps its surface from blending with the box's."""
    thick, gap, hinge = rng.uniform(0.04, 0.07), 0.07, np.array([0, half[1] + 0.03, -half[2] * 0.95])
    lid = rig.joint(0, hinge)
    rig.box(lid, (0, half[1] + gap + thick, 0), (half[0] * 1.06, thick, half[2] * 1.06), colour)
    across = half[0] * 0.6 * X
    rig.cone(0, hinge - across, hinge + across, 0.05, 0.05, colour)
    opening = rng.uniform(12, 30)
    rig.swing(lid, X, opening, rng.uniform(0, 1), bias=-opening)


def _feet(rig: Rig, rng: np.random.Generator, half: np.ndarray, colour: np.ndarray) -> None:
    length, radius, swing = rng.uniform(0.08, 0.18), rng.uniform(0.05, 0.08), rng.uniform(5, 25)
    for index in range(4):
        left, front = 1 - 2 * (index % 2), 1 - 2 * (index // 2)
        root = np.array([left * half[0] * 0.65, -half[1] * 0.9, front * half[2] * 0.65])
        foot = rig.limb(0, (root, root - length * Y), (radius, radius * 1.2), [colour])[0]
        rig.swing(foot, X, swing, 0.5 * ((index + index // 2) % 2))


def _hop(rig: Rig, rng: np.random.Generator) -> None:
    u = rng.uniform
    rig.shifts.append((Y, Wave(u(0.15, 0.35), hop=True)))
    rig.stretch = Wave(u(0.08, 0.2), delay=u(0.2, 0.35))
    rig.swing(0, Z, u(5, 22), u(0, 1))
    rig.swing(0, X, u(0, 15), u(0, 1))
    if rng.random() < 0.3:
        rig.swing(0, Y, u(15, 45), u(0, 1))
