"""An artist's mesh in the colours of its clip: which UVs are used, polygons that stay whole, and jobs with colours."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import trimesh

from actionmesh import cli, jobs
from actionmesh.animation import Animation
from actionmesh.geometry.mesh_corners import load_corners
from actionmesh.geometry.mesh_files import load_mesh
from actionmesh.media.render import Texture, render
from actionmesh.output.appearance import read_appearance
from actionmesh.output.gltf_source import open_source
from actionmesh.painting.atlas import Atlas, atlas_of, atlas_of_uv
from actionmesh.painting.coat import Coat
from actionmesh.protocol import Animate, Facing, Match, Rematch
from tests.backend.gltf_files import Builder
from tests.backend.matching_film import act, creature, write_place

SQUARES = 40


def lumpy():
    """Return vertices, faces and polygons of a closed-up grid of quads of two triangles each."""
    u, v = np.meshgrid(np.linspace(0, 1, SQUARES), np.linspace(0.02, 0.98, SQUARES), indexing="ij")
    around, down = 2 * np.pi * u.ravel(), np.pi * v.ravel()
    radius = 1 + 0.3 * np.sin(5 * around) * np.sin(4 * down)
    places = np.stack([np.sin(down) * np.cos(around), np.cos(down), np.sin(down) * np.sin(around)], axis=1)
    number = np.arange(SQUARES**2).reshape(SQUARES, SQUARES)
    quads = np.stack([number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]], axis=-1).reshape(-1, 4)
    faces = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    return (places * radius[:, None]).astype(np.float32), faces.astype(np.int32), np.tile(np.arange(len(quads)), 2)


def corners_apart(atlas, faces, polygons):
    """Return the largest distance between the places of one polygon corner in the texture."""
    order = np.lexsort((faces.ravel(), np.repeat(polygons, 3)))
    keys = np.stack([np.repeat(polygons, 3), faces.ravel()], axis=1)[order]
    same = (keys[1:] == keys[:-1]).all(axis=1)
    uv = atlas.corner_uv.reshape(-1, 2)[order]
    return np.abs(uv[1:] - uv[:-1])[same].max()


def covered_twice(atlas, side=400):
    """Return the share of sampled points of the texture that lie in two triangles."""
    count = np.zeros((side, side), int)
    centres = (np.arange(side) + 0.37) / side
    for a, b, c in atlas.corner_uv.astype(float):
        low, high = np.min([a, b, c], axis=0), np.max([a, b, c], axis=0)
        rows = np.flatnonzero((centres >= low[1]) & (centres <= high[1]))
        columns = np.flatnonzero((centres >= low[0]) & (centres <= high[0]))
        x, y = np.meshgrid(centres[columns], centres[rows])
        sides = [(q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0]) for p, q in ((a, b), (b, c), (c, a))]
        inside = np.all(np.array(sides) > 0, axis=0) | np.all(np.array(sides) < 0, axis=0)
        count[np.ix_(rows, columns)] += inside
    return np.mean(count[count > 0] > 1)


def test_the_polygons_of_an_artists_mesh_stay_whole():
    vertices, faces, polygons = lumpy()
    plain, whole = atlas_of(vertices, faces), atlas_of(vertices, faces, polygons)
    assert corners_apart(plain, faces, polygons) > 0.1, "otherwise the test proves nothing"
    assert corners_apart(whole, faces, polygons) == 0
    assert covered_twice(whole) < 1e-3 and whole.corner_uv.min() >= 0 and whole.corner_uv.max() <= 1
    assert 900 < max(whole.size) < 1500


def test_own_uvs_serve_where_they_do_not_lie_on_each_other():
    vertices, faces, polygons = lumpy()
    good = atlas_of(vertices, faces, polygons).corner_uv
    np.testing.assert_array_equal(atlas_of_uv(good).corner_uv, good)
    square = np.array([[[0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [0, 1]]], np.float32)
    assert atlas_of_uv(square) is not None, "a shared edge is not an overlap"


@pytest.mark.parametrize("flaw", ["mirrored", "outside", "one face", "none"])
def test_uvs_that_do_not_serve_are_refused(flaw):
    vertices, faces, polygons = lumpy()
    uv = atlas_of(vertices, faces, polygons).corner_uv.copy()
    if flaw == "mirrored":
        uv[..., 0] = np.abs(uv[..., 0] - 0.5)
    if flaw == "outside":
        uv[3] += 1
    if flaw == "one face":
        uv[0] = [[0.2, 0.2], [0.5, 0.2], [0.2, 0.5]]
    assert atlas_of_uv(None if flaw == "none" else uv) is None


PLY = b"""ply
format ascii 1.0
element vertex 5
property float x
property float y
property float z
element face 2
property list uchar int vertex_indices
property list uchar float texcoord
end_header
0 0 0
1 0 0
1 1 0
0 1 0
2 2 2
4 0 1 2 3 8 0 0 1 0 1 1 0 1
3 2 3 4 6 .1 .2 .3 .4 .5 .6
"""


def test_a_ply_tells_its_polygons_and_uvs(tmp_path):
    (tmp_path / "a.ply").write_bytes(PLY)
    corners = load_corners(load_mesh(tmp_path / "a.ply"))
    assert corners.polygon.tolist() == [0, 0, 1]
    expected = [[[0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [0, 1]], [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]]
    np.testing.assert_allclose(corners.uv, expected, atol=1e-6)
    for row, fewer in ((b"6 .1 .2 .3 .4 .5 .6", b"0"), (b"8 0 0 1 0 1 1 0 1", b"6 0 0 1 0 1 1")):
        assert PLY.count(row) == 1
        (tmp_path / "b.ply").write_bytes(PLY.replace(row, fewer))
        assert load_corners(load_mesh(tmp_path / "b.ply")).uv is None


@pytest.mark.parametrize("with_uv", [True, False])
def test_what_the_add_on_writes_is_read(tmp_path, with_uv):
    ply = pytest.importorskip("blender_addon.motion.ply")
    faces, polygons = np.array([[0, 1, 2], [0, 2, 3], [3, 2, 4]]), np.array([7, 7, 9])
    uv = np.random.default_rng(0).random((3, 3, 2)).astype(np.float32)
    vertices = np.random.default_rng(1).random((5, 3))
    ply.write_ply(tmp_path / "a.ply", vertices, faces, ply.Corners(polygons, uv if with_uv else None))
    mesh = load_mesh(tmp_path / "a.ply")
    np.testing.assert_array_equal(mesh.faces, faces)
    corners = load_corners(mesh)
    assert corners.polygon.tolist() == [7, 7, 9]
    assert (corners.uv is None) is not with_uv and (not with_uv or np.array_equal(corners.uv, uv))


def test_a_glb_tells_its_uvs_with_their_origin_at_the_lower_left(tmp_path):
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    uv = np.array([[0, 0], [1, 0], [1, 0.5], [0, 1]], "<f4")
    builder = Builder()
    primitive = builder.primitive(square, np.array([[0, 1, 2], [0, 2, 3]]), TEXCOORD_0=uv)
    builder.json |= {"scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}], "meshes": [{"primitives": [primitive]}]}
    corners = load_corners(load_mesh(builder.save(tmp_path / "a.glb")))
    expected = uv * (1, -1) + (0, 1)
    np.testing.assert_allclose(corners.uv, expected[[[0, 1, 2], [0, 2, 3]]], atol=1e-6)
    builder.json["nodes"][0]["scale"] = [-1, 1, 1]
    mesh = load_mesh(builder.save(tmp_path / "mirrored.glb"))
    vertex = np.abs(mesh.vertices[mesh.faces][:, :, None] * (-1, 1, 1) - square).sum(axis=-1).argmin(axis=-1)
    assert vertex.tolist() == [[2, 1, 0], [3, 2, 0]]
    np.testing.assert_allclose(load_corners(mesh).uv, expected[vertex], atol=1e-6)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Make a folder with a clip and the mesh of its first frame."""
    folder, acted = tmp_path_factory.mktemp("colours"), act()
    write_place(folder, acted)
    trimesh.Trimesh(acted.vertices[0] * (1, 0.2, 1), acted.faces, process=False).export(folder / "flat.ply")
    return folder


