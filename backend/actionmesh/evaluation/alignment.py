"""ActionBench's alignment: a cloud is turned, stretched and shifted onto another by gradient descent from 24 rotations.

The loss is the squared Chamfer distance; nearest neighbours are looked up anew at every step (an ICP whose inner step is one of
Adam's). Best start wins. The published numbers are the defaults; `Pruning` and fewer points make it feasible on a CPU.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from .neighbours import Neighbours


@dataclass(frozen=True)
class Pruning:
    """All starts go `steps` steps on `points` points; the best `keep` then go the whole way on the full clouds."""

    points: int = 1000
    steps: int = 30
    keep: int = 3


@dataclass(frozen=True)
class AlignmentSettings:
    """How an alignment is sought.

    Args:
        points: of each cloud, chosen at random.
        steps, rate: of Adam.
        starts: how many of the 24 axis-aligned rotations are tried, the identity first.
        pruning: None follows every start to its end, as published.
    """

    points: int = 10_000
    steps: int = 200
    rate: float = 0.01
    starts: int = 24
    pruning: Pruning | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.starts <= 24 or min(self.points, self.steps) < 1 or not self.rate > 0:
            raise ValueError(f"points, steps and rate must be positive and starts 1 to 24: {self}")
        if self.pruning and not 1 <= self.pruning.keep <= self.starts:
            raise ValueError(f"{self.pruning.keep} of {self.starts} starts cannot be kept")


PUBLISHED = AlignmentSettings()


@dataclass(frozen=True)
class Placement:
    """x -> rotation @ (scale * x) + shift, with (3, 3), (3,) and (3,) float64; `loss` is the squared Chamfer distance reached."""

    rotation: np.ndarray
    scale: np.ndarray
    shift: np.ndarray
    loss: float

    def apply(self, points: np.ndarray) -> np.ndarray:
        """(..., 3) float64."""
        return (points * self.scale) @ self.rotation.T + self.shift


@dataclass
class Candidates:
    """S placements that descend side by side: six (S, 3, 2), scale (S, 3), shift (S, 3)."""

    six: Tensor
    scale: Tensor
    shift: Tensor

    @classmethod
    def axis_aligned(cls, count: int, device: torch.device) -> "Candidates":
        """The first `count` of the rotation group of the cube, unscaled and in place."""
        rotations = Rotation.create_group("O").as_matrix()
        order = np.argsort(-np.trace(rotations, axis1=1, axis2=2), kind="stable")[:count]
        six = torch.tensor(rotations[order][:, :, :2], dtype=torch.float32, device=device)
        return cls(six, torch.ones(count, 3, device=device), torch.zeros(count, 3, device=device))

    def chosen(self, rows: Tensor) -> "Candidates":
        return Candidates(*(value.detach()[rows].clone() for value in (self.six, self.scale, self.shift)))

    def moved(self, points: Tensor) -> Tensor:
        """(P, 3) -> (S, P, 3)."""
        return torch.einsum("sij,spj->spi", rotation_from_six(self.six), self.scale[:, None] * points) + self.shift[:, None]

    def descend(self, source: Tensor, target: Tensor, steps: int, rate: float) -> Tensor:
        """Adam (Kingma and Ba 2015) on every candidate by itself; their losses (S,) at the end."""
        values = [value.requires_grad_() for value in (self.six, self.scale, self.shift)]
        optimiser, neighbours = torch.optim.Adam(values, lr=rate), Neighbours(target)
        for _ in range(steps):
            optimiser.zero_grad()
            squared_chamfer(self.moved(source), neighbours).sum().backward()
            optimiser.step()
        with torch.no_grad():
            return squared_chamfer(self.moved(source), neighbours)


def align(
    source: np.ndarray, target: np.ndarray, settings: AlignmentSettings = PUBLISHED, device: str | torch.device = "cpu"
) -> Placement:
    """The placement that brings `source` (P, 3) onto `target` (Q, 3), as ActionBench finds it; the same on every call."""
    device = torch.device(device)
    source_points, target_points = (_chosen(cloud, settings.points, device) for cloud in (source, target))
    candidates = Candidates.axis_aligned(settings.starts, device)
    if settings.pruning:
        candidates = _pruned(candidates, source_points, target_points, settings.pruning, settings.rate)
    losses = candidates.descend(source_points, target_points, settings.steps, settings.rate)
    best = candidates.chosen(losses.argmin()[None])
    rotation, scale, shift = (value[0].double().cpu().numpy() for value in (rotation_from_six(best.six), best.scale, best.shift))
    return Placement(rotation, scale, shift, float(losses.min()))


def squared_chamfer(moved: Tensor, neighbours: Neighbours) -> Tensor:
    """(S,): mean squared distance from each of (S, P, 3) to its nearest in the target, and the other way round, added."""
    forward, backward = neighbours.mutual(moved)
    target = neighbours.target
    partners = moved.gather(1, backward[..., None].expand(-1, -1, 3))
    return (moved - target[forward]).square().sum(-1).mean(-1) + (partners - target).square().sum(-1).mean(-1)


def rotation_from_six(six: Tensor) -> Tensor:
    """(S, 3, 2) -> (S, 3, 3): the first two columns, made orthonormal, and their cross product (Zhou et al. 2019)."""
    first = torch.nn.functional.normalize(six[..., 0], dim=-1)
    second = six[..., 1] - (first * six[..., 1]).sum(-1, keepdim=True) * first
    second = torch.nn.functional.normalize(second, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second)], dim=-1)


def _pruned(candidates: Candidates, source: Tensor, target: Tensor, pruning: Pruning, rate: float) -> Candidates:
    losses = candidates.descend(source[: pruning.points], target[: pruning.points], pruning.steps, rate)
    return candidates.chosen(losses.argsort()[: pruning.keep])


def _chosen(cloud: np.ndarray, count: int, device: torch.device) -> Tensor:
    """At most `count` random points, float32."""
    rows = np.random.default_rng(0).permutation(len(cloud))[:count]
    return torch.tensor(cloud[rows], dtype=torch.float32, device=device)
