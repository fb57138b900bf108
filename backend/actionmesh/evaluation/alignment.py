"""ActionBench's alignment: rotate, scale and shift one cloud onto another by gradient descent from 24 rotations.

The loss is the squared Chamfer distance; nearest neighbours are found again at every step (an ICP whose inner step is
one of Adam's). The best start wins. The defaults are the published numbers; `Pruning` and fewer points make it
feasible on a CPU.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from torch import Tensor

SMALL = 512 * 512
"""Pairs up to which, on the CPU, all distances are faster than building trees."""
CHUNK = 2**27
"""Pairs computed at once: half a gigabyte of distances."""


@dataclass(frozen=True)
class Pruning:
    """Run all starts for `steps` steps on `points` points, and only the best `keep` to the end on the full clouds."""

    points: int = 1000
    steps: int = 30
    keep: int = 3


@dataclass(frozen=True)
class AlignmentSettings:
    """Settings of an alignment.

    Args:
        points: random points taken from each cloud.
        steps, rate: steps and learning rate of Adam.
        starts: how many of the 24 axis-aligned rotations to try, the identity first.
        pruning: None runs every start to its end, as published.
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
    """The map x -> rotation @ (scale * x) + shift, with (3, 3), (3,) and (3,) float64.

    `loss` is the squared Chamfer distance that it reaches.
    """

    rotation: np.ndarray
    scale: np.ndarray
    shift: np.ndarray
    loss: float

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Place points (..., 3), as float64."""
        return (points * self.scale) @ self.rotation.T + self.shift


@dataclass
class Candidates:
    """S placements optimised in parallel: six (S, 3, 2), scale (S, 3), shift (S, 3)."""

    six: Tensor
    scale: Tensor
    shift: Tensor

    @classmethod
    def axis_aligned(cls, count: int, device: torch.device) -> "Candidates":
        """Return the first `count` rotations of the cube's rotation group, without scale or shift."""
        rotations = Rotation.create_group("O").as_matrix()
        order = np.argsort(-np.trace(rotations, axis1=1, axis2=2), kind="stable")[:count]
        six = torch.tensor(rotations[order][:, :, :2], dtype=torch.float32, device=device)
        return cls(six, torch.ones(count, 3, device=device), torch.zeros(count, 3, device=device))

    def chosen(self, rows: Tensor) -> "Candidates":
        return Candidates(*(value.detach()[rows].clone() for value in (self.six, self.scale, self.shift)))

    def moved(self, points: Tensor) -> Tensor:
        """Apply every placement to points (P, 3): (S, P, 3)."""
        return (
            torch.einsum("sij,spj->spi", rotation_from_six(self.six), self.scale[:, None] * points)
            + self.shift[:, None]
        )

    def descend(self, source: Tensor, target: Tensor, steps: int, rate: float) -> Tensor:
        """Optimise every candidate separately with Adam (Kingma and Ba 2015); return their final losses (S,)."""
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
    """Return the placement that brings `source` (P, 3) onto `target` (Q, 3) as in ActionBench; it is deterministic."""
    device = torch.device(device)
    source_points, target_points = (_chosen(cloud, settings.points, device) for cloud in (source, target))
    candidates = Candidates.axis_aligned(settings.starts, device)
    if settings.pruning:
        candidates = _pruned(candidates, source_points, target_points, settings.pruning, settings.rate)
    losses = candidates.descend(source_points, target_points, settings.steps, settings.rate)
    best = candidates.chosen(losses.argmin()[None])
    rotation, scale, shift = (
        value[0].double().cpu().numpy() for value in (rotation_from_six(best.six), best.scale, best.shift)
    )
    return Placement(rotation, scale, shift, float(losses.min()))


class Neighbours:
    """Nearest neighbours between S clouds (S, P, 3) and `target` (Q, 3), without gradients.

    They are found by k-d trees on the CPU (SciPy), or from all distances (PyTorch).
    """

    def __init__(self, target: Tensor):
        self.target = target.detach()
        self._tree: cKDTree | None = None

    def mutual(self, clouds: Tensor) -> tuple[Tensor, Tensor]:
        """Return int64 indices: each point's nearest target (S, P), each target's nearest in every cloud (S, Q)."""
        clouds = clouds.detach()
        pairs = clouds.shape[1] * len(self.target)
        if self.target.device.type == "cpu" and pairs > SMALL:
            found = [self._by_tree(cloud[None]) for cloud in clouds]
        else:
            found = [self._by_all_distances(chunk) for chunk in clouds.split(max(1, CHUNK // pairs))]
        to_target, from_target = zip(*found, strict=True)
        return torch.cat(to_target), torch.cat(from_target)

    def _by_all_distances(self, clouds: Tensor) -> tuple[Tensor, Tensor]:
        distance = torch.cdist(clouds, self.target.expand(len(clouds), -1, -1))
        return distance.argmin(dim=2), distance.argmin(dim=1)

    def _by_tree(self, cloud: Tensor) -> tuple[Tensor, Tensor]:
        if self._tree is None:
            self._tree = cKDTree(self.target.numpy())
        points, workers = cloud[0].numpy(), torch.get_num_threads()
        moving = cKDTree(points, balanced_tree=False, compact_nodes=False)
        found = self._tree.query(points, workers=workers)[1], moving.query(self.target.numpy(), workers=workers)[1]
        return torch.from_numpy(found[0])[None], torch.from_numpy(found[1])[None]


def squared_chamfer(moved: Tensor, neighbours: Neighbours) -> Tensor:
    """Return squared Chamfer distances (S,) of clouds (S, P, 3) to the target: the means of both directions, added."""
    forward, backward = neighbours.mutual(moved)
    target = neighbours.target
    partners = moved.gather(1, backward[..., None].expand(-1, -1, 3))
    return (moved - target[forward]).square().sum(-1).mean(-1) + (partners - target).square().sum(-1).mean(-1)


def rotation_from_six(six: Tensor) -> Tensor:
    """Return rotations (S, 3, 3) from their first two columns (S, 3, 2), made orthonormal (Zhou et al. 2019)."""
    first = torch.nn.functional.normalize(six[..., 0], dim=-1)
    second = six[..., 1] - (first * six[..., 1]).sum(-1, keepdim=True) * first
    second = torch.nn.functional.normalize(second, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second)], dim=-1)


def _pruned(candidates: Candidates, source: Tensor, target: Tensor, pruning: Pruning, rate: float) -> Candidates:
    losses = candidates.descend(source[: pruning.points], target[: pruning.points], pruning.steps, rate)
    return candidates.chosen(losses.argsort()[: pruning.keep])


def _chosen(cloud: np.ndarray, count: int, device: torch.device) -> Tensor:
    """Return at most `count` random points, float32."""
    rows = np.random.default_rng(0).permutation(len(cloud))[:count]
    return torch.tensor(cloud[rows], dtype=torch.float32, device=device)
