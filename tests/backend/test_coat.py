"""A mesh's UVs and texture in results, in glTF files and in previews."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import trimesh

from actionmesh.animation import Animation, Provenance
from actionmesh.errors import InputError
from actionmesh.geometry.mesh_files import load_mesh
from actionmesh.output import preview
from actionmesh.output.appearance import read_appearance
from actionmesh.output.gltf_source import open_source
from actionmesh.output.writers import save_animation
from actionmesh.painting.coat import Coat
from tests.backend.gltf_files import Player, rich_scene

PROVENANCE = Provenance("clip.mp4", None, 7, "default", "small", "0.1")
PICTURE = np.random.default_rng(0).integers(0, 256, (6, 10, 3)).astype(np.uint8)
TETRAHEDRON = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
FACES = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]], np.int32)
UV = np.random.default_rng(1).uniform(0.05, 0.95, (4, 3, 2)).astype(np.float32)
UV[1, 0], UV[1, 1] = UV[0, 0], UV[0, 2]
"""The first two faces share UVs at their common edge; the others are separate charts."""


@pytest.fixture
def animation() -> Animation:
    poses = np.stack([TETRAHEDRON, TETRAHEDRON * np.float32(2), TETRAHEDRON + np.float32(0.5)])
    return Animation(poses, FACES, np.array([0.0, 0.5, 1.0]), 0, np.arange(3), PROVENANCE, Coat.of(UV, PICTURE))


def test_the_picture_is_kept_exactly():
    coat = Coat.of(UV, PICTURE)
    np.testing.assert_array_equal(coat.picture, PICTURE)
    np.testing.assert_array_equal(cv2.imdecode(np.frombuffer(coat.png, np.uint8), cv2.IMREAD_COLOR)[..., ::-1], PICTURE)


def test_vertices_are_split_at_seams_alone():
    rows, uv, faces = Coat.of(UV, PICTURE).split(FACES)
    assert len(rows) == 10
    np.testing.assert_array_equal(rows[faces], FACES)
    np.testing.assert_array_equal(uv[faces], UV)


@pytest.mark.parametrize("broken", [UV[:, :2], UV.astype(np.float64), np.full_like(UV, np.nan)])
def test_uvs_that_are_none_are_refused(broken):
    with pytest.raises(ValueError, match="UVs of corners"):
        Coat(broken, Coat.of(UV, PICTURE).png)


def test_a_result_brings_its_coat(animation, tmp_path):
    animation.save(tmp_path / "a.safetensors")
    loaded = Animation.load(tmp_path / "a.safetensors").appearance
    assert loaded is not None and loaded.png == animation.appearance.png
    np.testing.assert_array_equal(loaded.corner_uv, UV)


def test_a_result_without_a_coat_is_one(animation, tmp_path):
    replace(animation, appearance=None).save(tmp_path / "a.safetensors")
    assert Animation.load(tmp_path / "a.safetensors").appearance is None


@pytest.mark.parametrize("name, value", [("corner_uv", UV[:3]), ("picture_png", np.zeros(9, np.uint8))])
def test_a_result_with_a_broken_coat_is_refused(animation, tmp_path, monkeypatch, name, value):
    arrays = animation.arrays() | {name: value}
    monkeypatch.setattr(Animation, "arrays", lambda self: arrays)
    animation.save(tmp_path / "a.safetensors")
    with pytest.raises(InputError, match="cannot be read as an animation"):
        Animation.load(tmp_path / "a.safetensors")


def test_npz_has_it_too(animation, tmp_path):
    save_animation(animation, tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["corner_uv"], UV)
        assert arrays["picture_png"].tobytes() == animation.appearance.png


def test_an_animated_glb_has_uvs_a_picture_and_every_pose(animation, tmp_path):
    save_animation(animation, tmp_path / "a.glb")
    player = Player(tmp_path / "a.glb")
    rows, uv, faces = animation.appearance.split(FACES)
    primitive = player.json["meshes"][0]["primitives"][0]
    np.testing.assert_allclose(player.values(primitive["attributes"]["TEXCOORD_0"]), uv * (1, -1) + (0, 1), atol=1e-6)
    np.testing.assert_array_equal(player.values(primitive["indices"]).reshape(-1, 3), faces)
    for time, pose in zip(animation.times, animation.vertices, strict=True):
        np.testing.assert_allclose(player.pose(time), pose[rows], atol=1e-6)
    material = player.json["materials"][primitive["material"]]["pbrMetallicRoughness"]
    assert material == {"baseColorTexture": {"index": 0}, "metallicFactor": 0.0, "roughnessFactor": 1.0}
    view = player.json["bufferViews"][player.json["images"][0]["bufferView"]]
    stored = player.binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
    assert stored == animation.appearance.png and player.json["images"][0]["mimeType"] == "image/png"


def test_trimesh_reads_it(animation, tmp_path):
    save_animation(animation, tmp_path / "a.glb")
    (mesh,) = trimesh.load_scene(tmp_path / "a.glb").geometry.values()
    np.testing.assert_allclose(mesh.vertices[mesh.faces], TETRAHEDRON[FACES], atol=1e-6)
    np.testing.assert_allclose(mesh.visual.uv[mesh.faces], UV, atol=1e-6)
    np.testing.assert_array_equal(np.asarray(mesh.visual.material.baseColorTexture.convert("RGB")), PICTURE)


def test_normals_are_smooth_across_seams(animation, tmp_path):
    save_animation(animation, tmp_path / "a.glb")
    player = Player(tmp_path / "a.glb")
    attributes = player.json["meshes"][0]["primitives"][0]["attributes"]
    rows, _, _ = animation.appearance.split(FACES)
    normals = player.values(attributes["NORMAL"])
    for vertex in range(4):
        assert np.ptp(normals[rows == vertex], axis=0).max() < 1e-6
    np.testing.assert_allclose(normals[rows == 0][0], -np.ones(3) / np.sqrt(3), atol=1e-6)


def test_a_folder_of_poses_has_it_too(animation, tmp_path):
    save_animation(animation, f"{tmp_path}/poses/")
    (mesh,) = trimesh.load_scene(tmp_path / "poses" / "frame_0001.glb").geometry.values()
    np.testing.assert_allclose(mesh.vertices[mesh.faces], 2 * TETRAHEDRON[FACES], atol=1e-6)
    np.testing.assert_allclose(mesh.visual.uv[mesh.faces], UV, atol=1e-6)


def test_the_renderer_gets_it(animation):
    shown = read_appearance(open_source(animation, None))
    np.testing.assert_allclose(animation.vertices[0][shown.rows][shown.faces], TETRAHEDRON[FACES])
    np.testing.assert_allclose(shown.texture.uv[shown.faces], UV, atol=1e-6)
    np.testing.assert_array_equal(shown.texture.images[0], PICTURE)


def test_vertices_at_one_place_stay_apart(animation):
    """They are identified by number, not by position."""
    doubled = np.concatenate([animation.vertices, animation.vertices[:, :1]], axis=1)
    faces = FACES.copy()
    faces[3, 0] = 4
    shown = read_appearance(open_source(replace(animation, vertices=doubled, faces=faces), None))
    np.testing.assert_array_equal(shown.rows[shown.faces], faces)


def test_previews_show_it(animation, tmp_path, monkeypatch):
    monkeypatch.setattr(preview, "SHEET_CELL", 64)
    red = replace(animation, appearance=Coat.of(UV, np.full((4, 4, 3), (250, 0, 0), np.uint8)))
    save_animation(red, tmp_path / "a.png")
    picture = cv2.imread(str(tmp_path / "a.png"))[..., ::-1].astype(int)
    assert np.count_nonzero(picture[..., 0] > 3 * picture[..., 1] + 60) > 200


def test_it_comes_before_an_artists_file(tmp_path):
    """The mesh is the artist's own, and colours from the clip are requested."""
    source = rich_scene().save(tmp_path / "source.glb")
    mesh = load_mesh(source)
    uv = np.zeros((len(mesh.faces), 3, 2), np.float32)
    animation = Animation(
        mesh.vertices[None], mesh.faces, np.zeros(1), 0, np.zeros(1, int), PROVENANCE, Coat.of(uv, PICTURE)
    )
    save_animation(animation, tmp_path / "a.glb", source)
    (material,) = Player(tmp_path / "a.glb").json["materials"]
    assert material["pbrMetallicRoughness"]["baseColorTexture"] == {"index": 0}
    save_animation(replace(animation, appearance=None), tmp_path / "b.glb", source)
    assert Player(tmp_path / "b.glb").json["materials"] == Player(source).json["materials"]
