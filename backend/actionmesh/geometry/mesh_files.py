"""Reads meshes: .glb, .gltf, .obj, .ply and .stl, every vertex once and in the file's order.

That order is the promise: whoever writes an animation back into the file finds vertex 17 at place 17. trimesh keeps it
for .stl (three vertices a triangle). It splits .obj vertices along UV seams and drops loose ones, reads no binary .ply
of mixed polygons, and leaves out sparse and normalised accessors of glTF; so these are read here. Polygons become fans
of triangles. Lines, points, colours, UVs and materials are left out.
"""

import base64
import io
import json
import re
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import numpy as np
from scipy.spatial.transform import Rotation
from trimesh.exchange.stl import load_stl_ascii, load_stl_binary

from ..errors import MeshError
from .mesh import Mesh

Surface = tuple[np.ndarray, np.ndarray]
"""Vertices (V, 3) and triangles (F, 3), of any number type."""

DAMAGED = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)
"""What reading nonsense raises."""

COMPRESSIONS = {
    "KHR_draco_mesh_compression": "Draco",
    "EXT_meshopt_compression": "meshopt",
    "KHR_meshopt_compression": "meshopt",
}


def load_mesh(path: str | Path) -> Mesh:
    """Reads a mesh file; its ending says which format, in upper or lower case.

    A glTF scene becomes one mesh in world space: see `primitives_of` for the order. Skins and the weights of morph
    targets are not applied.

    Raises:
        MeshError: the file is missing, empty, damaged, compressed, of another format, or has no surface.
    """
    path = Path(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise MeshError(
            f"{path} is not a mesh file that can be read; known endings are {', '.join(READERS)}.", "Export it as .glb."
        )
    data = _read(path)
    if not data:
        raise MeshError(f"{path} is empty.", "Export it again.")
    try:
        vertices, faces = reader(path, data)
        with np.errstate(over="ignore", invalid="ignore"):
            vertices = vertices.astype(np.float32)
        return Mesh(vertices, faces.astype(np.int32), path)
    except DAMAGED as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> MeshError:
    ending = path.suffix.lower().removeprefix(".")
    return MeshError(f"{path} is damaged, or is no {ending} file.", "Export it again.")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise MeshError(f"There is no file {path}.", "Check its name and folder.") from error
    except IsADirectoryError as error:
        raise MeshError(f"{path} is a folder.", "Name a mesh file in it.") from error
    except OSError as error:
        raise MeshError(f"{path} cannot be opened ({error.strerror}).", "Check that you may read it.") from error


def _fans(polygons: list) -> np.ndarray:
    """Polygons, each a sequence of corners, to (F, 3) triangles around their first corners, in order."""
    triangles = [(p[0], p[k], p[k + 1]) for p in polygons for k in range(1, len(p) - 1)]
    return np.array(triangles, np.int64).reshape(-1, 3)


def _read_stl(path: Path, data: bytes) -> Surface:
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


def _read_obj(path: Path, data: bytes) -> Surface:
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
    return np.array(vertices).reshape(-1, 3), _fans(polygons)


def _obj_corner(field: str, count: int) -> int:
    """`7`, `7/1`, `7//2` or `7/1/2`: a vertex counted from 1, or backwards from the last one so far."""
    number = int(field.split("/", 1)[0])
    if number == 0 or number < -count:
        raise ValueError(f"a face names vertex {number}")
    return number - 1 if number > 0 else count + number


PLY_CODES = dict(char="b", uchar="B", short="h", ushort="H", int="i", uint="I", float="f", double="d")
PLY_CODES |= dict(int8="b", uint8="B", int16="h", uint16="H", int32="i", uint32="I", float32="f", float64="d")
PLY_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">"}


def _read_ply(path: Path, data: bytes) -> Surface:
    """ASCII or binary, with any other elements and properties between the ones that matter."""
    end = re.search(rb"^end_header[ \t]*\r?\n", data, re.MULTILINE)
    if not data.startswith(b"ply") or end is None:
        raise ValueError("no ply header")
    lines = [line.split() for line in data[: end.start()].decode("ascii", "replace").splitlines()]
    [form] = [line[1] for line in lines if line[:1] == ["format"]]
    take = _ascii_taker(data[end.end() :]) if form == "ascii" else _binary_taker(data, end.end(), PLY_ORDERS[form])
    rows = {name: _ply_rows(properties, count, take) for name, count, properties in _ply_elements(lines)}
    polygons = [row.get("vertex_indices", row.get("vertex_index")) for row in rows.get("face", [])]
    return np.array([(row["x"], row["y"], row["z"]) for row in rows["vertex"]]).reshape(-1, 3), _fans(polygons)


def _ply_elements(lines: list[list[str]]) -> list[tuple[str, int, list[list[str]]]]:
    """Name, number of rows and properties of each element: [type, name] or ["list", type of count, type, name]."""
    elements: list[tuple[str, int, list[list[str]]]] = []
    for line in lines:
        if line[:1] == ["element"]:
            elements.append((line[1], int(line[2]), []))
        elif line[:1] == ["property"]:
            elements[-1][2].append(line[1:])
    return elements


