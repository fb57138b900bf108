"""Surface extraction: the zero level of a network's field, queried only near the surface.

The grid has `resolution` cells a side, hence `resolution` + 1 nodes, over [-bound, bound]^3. First all nodes of a
coarse grid are queried. Cells near the surface are then split in eight until they reach the full resolution, and
marching cubes runs on the cells that the surface crosses. Nodes and cells are stored sparsely (see `sparse_grid`), so
the number of queries does not grow with the cube of the resolution. They stay on the field's device throughout.
"""

import numpy as np
import torch
from torch import Tensor

from ..errors import MeshError
from ..progress import Progress
from .marching_cubes import march
from .sparse_grid import CORNERS, Field, SparseGrid

SIDES = [(axis, end) for axis in range(3) for end in (0, 1)]


def extract_surface(
    field: Field,
    resolution: int = 512,
    bound: float = 1.005,
    coarse: int = 48,
    chunk: int = 16384,
    progress: Progress | None = None,
    device: torch.device | str = "cpu",
) -> tuple[np.ndarray, np.ndarray]:
    """Extract the mesh where `field` changes sign.

    The result equals marching cubes on the whole grid, except for parts that are so thin and so far from every coarse
    node that no node detects them (see `_near`). Wherever the surface is detected, it is followed until it closes.

    Args:
        field: maps (Q, 3) float32 points on `device` to (Q,) values, positive inside, on any device and of any float
            type.
        resolution: cells a side, at most `sparse_grid.LARGEST`.
        bound: half the side of the box. A shape cut by the box is closed: the outermost nodes count as outside.
        coarse: the coarsest grid has at least this many cells a side (`resolution` is only halved, so it may be more).
        chunk: the most points in one query.
        progress: receives every chunk, with a part for every level; may cancel.
        device: where the grid is stored and marched: the CPU or a CUDA device.
    Returns:
        vertices (V, 3) float32 inside the box, faces (F, 3) int32 with outward orientation.
    Raises:
        MeshError: the field has no surface in the box, or returns values that are not finite.
        InputError: the resolution is too fine.
        Cancelled: the user asked to stop.
    """
    progress = progress or Progress()
    grid = SparseGrid(field, resolution, bound, chunk, torch.device(device), progress)
    steps = _steps(resolution, coarse)
    cells = grid.all_cells(steps[0])
    grid.query_corners(cells, steps[0], progress.of_part(1, len(steps)))
    usual = grid.usual_value()
    for level, step in enumerate(steps[1:], start=2):
        cells, crossed = follow(grid, cells, 2 * step)
        cells = split(grid, cells[crossed | _near(grid, cells, 2 * step, usual)], 2 * step)
        grid.query_corners(cells, step, progress.of_part(level, len(steps)))
    cells, crossed = follow(grid, cells, 1)
    return _polygonise(grid, cells[crossed])


def _steps(resolution: int, coarse: int) -> list[int]:
    """Return the cell size of each level in cells of the finest: each is twice the next, the last is 1."""
    step = 1
    while resolution % (2 * step) == 0 and resolution // (2 * step) >= coarse:
        step *= 2
    return [step >> level for level in range(step.bit_length())]


def follow(grid: SparseGrid, cells: Tensor, step: int) -> tuple[Tensor, Tensor]:
    """Add the neighbours that the surface continues into, until it is closed.

    Returns:
        all cells (C,), and whether the surface crosses each (C,).
    """
    found, crossed, frontier = [], [], cells
    grid.take(cells, step)
    while True:
        cases = grid.cases(frontier, step)
        found.append(frontier)
        crossed.append(_crossing(cases, 0xFF))
        beyond = _beyond(grid, frontier, cases, step)
        frontier = torch.unique(beyond[grid.are_new(beyond, step)])
        if not len(frontier):
            return torch.cat(found), torch.cat(crossed)
        grid.query_corners(frontier, step)
        grid.take(frontier, step)


def _crossing(cases: Tensor, corners: int) -> Tensor:
    """Return, for each of (C,) cases, whether some but not all of the `corners` (a bit mask) are inside."""
    of_these = cases & corners
    return (of_these != 0) & (of_these != corners)


def _beyond(grid: SparseGrid, cells: Tensor, cases: Tensor, step: int) -> Tensor:
    """Return the neighbours across those sides of the cells that the surface crosses.

    Such a neighbour always exists: the outermost nodes are outside, so the surface never crosses a side of the box.
    """
    beyond = []
    for axis, end in SIDES:
        side = sum(1 << bit for bit, corner in enumerate(CORNERS) if corner[axis] == end)
        beyond.append(cells[_crossing(cases, side)] + (2 * end - 1) * step * grid.strides[axis])
    return torch.cat(beyond)


def _near(grid: SparseGrid, cells: Tensor, step: int, usual: float) -> Tensor:
    """Return (C,) whether the surface may pass through each cell between its corners.

    No point of a cell is further than sqrt(3) / 2 of its side from a corner. If the field changes by at most `slope`
    over a side, it can be zero only in cells with a corner value below sqrt(3) / 2 of `slope`. A quarter is added
    because the slope is measured between nodes. For a field that is truncated at less than a cell's size this bound is
    useless, but then any value below 0.8 of `usual`, the truncation value, indicates a surface. The smaller of the two
    bounds decides.
    """
    if not len(cells):
        return torch.zeros(0, dtype=torch.bool, device=cells.device)
    values = grid.values(cells, step)
    cube = values.view(2, 2, 2, -1)
    slope = max(cube.diff(dim=axis).abs().max().item() for axis in range(3))
    return values.abs().amin(dim=0) < min(1.25 * 0.75**0.5 * slope, 0.8 * usual)


def split(grid: SparseGrid, cells: Tensor, step: int) -> Tensor:
    """Split (C,) cells into the (8 C,) cells of half the step."""
    return torch.cat([cells + corner for corner in grid.corners(step // 2)])


def _polygonise(grid: SparseGrid, cells: Tensor) -> tuple[np.ndarray, np.ndarray]:
    if not len(cells):
        raise MeshError(
            "The model found no shape: no point lies inside its surface.",
            "Use a clearer picture of the subject, or another seed.",
        )
    values, bits = grid.values(cells, 1), torch.arange(8, dtype=torch.uint8, device=cells.device)
    inside = (grid.cases(cells, 1) >> bits[:, None] & 1).bool()
    closed = torch.where(inside, values, torch.minimum(values, -1e-3 * values.abs()))
    vertices, faces = march(grid.places(cells), closed)
    return (vertices * (2 * grid.bound / grid.resolution) - grid.bound).astype(np.float32), faces
