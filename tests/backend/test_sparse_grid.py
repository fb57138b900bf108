"""The grid returns what is requested, regardless of earlier requests, and queries nothing else."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from actionmesh.errors import InputError
from actionmesh.geometry.sparse_grid import SparseGrid
from actionmesh.progress import Progress

BOUND = 1.5
CORNERS = [(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1), (1, 0, 0), (1, 0, 1), (1, 1, 0), (1, 1, 1)]


def places_of(points):
    """Return a field that has a different value at every node."""
    return (points[:, 0] * 100 + points[:, 1]) * 100 + points[:, 2]


def empty_grid(resolution, field=places_of, chunk=7):
    return SparseGrid(field, resolution, BOUND, chunk, torch.device("cpu"), Progress())


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_every_corner_has_the_value_of_its_place(data):
    """Cells have several levels and any order, and some are requested twice."""
    resolution = data.draw(st.sampled_from([4, 12, 40]))
    asked, total = set(), 0

    def field(points):
        nonlocal total
        total += len(points)
        return places_of(points)

    grid = empty_grid(resolution, field)
    for _ in range(data.draw(st.integers(1, 4))):
        step = data.draw(st.sampled_from([1, 2, 4]))
        place = st.tuples(*[st.integers(0, resolution // step - 1)] * 3)
        cells = step * np.array(data.draw(st.lists(place, min_size=1, max_size=9, unique=True)))
        numbers = grid.numbers(torch.from_numpy(cells))
        grid.query_corners(numbers, step)
        corners = cells + step * np.array(CORNERS)[:, None]
        points = torch.from_numpy(corners * (2 * BOUND / resolution) - BOUND).float()
        expected = places_of(points.reshape(-1, 3)).reshape(8, -1)
        assert torch.equal(grid.values(numbers, step), expected)
        outermost = torch.from_numpy((corners % resolution == 0).any(axis=-1))
        inside = (expected > 0) & ~outermost
        assert torch.equal(grid.cases(numbers, step), sum(inside[bit].to(torch.uint8) << bit for bit in range(8)))
        asked.update(map(tuple, corners.reshape(-1, 3).tolist()))
        assert total == len(asked)


def test_numbers_name_places():
    grid = empty_grid(40)
    places = torch.randint(0, 41, (100, 3), generator=torch.Generator().manual_seed(0)).int()
    assert torch.equal(grid.places(grid.numbers(places)), places)
    cells = grid.all_cells(4)
    assert len(cells.unique()) == 1000 and int(grid.places(cells).max()) == 36


def test_cells_are_new_to_a_level_until_they_are_taken():
    grid = empty_grid(12)
    cells = grid.all_cells(4)
    grid.query_corners(cells, 4)
    grid.take(cells[::2], 4)
    assert grid.are_new(cells, 4).tolist() == [False, True] * (len(cells) // 2) + [False] * (len(cells) % 2)
    assert grid.are_new(cells, 2).all()


def test_the_largest_grid_has_numbers_of_32_bits():
    assert 1290**3 < 2**31 < 1291**3
    empty_grid(1289)
    with pytest.raises(InputError, match="1290 cells"):
        empty_grid(1290)
    with pytest.raises(InputError, match="2000 cells") as refused:
        empty_grid(2000)
    assert "1289" in refused.value.cure


def test_points_may_be_queried_one_by_one():
    grid = empty_grid(2, chunk=1)
    cells = grid.all_cells(1)
    grid.query_corners(cells, 1)
    assert torch.isfinite(grid.values(cells, 1)).all()
