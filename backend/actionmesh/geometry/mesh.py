"""A triangle mesh as the networks need it: positions and triangles. `mesh_files` reads one from a file."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import MeshError
from .triangles import face_normals


@dataclass(frozen=True, eq=False)
class Mesh:
    """A mesh that has been checked.

    Args:
        vertices: (V, 3) float32, every vertex of the file in the file's order, including those that no face uses.
        faces: (F, 3) int32 triangles; larger polygons are triangulated for computing only.
        path: the file that the mesh was read from.
        origin: (3,) float64, the origin of `vertices` in the file's coordinates; not 0 for a mesh far away from 0.
    Raises:
        MeshError: a coordinate is not finite, a face refers to a missing vertex, or there is no surface.
    """

    vertices: np.ndarray
    faces: np.ndarray
    path: Path | None = None
    origin: np.ndarray = field(default_factory=lambda: np.zeros(3))

    def __post_init__(self) -> None:
        assert self.vertices.ndim == 2 and self.vertices.shape[1] == 3 and self.vertices.dtype == np.float32
        assert self.faces.ndim == 2 and self.faces.shape[1] == 3 and self.faces.dtype == np.int32
        self._check_vertices()
        self._check_faces()
        self._check_size()

    @property
    def name(self) -> str:
        """The mesh's name in messages."""
        return str(self.path) if self.path else "The mesh"

    def _check_vertices(self) -> None:
        if not len(self.vertices):
            raise MeshError(f"{self.name} has no vertices.", "Export the object as a mesh.")
        broken = np.flatnonzero(~np.isfinite(self.vertices).all(axis=1))
        if len(broken):
            raise MeshError(
                f"{self.name} has {len(broken)} vertices whose position is not a number, first vertex {broken[0]}.",
                "Delete or move these vertices and export again.",
            )

    def _check_faces(self) -> None:
        count = len(self.vertices)
        if not len(self.faces):
            raise MeshError(
                f"{self.name} has no faces, only {count} {'vertex' if count == 1 else 'vertices'}.",
                "Export a mesh with a surface, not points or lines alone.",
            )
        wrong = np.flatnonzero(((self.faces < 0) | (self.faces >= count)).any(axis=1))
        if len(wrong):
            corners = self.faces[wrong[0]].tolist()
            raise MeshError(
                f"{self.name} has a face with the corners {corners}, but vertices count from 0 to {count - 1}.",
                "The file is damaged: export it again.",
            )

    def _check_size(self) -> None:
        positions = self.vertices.astype(np.float64)
        if not np.ptp(positions, axis=0).any():
            raise MeshError(f"{self.name} has no size: all its vertices are at one place.", "Export the whole object.")
        if not face_normals(positions[self.faces]).any():
            raise MeshError(f"{self.name} has no face with an area.", "Export a mesh with a surface, not lines alone.")
