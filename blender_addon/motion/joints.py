"""The bones of an artist's rig as a solver sees them: what each may do, and where a pose puts it.

A bone has nine channels, three each of location, rotation and scale, and any of them may be fixed or limited. A bone
whose rotation is free turns without regard to axes. If an axis is fixed or limited, the rotation is three Euler angles.

Conventions are Blender's: a bone is at `posed parent @ rest offset @ translation @ rotation @ scale`, and in the order
"XYZ" the turn around X is applied first.
"""

from dataclasses import dataclass, field

import numpy as np

LOCATION, ROTATION, SCALE = slice(0, 3), slice(3, 6), slice(6, 9)
"""Where the channels lie in a row of nine."""
AXES = "XYZ"


@dataclass(frozen=True, eq=False)
class Joints:
    """Bones, parents before children.

    Args:
        names: B of them.
        parents: (B,) int; -1 for none.
        rests: (B, 4, 4) at rest, in the armature's space.
        orders: B Euler orders such as "XYZ"; empty for a bone whose rotation is free.
        free: (B, 9) bool, the channels that may change.
        low, high: (B, 9) limits of the channels, infinite for none; angles in radians.
    """

    names: tuple[str, ...]
    parents: np.ndarray
    rests: np.ndarray
    orders: tuple[str, ...]
    free: np.ndarray
    low: np.ndarray
    high: np.ndarray
    offsets: np.ndarray = field(init=False)
    """(B, 4, 4) at rest, in the parent's space."""
    below: np.ndarray = field(init=False)
    """(B, B) bool: row b holds the bones that move with b, itself among them."""

    def __post_init__(self) -> None:
        offsets, below = self.rests.copy(), np.eye(len(self.parents), dtype=bool)
        for bone, parent in enumerate(self.parents):
            if parent >= 0:
                offsets[bone] = np.linalg.inv(self.rests[parent]) @ self.rests[bone]
        for bone in range(len(self.parents) - 1, -1, -1):
            if self.parents[bone] >= 0:
                below[self.parents[bone]] |= below[bone]
        object.__setattr__(self, "offsets", offsets)
        object.__setattr__(self, "below", below)

    @property
    def by_angles(self) -> np.ndarray:
        """(B,) bool: whether a bone's rotation is Euler angles."""
        return np.array([bool(order) for order in self.orders])


@dataclass(frozen=True, eq=False)
class Pose:
    """The channels of bones.

    Args:
        values: (B, 9) location, Euler angles in radians and scale. The angles mean something only where a joint has an
            order.
        turns: (B, 3, 3) rotations.
    """

    values: np.ndarray
    turns: np.ndarray


def limited(joints: Joints, pose: Pose) -> Pose:
    """Return a pose within the limits, with rotations made of the angles where a joint has an order."""
    values, turns = pose.values.clip(joints.low, joints.high), pose.turns.copy()
    for bone in np.flatnonzero(joints.by_angles):
        turns[bone] = rotation(joints.orders[bone], values[bone, ROTATION])
    return Pose(values, turns)


def with_free(joints: Joints, pose: Pose, home: Pose) -> Pose:
    """Return `home` with its free channels as in `pose`, within the limits."""
    values = np.where(joints.free, pose.values, home.values)
    loose = joints.free[:, ROTATION].all(axis=1) & ~joints.by_angles
    return limited(joints, Pose(values, np.where(loose[:, None, None], pose.turns, home.turns)))


def forward(joints: Joints, pose: Pose) -> tuple[np.ndarray, np.ndarray]:
    """Return the frames in which bones are posed and the posed bones, both (B, 4, 4) in the armature's space."""
    own = np.zeros((len(joints.parents), 4, 4))
    own[:, :3, :3] = pose.turns * pose.values[:, None, SCALE]
    own[:, :3, 3], own[:, 3, 3] = pose.values[:, LOCATION], 1
    frames, posed = np.empty_like(own), np.empty_like(own)
    for bone, parent in enumerate(joints.parents):
        frames[bone] = joints.offsets[bone] if parent < 0 else posed[parent] @ joints.offsets[bone]
        posed[bone] = frames[bone] @ own[bone]
    return frames, posed


def rotation(order: str, angles: np.ndarray) -> np.ndarray:
    """Return the (3, 3) rotation of three angles (3,) around X, Y and Z, applied in an order."""
    made = np.eye(3)
    for axis in map(AXES.index, order):
        made = about(axis, float(angles[axis])) @ made
    return made


def about(axis: int, angle: float) -> np.ndarray:
    """Return the (3, 3) rotation by an angle around a coordinate axis."""
    turn, one, two = np.eye(3), (axis + 1) % 3, (axis + 2) % 3
    turn[one, one] = turn[two, two] = np.cos(angle)
    turn[two, one] = np.sin(angle)
    turn[one, two] = -turn[two, one]
    return turn


def euler(order: str, turn: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Return the angles (3,) of a rotation (3, 3) around X, Y and Z, of all that make it those nearest to `near` (3,).

    The middle angle is the arcsine of one entry; the others follow from their row and column (Shoemake 1994).
    """
    first, middle, last = (AXES.index(axis) for axis in order)
    sign = 1.0 if (middle - first) % 3 == 1 else -1.0
    found = np.empty((2, 3))
    sine = float(np.clip(-sign * turn[last, first], -1, 1))
    if abs(sine) > 1 - 1e-12:  # first and last turn around one axis: leave the last where it is
        found[:, middle] = np.arcsin(sine)
        found[:, last] = near[last]
        left = about(middle, -found[0, middle]) @ about(last, -float(near[last])) @ turn
        found[:, first] = np.arctan2(left[(first + 2) % 3, (first + 1) % 3], left[(first + 1) % 3, (first + 1) % 3])
    else:
        found[0, first] = np.arctan2(sign * turn[last, middle], turn[last, last])
        found[0, middle] = np.arcsin(sine)
        found[0, last] = np.arctan2(sign * turn[middle, first], turn[first, first])
        found[1] = found[0] + np.pi
        found[1, middle] = np.pi - found[0, middle]
    found += 2 * np.pi * np.round((near - found) / (2 * np.pi))
    best: np.ndarray = found[np.abs(found - near).sum(axis=1).argmin()]
    return best


def axes_of(order: str, angles: np.ndarray) -> np.ndarray:
    """Return as rows (3, 3) the axes around which a rotation turns if its angles around X, Y and Z change."""
    axes, turned = np.empty((3, 3)), np.eye(3)
    for axis in map(AXES.index, reversed(order)):
        axes[axis] = turned[:, axis]
        turned = turned @ about(axis, float(angles[axis]))
    return axes