def _ply_rows(properties: list[list[str]], count: int, take: Callable[[str], tuple]) -> list[dict]:
    names = [each[-1] for each in properties]
    if all(each[0] != "list" for each in properties):
        codes = "".join(PLY_CODES[each[0]] for each in properties)
        return [dict(zip(names, take(codes), strict=True)) for _ in range(count)]
    return [{each[-1]: _ply_value(each, take) for each in properties} for _ in range(count)]


def _ply_value(kind: list[str], take: Callable[[str], tuple]) -> float | tuple:
    if kind[0] != "list":
        return take(PLY_CODES[kind[0]])[0]
    (length,) = take(PLY_CODES[kind[1]])
    return take(f"{int(length)}{PLY_CODES[kind[2]]}")


def _binary_taker(data: bytes, start: int, order: str) -> Callable[[str], tuple]:
    """A function that gives the next numbers of the file, for codes of `struct`."""

    def take(codes: str) -> tuple:
        nonlocal start
        values = struct.unpack_from(order + codes, data, start)
        start += struct.calcsize(order + codes)
        return values

    return take


def _ascii_taker(body: bytes) -> Callable[[str], tuple]:
    words, start = body.split(), 0

    def take(codes: str) -> tuple:
        nonlocal start
        count = int(codes[:-1]) if codes[:-1].isdigit() else len(codes)
        if count > len(words) - start:
            raise ValueError("it ends too early")
        start += count
        return tuple(map(float, words[start - count : start]))

    return take


@dataclass(frozen=True, eq=False)
class Primitive:
    """Which of a mesh's vertices are which of a glTF file's.

    Args:
        node, mesh, primitive: indices into the file's nodes and meshes, and into the mesh's primitives.
        vertices: the slice of `load_mesh(path).vertices` that holds this primitive's POSITION values, in order.
        world: (4, 4) float64, from the values in the file (column vectors) to the vertices.
    """

    node: int
    mesh: int
    primitive: int
    vertices: slice
    world: np.ndarray


def primitives_of(path: str | Path) -> list[Primitive]:
    """Lists a .glb or .gltf file's primitives in the order in which `load_mesh` joins them.

    The nodes of the shown scene (else of the first; all root nodes if there is none) are walked depth first, the last
    sibling first, as trimesh does; in a node, the primitives of its mesh in order. Those that are not triangles (in
    lists, strips or fans) are left out. Two nodes with one mesh are two sets of vertices, and so are two primitives
    with one accessor. A skinned mesh is where its node puts it, too.

    Raises:
        MeshError: as `load_mesh`.
    """
    path = Path(path)
    try:
        return [primitive for primitive, _ in _gltf_primitives(GltfFile(path, _read(path)))]
    except DAMAGED as error:
        raise _damaged(path) from error


def _read_gltf(path: Path, data: bytes) -> Surface:
    """All primitives in world space; a node that mirrors turns its faces over, so that outside stays outside."""
    file = GltfFile(path, data)
    vertices, faces = [np.empty((0, 3))], [np.empty((0, 3), np.int64)]
    for primitive, content in _gltf_primitives(file):
        local = file.array(content["attributes"]["POSITION"]).astype(np.float64)
        triangles = _gltf_triangles(file, content, len(local)) + primitive.vertices.start
        mirrors = np.linalg.det(primitive.world[:3, :3]) < 0
        vertices.append(local @ primitive.world[:3, :3].T + primitive.world[:3, 3])
        faces.append(triangles[:, ::-1] if mirrors else triangles)
    return np.concatenate(vertices), np.concatenate(faces)


def _gltf_primitives(file: "GltfFile") -> Iterator[tuple[Primitive, dict]]:
    start = 0
    for node, world in _gltf_nodes(file.json):
        mesh = file.json["nodes"][node].get("mesh")
        contents = file.json["meshes"][mesh]["primitives"] if mesh is not None else []
        for index, content in enumerate(contents):
            if content.get("mode", 4) not in (4, 5, 6) or "POSITION" not in content["attributes"]:
                continue
            end = start + file.json["accessors"][content["attributes"]["POSITION"]]["count"]
            yield Primitive(node, mesh, index, slice(start, end), world), content
            start = end


def _gltf_triangles(file: "GltfFile", content: dict, count: int) -> np.ndarray:
    """(F, 3) indices into the primitive's own vertices; a strip turns every second triangle over."""
    corners = file.array(content["indices"])[:, 0].astype(np.int64) if "indices" in content else np.arange(count)
    if len(corners) and corners.max() >= count:
        raise ValueError(f"a face names vertex {corners.max()} of {count}")
    if content.get("mode", 4) == 4:
        return corners.reshape(-1, 3)
    if content["mode"] == 6:
        return _fans([corners])
    strip = np.lib.stride_tricks.sliding_window_view(corners, 3).copy()
    strip[1::2] = strip[1::2, ::-1]
    return strip


