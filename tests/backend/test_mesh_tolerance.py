"""What other programs write: everything that a format allows is read; the rest gets a sentence."""

import struct
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import KDTree

from actionmesh.animation import Animation, Provenance
from actionmesh.errors import MeshError
from actionmesh.geometry.mesh_files import load_mesh
from actionmesh.output.gltf import pose_files, write_animated_glb
from actionmesh.output.source_check import check_source
from actionmesh.output.writers import save_animation
from actionmesh.protocol import ClipCamera, Fit
from tests.backend.gltf_files import BINARY_CHUNK, JSON_CHUNK, PNG, Builder, Player, grid
from tests.backend.gltf_scenes import one
from tests.backend.gltf_validator import assert_valid
from tests.backend.test_gltf_damage import fault
from tests.backend.test_gltf_scenes import moving

SQUARE = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], float)


def star() -> np.ndarray:
    """Return a star of five points at radius 3 between five at 1.5, scaled to an area of 6.6.

    Its area before scaling is 5 * 3 * 1.5 * sin(36 degrees) = 13.22.
    """
    angles = np.arange(10) * np.pi / 5 + 0.3
    radii = np.where(np.arange(10) % 2, 1.5, 3.0)
    points = np.stack([radii * np.cos(angles), radii * np.sin(angles), 0 * angles], axis=1)
    return points * np.sqrt(6.6 / area_by_shoelace(points))


def letter_c() -> np.ndarray:
    """Return a square of 4 by 4 with a notch of 3.2 by 1.6; the area is 16 - 5.12 = 10.88."""
    return np.array(
        [[0, 0, 0], [4, 0, 0], [4, 1.2, 0], [0.8, 1.2, 0], [0.8, 2.8, 0], [4, 2.8, 0], [4, 4, 0], [0, 4, 0]]
    )


def area_by_shoelace(points: np.ndarray) -> float:
    x, y = points[:, 0], points[:, 1]
    return abs(float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())) / 2


def area(mesh) -> float:
    corners = mesh.vertices[mesh.faces].astype(float)
    return float(
        np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum() / 2
    )


def obj_of(points: np.ndarray, polygons: list[list[int]]) -> bytes:
    lines = [f"v {x!r} {y!r} {z!r}" for x, y, z in points.tolist()] + [
        "f " + " ".join(str(k + 1) for k in p) for p in polygons
    ]
    return "\n".join(lines).encode()


def ply_of(points: np.ndarray, polygons: list[list[int]], kind: str = "float") -> bytes:
    head = (
        f"ply\nformat ascii 1.0\nelement vertex {len(points)}\n"
        f"property {kind} x\nproperty {kind} y\nproperty {kind} z\n"
    )
    head += f"element face {len(polygons)}\nproperty list uchar int vertex_indices\nend_header\n"
    rows = [" ".join(map(repr, row)) for row in points.tolist()] + [" ".join(map(str, [len(p), *p])) for p in polygons]
    return (head + "\n".join(rows) + "\n").encode()


TURN = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]


@pytest.mark.parametrize("make", [obj_of, ply_of], ids=["obj", "ply"])
@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        fault("A star drawn as one polygon has wings between its points", star, 6.6, id="star"),
        fault("A C drawn as one polygon is filled", letter_c, 10.88, id="C"),
    ],
)
@pytest.mark.parametrize("bent", [0.0, 0.01])
@pytest.mark.parametrize("turned", [False, True])
def test_a_concave_polygon_has_its_own_area(tmp_path, make, shape, expected, bent, turned):
    points = shape() + bent * np.random.default_rng(1).normal(size=shape().shape) * (0, 0, 1)
    points = points @ TURN.T + (1, 2, 3) if turned else points
    corners = list(range(len(points)))
    for first in (0, 1, 5):
        for order in (corners, corners[::-1]):
            path = tmp_path / f"shape.{make.__name__[:3]}"
            path.write_bytes(make(points, [order[first:] + order[:first]]))
            mesh = load_mesh(path)
            assert area(mesh) == pytest.approx(expected, rel=1e-5 if not bent else 2e-3)
            assert len(mesh.faces) == len(points) - 2
            corner = mesh.vertices[mesh.faces].astype(float)
            normals = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
            assert (normals @ normals.sum(axis=0) > 0).all(), "all triangles look the same way"


