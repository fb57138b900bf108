"""Every format read back with other libraries, and places where nothing can be written."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from actionmesh.animation import Animation, Provenance
from actionmesh.errors import InputError, OutputError
from actionmesh.geometry.mesh_files import load_mesh
from actionmesh.output import preview
from actionmesh.output.writers import check_output, save_animation
from tests.backend.gltf_files import grid, rich_scene
from tests.full_disk import full_disk

NAMES = ["out.safetensors", "out.glb", "out.npz", "out.png", "out.mp4", "out/"]
PROVENANCE = Provenance("clip ü.mp4", "mesh.glb", 7, "default", "small", "0.1")


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch):
    monkeypatch.setattr(preview, "SHEET_CELL", 64)
    monkeypatch.setattr(preview, "FILM_CELL", 64)


@pytest.fixture
def animation() -> Animation:
    vertices, faces = grid(12)
    poses = np.stack([vertices, vertices * np.float32(0.5), vertices * np.float32(2)])
    return Animation(poses, faces.astype(np.int32), np.array([0.0, 0.5, 1.0]), 0, np.array([0, -1, 1]), PROVENANCE)


def contents(path: Path) -> dict[str, bytes]:
    """Return all files below a folder."""
    return {str(file.relative_to(path)): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}


@pytest.mark.parametrize("name", NAMES)
def test_every_format_is_written_twice_over_and_leaves_nothing_else(animation, tmp_path, name):
    clip = np.full((2, 8, 8, 4), 255, np.uint8)
    save_animation(animation, f"{tmp_path}/new/{name}", None, clip)
    save_animation(animation, f"{tmp_path}/new/{name}", None, clip)
    expected = {f"new/out/frame_000{k}.glb" for k in range(3)} if name.endswith("/") else {f"new/{name}"}
    assert set(contents(tmp_path)) == expected


def test_safetensors_are_the_animation(animation, tmp_path):
    save_animation(animation, tmp_path / "out.safetensors")
    loaded = Animation.load(tmp_path / "out.safetensors")
    np.testing.assert_array_equal(loaded.vertices, animation.vertices)
    assert loaded.provenance == PROVENANCE


def test_npz_needs_no_pickle(animation, tmp_path):
    save_animation(animation, tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz", allow_pickle=False) as arrays:
        for name in ("vertices", "faces", "times", "frame_indices"):
            np.testing.assert_array_equal(arrays[name], getattr(animation, name))
            assert arrays[name].dtype == getattr(animation, name).dtype
        assert int(arrays["reference_frame"]) == 0
        assert json.loads(str(arrays["provenance"]))["clip"] == "clip ü.mp4"


@pytest.mark.parametrize("name", ["OUT.SAFETENSORS", "OUT.GLB", "OUT.NPZ", "OUT.PNG", "OUT.MP4"])
def test_endings_may_be_upper_case(animation, tmp_path, name):
    save_animation(animation, tmp_path / name, None, np.full((len(animation.times), 8, 8, 4), 255, np.uint8))
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).stat().st_size > 0


@pytest.mark.parametrize("name", ["poses", "poses/", "v1.2/"])
def test_a_folder_gets_a_mesh_a_pose(tmp_path, name):
    source = rich_scene().save(tmp_path / "source.glb")
    mesh = load_mesh(source)
    poses = np.stack([mesh.vertices + np.float32(k) for k in range(2)])
    animation = Animation(poses, mesh.faces, np.array([0.0, 1.0]), 0, np.arange(2), PROVENANCE)
    save_animation(animation, f"{tmp_path}/{name}", source)
    for k in range(2):
        pose = load_mesh(tmp_path / name / f"frame_000{k}.glb")
        np.testing.assert_allclose(pose.vertices, animation.vertices[k], atol=1e-5)


def test_a_shorter_animation_leaves_no_old_poses_in_its_folder(animation, tmp_path):
    save_animation(animation, tmp_path / "out")
    shorter = Animation(animation.vertices[:1], animation.faces, animation.times[:1], 0, np.zeros(1, int), PROVENANCE)
    save_animation(shorter, tmp_path / "out")
    assert list(contents(tmp_path)) == ["out/frame_0000.glb"]


def test_endings_may_be_in_capitals(animation, tmp_path):
    save_animation(animation, tmp_path / "OUT.PNG")
    assert cv2.imread(str(tmp_path / "OUT.PNG")) is not None


@pytest.mark.parametrize("name", ["out.fbx", "out.gltf", "out.obj", "archive.tar"])
def test_an_unknown_ending_is_refused_with_those_that_are_known(name, tmp_path):
    with pytest.raises(InputError) as caught:
        check_output(tmp_path / name)
    for text in (name, ".safetensors", ".glb", ".npz", ".png", ".mp4", "folder"):
        assert text in str(caught.value)


@pytest.mark.parametrize("name", ["", "mine/", "mine"])
def test_a_folder_with_other_files_is_not_replaced(animation, tmp_path, name):
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    (folder / "frame_0000.glb").write_bytes(b"")
    (folder / "thesis.txt").write_text("years")
    with pytest.raises(OutputError, match="thesis.txt"):
        save_animation(animation, f"{tmp_path}/{name}")
    assert (folder / "thesis.txt").read_text() == "years"


def test_a_file_is_not_replaced_by_a_folder(animation, tmp_path):
    (tmp_path / "LICENSE").write_text("free")
    with pytest.raises(OutputError, match="is a file"):
        save_animation(animation, tmp_path / "LICENSE")
    assert (tmp_path / "LICENSE").read_text() == "free"


def test_a_folder_is_not_replaced_by_a_file(animation, tmp_path):
    (tmp_path / "out.glb").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        save_animation(animation, tmp_path / "out.glb")


def test_a_place_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="inside a file, not a folder"):
        check_output(tmp_path / "file" / "deeper" / "out.glb")


@pytest.mark.parametrize("name", ["out.glb", "deep/er/out.glb", "new/", "relative"])
def test_a_good_place_passes_and_nothing_is_made(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_output(name if name == "relative" else f"{tmp_path}/{name}")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_a_full_disk_leaves_the_old_result(animation, tmp_path, name):
    save_animation(animation, f"{tmp_path}/{name}")
    before = contents(tmp_path)
    changed = Animation(
        animation.vertices * 3, animation.faces, animation.times, 0, animation.frame_indices, PROVENANCE
    )
    with full_disk(1500), pytest.raises(OutputError, match="could not be written"):
        save_animation(changed, f"{tmp_path}/{name}")
    assert contents(tmp_path) == before
    assert {path.name for path in tmp_path.iterdir()} == {name.rstrip("/")}


def as_nobody(act: Callable[[], object]) -> str:
    """Run `act` as a user without rights, in a separate process, and return what it raised."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setuid(65534)
            act()
            answer = "nothing"
        except BaseException as error:
            answer = f"{type(error).__name__}: {error}"
        os.write(writing, answer.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return answer


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    for folder in (tmp_path, *tmp_path.parents[:3]):  # so that a user without rights may look inside
        if os.stat(folder).st_uid == os.geteuid():
            folder.chmod(0o755)
    folder = tmp_path / "locked"
    folder.mkdir()
    (folder / "out.safetensors").write_bytes(b"before")
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)


def test_a_read_only_folder_is_refused_before_the_work(read_only):
    assert as_nobody(lambda: check_output(read_only / "out.safetensors")).startswith(f"OutputError: {read_only}")
    assert as_nobody(lambda: check_output(read_only / "new" / "out.glb")).startswith(f"OutputError: {read_only}")


def test_a_folder_that_became_read_only_keeps_the_old_result(read_only, animation):
    answer = as_nobody(lambda: animation.save(read_only / "out.safetensors"))
    assert answer.startswith("OutputError") and "Permission denied" in answer
    assert contents(read_only) == {"out.safetensors": b"before"}
