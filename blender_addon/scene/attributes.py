"""An attribute of all items in one of Blender's collections, as an array."""

from typing import Any

import numpy as np


def read_all(items: Any, name: str, *shape: int, kind: type[np.generic] = np.float32) -> np.ndarray:
    """Return an attribute of every item, (N, *shape): `read_all(mesh.vertices, "co", 3)`."""
    values = np.empty((len(items), *shape), kind)
    items.foreach_get(name, values.ravel())
    return values
