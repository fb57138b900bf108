"""Bodies of smoothly blended round cones, ellipsoids and rounded boxes, and their signed distance.

Distances are negative inside, in model units. A round cone is the hull of two spheres. All parts' distances are exact
outside and inside. The blend is log-sum-exp: f = -k log sum_i exp(-d_i / k). It is never above the hard union and at
most k log(parts) below it. Its gradient is a convex mean of unit vectors, so it never overestimates the distance to its
own surface.
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

ELLIPSOID_STEPS = 3
ROUNDING = 0.4
"""Radius of a box's edges, as a share of its smallest half axis."""
FAR = 1e3


@dataclass(frozen=True)
class BodyBatch:
    """B bodies, padded to the same number of round cones K and ellipsoids E (either may be 0).

    Args:
        ends: (B, K, 2, 3) centres of the two spheres of each round cone.
        radii: (B, K, 2) their radii.
        has_cone: (B, K) bool, False for padding.
        centres: (B, E, 3) of the ellipsoids and boxes.
        rotations: (B, E, 3, 3) with their axes as columns.
        half_axes: (B, E, 3).
        has_ellipsoid: (B, E) bool, False for padding.
        boxy: (B, E) bool, True where it is a box with rounded edges.
        blend: (B,) width k of the smooth union.
    """

    ends: Tensor
    radii: Tensor
    has_cone: Tensor
    centres: Tensor
    rotations: Tensor
    half_axes: Tensor
    has_ellipsoid: Tensor
    boxy: Tensor
    blend: Tensor

    def __len__(self) -> int:
        return len(self.blend)

    def __getitem__(self, rows: Tensor | slice) -> "BodyBatch":
        """Return the bodies at these rows; a row may repeat."""
        return BodyBatch(*(getattr(self, field.name)[rows] for field in fields(self)))


@dataclass(frozen=True)
class BlendedBody:
    """One body in T frames: the parts of a `BodyBatch` with T in place of B and no padding.

    Args:
        ends: (T, K, 2, 3).    radii: (T, K, 2).
        centres: (T, E, 3).    rotations: (T, E, 3, 3).    half_axes: (T, E, 3).    boxy: (E,) bool.
        blend: width k of the smooth union, the same in all frames.
    """

    ends: Tensor
    radii: Tensor
    centres: Tensor
    rotations: Tensor
    half_axes: Tensor
    boxy: Tensor
    blend: float

    def batch(self) -> BodyBatch:
        """Return all frames as a batch of T bodies."""
        return BodyBatch(
            ends=self.ends,
            radii=self.radii,
            has_cone=torch.ones(self.radii.shape[:2], dtype=torch.bool),
            centres=self.centres,
            rotations=self.rotations,
            half_axes=self.half_axes,
            has_ellipsoid=torch.ones(self.half_axes.shape[:2], dtype=torch.bool),
            boxy=self.boxy.expand(self.half_axes.shape[:2]),
            blend=torch.full((len(self.ends),), self.blend),
        )

    def signed_distance(self, points: Tensor, frames: int | slice | Tensor = slice(None)) -> Tensor:
        """Return distances (..., Q) of points (..., Q, 3) in one frame (int), or with a leading axis over `frames`."""
        if isinstance(frames, int):
            flat = signed_distance(self.batch()[frames : frames + 1], points.reshape(1, -1, 3))
            return flat.reshape(points.shape[:-1])
        return signed_distance(self.batch()[frames], points)


def stack_bodies(bodies: list[BlendedBody]) -> BodyBatch:
    """Stack all frames of all bodies into one padded batch: body i's frame t is row (frames of bodies before i) + t."""
    batches = [body.batch() for body in bodies]
    stacked = {}
    for field in fields(BodyBatch):
        parts = [getattr(batch, field.name) for batch in batches]
        longest = max(part.shape[1] for part in parts) if field.name != "blend" else 0
        stacked[field.name] = torch.cat([_padded(part, longest) for part in parts])
    return BodyBatch(**stacked)


def _padded(part: Tensor, longest: int) -> Tensor:
    if part.ndim == 1 or part.shape[1] == longest:
        return part
    padding = part.new_zeros((len(part), longest - part.shape[1], *part.shape[2:]))
    return torch.cat([part, padding], dim=1)


def signed_distance(batch: BodyBatch, points: Tensor) -> Tensor:
    """Return the signed distance (B, Q) of points (B, Q, 3) to the blended bodies."""
    value, _, _ = _blend(part_distances(batch, points), batch.blend)
    return value


def signed_distance_and_gradient(batch: BodyBatch, points: Tensor) -> tuple[Tensor, Tensor]:
    """Return the signed distance (B, Q) and its gradient (B, Q, 3), which points outwards and is at most 1 long."""
    cones, axial, reach, axis = _round_cones(batch, points)
    ellipsoids, normal = _ellipsoids(batch, points)
    value, closeness, total = _blend(_padded_parts(batch, cones, ellipsoids), batch.blend)
    weight = closeness / total
    pull = weight[:, : cones.shape[1]] / reach
    gradient = pull.sum(1)[..., None] * points - pull.mT @ batch.ends[:, :, 0] - (pull * axial).mT @ axis
    push = weight[:, cones.shape[1] :][batch.has_ellipsoid]
    bodies = batch.has_ellipsoid.nonzero()[:, 0]
    return value, gradient.mT.index_add(0, bodies, push[:, None] * normal).mT


