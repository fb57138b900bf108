"""Nearest neighbours of moving clouds and a fixed one, by k-d trees on the CPU (SciPy) or all distances (PyTorch)."""

import torch
from scipy.spatial import cKDTree
from torch import Tensor

SMALL = 512 * 512
"""Pairs up to which, on the CPU, all distances are faster than building trees."""
CHUNK = 2**27
"""Pairs computed at once: half a gigabyte of distances."""


class Neighbours:
    """Nearest neighbours between S clouds (S, P, 3) and `target` (Q, 3), without gradients."""

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
