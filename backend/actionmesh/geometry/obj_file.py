"""Wavefront .obj: positions and faces, every vertex once; trimesh would split them along UV seams and drop loose ones."""

import numpy as np

from .reading import Surface, fans


def read_obj(data: bytes) -> Surface:
    """Every `v` line is a vertex, whatever `vt`, `vn`, groups and materials do."""
    vertices: list[list[float]] = []
    polygons: list[list[int]] = []
    text = data.decode("utf-8", "replace").replace("\\\r\n", " ").replace("\\\n", " ")
    for line in text.splitlines():
        key, *fields = line.split("#", 1)[0].split() or [""]
        if key == "v":
            x, y, z = map(float, fields[:3])
            vertices.append([x, y, z])
        elif key == "f":
            polygons.append([_obj_corner(field, len(vertices)) for field in fields])
    return np.array(vertices).reshape(-1, 3), fans(polygons)


def _obj_corner(field: str, count: int) -> int:
    """`7`, `7/1`, `7//2` or `7/1/2`: a vertex counted from 1, or backwards from the last one so far."""
    number = int(field.split("/", 1)[0])
    if number == 0 or number < -count:
        raise ValueError(f"a face names vertex {number}")
    return number - 1 if number > 0 else count + number
