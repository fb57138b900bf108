"""The queried nodes of a cubic grid, stored on the field's device: the CPU or a GPU, with the same code.

With n nodes a side, a node has the number (x * n + y) * n + z. PAGE consecutive numbers form a page, and one table maps
every page of the cube to its place in memory, if it is stored. Two look-ups therefore find a node, without sorting or
searching. The table takes 2.5 MB for each 10 million nodes of the cube; all other memory grows with the queried nodes.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ..errors import InputError, MeshError
from ..progress import Progress
from ..protocol import Stage

Field = Callable[[Tensor], Tensor]

CORNERS = [(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)]
BITS = 4
PAGE = 1 << BITS
LARGEST = 1289
"""The most cells a side: every node's number stays below 2^31, and int32 halves the memory traffic."""


class SparseGrid:
    """A cubic grid of which only some nodes have been queried.

    A cell has the number of its lowest corner. On every level, numbers count steps of the finest level.

    Args:
        field: maps (Q, 3) float32 points to (Q,) values, positive inside.
        resolution: cells a side of the finest level.
        bound: half the side of the box.
        chunk: the most points in one query.
        device: where the grid and the points of a query are.
        progress: checked for cancellation before every query.
    Raises:
        InputError: the resolution is above LARGEST.
    """

    def __init__(
        self, field: Field, resolution: int, bound: float, chunk: int, device: torch.device, progress: Progress
    ):
        assert resolution >= 2 and chunk >= 1
        if resolution > LARGEST:
            raise InputError(
                f"A grid of {resolution} cells a side is too fine.", f"Use a resolution of at most {LARGEST}."
            )
        self.field, self.resolution, self.bound = field, resolution, bound
        self.chunk, self.device, self.progress = chunk, device, progress
        side = resolution + 1
        self.strides = (side * side, side, 1)
        self._row_of = torch.zeros(side**3 // PAGE + 1, dtype=torch.int32, device=device)
        self._page_of = torch.full((1,), -1, dtype=torch.int32, device=device)
        self._values = torch.full((PAGE,), torch.nan, device=device)
        self._solid = torch.zeros(PAGE, dtype=torch.uint8, device=device)
        self._taken = torch.zeros(PAGE, dtype=torch.int32, device=device)

    def numbers(self, places: Tensor) -> Tensor:
        """Return the numbers (...) int32 of whole coordinates (..., 3)."""
        x, y, z = places.int().unbind(-1)
        return x * self.strides[0] + y * self.strides[1] + z

    def places(self, numbers: Tensor) -> Tensor:
        """Return the whole coordinates (..., 3) int32 of numbers (...)."""
        side = self.resolution + 1
        return torch.stack([numbers // self.strides[0], numbers // side % side, numbers % side], dim=-1)

    def all_cells(self, step: int) -> Tensor:
        """Return every cell of one level, in order, (C,)."""
        axis = torch.arange(0, self.resolution, step, device=self.device)
        return self.numbers(torch.cartesian_prod(axis, axis, axis))

    def corners(self, step: int) -> list[int]:
        """Return the offsets from a cell to the nodes at its corners, in the order of CORNERS."""
        return [step * sum(at * stride for at, stride in zip(corner, self.strides, strict=True)) for corner in CORNERS]

    def usual_value(self) -> float:
        """Return the median absolute value so far."""
        return self._values.abs().nanmedian().item()

    def values(self, cells: Tensor, step: int) -> Tensor:
        """Return the values (8, C) at the corners of (C,) cells; the corners must have been queried."""
        return torch.stack([self._values.index_select(0, self._slots(cells + corner)) for corner in self.corners(step)])

    def cases(self, cells: Tensor, step: int) -> Tensor:
        """Return (C,) uint8 for (C,) cells: bit i is set if corner i is inside. The outermost nodes never are."""
        cases = torch.zeros(len(cells), dtype=torch.uint8, device=self.device)
        for bit, corner in enumerate(self.corners(step)):
            cases |= self._solid.index_select(0, self._slots(cells + corner)) << bit
        return cases

    def take(self, cells: Tensor, step: int) -> None:
        """Mark cells of one level as taken; their corners must be known."""
        self._taken.index_fill_(0, self._slots(cells).long(), step)

    def are_new(self, cells: Tensor, step: int) -> Tensor:
        """Return (C,) whether cells of one level have not been taken."""
        return self._taken.index_select(0, self._slots(cells)) != step

    def query_corners(self, cells: Tensor, step: int, told: Progress | None = None) -> None:
        """Query the cells' corners that are not known yet; report each query to `told`.

        Raises:
            MeshError: a value is not finite.
            Cancelled: the user asked to stop.
        """
        if not len(cells):
            return
        nodes = [cells + corner for corner in self.corners(step)]
        self._make_room(nodes)
        wanted = torch.zeros_like(self._solid, dtype=torch.bool)
        for some in nodes:
            wanted.index_fill_(0, self._slots(some).long(), True)
        slots = (wanted & self._values.isnan()).nonzero()[:, 0]
        if len(slots):
            self._query(slots, told)

    def _query(self, slots: Tensor, told: Progress | None) -> None:
        places = self.places((self._page_of.index_select(0, slots >> BITS) << BITS) | (slots & (PAGE - 1)))
        points = (places.double() * (2 * self.bound / self.resolution) - self.bound).float()
        chunks = points.split(self.chunk)
        values = torch.cat([self._ask(chunk) for chunk in (told.track(chunks, Stage.SURFACE) if told else chunks)])
        if not values.isfinite().all():
            cure = "Compute in float32 instead of half precision."
            raise MeshError("The model's shape has a value that is not a number.", cure)
        self._values[slots] = values
        self._solid[slots] = ((values > 0) & (places % self.resolution != 0).all(dim=-1)).to(torch.uint8)

    def _ask(self, points: Tensor) -> Tensor:
        self.progress.check()
        with torch.no_grad():
            return self.field(points).to(self.device, torch.float32)

    def _slots(self, numbers: Tensor) -> Tensor:
        """Return where nodes are stored. Nodes of pages that are not stored map to the first row, which stays empty."""
        return (self._row_of.index_select(0, numbers >> BITS) << BITS) | (numbers & (PAGE - 1))

    def _make_room(self, nodes: list[Tensor]) -> None:
        touched = torch.zeros_like(self._row_of, dtype=torch.bool)
        for numbers in nodes:
            touched.index_fill_(0, (numbers >> BITS).long(), True)
        pages = (touched & (self._row_of == 0)).nonzero()[:, 0]
        rows, new = len(self._page_of), len(pages)
        self._row_of[pages] = torch.arange(rows, rows + new, dtype=torch.int32, device=self.device)
        self._page_of = torch.cat([self._page_of, pages.int()])
        self._values = torch.cat([self._values, self._values.new_full((new * PAGE,), torch.nan)])
        self._solid = torch.cat([self._solid, self._solid.new_zeros(new * PAGE)])
        self._taken = torch.cat([self._taken, self._taken.new_zeros(new * PAGE)])
