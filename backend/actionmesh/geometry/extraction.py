"""From a field to its surface: the level 0 of a network's answer, queried only near where the surface is.

The grid has `resolution` cells a side, so `resolution` + 1 nodes, over [-bound, bound]^3. A coarse version of it is
queried whole; cells near the surface are split in eight until they are the grid's own, and marching cubes (Lewiner et
al. 2003, scikit-image) runs on those, block by block. Nodes are stored sparsely, so neither queries nor memory grow
with the cube of the resolution.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from skimage.measure import marching_cubes

from ..errors import MeshError
from ..progress import Progress

Field = Callable[[torch.Tensor], torch.Tensor]

CORNERS = np.array([(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)])
SIDES = [(axis, end) for axis in range(3) for end in (0, 1)]
BLOCK = 64


def extract_surface(
    field: Field,
    resolution: int = 512,
    bound: float = 1.005,
    coarse: int = 48,
    chunk: int = 16384,
    progress: Progress | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Makes the mesh where `field` changes sign.

    It is the mesh of marching cubes on the whole grid, less parts so thin and far from every node of the coarse grid
    that none notices them (see `_near`). From where it is noticed, the surface is followed wherever it leads.

    Args:
        field: (Q, 3) float32 points on the CPU to (Q,) values, positive inside; any device and float type may answer.
        resolution: cells a side.
        bound: half the side of the box. A shape cut by the box is closed: the outermost nodes count as outside.
        coarse: the coarsest grid has at least this many cells a side (halves of `resolution`, so it may be more).
        chunk: most points in one query.
        progress: told of every chunk, with a stage for every level; may cancel.
    Returns:
        vertices (V, 3) float32 inside the box, faces (F, 3) int32 with outward orientation.
    Raises:
        MeshError: the field has no surface in the box, or answers with something that is not a number.
        Cancelled: the user asked to stop.
    """
    grid = SparseGrid(field, resolution, bound, chunk, progress or Progress())
    steps = _steps(resolution, coarse)
    cells = grid.all_cells(steps[0])
    grid.query_corners(cells, steps[0], _stage(1, steps))
    usual = float(np.median(np.abs(grid.values)))
    for level, step in enumerate(steps[1:], start=2):
        near = _near(grid, follow(grid, cells, 2 * step), 2 * step, usual)
        cells = split(grid, near, 2 * step)
        grid.query_corners(cells, step, _stage(level, steps))
    cells = follow(grid, cells, 1)
    return _polygonise(grid, cells[_crossing(grid.inside(cells, 1))])


def _steps(resolution: int, coarse: int) -> list[int]:
    """The sides of the levels' cells in cells of the finest: each twice the next, the last 1."""
    step = 1
    while resolution % (2 * step) == 0 and resolution // (2 * step) >= coarse:
        step *= 2
    return [step >> level for level in range(step.bit_length())]


def _stage(level: int, steps: list[int]) -> str:
    return f"Extracting the surface, level {level} of {len(steps)}"


