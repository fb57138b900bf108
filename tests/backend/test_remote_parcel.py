"""Which files a job sends to another computer, their names there, and its sentences in this computer's names."""

import json
from pathlib import Path

import pytest
from safetensors.numpy import save_file

from actionmesh.errors import MediaError
from actionmesh.protocol import Animate, Generate, KnownShape, Look, Rematch, Rig, Track
from actionmesh.remote.parcel import digest, made_from, pack

PNG = b"not looked at"


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PNG)


def names(parcel):
    return {name: str(path) for name, path in parcel.files.items()}


def test_a_clip_a_mesh_and_what_the_mesh_names(tmp_path):
    touch(tmp_path / "clips" / "walk.mp4", tmp_path / "skin maps" / "skin.png", tmp_path / "secret.png")
    mesh = tmp_path / "toy.obj"
    mesh.write_text("mtllib toy.mtl\nv 0 0 0\n")
    (tmp_path / "toy.mtl").write_text("newmtl a\nmap_Kd skin maps/skin.png\nmap_Bump ../secret.png\n")
    outs = (str(tmp_path / "a.safetensors"), str(tmp_path / "poses") + "/")
    parcel = pack(Animate(str(tmp_path / "clips" / "walk.mp4"), outs, mesh=str(mesh)))
    assert names(parcel) == {
        "clip/walk.mp4": str(tmp_path / "clips" / "walk.mp4"),
        "mesh/toy.obj": str(mesh),
        "mesh/toy.mtl": str(tmp_path / "toy.mtl"),
        "mesh/skin maps/skin.png": str(tmp_path / "skin maps" / "skin.png"),
    }
    there = parcel.addressed("/there/job")
    assert (there.clip, there.mesh, there.mask) == ("/there/job/clip/walk.mp4", "/there/job/mesh/toy.obj", None)
    assert there.out == ("/there/job/out/0/a.safetensors", "/there/job/out/1/poses/")
    assert there.names == {there.clip: str(tmp_path / "clips" / "walk.mp4"), there.mesh: str(mesh)}


