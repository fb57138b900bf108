"""Warp's and scikit-image's surfaces are equal and closed, and one replaces the other without a message."""

import importlib.util
import logging
import sys

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from actionmesh.geometry import extraction, marching_cubes
from actionmesh.geometry.extraction import extract_surface
from actionmesh.geometry.marching_cubes import march_in_blocks
from actionmesh.geometry.warp_marching import march_with_warp
from tests.backend.test_cleanup import creature
from tests.backend.test_extraction import BOUND, assert_same, capsule, cut, is_closed, sphere, torus, volume, wavy

needs_warp = pytest.mark.skipif(importlib.util.find_spec("warp") is None, reason="Warp (warp-lang) is not installed")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
RESOLUTION = 64
CELL = 2 * BOUND / RESOLUTION


def noise(points: Tensor) -> Tensor:
    """Return waves about as long as a cell, which make many cells ambiguous."""
    phases = points @ torch.tensor(
        [[71.0, 13.0, -29.0], [17.0, -67.0, 31.0], [-23.0, 37.0, 61.0]], device=points.device
    )
    return torch.sin(phases).sum(dim=1) - 0.4


def by(marcher, field, monkeypatch, resolution=RESOLUTION):
    with monkeypatch.context() as patched:
        patched.setattr(extraction, "march", marcher)
        return extract_surface(field, resolution, coarse=16)


def in_blocks(cells, values):
    return march_in_blocks(cells.numpy(), values.numpy())


def furthest(of: np.ndarray, to: np.ndarray) -> float:
    """Return the largest distance of a point to its nearest in the other set, in cells."""
    return cKDTree(to).query(of)[0].max() / CELL


def area(vertices: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = np.moveaxis(vertices[faces].astype(np.float64), 1, 0)
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


@needs_warp
@pytest.mark.parametrize("field", [sphere, torus, capsule, creature, wavy, cut])
def test_both_find_the_same_surface(field, monkeypatch):
    """Vertices are equal, not only to a fraction of a cell: both interpolate along the same edges."""
    warp, skimage = (by(marcher, field, monkeypatch) for marcher in (march_with_warp, in_blocks))
    assert furthest(warp[0], skimage[0]) < 1e-3 and furthest(skimage[0], warp[0]) < 1e-3
    assert abs(volume(*warp) - volume(*skimage)) < 0.05 * CELL * area(*skimage)
    for vertices, faces in (warp, skimage):
        assert is_closed(faces) and volume(vertices, faces) > 0
        assert vertices.dtype == np.float32 and faces.dtype == np.int32


@needs_warp
def test_both_close_a_surface_of_ambiguous_cells(monkeypatch):
    """They may cut such a cell differently, but use the same edges; scikit-image adds some vertices inside cells."""
    warp, skimage = (by(marcher, noise, monkeypatch, 40) for marcher in (march_with_warp, in_blocks))
    assert is_closed(warp[1]) and is_closed(skimage[1])
    assert furthest(warp[0], skimage[0]) < 1e-3
    assert len(skimage[0]) > len(warp[0])
    assert volume(*warp) > 0 and volume(*skimage) > 0


@needs_warp
def test_a_value_of_zero_is_outside(monkeypatch):
    def box(points: Tensor) -> Tensor:
        return 0.5 * BOUND - points.abs().max(dim=1).values

    vertices, faces = by(march_with_warp, box, monkeypatch)
    assert volume(vertices, faces) == pytest.approx(BOUND**3, rel=1e-2)
    assert np.abs(vertices).max() == pytest.approx(0.5 * BOUND, abs=1e-4)


@pytest.mark.parametrize("marcher", [in_blocks, pytest.param(march_with_warp, marks=needs_warp)])
def test_one_corner_inside_is_one_triangle_around_it(marcher):
    """The cell is far from the origin, in the middle of a block."""
    values = torch.full((8, 1), -3.0)
    values[0b101] = 1.0
    vertices, faces = marcher(torch.tensor([[70, 3, 200]], dtype=torch.int32), values)
    assert sorted(vertices.tolist()) == [[70.75, 3, 201], [71, 3, 200.75], [71, 3.25, 201]]
    a, b, c = vertices[faces[0]]
    assert np.cross(b - a, c - a) @ (vertices.mean(axis=0) - (71, 3, 201)) > 0


@pytest.mark.parametrize("failure", ["missing", "too old", "fails"])
def test_scikit_image_takes_over_where_warp_fails(failure, monkeypatch, caplog):
    def fail(*arguments, **options):
        raise RuntimeError("CUDA error 2: out of memory")

    if failure == "missing":
        monkeypatch.setitem(sys.modules, "warp", None)
    elif failure == "too old":
        monkeypatch.setitem(sys.modules, "warp.geometry", None)
    else:
        monkeypatch.setattr(marching_cubes, "march_with_warp", fail)
    monkeypatch.setattr(marching_cubes, "WARP_DEVICES", ("cuda", "cpu"))
    with caplog.at_level(logging.INFO, "actionmesh"):
        found = extract_surface(sphere, 48, coarse=16)
    assert [record.levelname for record in caplog.records] == ["INFO"] and "Warp" in caplog.text
    monkeypatch.undo()
    assert_same(found, extract_surface(sphere, 48, coarse=16))


@needs_gpu
@pytest.mark.parametrize("field", [torus, noise])
def test_a_gpu_finds_the_same_surface(field):
    on_gpu, on_cpu = extract_surface(field, 64, coarse=16, device="cuda"), extract_surface(field, 64, coarse=16)
    assert is_closed(on_gpu[1]) and volume(*on_gpu) > 0
    assert furthest(on_gpu[0], on_cpu[0]) < 1e-2
