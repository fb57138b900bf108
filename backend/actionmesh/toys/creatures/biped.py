"""The biped: a figure that strides, jumps with arms and legs open, waves or dances."""

from dataclasses import dataclass

import numpy as np

from ..motion import Wave
from ..paint import palette
from ..rig import Rig, X, Y, Z

SPLAY = 0.3


@dataclass(frozen=True)
class Figure:
    """Joints of a biped. Arms and legs are left, then right; each from the trunk outwards."""

    chest: int
    neck: int
    arms: list[list[int]]
    legs: list[list[int]]


def biped(rng: np.random.Generator) -> Rig:
    u, rig = rng.uniform, Rig(blend=0.022)
    skin, shirt, trousers, dark = palette(rng)
    trunk, waist, limb = u(0.30, 0.42), u(0.10, 0.15), u(0.04, 0.058)
    chest = rig.joint(0, (0, 0.06, 0))
    rig.cone(0, (0, 0, 0), (0, 0.08, 0), waist * 1.05, waist, trousers)
    rig.cone(chest, (0, 0.08, 0), (0, trunk, 0), waist, waist * u(0.9, 1.2), shirt)
    neck = _head(rig, rng, chest, trunk + waist, (skin, dark))
    shoulder = np.array([waist + 0.05, trunk + waist * 0.15, 0])
    arms = _arms(rig, rng, chest, shoulder, limb, (shirt, skin, skin))
    legs = _legs(rig, rng, waist, limb, (trousers, trousers, dark))
    moves = _stride, _stride, _star_jump, _greet, _dance
    moves[rng.integers(len(moves))](rig, rng, Figure(chest, neck, arms, legs))
    return rig


def _head(rig: Rig, rng: np.random.Generator, chest: int, top: float, colours: tuple) -> int:
    skull = rng.uniform(0.12, 0.18)
    neck, centre = rig.joint(chest, (0, top - 0.04, 0)), np.array([0, top + skull, 0.02])
    rig.cone(neck, (0, top - 0.06, 0), centre, 0.055, 0.06, colours[0])
    rig.ellipsoid(neck, centre, skull * np.array([rng.uniform(0.85, 1.0), rng.uniform(0.95, 1.15), 0.95]), colours[0])
    rig.ellipsoid(neck, centre + (0, skull * 0.4, -skull * 0.2), skull * np.array([0.9, 0.8, 0.9]), colours[1])
    rig.cone(neck, centre + (0, -0.02, skull * 0.8), centre + (0, -0.03, skull * 1.1), 0.03, 0.02, colours[0])
    rig.eyes += [(centre + np.array([side * 0.38, 0.12, 0.85]) * skull, skull * 0.22) for side in (1, -1)]
    return neck


def _arms(rig: Rig, rng: np.random.Generator, chest: int, shoulder: np.ndarray, thick: float, colours: tuple) -> list:
    length, spread = rng.uniform(0.20, 0.28), rng.uniform(0.4, 0.7)
    radii = thick * np.array([1.2, 1.0, 0.85, 1.1])
    arms = []
    for side in (1, -1):
        outward = np.array([side * np.sin(spread), -np.cos(spread), 0])
        points = [shoulder * (side, 1, 1) + outward * length * reach for reach in (0, 1, 1.9, 2.2)]
        arms.append(rig.limb(chest, points, radii, colours))
    return arms


def _legs(rig: Rig, rng: np.random.Generator, waist: float, thick: float, colours: tuple) -> list:
    """Add the legs, splayed at rest so that they do not blend together; the hips turn most of this back."""
    length, wide = rng.uniform(0.42, 0.58), max(waist * rng.uniform(0.6, 0.75), thick * 1.5 + 0.01)
    radii = thick * np.array([1.5, 1.2, 1.0, 1.1])
    legs = []
    for side in (1, -1):
        hip = np.array([side * wide, -0.04, 0])
        down = np.array([side * np.sin(SPLAY), -np.cos(SPLAY), 0]) * length
        points = [hip, hip + down / 2 + (0, 0, 0.01), hip + down, hip + down + (side * 0.01, -0.03, 0.11)]
        legs.append(rig.limb(0, points, radii, colours))
        rig.swing(legs[-1][0], Z, 0, bias=-side * np.degrees(SPLAY) * 0.7)
    return legs