def _gltf_nodes(content: dict) -> Iterator[tuple[int, np.ndarray]]:
    """The shown scene's nodes and their world matrices, last sibling first."""
    nodes = content.get("nodes", [])
    children = {child for node in nodes for child in node.get("children", [])}
    scenes = content.get("scenes") or [{"nodes": [index for index in range(len(nodes)) if index not in children]}]
    stack = [(root, np.eye(4)) for root in scenes[content.get("scene", 0)].get("nodes", [])]
    seen = set()
    while stack:
        index, parent = stack.pop()
        if index in seen:
            raise ValueError(f"node {index} is in the scene twice")
        seen.add(index)
        world = parent @ _gltf_matrix(nodes[index])
        yield index, world
        stack += [(child, world) for child in nodes[index].get("children", [])]


def _gltf_matrix(node: dict) -> np.ndarray:
    """(4, 4) float64: the node's matrix, stored by columns, or translation @ rotation @ scale."""
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T
    matrix = np.eye(4)
    turn = Rotation.from_quat(node.get("rotation", (0, 0, 0, 1))).as_matrix()
    matrix[:3, :3] = turn * np.array(node.get("scale", (1, 1, 1)), np.float64)
    matrix[:3, 3] = node.get("translation", (0, 0, 0))
    return matrix


class GltfFile:
    """A glTF 2.0 file's JSON and the numbers behind its accessors (specification, sections 3.6 and 4.4)."""

    TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
    WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}

    def __init__(self, path: Path, data: bytes):
        self.path, self._binary = path, b""
        if data[:4] == b"glTF":
            data, self._binary = _glb_chunks(data)
        self.json = json.loads(data)
        if not str(self.json["asset"]["version"]).startswith("2"):
            raise ValueError("not version 2")

    def array(self, index: int) -> np.ndarray:
        """(count, width) values of an accessor; normalised whole numbers as float64 from -1 or 0 to 1."""
        accessor = self.json["accessors"][index]
        component, shape = accessor["componentType"], accessor["type"]
        values = self._values(accessor, accessor["count"], component, shape)
        if "sparse" in accessor:
            count, at, new = (accessor["sparse"][key] for key in ("count", "indices", "values"))
            rows = self._values(at, count, at["componentType"], "SCALAR")[:, 0]
            values[rows] = self._values(new, count, component, shape)
        if accessor.get("normalized") and values.dtype.kind in "iu":
            return np.maximum(values / np.float64(np.iinfo(values.dtype).max), -1)
        return values

    def _values(self, source: dict, count: int, component: int, shape: str) -> np.ndarray:
        kind, width = np.dtype(self.TYPES[component]), self.WIDTHS[shape]
        if "bufferView" not in source:
            self._refuse_compression(self.json.get("extensionsUsed", ()))
            return np.zeros((count, width), kind)
        view = self.json["bufferViews"][source["bufferView"]]
        self._refuse_compression(view.get("extensions", ()))
        first, start = view.get("byteOffset", 0), source.get("byteOffset", 0)
        data = self._buffer(view["buffer"])[first : first + view["byteLength"]]
        stride = view.get("byteStride", kind.itemsize * width)
        return np.ndarray((count, width), kind, data, start, (stride, kind.itemsize)).copy()

    def _buffer(self, index: int) -> bytes:
        uri = self.json["buffers"][index].get("uri")
        if uri is None:
            return self._binary
        if uri.startswith("data:"):
            return base64.b64decode(uri.partition(",")[2])
        return _read(self.path.parent / unquote(uri))

    def _refuse_compression(self, extensions: Iterable[str]) -> None:
        """Compressed numbers are in a view that says so (meshopt), or in none (Draco)."""
        for name in sorted(COMPRESSIONS.keys() & set(extensions)):
            raise MeshError(
                f"{self.path} is compressed with {COMPRESSIONS[name]}, which cannot be read here.",
                "Export it again without compression.",
            )


def _glb_chunks(data: bytes) -> tuple[bytes, bytes]:
    """The JSON and the binary chunk of a .glb file; the second may be missing."""
    chunks: dict[bytes, bytes] = {}
    start = 12
    while start < struct.unpack_from("<I", data, 8)[0]:
        length, kind = struct.unpack_from("<I4s", data, start)
        start += 8 + length
        if start > len(data):
            raise ValueError("it ends too early")
        chunks.setdefault(kind, data[start - length : start])
    return chunks[b"JSON"], chunks.get(b"BIN\0", b"")


READERS: dict[str, Callable[[Path, bytes], Surface]] = {
    ".glb": _read_gltf,
    ".gltf": _read_gltf,
    ".obj": _read_obj,
    ".ply": _read_ply,
    ".stl": _read_stl,
}
