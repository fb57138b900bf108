"""The snake: a chain that slithers sideways and in height, with a raised head in some."""

import numpy as np

from ..paint import palette
from ..rig import Rig, X, Y

PARTS = 10
NECK = 4
OUTLINE = np.array([0.85, 0.95, 1.0, 1.05, 1.1, 1.1, 1.05, 0.95, 0.8, 0.55, 0.3])


def snake(rng: np.random.Generator) -> Rig:
    u, rig = rng.uniform, Rig()
    body, _, stripe, _ = palette(rng)
    thick, step = u(0.05, 0.09), u(0.12, 0.16)
    places = [np.array([0, 0, (NECK - index) * step]) for index in range(PARTS + 1)]
    radii = thick * OUTLINE
    colours = [body if index % 2 else stripe for index in range(PARTS)]
    tail = rig.limb(0, places[NECK:], radii[NECK:], colours[NECK:])
    neck = rig.limb(0, places[NECK::-1], radii[NECK::-1], colours[NECK - 1 :: -1])
    skull, head = thick * u(1.2, 1.6), rig.joint(neck[-1], places[0])
    rig.ellipsoid(head, places[0] + (0, 0.01, skull * 0.7), skull * np.array([1.05, 0.75, 1.5]), body)
    rig.eyes += [(places[0] + np.array([side * 0.7, 0.45, 1.2]) * skull, skull * 0.36) for side in (1, -1)]
    _slither(rig, rng, neck, tail, head)
    return rig


def _slither(rig: Rig, rng: np.random.Generator, neck: list[int], tail: list[int], head: int) -> None:
    """Add one wave that runs from head to tail through both halves, sideways and, a quarter later, in height."""
    u = rng.uniform
    sideways, lift, waves = u(14, 26), u(4, 15), u(0.7, 1.3)
    rear = u(12, 32) if rng.random() < 0.4 else 0.0
    for index, joint in enumerate(tail):
        delay = waves * (index + 1) / PARTS
        rig.swing(joint, Y, sideways, delay, bias=u(-6, 6))
        rig.swing(joint, X, lift, delay + 0.25, bias=u(-4, 4))
    for index, joint in enumerate(neck):
        delay = -waves * index / PARTS
        rig.swing(joint, Y, -sideways * 0.8, delay)
        rig.swing(joint, X, -lift * 0.8, delay + 0.25, bias=-rear if index else 0.0)
    rig.swing(head, X, u(8, 20), u(0, 1), bias=2.0 * rear)
    rig.swing(head, Y, u(8, 20), u(0, 1))