def _stride(rig: Rig, rng: np.random.Generator, figure: Figure) -> None:
    """Add a walk or a run in place."""
    swing, effort = rng.uniform(24, 45), rng.uniform(0.5, 1.0)
    for index in range(2):
        rig.swing(figure.legs[index][0], X, swing, 0.5 * index)
        rig.swing(figure.legs[index][1], X, 35 * effort, 0.5 * index + 0.25, bias=38 * effort)
        rig.swing(figure.arms[index][0], X, swing, 0.5 * index + 0.5)
        rig.swing(figure.arms[index][1], X, 15 * effort, 0.5 * index + 0.5, bias=-45 * effort)
    rig.swing(figure.chest, Y, 10, 0.5)
    rig.swing(figure.chest, X, 3, 0.1, harmonic=2, bias=8 * effort)
    rig.shifts.append((Y, Wave(0.03 + 0.03 * effort, 0.1, 2)))


def _star_jump(rig: Rig, rng: np.random.Generator, figure: Figure) -> None:
    """Add jumps with arms and legs open in the air, and squash before and after."""
    lift, astride = rng.uniform(30, 50), rng.uniform(8, 20)
    for index, side in enumerate((1, -1)):
        rig.swing(figure.arms[index][0], Z, side * lift, 0.25, bias=side * (lift - 10))
        rig.swing(figure.arms[index][1], Z, side * 15, 0.3, bias=side * 10)
        rig.swing(figure.legs[index][0], Z, side * astride, 0.25, bias=side * astride)
    rig.shifts.append((Y, Wave(rng.uniform(0.1, 0.22), hop=True)))
    rig.stretch = Wave(rng.uniform(0.04, 0.1), 0.25)


def _greet(rig: Rig, rng: np.random.Generator, figure: Figure) -> None:
    """Add a wave: one arm waves, the other hangs and swings a little, and the trunk sways."""
    index = int(rng.integers(2))
    side, raised, hanging = 1 - 2 * index, figure.arms[index], figure.arms[1 - index]
    rig.swing(raised[0], Z, side * rng.uniform(12, 25), 0, bias=side * rng.uniform(60, 95))
    rig.swing(raised[1], Z, side * rng.uniform(30, 50), 0.15, bias=side * 25)
    rig.swing(raised[2], Z, side * 20, 0.25)
    rig.swing(hanging[0], X, rng.uniform(10, 30), 0.3)
    rig.swing(figure.chest, Z, rng.uniform(6, 14), 0.05)
    rig.swing(figure.neck, Z, rng.uniform(8, 18), 0.4)
    rig.shifts.append((X, Wave(rng.uniform(0.02, 0.06), 0.05)))


def _dance(rig: Rig, rng: np.random.Generator, figure: Figure) -> None:
    """Add a dance: every joint swings at its own delay."""
    for index, side in enumerate((1, -1)):
        lift, raised = rng.uniform(20, 45), rng.uniform(25, 60)
        rig.swing(figure.arms[index][0], Z, side * lift, rng.uniform(0, 1), bias=side * raised)
        rig.swing(figure.arms[index][1], X, rng.uniform(20, 40), rng.uniform(0, 1), bias=-40)
        rig.swing(figure.legs[index][0], X, rng.uniform(12, 30), 0.5 * index, bias=-10)
        rig.swing(figure.legs[index][1], X, rng.uniform(12, 30), 0.5 * index + 0.2, bias=25)
        rig.swing(figure.legs[index][0], Z, side * 6, rng.uniform(0, 1), bias=side * 6)
    rig.swing(figure.chest, Z, rng.uniform(8, 16), rng.uniform(0, 1))
    rig.swing(figure.chest, Y, rng.uniform(8, 20), rng.uniform(0, 1))
    rig.swing(figure.neck, Z, rng.uniform(8, 18), rng.uniform(0, 1))
    rig.shifts.append((X, Wave(rng.uniform(0.03, 0.08), 0.1)))
    rig.stretch = Wave(rng.uniform(0.02, 0.06), 0.3, 2)
