"""The chimera: a body plan drawn at random. Limbs grow on a body, alone, in pairs or in rings, and branch again."""

from collections.abc import Iterator, Sequence

import numpy as np

from ..motion import Wave, rotation_of
from ..paint import palette
from ..rig import Rig, X, Y, Z

DEEPEST = 2
"""Limbs grow on the body (depth 0), on those limbs (1), and on these once more (2)."""
MOST_PARTS = 40
MIRROR = np.diag([-1.0, 1.0, 1.0])
SQUARED = (0.35, 0.4)
"""Shares of bodies and of limbs' ends that are boxes."""

Copies = Sequence[tuple[np.ndarray, float]]
"""Of a limb: the map (3, 3) that places each copy, and how late it moves, in periods."""


def chimera(rng: np.random.Generator) -> Rig:
    u, rig = rng.uniform, Rig(blend=rng.choice([0.01, 0.02, 0.035]))
    colours = palette(rng)
    roots = _body(rig, rng, colours)
    for _ in range(int(rng.integers(2, 7))):
        joint, centre, half_axes = roots[rng.integers(len(roots))]
        copies = _copies(rng)
        out = _direction(rng, flat=len(copies) == 1)
        _grow(rig, rng, [joint] * len(copies), copies, centre + 0.85 * half_axes * out, out, 0, colours, u(0.6, 1.3))
    for axis in (X, Y, Z):
        if rng.random() < 0.3:
            rig.swing(0, axis, u(4, 30), u(0, 1), _harmonic(rng))
        if rng.random() < 0.25:
            rig.shifts.append((axis, Wave(u(0.02, 0.15), u(0, 1), _harmonic(rng))))
    if rng.random() < 0.1:
        rig.stretch = Wave(u(0.04, 0.12), u(0, 1))
    return rig


def _body(rig: Rig, rng: np.random.Generator, colours: list) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Add one to four blocks in a row that bends, and return each one's joint, centre and half axes."""
    u, count = rng.uniform, int(rng.choice([1, 1, 2, 3, 4]))
    along, thick = (Z, Y, X)[rng.choice(3, p=(0.5, 0.4, 0.1))], u(0.1, 0.24)
    axes, boxy = [X, Y], rng.random() < SQUARED[0]
    amounts, delay = u(0, 22, 2), u(0, 1)
    joint, place, blocks = 0, np.zeros(3), []
    for index in range(count):
        half_axes = thick * u(0.7, 1.3, 3) * (1 + along * u(0, 1.2))
        if index:
            joint, place = rig.joint(joint, place), place + along * (half_axes @ along) * 0.8
            for axis, amount in zip(axes, amounts, strict=True):
                rig.swing(joint, axis, amount, delay + 0.12 * index)
        (rig.box if boxy else rig.ellipsoid)(joint, place, half_axes, colours[rng.choice(2)])
        blocks.append((joint, place, half_axes))
        place = place + along * (half_axes @ along) * 0.8
    return blocks


def _grow(
    rig: Rig,
    rng: np.random.Generator,
    parents: Sequence[int],
    copies: Copies,
    root: np.ndarray,
    out: np.ndarray,
    depth: int,
    colours: list,
    size: float,
) -> None:
    """Add a limb of one to four segments once for each copy, and perhaps limbs on its last segment."""
    u, count = rng.uniform, int(rng.integers(1, 5 - depth))
    length, thick = size * u(0.25, 0.8) / count, size * u(0.035, 0.1)
    directions = [out]
    for _ in range(count):
        directions.append(_unit(directions[-1] + u(0, 0.7) * rng.normal(size=3) + u(-0.6, 0.3) * Y))
    points = root + np.cumsum([np.zeros(3), *(length * u(0.6, 1.4) * step for step in directions[1:])], axis=0)
    radii = np.maximum(thick * np.linspace(1, u(0.4, 1.3), count + 1), 0.025)
    colour, end, swings = colours[rng.choice(4)], _end(rng, thick), list(_swings(rng, count))
    lasts = []
    for parent, (turn, delay) in zip(parents, copies, strict=True):
        chain = rig.limb(parent, points @ turn.T, radii, [colour] * count)
        for index, axis, degrees, late, harmonic, bias in swings:
            # A reflected rotation turns the other way about the reflected axis
            seen = np.linalg.det(turn) * turn @ axis
            rig.swing(chain[index], seen, degrees, late + delay, harmonic, bias)
        if end:
            half_axes, boxy, end_colour = end
            centre = points[-1] + half_axes[2] * directions[-1] * 0.5
            (rig.box if boxy else rig.ellipsoid)(chain[-1], turn @ centre, half_axes, colours[end_colour])
        lasts.append(chain[-1])
    crowded = len(rig.cones) + len(rig.ellipsoids) > MOST_PARTS
    if depth < DEEPEST and not crowded and rng.random() < 0.35:
        for _ in range(int(rng.integers(1, 4))):
            tip = _unit(directions[-1] + 0.8 * rng.normal(size=3))
            _grow(rig, rng, lasts, copies, points[-1], tip, depth + 1, colours, size * u(0.35, 0.7))


def _end(rng: np.random.Generator, thick: float) -> tuple[np.ndarray, bool, int] | None:
    """Draw what a limb ends in, such as a head, a hand or a hoof: half axes, whether it is a box, and its colour."""
    if rng.random() < 0.5:
        return None
    return np.maximum(thick * rng.uniform(0.7, 2.6, 3), 0.03), rng.random() < SQUARED[1], int(rng.choice(4))


def _swings(rng: np.random.Generator, count: int) -> Iterator[tuple[int, np.ndarray, float, float, int, float]]:
    """Draw a limb's swings: joint, axis, degrees, delay, harmonic and bias. Three limbs in ten are stiff."""
    if rng.random() < 0.3:
        return
    delay, lag, harmonic = rng.uniform(0, 1), rng.uniform(-0.25, 0.25), _harmonic(rng)
    shared = _unit(rng.normal(size=3)) if rng.random() < 0.4 else (X, Y, Z)[rng.choice(3)]
    for index in range(count):
        if index == 0 or rng.random() < 0.7:
            axis = shared if rng.random() < 0.7 else (X, Y, Z)[rng.choice(3)]
            degrees = min(np.exp(rng.normal(np.log(16), 0.6)), 60.0)
            yield index, axis, degrees, delay + lag * index, harmonic, rng.uniform(-1, 1) * 0.5 * degrees


def _copies(rng: np.random.Generator) -> Copies:
    """Draw how often a limb comes: alone, as a pair in step or in turn, or as a ring around an axis."""
    kind = rng.random()
    if kind < 0.35:
        return [(np.eye(3), 0.0)]
    if kind < 0.85:
        return [(np.eye(3), 0.0), (MIRROR, 0.5 * int(rng.random() < 0.6))]
    count, axis, in_turn = int(rng.integers(3, 6)), (Y, Z)[rng.choice(2)], rng.random() < 0.5
    return [(rotation_of(axis, 2 * np.pi * i / count), in_turn * i / count) for i in range(count)]


def _direction(rng: np.random.Generator, flat: bool) -> np.ndarray:
    """Draw a unit vector, in the plane of symmetry if `flat`."""
    return _unit(rng.normal(size=3) * ((0.0, 1.0, 1.0) if flat and rng.random() < 0.7 else (1.0, 1.0, 1.0)))


def _harmonic(rng: np.random.Generator) -> int:
    return int(rng.choice([1, 1, 1, 2]))


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)
