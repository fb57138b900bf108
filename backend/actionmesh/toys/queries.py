"""Tracked surface points of toys, and query points around them with their signed distance, to train the shape VAE."""

import numpy as np
import torch
from torch import Tensor

from ..geometry import surface
from ..geometry.triangles import face_normals
from .sequence import ToySequence
from .shapes import BodyBatch, signed_distance

NEAR_SHARE, BOX_SHARE = 0.6, 0.25
NOISE_SCALES = (0.01, 0.03, 0.09)
BOX_PADDING = 0.1


def sample_tracked_points(sequence: ToySequence, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sample `count` surface points P, uniform over the first frame's area and tracked through all frames.

    Returns:
        points (T, P, 3) float32; normals (T, P, 3) float32, unit, outward, interpolated from the vertices'.
    """
    rng = np.random.default_rng(seed)
    area = np.linalg.norm(face_normals(sequence.vertices[0][sequence.faces]), axis=1)
    chosen = sequence.faces[rng.choice(len(area), count, p=area / area.sum())]
    weights = _barycentric(rng, count)
    points = np.einsum("tpcx,pc->tpx", sequence.vertices[:, chosen], weights)
    normals = np.einsum("tpcx,pc->tpx", vertex_normals(sequence.vertices, sequence.faces)[:, chosen], weights)
    return points.astype(np.float32), _unit(normals).astype(np.float32)


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Return unit normals (T, V, 3) float32 of vertices (T, V, 3), as Stage II is given them at inference."""
    return np.stack([surface.vertex_normals(pose, faces) for pose in vertices])


def queries(
    batch: BodyBatch, tracked: Tensor, count: int, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Draw training queries around B bodies, given tracked surface points (B, P, 3) of each.

    NEAR_SHARE of them are surface points plus noise, an equal number of each of NOISE_SCALES; BOX_SHARE are uniform in
    the box of the surface points padded by BOX_PADDING; the rest are uniform in [-1, 1]^3.

    Returns:
        points (B, Q, 3) and their exact signed distance (B, Q), negative inside; Q is `count`.
    """
    bodies, available = tracked.shape[:2]
    near = round(NEAR_SHARE * count)
    boxed = round(BOX_SHARE * count)
    rows = torch.randint(available, (bodies, near, 1), generator=generator).expand(-1, -1, 3)
    scales = torch.tensor(NOISE_SCALES)[torch.arange(near) % len(NOISE_SCALES), None]
    around = tracked.gather(1, rows) + scales * torch.randn(bodies, near, 3, generator=generator)
    low = tracked.amin(1, keepdim=True) - BOX_PADDING
    high = tracked.amax(1, keepdim=True) + BOX_PADDING
    inside_box = low + (high - low) * torch.rand(bodies, boxed, 3, generator=generator)
    anywhere = 2 * torch.rand(bodies, count - near - boxed, 3, generator=generator) - 1
    points = torch.cat([around, inside_box, anywhere], dim=1)
    return points, signed_distance(batch, points)


def _barycentric(rng: np.random.Generator, count: int) -> np.ndarray:
    """Draw barycentric weights (count, 3), uniform in a triangle (Turk, Graphics Gems, 1990)."""
    first, second = np.sqrt(rng.random(count)), rng.random(count)
    return np.stack([1 - first, first * (1 - second), first * second], axis=1)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
