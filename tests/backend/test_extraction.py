"""The sparse surface equals the dense one, takes a fraction of the queries, and is closed."""

import inspect
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from skimage.measure import marching_cubes
from torch import Tensor

from actionmesh.errors import ActionMeshError, Cancelled, MeshError
from actionmesh.geometry.extraction import _near, _steps, extract_surface
from actionmesh.geometry.sparse_grid import SparseGrid
from actionmesh.progress import Progress

BOUND = 1.005
Field = Callable[[Tensor], Tensor]


def sphere(points: Tensor, centre=(0.1, 0.05, -0.2), radius=0.6) -> Tensor:
    return radius - (points - torch.tensor(centre)).norm(dim=1)


def torus(points: Tensor) -> Tensor:
    ring = points[:, [0, 2]].norm(dim=1) - 0.6
    return 0.15 - torch.stack([ring, points[:, 1]]).norm(dim=0)


def capsule(points: Tensor, start=(-0.8, -0.7, -0.6), end=(0.75, 0.8, 0.7), radius=0.02) -> Tensor:
    start, axis = torch.tensor(start), torch.tensor(end) - torch.tensor(start)
    along = ((points - start) @ axis / (axis @ axis)).clamp(0, 1)
    return radius - (points - start - along[:, None] * axis).norm(dim=1)


def blobs(points: Tensor) -> Tensor:
    return torch.maximum(sphere(points, (-0.5, 0.1, 0.0), 0.3), sphere(points, (0.6, -0.3, 0.4), 0.1))


def cut(points: Tensor) -> Tensor:
    return sphere(points, (0.9, 0.9, 0.0), 0.5)


SHAPES = [sphere, torus, capsule, blobs, cut]


def truncated(field: Field, limit: float) -> Field:
    return lambda points: field(points).clamp(-limit, limit)


def dense(field: Field, resolution: int) -> tuple[np.ndarray, np.ndarray]:
    """Run marching cubes on all nodes, with the outermost set to outside."""
    axis = torch.from_numpy((np.arange(resolution + 1) * (2 * BOUND / resolution) - BOUND).astype(np.float32))
    points = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), dim=-1).reshape(-1, 3)
    values = field(points).reshape((resolution + 1,) * 3).numpy().copy()
    border = np.ones(values.shape, bool)
    border[1:-1, 1:-1, 1:-1] = False
    values[border & (values > 0)] *= -1e-3
    vertices, faces, _, _ = marching_cubes(values, 0.0, gradient_direction="ascent")
    return vertices * (2 * BOUND / resolution) - BOUND, faces


def assert_same(found: tuple[np.ndarray, np.ndarray], expected: tuple[np.ndarray, np.ndarray]) -> None:
    """Assert the same triangles with the same orientation, in any order of vertices and faces."""
    (vertices, faces), (other_vertices, other_faces) = found, expected
    assert (len(vertices), len(faces)) == (len(other_vertices), len(other_faces))
    distance, renamed = cKDTree(other_vertices).query(vertices)
    assert distance.max() < 1e-5
    assert len(np.unique(renamed)) == len(vertices)
    assert triangles(renamed[faces]) == triangles(other_faces)


def triangles(faces: np.ndarray) -> set[tuple[int, int, int]]:
    first = faces.argmin(axis=1)[:, None]
    turned = np.take_along_axis(faces, (first + np.arange(3)) % 3, axis=1)
    return set(map(tuple, turned.tolist()))


def is_closed(faces: np.ndarray) -> bool:
    """Return whether every edge is used once in each direction."""
    edges = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    there, back = (np.sort(pair @ np.array([faces.max() + 1, 1], np.int64)) for pair in (edges, edges[:, ::-1]))
    return bool((np.diff(there) > 0).all()) and np.array_equal(there, back)


def volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = np.moveaxis(vertices[faces].astype(np.float64), 1, 0)
    return float((a * np.cross(b, c)).sum() / 6)


class Counter:
    def __init__(self, field: Field):
        self.field, self.total, self.largest = field, 0, 0
        self.starts: list[int] = []

    def __call__(self, points: Tensor) -> Tensor:
        assert points.dtype == torch.float32 and points.shape[1:] == (3,)
        assert points.abs().max() <= BOUND + 1e-6
        self.starts.append(self.total)
        self.total += len(points)
        self.largest = max(self.largest, len(points))
        return self.field(points)


@pytest.mark.parametrize("limit", [9.0, 0.1], ids=["distance", "truncated"])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_the_dense_surface(shape, limit):
    field = truncated(shape, limit)
    found = extract_surface(field, 64, coarse=16)
    assert_same(found, dense(field, 64))
    assert is_closed(found[1])