class SparseGrid:
    """The nodes that have been queried.

    Nodes of every level are named by one number: x, y, z in steps of the finest level, joined as (x * n + y) * n + z
    with n nodes a side. A cell has the name of its lowest corner.
    """

    def __init__(self, field: Field, resolution: int, bound: float, chunk: int, progress: Progress):
        assert resolution >= 2 and chunk >= 1
        self.field, self.resolution, self.bound = field, resolution, bound
        self.chunk, self.progress = chunk, progress
        self.nodes = np.empty(0, np.int64)
        self.values = np.empty(0, np.float32)
        self.solid = np.empty(0, bool)

    def name(self, places: np.ndarray) -> np.ndarray:
        """(..., 3) whole coordinates to (...) names."""
        return np.ravel_multi_index(np.moveaxis(places, -1, 0), (self.resolution + 1,) * 3)

    def places(self, names: np.ndarray) -> np.ndarray:
        """(...) names to (..., 3) whole coordinates."""
        return np.stack(np.unravel_index(names, (self.resolution + 1,) * 3), axis=-1)

    def all_cells(self, step: int) -> np.ndarray:
        """(C,) every cell of one level, in order."""
        axis = np.arange(0, self.resolution, step)
        return self.name(np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3))

    def corners(self, step: int) -> np.ndarray:
        """(8,) what to add to a cell for the nodes at its corners, in the order of CORNERS."""
        return self.name(CORNERS * step)

    def corner_values(self, cells: np.ndarray, step: int) -> np.ndarray:
        """(C,) cells to the (8, C) values at their corners, which must have been queried."""
        return self.values[self._corner_places(cells, step)]

    def inside(self, cells: np.ndarray, step: int) -> np.ndarray:
        """(C,) cells to (8, C) bool, whether their corners are in the shape. The outermost nodes never are."""
        return self.solid[self._corner_places(cells, step)]

    def _corner_places(self, cells: np.ndarray, step: int) -> np.ndarray:
        return np.stack([np.searchsorted(self.nodes, cells + corner) for corner in self.corners(step)])

    def query_corners(self, cells: np.ndarray, step: int, stage: str | None = None) -> None:
        """Queries the corners of the cells that are not known yet; progress is told if the stage has a name."""
        wanted = cells
        for stride in self.name(np.eye(3, dtype=np.int64) * step):
            wanted = distinct(np.concatenate([wanted, wanted + stride]))
        wanted = wanted[~contains(self.nodes, wanted)]
        if not len(wanted):
            return
        chunks = np.split(wanted, range(self.chunk, len(wanted), self.chunk))
        answers = [self._query(names) for names in (self.progress.track(chunks, stage) if stage else chunks)]
        nodes = np.concatenate([self.nodes, wanted])
        order = np.argsort(nodes, kind="stable")
        self.nodes = nodes[order]
        self.values = np.concatenate([self.values, *answers])[order]
        self.solid = np.concatenate([self.solid, *map(self._solid, answers, chunks)])[order]

    def _query(self, names: np.ndarray) -> np.ndarray:
        self.progress.check()
        points = self.places(names) * (2 * self.bound / self.resolution) - self.bound
        with torch.no_grad():
            values = self.field(torch.from_numpy(points.astype(np.float32))).float().cpu().numpy()
        if not np.isfinite(values).all():
            raise MeshError(
                "The field of the shape is not a number everywhere.", "Compute in float32 instead of a half type."
            )
        return values

    def _solid(self, values: np.ndarray, names: np.ndarray) -> np.ndarray:
        return (values > 0) & (self.places(names) % self.resolution != 0).all(axis=1)


def distinct(names: np.ndarray) -> np.ndarray:
    """Sorted, each once. (On whole numbers np.unique hashes, which is many times slower for long sorted runs.)"""
    ordered = np.sort(names, kind="stable")
    return ordered[np.diff(ordered, prepend=-1) != 0]


def contains(ordered: np.ndarray, names: np.ndarray) -> np.ndarray:
    """Whether each name is in a sorted array."""
    if not len(ordered):
        return np.zeros(len(names), bool)
    return ordered[np.searchsorted(ordered, names).clip(max=len(ordered) - 1)] == names


def _crossing(inside: np.ndarray) -> np.ndarray:
    """(corners, C) to (C,): whether some corners are inside and some are not."""
    return np.logical_and(inside.any(axis=0), ~inside.all(axis=0))


def follow(grid: SparseGrid, cells: np.ndarray, step: int) -> np.ndarray:
    """Adds the neighbours into which the surface leaves the cells, until it is closed: the sorted (C,) union."""
    frontier = cells
    while len(frontier):
        beyond = distinct(_beyond(grid, frontier, step))
        frontier = beyond[~contains(cells, beyond)]
        grid.query_corners(frontier, step)
        cells = np.sort(np.concatenate([cells, frontier]))
    return cells


