"""The bird: flaps two wings of two parts; body, head, beak, tail fan and legs."""

import numpy as np

from ..motion import Wave, rotation_of
from ..paint import palette
from ..rig import Rig, X, Y, Z


def bird(rng: np.random.Generator) -> Rig:
    u, rig = rng.uniform, Rig(blend=0.02)
    body, belly, wing, beak = palette(rng)
    thick, length = u(0.13, 0.19), u(0.24, 0.34)
    lean = rotation_of(X, -u(0, 0.6))
    rig.ellipsoid(0, (0, 0, 0), (thick, thick * u(0.9, 1.1), length), body, lean)
    _head(rig, rng, lean @ (0, 0.04, length * 0.85), thick, (body, beak))
    _tail(rig, rng, lean @ (0, 0.01, -length * 0.9), lean, wing)
    _wings(rig, rng, thick, (wing, belly))
    _legs(rig, rng, thick, beak)
    rig.swing(0, X, u(3, 10), u(0, 1))
    return rig


def _head(rig: Rig, rng: np.random.Generator, front: np.ndarray, thick: float, colours: tuple) -> None:
    u = rng.uniform
    skull, neck, root = u(0.09, 0.13), rig.joint(0, front * 0.8), front * 0.8
    centre = front + (0, u(0.06, 0.2), u(0.03, 0.12))
    rig.cone(neck, root, centre, thick * 0.65, skull * 0.75, colours[0])
    rig.ellipsoid(neck, centre, (skull, skull, skull * 1.1), colours[0])
    tip = centre + (0, -0.03, skull + u(0.07, 0.18))
    rig.cone(neck, centre + (0, -0.01, skull * 0.7), tip, skull * 0.42, 0.02, colours[1])
    rig.eyes += [(centre + np.array([side * 0.75, 0.25, 0.6]) * skull, skull * 0.35) for side in (1, -1)]
    rig.swing(neck, X, u(6, 18), u(0, 1))
    rig.swing(neck, Y, u(0, 20), u(0, 1))


def _tail(rig: Rig, rng: np.random.Generator, root: np.ndarray, lean: np.ndarray, colour: np.ndarray) -> None:
    tail, size = rig.joint(0, root), rng.uniform(0.10, 0.2)
    half_axes = size * rng.uniform(0.4, 0.9), 0.028, size
    rig.ellipsoid(tail, root + lean @ (0, 0, -size * 0.8), half_axes, colour, lean)
    rig.swing(tail, X, rng.uniform(8, 20), rng.uniform(0, 1), bias=rng.uniform(-15, 10))


def _wings(rig: Rig, rng: np.random.Generator, thick: float, colours: tuple) -> None:
    u = rng.uniform
    inner, outer, chord = u(0.14, 0.2), u(0.15, 0.25), u(0.10, 0.17)
    stroke, lag, bias, sweep = u(30, 48), u(0.1, 0.2), u(-5, 20), u(0, 0.5)
    for side in (1, -1):
        shoulder = np.array([side * thick * 0.7, thick * 0.4, 0.04])
        elbow, turn = shoulder + (side * 1.7 * inner, 0, 0), rotation_of(Y, side * sweep)
        upper = rig.joint(0, shoulder)
        rig.ellipsoid(upper, shoulder + (side * inner * 0.85, 0, 0), (inner, 0.032, chord), colours[0])
        lower = rig.joint(upper, elbow)
        tip = elbow + turn @ (side * outer * 0.8, 0, 0)
        rig.ellipsoid(lower, tip, (outer, 0.028, chord * 0.85), colours[1], turn)
        rig.swing(upper, Z, side * stroke, 0, bias=side * bias)
        rig.swing(upper, X, 10, 0.25)
        rig.swing(lower, Z, side * stroke * 0.8, lag)
    rig.shifts.append((Y, Wave(-u(0.03, 0.09), 0.1)))


def _legs(rig: Rig, rng: np.random.Generator, thick: float, colour: np.ndarray) -> None:
    length = rng.uniform(0.08, 0.22)
    for side in (1, -1):
        hip = np.array([side * thick * 0.5, -thick * 0.75, -0.02])
        ankle = hip + (side * 0.02, -length, -0.01)
        leg = rig.limb(0, (hip, ankle, ankle + (side * 0.01, -0.02, 0.08)), (0.045, 0.028, 0.028), (colour, colour))
        rig.swing(leg[0], X, rng.uniform(10, 25), 0.5 + 0.25 * side, bias=rng.uniform(0, 40))