@pytest.mark.parametrize("shape", [torus, capsule])
def test_it_is_the_dense_surface_across_blocks(shape):
    """80 cells make two blocks along each side."""
    field = truncated(shape, 0.1)
    assert_same(extract_surface(field, 80, coarse=20), dense(field, 80))


@pytest.mark.parametrize(("resolution", "coarse"), [(45, 16), (50, 16), (72, 9), (64, 64), (2, 2)])
def test_any_resolution_will_do(resolution, coarse):
    assert_same(extract_surface(sphere, resolution, coarse=coarse), dense(sphere, resolution))


def wavy(points: Tensor) -> Tensor:
    """Return a field like a network's: truncated, uneven far away, of varying slope."""
    waves = 0.01 * torch.sin(9 * points @ torch.tensor([[1.0, 2.0], [-2.0, 1.0], [0.5, -1.5]])).sum(dim=1)
    return (1.5 + points[:, 0]) * torch.tanh(capsule(points, radius=0.08) / 0.06) * 0.05 + waves / 2


def test_an_uneven_field_gives_the_dense_surface():
    counted = Counter(wavy)
    found = extract_surface(counted, 64, coarse=16)
    assert_same(found, dense(wavy, 64))
    assert counted.total < 0.5 * 65**3


@pytest.mark.parametrize("shape", [blobs, capsule, cut])
def test_few_points_are_queried(shape):
    counted = Counter(truncated(shape, 0.05))
    vertices, faces = extract_surface(counted, 256, chunk=50_000)
    assert counted.total < 0.1 * 257**3
    assert 0 < counted.largest <= 50_000
    assert is_closed(faces)
    uncut = torch.from_numpy(vertices[np.abs(vertices).max(axis=1) < 0.99])
    assert shape(uncut).abs().max() < 1e-3


def test_a_plain_distance_is_narrowed_down_too():
    """Such a field has no plateau of a usual value."""
    counted = Counter(torus)
    extract_surface(counted, 128)
    assert counted.total < 0.2 * 129**3