@pytest.mark.parametrize("make", [obj_of, ply_of], ids=["obj", "ply"])
@pytest.mark.fault("A star drawn as one polygon has wings between its points in the saved glb")
def test_a_concave_polygon_is_saved_as_it_is(tmp_path, make):
    path = tmp_path / f"shape.{make.__name__[:3]}"
    path.write_bytes(make(letter_c(), [list(range(8))]))
    animation = moving(path)
    write_animated_glb(animation, tmp_path / "out.glb", path)
    assert area(load_mesh(tmp_path / "out.glb")) == pytest.approx(10.88, rel=1e-5)
    assert_valid(tmp_path / "out.glb")


@pytest.mark.fault("A polygon that crosses itself, or has no area, ends the job")
def test_polygons_without_an_inside_are_read(tmp_path):
    path = tmp_path / "odd.obj"
    points = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [2, 0, 0], [3, 0, 0]])
    path.write_bytes(obj_of(points, [[0, 1, 2, 3], [0, 2, 1, 3], [0, 1, 4, 5], [0, 0, 0, 0], [0, 1], [0]]))
    assert np.isfinite(load_mesh(path).vertices).all()


READABLE = {
    "crlf": b"v 0 0 0\r\nv 1 0 0\r\nv 0 1 0\r\nf 1 2 3\r\n",
    "old Mac": b"v 0 0 0\rv 1 0 0\rv 0 1 0\rf 1 2 3\r",
    "mark": b"\xef\xbb\xbfv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n",
    "negative": b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf -3 -2 -1\n",
    "continued": b"v 0 0 \\\n0\nv 1 \\\r\n0 0\nv 0 1 0\nf 1 \\\n 2 3\n",
    "comments": b"# C:\\models\\\nv 0 0 0 # one\nv 1 0 0\nv 0 1 0\nf 1 2 3#end\n",
    "backslash": b"mtllib C:\\models\\\nv 0 0 0\nv 1 0 0\nv 0 1 0\ng C:\\\nf 1 2 3\n",
    "tabs": b"\tv\t0\t0\t0\nv  1 0 0  \nv\t0 1 0\nf\t1\t2\t3\n",
    "slashes": b"v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvn 0 0 1\nf 1/ 2// 3/1/1\n",
    "far vt": b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1/9 2/9/9 3//7\n",
    "names": "g sep\u2028arator\x0b\x85\nv 0 0 0\nv 1 0 0\nv 0 1 0\nusemtl \xe9\nf 1 2 3\n".encode(),
    "latin": b"g \xe9\xff\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n",
    "colours": b"v 0 0 0 1 0 0\nv 1 0 0 0 1 0\nv 0 1 0 0 0 1\nf 1 2 3\n",
    "curves": b"v 0 0 0 1.0\nv 1 0 0 1\nv 0 1 0 1\nvp 0.5\ncstype bezier\nl 1 2\np 1\nf 1 2 3\n",
    "before": b"f 1 2 3\nv 0 0 0\nv 1 0 0\nv 0 1 0\n",
}


