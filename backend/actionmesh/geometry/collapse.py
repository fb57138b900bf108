"""Edge collapse by quadric error (Garland and Heckbert 1997), by fast_simplification.

It imports nothing from the package: `decimation` runs it in another process.
"""

import numpy as np


def collapse(vertices: np.ndarray, faces: np.ndarray, max_faces: int | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Collapse (V, 3) vertices and (F, 3) faces, with F > `max_faces`, to at most `max_faces` faces.

    Returns:
        float32 vertices and int32 faces.
    """
    import fast_simplification

    vertices, faces = fast_simplification.simplify(vertices, faces.astype(np.int32), target_count=int(max_faces))
    return vertices.astype(np.float32), faces.astype(np.int32)