MEMORY = """
import torch
from actionmesh.geometry.extraction import extract_surface

start, axis, total = torch.tensor([-0.8, -0.7, -0.6]), torch.tensor([1.55, 1.5, 1.3]), 0

def peak():  # getrusage would start from the peak of the tests' own process
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])

def capsule(points):
    global total
    total += len(points)
    along = ((points - start) @ axis / (axis @ axis)).clamp(0, 1)
    return (0.02 - (points - start - along[:, None] * axis).norm(dim=1)).clamp(-0.05, 0.05)

extract_surface(capsule, 32)
before, total = peak(), 0
extract_surface(capsule, 512)
print(peak() - before, total)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak is read from /proc")
def test_memory_stays_far_below_the_dense_grid():
    """It runs in its own process, so that nothing else raises the peak. A float32 grid alone takes 540 MB."""
    backend = Path(__file__).resolve().parents[2] / "backend"
    environment = {**os.environ, "PYTHONPATH": str(backend), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", MEMORY], env=environment, capture_output=True, text=True, check=True)
    kilobytes, queried = map(int, done.stdout.split())
    assert kilobytes * 1024 < 0.3 * 4 * 513**3
    assert queried < 0.01 * 513**3


def limb(points: Tensor) -> Tensor:
    """Return a body and a limb, truncated so near the surface that coarse nodes see only the body."""
    body, arm = sphere(points, (-0.6, 0.0, 0.0), 0.3), capsule(points, (-0.6, 0.03, 0.03), (0.8, 0.03, 0.03), 0.03)
    return torch.maximum(body, arm).clamp(-0.002, 0.002)


def test_a_limb_is_followed_to_where_no_coarse_node_sees_it():
    found = extract_surface(limb, 96, coarse=12)
    assert found[0][:, 0].max() > 0.8
    assert_same(found, dense(limb, 96))


def test_outside_is_out():
    vertices, faces = extract_surface(sphere, 64, coarse=16)
    assert volume(vertices, faces) == pytest.approx(4 / 3 * np.pi * 0.6**3, rel=0.01)
    assert vertices.dtype == np.float32 and faces.dtype == np.int32


def test_a_hollow_keeps_its_inner_wall():
    def shell(points: Tensor) -> Tensor:
        return 0.1 - sphere(points, (0.0, 0.0, 0.0), 0.6).abs()

    assert volume(*extract_surface(shell, 64, coarse=16)) == pytest.approx(4 / 3 * np.pi * (0.7**3 - 0.5**3), rel=0.02)


def test_what_the_box_cuts_is_closed_at_the_box():
    vertices, faces = extract_surface(cut, 64, coarse=16)
    assert is_closed(faces)
    assert 1.004 < vertices.max() <= BOUND
    full_box = extract_surface(lambda points: torch.ones(len(points)), 32, coarse=8)
    assert volume(*full_box) == pytest.approx((2 * BOUND) ** 3, rel=0.01)


def test_values_of_exactly_zero_are_outside():
    """With nodes on the surface itself, there are no holes once coincident vertices are merged."""

    def box(points: Tensor) -> Tensor:
        return 0.5 * BOUND - points.abs().max(dim=1).values

    vertices, faces = extract_surface(box, 64, coarse=16)
    assert volume(vertices, faces) == pytest.approx(BOUND**3, rel=1e-2)
    assert np.abs(vertices).max() == pytest.approx(0.5 * BOUND, abs=1e-4)


def test_half_precision_answers_will_do():
    vertices, _ = extract_surface(lambda points: sphere(points).half(), 64, coarse=16)
    assert sphere(torch.from_numpy(vertices)).abs().max() < 2e-3


@pytest.mark.parametrize(
    ("field", "problem"),
    [
        (lambda points: -torch.ones(len(points)), "no shape"),
        (lambda points: torch.zeros(len(points)), "no shape"),
        (lambda points: points[:, 0] - 1.1, "no shape"),
        (lambda points: torch.where(points[:, 0] > 0, torch.nan, 1.0), "not a number"),
        (lambda points: torch.where(points[:, 0] > 0, torch.inf, 1.0), "not a number"),
    ],
)
def test_a_field_without_a_surface_is_a_typed_error(field, problem):
    with pytest.raises(ActionMeshError, match=problem) as caught:
        extract_surface(field, 64, coarse=16)
    assert isinstance(caught.value, MeshError) and caught.value.cure


def test_progress_is_told_of_every_chunk():
    events = []
    counted = Counter(sphere)
    extract_surface(counted, 64, coarse=16, chunk=3000, progress=Progress(events.append))
    stages = list(dict.fromkeys((event.stage, event.part, event.parts) for event in events))
    assert stages == [("surface", level, 3) for level in (1, 2, 3)]
    for _, level, _ in stages:
        steps = [(event.step, event.total) for event in events if event.part == level]
        assert steps == [(step, len(steps) - 1) for step in range(len(steps))]
    assert counted.total / 3000 <= sum(event.step > 0 for event in events) < counted.total / 3000 + 3


def test_it_asks_before_every_chunk_whether_to_stop():
    """It also asks while it follows a limb, which reports no progress."""
    counted, asked = Counter(limb), set()
    extract_surface(
        counted, 64, coarse=16, chunk=500, progress=Progress(cancelled=lambda: bool(asked.add(counted.total)))
    )
    assert asked.issuperset(counted.starts)


def test_it_stops_within_a_chunk():
    counted = Counter(sphere)
    with pytest.raises(Cancelled):
        extract_surface(counted, 64, coarse=16, chunk=1000, progress=Progress(cancelled=lambda: counted.total >= 8000))
    assert 8000 <= counted.total < 9000


def test_the_published_grid_is_the_usual_one():
    usual = {name: each.default for name, each in inspect.signature(extract_surface).parameters.items()}
    assert (usual["resolution"], usual["bound"]) == (512, 1.005)


@pytest.mark.parametrize(
    ("resolution", "coarse", "steps"),
    [(512, 48, [8, 4, 2, 1]), (100, 12, [4, 2, 1]), (96, 48, [2, 1]), (96, 49, [1]), (97, 2, [1]), (2, 1, [2, 1])],
)
def test_levels_halve_the_cells_down_to_the_finest(resolution, coarse, steps):
    assert _steps(resolution, coarse) == steps


@pytest.mark.parametrize(
    ("slopes", "usual", "near"), [(1.05, 9.0, True), (1.1, 9.0, False), (0.3, 0.38, True), (0.3, 0.37, False)]
)
def test_cells_are_near_up_to_the_steepest_change_or_most_of_the_usual_value(slopes, usual, near):
    """A field that grows by 1 along X from cell to cell; 1.25 * sqrt(3) / 2 is 1.0825."""
    grid = SparseGrid(lambda points: 4 * (points[:, 0] + 1) + slopes, 8, 1.0, 100, torch.device("cpu"), Progress())
    cells = grid.all_cells(1)
    grid.query_corners(cells, 1)
    assert _near(grid, cells, 1, usual).tolist() == [near] * 64 + [False] * 448