@pytest.mark.parametrize(
    "name", [fault(f"an .obj with {name} in it is refused or read wrongly", name, id=name) for name in READABLE]
)
def test_an_obj_of_another_program_is_read(tmp_path, name):
    path = tmp_path / "shape.obj"
    path.write_bytes(READABLE[name])
    mesh = load_mesh(path)
    np.testing.assert_array_equal(mesh.vertices, [[0, 0, 0], [1, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(mesh.faces, [[0, 1, 2]])
    check_source(path)
    write_animated_glb(moving(path), tmp_path / "out.glb", path)
    assert_valid(tmp_path / "out.glb")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        fault(
            "A face of an .obj that names vertex 10^9 fills the memory",
            "f 1 2 1000000000",
            "refers to vertex 999999999",
            id="far",
        ),
        fault(
            "A face of an .obj that names vertex 2^32 + 1 is another one",
            "f 1 2 4294967297",
            "refers to vertex",
            id="wrap",
        ),
        fault("A face of an .obj that names vertex 10^30 ends the job", "f 1 2 " + "9" * 30, "damaged", id="huge"),
        fault(
            "A face of an .obj that names vertex 0 is read as something",
            "f 0 1 2",
            "line 4: a face refers to vertex 0",
            id="zero",
        ),
        fault("A face of an .obj that counts too far back is read as something", "f -4 1 2", "line 4", id="back"),
        fault(
            "An .obj with decimal commas is refused without a word where",
            "v 1,5 2 3",
            "line 4: could not convert",
            id="comma",
        ),
        fault(
            "An .obj with a vertex of two numbers is refused without a word where",
            "v 1 2",
            "line 4: 2 numbers",
            id="two",
        ),
        fault("An .obj with NaN is animated", "v nan 0 0\nf 1 2 4", "not a number", id="nan"),
        fault("An .obj with infinity is animated", "v inf 0 0\nf 1 2 4", "not a number", id="inf"),
    ],
)
def test_an_obj_that_makes_no_sense_is_refused_with_its_line(tmp_path, text, told):
    path = tmp_path / "odd.obj"
    path.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\n" + text + "\nf 1 2 3\n")
    with pytest.raises(MeshError, match=f"odd.obj .*{told}"):
        load_mesh(path)


def ply_head(form: str, *lines: str) -> bytes:
    return "\n".join(["ply", f"format {form} 1.0", *lines, "end_header", ""]).encode()


VERTEX = ("element vertex 3", "property float x", "property float y", "property float z")
FACE = ("element face 1", "property list uchar int vertex_indices")
TRIANGLE = "0 0 0\n1 0 0\n0 1 0\n"
BOMBS = {
    "junk": (ply_head("ascii", "element junk 1000000000", *VERTEX, *FACE) + (TRIANGLE + "3 0 1 2\n").encode(), True),
    "binary junk": (
        ply_head("binary_little_endian", "element junk 1000000000", *VERTEX, *FACE)
        + np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], "<f4").tobytes()
        + struct.pack("<B3i", 3, 0, 1, 2),
        True,
    ),
    "vertices": (ply_head("ascii", "element vertex 1000000000", *VERTEX[1:], *FACE) + TRIANGLE.encode(), False),
    "faces": (ply_head("binary_big_endian", *VERTEX, "element face 1000000000", FACE[1]) + bytes(99), False),
    "lists": (ply_head("ascii", *VERTEX, *FACE) + (TRIANGLE + "1000000000 0 1 2\n").encode(), False),
    "negative list": (ply_head("ascii", *VERTEX, *FACE) + (TRIANGLE + "-3 0 1 2\n").encode(), False),
    "negative count": (ply_head("ascii", "element vertex -3", *VERTEX[1:], *FACE) + TRIANGLE.encode(), False),
    "list of 2^32": (
        ply_head("binary_little_endian", *VERTEX, "element face 1", "property list uint int vertex_indices")
        + bytes(36)
        + struct.pack("<I3i", 2**32 - 1, 0, 1, 2),
        False,
    ),
    "index NaN": (ply_head("ascii", *VERTEX, *FACE) + (TRIANGLE + "3 0 1 nan\n").encode(), False),
    "index 1e300": (ply_head("ascii", *VERTEX, *FACE) + (TRIANGLE + "3 0 1 1e300\n").encode(), False),
    "long word": (ply_head("ascii", *VERTEX, *FACE) + (TRIANGLE + "3 0 1 2\n").encode() + b"0" * 10**6, True),
}


@pytest.mark.parametrize(
    "name",
    [fault(f"a .ply with a bomb ({name}) fills the memory or is read as something", name, id=name) for name in BOMBS],
)
def test_a_ply_that_claims_more_than_it_has_costs_nothing(tmp_path, name):
    data, readable = BOMBS[name]
    path = tmp_path / "odd.ply"
    path.write_bytes(data)
    if readable:
        np.testing.assert_array_equal(load_mesh(path).faces, [[0, 1, 2]])
    else:
        with pytest.raises(MeshError, match="odd.ply is damaged"):
            load_mesh(path)


