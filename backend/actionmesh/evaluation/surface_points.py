"""Sample points on an animation's surfaces: tracked through time if frames share their faces, else drawn per frame."""

from dataclasses import dataclass

import numpy as np

from ..geometry.mesh import Mesh
from ..geometry.surface import carry, sample_surface


@dataclass(frozen=True)
class SurfacePoints:
    """Points (T, P, 3) float32 in random order; if `tracked`, point p is one place of the surface in all frames."""

    points: np.ndarray
    tracked: bool


def points_of_motion(vertices: np.ndarray, faces: np.ndarray, count: int, seed: int) -> SurfacePoints:
    """Draw `count` points uniformly by area in frame 0 of vertices (T, V, 3) with faces (F, 3), and track them."""
    samples = sample_surface(vertices[0], faces, count, seed)
    return SurfacePoints(carry(samples.face_index, samples.barycentric, vertices, faces)[0], True)


def points_of_meshes(meshes: list[Mesh], count: int, seed: int) -> SurfacePoints:
    """Draw `count` points on a mesh per frame; they are tracked if all meshes have the same faces and vertex count."""
    first = meshes[0]
    if all(len(mesh.vertices) == len(first.vertices) and np.array_equal(mesh.faces, first.faces) for mesh in meshes):
        return points_of_motion(np.stack([mesh.vertices for mesh in meshes]), first.faces, count, seed)
    drawn = [sample_surface(mesh.vertices, mesh.faces, count, seed + frame).points for frame, mesh in enumerate(meshes)]
    return SurfacePoints(np.stack(drawn), False)
