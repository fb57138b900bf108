"""Read files of tracked sequences, which `blender_addon/dataset.py` writes.

Headers are checked when a file is found; arrays are read frame by frame. `blender_addon/motion/tracks.py` describes the
arrays.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from .errors import InputError

FORMAT = "actionmesh tracks 1"
SHAPES = {
    "points": ("F32", (-1, -1, 3)),
    "normals": ("F16", (-1, -1, 3)),
    "vertices": ("F32", (-1, -1, 3)),
    "vertex_normals": ("F16", (-1, -1, 3)),
    "times": ("F64", (-1,)),
    "pictures": ("U8", (-1, -1, -1, -1, 4)),
    "axes": ("F32", (-1, 3, 3)),
    "distances": ("F32", (-1,)),
    "windows": ("F32", (-1, 3)),
    "crops": ("I64", (-1, 4)),
}
"""Type and shape of every array in a file; -1 is any length."""
CAMERAS = ("axes", "distances", "windows", "crops")
QUERIES = {"query_points", "signed_distances"}
MESH = {"mesh_vertices": ("F32", (-1, -1, 3)), "mesh_faces": ("I32", (-1, 3))}
"""Arrays of files made with `--faces`."""
REST = "mesh_rest"
"""The array of files made with `--rest`."""
UNTIMED = {*CAMERAS, "mesh_faces"}


@dataclass(frozen=True)
class Track:
    """The header of one file.

    Args:
        frames, points, vertices, views, queries: the lengths T, P, V, K and Q.
        cameras: the arrays `axes`, `distances`, `windows` and `crops`.
        size: side of a picture in pixels.
        has_mesh: whether the file holds the whole mesh; see `read_mesh`.
        provenance: origin of the sequence, as `blender_addon/scene/tracked_file.py` writes it.
    """

    path: Path
    frames: int
    points: int
    vertices: int
    views: int
    queries: int
    cameras: dict[str, Tensor]
    size: int
    has_mesh: bool
    provenance: dict[str, Any]

    @property
    def rigs(self) -> frozenset[str]:
        """Identifiers of its rig: two files share a rig if they have one in common. Older files have none."""
        return frozenset(self.provenance.get("rigs", ()))


def read_tracks(folder: Path) -> list[Track]:
    """Read the headers of all tracked sequences below a folder, in the order of their paths.

    Raises:
        InputError: a file is damaged.
    """
    return [read_header(path) for path in sorted(folder.rglob("*.safetensors"))]


def read_header(path: Path) -> Track:
    """Read the header of a file; raise InputError if it is truncated, of another kind, or lacks an array."""
    with opened(path) as file:
        metadata = file.metadata() or {}
        if metadata.get("format") != FORMAT:
            raise InputError(f"{path} is not a tracked sequence of this version.", "Move it away, or make it again.")
        names = set(file.keys())
        there = {name: file.get_slice(name) for name in names & (SHAPES.keys() | QUERIES | MESH.keys())}
        shapes = {name: tuple(array.get_shape()) for name, array in there.items()}
        _check(path, shapes, {name: array.get_dtype() for name, array in there.items()})
        cameras = {name: file.get_tensor(name) for name in CAMERAS}
    frames, points, _ = shapes["points"]
    views, _, size, *_ = shapes["pictures"]
    queries = shapes["query_points"][1] if QUERIES <= names else 0
    return Track(
        path=path,
        frames=frames,
        points=points,
        vertices=shapes["vertices"][1],
        views=views,
        queries=queries,
        cameras=cameras,
        size=size,
        has_mesh=MESH.keys() <= names,
        provenance=_provenance(path, metadata),
    )


def read_mesh(track: Track) -> tuple[np.ndarray, np.ndarray]:
    """Read the whole mesh of a file that has it.

    Returns:
        vertices (T, W, 3) float32 in model space, one for each position; faces (F, 3) int32.
    """
    with opened(track.path) as file:
        vertices, faces = (file.get_tensor(name).numpy() for name in MESH)
    if faces.min(initial=0) < 0 or faces.max(initial=0) >= vertices.shape[1]:
        raise InputError(f"{track.path} has faces of missing vertices.", "Make it again.")
    return vertices, faces


def read_rest(track: Track) -> np.ndarray:
    """Read the vertices (W, 3) float32 of `read_mesh` in the rest pose.

    Raises:
        InputError: the file was made without `--rest`, or the pose is of another mesh.
    """
    with opened(track.path) as file:
        if REST not in file.keys():
            raise InputError(f"{track.path} has no rest pose.", "Make it again with `--faces` and `--rest`.")
        rest: np.ndarray = file.get_tensor(REST).numpy()
        if rest.dtype != np.float32 or rest.shape != tuple(file.get_slice("mesh_vertices").get_shape()[1:]):
            raise InputError(f"{track.path} has a rest pose of another mesh.", "Make it again.")
    return rest


def read_pictures(track: Track, view: int) -> np.ndarray:
    """Read all pictures (T, h, w, 4) uint8 of one of a file's cameras."""
    with opened(track.path) as file:
        return file.get_slice("pictures")[view].numpy()


def _provenance(path: Path, metadata: dict[str, str]) -> dict[str, Any]:
    try:
        told = json.loads(metadata.get("provenance", "{}"))
    except ValueError as error:
        raise InputError(f"The provenance in {path} is not valid JSON.", "Make the file again.") from error
    return told if isinstance(told, dict) else {}


def _check(path: Path, shapes: dict[str, tuple[int, ...]], kinds: dict[str, str]) -> None:
    known = SHAPES | {name: MESH[name] for name in MESH if name in shapes}
    for name, (kind, wanted) in known.items():
        if kinds.get(name) != kind or len(shapes[name]) != len(wanted):
            raise InputError(f"{path} has no {name} of {len(wanted)} axes and type {kind}.", "Make it again.")
        if any(number not in (-1, has) for number, has in zip(wanted, shapes[name], strict=True)):
            raise InputError(f"{path} has {name} of shape {shapes[name]}.", "Make it again.")
    frames = {shape[1 if name == "pictures" else 0] for name, shape in shapes.items() if name not in UNTIMED}
    if len(frames) != 1:
        raise InputError(f"{path} has arrays of {' and '.join(map(str, sorted(frames)))} frames.", "Make it again.")


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a file for the length of a `with` block; it is memory-mapped, so only the parts taken are read.

    Raises:
        InputError: the file is gone or damaged.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            yield file
    except (OSError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise InputError(f"{path} cannot be read: {reason}.", "Delete it and make it again.") from error


def read_frames(file: Any, name: str, frames: Tensor) -> Tensor:
    """Read frames (T) of an array as float32, without reading the others."""
    part = file.get_slice(name)
    return torch.cat([part[int(frame) : int(frame) + 1] for frame in frames]).float()
