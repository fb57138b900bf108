"""Distances between shapes and between motions: ActionBench's CD-3D, CD-4D and CD-M, and our own measures.

Most compare points of surfaces: tracked through time if frames share their faces, else drawn per frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import cKDTree

from ..geometry.mesh import Mesh
from ..geometry.surface import carry, sample_surface
from .alignment import AlignmentSettings, align


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


@dataclass(frozen=True)
class Distances:
    """Distances of an animation to the true one.

    Args:
        cd_3d: Chamfer distance with an alignment for every frame, mean over frames.
        cd_4d: Chamfer distance with one alignment, found on frame 0, mean over frames.
        cd_m: motion Chamfer distance under that alignment; None if points cannot be followed from frame to frame.
    """

    cd_3d: float
    cd_4d: float
    cd_m: float | None


def distances(
    prediction: np.ndarray,
    truth: np.ndarray,
    alignment: AlignmentSettings | None,
    tracked: bool = True,
    frames: Sequence[int] | None = None,
    queries: int | None = None,
    device: str | torch.device = "cpu",
) -> Distances:
    """Return ActionBench's three measures.

    Args:
        prediction: (T, P, 3) points on the predicted surface, in random order; truth: (T, Q, 3) tracked points.
        alignment: None measures both in place; CD-3D then equals CD-4D.
        tracked: whether point p of the prediction is the same place of the surface in every frame.
        frames: frames at which Chamfer distances are measured; None means all.
        queries: see `chamfer_distance`.
    """
    chosen = range(len(truth)) if frames is None else frames
    placed = prediction if alignment is None else align(prediction[0], truth[0], alignment, device).apply(prediction)
    cd_4d = float(np.mean([chamfer_distance(placed[frame], truth[frame], queries) for frame in chosen]))
    cd_m = motion_chamfer(placed, truth) if tracked else None
    if alignment is None:
        return Distances(cd_4d, cd_4d, cd_m)
    by_frame = [
        chamfer_distance(
            align(prediction[frame], truth[frame], alignment, device).apply(prediction[frame]), truth[frame], queries
        )
        for frame in chosen
    ]
    return Distances(float(np.mean(by_frame)), cd_4d, cd_m)


def chamfer_distance(first: np.ndarray, second: np.ndarray, queries: int | None = None) -> float:
    """Return the Chamfer distance of points (P, 3) and (Q, 3): mean distances to the nearest points, both ways, added.

    Args:
        queries: use only the first points of each cloud as queries into the whole other cloud. For clouds in random
            order this gives the same on average, faster.
    """
    to_second = cKDTree(second).query(first[:queries])[0].mean()
    to_first = cKDTree(first).query(second[:queries])[0].mean()
    return float(to_second + to_first)


def motion_chamfer(prediction: np.ndarray, truth: np.ndarray) -> float:
    """Return CD-M of ActionBench, for prediction (T, P, 3) and truth (T, Q, 3).

    Points are matched on frame 0 and followed. CD-M is the mean over points and frames of the distance to the matched
    point, both directions added.
    """
    forward = cKDTree(truth[0]).query(prediction[0])[1]
    backward = cKDTree(prediction[0]).query(truth[0])[1]
    return vertex_error(prediction, truth[:, forward]) + vertex_error(prediction[:, backward], truth)


def vertex_error(vertices: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean distance between vertices (T, V, 3) and their true positions."""
    return float(np.linalg.norm(vertices - truth, axis=-1).mean())


def split_error(vertices: np.ndarray, truth: np.ndarray, back: np.ndarray) -> dict[str, float]:
    """Return the mean errors of vertices (T, V, 3) across a camera's viewing direction, and along it.

    Args:
        back: (3,) unit vector from the subject to the camera.
    """
    error = vertices.astype(np.float64) - truth
    depth = error @ back
    across = np.linalg.norm(error - depth[..., None] * back, axis=-1)
    return {"error_in_picture": float(across.mean()), "error_in_depth": float(np.abs(depth).mean())}
