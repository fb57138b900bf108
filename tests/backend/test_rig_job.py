"""A finished animation becomes a skinned mesh: played back as a viewer does, it moves as the animation."""

import json

import numpy as np
import pytest
from safetensors import safe_open

from actionmesh import cli
from actionmesh.animation import Animation, Provenance
from actionmesh.errors import Cancelled, InputError, OutputError
from actionmesh.geometry.mesh_files import load_mesh
from actionmesh.output.gltf_rig import local_motion, write_rigged_glb
from actionmesh.protocol import Rig, Stage
from actionmesh.rig_job import rig
from actionmesh.rigging.making import make_rig
from tests.backend.bending import bent
from tests.backend.gltf_files import rich_scene
from tests.backend.gltf_scenes import SCENES, PosingPlayer
from tests.backend.gltf_validator import assert_valid

PROVENANCE = Provenance("clip.mp4", None, 7, "demo", "small", "0.1")


class JointPlayer(PosingPlayer):
    """Poses the joints by the first animation, then the mesh by its skin; nothing else moves."""

    def pose(self, time):
        animation = self.json["animations"][0]
        for channel in animation["channels"]:
            sampler, target = animation["samplers"][channel["sampler"]], channel["target"]
            times, keys = self.values(sampler["input"])[:, 0], self.values(sampler["output"])
            value = np.array([np.interp(time, times, column) for column in keys.T])
            if target["path"] == "rotation":
                value /= np.linalg.norm(value)
            self.json["nodes"][target["node"]][target["path"]] = value.tolist()
        parts = []
        for node, primitive, _ in self.surfaces():
            matrices, local = self.skin(node, primitive), self.shown(node, primitive)
            parts.append(np.einsum("nij,nj->ni", matrices[:, :3, :3], local) + matrices[:, :3, 3])
        return np.concatenate(parts)


