"""Marching cubes with NVIDIA Warp, on the GPU that already holds the cells.

Warp compiles its kernels on first use on a machine, which takes seconds, and caches them on disk.
"""

import numpy as np
import torch
from torch import Tensor

from .sparse_grid import CORNERS


def march_with_warp(cells: Tensor, values: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return the surface of level 0 in the given cells, on the CPU or a CUDA device; see `marching_cubes.march`.

    Raises:
        Exception: any error from Warp: it is not installed, too old, does not know the device, or lacks memory there.
    """
    import warp
    import warp.geometry

    warp.config.log_level = warp.LOG_WARNING  # suppresses its long greeting
    warp.config.enable_backward = False  # no gradients needed; saves a third of the compile time
    warp.init()
    order = [CORNERS.index(corner) for corner in warp.geometry.IsoSurfaceMarchingCubes.CUBE_CORNER_OFFSETS]
    places, below = cells.contiguous(), (-values[order]).T.contiguous()
    if cells.is_cuda:
        torch.cuda.current_stream(cells.device).synchronize()  # Warp uses its own stream
    vertices, corners = warp.geometry.sparse_marching_cubes_from_cells(
        warp.from_torch(places, dtype=warp.vec3i), warp.from_torch(below), device=warp.device_from_torch(cells.device)
    )
    return vertices.numpy().astype(np.float64), corners.numpy().reshape(-1, 3)
