"""The upright plane that mirrors a shape, left to right.

In a mesh that was modelled as two halves, most vertices have an exact partner. That tells left and right from front and
back, which are only roughly alike. Without partners, the plane is the one that best mirrors sampled points.
The world is Blender's, +Z up.
"""

import numpy as np

PARTNERS = 0.2
"""A plane counts as modelled from this share of vertices with a partner."""
REACH = 0.004
"""A mirrored vertex has a partner within this share of the size."""
QUERIES, CLOUD = 200, 600
"""Points that are mirrored, and those that are searched for their nearest."""
ASKED = 800
"""Vertices that are checked for partners."""
YAWS = np.radians(np.arange(0, 180, 7.5))
REFINEMENTS = np.radians((2.5, 0.8, 0.25))
STARTS = 3
"""Local minima that are refined."""
SAME = 0.9
"""Among planes that are modelled nearly as well, the documented one is taken first, then the one across it: a ball has
no front of its own."""
ALIKE = 1.3
"""If no plane is modelled, the documented one stays unless the best is this many times better."""


def mirror_yaw(vertices: np.ndarray, points: np.ndarray) -> float:
    """Return the angle in [0, pi) around +Z of the plane's normal from +X; 0 if left and right are along X.

    Args:
        vertices: (V, 3) of the shape at rest.
        points: (P, 3) of its surface, spread evenly, in random order.
    """
    size = float(np.ptp(points, axis=0).max())
    points = points[:CLOUD] / size
    partners = Partners(vertices / size)
    costs = np.array([_cost(points, yaw) for yaw in YAWS])
    minima = np.flatnonzero((costs <= np.roll(costs, 1)) & (costs <= np.roll(costs, -1)))
    lowest = sorted(minima, key=lambda index: costs[index])[:STARTS]
    candidates = [0.0, np.pi / 2, *(_refined(points, YAWS[index]) for index in lowest)]
    shares = [partners.share(yaw) for yaw in candidates]
    if max(shares) >= PARTNERS:
        best = next(yaw for yaw, share in zip(candidates, shares, strict=True) if share >= SAME * max(shares))
        return float(best % np.pi)
    best = min(candidates, key=lambda yaw: _cost(points, yaw))
    return 0.0 if costs[0] <= ALIKE * _cost(points, best) else float(best % np.pi)


class Partners:
    """The vertices of a mesh, in a grid that finds whether they have partners across a plane.

    Args:
        vertices: (V, 3), of size 1.
    """

    def __init__(self, vertices: np.ndarray):
        cells = np.round(vertices / REACH).astype(np.int64)
        self.known, first = np.unique(_keys(cells), return_index=True)
        self.places = vertices[first]
        self.asked = self.places[np.random.default_rng(0).permutation(len(first))[:ASKED]]

    def share(self, yaw: float) -> float:
        """Return the share of vertices with a partner, for the plane at this angle.

        The plane goes through the origin, the middle of the box or the median, whichever is best.
        """
        along, normal = _along(self.places, yaw)
        middles = {0.0, float(along.min() + along.max()) / 2, float(np.median(along))}
        asked = self.asked @ normal
        return max(self._found(self.asked - 2 * np.outer(asked - middle, normal)) for middle in middles)

    def _found(self, mirrored: np.ndarray) -> float:
        cells = np.round(mirrored / REACH).astype(np.int64)
        around = np.stack(np.meshgrid(*[(-1, 0, 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
        keys = _keys(cells[:, None] + around)
        places = np.searchsorted(self.known, keys).clip(max=len(self.known) - 1)
        return float((self.known[places] == keys).any(axis=1).mean())


def _keys(cells: np.ndarray) -> np.ndarray:
    """Return one number for each cell (..., 3) of a grid that is less than 2^20 wide."""
    x, y, z = np.moveaxis(cells + (1 << 19), -1, 0)
    return (x << 40) | (y << 20) | z


def _along(points: np.ndarray, yaw: float) -> tuple[np.ndarray, np.ndarray]:
    normal = np.array([np.cos(yaw), np.sin(yaw), 0.0])
    return points @ normal, normal


def _cost(points: np.ndarray, yaw: float) -> float:
    """Return the mean distance of mirrored points from the shape, as a share of its size."""
    along, normal = _along(points, yaw)
    asked, least = points[:QUERIES], np.inf
    for middle in ((along.min() + along.max()) / 2, np.median(along)):
        mirrored = asked - 2 * np.outer(asked @ normal - middle, normal)
        squared = (mirrored**2).sum(axis=1)[:, None] + (points**2).sum(axis=1) - 2 * mirrored @ points.T
        least = min(least, float(np.sqrt(squared.min(axis=1).clip(min=0)).mean()))
    return least


def _refined(points: np.ndarray, yaw: float) -> float:
    for step in REFINEMENTS:
        yaw = min((yaw + turn * step for turn in (-2, -1, 0, 1, 2)), key=lambda angle: _cost(points, angle))
    return float(yaw)