def test_pictures_of_a_folder_and_of_a_pattern(tmp_path):
    touch(*(tmp_path / "frames" / f"{name}.png" for name in ("1", "2", "10")), tmp_path / "frames" / "notes.txt")
    touch(*(tmp_path / "masks" / f"{name}.png" for name in ("m1", "m2", "x1")))
    parcel = pack(Look(str(tmp_path / "frames"), str(tmp_path / "look.png"), mask=str(tmp_path / "masks" / "m*.png")))
    assert set(parcel.files) == {
        "clip/frames/1.png", "clip/frames/2.png", "clip/frames/10.png", "mask/m1.png", "mask/m2.png"
    }  # fmt: skip
    there = parcel.addressed("/j")
    assert (there.clip, there.mask, there.out) == ("/j/clip/frames", "/j/mask/m*.png", "/j/out/0/look.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MediaError, match="contains no pictures"):
        pack(Look(str(tmp_path / "empty"), "look.png"))


def test_kept_masks_go_along_and_come_back(tmp_path):
    touch(tmp_path / "clip.mp4", *(tmp_path / "old_masks" / name for name in ("masks.json", "mask_000001.png")))
    parcel = pack(Animate(str(tmp_path / "clip.mp4"), ("a.glb",), masks_from=str(tmp_path / "old_masks")))
    assert set(parcel.files) == {
        "clip/clip.mp4", "masks_from/old_masks/masks.json", "masks_from/old_masks/mask_000001.png"
    }  # fmt: skip
    assert parcel.addressed("/j").masks_from == "/j/masks_from/old_masks"
    assert set(pack(Animate(str(tmp_path / "clip.mp4"), ("a.glb",), masks_from="gone")).files) == {"clip/clip.mp4"}
    out = (str(tmp_path / "t" / "0.png"), str(tmp_path / "t" / "1.png"))
    tracked = pack(Track(str(tmp_path / "clip.mp4"), out))
    assert tracked.addressed("/j").out == ("/j/out/0/0.png", "/j/out/1/1.png")
    here = tracked.translated("/j/out/0/0_masks", "/j")
    assert here == str(tmp_path / "t" / "0_masks")
    assert tracked.answered({"masks": here}) == (("out/0/0.png", "out/1/1.png", "out/0/0_masks/"), (*out, here))
    assert tracked.answered({"masks": None}) == (("out/0/0.png", "out/1/1.png"), out)


def test_known_shapes_of_one_name_are_kept_apart(tmp_path):
    touch(tmp_path / "clip.mp4", tmp_path / "a" / "pose.ply", tmp_path / "b" / "pose.ply")
    known = tuple(KnownShape(frame, str(tmp_path / name / "pose.ply")) for frame, name in ((1, "a"), (4, "b")))
    there = pack(Animate(str(tmp_path / "clip.mp4"), ("a.glb",), known=known)).addressed("/j")
    assert there.known == (KnownShape(1, "/j/known0/pose.ply"), KnownShape(4, "/j/known1/pose.ply"))


def test_a_clip_that_is_made_comes_back(tmp_path):
    touch(tmp_path / "fox.png", tmp_path / "fox.mp4")
    places = (str(tmp_path / "fox.glb"), str(tmp_path / "fox.mp4"))
    parcel = pack(Generate(places[1], places[:1], prompt="a fox", picture=str(tmp_path / "fox.png")))
    assert set(parcel.files) == {"picture/fox.png"} and parcel.places == places
    assert parcel.results == ("out/0/fox.glb", "clip/fox.mp4")
    there = parcel.addressed("/j")
    assert (there.clip, there.picture, there.out) == ("/j/clip/fox.mp4", "/j/picture/fox.png", ("/j/out/0/fox.glb",))
    assert there.names["/j/clip/fox.mp4"] == places[1]


def test_what_a_failed_job_may_have_left():
    bent = pack(Animate("clip.mp4", ("/w/walk.glb", "/w/walk.mp4"), bend=True))
    assert bent.remains() == [("out/0/walk_misfit.png", str(Path("/w/walk_misfit.png")))]
    assert pack(Animate("clip.mp4", ("/w/walk.glb",))).remains() == []
    assert pack(Generate("/w/fox.mp4", ("/w/fox.glb",), prompt="a fox")).remains() == [("clip/fox.mp4", "/w/fox.mp4")]


def result(folder, **made):
    import numpy as np

    path = folder / "result.safetensors"
    save_file({"vertices": np.zeros((2, 3, 3), np.float32)}, path, {"provenance": json.dumps(made)})
    return path


def test_a_result_brings_the_files_that_it_was_made_from(tmp_path):
    touch(tmp_path / "walk.mp4", tmp_path / "toy.glb", tmp_path / "moved.mp4")
    path = result(tmp_path, clip=str(tmp_path / "walk.mp4"), mesh=str(tmp_path / "toy.glb"), mask=None)
    assert made_from(path).clip == str(tmp_path / "walk.mp4")
    there = pack(Rematch(str(path), ("b.safetensors",))).addressed("/j")
    assert (there.result, there.clip, there.mask) == ("/j/result/result.safetensors", "/j/clip/walk.mp4", None)
    assert there.names["/j/mesh/toy.glb"] == str(tmp_path / "toy.glb")
    moved = pack(Rematch(str(path), ("b.safetensors",), clip=str(tmp_path / "moved.mp4"))).addressed("/j")
    assert moved.clip == "/j/clip/moved.mp4"
    rig = pack(Rig(str(path), ("b.glb",)))
    assert set(rig.files) == {"result/result.safetensors", "mesh/toy.glb"}
    assert rig.addressed("/j").names["/j/mesh/toy.glb"] == str(tmp_path / "toy.glb")


@pytest.mark.parametrize("data", [b"", b"x" * 7, b"\xff" * 16, b"\2\0\0\0\0\0\0\0{}", b"\2\0\0\0\0\0\0\0[]"])
def test_a_damaged_result_is_left_to_the_worker(tmp_path, data):
    path = tmp_path / "result.safetensors"
    path.write_bytes(data)
    assert made_from(path).clip is None and set(pack(Rig(str(path), ("b.glb",))).files) == {"result/result.safetensors"}


def test_sentences_come_back_in_this_computers_names(tmp_path):
    touch(tmp_path / "walk.mp4")
    parcel = pack(Animate(str(tmp_path / "walk.mp4"), ("sub/a.glb",), mesh="gone.glb"))
    told = {"error": {"message": "/j/clip/walk.mp4 is damaged; /j/mesh/gone.glb too; /j/out/0/a.glb, /j/out/0 full"}}
    clip, place = tmp_path / "walk.mp4", Path("sub/a.glb")
    expected = f"{clip} is damaged; gone.glb too; {place}, {place.parent} full"
    assert parcel.translated(told, "/j") == {"error": {"message": expected}}
    assert parcel.translated([1, None, "/k/clip/walk.mp4"], "/j") == [1, None, "/k/clip/walk.mp4"]


def test_a_changed_file_has_another_digest(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"1")
    first = digest(path)
    path.write_bytes(b"22")
    assert first != digest(path) == digest(path) and digest(path)[1] == 2
