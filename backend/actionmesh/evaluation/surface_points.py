"""Points on the surfaces of an animation: followed through time where its frames share their faces, drawn anew where not."""

from dataclasses import dataclass

import numpy as np

from ..geometry.mesh import Mesh
from ..geometry.surface import carry, sample_surface


@dataclass(frozen=True)
class SurfacePoints:
    """points (T, P, 3) float32 in random order; `tracked` says that point p is one place of the surface in all frames."""

    points: np.ndarray
    tracked: bool


def points_of_motion(vertices: np.ndarray, faces: np.ndarray, count: int, seed: int) -> SurfacePoints:
    """`count` points drawn evenly by area in frame 0 of vertices (T, V, 3) with faces (F, 3), and followed."""
    samples = sample_surface(vertices[0], faces, count, seed)
    return SurfacePoints(carry(samples.face_index, samples.barycentric, vertices, faces)[0], True)


def points_of_meshes(meshes: list[Mesh], count: int, seed: int) -> SurfacePoints:
    """`count` points of a mesh for every frame; tracked if all have the same faces over the same number of vertices."""
    first = meshes[0]
    if all(len(mesh.vertices) == len(first.vertices) and np.array_equal(mesh.faces, first.faces) for mesh in meshes):
        return points_of_motion(np.stack([mesh.vertices for mesh in meshes]), first.faces, count, seed)
    drawn = [sample_surface(mesh.vertices, mesh.faces, count, seed + frame).points for frame, mesh in enumerate(meshes)]
    return SurfacePoints(np.stack(drawn), False)
