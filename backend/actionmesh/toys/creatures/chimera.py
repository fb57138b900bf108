"""The chimera: a body plan drawn at random. Limbs grow on a body, alone, in pairs or in rings, and branch again."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..motion import Wave, rotation_of
from ..paint import palette
from ..rig import Rig, X, Y, Z

DEEPEST = 2
"""Limbs grow on the body (depth 0), on those limbs (1), and on these once more (2)."""
MOST_PARTS = 40
"""Number of parts from which no limb branches any more."""
BOXY_BODIES, BOXY_ENDS = 0.35, 0.4
"""Shares of bodies, and of what limbs end in, that are boxes."""
MIRROR = np.diag([-1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Block:
    """A part of the body on which limbs can grow."""

    joint: int
    centre: np.ndarray
    half_axes: np.ndarray


@dataclass(frozen=True)
class Copy:
    """One of the copies of a limb.

    Args:
        parent: the joint that it grows on.
        about, turn: centre (3,), and rotation or reflection (3, 3), of the map that takes the limb to its place.
        delay: how much later than the limb it moves, in periods.
    """

    parent: int
    about: np.ndarray
    turn: np.ndarray
    delay: float

    def placed(self, points: np.ndarray) -> np.ndarray:
        """Take points (..., 3) of the limb to this copy's place."""
        return self.about + (points - self.about) @ self.turn.T


@dataclass(frozen=True)
class Swing:
    """A swing of one joint of a limb; see `Rig.swing`."""

    segment: int
    axis: np.ndarray
    degrees: float
    delay: float
    harmonic: int
    bias: float


def chimera(rng: np.random.Generator) -> Rig:
    rig = Rig(blend=rng.choice([0.01, 0.02, 0.035]))
    growth = Growth(rig, rng, palette(rng))
    body = growth.body()
    for _ in range(int(rng.integers(2, 7))):
        growth.limb_on(body[rng.integers(len(body))])
    growth.travel()
    return rig


