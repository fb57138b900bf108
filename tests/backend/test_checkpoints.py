"""Checkpoint folders: both public layouts as downloaded, what is missing, what is found."""

import shutil

import pytest

from actionmesh.errors import CheckpointError, InputError
from actionmesh.memory.model import open_model
from actionmesh.weights.checkpoints import BUNDLED, Settings, default_checkpoint, find_checkpoints, open_checkpoint
from actionmesh.weights.facts import CheckpointFacts


@pytest.fixture
def copy(tiny_checkpoint, tmp_path):
    return shutil.copytree(tiny_checkpoint, tmp_path / "tiny")


def test_hub_snapshot_folders_are_understood(copy, tmp_path):
    root = tmp_path / "hub"
    (root / "models--VAST-AI--TripoSG" / "snapshots").mkdir(parents=True)
    (root / "models--facebook--ActionMesh" / "snapshots").mkdir(parents=True)
    shutil.move(copy / "TripoSG", root / "models--VAST-AI--TripoSG" / "snapshots" / "1a2b")
    shutil.move(copy / "ActionMesh", root / "models--facebook--ActionMesh" / "snapshots" / "3c4d")
    model = open_model(root, "cpu")
    networks = model.networks
    assert model.facts.settings == Settings() and model.facts.window == 8
    assert networks.temporal_denoiser.config.reference_residual and networks.shape_vae.config.latent_channels == 8


def test_rmbg_in_the_folder_of_checkpoints_serves_them_all(tiny_checkpoint, tmp_path, monkeypatch):
    assert open_checkpoint(tiny_checkpoint).background_removal is None
    rmbg = tmp_path / "RMBG-1.4"
    rmbg.mkdir()
    for name in ("config.json", "model.safetensors"):
        (rmbg / name).touch()
    monkeypatch.setenv("ACTIONMESH_CHECKPOINTS", str(tmp_path))
    assert open_checkpoint(tiny_checkpoint).background_removal == rmbg


@pytest.mark.parametrize(("part", "source"), [("TripoSG", "VAST-AI/TripoSG"), ("ActionMesh", "facebook/ActionMesh")])
def test_a_missing_folder_is_named_with_its_source(copy, part, source):
    shutil.rmtree(copy / part)
    with pytest.raises(CheckpointError, match=source):
        open_checkpoint(copy)
    (info,) = find_checkpoints(copy.parent)[-1:]
    assert info.path == copy and source in info.missing[0]


def test_a_folder_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="nowhere"):
        open_checkpoint(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"strange": 1}', '{"latent_mean": [0.0]}', '{"presets": {"demo": 3}}', '{"reference_extent": 0}'],
)
def test_a_checkpoint_json_that_cannot_be_understood_is_named(copy, text):
    (copy / "checkpoint.json").write_text(text)
    with pytest.raises(CheckpointError, match="checkpoint.json"):
        open_checkpoint(copy)


def test_wrong_presets_are_refused(copy):
    (copy / "checkpoint.json").write_text('{"presets": {"demo": {"stepps": 3}}}')
    with pytest.raises(CheckpointError, match="stepps"):
        CheckpointFacts(copy).preset("demo")
    (copy / "checkpoint.json").write_text('{"presets": {"demo": {"steps": 0}}}')
    with pytest.raises(CheckpointError, match="steps to 0"):
        CheckpointFacts(copy).preset("demo")
    with pytest.raises(InputError, match="quality"):
        CheckpointFacts(copy).preset("best")


def test_bundled_checkpoint_is_complete_and_small():
    info = default_checkpoint()
    assert info.kind == "bundled" and not info.missing and info.bytes <= 15_000_000
    assert "GPL" in open_checkpoint(info.path).settings.licence


def test_networks_are_loaded_once_and_freed(tiny_checkpoint):
    networks = open_model(tiny_checkpoint, "cpu").networks
    assert networks.held() == {}
    for _ in range(2):
        assert networks.shape_vae is networks.shape_vae
        assert networks.temporal_denoiser.proj_in.weight.device.type == "cpu"
    assert networks.loads == 2 and sum(networks.held().values()) > 0
    networks.unload()
    assert networks.held() == {}


@pytest.mark.parametrize("device", ["toaster", "meta"])
def test_a_device_that_cannot_compute_is_refused(tiny_checkpoint, device):
    with pytest.raises(InputError, match=device):
        open_model(tiny_checkpoint, device)


def test_a_folder_that_is_itself_a_checkpoint_is_listed_as_one(tmp_path):
    """For example one whose parts were downloaded next to each other, chosen as the folder of checkpoints."""
    for name in ("TripoSG", "ActionMesh"):
        shutil.copytree(BUNDLED / "toy" / name, tmp_path / "mine" / name)
    assert [info.path for info in find_checkpoints(tmp_path / "mine") if info.kind == "public"] == [tmp_path / "mine"]
    assert [info.path for info in find_checkpoints(tmp_path) if info.kind == "public"] == [tmp_path / "mine"]
