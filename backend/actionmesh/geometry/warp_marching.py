"""Marching cubes by NVIDIA Warp, on the GPU where the cells already are.

Warp compiles its kernels when they are first used on a machine, which takes seconds, and keeps them in its cache on disk.
"""

import numpy as np
import torch
from torch import Tensor

from .sparse_grid import CORNERS


def march_with_warp(cells: Tensor, values: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """See `marching_cubes.march`. The CPU will do as well as a CUDA device.

    Raises:
        Exception: whatever Warp raises. It is not installed, too old, does not know the device, or lacks memory there.
    """
    import warp
    import warp.geometry

    warp.config.log_level = warp.LOG_WARNING  # or it introduces itself at length
    warp.config.enable_backward = False  # a third less to compile; nobody asks for gradients
    warp.init()
    order = [CORNERS.index(corner) for corner in warp.geometry.IsoSurfaceMarchingCubes.CUBE_CORNER_OFFSETS]
    places, below = cells.contiguous(), (-values[order]).T.contiguous()
    if cells.is_cuda:
        torch.cuda.current_stream(cells.device).synchronize()  # Warp works on a stream of its own
    vertices, corners = warp.geometry.sparse_marching_cubes_from_cells(
        warp.from_torch(places, dtype=warp.vec3i), warp.from_torch(below), device=warp.device_from_torch(cells.device)
    )
    return vertices.numpy().astype(np.float64), corners.numpy().reshape(-1, 3)
