"""The eight kinds of outsiders: scorpion, robot arm, excavator, windmill, tree, crab, desk lamp, scissors.

Each makes a rig in the rest pose, +Y up and facing +Z, with random proportions. Left is +X.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..toys.motion import Wave, rotation_of
from ..toys.rig import Rig, X, Y, Z

STEEL, DARK, WOOD = np.array([0.72, 0.75, 0.8]), np.array([0.16, 0.17, 0.2]), np.array([0.45, 0.3, 0.18])
YELLOW, RED = np.array([0.95, 0.72, 0.1]), np.array([0.85, 0.2, 0.12])
GREEN, SAND = np.array([0.2, 0.55, 0.2]), np.array([0.8, 0.6, 0.35])


@dataclass(frozen=True)
class Kind:
    """How to make an outsider, and its best yaw for viewing, in degrees about +Y."""

    grow: Callable[[np.random.Generator], Rig]
    yaw: float


def scorpion(rng: np.random.Generator) -> Rig:
    u, rig = rng.uniform, Rig(blend=0.02)
    length, thick = u(0.28, 0.36), u(0.11, 0.14)
    rig.ellipsoid(0, (0, 0, 0), (thick * 1.3, thick * 0.75, length), SAND)
    root = np.array([0, 0.02, -length * 0.9])
    radius = u(0.2, 0.25)
    arch = [root + radius * np.array([0, 1 - np.cos(angle), -np.sin(angle)]) for angle in np.linspace(0, 3.6, 7)]
    tail = rig.limb(0, arch, thick * np.linspace(0.6, 0.3, 7), [SAND * 0.8] * 6)
    for index, joint in enumerate(tail):
        rig.swing(joint, X, u(5, 8), 0.05 * index)
    rig.cone(tail[-1], arch[-1], arch[-1] + (0, -0.1, 0.1), 0.06, 0.02, DARK)
    for side in (1, -1):
        _pincer(rig, rng, np.array([side * thick, 0, length * 0.75]), side, SAND)
        for index in range(4):
            _bent_leg(
                rig, np.array([side * thick, -0.02, length * (0.5 - 0.35 * index)]), side, 0.3, 0.25 * index, SAND * 0.7
            )
    return rig


def _pincer(rig: Rig, rng: np.random.Generator, root: np.ndarray, side: int, colour: np.ndarray) -> None:
    """Add an arm of two parts that ends in two fingers, one of which opens."""
    elbow = root + (side * 0.2, 0.06, 0.08)
    wrist = elbow + (-side * 0.02, 0, 0.2)
    upper, lower = rig.limb(0, (root, elbow, wrist), (0.045, 0.045, 0.05), (colour, colour))
    rig.ellipsoid(lower, wrist + (0, 0, 0.06), (0.085, 0.06, 0.11), colour)
    rig.cone(lower, wrist + (side * 0.05, 0, 0.12), wrist + (side * 0.03, 0, 0.28), 0.04, 0.025, colour * 0.7)
    thumb = rig.joint(lower, wrist + (-side * 0.05, 0, 0.1))
    rig.cone(thumb, wrist + (-side * 0.06, 0, 0.12), wrist + (-side * 0.08, 0, 0.26), 0.035, 0.025, colour * 0.7)
    rig.swing(upper, Y, rng.uniform(12, 25), rng.uniform(0, 1))
    rig.swing(lower, X, rng.uniform(15, 30), rng.uniform(0, 1), bias=-15)
    rig.swing(thumb, Y, side * 16, rng.uniform(0, 1), bias=-side * 10)


def _bent_leg(rig: Rig, root: np.ndarray, side: int, reach: float, delay: float, colour: np.ndarray) -> None:
    knee, foot = root + (side * reach * 0.55, 0.13, 0), root + (side * reach, -0.16, 0)
    thigh = rig.limb(0, (root, knee, foot), (0.035, 0.032, 0.022), (colour, colour))[0]
    rig.swing(thigh, Y, 16, delay)
    rig.swing(thigh, Z, side * 10, delay + 0.25)


def crab(rng: np.random.Generator) -> Rig:
    u, rig = rng.uniform, Rig(blend=0.02)
    wide, deep = u(0.34, 0.42), u(0.22, 0.28)
    shell = RED * u(0.8, 1.1)
    rig.ellipsoid(0, (0, 0, 0), (wide, u(0.12, 0.16), deep), shell)
    for side in (1, -1):
        stalk = rig.joint(0, (side * 0.09, 0.1, deep * 0.7))
        rig.cone(stalk, (side * 0.09, 0.08, deep * 0.7), (side * 0.1, 0.26, deep * 0.8), 0.025, 0.03, shell)
        rig.ellipsoid(stalk, (side * 0.1, 0.29, deep * 0.8), (0.045, 0.045, 0.045), DARK)
        rig.swing(stalk, Z, 14, u(0, 1))
        _pincer(rig, rng, np.array([side * wide * 0.75, 0, deep * 0.6]), side, shell)
        for index in range(3):
            root = np.array([side * wide * 0.8, -0.03, deep * (0.15 - 0.4 * index)])
            _bent_leg(rig, root, side, 0.38, 0.33 * index + 0.5 * (side > 0), shell * 0.75)
    rig.shifts.append((X, Wave(0.12, u(0, 1))))
    return rig


def robot_arm(rng: np.random.Generator) -> Rig:
    u, rig = rng.uniform, Rig(blend=0.015)
    rig.ellipsoid(0, (0, 0, 0), (0.27, 0.08, 0.27), DARK)
    waist = rig.joint(0, (0, 0.05, 0))
    shoulder, elbow = np.array([0, 0.2, 0]), np.array([0, 0.2 + u(0.4, 0.5), 0])
    rig.cone(waist, (0, 0.06, 0), shoulder, 0.13, 0.12, STEEL)
    wrist = elbow + (0, 0.06, u(0.4, 0.5))
    upper, fore = rig.limb(waist, (shoulder, elbow, wrist), (0.09, 0.085, 0.06), (RED, RED))
    hand = rig.joint(fore, wrist)
    rig.ellipsoid(upper, shoulder, (0.16, 0.11, 0.11), DARK)
    rig.ellipsoid(fore, elbow, (0.14, 0.1, 0.1), DARK)
    rig.box(hand, wrist + (0, 0, 0.06), (0.12, 0.05, 0.05), STEEL)
    for side in (1, -1):
        finger = rig.joint(hand, wrist + (side * 0.09, 0, 0.1))
        rig.box(finger, wrist + (side * 0.09, 0, 0.2), (0.03, 0.045, 0.11), STEEL)
        rig.swing(finger, Y, side * 14, u(0, 1))
    rig.swing(waist, Y, u(25, 45), u(0, 1))
    rig.swing(upper, X, u(15, 25), u(0, 1), bias=10)
    rig.swing(fore, X, u(20, 32), u(0, 1), bias=10)
    rig.swing(hand, X, u(20, 35), u(0, 1), bias=30)
    return rig


def excavator(rng: np.random.Generator) -> Rig:
    u, rig = rng.uniform, Rig(blend=0.012)
    for side in (1, -1):
        rig.box(0, (side * 0.24, -0.2, 0), (0.08, 0.1, 0.36), DARK)
    rig.box(0, (0, -0.17, 0), (0.22, 0.05, 0.16), DARK)
    cab = rig.joint(0, (0, -0.1, 0))
    rig.box(cab, (0, 0.02, -0.1), (0.27, 0.12, 0.28), YELLOW)
    rig.box(cab, (0.14, 0.22, 0.0), (0.12, 0.14, 0.14), STEEL * 0.8)
    root = np.array([-0.1, 0.08, 0.16])
    bend, tip = root + (0, u(0.36, 0.46), 0.34), root + (0, u(0.1, 0.2), u(0.68, 0.8))
    boom, stick = rig.limb(cab, (root, bend, tip), (0.075, 0.07, 0.05), (YELLOW, YELLOW))
    bucket = rig.joint(stick, tip)
    rig.box(bucket, tip + (0, -0.13, -0.02), (0.14, 0.11, 0.09), DARK)
    for index in range(3):
        tooth = tip + (0.1 * (index - 1), -0.23, 0.02)
        rig.cone(bucket, tooth, tooth + (0, -0.08, 0.02), 0.03, 0.02, STEEL)
    rig.swing(cab, Y, u(15, 30), u(0, 1))
    rig.swing(boom, X, u(10, 18), u(0, 1))
    rig.swing(stick, X, u(18, 28), u(0, 1))
    rig.swing(bucket, X, u(25, 40), u(0, 1))
    return rig


def windmill(rng: np.random.Generator) -> Rig:
    u, rig = rng.uniform, Rig(blend=0.012)
    height, length = u(0.8, 1.0), u(0.5, 0.62)
    rig.cone(0, (0, -0.1, 0), (0, height * 0.8, 0), 0.24, 0.15, STEEL)
    rig.cone(0, (0, height * 0.84, 0), (0, height * 1.02, 0), 0.17, 0.03, RED)
    hub = rig.joint(0, (0, height * 0.8, 0.4))
    rig.cone(hub, (0, height * 0.8, 0.05), (0, height * 0.8, 0.4), 0.05, 0.06, DARK)
    for index in range(4):
        turn = rotation_of(Z, np.pi / 2 * index + 0.3)
        centre = np.array([0, height * 0.8, 0.4])
        rig.cone(hub, centre, centre + turn @ (0, length, 0), 0.03, 0.025, WOOD)
        rig.box(hub, centre + turn @ (0.08, length * 0.62, 0), (0.085, length * 0.36, 0.028), SAND, turn)
    rig.swing(hub, Z, u(55, 75), u(0, 1))
    return rig


def tree(rng: np.random.Generator) -> Rig:
    u, rig = rng.uniform, Rig(blend=0.03)
    points = np.outer(np.linspace(0, u(0.5, 0.65), 4), Y)
    trunk = rig.limb(0, points, (0.11, 0.085, 0.07, 0.06), [WOOD] * 3)
    for joint in trunk:
        rig.swing(joint, Z, u(4, 7), 0.0)
    for index in range(4):
        around = rotation_of(Y, 2 * np.pi * index / 4 + u(-0.3, 0.3))
        root = points[2] + 0.05 * index * Y
        end = root + around @ (u(0.28, 0.36), u(0.18, 0.3), 0)
        branch = rig.limb(trunk[-1], (root, end), (0.045, 0.035), [WOOD])[0]
        rig.ellipsoid(branch, end + (0, 0.06, 0), np.array([1, 0.8, 1]) * u(0.15, 0.2), GREEN * u(0.7, 1.2))
        rig.swing(branch, around @ Z, u(10, 18), u(0, 0.4))
    rig.ellipsoid(trunk[-1], points[3] + (0, 0.24, 0), np.array([1, 1.1, 1]) * u(0.19, 0.24), GREEN)
    return rig


def lamp(rng: np.random.Generator) -> Rig:
    u, rig = rng.uniform, Rig(blend=0.012)
    colour = np.array([0.15, 0.45, 0.75]) * u(0.8, 1.2)
    rig.ellipsoid(0, (0, 0, 0), (0.25, 0.06, 0.25), colour)
    root, elbow = np.array([0, 0.08, 0]), np.array([0, u(0.4, 0.5), -u(0.2, 0.3)])
    top = elbow + (0, u(0.32, 0.42), u(0.3, 0.4))
    lower, upper = rig.limb(0, (root, elbow, top), (0.035, 0.035, 0.035), (STEEL, STEEL))
    rig.ellipsoid(upper, elbow, (0.065, 0.055, 0.055), DARK)
    head = rig.joint(upper, top)
    rig.cone(head, top + (0, 0.02, -0.02), top + (0, -0.12, 0.18), 0.06, 0.17, colour)
    rig.ellipsoid(head, top + (0, -0.19, 0.27), (0.09, 0.09, 0.09), YELLOW)
    rig.swing(0, Y, u(10, 25), u(0, 1))
    rig.swing(lower, X, u(12, 20), u(0, 1))
    rig.swing(upper, X, u(15, 26), u(0, 1))
    rig.swing(head, X, u(20, 35), u(0, 1))
    return rig


def scissors(rng: np.random.Generator) -> Rig:
    """Make two blades that cross at a pin, one in front of the other so that they do not blend together."""
    u, rig = rng.uniform, Rig(blend=0.01)
    length, opening = u(0.6, 0.75), u(16, 24)
    for side in (1, -1):
        depth = side * 0.045
        blade = rig.joint(0, (0, 0, 0))
        rig.box(blade, (0, length * 0.45, depth), (0.055, length * 0.5, 0.026), STEEL)
        rig.cone(blade, (0, -0.05, depth), (-side * 0.03, -0.24, depth), 0.035, 0.035, RED)
        centre, ring = np.array([-side * 0.06, -0.38, depth]), u(0.13, 0.15)
        corners = [centre + ring * np.array([np.sin(a), np.cos(a), 0]) for a in np.linspace(0, 2 * np.pi, 9)]
        for start, end in zip(corners, corners[1:], strict=False):
            rig.cone(blade, start, end, 0.035, 0.035, RED)
        rig.swing(blade, Z, side * opening, 0.0, bias=side * (opening + 6))
    rig.swing(0, Y, 12, u(0, 1))
    return rig


KINDS: dict[str, Kind] = {
    "scorpion": Kind(scorpion, 62),
    "robot arm": Kind(robot_arm, 60),
    "excavator": Kind(excavator, 60),
    "windmill": Kind(windmill, 25),
    "tree": Kind(tree, 0),
    "crab": Kind(crab, 0),
    "desk lamp": Kind(lamp, 60),
    "scissors": Kind(scissors, 0),
}
