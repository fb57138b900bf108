"""Points of a moving surface: spread over its triangles, each at a fixed place in its triangle, or vertices."""

from dataclasses import dataclass

import numpy as np

from .closed import place_of_vertices


@dataclass(frozen=True)
class Places:
    """Where on a triangle mesh P points are.

    Args:
        corners: (P, 3) int, the vertices of each point's triangle.
        weights: (P, 3) float64 barycentric, each row adding up to 1.
    """

    corners: np.ndarray
    weights: np.ndarray


def sample_triangles(vertices: np.ndarray, triangles: np.ndarray, count: int, rng: np.random.Generator) -> Places:
    """Choose `count` points evenly by area (Osada et al. 2002, "Shape Distributions", section 4.2).

    Args:
        vertices: (V, 3) of the pose whose area counts.
        triangles: (F, 3) indices; those without area are never chosen.

    Raises:
        ValueError: no triangle has any area.
    """
    areas = np.linalg.norm(face_normals(vertices[triangles]), axis=-1)
    if not areas.sum() > 0:
        raise ValueError(f"None of {len(triangles)} triangles has any area.")
    chosen = triangles[rng.choice(len(triangles), count, p=areas / areas.sum())]
    root, along = np.sqrt(rng.random(count)), rng.random(count)
    return Places(chosen, np.stack([1 - root, root * (1 - along), root * along], axis=1))


def carry(places: Places, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where the places are on poses (T, V, 3), and the normals of their triangles.

    Returns:
        points (T, P, 3) and unit normals (T, P, 3), float32; a normal is +Y where a pose flattens the triangle.
    """
    points = np.empty((len(vertices), len(places.corners), 3), np.float32)
    normals = np.empty_like(points)
    for pose, at, towards in zip(vertices, points, normals, strict=True):
        corners = pose[places.corners].astype(np.float64)
        at[:] = np.einsum("pcx,pc->px", corners, places.weights)
        towards[:] = _unit(face_normals(corners))
    return points, normals


def some_vertices(
    vertices: np.ndarray, triangles: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return some vertices of poses (T, V, 3), each place once, or more often if there are fewer places than `count`.

    A place's normal is the mean of its triangles' normals, weighted by area, regardless of seams in the file.

    Returns:
        vertices (T, count, 3) and unit normals (T, count, 3), float32; a normal is +Y where triangles cancel out.
    """
    place_of = place_of_vertices(vertices[0])
    places, first = np.unique(place_of, return_index=True)
    chosen = rng.permutation(np.resize(rng.permutation(places), max(count, len(places))))[:count]
    normals = np.stack([_place_normals(pose, triangles, place_of)[chosen] for pose in vertices])
    return vertices[:, first[chosen]].astype(np.float32), normals.astype(np.float32)


def _place_normals(vertices: np.ndarray, triangles: np.ndarray, place_of: np.ndarray) -> np.ndarray:
    """Return the (W, 3) unit normals of the W places."""
    areas = np.repeat(face_normals(vertices[triangles]), 3, axis=0)
    sums = [np.bincount(place_of[triangles].reshape(-1), column, place_of.max() + 1) for column in areas.T]
    return _unit(np.stack(sums, axis=1))


def face_normals(corners: np.ndarray) -> np.ndarray:
    """Return normals (..., 3) of triangles with corners (..., 3, 3), each as long as twice the triangle's area."""
    return np.cross(corners[..., 1, :] - corners[..., 0, :], corners[..., 2, :] - corners[..., 0, :])


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.where(length > 0, vectors / np.where(length > 0, length, 1), (0.0, 1.0, 0.0))
