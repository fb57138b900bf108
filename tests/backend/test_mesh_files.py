"""Every vertex of a file comes back once, in the file's order; what is not a mesh is refused in one sentence."""

import base64
import json
import struct
from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from actionmesh.errors import MeshError
from actionmesh.geometry.gltf_extensions import forget, unread
from actionmesh.geometry.gltf_file import GltfFile
from actionmesh.geometry.gltf_scene import shown_primitives
from actionmesh.geometry.mesh import Mesh
from actionmesh.geometry.mesh_files import load_mesh
from actionmesh.geometry.plain_files import parse_obj, parse_ply
from tests.backend.gltf_files import Builder, grid, rich_scene

Polygons = list[list[int]]

SQUARE = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]
NUMBERS = {"float": "f", "double": "d", "int": "i", "uchar": "B", "short": "h"}


def fans(polygons: Polygons) -> list[list[int]]:
    triangles = []
    for first, *others in polygons:
        triangles += [[first, *pair] for pair in zip(others, others[1:], strict=False)]
    return triangles


@st.composite
def polygon_meshes(draw) -> tuple[np.ndarray, Polygons]:
    """Draw triangles, quads and n-gons over some of the vertices; others are loose."""
    count = draw(st.integers(4, 12))
    coordinate = st.floats(-100, 100, width=32)
    vertices = np.array(draw(st.lists(st.tuples(*[coordinate] * 3), min_size=count, max_size=count)), np.float32)
    vertices[:3] += np.float32([[0, 0, 0], [300, 0, 0], [0, 300, 0]])
    corners = st.lists(st.integers(0, count - 1), min_size=3, max_size=7, unique=True)
    polygons = draw(st.lists(corners, max_size=6))
    return vertices, [[0, 1, 2], *(polygon if bulges(vertices[polygon]) else polygon[:3] for polygon in polygons)]


def bulges(points: np.ndarray) -> bool:
    """Return whether no triangle of the fan from the first corner is flipped.

    Other polygons are triangulated by ear clipping, which has its own tests.
    """
    spokes = points[1:].astype(np.float64) - points[0]
    parts = np.cross(spokes[:-1], spokes[1:])
    return bool((parts @ parts.sum(axis=0) > 0).all())


def assert_reads(path: Path, vertices: np.ndarray, polygons: Polygons) -> None:
    mesh = load_mesh(path)
    np.testing.assert_array_equal(mesh.vertices, vertices)
    np.testing.assert_array_equal(mesh.faces, fans(polygons))
    assert (mesh.vertices.dtype, mesh.faces.dtype, mesh.path) == (np.float32, np.int32, path)


def obj_text(vertices: np.ndarray, polygons: Polygons, corner: str) -> str:
    lines = [f"v {x!r} {y!r} {z!r}" for x, y, z in vertices.tolist()] + ["vt 0 0", "vt 1 0", "vn 0 0 1"]
    lines += ["f " + " ".join(corner.format(k + 1, k - len(vertices)) for k in polygon) for polygon in polygons]
    return "\n".join(lines)


@settings(max_examples=25)
@given(polygon_meshes(), st.sampled_from(["{0}", "{0}/1", "{0}//1", "{0}/2/1", "{1}", "{1}/1/1"]))
def test_obj_round_trip(tmp_path_factory, mesh, corner):
    path = tmp_path_factory.mktemp("obj") / "shape.obj"
    path.write_text(obj_text(*mesh, corner))
    assert_reads(path, *mesh)