def run(job):
    (jobs.run if isinstance(job, Animate) else jobs.rematch)(job, jobs.KeptModel(), lambda event: None, lambda: False)
    return Animation.load(job.out[0])


@pytest.fixture(scope="module")
def painted(place):
    out = str(place / "painted.safetensors"), str(place / "painted.glb")
    job = Animate(
        str(place / "clip"), out, mesh=str(place / "mesh.ply"), preset="demo", match=Match.TRACK, colours=True
    )
    return run(job)


def likeness(coat):
    """Return the correlation of the creature's picture in these colours with the one in its true colours."""
    vertices, faces, colours = creature()
    rows, uv, split = coat.split(faces)
    texture = Texture(uv, (coat.picture,), np.zeros(len(faces), int))
    seen, true = render(vertices[rows], split, texture, act().camera), render(vertices, faces, colours, act().camera)
    inside = true[..., 3] == 255
    return np.corrcoef(seen[inside][:, :3].ravel(), true[inside][:, :3].ravel())[0, 1]


def test_an_own_mesh_is_painted_where_that_is_asked_for(place, painted):
    coat = painted.appearance
    assert likeness(coat) > 0.9
    assert likeness(Coat(coat.corner_uv[..., ::-1].copy(), coat.png)) < 0.6, "otherwise the test proves nothing"
    plain = Animate(
        str(place / "clip"), (str(place / "plain.safetensors"),), mesh=str(place / "mesh.ply"), preset="demo"
    )
    assert run(plain).appearance is None


