"""UVs for a mesh that has none, by xatlas, and which point of the surface each texel shows."""

from dataclasses import dataclass

import numpy as np
import xatlas

from ..matching.camera import FilmCamera
from ..matching.silhouette import Scene, Sight

SIDE = 1024
"""Texels along either axis of the picture, about: xatlas takes what the charts need."""
PADDING = 4
"""Texels between charts."""
MAX_COST = 0.5
"""Of a chart: a quarter of xatlas's own takes half the time, for a few more charts."""


@dataclass(frozen=True)
class Atlas:
    """UVs (F, 3, 2) float32 of the corners of all faces, origin at the lower left, in a picture of `size` (height, width)."""

    corner_uv: np.ndarray
    size: tuple[int, int]

    def texels(self) -> Sight:
        """Return the surface's points at the texels that it covers."""
        height, width = self.size
        flat = np.concatenate([self.corner_uv * (width, height), np.zeros((*self.corner_uv.shape[:2], 1))], axis=2).reshape(-1, 3)
        above = FilmCamera(0.0, 0.0, 0.0, 0.0, 1.0, (0.0, 0.0), (0.0, float(height)))
        return Scene(flat, np.arange(len(flat)).reshape(-1, 3)).sight(above, self.size)


def atlas_of(vertices: np.ndarray, faces: np.ndarray) -> Atlas:
    """Return an atlas of a mesh: vertices (V, 3), faces (F, 3). Their order stays."""
    made = xatlas.Atlas()
    made.add_mesh(np.ascontiguousarray(vertices, np.float32), np.ascontiguousarray(faces, np.uint32))
    charts, packing = xatlas.ChartOptions(), xatlas.PackOptions()
    charts.max_iterations, charts.max_cost = 1, MAX_COST
    packing.resolution, packing.padding = SIDE, PADDING
    made.generate(charts, packing)
    _, corners, uv = made[0]
    return Atlas(np.ascontiguousarray(uv[corners], np.float32), (max(1, int(made.height)), max(1, int(made.width))))
