"""The tracked surface: a rest mesh by marching cubes, carried by the parts and pulled onto the body in every frame."""

import numpy as np
import torch
from einops import rearrange
from skimage.measure import marching_cubes

from .rig import Pose, Rig
from .shapes import BlendedBody, BodyBatch, part_distances, signed_distance_and_gradient

VERTICES = 4000
ENOUGH = 0.7
"""Share of VERTICES below which a finer grid is tried: much of the parts' surface was inside other parts."""
SKIN_WIDTH = 0.02
MARGIN = 0.12
LARGEST_STEP = 0.04
BODIES_AT_ONCE = 2
"""More would be slower: the distances would no longer fit the processor's cache."""


def rest_mesh(rig: Rig) -> tuple[np.ndarray, np.ndarray]:
    """Return about VERTICES vertices (V, 3) float32 on the rest surface, and outward faces (F, 3) int32."""
    body = rig.body(rig.rest())
    spacing = _spacing(body)
    vertices, faces = _marched(body, spacing)
    if len(vertices) < ENOUGH * VERTICES:
        vertices, faces = _marched(body, spacing * (len(vertices) / VERTICES) ** 0.5)
    return pulled_onto(body.batch(), torch.from_numpy(vertices)[None])[0].numpy(), faces


def _marched(body: BlendedBody, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    field, corner = _sampled_field(body, spacing)
    vertices, faces, _, _ = marching_cubes(field, 0.0, spacing=(spacing,) * 3, gradient_direction="descent")
    return (vertices + corner).astype(np.float32), faces.astype(np.int32)


def skin_weights(rig: Rig, vertices: np.ndarray) -> np.ndarray:
    """Return skin weights (V, K + E): softmax(-d / SKIN_WIDTH) over the distances to the parts at rest."""
    distances = part_distances(rig.body(rig.rest()).batch(), torch.from_numpy(vertices)[None])[0]
    return torch.softmax(-distances / SKIN_WIDTH, dim=0).T.numpy()


def skinned(rig: Rig, pose: Pose, vertices: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Carry rest vertices (V, 3) by the weighted mean of their parts' maps, to (T, V, 3)."""
    by_joint = weights @ np.eye(len(rig.joints), dtype=np.float32)[rig.part_joints()]
    maps = np.concatenate([pose.linear, pose.offset[..., None]], axis=-1).astype(np.float32)
    mixed = np.tensordot(by_joint, maps, axes=(1, 1))
    return np.einsum("vtij,vj->tvi", mixed[..., :3], vertices) + mixed[..., 3].swapaxes(0, 1)


def pulled_onto(batch: BodyBatch, points: torch.Tensor) -> torch.Tensor:
    """Move points (B, V, 3) by a Newton step, at most LARGEST_STEP long, towards the zero of the signed distance."""
    pulled = []
    for first in range(0, len(batch), BODIES_AT_ONCE):
        near = points[first : first + BODIES_AT_ONCE]
        distance, gradient = signed_distance_and_gradient(batch[first : first + BODIES_AT_ONCE], near)
        step = (distance / gradient.square().sum(-1).clamp_min(0.25)).clamp(-LARGEST_STEP, LARGEST_STEP)
        pulled.append(near - step[..., None] * gradient)
    return torch.cat(pulled)


def _spacing(body: BlendedBody) -> float:
    """Return the grid spacing for about VERTICES vertices: marching cubes makes about 1.5 for a cell face's area."""
    length = (body.ends[0, :, 1] - body.ends[0, :, 0]).norm(dim=-1)
    cones = 2 * np.pi * (body.radii[0].mean(-1) * (length + body.radii[0].mean(-1))).sum()
    first, second, third = body.half_axes[0].unbind(-1)
    ellipsoids = 4 * np.pi * (((first * second) ** 1.6 + (first * third) ** 1.6 + (second * third) ** 1.6) / 3) ** 0.625
    return (1.4 * (cones + ellipsoids.sum()) / VERTICES).sqrt().item()


def _sampled_field(body: BlendedBody, spacing: float) -> tuple[np.ndarray, np.ndarray]:
    """Sample the signed distance on a grid, cut off at MARGIN, and return it with the grid's lowest corner.

    Each part is evaluated only in its own box.
    """
    low, high = _part_boxes(body)
    corner = low.min(axis=0) - spacing
    first = np.floor((low - corner) / spacing).astype(int)
    last = np.ceil((high - corner) / spacing).astype(int)
    total = np.full(last.max(axis=0) + 2, np.exp(-MARGIN / body.blend), np.float32)
    for part in range(len(low)):
        window = tuple(slice(start, stop + 1) for start, stop in zip(first[part], last[part], strict=True))
        points = corner + spacing * rearrange(np.mgrid[window], "d x y z -> 1 (x y z) d")
        distance = part_distances(_only(body, part), torch.from_numpy(points.astype(np.float32)))
        total[window] += torch.exp(-distance / body.blend).numpy().reshape(total[window].shape)
    return -body.blend * np.log(total), corner


def _part_boxes(body: BlendedBody) -> tuple[np.ndarray, np.ndarray]:
    reach = body.radii[0][..., None] + MARGIN
    spread = (body.rotations[0] * body.half_axes[0][:, None]).norm(dim=-1) + MARGIN
    low = torch.cat([(body.ends[0] - reach).amin(1), body.centres[0] - spread])
    high = torch.cat([(body.ends[0] + reach).amax(1), body.centres[0] + spread])
    return low.numpy().astype(float), high.numpy().astype(float)


def _only(body: BlendedBody, part: int) -> BodyBatch:
    """Return one part of the first frame as a separate body."""
    cones = body.ends.shape[1]
    cone = slice(part, part + 1) if part < cones else slice(0, 0)
    ellipsoid = slice(part - cones, part - cones + 1) if part >= cones else slice(0, 0)
    return BlendedBody(
        body.ends[:1, cone],
        body.radii[:1, cone],
        body.centres[:1, ellipsoid],
        body.rotations[:1, ellipsoid],
        body.half_axes[:1, ellipsoid],
        body.boxy[ellipsoid],
        body.blend,
    ).batch()
