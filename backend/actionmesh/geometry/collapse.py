"""Edge collapse by quadric error (Garland and Heckbert 1997), by fast_simplification.

As a script it reads a mesh from standard input and writes one to standard output (see `decimation`). It imports nothing
from the package, so that the process starts quickly.

    python collapse.py MAX_FACES < mesh > collapsed
"""

import io
import sys

import numpy as np


def collapse(vertices: np.ndarray, faces: np.ndarray, max_faces: int) -> tuple[np.ndarray, np.ndarray]:
    """Collapse (V, 3) vertices and (F, 3) faces, with F > `max_faces`, to at most `max_faces` faces.

    Returns:
        float32 vertices and int32 faces.
    """
    import fast_simplification

    vertices, faces = fast_simplification.simplify(vertices, faces.astype(np.int32), target_count=max_faces)
    return vertices.astype(np.float32), faces.astype(np.int32)


def pack(*arrays: np.ndarray) -> bytes:
    """Return the arrays as .npy files, one after the other."""
    stream = io.BytesIO()
    for array in arrays:
        np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def unpack(data: bytes, count: int) -> list[np.ndarray]:
    """Return the `count` arrays that `pack` packed.

    Raises:
        ValueError, EOFError: the data is not the output of `pack`.
    """
    stream = io.BytesIO(data)
    return [np.load(stream, allow_pickle=False) for _ in range(count)]


if __name__ == "__main__":
    found_vertices, found_faces = unpack(sys.stdin.buffer.read(), 2)
    sys.stdout.buffer.write(pack(*collapse(found_vertices, found_faces, int(sys.argv[1]))))
