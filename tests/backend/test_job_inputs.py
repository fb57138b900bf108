"""No result replaces a file that the job reads, or that its inputs name; and pipes are not inputs."""

import json
import os
import struct

import pytest

from actionmesh import jobs
from actionmesh.errors import InputError, MediaError, MeshError, OutputError
from actionmesh.job_inputs import inputs_of, named_by
from actionmesh.job_size import check_disks, check_size
from actionmesh.protocol import Animate, KnownShape


def fault(sentence, *case):
    return pytest.param(*case, marks=pytest.mark.fault(sentence), id=sentence[:50])


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Make a folder with meshes that name other files, where the job runs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tex").mkdir()
    for name in (
        "clip.mp4",
        "skin.png",
        "my skin.png",
        "bump.png",
        "tex/deep.png",
        "b.mp4",
        "ply.png",
        "image.png",
        "hat.png",
    ):
        (tmp_path / name).write_text(f"the only {name}")
    (tmp_path / "t.obj").write_text("mtllib t.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    (tmp_path / "t.mtl").write_text(
        "newmtl a\nmap_Kd -s 1 1 1 skin.png\n  map_Ks my skin.png\nbump -bm 0.5 bump.png\nmap_Ke tex\\deep.png\n"
    )
    (tmp_path / "p.ply").write_text("ply\nformat ascii 1.0\ncomment TextureFile ply.png\nend_header\n")
    document = {"asset": {"version": "2.0"}, "buffers": [{"uri": "b.mp4"}], "images": [{"uri": "im%61ge.png"}]}
    (tmp_path / "g.gltf").write_text(json.dumps(document))
    text = json.dumps({"asset": {"version": "2.0"}, "images": [{"uri": "hat.png"}]}).encode()
    chunk = text + b" " * (-len(text) % 4)
    (tmp_path / "g.glb").write_bytes(
        struct.pack("<4sIIII", b"glTF", 2, 20 + len(chunk), len(chunk), 0x4E4F534A) + chunk
    )
    return tmp_path


@pytest.mark.parametrize(
    ("change", "out"),
    [
        fault("An OBJ's texture was overwritten by the contact sheet", {"mesh": "t.obj"}, "skin.png"),
        fault("A texture with a space in its name was overwritten", {"mesh": "t.obj"}, "my skin.png"),
        fault("A bump map after options was overwritten", {"mesh": "t.obj"}, "bump.png"),
        fault("A texture named with a backslash was overwritten", {"mesh": "t.obj"}, "tex/deep.png"),
        fault("A PLY's texture was overwritten", {"mesh": "p.ply"}, "ply.png"),
        fault("A glTF's buffer was overwritten by the film", {"mesh": "g.gltf"}, "b.mp4"),
        fault("A glTF's picture, named in percent signs, was overwritten", {"mesh": "g.gltf"}, "image.png"),
        fault("A picture beside a glb was overwritten", {"mesh": "g.glb"}, "hat.png"),
        fault("The texture of a further known shape was overwritten", {"known": (KnownShape(1, "t.obj"),)}, "skin.png"),
    ],
)
def test_what_an_input_names_is_not_replaced(files, change, out):
    before = (files / out).read_text()
    with pytest.raises(InputError, match="overwrite the input"):
        jobs.check_outputs(Animate(clip="clip.mp4", out=(out,), **change))
    assert (files / out).read_text() == before
    jobs.check_outputs(Animate(clip="clip.mp4", out=(out,)))


@pytest.mark.parametrize("make", [
    fault("A texture was overwritten through a hard link", os.link),
    fault("A texture was overwritten through a symbolic link", os.symlink),
])  # fmt: skip
def test_another_name_of_an_input_is_not_replaced(files, make):
    make("skin.png", "other.png")
    with pytest.raises(InputError, match="overwrite"):
        jobs.check_outputs(Animate(clip="clip.mp4", mesh="t.obj", out=("other.png",)))


