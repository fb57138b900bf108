"""Results as the worker writes them, whole and damaged."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from safetensors.numpy import save_file

from blender_addon.errors import ArtistError, MotionError
from blender_addon.motion.result_file import Motion, load_motion

FACTS = {"reference_frame": "1", "provenance": json.dumps({"clip": "zürich.mp4", "seed": 3})}


def arrays(**changes):
    rng = np.random.default_rng(0)
    plain = {
        "vertices": rng.normal(size=(3, 5, 3)).astype(np.float32),
        "faces": np.array([[0, 1, 2], [2, 3, 4]], np.int32),
        "times": np.array([0, 0.04, 0.08]),
        "frame_indices": np.array([0, 1, 2]),
    }
    return {name: array for name, array in (plain | changes).items() if array is not None}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "résult.safetensors"


def test_whole(path):
    save_file(arrays(), path, FACTS)
    motion = load_motion(path)
    assert motion.reference_frame == 1 and motion.provenance == {"clip": "zürich.mp4", "seed": 3}
    for name, array in arrays().items():
        assert np.array_equal(getattr(motion, name), array) and getattr(motion, name).dtype == array.dtype


def test_what_the_backend_saves_can_be_read(path):
    backend = pytest.importorskip("actionmesh.animation")
    provenance = backend.Provenance("clip.mp4", None, 7, "demo", "toy", "1")
    backend.Animation(**arrays(), reference_frame=2, provenance=provenance).save(path)
    motion = load_motion(path)
    assert motion.reference_frame == 2 and motion.provenance == json.loads(json.dumps(asdict(provenance)))
    assert np.array_equal(motion.vertices, arrays()["vertices"])


@pytest.mark.fault("The result of a mesh far away from the origin is called damaged")
def test_vertices_far_away_are_read(path):
    backend = pytest.importorskip("actionmesh.animation")
    provenance = backend.Provenance("clip.mp4", None, 7, "demo", "toy", "1")
    away = np.array([1e6, 0, -1e6])
    backend.Animation(**arrays(), reference_frame=2, provenance=provenance, origin=away).save(path)
    motion = load_motion(path)
    assert motion.vertices.dtype == np.float32
    assert np.array_equal(motion.vertices, (arrays()["vertices"] + away).astype(np.float32))


def test_times_reach_to_a_million_seconds(path):
    save_file(arrays(times=np.array([0, 1.0, 1e6])), path, FACTS)
    assert load_motion(path).times[-1] == 1e6


def test_missing(path):
    with pytest.raises(MotionError, match="does not exist. It may have been removed"):
        load_motion(path)


@pytest.mark.parametrize("keep", [0, 1, 7, 8, 40, 200, -1, -60])
def test_cut_off(path, keep):
    save_file(arrays(), path, FACTS)
    path.write_bytes(path.read_bytes()[:keep])
    assert_damaged(path, "damaged")


@pytest.mark.parametrize("content", [b"\xff" * 300, b"{}" * 100, bytes(100)])
def test_of_another_kind(path, content):
    path.write_bytes(content)
    assert_damaged(path, "damaged or not an animation")


def test_a_folder_is_no_result(tmp_path):
    assert_damaged(tmp_path, "does not exist")


@pytest.mark.parametrize(
    "changes, problem",
    [
        ({"times": None}, "it has no times"),
        ({"faces": np.zeros((2, 3), np.int64)}, "faces are I64"),
        ({"vertices": np.zeros((3, 5), np.float32)}, r"vertices are F32 of shape \(3, 5\)"),
        ({"vertices": np.zeros((3, 5, 2), np.float32)}, r"shape \(3, 5, 2\)"),
        ({"vertices": np.zeros((0, 5, 3), np.float32)}, "is empty"),
        ({"vertices": np.zeros((3, 0, 3), np.float32)}, "is empty"),
        ({"vertices": np.full((3, 5, 3), np.nan, np.float32)}, "vertices that are not finite"),
        ({"faces": np.array([[0, 1, 5]], np.int32)}, "faces whose vertices do not exist"),
        ({"faces": np.array([[0, 1, -1]], np.int32)}, "faces whose vertices do not exist"),
        ({"faces": np.zeros((2, 4), np.int32)}, "not triangles"),
        ({"times": np.array([0.0, 0.1])}, "3 poses at 2 times"),
        ({"times": np.array([0.0, 0.1, 0.1])}, "times that do not increase"),
        ({"times": np.array([0.0, 0.1, np.nan])}, "times that do not increase"),
        ({"times": np.array([0.0, 0.1, 1_000_000.5])}, r"times beyond 1e\+06 seconds"),
        ({"times": np.array([-1_000_000.5, 0.0, 0.1])}, r"times beyond 1e\+06 seconds"),
    ],
)
def test_numbers_that_no_animation_has(path, changes, problem):
    save_file(arrays(**changes), path, FACTS)
    assert_damaged(path, problem)


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"reference_frame": "1"},
        FACTS | {"provenance": "{"},
        FACTS | {"provenance": "3"},
        FACTS | {"reference_frame": "one"},
    ],
)
def test_facts_that_cannot_be_read(path, facts):
    save_file(arrays(), path, facts)
    assert_damaged(path, "damaged or not an animation")


def test_reference_out_of_range(path):
    save_file(arrays(), path, FACTS | {"reference_frame": "3"})
    assert_damaged(path, "3 poses, and its reference is number 3")


def assert_damaged(path, problem):
    with pytest.raises(MotionError, match=problem) as raised:
        load_motion(path)
    assert isinstance(raised.value, ArtistError) and raised.value.cure
    assert "\n" not in str(raised.value)


def test_no_faces_is_a_motion_too():
    assert len(Motion(**arrays(faces=np.zeros((0, 3), np.int32)), reference_frame=0).faces) == 0