def test_obj_seams_groups_and_loose_vertices_do_not_reorder(tmp_path):
    text = """# a comment
mtllib lost.mtl
o first
v 9 9 9
v 0 0 0 0.5 0.5 0.5
v 1 0 0 # at the right
g upper
usemtl b
f 2/1 3/2 \\
  5/3
v 1 1 0
v 0 1 0
vt 0 0
vt 1 1
vt 0.5 0
usemtl a
f -4/3 -3/1 4/2 5/1
l 1 2
v 5 5 5
"""
    path = tmp_path / "seams.OBJ"
    path.write_text(text.replace("\n", "\r\n"))
    vertices = [[9, 9, 9], [0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [5, 5, 5]]
    assert_reads(path, np.array(vertices, np.float32), [[1, 2, 4], [1, 2, 3, 4]])


def ply_bytes(vertices: np.ndarray, polygons: Polygons, form: str) -> bytes:
    """Return a PLY with a normal, a colour, a list before the corners, and elements that no reader needs."""
    order = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}[form]
    header = f"""ply
format {form} 1.0
comment end_header is not here
element camera 1
property short focus
property list uchar short lenses
element vertex {len(vertices)}
property uchar red
property double x
property float y
property float z
element face {len(polygons)}
property list uchar float texcoord
property uchar flags
property list uchar int vertex_indices
element edge 1
property int vertex1
property int vertex2
end_header
"""
    rows = [[("short", 7), ("uchar", 2), ("short", -1), ("short", 5)]]
    rows += [[("uchar", 200), ("double", x), ("float", y), ("float", z)] for x, y, z in vertices.tolist()]
    for p in polygons:
        rows.append(
            [("uchar", 2), ("float", 0.5), ("float", 1), ("uchar", 0), ("uchar", len(p)), *[("int", k) for k in p]]
        )
    rows.append([("int", 0), ("int", 1)])
    if form == "ascii":
        return (header + "\n".join(" ".join(repr(value) for _, value in row) for row in rows)).encode()
    body = b"".join(struct.pack(order + NUMBERS[kind], value) for row in rows for kind, value in row)
    return header.replace("\n", "\r\n").encode() + body


@settings(max_examples=25)
@given(polygon_meshes(), st.sampled_from(["ascii", "binary_little_endian", "binary_big_endian"]))
def test_ply_round_trip(tmp_path_factory, mesh, form):
    path = tmp_path_factory.mktemp("ply") / "shape.ply"
    path.write_bytes(ply_bytes(*mesh, form))
    assert_reads(path, *mesh)


@pytest.mark.parametrize("encoding", ["ascii", "binary"])
def test_ply_of_trimesh_keeps_loose_vertices(tmp_path, encoding):
    vertices, faces = grid()
    vertices = np.insert(vertices, 3, (7, 7, 7), axis=0).astype(np.float32)
    faces = faces + (faces >= 3)
    path = tmp_path / "shape.ply"
    colours = np.full((len(vertices), 4), 9, np.uint8)
    trimesh.Trimesh(vertices, faces, vertex_colors=colours, process=False).export(path, encoding=encoding)
    mesh = load_mesh(path)
    np.testing.assert_allclose(mesh.vertices, vertices, atol=1e-6)
    np.testing.assert_array_equal(mesh.faces, faces)


PLY_WITH_LISTS = """ply
format ascii 1.0
element edge 0
property list uchar int ends
element nothing 0
property float x
element vertex 4
property float x
property float y
property float z
element face 2
property list uchar int vertex_indices
property list uchar float texcoord
element weight 3
property float w
end_header
0 0 0
1 0 0
1 1 0
0 1 0
3 0 1 2 0
3 0 2 3 2 .5 .5
7 8 9
"""


def test_elements_without_rows_and_lists_without_values_are_read():
    """The last element has as many rows as the file has words left."""
    file = parse_ply(PLY_WITH_LISTS.encode())
    assert file.columns["edge"] == {"ends": []} and len(file.columns["nothing"]["x"]) == 0
    assert file.triangles().faces.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert [list(row) for row in file.columns["face"]["texcoord"]] == [[], [0.5, 0.5]]
    assert list(file.columns["weight"]["w"]) == [7, 8, 9]


@pytest.mark.parametrize(
    ("good", "bad"),
    [("3 0 1 2 0", "3 0 1.5 2 0"), ("3 0 1 2 0", "-1 0"), ("3 0 1 2 0", "3 0 nan 2 0"), ("weight 3", "weight 4"),
     ("edge 0", "edge -1")],
)  # fmt: skip
def test_a_ply_whose_numbers_are_no_counts_or_corners_is_refused(tmp_path, good, bad):
    assert good in PLY_WITH_LISTS
    (tmp_path / "odd.ply").write_text(PLY_WITH_LISTS.replace(good, bad))
    with pytest.raises(MeshError, match="odd.ply"):
        load_mesh(tmp_path / "odd.ply")


def test_a_ply_of_points_alone_has_no_faces(tmp_path):
    points = PLY_WITH_LISTS.replace("element face 2", "element face 0").replace("3 0 1 2 0\n3 0 2 3 2 .5 .5\n", "")
    (tmp_path / "points.ply").write_text(points)
    with pytest.raises(MeshError, match="no faces, only 4 vertices"):
        load_mesh(tmp_path / "points.ply")


