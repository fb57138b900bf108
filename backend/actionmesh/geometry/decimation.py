"""Decimation that does not block other threads.

fast_simplification holds Python's global lock while it works: 0.8 s for 200 000 faces. Meanwhile the denoiser could not
launch its next kernels. Large meshes are therefore collapsed in a separate process, which can also be stopped.
"""

from collections.abc import Callable

import numpy as np

from ..side_process import beside_or_here
from .collapse import collapse

FACES_HERE = 100_000
"""Meshes with at most this many faces are collapsed in this process: they take 0.25 s, starting another half that."""


def decimate(
    vertices: np.ndarray, faces: np.ndarray, max_faces: int, check: Callable[[], None] = lambda: None
) -> tuple[np.ndarray, np.ndarray]:
    """Collapse edges until at most `max_faces` faces are left.

    Args:
        vertices: (V, 3) float32; faces: (F, 3) int32.
        check: called regularly while another process works; an exception that it raises stops the work.
    """
    if len(faces) <= max_faces:
        return vertices, faces
    if len(faces) <= FACES_HERE:
        return collapse(vertices, faces, max_faces)
    vertices, faces = beside_or_here(collapse, (vertices, faces, np.array(max_faces)), "Decimating the mesh", check)
    return vertices, faces
