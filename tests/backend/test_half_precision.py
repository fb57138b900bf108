"""Half-precision copies have half the bytes, and rounded values; parts in float32 in the published pipeline stay so."""

import shutil
from collections import namedtuple

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from actionmesh import cli, model_downloads
from actionmesh.errors import CheckpointError, OutputError
from actionmesh.progress import Progress
from actionmesh.weights import half_precision
from actionmesh.weights.checkpoints import BUNDLED, open_checkpoint
from actionmesh.weights.download_record import read_record
from actionmesh.weights.public import SETS

ACTIONMESH = (SETS["actionmesh"],)
DENOISER, ENCODER = "ActionMesh/denoiser/model.safetensors", "TripoSG/image_encoder_dinov2/model.safetensors"
AUTOENCODER = "ActionMesh/autoencoder/model.safetensors"
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def checkpoint(tmp_path):
    """Write the bundled weights in float32, in the public layout."""
    folder = tmp_path / "full"
    for name in ("ActionMesh", "TripoSG"):
        shutil.copytree(BUNDLED / "toy" / name, folder / name)
    for path in folder.rglob("*.safetensors"):
        save_file({name: tensor.float() for name, tensor in load_file(path).items()}, path)
    return folder


def halve(folder, **options):
    return model_downloads.make_half(ACTIONMESH, folder, Progress(), **options)


def test_a_copy_is_a_checkpoint_of_rounded_numbers(checkpoint):
    target = halve(checkpoint)
    assert target == checkpoint.with_name("full-half") and open_checkpoint(target).name == "full-half"
    first, copy = load_file(checkpoint / DENOISER), load_file(target / DENOISER)
    assert first.keys() == copy.keys()
    for name, tensor in first.items():
        assert copy[name].dtype == torch.float16 and torch.equal(copy[name], tensor.half()), name
    assert (target / DENOISER).stat().st_size < 0.6 * (checkpoint / DENOISER).stat().st_size


def test_what_is_published_in_float32_stays_so(checkpoint):
    target = halve(checkpoint)
    assert (target / ENCODER).read_bytes() == (checkpoint / ENCODER).read_bytes()
    kinds = {name: tensor.dtype for name, tensor in load_file(target / AUTOENCODER).items()}
    assert set(kinds.values()) == {torch.float16, torch.float32}


def test_a_number_that_float16_cannot_hold_keeps_its_tensor(checkpoint):
    tensors = load_file(checkpoint / DENOISER)
    name = min(tensors)
    tensors[name].view(-1)[0] = 70_000.0
    save_file(tensors, checkpoint / DENOISER)
    copy = load_file(halve(checkpoint) / DENOISER)
    assert torch.equal(copy[name], tensors[name]) and copy[max(tensors)].dtype == torch.float16


def test_a_copy_that_reads_back_otherwise_is_not_kept(checkpoint, monkeypatch):
    write = half_precision._write

    def wrong(source, part, chosen, progress):
        write(source, part, chosen, progress)
        data = bytearray(part.read_bytes())
        data[-1] ^= 0x40
        part.write_bytes(data)

    monkeypatch.setattr(half_precision, "_write", wrong)
    with pytest.raises(OutputError, match="differs from the original"):
        halve(checkpoint)
    target = checkpoint.with_name("full-half")
    kept = [path for path in target.rglob("*") if path.suffix in (".safetensors", ".part")]
    assert kept == [target / ENCODER]  # it is shared, not copied


def test_it_goes_on_where_it_was_and_is_done_once(checkpoint):
    target = halve(checkpoint)
    before = {path: path.stat().st_mtime_ns for path in target.rglob("*.safetensors")}
    (target / DENOISER).unlink()
    del before[target / DENOISER]
    halve(checkpoint)
    after = {path: path.stat().st_mtime_ns for path in target.rglob("*.safetensors")}
    assert (target / DENOISER).is_file() and before.items() <= after.items()


def test_it_is_recorded_and_the_first_can_be_removed(checkpoint):
    target = halve(checkpoint)
    record = read_record(target / "ActionMesh")
    assert record.half_precision and set(record.files) == {
        "denoiser/config.json", "denoiser/model.safetensors", "autoencoder/config.json", "autoencoder/model.safetensors"
    }  # fmt: skip
    shutil.rmtree(checkpoint)
    with safe_open(target / ENCODER, framework="pt") as file:
        assert len(list(file.keys())) > 0
    assert cli.main(["download", "--remove", str(target), "--yes"]) == 0 and not list(target.rglob("*.safetensors"))


def test_a_disk_without_room_and_an_incomplete_checkpoint_are_told_first(checkpoint, tmp_path):
    with pytest.raises(OutputError, match="full-half needs .* more"):
        halve(checkpoint, disk_usage=lambda _: Usage(10**12, 0, 0))
    assert not checkpoint.with_name("full-half").exists()
    with pytest.raises(CheckpointError):
        halve(tmp_path / "nothing")
