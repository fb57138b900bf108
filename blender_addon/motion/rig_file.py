"""A rig as the worker writes it, and the poses that it is made from: .safetensors files on the way there and back."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

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


def save_poses(path: Path, rest: np.ndarray, triangles: np.ndarray, moves: np.ndarray, facing: str) -> None:
    """Write a mesh that moves in the form that the backend reads; its first pose is the rest.

    Args:
        rest: (V, 3) float32 in local coordinates; moves: (T, V, 3) float32, how far each pose is from it.
        triangles: (F, 3) int32.
        facing: the local axis that the subject faces, a name in `axes.FACINGS`.
    Raises:
        OSError: the file cannot be written.
    """
    poses = np.empty((len(moves) + 1, *rest.shape), np.float32)
    poses[0] = to_model(rest, facing)
    np.matmul(moves, rotation(facing).T.astype(np.float32), out=poses[1:])
    poses[1:] += poses[0]
    arrays = {
        "vertices": poses,
        "faces": np.ascontiguousarray(triangles, np.int32),
        "times": np.arange(len(poses), dtype=np.float64),
        "frame_indices": np.arange(len(poses)),
    }
    told: dict[str, Any] = {"clip": "", "mesh": None, "seed": 0, "preset": "", "checkpoint": "", "version": ""}
    try:
        save_file(arrays, path, {"reference_frame": "0", "provenance": json.dumps(told)})
    except SafetensorError as error:
        raise OSError(str(error)) from error


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
