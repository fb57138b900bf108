"""A picture of a mesh file with its own materials, from one side, as the first frame of a clip."""

from pathlib import Path

import numpy as np

from ..animation import Animation, Provenance
from ..geometry.mesh_files import load_mesh
from ..geometry.strays import without_strays
from ..media.render import Camera, Light, render
from .appearance import read_appearance
from .gltf_source import open_source

FIELD_OF_VIEW = np.deg2rad(25)
"""That of a long lens, as product films have; near parts hardly look larger."""
HALF_EXTENT = 1.9
"""Distance from the picture's middle to its edge, in halves of the mesh's longest side: room for its diagonal."""
STUDIO = Light(direction=(-0.5, 0.8, 0.8), ambient=0.45, key=0.7, rim=0.1, wrap=0.4)


def draw_still(path: Path, yaw: float, size: int) -> np.ndarray:
    """Return a picture (size, size, 4) uint8 of a mesh, transparent around it.

    Args:
        yaw: degrees around +Y from +Z to the side that is seen.
    Raises:
        MeshError: the file cannot be read.
    """
    mesh = load_mesh(path)
    made = Provenance(clip="", mesh=str(path), seed=0, preset="", checkpoint="", version="")
    still = Animation(mesh.vertices[None], mesh.faces, np.zeros(1), 0, np.zeros(1, np.int64), made, origin=mesh.origin)
    surface = read_appearance(open_source(still, path))
    seen = without_strays(mesh).vertices.astype(np.float64)
    centre, extent = (seen.min(axis=0) + seen.max(axis=0)) / 2, float(np.ptp(seen, axis=0).max()) / 2
    scale = 1 / max(extent, float(np.finfo(np.float32).tiny))
    placed = (mesh.vertices[surface.rows] - centre) * scale
    camera = Camera(yaw=np.deg2rad(yaw), half_extent=HALF_EXTENT, field_of_view=FIELD_OF_VIEW)
    return render(placed, surface.faces, surface.texture, camera, size, STUDIO)
