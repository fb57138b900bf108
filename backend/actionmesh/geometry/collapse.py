"""Edge collapse by quadric error (Garland and Heckbert 1997), by fast_simplification.

Run as a script it takes a mesh on its input and gives one on its output (see `decimation`). So it stands alone: nothing of
the package is imported, and the process starts at once.

    python collapse.py MAX_FACES < mesh > collapsed
"""

import io
import sys

import numpy as np


def collapse(vertices: np.ndarray, faces: np.ndarray, max_faces: int) -> tuple[np.ndarray, np.ndarray]:
    """(V, 3) vertices and (F, 3) faces, more than `max_faces`, to float32 vertices and int32 faces of at most so many."""
    import fast_simplification

    vertices, faces = fast_simplification.simplify(vertices, faces.astype(np.int32), target_count=max_faces)
    return vertices.astype(np.float32), faces.astype(np.int32)


def pack(*arrays: np.ndarray) -> bytes:
    """Arrays one after the other, as .npy files."""
    stream = io.BytesIO()
    for array in arrays:
        np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def unpack(data: bytes, count: int) -> list[np.ndarray]:
    """The arrays of `pack`; raises ValueError or EOFError if that is not what it is."""
    stream = io.BytesIO(data)
    return [np.load(stream, allow_pickle=False) for _ in range(count)]


if __name__ == "__main__":
    found_vertices, found_faces = unpack(sys.stdin.buffer.read(), 2)
    sys.stdout.buffer.write(pack(*collapse(found_vertices, found_faces, int(sys.argv[1]))))