def test_the_lines_of_an_obj_are_kept():
    """A `vt` line may have one to three numbers, of which two count; a corner may count backwards."""
    lines = (
        "v 0 0 0 1 0 0",
        "v 1 0 0",
        "v 0 1 0",
        "vt .25",
        "vt .5 .75 1",
        "vn 0 0 1 9",
        "usemtl  red ",
        "f 1/1/1 2/-1 -1//-1",
    )
    file = parse_obj("\n".join(["mtllib a b.mtl", *lines]).encode())
    assert file.uv == [[0.25, 0], [0.5, 0.75]] and file.normals == [[0, 0, 1]]
    assert file.vertices[0] == [0, 0, 0, 1, 0, 0] and file.points().tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    assert file.polygons == [[(0, 0, 0), (1, 1, None), (2, None, 0)]]
    assert file.materials == ["red"] and file.libraries == ["a b.mtl"]


@pytest.mark.parametrize("line", ["v 0 0", "vt", "vn 0 1", "f 1 2 0", "f 1 2 -4", "f a b c", "v 0 0 x"])
def test_a_line_of_an_obj_with_too_few_numbers_is_named(line):
    with pytest.raises(ValueError, match="^line 4: "):
        parse_obj(b"v 0 0 0\nv 1 0 0\nv 0 1 0\n" + line.encode())


@pytest.mark.parametrize("kind", ["stl", "stl_ascii"])
def test_stl_has_three_vertices_a_triangle(tmp_path, kind):
    vertices, faces = grid()
    path = tmp_path / "shape.stl"
    trimesh.Trimesh(vertices, faces, process=False).export(path, file_type=kind)
    mesh = load_mesh(path)
    np.testing.assert_allclose(mesh.vertices, vertices[faces].reshape(-1, 3), atol=1e-6)
    np.testing.assert_array_equal(mesh.faces, np.arange(3 * len(faces)).reshape(-1, 3))


def test_stl_solids_follow_each_other(tmp_path):
    triangle = "solid {0}\nfacet normal 0 0 1\nouter loop\nvertex {1} 0 0\nvertex {1} 1 0\nvertex 9 0 1\n"
    triangle += "endloop\nendfacet\nendsolid {0}\n"
    path = tmp_path / "two.stl"
    path.write_text(triangle.format("b", 1) + triangle.format("a", 2))
    np.testing.assert_array_equal(load_mesh(path).vertices[:, 0], [1, 1, 9, 2, 2, 9])


def test_gltf_scene_is_in_world_space_as_trimesh_has_it(tmp_path):
    path = rich_scene().save(tmp_path / "scene.glb")
    mesh = load_mesh(path)
    scene = trimesh.load_scene(path, process=False)
    surfaces = [part for part in scene.dump() if isinstance(part, trimesh.Trimesh)]
    expected = trimesh.util.concatenate(surfaces)
    np.testing.assert_allclose(mesh.vertices, expected.vertices, atol=1e-5)
    assert len(mesh.faces) == len(expected.faces)


def test_primitives_say_where_their_vertices_are(tmp_path):
    builder = rich_scene()
    path = builder.save(tmp_path / "scene.glb")
    vertices = load_mesh(path).vertices
    primitives = [primitive for primitive, _ in shown_primitives(GltfFile(path, path.read_bytes()).json)]
    assert [(p.node, p.mesh, p.primitive) for p in primitives] == [(3, 1, 0), (2, 1, 0), (1, 0, 0), (1, 0, 1)]
    sides = {(0, 0): grid(4, 0), (0, 1): grid(3, 1), (1, 0): grid(3, 2)}
    covered = []
    for p in primitives:
        local = sides[p.mesh, p.primitive][0]
        covered += range(p.vertices.start, p.vertices.stop)
        np.testing.assert_allclose(local @ p.world[:3, :3].T + p.world[:3, 3], vertices[p.vertices], atol=1e-5)
    assert covered == list(range(len(vertices)))


def single(builder: Builder, primitive: dict, **node: object) -> Builder:
    builder.json |= {
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, **node}],
        "meshes": [{"primitives": [primitive]}],
    }
    return builder


