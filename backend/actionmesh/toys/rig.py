"""A toy's rig: joints that swing, and the round cones, ellipsoids and boxes that they carry.

Everything is defined in the rest pose, in the creature's own space: +Y up, facing +Z, about 1.5 units in size. In the
rest pose every joint's axes are those of the world, so a swing about +X lifts a hanging leg backwards at any joint.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partialmethod

import numpy as np
import torch

from .motion import Clock, Wave, rotation
from .shapes import BlendedBody

Vector = Sequence[float] | np.ndarray
Vectors = Sequence[Vector] | np.ndarray
UNTURNED = np.eye(3)
X, Y, Z = UNTURNED


@dataclass(frozen=True)
class Joint:
    parent: int
    place: np.ndarray
    bend: list[tuple[np.ndarray, float, Wave]]


@dataclass(frozen=True)
class Cone:
    joint: int
    ends: np.ndarray
    radii: np.ndarray
    colour: np.ndarray


@dataclass(frozen=True)
class Ellipsoid:
    """An ellipsoid, or the rounded box with these half axes."""

    joint: int
    centre: np.ndarray
    half_axes: np.ndarray
    rotation: np.ndarray
    colour: np.ndarray
    boxy: bool = False


@dataclass(frozen=True)
class Pose:
    """Affine maps (T, J): joint j carries a point x from rest to linear[:, j] @ x + offset[:, j]."""

    linear: np.ndarray
    offset: np.ndarray

    def turned(self, turn: np.ndarray, scale: float = 1.0, shift: Vector = (0, 0, 0)) -> "Pose":
        """Return the pose followed by scale * turn @ x + shift."""
        return Pose(scale * turn @ self.linear, scale * self.offset @ turn.T + np.asarray(shift))


@dataclass
class Rig:
    """Joints, parts and waves of one creature; templates build it call by call.

    Args:
        blend: width of the smooth union, in model units.
        shifts: waves that move the root: (unit axis, wave).
        stretch: wave on the height; the widths change so that the volume stays constant.
        eyes: (centre, radius) of spheres painted dark.
    """

    blend: float = 0.025
    joints: list[Joint] = field(default_factory=lambda: [Joint(-1, np.zeros(3), [])])
    cones: list[Cone] = field(default_factory=list)
    ellipsoids: list[Ellipsoid] = field(default_factory=list)
    shifts: list[tuple[np.ndarray, Wave]] = field(default_factory=list)
    stretch: Wave | None = None
    eyes: list[tuple[np.ndarray, float]] = field(default_factory=list)

    def joint(self, parent: int, place: Vector) -> int:
        """Add a joint at a rest position and return its index. Joint 0, the root, is at the origin."""
        self.joints.append(Joint(parent, np.asarray(place, float), []))
        return len(self.joints) - 1

    def swing(self, joint: int, axis: Vector, degrees: float, delay: float = 0.0, harmonic: int = 1, bias: float = 0.0):
        """Add a rotation of bias + a wave of `degrees` about an axis; at one joint, the last added applies first."""
        unit = np.asarray(axis, float) / np.linalg.norm(axis)
        self.joints[joint].bend.append((unit, bias, Wave(degrees, delay, harmonic)))

    def cone(self, joint: int, start: Vector, end: Vector, first: float, second: float, colour: Vector) -> None:
        """Add a round cone between rest positions with radii `first` and `second`."""
        ends = np.asarray([start, end], float)
        assert np.any(ends[0] != ends[1])
        self.cones.append(Cone(joint, ends, np.array([first, second]), np.asarray(colour, float)))

    def ellipsoid(
        self, joint: int, centre: Vector, half_axes: Vector, colour: Vector, turn: np.ndarray = UNTURNED, boxy=False
    ) -> None:
        """Add an ellipsoid, or a box with rounded edges, at a rest position; `turn` (3, 3) has its axes as columns."""
        parts = np.asarray(centre, float), np.asarray(half_axes, float), turn, np.asarray(colour, float)
        self.ellipsoids.append(Ellipsoid(joint, *parts, boxy))

    box = partialmethod(ellipsoid, boxy=True)

    def limb(self, parent: int, points: Vectors, radii: Vector, colours: Vectors) -> list[int]:
        """Add a chain of round cones through rest positions, and return its joints: one at every point but the last."""
        chain = []
        for index, colour in enumerate(colours):
            parent = self.joint(parent, points[index])
            self.cone(parent, points[index], points[index + 1], radii[index], radii[index + 1], colour)
            chain.append(parent)
        return chain

    def pose(self, clock: Clock) -> Pose:
        """Pose the rig: forward kinematics, then stretch, then the root's shifts."""
        frames = len(clock.phase)
        linear = np.empty((frames, len(self.joints), 3, 3))
        offset = np.empty((frames, len(self.joints), 3))
        for index, joint in enumerate(self.joints):
            turn = np.broadcast_to(np.eye(3), (frames, 3, 3))
            for axis, bias, wave in joint.bend:
                turn = turn @ rotation(axis, np.radians(bias + wave.at(clock)))
            parent = (linear[:, joint.parent], offset[:, joint.parent]) if index else (np.eye(3), np.zeros(3))
            linear[:, index] = parent[0] @ turn
            offset[:, index] = parent[0] @ joint.place + parent[1] - linear[:, index] @ joint.place
        stretch = self._stretch(clock)
        shift = sum((wave.at(clock)[:, None] * axis for axis, wave in self.shifts), np.zeros((frames, 3)))
        return Pose(stretch[:, None, :, None] * linear, stretch[:, None] * offset + shift[:, None])

    def rest(self) -> Pose:
        """Return the rest pose, in one frame."""
        count = len(self.joints)
        return Pose(np.tile(np.eye(3), (1, count, 1, 1)), np.zeros((1, count, 3)))

    def body(self, pose: Pose, scale: float = 1.0) -> BlendedBody:
        """Return the body in every frame of a pose whose maps scale lengths by `scale`."""
        ends, radii = map(_tensor, self._posed_cones(pose, scale))
        centres, rotations, half_axes = map(_tensor, self._posed_ellipsoids(pose))
        boxy = torch.tensor([part.boxy for part in self.ellipsoids], dtype=torch.bool)
        return BlendedBody(ends, radii, centres, rotations, half_axes, boxy, self.blend * scale)

    def part_joints(self) -> np.ndarray:
        """Return the joint of each part (K + E,), round cones first."""
        return np.array([part.joint for part in self._parts()])

    def part_colours(self) -> np.ndarray:
        """Return the colour of each part (K + E, 3), round cones first."""
        return np.array([part.colour for part in self._parts()])

    def _parts(self) -> list[Cone | Ellipsoid]:
        return [*self.cones, *self.ellipsoids]

    def _stretch(self, clock: Clock) -> np.ndarray:
        height = 1 + (self.stretch.at(clock) if self.stretch else np.zeros(len(clock.phase)))
        return np.stack([height**-0.5, height, height**-0.5], axis=1)

    def _posed_cones(self, pose: Pose, scale: float) -> tuple[np.ndarray, np.ndarray]:
        joints = [cone.joint for cone in self.cones]
        rest = np.array([cone.ends for cone in self.cones]).reshape(-1, 2, 3)
        ends = np.einsum("tkij,kej->tkei", pose.linear[:, joints], rest) + pose.offset[:, joints, None]
        growth = _length(ends[:, :, 1] - ends[:, :, 0]) / (scale * _length(rest[:, 1] - rest[:, 0]))
        radii = np.array([cone.radii for cone in self.cones]).reshape(-1, 2)
        return ends, scale * radii / np.sqrt(growth)[..., None]

    def _posed_ellipsoids(self, pose: Pose) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        joints = [part.joint for part in self.ellipsoids]
        rest = np.array([part.centre for part in self.ellipsoids]).reshape(-1, 3)
        centres = np.einsum("tkij,kj->tki", pose.linear[:, joints], rest) + pose.offset[:, joints]
        axes = np.array([part.rotation * part.half_axes for part in self.ellipsoids]).reshape(-1, 3, 3)
        return centres, *_principal_axes(
            pose.linear[:, joints] @ axes, np.array([part.boxy for part in self.ellipsoids], bool)
        )


def _principal_axes(axes: np.ndarray, boxy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rotations (T, E, 3, 3) and half axes (T, E, 3) of parts, given the maps from the unit ball to each.

    Where `boxy` (E,), the maps are from the unit cube. The result is exact for ellipsoids; a sheared box becomes the
    nearest one without shear.
    """
    left, half_axes, _ = np.linalg.svd(axes)
    length = _length(axes.swapaxes(-1, -2))
    nearest, _, other = np.linalg.svd(axes / length[..., None, :])
    turns = np.where(boxy[:, None, None], nearest @ other, left)
    return turns * np.sign(np.linalg.det(turns))[..., None, None], np.where(boxy[:, None], length, half_axes)


def _length(vectors: np.ndarray) -> np.ndarray:
    return np.linalg.norm(vectors, axis=-1)


def _tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
