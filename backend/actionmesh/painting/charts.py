"""Charts of a surface, laid out in a picture by xatlas.

It imports nothing from the package: `atlas` runs it in another process, because xatlas cannot be stopped.
"""

import numpy as np
import xatlas

SIDE = 1024
"""Approximate number of texels along either axis of the picture; xatlas takes what the charts need."""
PADDING = 4
"""Texels around each chart."""
MAX_COST = 0.5
"""Greatest cost of a chart: a quarter of xatlas's default takes half the time, for a few more charts."""

Laid = tuple[np.ndarray, np.ndarray, np.ndarray]
"""The atlas's vertex at each corner (F, 3), the UVs (N, 2) of these vertices, and (height, width) of the picture."""


def charted(vertices: np.ndarray, faces: np.ndarray) -> Laid:
    """Cut a mesh of vertices (V, 3) and faces (F, 3) into charts, and lay them out."""
    made = xatlas.Atlas()
    made.add_mesh(np.ascontiguousarray(vertices, np.float32), np.ascontiguousarray(faces, np.uint32))
    charts = xatlas.ChartOptions()
    charts.max_iterations, charts.max_cost = 1, MAX_COST
    made.generate(charts, _packing())
    return _laid(made)


def packed(places: np.ndarray, corners: np.ndarray) -> Laid:
    """Lay out charts again: places (N, 2) in texels, float32, and the place at each corner (F, 3), uint32."""
    packing = _packing()
    packing.resolution, packing.texels_per_unit = 0, 1.0
    made = xatlas.Atlas()
    made.add_uv_mesh(places, corners)
    made.generate(xatlas.ChartOptions(), packing)
    return _laid(made)


def _packing() -> xatlas.PackOptions:
    packing = xatlas.PackOptions()
    packing.resolution, packing.padding = SIDE, PADDING
    return packing


def _laid(made: xatlas.Atlas) -> Laid:
    _, corners, uv = made[0]
    # without an area there is no picture, and xatlas divides by its size
    return corners, np.nan_to_num(uv), np.array([max(1, int(made.height)), max(1, int(made.width))])
