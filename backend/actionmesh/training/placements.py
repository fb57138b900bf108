"""How a tracked sequence stands before its camera, as a mesh is brought before the networks once its facing is found.

A camera that looks from anywhere around a subject sees it as another one would after the subject was turned: what it films is
turned about the vertical until the camera is nearly in front, and the first frame's box is centred and scaled again.
"""

import zlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .track_file import Track, opened, read_frames

EXTENT = 1.5
"""Length of the longest side of the first frame's box."""
CONE = np.radians(15)
"""Cameras stay within this angle of straight ahead, as toys' do: a facing is never found exactly."""


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
        """Points (..., 3) placed."""
        return self.scale * (points @ self.turn.T) - self.centre

    def of_oriented(self, points: Tensor) -> Tensor:
        """Points with their normals (..., 6) placed."""
        return torch.cat([self.of_points(points[..., :3]), points[..., 3:] @ self.turn.T], dim=-1)

    def of_patches(self, means: Tensor) -> Tensor:
        """What patches show (..., CHANNELS): place, normal and place in the first frame, placed."""
        now, normal, first, rest = means[..., :3], means[..., 3:6], means[..., 6:9], means[..., 9:]
        return torch.cat([self.of_points(now), normal @ self.turn.T, self.of_points(first), rest], dim=-1)


AS_IT_IS = Placement(torch.eye(3), 1.0, torch.zeros(3))


def placement_of(track: Track, camera: int) -> Placement:
    """How a sequence stands before one of its cameras; as it is where that is in front, or where there is none (-1)."""
    turn = turn_before(track, camera)
    if turn is None:
        return AS_IT_IS
    with opened(track.path) as file:
        points = read_frames(file, "points", torch.zeros(1, dtype=torch.long))[0] @ turn.T
    low, high = points.amin(dim=0), points.amax(dim=0)
    scale = EXTENT / float((high - low).max())
    return Placement(turn, scale, scale * (low + high) / 2)


def turn_before(track: Track, camera: int) -> Tensor | None:
    """The rotation (3, 3) around +Y that brings the subject before a camera; None where the camera is in front of it.

    Cameras all around have each a turn of its own, up to a small angle that depends on the file and the camera alone.
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
    """The rotation (3, 3) around +Y that takes +Z towards +X by an angle in radians."""
    sin, cos = np.sin(angle), np.cos(angle)
    return torch.tensor([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]], dtype=torch.float32)
