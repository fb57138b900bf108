"""A small picture of a mesh, drawn from points on its triangles: no renderer, no graphics card, a few hundredths of a
second.
"""

import numpy as np

POINTS = 80_000
"""Points on the surface; at `SIZE` pixels a side, they cover a mesh without holes."""
SIZE, MARGIN = 160, 0.06
CLAY = (0.75, 0.72, 0.68)
TURN, TILT = np.radians(-30.0), np.radians(12.0)
"""The camera looks from the front (-Y), from the side by `TURN`, and from above by `TILT`."""
LIGHT = np.array([-0.35, -0.75, 0.56])


def draw(vertices: np.ndarray, triangles: np.ndarray, colours: np.ndarray | None = None) -> np.ndarray:
    """Return the (SIZE, SIZE, 4) float32 picture of a mesh, rows from the bottom, transparent where it shows nothing.

    Args:
        vertices: (V, 3), Z up, seen from -Y.
        triangles: (F, 3) int.
        colours: (F, 3) of the triangles, 0 to 1; None draws clay.
    """
    picture = np.zeros((SIZE, SIZE, 4), np.float32)
    corners = (vertices.astype(np.float64) @ _camera().T)[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.linalg.norm(normals, axis=1)
    if not areas.sum() > 0:
        return picture
    of, points = _points(corners, areas)
    low, high = points.min(axis=0), points.max(axis=0)
    side = max((high - low)[[0, 2]].max(), 1e-30)
    places = (points - (low + high) / 2)[:, [0, 2]] / side * (1 - 2 * MARGIN) + 0.5
    column, row = np.clip((places * SIZE).astype(int), 0, SIZE - 1).T
    order = np.argsort(-points[:, 1], kind="stable")  # the nearest are written last
    facing = np.abs(normals @ (_camera() @ LIGHT)) / np.maximum(areas * np.linalg.norm(LIGHT), 1e-30)
    shaded = (0.35 + 0.65 * facing)[:, None] * (np.array(CLAY) if colours is None else colours)
    picture[row[order], column[order], :3] = shaded[of[order]].clip(0, 1)
    picture[row, column, 3] = 1.0
    return picture


def _camera() -> np.ndarray:
    """Return the (3, 3) matrix from the mesh's axes to right, away and up."""
    turn = np.array([[np.cos(TURN), -np.sin(TURN), 0], [np.sin(TURN), np.cos(TURN), 0], [0, 0, 1]])
    tilt = np.array([[1, 0, 0], [0, np.cos(TILT), -np.sin(TILT)], [0, np.sin(TILT), np.cos(TILT)]])
    return tilt @ turn


def _points(corners: np.ndarray, areas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the (N,) triangle and the (N, 3) place of points that are spread evenly over triangles (F, 3, 3)."""
    rng = np.random.default_rng(0)
    ends = np.cumsum(areas)
    of = np.searchsorted(ends, (np.arange(POINTS) + 0.5) / POINTS * ends[-1]).clip(0, len(areas) - 1)
    a, b = rng.random((2, POINTS, 1))
    a, b = np.where(a + b > 1, 1 - a, a), np.where(a + b > 1, 1 - b, b)
    first, second, third = corners[of].transpose(1, 0, 2)
    return of, first + a * (second - first) + b * (third - first)
