"""The result of a job: one mesh topology in every frame, and where it came from."""

import json
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from .errors import InputError
from .intake import read_json, regular_file
from .output.atomic import write_atomically
from .painting.coat import Coat
from .protocol import Fit, Frames, ProtocolError, read, read_as


@dataclass(frozen=True)
class Provenance:
    """What made an animation.

    Args:
        mask, frames, anchor, fps: how the clip was read, see `options.AnimateOptions`; `frames` is a FrameChoice's fields.
        fit: how it fits the clip.
    """

    clip: str
    mesh: str | None
    seed: int
    preset: str
    checkpoint: str
    version: str
    mask: str | None = None
    frames: dict[str, Any] = field(default_factory=dict)
    anchor: int = 0
    fps: float | None = None
    fit: Fit = field(default_factory=Fit)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Provenance":
        """Read what `asdict` made; what an older version did not write has its default.

        Raises:
            ProtocolError, TypeError, KeyError: it is none.
        """
        named = {item.name for item in fields(cls)}
        frames = vars(read(Frames, values.get("frames", {}), "frames")) if values.get("frames") else {}
        plain = {name: value for name, value in values.items() if name in named - {"frames", "fit"}}
        checked = {name: read_as(PROVENANCE[name], value, name) for name, value in plain.items()}
        return cls(**checked, frames=frames, fit=read(Fit, values.get("fit", {}), "fit"))


PROVENANCE: dict[str, Any] = {
    **dict.fromkeys(("clip", "preset", "checkpoint", "version"), str),
    **dict.fromkeys(("mesh", "mask"), str | None),
    **dict.fromkeys(("seed", "anchor"), int),
    "fps": float | None,
}
"""The types of what a result says of its making; `frames` and `fit` are read for themselves."""


@dataclass(frozen=True)
class Animation:
    """An animated mesh.

    Args:
        vertices: (T, V, 3) float32, in the coordinates of the reference mesh.
        faces: (F, 3) int32 triangles.
        times: (T,) float64, seconds from the first chosen frame.
        reference_frame: index into T of the pose for which the reference mesh was made or given.
        frame_indices: (T,) int64, which of the chosen frames a pose shows, counted from 0; -1 for an in-between.
        provenance: what made it.
        unmatched: (T, V, 3) float32, the network's poses before they were matched to the clip; None where `vertices` are those.
        appearance: UVs and a picture of a mesh that was coloured here. None for plain clay, and for an artist's mesh, whose own
            file tells, unless its colours were asked for.
    """

    vertices: np.ndarray
    faces: np.ndarray
    times: np.ndarray
    reference_frame: int
    frame_indices: np.ndarray
    provenance: Provenance
    appearance: Coat | None = None
    unmatched: np.ndarray | None = None

    def __post_init__(self) -> None:
        poses, points = self.vertices, len(self.vertices.shape) == 3 and self.vertices.shape[1]
        _require(poses.ndim == 3 and poses.shape[2] == 3 and poses.dtype == np.float32, "vertices are no poses")
        _require(self.faces.ndim == 2 and self.faces.shape[1] == 3 and self.faces.dtype == np.int32, "faces are no triangles")
        _require(self.faces.size == 0 or 0 <= self.faces.min() <= self.faces.max() < points, "faces name vertices that are none")
        _require(self.times.shape == (len(poses),) and self.times.dtype.kind in "fiu", "times are not those of the poses")
        _require(self.frame_indices.shape == self.times.shape and self.frame_indices.dtype.kind in "iu", "frames are no numbers")
        _require(0 <= self.reference_frame < len(poses), "the reference frame is none of the poses")
        unmatched = self.unmatched
        _require(unmatched is None or (unmatched.shape == poses.shape and unmatched.dtype == np.float32), "unmatched are others")
        _require(self.appearance is None or len(self.appearance.corner_uv) == len(self.faces), "UVs are not those of the faces")

    @property
    def frames(self) -> list[float]:
        """Which frame each pose shows, counted among those chosen; in-betweens have parts of frames."""
        whole = np.flatnonzero(self.frame_indices >= 0)
        return np.interp(np.arange(len(self.times)), whole, self.frame_indices[whole]).tolist()

    def with_fit(self, fit: Fit) -> "Animation":
        """Return the same animation with another account of how it lies on its clip."""
        return replace(self, provenance=replace(self.provenance, fit=fit))

    def save(self, path: str | Path) -> None:
        """Writes one .safetensors file; the provenance and the reference frame travel in its metadata."""
        metadata = {"reference_frame": str(self.reference_frame), "provenance": json.dumps(asdict(self.provenance))}
        write_atomically(Path(path), lambda part: part.write_bytes(save(self.arrays(), metadata)))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all numbers by name: `vertices`, `faces`, `times`, `frame_indices`, `unmatched`, and what `appearance` has.

        The latter is `corner_uv` (F, 3, 2) float32, and `picture_png`, the bytes of a PNG file as (n,) uint8.
        """
        arrays = {
            "vertices": np.ascontiguousarray(self.vertices),
            "faces": np.ascontiguousarray(self.faces),
            "times": self.times,
            "frame_indices": self.frame_indices,
        }
        if self.unmatched is not None:
            arrays["unmatched"] = np.ascontiguousarray(self.unmatched)
        if self.appearance is not None:
            arrays["corner_uv"] = np.ascontiguousarray(self.appearance.corner_uv)
            arrays["picture_png"] = np.frombuffer(self.appearance.png, np.uint8)
        return arrays

    @classmethod
    def load(cls, path: str | Path) -> "Animation":
        """Reads what `save` wrote.

        Raises:
            InputError: the file is missing, truncated, or no animation.
        """
        try:
            with safe_open(str(regular_file(Path(path))), framework="numpy") as file:
                metadata = file.metadata() or {}
                arrays = {name: file.get_tensor(name) for name in file.keys()}
            appearance = _appearance(arrays)
            _require(all(np.isfinite(array).all() for array in arrays.values()), "not all numbers are finite")
            return cls(
                **arrays,
                reference_frame=int(metadata["reference_frame"]),
                provenance=Provenance.from_dict(read_json(metadata["provenance"])),
                appearance=appearance,
            )
        except (OSError, SafetensorError, AttributeError, KeyError, TypeError, ValueError, ProtocolError) as error:
            raise InputError(f"{path} cannot be read as an animation.", "Run the job again.") from error


def _require(fits: Any, fault: str) -> None:
    if not fits:
        raise ValueError(fault)


def _appearance(arrays: dict[str, np.ndarray]) -> Coat | None:
    """Take the coat out of an animation's arrays; results of older versions have none."""
    if "corner_uv" not in arrays and "picture_png" not in arrays:
        return None
    coat = Coat(arrays.pop("corner_uv"), arrays.pop("picture_png").tobytes())
    if len(coat.corner_uv) != len(arrays["faces"]):
        raise ValueError(f"{len(coat.corner_uv)} faces have UVs, of {len(arrays['faces'])}")
    return coat
