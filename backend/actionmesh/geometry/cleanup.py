"""Clean-up of an extracted surface: merge vertices, reduce faces, drop small parts, remove folds and orient outward."""

from collections.abc import Callable

import numpy as np

from ..errors import MeshError
from ..presets import Preset
from .decimation import decimate
from .folds import unfold
from .surface import weld
from .triangles import edges_of, joined_by, keys_of

MAX_FACES = 40_000


def clean_up(
    vertices: np.ndarray,
    faces: np.ndarray,
    max_faces: int = MAX_FACES,
    smallest_part: float = Preset.smallest_part,
    check: Callable[[], None] = lambda: None,
) -> tuple[np.ndarray, np.ndarray]:
    """Merge, decimate, filter and unfold a surface.

    Args:
        vertices: (V, 3) float32; faces: (F, 3) int32 with one orientation throughout.
        max_faces: the largest number of faces to keep.
        smallest_part: drop parts with fewer faces than this share of the largest part's.
        check: called between the steps; an exception that it raises stops the work.
    Returns:
        vertices (V', 3) float32, all used, and faces (F', 3) int32, oriented outward.
    Raises:
        MeshError: no face has three distinct corners, or `max_faces` is so small that no face is left.
    """
    vertices, index = weld(vertices)
    faces = drop_degenerate(index[faces])
    if not len(faces):
        raise MeshError(
            "The surface that the model found is as small as a point.", "Use a clearer picture, or another seed."
        )
    check()
    vertices, faces = decimate(vertices, faces, max_faces, check)
    faces = drop_degenerate(faces)
    if not len(faces):
        problem = f"No face of the model's surface is left, because at most {max_faces} are allowed."
        raise MeshError(problem, "Allow more faces.")
    check()
    vertices, faces = drop_unused(vertices, orient(vertices, drop_small_parts(faces, smallest_part)))
    return unfold(vertices[None], faces)[0], faces


def drop_degenerate(faces: np.ndarray) -> np.ndarray:
    """Drop faces that use a vertex twice; of faces with the same three vertices, keep only the first."""
    a, b, c = faces.T
    faces = faces[(a != b) & (b != c) & (c != a)]
    corners = np.sort(faces, axis=1)
    order = np.lexsort(corners.T)  # unlike np.unique(axis=0), it releases Python's global lock
    first = np.diff(corners[order], axis=0, prepend=-1).any(axis=1)
    return faces[np.sort(order[first])]


def parts(faces: np.ndarray) -> np.ndarray:
    """Return the number of each face's connected part, (F,); faces that share an edge are connected."""
    keys = keys_of(edges_of(faces), faces.max() + 1)
    return joined_by(keys, np.tile(np.arange(len(faces)), 3), len(faces))


def drop_small_parts(faces: np.ndarray, smallest_part: float) -> np.ndarray:
    """Drop the parts with fewer faces than the share `smallest_part` of the largest part's."""
    part = parts(faces)
    sizes = np.bincount(part)
    return faces[sizes[part] >= smallest_part * sizes.max()]


def orient(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Flip all faces if the volume that they enclose, the sum of signed tetrahedra to the origin, is negative."""
    a, b, c = np.moveaxis(vertices.astype(np.float64)[faces], 1, 0)
    return faces[:, ::-1] if np.einsum("fx,fx->", a, np.cross(b, c)) < 0 else faces


def drop_unused(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Drop the vertices that no face uses."""
    used, corners = np.unique(faces, return_inverse=True)
    return vertices[used], corners.reshape(-1, 3).astype(np.int32)
