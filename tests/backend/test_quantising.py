"""Glb files with quantised and sparse targets, played by the tests' own decoder and judged by Khronos' validator."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh

from actionmesh.animation import Animation
from actionmesh.errors import OutputError
from actionmesh.geometry.mesh_files import load_mesh
from actionmesh.job_outputs import save_all
from actionmesh.output.gltf import write_animated_glb
from actionmesh.output.writers import save_animation
from actionmesh.progress import Progress
from actionmesh.quantising import compact
from actionmesh.quantising.codes import BYTE, FLOAT, SHORT, Coding, coded_turns, coding_for, decoded
from tests.backend.gltf_files import Builder, Player, grid, rich_scene, unit_normals
from tests.backend.gltf_validator import assert_valid
from tests.backend.test_gltf import PROVENANCE, TIMES
from tests.full_disk import full_disk

LARGEST = {5120: 127, 5121: 255, 5122: 32767, 5123: 65535}
PRIVATE = ("GLB_UNKNOWN_CHUNK_TYPE",)
SIZES = pytest.mark.parametrize("size", [0.001, 1.0, 180.0])


def waving(path: Path, share: float = 1.0, amount: float = 0.2) -> Animation:
    """Return smooth moves by at most `amount` of the size of a share of the vertices; the first pose is at rest."""
    mesh = load_mesh(path)
    size = np.linalg.norm(np.ptp(mesh.vertices, axis=0))
    phase = mesh.vertices @ np.array([2.0, 1.0, 0.5]) / size
    lift = amount * size * np.stack([np.sin(phase), np.cos(3 * phase), np.sin(2 * phase + 1)], axis=1) / np.sqrt(3)
    lift[int(share * len(lift)) :] = 0
    poses = mesh.vertices + np.array([0.0, 0.3, 1.0, -0.7])[:, None, None] * lift
    return Animation(poses.astype(np.float32), mesh.faces, TIMES, 0, np.arange(4), PROVENANCE)


def smooth_grid(path: Path, size: float = 1.0, side: int = 60, **node) -> Path:
    builder = Builder()
    vertices, faces = grid(side)
    vertices[:, 2] = 0.3 * np.sin(3 * vertices[:, 0]) * vertices[:, 1]
    vertices *= np.float32(size)
    builder.json |= {
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, **node}],
        "meshes": [{"primitives": [builder.primitive(vertices, faces, NORMAL=unit_normals(vertices, faces))]}],
    }
    return builder.save(path)


def both(animation: Animation, source: Path, folder: Path, error: float) -> tuple[Path, Path]:
    plain, small = folder / "plain.glb", folder / "small.glb"
    write_animated_glb(animation, plain, source)
    write_animated_glb(animation, small, source, error)
    return plain, small


class Decoder(Player):
    """Also plays quantised targets."""

    def values(self, index: int) -> np.ndarray:
        values = super().values(index)
        entry = self.json["accessors"][index]
        return np.maximum(values / LARGEST[entry["componentType"]], -1) if entry.get("normalized") else values

    def decoded(self, index: int) -> np.ndarray:
        return self.values(index).astype(np.float64)

    def kinds(self, name: str) -> set[int]:
        return {
            self.json["accessors"][target[name]]["componentType"]
            for mesh in self.json["meshes"]
            for part in mesh["primitives"]
            for target in part.get("targets", [])
            if name in target
        }


def farthest(player: Player, animation: Animation, size: float) -> float:
    """Return the largest distance of a vertex from its place in any pose, in percent."""
    gaps = [
        np.linalg.norm(player.pose(time) - pose, axis=1)
        for time, pose in zip(animation.times, animation.vertices, strict=True)
    ]
    return 100 * float(np.max(gaps)) / size


def size_of(animation: Animation) -> float:
    return float(np.linalg.norm(np.ptp(animation.vertices[0], axis=0)))


@SIZES
@pytest.mark.parametrize(("error", "kind"), [(0.005, 5122), (0.05, 5122), (0.5, 5120)])
def test_a_small_file_plays_within_its_error_whatever_the_unit(tmp_path, size, error, kind):
    source = smooth_grid(tmp_path / "source.glb", size)
    animation = waving(source)
    plain, small = both(animation, source, tmp_path, error)
    player = Decoder(small)
    assert 0 < farthest(player, animation, size_of(animation)) <= error
    assert player.kinds("POSITION") == {kind}
    assert plain.stat().st_size > 2 * small.stat().st_size
    assert_valid(plain, small, warnings=PRIVATE)
    assert player.json["extensionsRequired"] == ["KHR_mesh_quantization"]


@pytest.mark.parametrize("error", [0.02, 1.0])
def test_a_scene_keeps_all_else_and_its_rest_to_the_bit(tmp_path, error):
    source = rich_scene().save(tmp_path / "source.glb")
    animation = waving(source)
    _plain, small = both(animation, source, tmp_path, error)
    player = Decoder(small)
    sizes = [np.linalg.norm(np.ptp(part @ matrix[:3, :3].T, axis=0)) for part, matrix in placed(player)]
    assert farthest(player, animation, max(sizes)) <= 2 * error  # a node stretches its mesh, and the error, by up to 2
    np.testing.assert_array_equal(load_mesh(small).vertices, load_mesh(source).vertices)
    for name in ("materials", "textures", "images", "samplers", "scenes", "extras"):
        assert player.json[name] == Player(source).json[name]
    assert_valid(small, warnings=PRIVATE)
    seen, before = trimesh.load_scene(small), trimesh.load_scene(source)
    np.testing.assert_allclose(seen.bounds, before.bounds, atol=1e-5)


def placed(player):
    return [(player.decoded(part["attributes"]["POSITION"]), matrix) for _, part, matrix in player.surfaces()]


def test_only_vertices_that_move_are_stored(tmp_path):
    source = smooth_grid(tmp_path / "source.glb")
    whole, tenth = waving(source), waving(source, share=0.1)
    _, small = both(whole, source, tmp_path, 0.05)
    length = small.stat().st_size
    _, small = both(tenth, source, tmp_path, 0.05)
    rest = source.stat().st_size
    assert small.stat().st_size - rest < 0.3 * (length - rest)
    assert_valid(small, warnings=PRIVATE)
    assert farthest(Decoder(small), tenth, size_of(tenth)) <= 0.05
    player = Decoder(small)
    first = player.json["meshes"][0]["primitives"][0]["targets"][0]["POSITION"]
    assert not {"bufferView", "sparse"} & player.json["accessors"][first].keys()  # the pose at rest takes no bytes
    np.testing.assert_array_equal(player.values(first), 0)


def test_normals_turn_as_in_the_plain_file(tmp_path):
    source = smooth_grid(tmp_path / "source.glb")
    plain, small = (Decoder(path) for path in both(waving(source, amount=0.3), source, tmp_path, 0.05))
    (node, part, _), (_, other, _) = plain.surfaces()[0], small.surfaces()[0]
    assert small.kinds("NORMAL") == {5120}
    for time in TIMES:
        one, two = (p.morphed(node, q, "NORMAL", time) for p, q in ((plain, part), (small, other)))
        cosine = (one * two).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(two, axis=1)
        angles = np.degrees(np.arccos(cosine.clip(-1, 1)))
        turned = np.degrees(np.arccos((one * plain.morphed(node, part, "NORMAL", 0.0)).sum(axis=1).clip(-1, 1)))
        assert np.percentile(angles, 99) <= 1 and angles[turned < 90].max() <= 2


def angle(one, two):
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1)
    return np.degrees(np.arccos(((one * two).sum(axis=1) / lengths).clip(-1, 1)))


@pytest.mark.parametrize(("most", "kind"), [(40, BYTE), (89, BYTE), (135, BYTE)])
def test_turns_beyond_a_numbers_range_keep_their_direction(most, kind):
    random = np.random.default_rng(1)
    normals = random.normal(size=(4000, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    across = np.cross(normals, random.normal(size=(4000, 3)))
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    turn = np.radians(random.uniform(0, most, (4000, 1)))
    aims = np.cos(turn) * normals + np.sin(turn) * across
    numbers = coded_turns(normals, aims - normals)
    gaps = angle(normals + decoded(numbers), aims)
    near = np.degrees(turn[:, 0]) < 90
    assert numbers.dtype.kind == "i" and np.percentile(gaps, 99) <= 1 and gaps[near].max() <= 2
    assert numbers.dtype == kind or most > 90


def test_normals_that_turn_right_round_are_floats():
    normals = np.tile([0.0, 0.0, -1.0], (50, 1))
    turns = np.tile([0.0, 0.0, 2.0], (50, 1))
    numbers = coded_turns(normals, turns)
    assert numbers.dtype == FLOAT
    np.testing.assert_array_equal(numbers, turns)


@pytest.mark.parametrize(("longest", "most", "may_scale", "expected"), [
    (0.5, 0.01, True, Coding(BYTE, 1.0)),
    (0.2, 0.003, True, Coding(BYTE, 0.25)),
    (0.2, 0.003, False, Coding(SHORT, 1.0)),
    (0.5, 1e-4, True, Coding(SHORT, 1.0)),
    (40.0, 0.01, True, Coding(SHORT, 64.0)),
    (40.0, 1.0, True, Coding(BYTE, 64.0)),
    (40.0, 1.0, False, Coding(FLOAT, 1.0)),
    (1e6, 1e-3, True, Coding(FLOAT, 1.0)),
    (0.0, 1e-2, True, Coding(BYTE, 1.0)),
])  # fmt: skip
def test_the_smallest_coding_within_the_error_is_chosen(longest, most, may_scale, expected):
    assert coding_for(longest, most, may_scale) == expected


def test_a_skinned_mesh_in_centimetres_is_scaled_by_its_skin(tmp_path):
    builder = Builder()
    vertices, faces = grid(40)
    vertices = (vertices * np.float32([90, 90, 20])).astype("<f4")
    count = len(vertices)
    joints, weights = np.zeros((count, 4), "u1"), np.tile(np.array([1, 0, 0, 0], "<f4"), (count, 1))
    bind = np.diag([0.01, 0.01, 0.01, 1]).astype("<f4").reshape(1, 16)
    builder.json |= {
        "scenes": [{"nodes": [0, 1]}],
        "nodes": [{"mesh": 0, "skin": 0}, {"name": "bone", "translation": [0, 1, 0]}],
        "meshes": [{"primitives": [builder.primitive(vertices, faces, JOINTS_0=joints, WEIGHTS_0=weights)]}],
        "skins": [{"joints": [1], "inverseBindMatrices": builder.accessor(bind)}],
    }
    source = builder.save(tmp_path / "source.glb")
    animation = waving(source)
    _, small = both(animation, source, tmp_path, 0.05)
    assert_valid(small, warnings=PRIVATE)
    player = Decoder(small)
    assert player.kinds("POSITION") == {5122}
    (skin,) = {node["skin"] for node in player.json["nodes"] if "skin" in node}
    matrix = player.values(player.json["skins"][skin]["inverseBindMatrices"])[0].reshape(4, 4).T
    (node, part, _) = player.surfaces()[0]
    for time, pose in zip(TIMES, animation.vertices, strict=True):
        shown = player.morphed(node, part, "POSITION", time) @ matrix[:3, :3].T + (0, 1, 0)
        assert np.linalg.norm(shown - pose, axis=1).max() <= 0.0005 * size_of(animation)


def test_a_node_with_children_gets_a_scaled_one_below(tmp_path):
    builder = Builder()
    vertices, faces = grid(30)
    part = builder.primitive(vertices * np.float32(100), faces)
    builder.json |= {
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "translation": [1, 2, 3], "children": [1]}, {"name": "hat"}],
        "meshes": [{"primitives": [part]}],
    }
    source = builder.save(tmp_path / "source.glb")
    animation = waving(source)
    _, small = both(animation, source, tmp_path, 0.05)
    player = Decoder(small)
    body, hat, below = player.json["nodes"]
    assert "mesh" not in body and body["children"] == [1, 2] and hat == {"name": "hat"} and below["scale"][0] > 1
    assert farthest(player, animation, size_of(animation)) <= 0.05
    assert_valid(small, warnings=PRIVATE)


@pytest.mark.fault("A file whose animation points at a node's scale plays at another size once it is quantised")
def test_a_node_whose_scale_a_pointer_animates_gets_a_scaled_one_below(tmp_path):
    builder = Builder()
    vertices, faces = grid(30)
    pointers = ["/nodes/0/scale", "/nodes/0/weights/0", "/nodes/10/scale", 7]
    targets = [{"path": "pointer", "extensions": {"KHR_animation_pointer": {"pointer": to}}} for to in pointers]
    times, scales = builder.accessor(np.array([0, 1], "<f4")), builder.accessor(np.ones((2, 3), "<f4"))
    builder.json |= {
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [builder.primitive(vertices * np.float32(100), faces)]}],
        "extensionsUsed": ["KHR_animation_pointer"],
        "animations": [{
            "samplers": [{"input": times, "output": scales}],
            "channels": [{"sampler": 0, "target": target} for target in [*targets, {"path": "pointer"}]],
        }],
    }  # fmt: skip
    source = builder.save(tmp_path / "source.glb")
    animation = waving(source)
    _, small = both(animation, source, tmp_path, 0.05)
    player = Decoder(small)
    body, below = player.json["nodes"]
    assert "mesh" not in body and "scale" not in body and below["scale"][0] > 1
    channels = [channel for animation in player.json["animations"] for channel in animation["channels"]]
    kept = [channel["target"].get("extensions") for channel in channels if channel["target"]["path"] == "pointer"]
    assert [each and each["KHR_animation_pointer"]["pointer"] for each in kept] == [
        "/nodes/0/scale", "/nodes/1/weights/0", "/nodes/10/scale", 7, None,
    ]  # fmt: skip
    assert farthest(player, animation, size_of(animation)) <= 0.05


def test_own_targets_of_the_source_stay_and_play(tmp_path):
    builder = Builder()
    vertices, faces = grid(20)
    vertices *= np.float32(100)
    primitive = builder.primitive(vertices, faces)
    smile = np.zeros_like(vertices)
    smile[:5] = 7
    primitive["targets"] = [{"POSITION": builder.accessor(smile)}]
    builder.json |= {
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [primitive], "weights": [0.5]}],
    }
    source = builder.save(tmp_path / "source.glb")
    animation = waving(source)
    _, small = both(animation, source, tmp_path, 0.05)
    player = Decoder(small)
    assert player.json["nodes"][0]["scale"][0] > 1
    assert farthest(player, animation, size_of(animation)) <= 0.05
    own = player.json["meshes"][0]["primitives"][0]["targets"][0]["POSITION"]
    np.testing.assert_array_equal(player.values(own) * player.json["nodes"][0]["scale"][0], smile)
    assert_valid(small, warnings=PRIVATE)


def test_a_result_of_the_model_is_halved_and_a_pose_folder_is_not_touched(tmp_path):
    vertices, faces = grid(50)
    poses = np.stack([vertices * (1 + 0.05 * k) for k in range(8)]).astype(np.float32)
    animation = Animation(poses, faces.astype(np.int32), np.arange(8) / 8, 0, np.arange(8), PROVENANCE)
    save_animation(animation, tmp_path / "plain.glb")
    save_animation(animation, tmp_path / "small.glb", quantise=0.05)
    save_animation(animation, tmp_path / "poses", quantise=0.05)
    assert_valid(tmp_path / "small.glb")
    assert (tmp_path / "plain.glb").stat().st_size > 2 * (tmp_path / "small.glb").stat().st_size
    assert "KHR_mesh_quantization" not in (tmp_path / "poses" / "frame_0003.glb").read_bytes().decode("latin-1")
    assert farthest(Decoder(tmp_path / "small.glb"), animation, size_of(animation)) <= 0.05


def test_a_file_is_made_smaller_twice_without_harm(tmp_path):
    source = smooth_grid(tmp_path / "source.glb")
    _, small = both(waving(source), source, tmp_path, 0.05)
    again = compact(small.read_bytes(), 0.05)
    assert again.error == 0 and len(again.data) <= small.stat().st_size


def test_a_mesh_without_moves_and_one_without_any_vertex_stays(tmp_path):
    source = smooth_grid(tmp_path / "source.glb")
    still = replace(waving(source), vertices=np.repeat(load_mesh(source).vertices[None], 4, axis=0))
    _, small = both(still, source, tmp_path, 0.05)
    assert farthest(Decoder(small), still, size_of(still)) == 0
    assert_valid(small, warnings=PRIVATE)


def test_a_full_disk_leaves_the_old_file(tmp_path):
    source = smooth_grid(tmp_path / "source.glb")
    target = tmp_path / "new" / "out.glb"
    target.parent.mkdir()
    shutil.copy(source, target)
    with full_disk(1500), pytest.raises(OutputError, match="could not be written"):
        save_animation(waving(source), target, source, quantise=0.05)
    assert target.read_bytes() == source.read_bytes() and [path.name for path in target.parent.iterdir()] == ["out.glb"]


def test_a_job_saves_its_glb_with_fewer_bits(tmp_path):
    source = smooth_grid(tmp_path / "source.glb")

    class Subject:
        frames = crops = None

    out = (str(tmp_path / "a.glb"), str(tmp_path / "a.safetensors"))
    save_all(waving(source), out, source, Subject(), Progress(), 0.05)
    assert Decoder(tmp_path / "a.glb").kinds("POSITION") == {5122}
    np.testing.assert_array_equal(Animation.load(out[1]).vertices, waving(source).vertices)
