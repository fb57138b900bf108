"""The mean of two checkpoints: each weight lies between, and what does not fit is refused."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import actionmesh
from actionmesh.memory.model import open_model
from actionmesh.training.__main__ import main

BUNDLED = Path(actionmesh.__file__).parent / "checkpoints" / "toy"


@pytest.fixture
def moved(tmp_path):
    """A copy of the bundled checkpoint, with 1 added to every weight of Stage I."""
    folder = tmp_path / "end"
    shutil.copytree(BUNDLED, folder)
    path = denoiser_of(folder)
    save_file({name: tensor + 1 for name, tensor in load_file(path).items()}, path)
    return folder


def denoiser_of(folder: Path) -> Path:
    return folder / "ActionMesh" / "denoiser" / "model.safetensors"


def run(monkeypatch, *arguments) -> int:
    monkeypatch.setattr("sys.argv", ["actionmesh.training", "average", *map(str, arguments)])
    return main()


def test_weights_lie_between_those_of_both(moved, tmp_path, monkeypatch):
    made = tmp_path / "made"
    assert run(monkeypatch, BUNDLED, moved, made, "--share", "0.25") == 0
    before, after = load_file(denoiser_of(BUNDLED)), load_file(denoiser_of(made))
    assert before.keys() == after.keys()
    assert all(torch.allclose(after[name].float(), before[name].float() + 0.25, atol=4e-3) for name in before)
    assert {tensor.dtype for tensor in after.values()} == {torch.float16}
    untouched = Path("TripoSG", "vae", "diffusion_pytorch_model.safetensors")
    one, other = load_file(BUNDLED / untouched), load_file(made / untouched)
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert open_model(made, "cpu").facts.checkpoint.settings == open_model(BUNDLED, "cpu").facts.checkpoint.settings


def test_what_cannot_be_averaged_is_refused(moved, tmp_path, monkeypatch, capsys):
    made = tmp_path / "made"
    assert run(monkeypatch, BUNDLED, moved, made, "--share", "1.5") == 2
    assert "Use a share from 0 to 1." in capsys.readouterr().err
    assert run(monkeypatch, BUNDLED, moved, moved) == 2
    assert "exists. Name a new folder." in capsys.readouterr().err
    tensors = load_file(denoiser_of(moved))
    del tensors["proj_out.weight"]
    save_file(tensors, denoiser_of(moved))
    assert run(monkeypatch, BUNDLED, moved, made) == 2
    assert "its tensors differ" in capsys.readouterr().err and not made.exists()