def part_distances(batch: BodyBatch, points: Tensor) -> Tensor:
    """Return the signed distance (B, K + E, Q) of points (B, Q, 3) to each part, cones first; padding is FAR away."""
    return _padded_parts(batch, _round_cones(batch, points)[0], _ellipsoids(batch, points, with_normal=False)[0])


def _padded_parts(batch: BodyBatch, cones: Tensor, ellipsoids: Tensor) -> Tensor:
    """Join the distances of cones (B, K, Q) and of the ellipsoids that are not padding (M, Q) as (B, K + E, Q)."""
    parts = ellipsoids.new_full((len(batch), batch.has_ellipsoid.shape[1], ellipsoids.shape[1]), FAR)
    parts[batch.has_ellipsoid] = ellipsoids
    return torch.cat([cones.masked_fill(~batch.has_cone[..., None], FAR), parts], dim=1)


def _blend(distances: Tensor, blend: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Blend part distances (B, parts, Q) by smooth union, numerically stable by factoring out the nearest part.

    Returns:
        (B, Q) distance; (B, parts, Q) closeness of each part and (B, 1, Q) its total: their ratio weights gradients.
    """
    width = blend[:, None, None]
    nearest = distances.amin(dim=1, keepdim=True)
    closeness = (nearest - distances).div_(width).exp_()
    total = closeness.sum(dim=1, keepdim=True)
    return (nearest - width * total.log()).squeeze(1), closeness, total


def _round_cones(batch: BodyBatch, points: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the exact distance to round cones: the least |p - c(u)| - r(u) over the spheres u along the axis.

    The function is convex in u.

    Returns:
        (B, K, Q) distance; (B, K, Q) position u of the nearest sphere, from the first end; (B, K, Q) distance to its
        centre; (B, K, 3) unit axis.
    """
    start, radii, across = batch.ends[:, :, 0], batch.radii, points.mT
    along = batch.ends[:, :, 1] - start
    length = along.norm(dim=-1, keepdim=True).clamp_min(1e-6)
    axis = along / length
    slope = (radii[..., :1] - radii[..., 1:]) / length
    lean = slope / (1 - slope.square()).clamp_min(1e-6).sqrt()
    height = axis @ across - (axis * start).sum(-1, keepdim=True)
    square = points.square().sum(-1)[:, None] - 2 * (start @ across) + start.square().sum(-1, keepdim=True)
    side_square = (square - height.square()).clamp_min(0)
    place = torch.minimum((height - side_square.sqrt() * lean).clamp_min(0), length)
    reach = (side_square + (height - place).square()).clamp_min(1e-12).sqrt()
    return reach + slope * place - radii[..., :1], place, reach, axis


def _ellipsoids(batch: BodyBatch, points: Tensor, with_normal: bool = True) -> tuple[Tensor, Tensor]:
    """Return the distance to the M ellipsoids and boxes that are not padding.

    Returns:
        (M, Q) distance and (M, 3, Q) its unit gradient, empty if `with_normal` is False.
    """
    bodies, present = batch.has_ellipsoid.nonzero()[:, 0], batch.has_ellipsoid
    turns, boxy = batch.rotations[present], batch.boxy[present]
    local = turns.mT @ (points.mT[bodies] - batch.centres[present][..., None])
    half = batch.half_axes[present][..., None].clamp_min(1e-6)
    distance, normal = _supporting_plane(local, half)
    if boxy.any():
        distance[boxy], normal[boxy] = _rounded_box(local[boxy], half[boxy])
    return distance, turns @ normal if with_normal else normal[:0]


def _supporting_plane(local: Tensor, half: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distance of points (M, 3, Q) to ellipsoids (M, 3, 1) at the origin.

    It is the greatest distance to a supporting plane. The plane touches at q = h^2 p / (t + h^2) with |q / h| = 1,
    where t is the largest root (D. Eberly, "Distance from a Point to an Ellipse, an Ellipsoid, or a Hyperellipsoid").
    Newton steps on the reciprocal norm, which is concave in t, approach the root from below; stopping early makes the
    distance a little smaller, with a second-order error.

    Returns:
        (M, Q) distance and (M, 3, Q) unit outward normal at q.
    """
    place = torch.maximum(local.abs(), 1e-3 * half.amin(dim=1, keepdim=True))
    scaled, square = half * place, half.square()
    root = (scaled - square).amax(dim=1, keepdim=True)
    for _ in range(ELLIPSOID_STEPS):
        shifted = (root + square).reciprocal()
        norm_square = (scaled * shifted).square()
        total = norm_square.sum(1, keepdim=True)
        root = root + total * (total.sqrt() - 1) / (norm_square * shifted).sum(1, keepdim=True)
    normal = place / (root + square)
    normal = normal * normal.square().sum(1, keepdim=True).rsqrt()
    distance = (place * normal).sum(1) - (half * normal).square().sum(1).sqrt()
    return distance, normal.copysign(local)


def _rounded_box(local: Tensor, half: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distance of points (M, 3, Q) to boxes (M, 3, 1) at the origin with round edges, and its unit gradient.

    See I. Quilez, "Distance functions".
    """
    radius = ROUNDING * half.amin(dim=1, keepdim=True)
    beyond = local.abs() - (half - radius)
    outside = beyond.clamp_min(0)
    reach, depth = outside.norm(dim=1, keepdim=True), beyond.amax(dim=1, keepdim=True)
    towards_face = (beyond == depth).to(local.dtype)
    gradient = torch.where(reach > 0, outside / reach.clamp_min(1e-9), towards_face / towards_face.sum(1, keepdim=True))
    return (reach + depth.clamp_max(0) - radius).squeeze(1), gradient.copysign(local)