def animation_of(**options):
    rest, faces, poses = bent(at=0.3, **options)
    return Animation(
        poses.astype(np.float32), faces.astype(np.int32), np.arange(len(poses)) / 12, 0, np.arange(len(poses)),
        PROVENANCE,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("rig")
    animation_of().save(place / "a.safetensors")
    return place


def run(job, report=lambda event: None, cancelled=lambda: False):
    return rig(job, report, cancelled)


def test_a_rigged_glb_moves_as_the_animation(folder):
    out, events = folder / "new" / "a.glb", []
    answer = run(Rig(str(folder / "a.safetensors"), (str(out),), bones=2), events.append)
    assert (answer.bones, answer.poses, answer.vertices) == (2, 7, 160) and answer.out == (str(out),)
    assert answer.error < 0.3 and answer.error < answer.worst < 3
    assert [e.stage for e in events if e.step == 0] == [Stage.RIGGING, Stage.SAVING]
    animation, player = Animation.load(folder / "a.safetensors"), JointPlayer(out)
    size = np.linalg.norm(np.ptp(animation.vertices[0], axis=0))
    apart = []
    for time, pose in zip(animation.times, animation.vertices, strict=True):
        apart.append(np.linalg.norm(player.pose(time) - pose, axis=1) / size)
    assert 100 * np.sqrt(np.mean(np.square(apart))) == pytest.approx(answer.error, abs=1e-3)
    assert 100 * np.max(apart) == pytest.approx(answer.worst, abs=1e-3)
    assert "targets" not in player.json["meshes"][0]["primitives"][0]
    assert [player.json["nodes"][joint]["name"] for joint in player.json["skins"][0]["joints"]] == [
        "root",
        "bone.L.001",
    ]
    assert player.json["animations"][0]["extras"]["provenance"]["clip"] == "clip.mp4"
    assert_valid(out)


def rigged_source(source, tmp_path, bones=4):
    """Rig a mesh file that wobbles; return the animation, its rig and the file."""
    mesh = load_mesh(source)
    rest = mesh.vertices.astype(np.float64)
    middle = (rest.max(axis=0) + rest.min(axis=0)) / 2
    size = np.linalg.norm(np.ptp(rest, axis=0))
    bend = ((rest[:, :1] - middle[0]) / size) ** 2 * size
    poses = np.stack([rest + part * bend * (0, 0.8, 0.3) + part * size * 0.2 for part in (0, 0.5, 1)])
    animation = Animation(
        poses.astype(np.float32), mesh.faces.astype(np.int32), np.array([0.0, 0.25, 0.5]), 0, np.arange(3), PROVENANCE,
        origin=mesh.origin,
    )  # fmt: skip
    made = make_rig(animation.vertices[0], animation.faces, animation.vertices, bones)
    write_rigged_glb(animation, made, tmp_path / "rigged.glb", source)
    return animation, made, tmp_path / "rigged.glb"


@pytest.mark.parametrize("name", [*SCENES, "rich"])
def test_files_of_every_kind_become_skinned_in_their_own_order(name, tmp_path):
    builder = rich_scene() if name == "rich" else SCENES[name]()[0]
    source = builder.save(tmp_path / "source.glb")
    animation, made, path = rigged_source(source, tmp_path)
    player, expected = JointPlayer(path), made.poses(animation.vertices[0].astype(np.float64))
    size = np.linalg.norm(np.ptp(animation.vertices[0], axis=0))
    far = np.abs(animation.origin).max() / 1e7
    for time, pose in zip(animation.times, expected, strict=True):
        np.testing.assert_allclose(player.pose(time) - animation.origin, pose, atol=2e-6 * size + far)
    loaded = load_mesh(path)
    np.testing.assert_allclose(
        loaded.vertices + (loaded.origin - animation.origin),
        animation.vertices[0],
        atol=2e-6 * size + far,
    )
    np.testing.assert_array_equal(np.sort(loaded.faces, axis=1), np.sort(animation.faces, axis=1))
    assert_valid(path, warnings=("GLB_UNKNOWN_CHUNK_TYPE",))  # the source brought it


def test_surfaces_still_face_outward_and_keep_their_texture(tmp_path):
    source = rich_scene().save(tmp_path / "source.glb")
    animation, _, path = rigged_source(source, tmp_path)
    before, after = load_mesh(source), load_mesh(path)
    for mesh in (before, after):
        corners = mesh.vertices[mesh.faces].astype(np.float64)
        mesh_normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        if mesh is before:
            wanted = mesh_normals
    assert ((wanted * mesh_normals).sum(axis=1) >= 0).all()
    player = JointPlayer(path)
    assert player.json["images"] and player.json["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]
    node, primitive, _ = next(found for found in player.surfaces() if "NORMAL" in found[1]["attributes"])
    normals, points = (player.values(primitive["attributes"][kind]) for kind in ("NORMAL", "POSITION"))
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)
    original = PosingPlayer(source)
    old = next(found for found in original.surfaces() if "NORMAL" in found[1]["attributes"])
    turned = original.values(old[1]["attributes"]["NORMAL"]) @ np.linalg.inv(old[2][:3, :3])
    np.testing.assert_allclose(normals, turned / np.linalg.norm(turned, axis=1, keepdims=True), atol=1e-5)
    assert len(points) == len(normals)


def test_arrays_of_a_rig_are_written_with_their_names(folder):
    out = folder / "rig.safetensors"
    answer = run(Rig(str(folder / "a.safetensors"), (str(out),), error=0.5))
    assert answer.error <= 0.5
    with safe_open(str(out), "numpy") as file:
        arrays, told = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()
    bones = len(json.loads(told["names"]))
    assert bones == answer.bones and 100 * float(told["rms"]) == answer.error
    assert arrays["deforms"].shape == (7, bones, 4, 4) and arrays["weights"].shape == (160, 4)
    assert arrays["heads"].shape == arrays["tails"].shape == (bones, 3) and arrays["parents"][0] == -1


def test_rotations_never_take_the_long_way_round():
    rest, faces, poses = bent(at=0.0, frames=16, angle=6.0)
    made = make_rig(rest, faces, poses, 2)
    for bone in range(2):
        _, turns = local_motion(made, bone)
        assert ((turns[1:] * turns[:-1]).sum(axis=1) > 0).all()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"out": ()}, "names no file"),
        ({"out": ("a.fbx",)}, "a.fbx is not a format for bones"),
        ({"out": ("a.glb", "A.glb")}, "same place"),
        ({"result": "missing.safetensors"}, "cannot be read"),
        ({"result": ""}, "names nothing"),
        ({"bones": 0}, "The number of bones is 0. Use a whole number from 1 to 128"),
        ({"bones": 129}, "The number of bones is 129"),
        ({"error": 0.0}, "The error is 0"),
        ({"error": float("nan")}, "The error is nan"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(folder, changes, told, monkeypatch):
    monkeypatch.chdir(folder)
    job = Rig(**{"result": "a.safetensors", "out": ("no.glb",), **changes})
    with pytest.raises(InputError, match=told):
        run(job)
    assert not (folder / "no.glb").exists()


def test_a_result_is_not_overwritten_by_its_rig(folder):
    result = str(folder / "a.safetensors")
    with pytest.raises(InputError, match="would overwrite the input"):
        run(Rig(result, (result,), bones=2))
    with pytest.raises(OutputError):
        run(Rig(result, (f"{result}/under.glb",), bones=2))


def test_a_cancelled_rig_writes_nothing(folder):
    with pytest.raises(Cancelled):
        run(Rig(str(folder / "a.safetensors"), (str(folder / "late.glb"),)), cancelled=lambda: True)
    assert not (folder / "late.glb").exists()


def test_the_command_says_what_it_wrote_and_what_was_not_reached(folder, capsys):
    words = ["rig", str(folder / "a.safetensors"), "-o", str(folder / "b.glb"), "--bones", "1", "--error", "0.01"]
    assert cli.main(words) == 0
    told = capsys.readouterr().out
    assert f"Wrote {folder / 'b.glb'}" in told and "1 bones move 160 vertices through 7 poses" in told
    assert "Note: an error of 0.01% was not reached." in told
    assert cli.main(["rig", "missing.safetensors", "-o", str(folder / "b.glb")]) == 2
    assert "cannot be read as an animation" in capsys.readouterr().err