def _beyond(grid: SparseGrid, cells: np.ndarray, step: int) -> np.ndarray:
    """The neighbours across those sides of the cells that the surface crosses.

    There is one across each: the outermost nodes are outside, so the surface never crosses the side of the box.
    """
    inside = grid.inside(cells, step)
    stride = grid.name(np.eye(3, dtype=np.int64) * step)
    return np.concatenate(
        [cells[_crossing(inside[CORNERS[:, axis] == end])] + (2 * end - 1) * stride[axis] for axis, end in SIDES]
    )


def _near(grid: SparseGrid, cells: np.ndarray, step: int, usual: float) -> np.ndarray:
    """The cells that the surface crosses, or may pass through between the corners.

    No point of a cell is further than sqrt(3) / 2 of its side from a corner. So where a field changes by at most
    `slope` over a side, it is zero only in cells with a corner below sqrt(3) / 2 of that; a quarter is added, as the
    slope is measured between nodes. A field that is cut off at less than a cell's size makes that bound useless, but
    then any value below 0.8 of `usual`, the value cut off at, tells of a surface; so the smaller of the two decides.
    """
    if not len(cells):
        return cells
    values = grid.corner_values(cells, step)
    cube = values.reshape(2, 2, 2, -1)
    slope = max(np.abs(np.diff(cube, axis=axis)).max() for axis in range(3))
    reach = min(1.25 * np.sqrt(3) / 2 * slope, 0.8 * usual)
    return cells[_crossing(grid.inside(cells, step)) | (np.abs(values).min(axis=0) < reach)]


def split(grid: SparseGrid, cells: np.ndarray, step: int) -> np.ndarray:
    """(C,) cells to the sorted (8 C,) cells of half the step."""
    return np.sort((cells[:, None] + grid.corners(step // 2)).reshape(-1))


def _polygonise(grid: SparseGrid, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if not len(cells):
        raise MeshError(
            "The model found no shape: its field is nowhere inside.",
            "Use a clearer picture of the subject, or another seed.",
        )
    vertices, faces, total = [], [], 0
    for block in _blocks(grid, cells):
        block_vertices, block_faces = _march(grid, block)
        vertices.append(block_vertices)
        faces.append(block_faces + total)
        total += len(block_vertices)
    places, joined = _join(np.concatenate(vertices))
    positions = places * (2 * grid.bound / grid.resolution) - grid.bound
    return positions.astype(np.float32), joined[np.concatenate(faces)].astype(np.int32)


def _blocks(grid: SparseGrid, cells: np.ndarray) -> Iterator[np.ndarray]:
    """Groups cells of the finest level by cubes of BLOCK cells a side."""
    x, y, z = (grid.places(cells) // BLOCK).T
    block = (x << 42) | (y << 21) | z
    order = np.argsort(block, kind="stable")
    yield from np.split(cells[order], np.flatnonzero(np.diff(block[order])) + 1)


def _march(grid: SparseGrid, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Marching cubes on some cells: float64 vertices in steps of the grid, and faces.

    scikit-image names the cell of a mask by its highest corner.
    """
    places = grid.places(cells)
    low = places // BLOCK * BLOCK
    local = places - low
    volume = np.zeros((BLOCK + 1,) * 3, np.float32)
    mask = np.zeros(volume.shape, bool)
    corners = (local + CORNERS[:, None]).reshape(-1, 3)
    values = grid.corner_values(cells, 1)
    closed = np.where(grid.inside(cells, 1), values, np.minimum(values, -1e-3 * np.abs(values)))
    volume[tuple(corners.T)] = closed.reshape(-1)
    mask[tuple((local + 1).T)] = True
    vertices, faces, _, _ = marching_cubes(volume, 0.0, mask=mask, gradient_direction="ascent")
    return vertices + low[0].astype(np.float64), faces


def _join(vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Merges the vertices that blocks have in common: they are on whole coordinates of a block's border, and equal."""
    border = np.flatnonzero((vertices % BLOCK == 0).any(axis=1))
    _, first, again = np.unique(vertices[border], axis=0, return_index=True, return_inverse=True)
    original = np.arange(len(vertices))
    original[border] = border[first][again.reshape(-1)]
    kept, joined = np.unique(original, return_inverse=True)
    return vertices[kept], joined
