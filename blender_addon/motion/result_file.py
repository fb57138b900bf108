"""The result of a job as the worker writes it: one .safetensors file, read without the backend.

The header is read first, so a file that is cut off or of another kind is rejected cheaply, with one sentence.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from ..errors import MotionError
from ..reading import parse_json
from .coat import Coat

AGAIN = "Run the job again."
LATEST = 1e6
"""Seconds; Blender's last frame is earlier, at any usual rate."""
SHAPES = {"vertices": (3, "F32 F64"), "faces": (2, "I32"), "times": (1, "F64"), "frame_indices": (1, "I64")}
"""Number of axes and types of each array in the file; vertices are F64 if the mesh is far from 0."""
UV, PICTURE = "corner_uv", "picture_png"
"""The arrays with the colours, which only a coloured mesh has."""


@dataclass(frozen=True)
class Motion:
    """A mesh that moves.

    Args:
        vertices: (T, V, 3) float32 in the axes of the job's mesh: +Y up, any size.
        faces: (F, 3) int32 triangles.
        times: (T,) float64 seconds, increasing.
        reference_frame: index into T of the pose for which the mesh was made or given.
        frame_indices: (T,) which of the chosen frames a pose shows; -1 for an in-between.
        provenance: how it was made, as plain JSON.
        coat: its colours from the clip; None if the backend sent none.
    Raises:
        MotionError: the arrays do not fit each other, or are not finite; the sentence names the fault.
    """

    vertices: np.ndarray
    faces: np.ndarray
    times: np.ndarray
    reference_frame: int
    frame_indices: np.ndarray
    provenance: dict[str, Any] = field(default_factory=dict)
    coat: Coat | None = None

    def __post_init__(self) -> None:
        for wrong, problem in self._faults():
            if wrong:
                raise MotionError(f"The animation {problem}.", AGAIN)

    def _faults(self) -> Iterator[tuple[Any, str]]:
        poses, corners = len(self.vertices), self.faces
        yield self.vertices.ndim != 3 or self.vertices.shape[2] != 3, f"has vertices of shape {self.vertices.shape}"
        yield poses == 0 or self.vertices.shape[1] == 0, f"is empty: {poses} poses of {self.vertices.shape[1]} vertices"
        yield corners.ndim != 2 or corners.shape[1] != 3, f"has faces of shape {corners.shape}, not triangles"
        yield (
            len(self.times) != poses or len(self.frame_indices) != poses,
            f"has {poses} poses at {len(self.times)} times",
        )
        yield (
            not 0 <= self.reference_frame < poses,
            f"has {poses} poses, and its reference is number {self.reference_frame}",
        )
        yield not np.isfinite(self.times).all() or (np.diff(self.times) <= 0).any(), "has times that do not increase"
        yield np.abs(self.times).max() > LATEST, f"has times beyond {LATEST:g} seconds"
        yield corners.size and not _within(corners, self.vertices.shape[1]), "has faces whose vertices do not exist"
        coats = 0 if self.coat is None else len(self.coat.corner_uv)
        yield self.coat is not None and coats != len(corners), f"has {len(corners)} faces and UVs of {coats}"
        yield not all(np.isfinite(pose).all() for pose in self.vertices), "has vertices that are not finite numbers"


def _within(corners: np.ndarray, count: int) -> bool:
    return bool(corners.min() >= 0 and corners.max() < count)


def load_motion(path: str | Path) -> Motion:
    """Read a result.

    Raises:
        MotionError: the file is missing, cut off or of another kind, or holds numbers that no animation has.
    """
    if not Path(path).is_file():
        raise MotionError(
            f"The result {path} does not exist.", "It may have been removed with its job; run the job again."
        )
    try:
        with safe_open(str(path), framework="numpy") as file:
            _check_header(file)
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in SHAPES}
            arrays["vertices"] = arrays["vertices"].astype(np.float32, copy=False)
            coat = _read_coat(file)
        reference, provenance = int(metadata["reference_frame"]), dict(parse_json(metadata["provenance"]))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise MotionError(f"The result {path} is damaged or not an animation: {_first_line(error)}.", AGAIN) from error
    return Motion(**arrays, reference_frame=reference, provenance=provenance, coat=coat)


def _read_coat(file: Any) -> Coat | None:
    names = set(file.keys())
    if not names & {UV, PICTURE}:
        return None
    if not {UV, PICTURE} <= names:
        raise KeyError("it has a picture without UVs, or UVs without a picture")
    return Coat(file.get_tensor(UV), file.get_tensor(PICTURE).tobytes())


def _check_header(file: Any) -> None:
    names = set(file.keys())
    for name, (axes, kind) in SHAPES.items():
        if name not in names:
            raise KeyError(f"it has no {name}")
        entry = file.get_slice(name)
        if len(entry.get_shape()) != axes or entry.get_dtype() not in kind.split():
            raise ValueError(f"its {name} are {entry.get_dtype()} of shape {tuple(entry.get_shape())}")


def _first_line(error: Exception) -> str:
    text = str(error.args[0]) if error.args else type(error).__name__
    return text.strip().splitlines()[0].rstrip(".") if text.strip() else type(error).__name__
