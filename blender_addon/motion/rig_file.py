"""A rig as the worker writes it, and the poses that it is made from: .safetensors files on the way there and back."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ..errors import MotionError
from ..reading import parse_json
from .axes import rotation, to_local, to_model

SHAPES = {
    "parents": (1, "I32"),
    "heads": (2, "F64"),
    "tails": (2, "F64"),
    "influences": (2, "I32"),
    "weights": (2, "F64"),
    "deforms": (4, "F64"),
}
"""Number of axes and type of each array in the file."""
MOST_BONES, LONGEST_NAME = 1000, 60


@dataclass(frozen=True, eq=False)
class FoundRig:
    """Bones in an order in which parents come before their children, in the mesh's local coordinates.

    Args:
        names: of B bones, unique.
        parents: (B,) int32; -1 for the root, which is the first.
        heads, tails: (B, 3) at rest.
        influences: (V, 4) int32, bones; weights: (V, 4), which sum to 1.
        deforms: (T, B, 4, 4) rigid, from rest to each pose.
    """

    names: tuple[str, ...]
    parents: np.ndarray
    heads: np.ndarray
    tails: np.ndarray
    influences: np.ndarray
    weights: np.ndarray
    deforms: np.ndarray

    def errors(self, rest: np.ndarray, poses: np.ndarray) -> tuple[float, float]:
        """Return the root mean square and the maximum of the distances between what the bones make of `rest` and poses.

        Args:
            rest: (V, 3); poses: (T, V, 3).
        Returns:
            shares of the diagonal of the box at rest.
        """
        size = float(np.linalg.norm(np.ptp(rest.astype(np.float64), axis=0))) or 1.0
        whole = np.column_stack([rest.astype(np.float64), np.ones(len(rest))])
        squares, worst = 0.0, 0.0
        for pose, matrices in zip(poses, self.deforms[:, :, :3], strict=True):
            moved = np.zeros(rest.shape)
            for column in range(self.weights.shape[1]):
                part = np.einsum("vij,vj->vi", matrices[self.influences[:, column]], whole)
                moved += self.weights[:, column, None] * part
            apart = ((moved - pose) ** 2).sum(axis=1)
            squares, worst = squares + float(apart.mean()), max(worst, float(apart.max()))
        return float(np.sqrt(squares / len(poses))) / size, float(np.sqrt(worst)) / size


def save_poses(path: Path, rest: np.ndarray, triangles: np.ndarray, poses: np.ndarray, facing: str) -> None:
    """Write a mesh that moves in the form that the backend reads; its first pose is the rest.

    Args:
        rest: (V, 3), poses: (T, V, 3), in local coordinates; triangles: (F, 3) int32.
        facing: the local axis that the subject faces, a name in `axes.FACINGS`.
    Raises:
        OSError: the file cannot be written.
    """
    every = np.concatenate([rest[None], poses]).astype(np.float32)
    arrays = {
        "vertices": np.ascontiguousarray(to_model(every, facing)),
        "faces": np.ascontiguousarray(triangles, np.int32),
        "times": np.arange(len(every), dtype=np.float64),
        "frame_indices": np.arange(len(every)),
    }
    told: dict[str, Any] = {"clip": "", "mesh": None, "seed": 0, "preset": "", "checkpoint": "", "version": ""}
    path.write_bytes(save(arrays, {"reference_frame": "0", "provenance": json.dumps(told)}))


def load_rig(path: Path, facing: str) -> FoundRig:
    """Read the rig that the backend made of what `save_poses` wrote.

    Raises:
        MotionError: the file is missing, damaged, or its arrays do not fit each other.
    """
    try:
        with safe_open(str(path), framework="numpy") as file:
            for name, (axes, kind) in SHAPES.items():
                entry = file.get_slice(name)
                if len(entry.get_shape()) != axes or entry.get_dtype() != kind:
                    raise ValueError(f"its {name} are {entry.get_dtype()} of shape {tuple(entry.get_shape())}")
            arrays = {name: file.get_tensor(name) for name in SHAPES}
            names = tuple(parse_json((file.metadata() or {})["names"]))
        _check(names, arrays)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise MotionError("The bones that the backend found cannot be read.", "Bake again.") from error
    arrays["deforms"] = _turned(arrays["deforms"][1:], facing)
    arrays["heads"], arrays["tails"] = (to_local(arrays[name], facing) for name in ("heads", "tails"))
    return FoundRig(names, **arrays)


def _check(names: tuple[Any, ...], arrays: dict[str, np.ndarray]) -> None:
    bones, parents = len(names), arrays["parents"]
    sound = (
        0 < bones <= MOST_BONES
        and len(set(names)) == bones
        and all(isinstance(name, str) and 0 < len(name) <= LONGEST_NAME for name in names)
        and parents.shape == (bones,)
        and parents[0] == -1
        and bool((parents[1:] >= 0).all() and (parents[1:] < np.arange(1, bones)).all())
        and arrays["heads"].shape == arrays["tails"].shape == (bones, 3)
        and arrays["weights"].shape == arrays["influences"].shape
        and arrays["deforms"].shape[1:] == (bones, 4, 4)
        and bool((arrays["influences"] >= 0).all() and (arrays["influences"] < bones).all())
        and all(np.isfinite(array).all() for array in arrays.values())
    )
    if not sound:
        raise ValueError("its arrays do not fit each other")


def _turned(deforms: np.ndarray, facing: str) -> np.ndarray:
    """Return matrices (T, B, 4, 4) of model space in local coordinates."""
    turn = np.eye(4)
    turn[:3, :3] = rotation(facing)
    return turn.T @ deforms @ turn
