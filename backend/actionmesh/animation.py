"""The result of a job: one mesh topology in every frame, and how it was made."""

import json
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from .errors import InputError
from .files.atomic import write_atomically
from .geometry.strays import renumbered, used_vertices, with_strays
from .intake import read_json, regular_file
from .painting.coat import Coat
from .protocol import ClipCamera, Fit, FrameChoice, Picks, ProtocolError, read, read_as

RECORDS = ("frames", "picks", "fit")
"""Fields of a provenance that have fields of their own."""


@dataclass(frozen=True)
class Provenance:
    """How an animation was made.

    Args:
        mask, frames, anchor, fps, picks: how the clip was read, see `protocol.Animate`; `frames` has a FrameChoice's
            fields.
        known: the other frames whose shape the artist gave, counted among those chosen.
        fit: how it fits the clip.
        prompt: the text from which the clip was made; empty for other clips.
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
    picks: Picks = field(default_factory=Picks)
    known: tuple[int, ...] = ()
    fit: Fit = field(default_factory=Fit)
    prompt: str = ""

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Provenance":
        """Read what `asdict` made; fields that an older version did not write get their defaults.

        Raises:
            ProtocolError, TypeError, KeyError: it is not a provenance.
        """
        frames = vars(read(FrameChoice, values.get("frames", {}), "frames")) if values.get("frames") else {}
        kinds: dict[str, Any] = {item.name: item.type for item in fields(cls) if item.name not in RECORDS}
        checked = {name: read_as(kind, values[name], name) for name, kind in kinds.items() if name in values}
        picks, fit = read(Picks, values.get("picks", {}), "picks"), read(Fit, values.get("fit", {}), "fit")
        return cls(**checked, frames=frames, picks=picks, fit=fit)


@dataclass(frozen=True)
class Animation:
    """An animated mesh.

    Args:
        vertices: (T, V, 3) float32, in the coordinates of the reference mesh, counted from `origin`.
        faces: (F, 3) int32 triangles.
        times: (T,) float64, seconds from the first chosen frame.
        reference_frame: index into T of the pose for which the reference mesh was made or given.
        frame_indices: (T,) int64, the chosen frame that a pose shows, counted from 0; -1 for an in-between.
        provenance: how it was made.
        unmatched: (T, V, 3) float32, the network's poses before match; None if `vertices` are these.
        appearance: UVs and a picture of a mesh that was coloured here. None for plain clay, and for an artist's
            mesh, which keeps its own colours unless the clip's were asked for.
        origin: (3,) float64; not 0 for a mesh so far from 0 that float32 would blur it. Saved coordinates count from 0.
    """

    vertices: np.ndarray
    faces: np.ndarray
    times: np.ndarray
    reference_frame: int
    frame_indices: np.ndarray
    provenance: Provenance
    appearance: Coat | None = None
    unmatched: np.ndarray | None = None
    origin: np.ndarray = field(default_factory=lambda: np.zeros(3))

    def __post_init__(self) -> None:
        poses, faces, unmatched, coat = self.vertices, self.faces, self.unmatched, self.appearance
        _require(poses.ndim == 3 and poses.shape[2] == 3 and poses.dtype == np.float32, "vertices are not poses")
        _require(faces.ndim == 2 and faces.shape[1] == 3 and faces.dtype == np.int32, "faces are not triangles")
        there = faces.size == 0 or 0 <= faces.min() <= faces.max() < poses.shape[1]
        _require(there, "faces name vertices that do not exist")
        _require(self.times.shape == (len(poses),) and self.times.dtype.kind in "fiu", "times do not fit the poses")
        whole = self.frame_indices.shape == self.times.shape and self.frame_indices.dtype.kind in "iu"
        _require(whole, "frames are not whole numbers, one for each pose")
        _require(0 <= self.reference_frame < len(poses), "the reference frame is not one of the poses")
        like_poses = unmatched is None or (unmatched.shape == poses.shape and unmatched.dtype == np.float32)
        _require(like_poses, "unmatched poses do not fit the vertices")
        _require(coat is None or len(coat.corner_uv) == len(faces), "UVs do not fit the faces")

    @property
    def frames(self) -> list[float]:
        """The frame that each pose shows, counted among those chosen; in-betweens have fractions."""
        whole = np.flatnonzero(self.frame_indices >= 0)
        return np.interp(np.arange(len(self.times)), whole, self.frame_indices[whole]).tolist()

    def with_fit(self, fit: Fit) -> "Animation":
        """Return the same animation with another `fit`."""
        return replace(self, provenance=replace(self.provenance, fit=fit))

    def with_prompt(self, prompt: str) -> "Animation":
        """Return the same animation, made from a clip of this text."""
        return replace(self, provenance=replace(self.provenance, prompt=prompt))

    def without_strays(self) -> "Animation":
        """Return the same animation of the vertices alone that have a face."""
        used = used_vertices(self.faces)
        if len(used) == self.vertices.shape[1]:
            return self
        unmatched = None if self.unmatched is None else self.unmatched[:, used]
        return replace(self, vertices=self.vertices[:, used], faces=renumbered(self.faces, used), unmatched=unmatched)

    def with_strays(self, rest: np.ndarray, faces: np.ndarray) -> "Animation":
        """Return the animation of all vertices again, see `geometry.strays`.

        Args:
            rest: (V, 3) all of them; faces: (F, 3) among them.
        """
        if self.vertices.shape[1] == len(rest):
            return self
        unmatched = None if self.unmatched is None else with_strays(self.unmatched, rest, faces)
        return replace(self, vertices=with_strays(self.vertices, rest, faces), faces=faces, unmatched=unmatched)

    def save(self, path: str | Path) -> None:
        """Write one .safetensors file, with the provenance and the reference frame in its metadata."""
        metadata = {
            "reference_frame": str(self.reference_frame),
            "provenance": json.dumps(asdict(self.saved_provenance)),
        }
        if self.origin.any():
            metadata["origin"] = json.dumps(self.origin.tolist())
        write_atomically(Path(path), lambda part: part.write_bytes(save(self.arrays(), metadata)))

    @property
    def saved_provenance(self) -> Provenance:
        """The provenance in the mesh's own coordinates, counted from 0."""
        return _from_origin(self.provenance, self.origin)

    def _absolute(self, vertices: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(vertices) if not self.origin.any() else vertices + self.origin

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all arrays by name.

        The names are `vertices`, `faces`, `times`, `frame_indices`, `unmatched`, and those of `appearance`:
        `corner_uv` (F, 3, 2) float32, and `picture_png`, the bytes of a PNG file as (n,) uint8.
        Vertices count from 0: as float32, or as float64 if there is an origin.
        """
        arrays = {
            "vertices": self._absolute(self.vertices),
            "faces": np.ascontiguousarray(self.faces),
            "times": self.times,
            "frame_indices": self.frame_indices,
        }
        if self.unmatched is not None:
            arrays["unmatched"] = self._absolute(self.unmatched)
        if self.appearance is not None:
            arrays["corner_uv"] = np.ascontiguousarray(self.appearance.corner_uv)
            arrays["picture_png"] = np.frombuffer(self.appearance.png, np.uint8)
        return arrays

    @classmethod
    def load(cls, path: str | Path) -> "Animation":
        """Load what `save` wrote.

        Raises:
            InputError: the file is missing, truncated, or not an animation.
        """
        try:
            with safe_open(str(regular_file(Path(path))), framework="numpy") as file:
                metadata = file.metadata() or {}
                arrays = {name: file.get_tensor(name) for name in file.keys()}
            appearance = _appearance(arrays)
            _require(all(np.isfinite(array).all() for array in arrays.values()), "not all numbers are finite")
            origin = np.array(read_json(metadata.get("origin", "[0.0, 0.0, 0.0]")), np.float64).reshape(3)
            _require(bool(np.isfinite(origin).all()), "the origin is not finite")
            for name in ("vertices", "unmatched"):
                if origin.any() and name in arrays:
                    arrays[name] = (arrays[name] - origin).astype(np.float32)
            return cls(
                **arrays,
                reference_frame=int(metadata["reference_frame"]),
                provenance=_from_origin(Provenance.from_dict(read_json(metadata["provenance"])), -origin),
                appearance=appearance,
                origin=origin,
            )
        except (OSError, SafetensorError, AttributeError, KeyError, TypeError, ValueError, ProtocolError) as error:
            raise InputError(f"{path} cannot be read as an animation.", "Run the job again.") from error


def with_notes(animation: Animation, notes: tuple[str, ...], before: tuple[str, ...] = ()) -> Animation:
    """Return the animation with more sentences for the user, after and before those that it has."""
    fit = animation.provenance.fit
    return animation.with_fit(replace(fit, notes=(*before, *fit.notes, *notes)))


def between_neighbours(animation: Animation, absent: tuple[int, ...]) -> Animation:
    """Return the animation with poses between their neighbours' for frames that do not show the subject.

    Args:
        absent: such frames, counted among those chosen. In-betweens next to one of them are placed anew too; the
            reference pose and those whose shape the artist gave stay.
    """
    if not absent:
        return animation
    frames = np.array(animation.frames)
    known = ~(np.isin(np.floor(frames), absent) | np.isin(np.ceil(frames), absent))
    known |= np.isin(frames, animation.provenance.known)
    known[animation.reference_frame] = True
    there = np.flatnonzero(known)
    vertices = animation.vertices.copy()
    for pose in np.flatnonzero(~known):
        after = int(np.searchsorted(there, pose))
        before, after = there[max(0, after - 1)], there[min(after, len(there) - 1)]
        span = frames[after] - frames[before]
        share = (frames[pose] - frames[before]) / span if span else 0.0
        vertices[pose] = (1 - share) * animation.vertices[before] + share * animation.vertices[after]
    return replace(animation, vertices=vertices)


def _require(fits: Any, fault: str) -> None:
    if not fits:
        raise ValueError(fault)


def _appearance(arrays: dict[str, np.ndarray]) -> Coat | None:
    """Take the coat out of an animation's arrays; results of older versions have none."""
    if "corner_uv" not in arrays and "picture_png" not in arrays:
        return None
    return Coat(arrays.pop("corner_uv"), arrays.pop("picture_png").tobytes())


def _from_origin(provenance: Provenance, origin: np.ndarray) -> Provenance:
    """Move the clip's camera, if there is one, from coordinates counted from `origin` to coordinates counted from 0."""
    camera = provenance.fit.camera
    if camera is None or not origin.any():
        return provenance
    matrix = np.reshape(camera.matrix, (4, 4)).copy()
    matrix[:3, 3] += origin
    moved: ClipCamera = replace(camera, matrix=tuple(matrix.ravel().tolist()))
    return replace(provenance, fit=replace(provenance.fit, camera=moved))