def stl_binary(triangles: np.ndarray, head: bytes = b"") -> bytes:
    facets = b"".join(struct.pack("<12fH", *np.zeros(3), *triangle.ravel(), 0) for triangle in triangles)
    return head.ljust(80, b"\0") + struct.pack("<I", len(triangles)) + facets


@pytest.mark.parametrize(
    ("head", "tail"),
    [
        fault("A binary .stl whose name begins with solid is refused", b"solid made by a scanner", b"", id="solid"),
        fault("A binary .stl with bytes behind its end is refused", b"", b"padding\n\0\0", id="trailing"),
        fault("A binary .stl of colours with bytes behind its end is refused", b"COLOR=", bytes(3), id="colour"),
    ],
)
def test_a_binary_stl_is_told_by_its_length(tmp_path, head, tail):
    triangles = SQUARE[np.array([[0, 1, 2], [0, 2, 3]])]
    path = tmp_path / "shape.stl"
    path.write_bytes(stl_binary(triangles, head) + tail)
    np.testing.assert_array_equal(load_mesh(path).vertices, triangles.reshape(-1, 3))


@pytest.mark.fault("A text .stl of a solid called vertex is read wrongly")
def test_a_text_stl_may_be_called_anything(tmp_path):
    text = "\ufeffsolid my vertex solid endsolid\r\nFACET NORMAL 0 0 1\r\n  OUTER LOOP\r\n"
    text += (
        "".join(f"    VERTEX {x:e} {y:e} {z:e}\r\n" for x, y, z in SQUARE[:3])
        + "  ENDLOOP\r\nENDFACET\r\nENDSOLID my vertex\r\n\0"
    )
    path = tmp_path / "shape.stl"
    path.write_bytes(text.encode())
    np.testing.assert_array_equal(load_mesh(path).vertices, SQUARE[:3])


@pytest.mark.parametrize(
    "line",
    [
        fault("a text .stl with a broken vertex loses the rest of the file", x, id=x)
        for x in ("1 2", "1 2 x", "1,5 0 0")
    ],
)
def test_a_broken_text_stl_is_refused(tmp_path, line):
    """Where a vertex lacks numbers or a facet a vertex, the sentence names the line."""
    path = tmp_path / "odd.stl"
    loop = (
        "solid\nfacet normal 0 0 1\nouter loop\n"
        f"vertex 0 0 0\nvertex {line}\nvertex 0 1 0\nendloop\nendfacet\nendsolid\n"
    )
    path.write_text(loop)
    with pytest.raises(
        MeshError, match="odd.stl is damaged.*line 5: a vertex" if line == "1 2" else "odd.stl is damaged"
    ):
        load_mesh(path)
    path.write_text("solid\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nendloop\nendsolid\n")
    with pytest.raises(MeshError, match="line 5: a facet is not a triangle"):
        load_mesh(path)


@pytest.mark.parametrize(
    ("after", "inside"),
    [
        fault("A glb with bytes behind its end is refused", b"\0\0\0padding", b"", id="behind"),
        fault("A glb whose length counts its padding is refused", b"", bytes(12), id="zeros"),
        fault("A glb whose length counts three bytes of padding is refused", b"", bytes(3), id="three"),
    ],
)
def test_padding_behind_the_chunks_of_a_glb_is_no_damage(tmp_path, after, inside):
    builder = Builder()
    path = one(builder, builder.primitive(*grid())).save(tmp_path / "shape.glb")
    data = path.read_bytes() + inside
    path.write_bytes(data[:8] + struct.pack("<I", len(data)) + data[12:] + after)
    np.testing.assert_array_equal(load_mesh(path).vertices, grid()[0])
    assert check_source(path) == ()


