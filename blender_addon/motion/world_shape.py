"""The shape that an object's transform gives its mesh: stretch, shear, mirror and tilt, but not its position.

The model gets what the artist sees, so the mesh is shown with the scale of the object and of all its parents applied. A
turn around the vertical is left out, since the camera walks around the subject anyway, and so is an even scale. A mesh
whose object has only these is shown as it is modelled.
"""

import numpy as np

SAME = 1e-5
"""Smaller differences between the matrices' entries are Blender's own rounding."""
LEAST_STRETCH = 1e-6
"""An object is flat if its shortest stretch is at most this share of its longest."""


def shape_of(linear: np.ndarray, upright: bool) -> np.ndarray:
    """Return the (3, 3) float64 matrix from a mesh's own coordinates to those in which it is shown.

    The world is turn @ shape, times a positive number if the shape has no stretch.

    Args:
        linear: (3, 3) from the mesh to the world.
        upright: if true, the world's Z is up in what is shown, and the turn is only around it. Otherwise the mesh keeps
            its own axes, apart from stretch and mirror.
    Raises:
        ValueError: the object is flat, or its transform is not finite.
    """
    turn, stretch = _polar(linear)
    mirror = np.diag([np.sign(np.linalg.det(linear)), 1.0, 1.0])
    mean = float(np.trace(stretch)) / 3
    if np.abs(stretch - mean * np.eye(3)).max() < SAME * mean:
        stretch = np.eye(3)
    shape = mirror @ stretch
    if upright:
        shape = _tilt(turn @ mirror) @ shape
    return np.eye(3) if np.abs(shape - np.eye(3)).max() < SAME else shape


def _polar(linear: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return an orthogonal matrix and a symmetric positive one whose product is `linear` (Higham 1986)."""
    if not np.isfinite(linear).all():
        raise ValueError("its transform is not finite")
    left, stretches, right = np.linalg.svd(linear)
    if stretches[-1] <= LEAST_STRETCH * stretches[0]:
        raise ValueError("it is scaled flat")
    return left @ right, right.T @ (stretches[:, None] * right)


def _tilt(turn: np.ndarray) -> np.ndarray:
    """Return the shortest rotation that brings upright what `turn` does, so that only a turn around Z remains."""
    up = turn[2]
    axis, cosine = np.cross(up, (0.0, 0.0, 1.0)), float(up[2])
    if cosine < SAME - 1:
        return np.diag([1.0, -1.0, -1.0])
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + cross + cross @ cross / (1 + cosine)


def is_plain(shape: np.ndarray) -> bool:
    """Return whether a mesh is shown as it is modelled."""
    return bool(np.array_equal(shape, np.eye(3)))


def outward(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Return the triangles (F, 3), all flipped if their backs face outwards, as a mirror can cause."""
    corners = vertices[triangles].astype(np.float64) - vertices[triangles].mean(axis=(0, 1), dtype=np.float64)
    volume = np.einsum("fx,fx->", np.cross(corners[:, 0], corners[:, 1]), corners[:, 2])
    return triangles[:, ::-1].copy() if volume < 0 else triangles
