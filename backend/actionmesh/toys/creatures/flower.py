"""The flower: a bending stem with two leaves, with or without a pot, and a head whose petals open and close."""

import numpy as np

from ..motion import rotation_of
from ..paint import palette
from ..rig import Rig, X, Y, Z

TERRACOTTA = np.array([0.85, 0.5, 0.35])


def flower(rng: np.random.Generator) -> Rig:
    u, rig = rng.uniform, Rig(blend=0.02)
    petal, heart, other, _ = palette(rng)
    green = np.array([u(0.1, 0.4), u(0.5, 0.8), u(0.1, 0.35)])
    points, thick = u(0.65, 0.95) * np.outer(np.linspace(0, 1, 5), Y), u(0.03, 0.045)
    stem = rig.limb(0, points, thick * np.array([1.3, 1, 1, 1, 1]), [green] * 4)
    sway, axis = u(3.5, 8), np.array([u(-1, 1), 0, u(0.5, 1.2)])
    for index, joint in enumerate(stem):
        rig.swing(joint, axis, sway, 0.06 * index)
    for side, level in ((1, 1), (-1, 2)):
        _leaf(rig, rng, stem[level], points[level], side, green * u(0.8, 1.2))
    if rng.random() < 0.6:
        rig.cone(0, (0, -0.16, 0), (0, -0.03, 0), u(0.10, 0.13), u(0.13, 0.17), u(0.6, 1.1) * TERRACOTTA)
    _head(rig, rng, stem[-1], points[-1], (heart, petal, other))
    return rig


def _leaf(rig: Rig, rng: np.random.Generator, parent: int, place: np.ndarray, side: int, colour: np.ndarray) -> None:
    leaf, turn, size = rig.joint(parent, place), rotation_of(Z, side * rng.uniform(0.3, 0.7)), rng.uniform(0.13, 0.2)
    rig.ellipsoid(leaf, place + turn @ (side * size, 0, 0), (size * 1.1, 0.03, size * 0.5), colour, turn)
    rig.swing(leaf, Z, side * rng.uniform(12, 28), rng.uniform(0, 1))


def _head(rig: Rig, rng: np.random.Generator, parent: int, place: np.ndarray, colours: tuple) -> None:
    u, count = rng.uniform, int(rng.integers(5, 9))
    head, tilt, disc, size = rig.joint(parent, place), rotation_of(X, u(0.7, 1.3)), u(0.10, 0.14), u(0.15, 0.21)
    rig.ellipsoid(head, place + tilt @ (0, 0.03, 0), (disc, disc * 0.55, disc), colours[0], tilt)
    rig.swing(head, X, u(6, 15), u(0, 1))
    rig.swing(head, Z, u(4, 12), u(0, 1))
    opening, closed, rise = u(14, 30), u(-15, 20), u(0.05, 0.25)
    width = min(size * 0.62, 2.0 * (disc + size) / count)
    for index in range(count):
        around = tilt @ rotation_of(Y, 2 * np.pi * index / count)
        turn, root = around @ rotation_of(Z, rise), place + around @ (disc * 0.75, 0.02, 0)
        joint = rig.joint(head, root)
        rig.ellipsoid(joint, root + turn @ (size * 0.85, 0, 0), (size, 0.032, width), colours[1 + index % 2], turn)
        rig.swing(joint, around @ Z, opening, 0.0, bias=closed)
