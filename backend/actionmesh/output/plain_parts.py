"""The UVs, normals, colours and materials of the triangles in an .obj, .ply or .stl file, corner by corner."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image
from trimesh.exchange.obj import parse_mtl
from trimesh.visual.material import SimpleMaterial

from ..geometry.mesh import Mesh
from ..geometry.mesh_corners import uv_of_ply
from ..geometry.plain_files import ObjFile, PlyFile, parse_obj, parse_ply
from ..geometry.polygons import cut_up
from ..geometry.reading import plain, read_bytes
from ..intake import open_picture
from .source_pictures import Folder

MOST_MATERIALS = 2000
UV_OF_VERTICES = (("s", "t"), ("u", "v"), ("texture_u", "texture_v"))
RED_GREEN_BLUE = ("red", "green", "blue")


@dataclass
class Part:
    """Triangles of one material, corner by corner.

    Args:
        rows: (F, 3) the mesh's vertex at each corner.
        uv: (F, 3, 2), origin at the lower left; None if there are none.
        normals: (F, 3, 3); None if there are none.
        colours: (V, 4) uint8 of the mesh's vertices, or (F, 4) of the triangles.
        material: None means clay.
    """

    rows: np.ndarray
    uv: np.ndarray | None = None
    normals: np.ndarray | None = None
    colours: np.ndarray | None = None
    material: SimpleMaterial | None = None


@dataclass
class Parts:
    parts: list[Part]
    notes: list[str] = field(default_factory=list)


def parts_of(mesh: Mesh, path: Path) -> Parts:
    """Return the parts of a mesh that was read from the file at `path`."""
    ending, data = path.suffix.lower(), read_bytes(path)
    if ending == ".obj":
        return _of_obj(parse_obj(data), path.parent)
    if ending == ".ply":
        return _of_ply(parse_ply(data), len(mesh.vertices), path.parent)
    return Parts([Part(mesh.faces)])


def _of_obj(file: ObjFile, folder: Path) -> Parts:
    resolver = Folder(folder)
    triangles = cut_up([[corner[0] for corner in polygon] for polygon in file.polygons], file.points())
    starts = np.cumsum([0, *map(len, file.polygons)])[:-1]
    corners = starts[triangles.polygon][:, None] + triangles.corners
    flat = [corner for polygon in file.polygons for corner in polygon]
    uv = _values(file.uv, [corner[1] for corner in flat], 2)[corners]
    normals = _values(file.normals, [corner[2] for corner in flat], 3)[corners]
    colours = _colours_of_obj(file)
    made = Parts([], resolver.notes)
    for material, mine in _by_material(file, resolver, triangles.polygon):
        made.parts.append(Part(triangles.faces[mine], _if_any(uv[mine]), _if_all(normals[mine]), colours, material))
    return made


def _by_material(
    file: ObjFile, resolver: Folder, polygon: np.ndarray
) -> Iterator[tuple[SimpleMaterial | None, np.ndarray]]:
    """Yield each material and its triangles (n,); triangles without a material are one clay part.

    Args:
        polygon: (F,) the polygon of each triangle.
    """
    known = _materials(file, resolver)
    if len(known) > MOST_MATERIALS:
        resolver.notes.append(f"The materials were left out: there are {len(known)}; the limit is {MOST_MATERIALS}.")
        known = {}
    number = {name: k for k, name in enumerate(known)}
    of_triangle = np.array([number.get(name, len(known)) for name in file.materials], np.int64)[polygon]
    order = np.argsort(of_triangle, kind="stable")
    for mine in np.split(order, np.flatnonzero(np.diff(of_triangle[order])) + 1):
        yield (*known.values(), None)[of_triangle[mine[0]]], mine


def _values(listed: list[list[float]], named: list[int | None], width: int) -> np.ndarray:
    """Return the values (corners, width) float64 that the corners refer to; NaN where a corner refers to none."""
    values = np.array([*listed, [np.nan] * width], np.float64).reshape(-1, width)
    at = np.array([-1 if index is None or not 0 <= index < len(listed) else index for index in named], np.int64)
    return np.where(np.isfinite(values).all(axis=1, keepdims=True), values, np.nan)[at]


def _if_any(uv: np.ndarray) -> np.ndarray | None:
    return None if np.isnan(uv).all() else np.nan_to_num(uv, nan=0.0)


def _if_all(normals: np.ndarray) -> np.ndarray | None:
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    return normals / length if np.isfinite(length).all() and (length > 0).all() else None


def _colours_of_obj(file: ObjFile) -> np.ndarray | None:
    if not all(len(vertex) >= 6 for vertex in file.vertices):
        return None
    return _as_bytes(np.array([vertex[3:6] for vertex in file.vertices]))


def _as_bytes(colours: np.ndarray) -> np.ndarray:
    """Return colours (n, 3 or 4) from 0 to 1 as (n, 4) uint8."""
    opaque = np.column_stack([colours, np.ones(len(colours))])[:, :4]
    return np.rint(255 * np.nan_to_num(opaque).clip(0, 1)).astype(np.uint8)


def _materials(file: ObjFile, resolver: Folder) -> dict[str, SimpleMaterial]:
    """Return the materials of the libraries that the file names, without those that cannot be read."""
    found: dict[str, SimpleMaterial] = {}
    for library in dict.fromkeys(file.libraries):
        text = plain(resolver.library(library)).decode("utf-8", "replace")  # the .obj's encoding; trimesh would guess
        for name, properties in parse_mtl(text, resolver).items():
            found[name] = SimpleMaterial(**_sound(properties))
    return found


def _sound(properties: dict) -> dict:
    """Return the valid properties of a material: colours from 0 to 1, a finite gloss."""
    made = {key: properties[key] for key in ("name", "image") if key in properties}
    for key in ("diffuse", "ambient", "specular"):
        colour = np.ravel(properties.get(key, []))
        if len(colour) == 3 and np.isfinite(colour).all():
            made[key] = colour.clip(0, 1).tolist()
    gloss = np.ravel(properties.get("glossiness", []))
    if len(gloss) == 1 and np.isfinite(gloss).all():
        made["glossiness"] = float(gloss[0].clip(0, 1000))
    return made


def _of_ply(file: PlyFile, count: int, folder: Path) -> Parts:
    resolver, triangles = Folder(folder), file.triangles()
    uv = uv_of_ply(file, triangles)
    vertex = file.columns["vertex"]
    for s, t in UV_OF_VERTICES:
        if uv is None and s in vertex and t in vertex:
            uv = np.nan_to_num(np.stack([vertex[s], vertex[t]], axis=1).astype(np.float64))[triangles.faces]
    colours = _colours_of_ply(file, "vertex")
    if colours is None:
        of_faces = _colours_of_ply(file, "face")
        colours = None if of_faces is None else of_faces[triangles.polygon]
    material = None
    if file.picture and uv is not None:
        material = _painted(resolver, file.picture)
    if material is None and colours is not None:
        uv = None
    return Parts([Part(triangles.faces, uv, None, colours, material)], resolver.notes)


def _painted(resolver: Folder, name: str) -> SimpleMaterial | None:
    try:
        return SimpleMaterial(image=_decoded(resolver.get(name)), diffuse=(255, 255, 255, 255))
    except FileNotFoundError:
        return None


def _decoded(data: bytes) -> Image.Image:
    with open_picture(io.BytesIO(data)) as picture:
        picture.load()
        whole = picture.copy()
        whole.format = picture.format  # so that a JPEG stays a JPEG
        return whole


def _colours_of_ply(file: PlyFile, element: str) -> np.ndarray | None:
    columns, kinds = file.columns.get(element, {}), file.kinds.get(element, {})
    if not all(name in columns for name in RED_GREEN_BLUE):
        return None
    names = [*RED_GREEN_BLUE, *(["alpha"] if "alpha" in columns else [])]
    full = {"uchar": 255, "uint8": 255, "ushort": 65535, "uint16": 65535}
    return _as_bytes(
        np.stack([np.asarray(columns[name], np.float64) / full.get(kinds[name], 1) for name in names], axis=1)
    )