@pytest.mark.fault("A .gltf with a byte order mark, or a glb whose JSON is padded with zeros, is refused")
def test_marks_and_zeros_around_the_json_are_no_damage(tmp_path):
    builder = Builder()
    path = one(builder, builder.primitive(*grid())).save_apart(tmp_path / "shape.gltf")
    text = path.read_bytes()
    path.write_bytes(b"\xef\xbb\xbf" + text)
    np.testing.assert_array_equal(load_mesh(path).vertices, grid()[0])
    text = text.replace(b', "uri": "all.bin"', b"") + b"\0" * (-(len(text) - 18) % 4)
    chunks = [(JSON_CHUNK, text), (BINARY_CHUNK, bytes(builder.binary))]
    body = b"".join(struct.pack("<II", len(data), kind) + data for kind, data in chunks)
    (tmp_path / "zeros.glb").write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body)
    np.testing.assert_array_equal(load_mesh(tmp_path / "zeros.glb").vertices, grid()[0])


def far_file(folder: Path, ending: str, offset: float) -> tuple[Path, np.ndarray]:
    vertices, faces = grid()
    points = vertices.astype(np.float64) + np.array([offset, -offset / 2, offset / 3])
    path = folder / f"far{ending}"
    if ending == ".obj":
        path.write_bytes(obj_of(points, faces.tolist()))
    elif ending == ".ply":
        path.write_bytes(ply_of(points, faces.tolist(), "double"))
    else:
        loops = "".join(
            "facet normal 0 0 1\nouter loop\n"
            + "".join(f"vertex {x!r} {y!r} {z!r}\n" for x, y, z in triangle)
            + "endloop\nendfacet\n"
            for triangle in points[faces].tolist()
        )
        path.write_text(f"solid far\n{loops}endsolid far\n")
        points = points[faces].reshape(-1, 3)
    return path, points


@pytest.mark.parametrize("offset", [1e6, 1e7])
@pytest.mark.parametrize(
    "ending",
    [fault(f"a subject of {e} far away from the origin moves in steps", e, id=e) for e in (".obj", ".ply", ".stl")],
)
def test_a_subject_far_away_keeps_its_shape_in_every_output(tmp_path, ending, offset):
    path, points = far_file(tmp_path, ending, offset)
    animation = moving(path)
    poses = animation.vertices.astype(np.float64) + animation.origin
    np.testing.assert_allclose(poses[1], points, rtol=0, atol=1e-6)
    for name in ("out.glb", "out.safetensors", "out.npz", "poses"):
        save_animation(animation, tmp_path / name, path)
    np.testing.assert_allclose(np.load(tmp_path / "out.npz")["vertices"], poses, rtol=0, atol=1e-6)
    loaded = Animation.load(tmp_path / "out.safetensors")
    np.testing.assert_allclose(loaded.vertices.astype(float) + loaded.origin, poses, rtol=0, atol=1e-6)
    np.testing.assert_allclose(loaded.arrays()["vertices"], poses, rtol=0, atol=1e-6)
    player = Player(tmp_path / "out.glb")
    for index, (time, pose) in enumerate(zip(animation.times, poses, strict=True)):
        shown = player.pose(time)
        assert KDTree(pose).query(shown)[0].max() < 2e-6 and KDTree(shown).query(pose)[0].max() < 2e-6
        mesh = load_mesh(tmp_path / "poses" / f"frame_{index:04d}.glb")
        assert np.abs((mesh.vertices + mesh.origin).mean(axis=0) - pose.mean(axis=0)).max() < 1e-5
    assert_valid(tmp_path / "out.glb", tmp_path / "poses" / "frame_0000.glb")


@pytest.mark.fault("The camera of a subject far away from the origin is saved elsewhere")
def test_the_camera_of_a_subject_far_away_is_where_the_mesh_is(tmp_path):
    path, _ = far_file(tmp_path, ".obj", 1e6)
    matrix = np.eye(4)
    matrix[:3, 3] = (0, 0, 5)
    camera = ClipCamera(tuple(matrix.ravel().tolist()), 640, 480, 500.0, None)
    animation = moving(path).with_fit(Fit(camera=camera))
    animation.save(tmp_path / "a.safetensors")
    loaded = Animation.load(tmp_path / "a.safetensors")
    np.testing.assert_array_equal(np.reshape(loaded.provenance.fit.camera.matrix, (4, 4)), matrix)
    saved = np.reshape(loaded.saved_provenance.fit.camera.matrix, (4, 4))
    np.testing.assert_allclose(saved[:3, 3], [1e6, -5e5, 1e6 / 3 + 5], atol=1)
    write_animated_glb(animation, tmp_path / "out.glb", path)
    told = Player(tmp_path / "out.glb").json["animations"][0]["extras"]["provenance"]["fit"]["camera"]["matrix"]
    np.testing.assert_array_equal(np.reshape(told, (4, 4)), saved)


