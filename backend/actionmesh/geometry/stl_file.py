"""Stereolithography, .stl, binary or text: three vertices a triangle, none of them shared."""

import io
import struct

import numpy as np
from trimesh.exchange.stl import load_stl_ascii, load_stl_binary

from .reading import Surface


def read_stl(data: bytes) -> Surface:
    """Binary if it is as long as its header says, else text, which may hold several solids."""
    if len(data) >= 84 and len(data) == 84 + 50 * struct.unpack_from("<I", data, 80)[0]:
        solids = [load_stl_binary(io.BytesIO(data))]
    else:
        text = data.decode("utf-8", "replace").rstrip()
        if not text.rpartition("\n")[2].lstrip().lower().startswith("endsolid"):
            raise ValueError("no end of a solid")
        loaded = load_stl_ascii(io.StringIO(text))
        solids = [*loaded.get("geometry", {"only": loaded}).values()]
    vertices = np.concatenate([solid["vertices"] for solid in solids])
    return vertices, np.arange(len(vertices)).reshape(-1, 3)
