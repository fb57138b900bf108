"""UVs and a picture from results, and how they are applied to a mesh with its triangles in another order."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from blender_addon.errors import MotionError
from blender_addon.motion.coat import Coat
from blender_addon.motion.result_file import load_motion
from tests.addon import pictures

FACES = np.array([(0, 1, 2), (2, 1, 3), (3, 4, 0)], np.int32)
UV = np.arange(18, dtype=np.float32).reshape(3, 3, 2) / 20
FACTS = {"reference_frame": "0", "provenance": json.dumps({"clip": "dog.mp4"})}


def png(channels=3):
    return pictures.png(np.arange(4 * channels, dtype=np.uint8).reshape(2, 2, channels))


def saved(path, **changes):
    plain = {
        "vertices": np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32),
        "faces": FACES,
        "times": np.array([0, 0.04]),
        "frame_indices": np.array([0, 1]),
        "corner_uv": UV,
        "picture_png": np.frombuffer(png(), np.uint8),
    }
    save_file({name: array for name, array in (plain | changes).items() if array is not None}, path, FACTS)
    return path


def test_a_result_brings_its_coat(tmp_path):
    coat = load_motion(saved(tmp_path / "a.safetensors")).coat
    assert np.array_equal(coat.corner_uv, UV) and coat.png == png()


def test_a_result_without_one_has_none(tmp_path):
    assert load_motion(saved(tmp_path / "a.safetensors", corner_uv=None, picture_png=None)).coat is None


def test_what_the_backend_saves_is_read(tmp_path):
    animation = pytest.importorskip("actionmesh.animation")
    backend = pytest.importorskip("actionmesh.painting.coat")
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    coat, provenance = backend.Coat.of(UV, picture), animation.Provenance("clip.mp4", None, 7, "demo", "toy", "1")
    poses = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)
    animation.Animation(poses, FACES, np.array([0, 0.1]), 0, np.array([0, 1]), provenance, coat).save(
        tmp_path / "a.safetensors"
    )
    read = load_motion(tmp_path / "a.safetensors").coat
    assert np.array_equal(read.corner_uv, UV) and read.png == coat.png and not read.has_alpha


@pytest.mark.parametrize(
    "changes, problem",
    [
        ({"corner_uv": None}, "a picture without UVs"),
        ({"picture_png": None}, "UVs without a picture"),
        ({"corner_uv": UV[:2]}, "has 3 faces and UVs of 2"),
        ({"corner_uv": UV[:, :2]}, "its UVs are float32 of shape"),
        ({"corner_uv": UV.astype(np.float64)}, "its UVs are float64"),
        ({"corner_uv": np.full_like(UV, np.nan)}, "not all finite"),
        ({"picture_png": np.frombuffer(b"GIF89a" * 9, np.uint8)}, "not a PNG"),
        ({"picture_png": np.frombuffer(png()[:20], np.uint8)}, "not a PNG"),
        ({"picture_png": np.frombuffer(png()[:25], np.uint8)}, "not a PNG"),
    ],
)
def test_a_broken_coat_is_told_in_a_sentence(tmp_path, changes, problem):
    with pytest.raises(MotionError, match=problem):
        load_motion(saved(tmp_path / "a.safetensors", **changes))


@pytest.mark.parametrize(("channels", "alpha"), [(3, False), (4, True), (1, False), (2, True)])
def test_alpha_is_told_by_the_picture(channels, alpha):
    assert Coat(UV, png(channels)).has_alpha is alpha


def test_uvs_follow_their_corners_whatever_the_order_of_triangles():
    coat = Coat(UV, png())
    assert np.array_equal(coat.uv_on(FACES, FACES), UV)
    turned = np.array([(4, 0, 3), (1, 2, 0)])
    assert np.array_equal(coat.uv_on(FACES, turned), [UV[2, [1, 2, 0]], UV[0, [1, 2, 0]]])
    flipped = np.array([(0, 4, 3)])
    assert np.array_equal(coat.uv_on(FACES, flipped), [UV[2, [2, 1, 0]]])


def test_a_triangle_that_the_result_does_not_know_has_no_uvs():
    assert Coat(UV, png()).uv_on(FACES, np.array([(0, 1, 3)])) is None
