"""Turn a tracked sequence to face its camera, as inference turns a mesh once its facing is known.

Moving a camera around a subject is the same as turning the subject. So the sequence is turned about the vertical until
the camera is nearly in front, and the first frame's box is centred and scaled again.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..track_file import Track, opened, read_frames
from .variation import Variant

EXTENT = 1.5
"""Length of the longest side of the first frame's box."""
CONE = np.radians(15)
"""Largest angle of a camera from straight ahead, in radians, as for toys: a facing is never found exactly."""


@dataclass(frozen=True)
class Placement:
    """The similarity x -> scale (turn x) - centre.

    Args:
        turn: (3, 3) rotation.
        centre: (3).
    """

    turn: Tensor
    scale: float
    centre: Tensor

    def of_points(self, points: Tensor) -> Tensor:
        """Place points (..., 3)."""
        return self.scale * (points @ self.turn.T) - self.centre

    def of_oriented(self, points: Tensor) -> Tensor:
        """Place points with their normals (..., 6)."""
        return torch.cat([self.of_points(points[..., :3]), points[..., 3:] @ self.turn.T], dim=-1)

    def of_patches(self, means: Tensor) -> Tensor:
        """Place the means of patches (..., CHANNELS): position, normal and position in the first frame."""
        now, normal, first, rest = means[..., :3], means[..., 3:6], means[..., 6:9], means[..., 9:]
        return torch.cat([self.of_points(now), normal @ self.turn.T, self.of_points(first), rest], dim=-1)


AS_IT_IS = Placement(torch.eye(3), 1.0, torch.zeros(3))


def placements_of(track: Track, camera: int, variants: Sequence[Variant | None]) -> list[Placement]:
    """Return the placements of a sequence's variants for one of its cameras.

    That of the sequence as it is is the identity if the camera is in front, or if there is no camera (-1).
    """
    turn = turn_before(track, camera)
    if turn is None and not any(variants):
        return [AS_IT_IS] * len(variants)
    with opened(track.path) as file:
        points = read_frames(file, "points", torch.zeros(1, dtype=torch.long))[0]
    return [
        AS_IT_IS
        if turn is None and variant is None
        else _around(points if variant is None else variant.of_points(points), torch.eye(3) if turn is None else turn)
        for variant in variants
    ]


def _around(points: Tensor, turn: Tensor) -> Placement:
    """Return the placement that turns points (P, 3), centres their box and scales it to EXTENT."""
    points = points @ turn.T
    low, high = points.amin(dim=0), points.amax(dim=0)
    scale = EXTENT / float((high - low).max())
    return Placement(turn, scale, scale * (low + high) / 2)


def turn_before(track: Track, camera: int) -> Tensor | None:
    """Return the rotation (3, 3) around +Y that turns the subject to a camera; None if the camera is in front of it.

    Cameras all around a subject each have their own turn, up to a small angle that depends only on file and camera.
    """
    yaw = track.provenance.get("yaw", 0.0)
    if camera < 0 or yaw == 0.0:
        return None
    if yaw is not None:
        return about_y(-np.radians(yaw))
    back = track.cameras["axes"][camera, 2]
    rng = np.random.default_rng((zlib.crc32(track.path.name.encode()), camera))
    off = CONE * np.sqrt(rng.random()) * np.cos(rng.uniform(0, 2 * np.pi))
    return about_y(off - np.arctan2(float(back[0]), float(back[2])))


def about_y(angle: float) -> Tensor:
    """Return the rotation (3, 3) around +Y that turns +Z towards +X by an angle in radians."""
    sin, cos = np.sin(angle), np.cos(angle)
    return torch.tensor([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]], dtype=torch.float32)
