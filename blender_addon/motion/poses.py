"""Where the vertices of an artist's mesh are in each pose: the result's motion, applied to the mesh's rest pose."""

from collections.abc import Iterator

import numpy as np

from ..errors import MotionError
from .axes import rotation, to_model

BLOCK = 8192
"""Vertices per step, so that intermediate values stay in the processor's cache."""


def local_poses(
    motion: np.ndarray, basis: np.ndarray, facing: str, reference: int, keep_reference_pose: bool, scale: float = 1.0
) -> Iterator[np.ndarray]:
    """Yield one pose after the other, so that only one at a time is in memory.

    With `keep_reference_pose`, a pose is basis + scale * (v_t - v_reference): the reference pose is the basis itself,
    and the result's own error at the reference frame is removed from every frame. Without it, a pose is scale * v_t.
    Sums are computed in float64.

    Args:
        motion: (T, V, 3) float32 in model space.
        basis: (V, 3) float32 in the mesh's own axes.
        facing: a name in `axes.FACINGS`.
        reference: index into T of the pose that the basis shows.
    Yields:
        (V, 3) float32 in the mesh's own axes; the same array each time, overwritten.
    Raises:
        MotionError: a vertex is too far away for float32.
    """
    offset = np.zeros(basis.shape)
    if keep_reference_pose:
        offset = to_model(basis.astype(np.float64), facing) / scale - motion[reference]
    columns = rotation(facing).T * scale
    pose = np.empty(basis.shape, np.float32)
    for index, vertices in enumerate(motion):
        if keep_reference_pose and index == reference:
            pose[:] = basis
        else:
            _move(vertices, offset, columns, pose)
        if not np.isfinite(pose).all():
            raise MotionError(f"In pose {index} of the animation a vertex is too far away.", "Run the job again.")
        yield pose


def _move(vertices: np.ndarray, offset: np.ndarray, columns: np.ndarray, pose: np.ndarray) -> None:
    """Set `pose` to (vertices + offset) turned by `columns`, whose rows have one entry each."""
    sources = np.abs(columns).argmax(axis=1)
    for start in range(0, len(pose), BLOCK):
        part = slice(start, start + BLOCK)
        moved = vertices[part] + offset[part]
        with np.errstate(over="ignore"):
            for axis, source in enumerate(sources):
                np.multiply(moved[:, source], columns[axis, source], out=pose[part, axis], casting="same_kind")
