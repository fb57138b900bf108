"""A rig: a skeleton, its motion, and the mesh's weights; as one .safetensors file, which Blender reads."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from ..files.atomic import write_atomically
from .decomposition import skinned


@dataclass(frozen=True, eq=False)
class Rig:
    """Bones in an order in which parents come before their children, and how they move the mesh.

    Args:
        names: of B bones, unique.
        parents: (B,) int32; -1 for the root, which is the first.
        heads, tails: (B, 3) float64, at rest.
        influences: (V, 4) int32, bones; weights: (V, 4) float64, which sum to 1.
        deforms: (T, B, 4, 4) float64, rigid, from rest to each pose.
        rms: root of the mean squared distance of the vertices from the animation's, as a share of the mesh's size, the
            diagonal of its box at rest.
        worst: the greatest of these distances.
    """

    names: tuple[str, ...]
    parents: np.ndarray
    heads: np.ndarray
    tails: np.ndarray
    influences: np.ndarray
    weights: np.ndarray
    deforms: np.ndarray
    rms: float
    worst: float

    def poses(self, rest: np.ndarray) -> np.ndarray:
        """Return the vertices (T, V, 3) float64 that the rig makes of those at rest (V, 3)."""
        return skinned(rest, self.influences, self.weights, self.deforms)

    def save(self, path: Path) -> None:
        """Write one .safetensors file, with the names and errors in its metadata."""
        names = ("parents", "heads", "tails", "influences", "weights", "deforms")
        arrays = {name: np.ascontiguousarray(getattr(self, name)) for name in names}
        told = {"names": json.dumps(self.names), "rms": repr(self.rms), "worst": repr(self.worst)}
        write_atomically(path, lambda part: part.write_bytes(save(arrays, told)))
