"""Triangles of a mask's inside whose sides follow its outline.

Points lie on the outline and inside, at their spacing, and are triangulated by Delaunay's rule. Sides of the
outline that are missing get a point in their middle until none is missing (Ruppert 1995, without the proof). Where
the outline cannot be completed, each triangle is judged by its middle, which still gives a valid surface.
"""

import numpy as np
from scipy.spatial import Delaunay, cKDTree

from ..geometry.triangles import edges_of, joined_by, keys_of
from .contours import Contours, resampled
from .flat import Flat, double_areas
from .spacing import Spacing, sampled_at
from .trimming import without_chords, without_pinches

FEWEST_ON_CONTOUR = 6
OFF_OUTLINE, OFF_EACH_OTHER = 0.65, 0.6
"""Least distance of inner points from the outline, and from each other, in times their spacing."""
ROUNDS_OF_SPLITTING, ROUNDS_OF_SMOOTHING = 8, 8


def triangulate(contours: Contours, spacing: Spacing, follow: bool = True) -> Flat:
    """Return the inside of contours as triangles. Only sides of the outline join two points of the outline.

    Args:
        follow: add points to the outline until the triangles follow it everywhere, however many that takes.
    """
    outline, sides = _outline(contours, spacing)
    inner = _inner(spacing)
    raster = contours.raster()
    for _ in range(ROUNDS_OF_SMOOTHING):
        triangles = _inside(*_delaunay(outline, inner), sides, raster, contours)
        inner = _evened(np.concatenate([outline, inner]), triangles, spacing)[len(outline) :]
    for _ in range(ROUNDS_OF_SPLITTING if follow else 0):
        points, triangles = _delaunay(outline, inner)
        missing = ~_present(sides, triangles, len(points))
        if not missing.any():
            break
        outline, sides = _split_sides(outline, sides, missing)
    points, triangles = _delaunay(outline, inner)
    triangles = without_pinches(_inside(points, triangles, sides, raster, contours))
    return without_chords(points, triangles)


def _outline(contours: Contours, spacing: Spacing) -> tuple[np.ndarray, np.ndarray]:
    """Return points (P, 2) on all contours, and the sides (P, 2) between them."""
    rings = [resampled(polygon, spacing.at(polygon), FEWEST_ON_CONTOUR) for polygon in contours.polygons]
    starts = np.cumsum([0] + [len(ring) for ring in rings])
    sides = [
        start + np.stack([np.arange(len(ring)), np.roll(np.arange(len(ring)), -1)], axis=1)
        for ring, start in zip(rings, starts, strict=False)
    ]
    return np.concatenate(rings), np.concatenate(sides)


def _inner(spacing: Spacing) -> np.ndarray:
    """Return points (N, 2) inside, taken from triangular lattices, each used where its spacing is wanted."""
    field = spacing.field
    height, width = field.shape
    steps = np.sqrt(2) ** np.arange(np.floor(2 * np.log2(field.min())), np.ceil(2 * np.log2(field.max())) + 1)
    kept = []
    for step in steps:
        rows = np.arange(0, height, step * np.sqrt(3) / 2)
        columns = np.arange(0, width + step, step)
        x = columns[None] - (np.arange(len(rows)) % 2)[:, None] * (step / 2)
        points = np.stack([x.ravel(), np.repeat(rows, len(columns))], axis=1)
        wanted = spacing.at(points)
        fits = (wanted >= step * 2**-0.25) & (wanted < step * 2**0.25)
        kept.append(points[fits & (sampled_at(spacing.distance, points) > OFF_OUTLINE * wanted)])
    points = np.concatenate(kept)
    reach = OFF_EACH_OTHER * spacing.at(points)
    crowded = np.zeros(len(points), bool)
    if len(points):
        pairs = cKDTree(points).query_pairs(float(reach.max()), output_type="ndarray")
        close = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1) < reach[pairs].min(axis=1)
        crowded[pairs[close].max(axis=1)] = True
    return points[~crowded]


def _delaunay(outline: np.ndarray, inner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return all points (P, 2) and their triangles (M, 3), turned alike."""
    points = np.concatenate([outline, inner])
    triangles = Delaunay(points).simplices
    backward = double_areas(points, triangles) < 0
    triangles[backward] = triangles[backward, ::-1]
    return points, triangles


def _present(sides: np.ndarray, triangles: np.ndarray, count: int) -> np.ndarray:
    return np.isin(keys_of(sides, count), keys_of(edges_of(triangles), count))


def _split_sides(outline: np.ndarray, sides: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the outline and its sides, with a point in the middle of each chosen side."""
    middles = outline[sides[chosen]].mean(axis=1)
    new = len(outline) + np.arange(len(middles))
    halves = np.concatenate(
        [np.stack([sides[chosen][:, 0], new], axis=1), np.stack([new, sides[chosen][:, 1]], axis=1)]
    )
    return np.concatenate([outline, middles]), np.concatenate([sides[~chosen], halves])


def _inside(
    points: np.ndarray, triangles: np.ndarray, sides: np.ndarray, raster: np.ndarray, contours: Contours
) -> np.ndarray:
    """Return the triangles that are inside.

    A region between sides of the outline, whose triangles share open edges, is inside or outside as a whole, because
    sides have the inside on one side.
    """
    count, owners = len(points), np.tile(np.arange(len(triangles)), 3)
    edges = edges_of(triangles)
    along = np.isin(edges @ (count, 1), sides @ (count, 1))
    against = np.isin(edges @ (1, count), sides @ (count, 1))
    open_ = ~along & ~against
    region = joined_by(keys_of(edges[open_], count), owners[open_], len(triangles))
    for_it, against_it = (np.bincount(region[owners], votes, region.max() + 1) for votes in (along, against))
    agreed = (for_it == 0) != (against_it == 0)
    finer = raster.shape[0] / contours.size[0]
    columns, rows = (points[triangles].mean(axis=1) * finer).astype(int).T
    sampled = raster[rows.clip(0, raster.shape[0] - 1), columns.clip(0, raster.shape[1] - 1)]
    return triangles[np.where(agreed[region], for_it[region] > 0, sampled)]


def _evened(points: np.ndarray, triangles: np.ndarray, spacing: Spacing) -> np.ndarray:
    """Return points moved to the middle of the triangles around them, weighted towards close spacing (Chen 2004)."""
    middles = points[triangles].mean(axis=1)
    mass = np.abs(double_areas(points, triangles)) / np.maximum(spacing.at(middles), 1e-3) ** 3
    corners = triangles.ravel()
    weight = np.bincount(corners, np.repeat(mass, 3), len(points))
    sums = np.stack([np.bincount(corners, np.repeat(mass * middles[:, k], 3), len(points)) for k in (0, 1)], axis=1)
    return np.where(weight[:, None] > 0, sums / np.maximum(weight, 1e-30)[:, None], points)