@pytest.mark.fault("A result with the name of a file of weights replaced the weights")
def test_weights_are_not_replaced(files, tiny_checkpoint):
    weights = next(tiny_checkpoint.rglob("vae/*.safetensors"))
    with pytest.raises(InputError, match="overwrite"):
        jobs.check_outputs(Animate(clip="clip.mp4", out=(str(weights),), checkpoint=str(tiny_checkpoint)))
    jobs.check_outputs(
        Animate(clip="clip.mp4", out=(str(tiny_checkpoint / "a.safetensors"),), checkpoint=str(tiny_checkpoint))
    )


@pytest.mark.fault("A folder of poses replaced the folder in which a texture lay")
def test_a_folder_that_holds_what_is_named_is_not_replaced(files):
    (files / "poses").mkdir()
    (files / "poses" / "frame_0000.glb").write_text("a known shape")
    (files / "link.glb").symlink_to("poses/frame_0000.glb")
    with pytest.raises(InputError, match="overwrite"):
        jobs.check_outputs(Animate(clip="clip.mp4", out=("poses",), known=(KnownShape(1, "link.glb"),)))


@pytest.mark.parametrize(("change", "error"), [
    fault("A pipe as a mesh blocked the job for good", {"mesh": "pipe.glb"}, MeshError),
    fault("A pipe as a clip blocked the job for good", {"clip": "pipe.glb"}, MediaError),
    fault("A pipe as a mask blocked the job for good", {"mask": "pipe.glb"}, MediaError),
    fault("A device as a mesh never ended", {"mesh": "/dev/zero"}, MeshError),
    fault(
        "A pipe as a further known shape blocked the job for good", {"known": (KnownShape(1, "pipe.glb"),)}, MeshError
    ),
])  # fmt: skip
def test_pipes_and_devices_are_no_inputs(files, change, error):
    os.mkfifo("pipe.glb")
    with pytest.raises(error, match="pipe or a device"):
        jobs.check_outputs(Animate(**{"clip": "clip.mp4", "out": ("a.glb",), **change}))


@pytest.mark.fault("A material library that is a pipe blocked the job for good")
def test_what_is_named_is_looked_at_only_if_it_is_a_file(files):
    os.unlink("t.mtl")
    os.mkfifo("t.mtl")
    assert "t.mtl" in {path.name for path in named_by(files / "t.obj")}
    for name in ("nothing.obj", "skin.png", "clip.mp4"):
        assert not list(named_by(files / name))
    (files / "bad.gltf").write_text('{"buffers": [3], "images": {"a": 1}}')
    (files / "deep.gltf").write_text("[" * 100_000)
    assert not list(named_by(files / "bad.gltf")) and not list(named_by(files / "deep.gltf"))


@pytest.mark.fault("A material library that names millions of textures gave no answer for minutes")
def test_names_without_end_are_looked_at_for_a_while_only(files, monkeypatch):
    monkeypatch.setattr("actionmesh.job_inputs.MOST_NAMED", 50)
    (files / "t.mtl").write_text("map_Kd a b c d e f g h\n" * 1000)
    assert len(list(inputs_of(Animate(clip="clip.mp4", out=("a.glb",), mesh="t.obj")))) < 1000


@pytest.mark.fault("A job of ten thousand results gave no answer for minutes")
def test_ten_thousand_results_are_refused_at_once(files):
    with pytest.raises(InputError, match="10000 files"):
        jobs.check_outputs(Animate("clip.mp4", tuple(f"{number}.glb" for number in range(10_000))))
    jobs.check_outputs(Animate("clip.mp4", tuple(f"{number}.glb" for number in range(100))))


@pytest.mark.fault("A billion in-betweens ran until memory was gone")
def test_more_poses_than_memory_holds_are_refused(monkeypatch):
    options = Animate("clip.mp4", out=(), in_betweens=1000)
    with pytest.raises(InputError, match="take .* of memory"):
        check_size(options, ("a.png",), 9_000_000)
    check_size(options, ("a.png",), 16)


@pytest.mark.fault("A disk with too little room for the result was noticed at the end of the job")
def test_a_disk_without_room_for_the_poses_is_refused(tmp_path):
    with pytest.raises(OutputError, match="its disk has"):
        check_disks((str(tmp_path / "new" / "a.glb"),), 10**18)
    check_disks((str(tmp_path / "new" / "a.png"),), 10**18)
