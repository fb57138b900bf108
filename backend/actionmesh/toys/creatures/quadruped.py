"""The quadruped: trunk, neck, head with ears, tail, and four legs of three parts that walk, trot or bound."""

import numpy as np

from ..motion import Wave
from ..paint import palette
from ..rig import Rig, X, Y, Z

GAITS = {"walk": (0, 0.5, 0.75, 0.25), "trot": (0, 0.5, 0.5, 0), "bound": (0, 0.06, 0.45, 0.51)}
"""Delays of the legs: front left, front right, hind left, hind right."""

SPLAY = 0.16
CLEARANCE = 0.14


def quadruped(rng: np.random.Generator) -> Rig:
    u, rig = rng.uniform, Rig()
    colours = palette(rng)
    half, height, thick = u(0.38, 0.5), u(0.4, 0.7), u(0.10, 0.18)
    chest, hind = rig.joint(0, (0, 0, 0)), rig.joint(0, (0, 0, 0))
    front, back = thick * u(0.95, 1.2), thick * u(0.85, 1.1)
    rig.cone(chest, (0, 0, 0), (0, 0, half * 0.8), thick, front, colours[0])
    rig.cone(hind, (0, 0, 0), (0, 0, -half * 0.8), thick, back, colours[0])
    _head(rig, rng, chest, np.array([0, 0.03, half * 0.85]), front, colours)
    _tail(rig, rng, hind, np.array([0, 0.04, -half * 0.85 - back * 0.5]), colours)
    _legs(rig, rng, (chest, hind), (half * 0.8, height, thick), colours)
    return rig


def _head(rig: Rig, rng: np.random.Generator, chest: int, root: np.ndarray, thick: float, colours: list) -> None:
    u = rng.uniform
    skull = u(0.085, 0.13)
    nape = root + (0, u(0.12, 0.48), u(0.14, 0.26))
    neck = rig.joint(chest, root)
    rig.cone(neck, root, nape, thick * 0.8, skull * 0.75, colours[0])
    head = rig.joint(neck, nape)
    centre = nape + (0, skull * 0.3, skull * 0.5)
    rig.ellipsoid(head, centre, (skull, skull * 0.95, skull * 1.15), colours[0])
    muzzle = centre + (0, -skull * 0.25, skull * 0.8)
    tip = muzzle + (0, -skull * u(0.1, 0.5), skull * u(0.5, 1.3))
    rig.cone(head, muzzle, tip, skull * 0.62, skull * u(0.35, 0.5), colours[1])
    ear = np.array([u(0.3, 0.8), u(0.4, 1.6), -0.3]) * skull
    for side in (1, -1):
        start = centre + np.array([side * 0.62, 0.6, -0.2]) * skull
        rig.cone(head, start, start + ear * (side, 1, 1), skull * 0.32, skull * 0.18, colours[3])
        rig.eyes.append((centre + np.array([side * 0.72, 0.3, 0.75]) * skull, skull * 0.34))
    rig.swing(neck, X, u(8, 24), u(0, 1))
    rig.swing(head, X, u(5, 20), u(0, 1), bias=u(-5, 15))


def _tail(rig: Rig, rng: np.random.Generator, hind: int, root: np.ndarray, colours: list) -> None:
    drop, step, thick = rng.uniform(-0.9, 0.5), rng.uniform(0.08, 0.17), rng.uniform(0.03, 0.05)
    points = [root + i * step * np.array([0, drop * (1 - 0.3 * i), -1]) for i in range(4)]
    radii = thick * np.array([1, 0.9, 0.8, rng.uniform(0.5, 1.4)])
    axis = Y if rng.random() < 0.6 else X
    for index, joint in enumerate(rig.limb(hind, points, radii, [colours[0], colours[0], colours[3]])):
        rig.swing(joint, axis, rng.uniform(14, 28), 0.12 * index)


def _legs(rig: Rig, rng: np.random.Generator, girdles: tuple, sizes: tuple, colours: list) -> None:
    u, (half, height, thick) = rng.uniform, sizes
    gait = str(rng.choice(list(GAITS)))
    reach = np.degrees(np.arcsin(min(1.0, (half - CLEARANCE / 2) / height)))
    swing, fold, radius = min(u(26, 40), reach), u(20, 38), u(0.042, 0.062)
    wide = max(thick * u(0.65, 0.9), radius * 1.5 + 0.02)
    for index, delay in enumerate(GAITS[gait]):
        front, side = index < 2, 1 - 2 * (index % 2)
        hip = np.array([side * wide, -0.03, half if front else -half])
        knee = hip + (side * SPLAY * 0.45 * height, -0.45 * height, 0.02 if front else 0.05)
        ankle = hip + (side * SPLAY * 0.86 * height, -0.86 * height, 0)
        points = hip, knee, ankle, ankle + (0, -0.03, 0.07)
        radii = radius * np.array([1.5, 1, 0.8, 0.95])
        thigh, shin, foot = rig.limb(girdles[0 if front else 1], points, radii, (colours[0], colours[2], colours[3]))
        rig.swing(thigh, X, swing, delay)
        rig.swing(thigh, Z, 0, bias=-side * np.degrees(SPLAY) * 0.7)
        rig.swing(shin, X, fold, delay + 0.25, bias=fold * (0.6 if front else 0.35))
        rig.swing(foot, X, 12, delay + 0.4)
    if gait == "bound":
        rig.swing(girdles[0], X, u(8, 16), 0.1)
        rig.swing(girdles[1], X, -u(8, 16), 0.1)
    rig.shifts.append((Y, Wave(u(0.02, 0.06), u(0, 1), 1 if gait == "bound" else 2)))
