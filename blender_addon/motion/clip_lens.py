"""The clip's camera in Blender's terms, as numbers only: its place in an object, its lens, and what it shows of a clip.

The object may have any transform. A camera that is its child looks along the columns of its own world matrix, each
normalised to length 1 (Blender does this even if they are not at right angles). So the object's scale changes the
picture by one factor along each of the camera's axes.
"""

from dataclasses import dataclass

import numpy as np

from .axes import rotation

SENSOR = 36.0
"""Millimetres: the width of the camera's sensor, which the clip's frame fills."""
FLAT = 1000.0
"""Distance, in sizes of the mesh, from which a perspective camera is treated as orthographic. Both see the same within
a tenth of a pixel, and coordinates that far away would be too coarse."""
BESIDE = 3.0
"""Distance, in sizes of the mesh, at which such a camera is placed instead."""
USUAL_NEAR, USUAL_FAR = 0.1, 1000.0
REACH = 50.0
"""A camera sees at least from the distance to the middle of the mesh divided by this to that distance times this."""


@dataclass(frozen=True, eq=False)
class Lens:
    """A Blender camera whose sensor fits the width of the frame.

    Args:
        local: (4, 4) float64, from the camera's axes (it looks along its -Z) to the object's; a rotation and a
            position.
        focal: millimetres; None if it is orthographic.
        across: width of the frame in world units; None in perspective.
        near, far: clip distances in world units.
        error: pixels of the clip by which the mesh may appear off its place because the object is stretched.
    """

    local: np.ndarray
    focal: float | None
    across: float | None
    near: float
    far: float
    error: float


def camera_in_object(
    matrix: tuple[float, ...], facing: str, scale: float, origin: tuple[float, float, float]
) -> np.ndarray:
    """Return the (4, 4) float64 matrix from a camera's axes to an object's.

    Args:
        matrix: the 16 numbers of the camera in the coordinates of the job's mesh.
        facing, scale, origin: how the job's mesh lies in the object, as in `scene.options.WriteOptions`.
    """
    given, turn = np.array(matrix, np.float64).reshape(4, 4), rotation(facing).T
    local = np.eye(4)
    local[:3, :3] = turn @ given[:3, :3]
    local[:3, 3] = scale * (turn @ given[:3, 3]) + origin
    return local


def lens_of(
    local: np.ndarray,
    focal: float | None,
    pixel: float | None,
    frame: tuple[int, int],
    points: np.ndarray,
    world: np.ndarray,
) -> Lens:
    """Return the lens of a camera that is the child of an object.

    Args:
        local: (4, 4) from `camera_in_object`.
        focal: in pixels of the clip; None for an orthographic camera.
        pixel: width of a pixel of the clip in local units; None in perspective.
        frame: (width, height) of the clip.
        points: (V, 3) of the mesh, local.
        world: (4, 4) from the object to the world.
    """
    low, high = points.min(axis=0).astype(np.float64), points.max(axis=0).astype(np.float64)
    size, back = max(float((high - low).max()), 1e-12), local[:3, 2]
    depth = float((local[:3, 3] - (low + high) / 2) @ back)
    if focal is not None and depth > FLAT * size:
        pixel, focal, local = depth / focal, None, local.copy()
        local[:3, 3] -= (depth - BESIDE * size) * back
        depth = BESIDE * size
    across, upwards, deep = np.linalg.norm(world[:3, :3] @ local[:3, :3], axis=0).tolist()
    flat, (width, height) = float(np.sqrt(across * upwards)), frame
    distance = abs(depth * deep)
    return Lens(
        local,
        focal=None if focal is None else focal * deep / flat * SENSOR / width,
        across=None if pixel is None else width * pixel * flat,
        near=min(USUAL_NEAR, distance / REACH),
        far=max(USUAL_FAR, distance * REACH),
        error=(max(across, upwards) / flat - 1) * max(width, height) / 2,
    )


def shape_differs(frame: tuple[int, int], seen: tuple[float, float]) -> bool:
    """Return whether a picture's shape shows over half a pixel more or less of the clip's height than the clip's frame.

    The picture may have another size and pixels that are not square.

    Args:
        frame: (width, height) of the clip in pixels.
        seen: width and height of the picture, in any unit.
    """
    return abs(seen[1] / seen[0] * frame[0] - frame[1]) > 0.5