def test_a_glb_of_it_has_these_colours(place, painted):
    texture = read_appearance(open_source(painted, place / "mesh.ply")).texture
    np.testing.assert_array_equal(texture.images[0], painted.appearance.picture)
    scene = trimesh.load_scene(place / "painted.glb")
    (mesh,) = scene.geometry.values()
    assert np.array_equal(np.asarray(mesh.visual.material.baseColorTexture.convert("RGB")), painted.appearance.picture)


def test_matched_again_it_is_painted_again_into_the_same_uvs(place, painted, tmp_path):
    for path in sorted((place / "clip").iterdir()):
        blue_for_red = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., [2, 1, 0, 3]]
        cv2.imwrite(str(tmp_path / path.name), blue_for_red)
    outs = (str(place / "again.safetensors"),)
    again = run(Rematch(str(place / "painted.safetensors"), outs, clip=str(tmp_path), match=Match.REFINE))
    np.testing.assert_array_equal(again.appearance.corner_uv, painted.appearance.corner_uv)
    before, after = (coat.picture.astype(int) for coat in (painted.appearance, again.appearance))
    assert after.shape == before.shape and np.abs(after - before[..., ::-1]).mean() < 10 < np.abs(after - before).mean()


def test_its_own_uvs_are_painted_into(place, painted, tmp_path):
    ply = pytest.importorskip("blender_addon.motion.ply")
    mesh = load_mesh(place / "mesh.ply")
    own = painted.appearance.corner_uv * np.float32(0.5) + np.float32(0.25)
    ply.write_ply(tmp_path / "own.ply", mesh.vertices, mesh.faces, ply.Corners(np.arange(len(mesh.faces)), own))
    job = Animate(
        str(place / "clip"), (str(tmp_path / "a.safetensors"),), mesh=str(tmp_path / "own.ply"), preset="demo"
    )
    found = run(replace(job, colours=True, match=Match.OFF, facing=Facing.FRONT))
    np.testing.assert_array_equal(found.appearance.corner_uv, own)
    assert likeness(found.appearance) > 0.9 and found.provenance.fit.way is Match.OFF


def test_a_mesh_whose_faces_share_no_vertex_is_painted_as_one_whose_faces_do(place, painted, tmp_path):
    """Flat-shaded meshes are exported like this; their charts are not smaller."""
    mesh, out = load_mesh(place / "mesh.ply"), str(tmp_path / "a.safetensors")
    split = trimesh.Trimesh(
        mesh.vertices[mesh.faces].reshape(-1, 3), np.arange(mesh.faces.size).reshape(-1, 3), process=False
    )
    split.export(tmp_path / "split.ply")
    job = Animate(
        str(place / "clip"), (out,), mesh=str(tmp_path / "split.ply"), preset="demo", match=Match.TRACK, colours=True
    )
    found = run(job)
    assert likeness(found.appearance) > 0.9
    np.testing.assert_allclose(found.appearance.corner_uv, painted.appearance.corner_uv, atol=0.01)


def test_a_mesh_whose_camera_is_not_found_says_so(place, tmp_path):
    out = (str(tmp_path / "a.safetensors"),)
    found = run(Animate(str(place / "clip"), out, mesh=str(place / "flat.ply"), preset="demo", colours=True))
    assert found.appearance is None and "no colours from the clip" in found.provenance.fit.notes[-1]


def test_the_command_paints(place, tmp_path):
    out, mesh = tmp_path / "a.safetensors", str(place / "mesh.ply")
    assert (
        cli.main(["animate", str(place / "clip"), "--mesh", mesh, "--preset", "demo", "--colours", "-o", str(out)]) == 0
    )
    assert Animation.load(out).appearance is not None


def test_texels_of_own_uvs_fill_a_picture_of_the_usual_size():
    square = np.array([[[0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [0, 1]]], np.float32)
    atlas = atlas_of_uv(square)
    assert isinstance(atlas, Atlas) and atlas.size == (1024, 1024) and len(atlas.texels().pixel) == 1024**2