def test_gltf_positions_are_the_files_own_bits(tmp_path):
    builder = Builder()
    vertices, faces = grid()
    path = single(builder, builder.primitive(vertices / 3, faces)).save(tmp_path / "plain.glb")
    np.testing.assert_array_equal(load_mesh(path).vertices, vertices / 3)
    np.testing.assert_array_equal(load_mesh(path).faces, faces)


@pytest.mark.parametrize("scale", [(1, 1, 1), (-1, 2, 1), (-1, -1, -1)])
def test_a_mirrored_node_keeps_the_outside_out(tmp_path, scale):
    ball = trimesh.creation.icosphere(subdivisions=1)
    builder = Builder()
    primitive = builder.primitive(ball.vertices.astype(np.float32), ball.faces)
    mesh = load_mesh(single(builder, primitive, scale=scale).save(tmp_path / "mirror.glb"))
    assert trimesh.Trimesh(mesh.vertices, mesh.faces).volume > 1


def test_strips_fans_and_lists_without_indices(tmp_path):
    builder = Builder()
    position = builder.accessor(np.array([*SQUARE, [2, 2, 2], [3, 2, 2]], "<f4"))
    corners = builder.accessor(np.array([0, 1, 3, 2, 5], "<u2"))
    attributes = {"POSITION": position}
    primitives = [
        {"attributes": attributes, "indices": corners, "mode": 5},
        {"attributes": attributes, "indices": corners, "mode": 6},
        {"attributes": attributes},
        {"attributes": attributes, "mode": 1},
    ]
    builder = single(builder, {})
    builder.json["meshes"] = [{"primitives": primitives}]
    mesh = load_mesh(builder.save(tmp_path / "modes.glb"))
    strip = np.array([[0, 1, 3], [2, 3, 1], [3, 2, 5]])
    fan = np.array([[0, 1, 3], [0, 3, 2], [0, 2, 5]])
    plain = np.array([[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(mesh.faces, np.concatenate([strip, fan + 6, plain + 12]))
    assert len(mesh.vertices) == 18


def test_sparse_strided_and_quantised_positions(tmp_path):
    whole = np.array([[-32767, 0, 32767], [0, 32767, 0], [32767, 0, 0], [0, 0, -32768]], "<i2")
    expected = np.maximum(whole / 32767, -1)
    builder = Builder()
    faces = builder.accessor(np.array([0, 1, 2, 1, 2, 3], "<u2"))
    padded = np.concatenate([whole, np.full((4, 1), 99, "<i2")], axis=1)
    quantised = builder.accessor(padded, normalized=True, type="VEC3")
    builder.json["bufferViews"][builder.json["accessors"][quantised]["bufferView"]]["byteStride"] = 8
    mesh = load_mesh(
        single(builder, {"attributes": {"POSITION": quantised}, "indices": faces}).save(tmp_path / "quantised.glb")
    )
    np.testing.assert_allclose(mesh.vertices, expected, atol=1e-7)

    values = builder.view(expected[[1, 3]].astype("<f4").tobytes())
    rows = builder.view(np.array([1, 3], "u1").tobytes())
    sparse = {"count": 2, "indices": {"bufferView": rows, "componentType": 5121}, "values": {"bufferView": values}}
    builder.json["accessors"].append({"componentType": 5126, "count": 4, "type": "VEC3", "sparse": sparse})
    last = len(builder.json["accessors"]) - 1
    mesh = load_mesh(
        single(builder, {"attributes": {"POSITION": last}, "indices": faces}).save(tmp_path / "sparse.glb")
    )
    np.testing.assert_allclose(mesh.vertices, expected * [[0], [1], [0], [1]], atol=1e-7)


def test_gltf_with_files_beside_it_and_inside_it(tmp_path):
    builder = rich_scene()
    expected = load_mesh(builder.save(tmp_path / "scene.glb"))
    beside = builder.save_apart(tmp_path / "scene.gltf")
    content = json.loads(beside.read_text())
    content["buffers"][0]["uri"] = "my%20data.bin"
    beside.write_text(json.dumps(content))
    (tmp_path / "all.bin").rename(tmp_path / "my data.bin")
    np.testing.assert_array_equal(load_mesh(beside).vertices, expected.vertices)
    (tmp_path / "my data.bin").unlink()
    with pytest.raises(MeshError, match="no file .*my data.bin"):
        load_mesh(beside)


def draco(builder: Builder) -> None:
    builder.json["extensionsUsed"] = ["KHR_draco_mesh_compression"]
    for accessor in builder.json["accessors"]:
        accessor.pop("bufferView")


def meshopt(builder: Builder) -> None:
    for view in builder.json["bufferViews"]:
        view["extensions"] = {"EXT_meshopt_compression": {}}


@pytest.mark.parametrize(("compress", "name"), [(draco, "Draco"), (meshopt, "meshopt")])
def test_compressed_gltf_is_refused(tmp_path, compress, name):
    builder = rich_scene()
    compress(builder)
    with pytest.raises(MeshError, match=f"scene.glb is compressed with {name}") as caught:
        load_mesh(builder.save(tmp_path / "scene.glb"))
    assert "without compression" in caught.value.cure


def test_compressed_numbers_of_a_sparse_accessor_are_refused(tmp_path):
    builder = Builder()
    vertices, faces = grid()
    primitive = builder.primitive(vertices, faces)
    primitive["attributes"]["POSITION"] = builder.sparse(vertices, [1], vertices[:1])
    builder.json["bufferViews"][-1]["extensions"] = {"EXT_meshopt_compression": {}}
    with pytest.raises(MeshError, match="sparse.glb is compressed with meshopt"):
        load_mesh(single(builder, primitive).save(tmp_path / "sparse.glb"))


@pytest.mark.parametrize("mode", [5, 6])
def test_strips_and_fans_too_short_for_a_face_have_none(tmp_path, mode):
    builder = Builder()
    vertices, faces = grid()
    short = builder.primitive(vertices[:2], np.array([0, 1])) | {"mode": mode}
    builder = single(builder, builder.primitive(vertices, faces))
    builder.json["meshes"][0]["primitives"].insert(0, short)
    np.testing.assert_array_equal(load_mesh(builder.save(tmp_path / "short.glb")).faces, faces + 2)


def test_a_buffer_shorter_than_it_says_is_refused(tmp_path):
    path = rich_scene().save_apart(tmp_path / "scene.gltf")
    whole = (tmp_path / "all.bin").read_bytes()
    (tmp_path / "all.bin").write_bytes(whole + b"padding")
    assert len(load_mesh(path).vertices)
    (tmp_path / "all.bin").write_bytes(whole[:-1])
    with pytest.raises(MeshError, match="scene.gltf is damaged"):
        load_mesh(path)


@pytest.mark.parametrize("length", [True, 36.0, "36", -1, 10**9])
def test_the_length_of_a_buffer_is_a_whole_number(tmp_path, length):
    path = rich_scene().save_apart(tmp_path / "scene.gltf")
    content = json.loads(path.read_text())
    content["buffers"][0]["byteLength"] = length
    file = GltfFile(path, json.dumps(content | {"nodes": []}).encode())
    with pytest.raises(ValueError, match=rf"buffers\[0\] has \d+ bytes instead of {length}"):
        file.buffer(0)


def test_empty_chunks_are_kept_and_zeros_end_a_file(tmp_path):
    """A chunk of kind 0 with content is a chunk; eight zeros are padding."""
    vertices, faces = grid(3)
    builder = Builder()
    single(builder, builder.primitive(vertices, faces)).save(tmp_path / "a.glb")
    whole = (tmp_path / "a.glb").read_bytes()
    for more, kept in (
        (struct.pack("<II", 0, 77) + struct.pack("<II4s", 4, 0, b"null"), [(77, b""), (0, b"null")]),
        (bytes(8) + struct.pack("<II4s", 4, 78, b"lost"), []),
    ):
        data = whole[:8] + struct.pack("<I", len(whole) + len(more)) + whole[12:] + more
        assert GltfFile(tmp_path / "a.glb", data).other_chunks[1:] == kept


def broken_gltfs() -> dict[str, dict]:
    """Return changes to a good file's JSON, each of which makes it bad."""
    return {
        "a loop": {"nodes": [{"mesh": 0, "children": [0]}]},
        "no such node": {"scenes": [{"nodes": [4]}]},
        "no such mesh": {"nodes": [{"mesh": 7}]},
        "no such scene": {"scene": 3},
        "far face": {"accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}] * 4},
        "a list": {"meshes": [[]]},
        "a number": {"nodes": 4},
        "no rotation": {"nodes": [{"mesh": 0, "rotation": [0, 0, 0, 0]}]},
        "old": {"asset": {"version": "1.0"}},
        "not finite": {"nodes": [{"mesh": 0, "translation": [float("nan"), 0, 0]}]},
        "nothing shown": {"scenes": [{}]},
        "one required name": {"extensionsRequired": "KHR_mesh_quantization"},
        "a required number": {"extensionsRequired": [5]},
    }


@pytest.mark.parametrize("change", broken_gltfs().values(), ids=broken_gltfs().keys())
def test_a_gltf_that_contradicts_itself_is_refused(tmp_path, change):
    builder = Builder()
    single(builder, builder.primitive(*grid())).json.update(change)
    with pytest.raises(MeshError, match="odd.glb"):
        load_mesh(builder.save(tmp_path / "odd.glb"))


def test_an_extension_is_forgotten_where_it_is_listed():
    gltf = {"extensionsUsed": ["A", "B", "C"], "extensionsRequired": ["B"], "nodes": []}
    forget(gltf, "B")
    assert gltf == {"extensionsUsed": ["A", "C"], "nodes": []}
    with pytest.raises(TypeError):
        unread({"extensionsRequired": "KHR_mesh_quantization"})


def single_file(builder: Builder) -> bytes:
    """Return a .gltf with its numbers inside."""
    uri = "data:application/octet-stream;base64," + base64.b64encode(builder.binary).decode()
    return json.dumps(builder.json | {"buffers": [{"byteLength": len(builder.binary), "uri": uri}]}).encode()


def contents() -> dict[str, bytes]:
    """Return a small good file of every format."""
    vertices, faces = grid(3)
    made = trimesh.Trimesh(vertices, faces, process=False)
    builder = Builder()
    polygons = [[0, 1, 4, 3], [1, 2, 5]]
    return {
        ".glb": bytes(trimesh.exchange.gltf.export_glb(made)),
        ".gltf": single_file(single(builder, builder.primitive(vertices, faces))),
        ".obj": obj_text(vertices, polygons, "{0}/1").encode(),
        ".ply": ply_bytes(vertices, polygons, "binary_little_endian"),
        ".stl": made.export(file_type="stl"),
        ".ascii.stl": made.export(file_type="stl_ascii").encode(),
        ".ascii.ply": ply_bytes(vertices, polygons, "ascii"),
    }


@pytest.mark.parametrize("ending", [".glb", ".ply", ".stl", ".ascii.stl", ".ascii.ply"])
def test_truncated_files_are_refused(tmp_path, ending):
    whole = contents()[ending]
    path = tmp_path / f"cut{ending}"
    path.write_bytes(whole)
    load_mesh(path)
    for length in range(1, len(whole) - 8, 11):
        path.write_bytes(whole[:length])
        with pytest.raises(MeshError, match=f"cut{ending} "):
            load_mesh(path)


def test_a_glb_that_lacks_only_its_end_is_refused(tmp_path):
    """All positions are there, but the data behind them is not."""
    path = rich_scene().save(tmp_path / "cut.glb")
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(MeshError, match="cut.glb is damaged"):
        load_mesh(path)


@settings(max_examples=60)
@given(st.sampled_from(list(contents())), st.data())
def test_nonsense_is_read_or_refused_but_nothing_else(tmp_path_factory, ending, data):
    """Bytes of a good file overwritten, cut out or doubled."""
    content = bytearray(contents()[ending])
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(start, min(start + 9, len(content))))
        content[start:end] = data.draw(
            st.binary(max_size=6) | st.sampled_from([b"-1", b"99", b"nan", b"1e99", b"{", b"\n"])
        )
    path = tmp_path_factory.mktemp("nonsense") / f"odd{ending}"
    path.write_bytes(content)
    try:
        mesh = load_mesh(path)
    except MeshError as error:
        assert error.problem.endswith(".") and error.cure.endswith(".")
        assert path.parent.name in error.problem
    else:
        assert np.isfinite(mesh.vertices).all() and mesh.faces.max() < len(mesh.vertices)


@pytest.mark.parametrize("ending", contents())
@pytest.mark.parametrize("other", [".glb", ".gltf", ".obj", ".ply", ".stl"])
def test_a_wrong_ending_is_refused(tmp_path, ending, other):
    """Except for .glb and .gltf, whose content tells them apart."""
    path = tmp_path / f"shape{other}"
    path.write_bytes(contents()[ending])
    content, name = ending.rpartition(".")[2], other.removeprefix(".")
    if content == name or {content, name} == {"glb", "gltf"}:
        assert len(load_mesh(path).faces)
    else:
        with pytest.raises(MeshError, match=f"shape{other} "):
            load_mesh(path)


def test_what_is_not_there_is_refused(tmp_path):
    (tmp_path / "folder.obj").mkdir()
    (tmp_path / "empty.obj").touch()
    (tmp_path / "scene.blend").write_bytes(b"BLENDER")
    for name, problem, cure in [
        ("lost.glb", "There is no file .*lost.glb", "name and folder"),
        ("folder.obj", "folder.obj is a folder", "mesh file in it"),
        ("empty.obj", "empty.obj is empty", "again"),
        ("scene.blend", "scene.blend is not a mesh file.* .glb, .gltf, .obj, .ply, .stl", "as .glb"),
        ("scene", "scene is not a mesh file", "as .glb"),
    ]:
        with pytest.raises(MeshError, match=problem) as caught:
            load_mesh(str(tmp_path / name))
        assert cure in caught.value.cure


@pytest.mark.parametrize(
    ("vertices", "faces", "problem"),
    [
        ([], [], "has no vertices"),
        ([[1, 2, 3]], [], "no faces, only 1 vertex"),
        (SQUARE, [], "no faces, only 4 vertices"),
        ([[1, 2, 3]], [[0, 0, 0]], "at one place"),
        (np.ones((5, 3)), [[0, 1, 2]], "at one place"),
        ([*SQUARE, [np.nan, 0, 0], [0, np.inf, 0]], [[0, 1, 2]], "2 vertices .* not a number, first vertex 4"),
        (SQUARE, [[0, 1, 4]], r"corners \[0, 1, 4\], .* from 0 to 3"),
        (SQUARE, [[0, 1, -1]], r"corners \[0, 1, -1\]"),
        (SQUARE, [[0, 1, 1]], "no face with an area"),
        ([[0, 0, 0], [1, 1, 1], [2, 2, 2]], [[0, 1, 2]], "no face with an area"),
        ([[0, 1, 2], [1, 1, 2], [3, 1, 2]], [[0, 1, 2], [2, 1, 0]], "no face with an area"),
    ],
)
def test_a_mesh_without_a_surface_is_refused(vertices, faces, problem):
    vertices, faces = np.reshape(vertices, (-1, 3)), np.reshape(faces, (-1, 3))
    with pytest.raises(MeshError, match=problem) as caught:
        Mesh(vertices.astype(np.float32), faces.astype(np.int32), Path("odd.obj"))
    assert caught.value.problem.startswith("odd.obj has") and caught.value.cure


@pytest.mark.parametrize(
    ("vertices", "faces"),
    [
        (np.zeros((4, 3)), np.zeros((2, 3), np.int32)),
        (np.zeros((4, 2), np.float32), np.zeros((2, 3), np.int32)),
        (np.zeros(3, np.float32), np.zeros((2, 3), np.int32)),
        (np.zeros((4, 3), np.float32), np.zeros((2, 3), np.int64)),
        (np.zeros((4, 3), np.float32), np.zeros((2, 4), np.int32)),
        (np.zeros((4, 3), np.float32), np.zeros(3, np.int32)),
    ],
)
def test_arrays_of_another_shape_or_type_are_our_own_fault(vertices, faces):
    with pytest.raises(AssertionError):
        Mesh(vertices, faces)


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1, 1e6, 1e30])
def test_any_size_is_a_size(scale):
    mesh = Mesh(np.array(SQUARE, np.float32) * np.float32(scale), np.array([[0, 1, 2]], np.int32))
    assert mesh.name == "The mesh"


def test_positions_too_large_for_float32_are_refused(tmp_path):
    path = tmp_path / "huge.obj"
    path.write_text("v 0 0 0\nv 1e300 0 0\nv 0 1 0\nf 1 2 3\n")
    with pytest.raises(MeshError, match="huge.obj has 1 vertices whose position is not a number"):
        load_mesh(path)
