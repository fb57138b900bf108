"""Marching cubes on selected cells of a grid: Warp's on an NVIDIA GPU, scikit-image's everywhere else.

Both place a vertex wherever an edge of the grid changes sign, and produce a closed surface. In cells whose signs allow
several surfaces, scikit-image decides by the values inside (Lewiner et al. 2003), Warp by a fixed table.
"""

import logging
from collections.abc import Iterator

import numpy as np
from skimage.measure import marching_cubes
from torch import Tensor

from .sparse_grid import CORNERS
from .warp_marching import march_with_warp

BLOCK = 64
WARP_DEVICES = ("cuda",)
"""Devices on which Warp is faster."""

log = logging.getLogger(__name__)


def march(cells: Tensor, values: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return the surface of level 0 in the given cells.

    Args:
        cells: (C, 3) int32, the lowest corner of each, in whole coordinates.
        values: (8, C) float32 at the cells' corners in the order of CORNERS, positive inside.
    Returns:
        vertices (V, 3) float64 in the cells' coordinates, faces (F, 3) int32 with outward orientation.
    """
    if cells.device.type in WARP_DEVICES:
        try:
            return march_with_warp(cells, values)
        except Exception as error:  # Warp only adds speed, so no failure of it stops the job
            log.info("Using scikit-image's marching cubes, because Warp cannot be used: %s", error)
    return march_in_blocks(cells.cpu().numpy(), values.cpu().numpy())


def march_in_blocks(cells: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the result of `march` with scikit-image, computed block by block in small volumes."""
    vertices, faces, total = [], [], 0
    for low, rows in _blocks(cells):
        block_vertices, block_faces = _march_block(cells[rows] - low, values[:, rows])
        vertices.append(block_vertices + low.astype(np.float64))
        faces.append(block_faces + total)
        total += len(block_vertices)
    joined_vertices, joined = _join(np.concatenate(vertices))
    return joined_vertices, joined[np.concatenate(faces)].astype(np.int32)


def _blocks(cells: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Group cells by cubes of BLOCK cells a side: yield each cube's lowest corner (3,) and the rows of its cells."""
    x, y, z = (cells // BLOCK).T
    block = (x << 20) | (y << 10) | z
    order = np.argsort(block, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(block[order])) + 1):
        yield cells[rows[0]] // BLOCK * BLOCK, rows


def _march_block(cells: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the surface in one block; scikit-image's mask marks a cell at its highest corner."""
    volume = np.zeros((BLOCK + 1,) * 3, np.float32)
    mask = np.zeros(volume.shape, bool)
    for corner, corner_values in zip(CORNERS, values, strict=True):
        volume[tuple((cells + corner).T)] = corner_values
    mask[tuple((cells + 1).T)] = True
    vertices, faces, _, _ = marching_cubes(volume, 0.0, mask=mask, gradient_direction="ascent")
    return vertices, faces


def _join(vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Merge the vertices that blocks share: these lie on the blocks' borders and have equal coordinates."""
    border = np.flatnonzero((vertices % BLOCK == 0).any(axis=1))
    _, first, again = np.unique(vertices[border], axis=0, return_index=True, return_inverse=True)
    original = np.arange(len(vertices))
    original[border] = border[first][again.reshape(-1)]
    kept, joined = np.unique(original, return_inverse=True)
    return vertices[kept], joined
