"""The insect: head with feelers, chest and abdomen over six legs that walk three by three, with or without wings."""

import numpy as np

from ..motion import Wave, rotation_of
from ..paint import palette
from ..rig import Rig, X, Y, Z


def insect(rng: np.random.Generator) -> Rig:
    u, rig = rng.uniform, Rig(blend=0.02)
    colours = palette(rng)
    thick, length = u(0.10, 0.14), u(0.2, 0.27)
    rig.ellipsoid(0, (0, 0, 0), (thick, thick * u(0.8, 1.0), length), colours[0])
    _abdomen(rig, rng, thick, length, colours)
    _head(rig, rng, thick, length, colours)
    _legs(rig, rng, thick, length, colours[3])
    if rng.random() < 0.5:
        _wings(rig, rng, thick, colours[1])
    rig.shifts.append((Y, Wave(u(0.01, 0.05), u(0, 1), 2)))
    rig.swing(0, Z, u(0, 6), u(0, 1))
    return rig


def _abdomen(rig: Rig, rng: np.random.Generator, thick: float, length: float, colours: list) -> None:
    u, reach, lift = rng.uniform, rng.uniform(0.2, 0.34), rng.uniform(-0.1, 0.4)
    abdomen, turn = rig.joint(0, (0, 0, -length * 0.8)), rotation_of(X, lift)
    centre = np.array([0, 0, -length * 0.8]) + turn @ (0, 0, -reach * 0.9)
    rig.ellipsoid(abdomen, centre, (thick * u(0.85, 1.25), thick * u(0.85, 1.2), reach), colours[2], turn)
    rig.swing(abdomen, X, u(6, 18), u(0, 1))
    rig.swing(abdomen, Y, u(0, 14), u(0, 1))


def _head(rig: Rig, rng: np.random.Generator, thick: float, length: float, colours: list) -> None:
    u, skull = rng.uniform, rng.uniform(0.08, 0.12)
    head, centre = rig.joint(0, (0, 0.02, length * 0.85)), np.array([0, u(0.0, 0.06), length + skull * 0.7])
    rig.ellipsoid(head, centre, (skull * u(0.9, 1.3), skull, skull), colours[0])
    reach, curl = u(0.14, 0.26), u(0.3, 1.0)
    for side in (1, -1):
        root = centre + np.array([side * 0.4, 0.7, 0.4]) * skull
        bend = root + reach * np.array([side * 0.35, 0.75, 0.45])
        points = root, bend, bend + reach * np.array([side * 0.4, 0.3, curl])
        feeler = rig.limb(head, points, (0.032, 0.028, 0.036), [colours[3]] * 2)
        rig.swing(feeler[0], X, u(10, 25), u(0, 1))
        rig.swing(feeler[1], X, u(10, 25), u(0, 1))
        rig.eyes.append((centre + np.array([side * 0.75, 0.25, 0.6]) * skull, skull * 0.42))
    rig.swing(head, X, u(5, 14), u(0, 1))
    rig.swing(head, Y, u(0, 16), u(0, 1))


def _legs(rig: Rig, rng: np.random.Generator, thick: float, length: float, colour: np.ndarray) -> None:
    """Add six legs that step three at a time: the outer two of one side with the middle one of the other."""
    u = rng.uniform
    reach, knee, drop, radius = u(0.16, 0.24), u(0.03, 0.1), u(0.22, 0.34), u(0.036, 0.046)
    stride, lift = u(10, 18), u(8, 16)
    for index in range(6):
        side, row = 1 - 2 * (index % 2), index // 2
        around = rotation_of(Y, -side * (0.7 - 0.65 * row + u(-0.08, 0.08)))
        hip = np.array([side * thick * 0.7, -thick * 0.3, length * (0.6 - 0.55 * row)])
        bend = hip + around @ (side * reach, knee, 0)
        foot = bend + around @ (side * reach * 0.7, -drop - knee, 0)
        thigh, shin = rig.limb(0, (hip, bend, foot), radius * np.array([1.2, 1, 0.75]), [colour] * 2)
        delay = 0.5 * ((index % 2 + row) % 2)
        rig.swing(thigh, Y, stride, delay)
        rig.swing(thigh, around @ Z, side * lift, delay + 0.25)
        rig.swing(shin, around @ Z, -side * lift, delay + 0.3)


def _wings(rig: Rig, rng: np.random.Generator, thick: float, colour: np.ndarray) -> None:
    u, size = rng.uniform, rng.uniform(0.2, 0.3)
    stroke, back = u(12, 28), u(0.3, 0.8)
    raised = stroke + u(12, 35)
    for side in (1, -1):
        root = np.array([side * thick * 0.35, thick * 0.8, 0.03])
        turn = rotation_of(Z, side * np.radians(raised)) @ rotation_of(Y, side * back)
        wing = rig.joint(0, root)
        rig.ellipsoid(wing, root + turn @ (side * size, 0, 0), (size, 0.034, size * u(0.35, 0.5)), colour, turn)
        rig.swing(wing, Z, side * stroke, 0.0)
