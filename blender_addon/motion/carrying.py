"""The map that brings motion from the shown mesh, which the model sees, back to the mesh as it is modelled.

Between the two lie the artist's own shape keys, the modifiers and the object's scale. Their effect is measured when
the mesh is shown and kept with the job, because the rig may be in another pose by the time the result arrives. The
map is linear: each vertex of the modelled mesh is moved by some vertices of the shown mesh, each through a
3 x 3 matrix.
"""

import zipfile
import zlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import MotionError
from .axes import to_local

ARRAYS = {"shown": "float32", "shape": "float64", "target": "int32", "source": "int32", "blocks": "float32"}
"""Names and types of the arrays in a map's file."""


class Way(StrEnum):
    """How a motion carries over from the shown mesh to the modelled one."""

    EXACT = "exact"
    """Each vertex is shown once."""
    COPIES = "copies"
    """Modifiers such as Mirror and Array show some vertices several times; the mean of their motions is taken."""
    FINER = "finer"
    """Modifiers such as Subdivision add vertices; these follow the vertices of the mesh."""
    NEAREST = "nearest"
    """Modifiers make a new surface; each vertex follows the nearest point on it."""


@dataclass(frozen=True, eq=False)
class Carry:
    """A linear map from the shifts of N shown vertices to those of V modelled ones.

    Args:
        shown: (N, 3) float32, the mesh in the axes in which it was shown.
        shape: (3, 3) float64, from the mesh's own coordinates to those axes.
        count: V.
        target, source: (K,) int32, the modelled vertex of each link and the shown vertex that moves it.
        blocks: (K, 3, 3) float32, from the shift of a shown vertex to that of a modelled one.
        way: how exact the map is.
        through: names of the modifiers in between.
    """

    shown: np.ndarray
    shape: np.ndarray
    count: int
    target: np.ndarray
    source: np.ndarray
    blocks: np.ndarray
    way: Way = Way.EXACT
    through: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        links = len(self.target)
        kinds = [
            (self.shown, (len(self.shown), 3)),
            (self.shape, (3, 3)),
            (self.source, (links,)),
            (self.blocks, (links, 3, 3)),
        ]
        if any(array.shape != shape or not np.isfinite(array).all() for array, shape in kinds):
            raise ValueError("its arrays do not fit each other")
        for numbers, end in ((self.target, self.count), (self.source, len(self.shown))):
            if links and not (numbers.min() >= 0 and numbers.max() < end):
                raise ValueError("it names vertices that do not exist")

    @property
    def takes_means(self) -> bool:
        """Whether some vertices are shown several times and move by the mean of their copies."""
        return self.way in (Way.COPIES, Way.FINER) and bool(np.bincount(self.target).max(initial=0) > 1)

    def back(self, shifts: np.ndarray) -> np.ndarray:
        """Return the (V, 3) float64 shifts of the modelled vertices for shifts (N, 3) of the shown ones."""
        parts = np.einsum("kij,kj->ki", self.blocks, shifts[self.source])
        return np.stack([np.bincount(self.target, column, self.count) for column in parts.T], axis=1)

    def shifts(
        self, motion: np.ndarray, facing: str, reference: int, keep_reference_pose: bool, pose: int
    ) -> np.ndarray:
        """Return (N, 3) float64: how far a pose of `motion` (T, N, 3) is from the shown mesh, in its axes."""
        came = to_local(motion[pose].astype(np.float64), facing)
        return came - (to_local(motion[reference].astype(np.float64), facing) if keep_reference_pose else self.shown)


def save_carry(path: Path, carry: Carry) -> None:
    """Write the map to a file.

    Raises:
        OSError: the file cannot be written.
    """
    arrays: dict[str, Any] = {name: getattr(carry, name) for name in (*ARRAYS, "count")}
    words: dict[str, Any] = {"way": np.array(str(carry.way)), "through": np.array(carry.through, np.str_)}
    with path.open("wb") as file:
        np.savez(file, **arrays, **words)


def load_carry(path: Path) -> Carry | None:
    """Return the map of a job; None if its mesh was shown as it is modelled.

    Raises:
        MotionError: the file is damaged.
    """
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as kept:
            arrays: dict[str, Any] = {name: kept[name] for name in ARRAYS}
            if any(arrays[name].dtype != kind for name, kind in ARRAYS.items()):
                raise ValueError("its arrays are of other types")
            through = tuple(map(str, kept["through"].tolist()))
            return Carry(count=int(kept["count"]), way=Way(str(kept["way"])), through=through, **arrays)
    except (OSError, ValueError, KeyError, TypeError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        raise MotionError(f"{path} does not say how the mesh was shown to the model.", "Run the job again.") from error