@pytest.mark.fault("Vertices at one place of an .obj are mixed up: parts that touch tear, or stick together")
def test_vertices_at_one_place_follow_their_own_motion(tmp_path):
    path = tmp_path / "two.obj"
    path.write_bytes(obj_of(np.concatenate([SQUARE, SQUARE]), [[0, 1, 2, 3], [7, 6, 5, 4]]))
    mesh = load_mesh(path)
    poses = np.stack([mesh.vertices, mesh.vertices + np.repeat([[0, 0, 1], [0, 0, -1]], 4, axis=0)]).astype(np.float32)
    made = Provenance("clip.mp4", None, 7, "default", "small", "0.1")
    animation = Animation(poses, mesh.faces, np.array([0.0, 1.0]), 0, np.arange(2), made)
    write_animated_glb(animation, tmp_path / "out.glb", path)
    np.testing.assert_array_equal(np.sort(Player(tmp_path / "out.glb").pose(1.0)[:, 2]), [-1] * 4 + [1] * 4)


PAINTED = "mtllib {library}\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nusemtl coat\nf 1/1 2/2 3/3\n"


@pytest.mark.parametrize(
    ("library", "picture"),
    [
        fault("A material library outside the .obj's folder is opened", "../coat.mtl", "skin.png", id="library"),
        fault("A material library that is a device never ends", "/dev/zero", "skin.png", id="device"),
        fault(
            "An .obj that names a picture outside its folder has it embedded in the result",
            "coat.mtl",
            "../photo.png",
            id="picture",
        ),
        fault(
            "An .obj whose picture is PostScript starts another program", "coat.mtl", "postscript.png", id="PostScript"
        ),
        fault(
            "An .obj whose picture is no picture has it embedded in the result", "coat.mtl", "coat.mtl", id="no picture"
        ),
        fault("An .obj without its picture is refused", "coat.mtl", "lost.png", id="lost"),
    ],
)
def test_only_what_lies_in_the_objs_folder_is_opened(tmp_path, library, picture):
    folder = tmp_path / "mine"
    folder.mkdir()
    for place in (tmp_path, folder):
        (place / "coat.mtl").write_text(f"newmtl coat\nKd 1 0 0\nmap_Kd {picture}\n")
    (tmp_path / "photo.png").write_bytes(PNG)
    (folder / "skin.png").write_bytes(PNG)
    (folder / "postscript.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    (folder / "shape.obj").write_text(PAINTED.format(library=library))
    notes = check_source(folder / "shape.obj")
    assert len(notes) == 1 and (picture in notes[0] or library in notes[0])
    write_animated_glb(moving(folder / "shape.obj"), tmp_path / "out.glb", folder / "shape.obj")
    assert b"PNG" not in (tmp_path / "out.glb").read_bytes()
    assert_valid(tmp_path / "out.glb")


@pytest.mark.parametrize(
    "line", ["Ns nan", "Kd 1", "Kd nan 0 0", "Kd 9 -1 1e999", "Ns 1 2 3", "Ns -5", "newmtl", "map_Kd", "d 1e999"]
)
@pytest.mark.fault("A damaged line of a material library ends the job")
def test_damaged_materials_are_left_out(tmp_path, line):
    (tmp_path / "coat.mtl").write_text(f"newmtl coat\n{line}\n")
    (tmp_path / "shape.obj").write_text(PAINTED.format(library="coat.mtl"))
    write_animated_glb(moving(tmp_path / "shape.obj"), tmp_path / "out.glb", tmp_path / "shape.obj")
    assert_valid(tmp_path / "out.glb")


@pytest.mark.fault("An .obj whose material has an accent in its name loses the picture, or ends the job")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_materials_with_accents_are_found(tmp_path, encoding):
    (tmp_path / "skin.png").write_bytes(PNG)
    (tmp_path / "coat.mtl").write_text("newmtl coat\u00e9\nKd 1 1 1\nmap_Kd skin.png\n", encoding=encoding)
    named = PAINTED.replace("usemtl coat", "usemtl coat\u00e9").format(library="coat.mtl")
    (tmp_path / "shape.obj").write_text(named, encoding=encoding)
    write_animated_glb(moving(tmp_path / "shape.obj"), tmp_path / "out.glb", tmp_path / "shape.obj")
    assert b"PNG" in (tmp_path / "out.glb").read_bytes()


@pytest.mark.fault("An .obj with options before its picture's name loses the picture")
def test_options_before_a_pictures_name_are_skipped(tmp_path):
    (tmp_path / "skin.png").write_bytes(PNG)
    (tmp_path / "coat.mtl").write_text("newmtl coat\nKd 1 1 1\nmap_Kd -s 1 1 1 skin.png\n")
    (tmp_path / "shape.obj").write_text(PAINTED.format(library="coat.mtl"))
    assert check_source(tmp_path / "shape.obj") == ()
    write_animated_glb(moving(tmp_path / "shape.obj"), tmp_path / "out.glb", tmp_path / "shape.obj")
    assert b"PNG" in (tmp_path / "out.glb").read_bytes()


@pytest.mark.parametrize("painted", ["texcoord", "s t", "colours", "colours of faces"])
@pytest.mark.fault("A .ply loses its picture or its colours")
def test_what_a_ply_is_painted_with_is_kept(tmp_path, painted):
    (tmp_path / "skin.png").write_bytes(PNG)
    vertex, rows, face, tail = list(VERTEX), ["0 0 0", "1 0 0", "0 1 0"], list(FACE), "3 0 1 2"
    if painted == "texcoord":
        face, tail = [*FACE, "property list uchar float texcoord"], tail + " 6 0 0 1 0 0 1"
    elif painted == "s t":
        vertex, rows = [*VERTEX, "property float s", "property float t"], ["0 0 0 0 0", "1 0 0 1 0", "0 1 0 0 1"]
    elif painted == "colours":
        vertex = [*VERTEX, *(f"property uchar {name}" for name in ("red", "green", "blue"))]
        rows = [row + " 255 0 51" for row in rows]
    else:
        face, tail = [*FACE, *(f"property uchar {name}" for name in ("red", "green", "blue"))], tail + " 255 0 51"
    head = ply_head("ascii", "comment TextureFile skin.png", *vertex, *face)
    (tmp_path / "shape.ply").write_bytes(head + "\n".join([*rows, tail, ""]).encode())
    write_animated_glb(moving(tmp_path / "shape.ply"), tmp_path / "out.glb", tmp_path / "shape.ply")
    player = Player(tmp_path / "out.glb")
    [(_, primitive, _)] = player.surfaces()
    if "colours" in painted:
        np.testing.assert_array_equal(player.values(primitive["attributes"]["COLOR_0"])[:, :3], [[255, 0, 51]] * 3)
    else:
        uv = player.values(primitive["attributes"]["TEXCOORD_0"])[player.values(primitive["indices"])[:, 0]]
        np.testing.assert_allclose(uv, [[0, 1], [1, 1], [0, 0]])
        assert "baseColorTexture" in player.json["materials"][0]["pbrMetallicRoughness"]
    assert_valid(tmp_path / "out.glb")


@pytest.mark.fault("Poses of a folder are not valid files")
def test_the_poses_of_an_obj_are_valid(tmp_path):
    path = tmp_path / "shape.obj"
    path.write_bytes(obj_of(star(), [list(range(10))]))
    for index, data in enumerate(pose_files(moving(path), path)):
        (tmp_path / f"{index}.glb").write_bytes(data)
    assert_valid(*(tmp_path / f"{k}.glb" for k in range(4)))
