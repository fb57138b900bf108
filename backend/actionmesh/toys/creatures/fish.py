"""The fish: a flat body bent by a wave that grows towards the tail fin, with back, belly and side fins."""

import numpy as np

from ..motion import Wave, rotation_of
from ..paint import palette
from ..rig import Rig, X, Y, Z

SPINE = np.array([0.42, 0.2, -0.05, -0.27, -0.44])
OUTLINE = np.array([0.66, 1.0, 0.95, 0.62, 0.34])
REACH = np.array([0.2, 0.27, 0.27, 0.22, 0.16])


def fish(rng: np.random.Generator) -> Rig:
    u, rig = rng.uniform, Rig(blend=0.03)
    body, _, fin, _ = palette(rng)
    length, depths, flat = u(1.0, 1.3), u(0.14, 0.28) * OUTLINE, u(0.5, 0.7)
    places = SPINE * length
    spine = _spine(rig, length, depths, flat, body)
    tail = _tail_fin(rig, rng, spine[-1], places[-1], fin)
    sweep = u(10, 16)
    for index, joint in enumerate(spine):
        rig.swing(joint, Y, sweep * (0.5 + 0.3 * index), 0.16 * index)
    rig.swing(tail, Y, sweep * 1.6, 0.85)
    back = 0.026, u(0.07, 0.16), u(0.16, 0.24)
    rig.ellipsoid(spine[2], (0, depths[2] * 0.95, places[2]), back, fin, rotation_of(X, -0.3))
    rig.ellipsoid(spine[3], (0, -depths[3], places[3]), (0.026, u(0.06, 0.1), 0.1), fin, rotation_of(X, 0.5))
    for side in (1, -1):
        root = np.array([side * depths[1] * flat * 0.95, -depths[1] * 0.25, places[1] + 0.02])
        _side_fin(rig, rng, spine[1], root, side, fin)
        rig.eyes.append((np.array([side * depths[0] * flat, depths[0] * 0.3, places[0] + 0.06]), u(0.035, 0.055)))
    rig.shifts.append((Y, Wave(u(0.01, 0.06), u(0, 1))))
    rig.swing(0, Z, u(0, 8), u(0, 1))
    rig.swing(0, X, u(0, 10), u(0, 1))
    return rig


def _spine(rig: Rig, length: float, depths: np.ndarray, flat: float, colour: np.ndarray) -> list:
    parent, spine = 0, []
    for place, depth, reach in zip(SPINE, depths, REACH, strict=True):
        parent = rig.joint(parent, (0, 0, (place + 0.1) * length))
        rig.ellipsoid(parent, (0, 0, place * length), (depth * flat, depth, reach * length), colour)
        spine.append(parent)
    return spine


def _tail_fin(rig: Rig, rng: np.random.Generator, parent: int, end: float, colour: np.ndarray) -> int:
    tail, fork, size = rig.joint(parent, (0, 0, end - 0.05)), rng.uniform(0.3, 0.9), rng.uniform(0.13, 0.22)
    for side in (1, -1):
        centre = 0, side * 0.5 * size, end - 0.22
        rig.ellipsoid(tail, centre, (0.028, size * 0.55, size), colour, rotation_of(X, side * fork))
    return tail


def _side_fin(rig: Rig, rng: np.random.Generator, parent: int, root: np.ndarray, side: int, colour: np.ndarray) -> None:
    fin, turn = rig.joint(parent, root), rotation_of(Y, -side * 0.8)
    rig.ellipsoid(fin, root + turn @ (side * 0.11, -0.03, 0), (0.14, 0.03, 0.07), colour, turn)
    rig.swing(fin, Z, side * rng.uniform(20, 38), rng.uniform(0, 1), bias=-side * 10)