@dataclass(frozen=True)
class Growth:
    """A chimera that grows: its rig so far, what draws it, and its four colours."""

    rig: Rig
    rng: np.random.Generator
    colours: list[np.ndarray]

    def body(self) -> list[Block]:
        """Add one to four blocks in a row that bends."""
        rng, u = self.rng, self.rng.uniform
        count = int(rng.choice([1, 1, 2, 3, 4]))
        along, thick = (Z, Y, X)[rng.choice(3, p=(0.5, 0.4, 0.1))], u(0.1, 0.24)
        boxy = rng.random() < BOXY_BODIES
        bends, delay = u(0, 22, 2), u(0, 1)
        joint, place, blocks = 0, np.zeros(3), []
        for index in range(count):
            half_axes = thick * u(0.7, 1.3, 3) * (1 + along * u(0, 1.2))
            step = along * (half_axes @ along) * 0.8
            if index:
                joint, place = self.rig.joint(joint, place), place + step
                for axis, degrees in zip((X, Y), bends, strict=True):
                    self.rig.swing(joint, axis, degrees, delay + 0.12 * index)
            self.rig.ellipsoid(joint, place, half_axes, self.colours[rng.choice(2)], boxy=boxy)
            blocks.append(Block(joint, place, half_axes))
            place = place + step
        return blocks

    def limb_on(self, block: Block) -> None:
        """Grow a limb on a part of the body, alone, as a pair in step or in turn, or as a ring around an axis."""
        rng, kind = self.rng, self.rng.random()
        places = [(np.eye(3), 0.0)]
        if 0.35 <= kind < 0.85:
            places.append((MIRROR, 0.5 * int(rng.random() < 0.6)))
        elif kind >= 0.85:
            count, axis, in_turn = int(rng.integers(3, 6)), (Y, Z)[rng.choice(2)], rng.random() < 0.5
            places = [(rotation_of(axis, 2 * np.pi * i / count), in_turn * i / count) for i in range(count)]
        out = rng.normal(size=3)
        if len(places) == 1 and rng.random() < 0.7:
            out[0] = 0  # in the plane of symmetry
        out = _unit(out)
        copies = [Copy(block.joint, block.centre, turn, delay) for turn, delay in places]
        self.limb(copies, block.centre + 0.85 * block.half_axes * out, out, self.rng.uniform(0.6, 1.3))

    def limb(self, copies: list[Copy], root: np.ndarray, out: np.ndarray, size: float, depth: int = 0) -> None:
        """Add a limb of one to four segments from `root` towards `out`, once for each copy; it may branch."""
        rng, u = self.rng, self.rng.uniform
        count = int(rng.integers(1, 5 - depth))
        length, thick = size * u(0.25, 0.8) / count, size * u(0.035, 0.1)
        steps, tip = [np.zeros(3)], out
        for _ in range(count):
            tip = _unit(tip + u(0, 0.7) * rng.normal(size=3) + u(-0.6, 0.3) * Y)
            steps.append(length * u(0.6, 1.4) * tip)
        points = root + np.cumsum(steps, axis=0)
        radii = np.maximum(thick * np.linspace(1, u(0.4, 1.3), count + 1), 0.025)
        colour, ends_in_something = self.colours[rng.choice(4)], rng.random() < 0.5
        half_axes, boxy = np.maximum(thick * u(0.7, 2.6, 3), 0.03), rng.random() < BOXY_ENDS
        end_colour, swings = self.colours[rng.choice(4)], list(self.swings(count))
        branches = []
        for copy in copies:
            chain = self.rig.limb(copy.parent, copy.placed(points), radii, [colour] * count)
            # A reflection also reverses the sense of a rotation; its negative is itself a rotation
            turn = np.linalg.det(copy.turn) * copy.turn
            for swing in swings:
                delay = swing.delay + copy.delay
                self.rig.swing(
                    chain[swing.segment], turn @ swing.axis, swing.degrees, delay, swing.harmonic, swing.bias
                )
            if ends_in_something:  # a head, a hand, a hoof
                centre = copy.placed(points[-1] + half_axes[2] * tip * 0.5)
                self.rig.ellipsoid(chain[-1], centre, half_axes, end_colour, turn, boxy)
            branches.append(replace(copy, parent=chain[-1]))
        crowded = len(self.rig.cones) + len(self.rig.ellipsoids) > MOST_PARTS
        if depth < DEEPEST and not crowded and rng.random() < 0.35:
            for _ in range(int(rng.integers(1, 4))):
                towards = _unit(tip + 0.8 * rng.normal(size=3))
                self.limb(branches, points[-1], towards, size * u(0.35, 0.7), depth + 1)

    def swings(self, count: int) -> Iterator[Swing]:
        """Draw the swings of a limb of `count` segments; three limbs in ten are stiff."""
        rng = self.rng
        if rng.random() < 0.3:
            return
        delay, lag, harmonic = rng.uniform(0, 1), rng.uniform(-0.25, 0.25), self.harmonic()
        main = _unit(rng.normal(size=3)) if rng.random() < 0.4 else (X, Y, Z)[rng.choice(3)]
        for index in range(count):
            if index == 0 or rng.random() < 0.7:
                axis = main if rng.random() < 0.7 else (X, Y, Z)[rng.choice(3)]
                degrees = min(np.exp(rng.normal(np.log(16), 0.6)), 60.0)
                yield Swing(index, axis, degrees, delay + lag * index, harmonic, rng.uniform(-0.5, 0.5) * degrees)

    def travel(self) -> None:
        """Turn and move the whole chimera, or stretch it, or not."""
        rng, u = self.rng, self.rng.uniform
        for axis in (X, Y, Z):
            if rng.random() < 0.3:
                self.rig.swing(0, axis, u(4, 30), u(0, 1), self.harmonic())
            if rng.random() < 0.25:
                self.rig.shifts.append((axis, Wave(u(0.02, 0.15), u(0, 1), self.harmonic())))
        if rng.random() < 0.1:
            self.rig.stretch = Wave(u(0.04, 0.12), u(0, 1))

    def harmonic(self) -> int:
        return int(self.rng.choice([1, 1, 1, 2]))


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)
