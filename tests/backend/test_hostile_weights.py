"""Checkpoints from someone else: damaged, hostile or unreadable. Each is refused with a sentence; others still load."""

import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from actionmesh import intake, machine
from actionmesh.errors import CheckpointError, InputError
from actionmesh.models.config import read_json
from actionmesh.models.image_encoder import image_encoder_config
from actionmesh.weights import survey
from actionmesh.weights.agreement import require_agreement
from actionmesh.weights.checkpoints import find_checkpoints, open_checkpoint
from actionmesh.weights.facts import CheckpointFacts
from actionmesh.weights.finite import require_finite, require_finite_weights
from actionmesh.weights.load import read_tensors
from actionmesh.weights.tensor_file import read_entries

ENCODER = "TripoSG/image_encoder_dinov2"
BACKEND = Path(machine.__file__).parents[1]


def fault(sentence, *case):
    return pytest.param(*case, marks=pytest.mark.fault(sentence), id=sentence[:50])


@pytest.fixture
def copy(tiny_checkpoint, tmp_path):
    return shutil.copytree(tiny_checkpoint, tmp_path / "weights" / "tiny")


@pytest.fixture
def closed(monkeypatch):
    """Return a function that makes a folder unreadable, by a fake: file modes do not stop an administrator."""

    def close(folder):
        iterdir = Path.iterdir

        def refuse(path):
            if path == folder:
                raise PermissionError(13, "Permission denied", str(path))
            return iterdir(path)

        monkeypatch.setattr(Path, "iterdir", refuse)

    return close


@pytest.mark.fault("One folder that may not be read among the checkpoints made Blender call the backend hopeless")
def test_a_closed_folder_carries_its_sentence_and_others_are_listed(copy, closed, monkeypatch):
    (copy.parent / "private").mkdir()
    closed(copy.parent / "private")
    monkeypatch.setenv("ACTIONMESH_CHECKPOINTS", str(copy.parent))
    found = {checkpoint.name: checkpoint for checkpoint in machine.checkpoints()}
    assert found["tiny"].missing == () and "permission to read" in found["private"].missing[0]
    with pytest.raises(CheckpointError, match="permission to read .*private"):
        open_checkpoint(copy.parent / "private")


@pytest.mark.fault("A folder of checkpoints that may not be read itself made the backend fail")
def test_a_closed_folder_of_checkpoints_is_listed_as_one(copy, closed, monkeypatch):
    closed(copy.parent)
    monkeypatch.setenv("ACTIONMESH_CHECKPOINTS", str(copy.parent))
    assert "permission" in {checkpoint.name: checkpoint for checkpoint in machine.checkpoints()}["weights"].missing[0]


@pytest.mark.parametrize("text", [
    fault("A checkpoint.json nested 100 000 deep made the backend fail", "[" * 100_000),
    fault("A checkpoint.json of endless quotation marks was never read to its end", '"' + '\\"' * 500_000),
    fault("A checkpoint.json with infinity in it was accepted", '{"reference_extent": Infinity}'),
    fault("A checkpoint.json with 2^62 surface points filled the memory", '{"surface_points": 4611686018427387904}'),
    fault(
        "A checkpoint.json with texts for numbers was an internal error", '{"latent_mean": ["a"], "latent_std": [1]}'
    ),
    fault("A checkpoint.json with endless deviations was accepted", '{"latent_mean": [0], "latent_std": [1e999]}'),
    fault("A checkpoint.json whose licence is no text was accepted", '{"licence": {"a": 1}}'),
    fault("A checkpoint.json whose presets are a list was an internal error", '{"presets": []}'),
    fault("A checkpoint.json that is no UTF-8 was an internal error", b"\xff\xfe\x00"),
    fault("A checkpoint.json that is null was accepted", "null"),
])  # fmt: skip
def test_a_hostile_checkpoint_json_is_told_and_others_are_listed(copy, text, monkeypatch):
    (copy / "checkpoint.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    monkeypatch.setenv("ACTIONMESH_CHECKPOINTS", str(copy.parent))
    found = {checkpoint.name: checkpoint for checkpoint in machine.checkpoints()}
    assert found["tiny"].missing == ("a checkpoint.json that can be read",) and found["toy"].missing == ()
    with pytest.raises(CheckpointError, match="checkpoint.json"):
        CheckpointFacts(copy)


@pytest.mark.parametrize("make", [
    fault("A pipe as checkpoint.json blocked the backend for good", os.mkfifo),
    fault("A folder as checkpoint.json was an internal error", os.mkdir),
    fault(
        "A link to nowhere as checkpoint.json was taken for the public settings",
        lambda path: os.symlink("nowhere", path),
    ),
    fault("A link in a circle as checkpoint.json was an internal error", lambda path: os.symlink(path.name, path)),
])  # fmt: skip
def test_what_is_no_file_is_no_checkpoint_json(copy, make):
    (copy / "checkpoint.json").unlink()
    make(copy / "checkpoint.json")
    with pytest.raises(CheckpointError, match="checkpoint.json"):
        open_checkpoint(copy)


@pytest.mark.fault("A folder of checkpoints with a name of 5000 characters made the backend fail")
def test_a_folder_that_no_system_can_name_is_none(monkeypatch):
    monkeypatch.setenv("ACTIONMESH_CHECKPOINTS", "/" + "w" * 5000)
    assert [checkpoint.name for checkpoint in machine.checkpoints()] == ["toy"]
    with pytest.raises(CheckpointError, match="no checkpoint folder"):
        open_checkpoint(Path("/" + "w" * 5000))


@pytest.mark.fault("A card that did not answer made Blender call the backend hopeless")
def test_a_card_that_does_not_answer_is_listed(monkeypatch):
    def refuse(index):
        raise RuntimeError("CUDA error: out of memory\nCompile with more")

    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    monkeypatch.setattr("torch.cuda.mem_get_info", refuse)
    cpu, card = (device for device in machine.devices() if device.name != "mps")
    assert card.memory_total is None and "does not answer (CUDA error" in card.description


@pytest.mark.fault("A configuration of gigabytes was read into memory")
def test_a_configuration_is_small(tmp_path):
    with (tmp_path / "config.json").open("wb") as file:
        file.truncate((16 << 20) + 1)
    with pytest.raises(CheckpointError, match="16 MiB"):
        read_json(tmp_path / "config.json")


@pytest.mark.fault("Links in a circle among the checkpoints were followed again and again")
def test_links_in_a_circle_and_whole_disks_end(copy, monkeypatch):
    for number in range(30):
        (copy.parent / f"again{number}").symlink_to(copy.parent)
        (copy / f"again{number}").symlink_to(copy.parent)
    seen = []
    monkeypatch.setattr(survey, "MOST_FOLDERS", 200)
    walk = survey._walk
    monkeypatch.setattr(survey, "_walk", lambda *given: (seen.append(folder) or folder for folder in walk(*given)))
    assert "tiny" in {found.name for found in find_checkpoints(copy.parent)}
    assert len(seen) < 10_000


@pytest.mark.parametrize(("part", "change", "said"), [
    fault(
        "A denoiser of a billion layers ran until memory was gone",
        "ActionMesh/denoiser", {"num_layers": 10**9}, "num_layers",
    ),
    fault("A negative width was accepted", "ActionMesh/denoiser", {"width": -64}, "width"),
    fault("2^62 tokens were accepted", "ActionMesh/denoiser", {"num_tokens_nominal": 2**62}, "num_tokens_nominal"),
    fault(
        "Windows of one frame were an internal error",
        "ActionMesh/denoiser", {"temporal_context_size": 1}, "temporal_context",
    ),
    fault("A frequency of 2^1000 was infinite", "TripoSG/vae", {"embed_frequency": 1000}, "embed_frequency"),
    fault("A ratio of 1e300 was an internal error", "TripoSG/transformer", {"mlp_ratio": 1e300}, "mlp_ratio"),
    fault(
        "Layers that are none were an internal error",
        "ActionMesh/denoiser", {"inflated_layers": [2**70]}, "inflated_layers",
    ),
    fault("A billion layers of an encoder killed the worker", ENCODER, {"num_hidden_layers": 10**9}, "layers"),
    fault("An encoder without heads was an internal error", ENCODER, {"num_attention_heads": 0}, "heads"),
    fault("An unknown activation was an internal error", ENCODER, {"hidden_act": "evil"}, "hidden_act"),
    fault("Patches larger than the picture were an internal error", ENCODER, {"patch_size": 9999}, "patch"),
    fault("Parts of two checkpoints were put together", "TripoSG/vae", {"latent_channels": 9}, "belong together"),
    fault("An encoder of another width was put to the denoisers", ENCODER, {"hidden_size": 4}, "belong"),
])  # fmt: skip
def test_hostile_configurations_are_told(copy, part, change, said):
    path = copy / part / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(CheckpointError, match=said):
        require_agreement(open_checkpoint(copy))


def test_an_image_encoder_is_made_of_what_is_checked_alone(tiny_checkpoint):
    config = image_encoder_config(tiny_checkpoint / "TripoSG" / "image_encoder_dinov2" / "config.json")
    values = json.loads((tiny_checkpoint / "TripoSG" / "image_encoder_dinov2" / "config.json").read_text())
    assert (config.hidden_size, config.num_hidden_layers) == (values["hidden_size"], values["num_hidden_layers"])


@pytest.mark.parametrize(("change", "said"), [
    fault(
        "A picture of 2^40 pixels for the encoder filled the memory",
        {"size": {"shortest_edge": 2**40}}, "out of range",
    ),
    fault("A deviation of NaN made pictures of NaN", {"image_std": [1e-3, "a", 1]}, "preprocessing"),
    fault("An unknown filter was an internal error", {"resample": 99}, "out of range"),
    fault("A crop of half pixels was an internal error", {"crop_size": {"height": 8.5, "width": 8}}, "out of range"),
])  # fmt: skip
def test_hostile_preprocessing_is_told(copy, change, said):
    path = copy / "TripoSG" / "feature_extractor_dinov2" / "preprocessor_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(CheckpointError, match=said):
        CheckpointFacts(copy).image_preprocessing()


@pytest.mark.parametrize("shift", [
    fault("A text as the scheduler's shift was an internal error", "3"),
    fault("A shift of nothing divided by zero", 0),
    fault("A shift of 1e300 made noise of NaN", 1e300),
    fault("A list as the scheduler's shift was an internal error", [1]),
])  # fmt: skip
def test_hostile_schedules_are_told(copy, shift):
    (copy / "TripoSG" / "scheduler" / "scheduler_config.json").write_text(json.dumps({"shift": shift}))
    with pytest.raises(CheckpointError, match="shift"):
        _ = CheckpointFacts(copy).image_to_3d_shift


def tensors_of(header, size=64):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(size)


def entry(shape=(4, 4), offsets=(0, 64), dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize("data", [
    fault(
        "A weight file whose header is longer than the file was read beyond its end", struct.pack("<Q", 2**62) + b"{}"
    ),
    fault("A weight file with a header of 2^64 bytes took all memory", b"\xff" * 8 + b"{}"),
    fault(
        "A weight file whose tensor ends beyond the file was read",
        tensors_of({"a": entry((2**31, 2**31), (0, 2**64))}),
    ),
    fault("A weight file with a negative shape was an internal error", tensors_of({"a": entry((-4, -4))})),
    fault("A weight file with offsets in reverse was an internal error", tensors_of({"a": entry(offsets=(64, 0))})),
    fault("A weight file of an unknown type was an internal error", tensors_of({"a": entry(dtype="Q7")})),
    fault("A weight file with a header nested deep was an internal error", tensors_of(b'{"a":' + b"[" * 100_000)),
    fault("A weight file that is empty was an internal error", b""),
    fault("A weight file with a list as its header was an internal error", tensors_of([1])),
])  # fmt: skip
@pytest.mark.parametrize("read", [read_entries, read_tensors])
def test_hostile_weight_files_are_told(tmp_path, data, read):
    (tmp_path / "model.safetensors").write_bytes(data)
    with pytest.raises(CheckpointError, match="model.safetensors"):
        read(tmp_path / "model.safetensors")


@pytest.mark.fault("A pipe as a weight file blocked the worker for good")
def test_a_pipe_is_no_weight_file(tmp_path):
    os.mkfifo(tmp_path / "model.safetensors")
    for read in (read_entries, read_tensors):
        with pytest.raises(CheckpointError, match="model.safetensors"):
            read(tmp_path / "model.safetensors")


@pytest.mark.parametrize("value", [
    fault("NaN in a weight file gave a mesh of which no vertex was anywhere", float("nan")),
    fault("Infinity in a weight file gave a mesh of which no vertex was anywhere", float("inf")),
])  # fmt: skip
def test_weights_that_are_no_numbers_are_named(copy, value):
    path = next((copy / "ActionMesh" / "denoiser").glob("*.safetensors"))
    tensors = load_file(path)
    name = next(name for name, tensor in tensors.items() if tensor.is_floating_point())
    tensors[name].view(-1)[0] = value
    save_file(tensors, path)
    checkpoint = CheckpointFacts(copy).checkpoint
    with pytest.raises(CheckpointError) as caught:
        require_finite(torch.tensor([1.0, float("nan")]), "the latents", checkpoint, "temporal_denoiser")
    assert str(path) in caught.value.problem and name in caught.value.problem
    with pytest.raises(CheckpointError, match="denoiser"):
        require_finite_weights(checkpoint)
    require_finite(torch.ones(2), "the latents", checkpoint, "temporal_denoiser")
    with pytest.raises(InputError, match="the latents"):
        require_finite(torch.tensor([float("inf")]), "the latents", checkpoint, "shape_vae")


@pytest.mark.fault("Random bytes in a checkpoint's files crashed the worker or were an internal error")
def test_damaged_files_of_every_kind_are_typed_errors(copy):
    places = {"PYTHONPATH": os.pathsep.join([str(BACKEND), str(BACKEND.parent)]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.backend.checkpoint_fuzz", str(copy), os.environ.get("FUZZ", "25")]
    done = subprocess.run(command, cwd=BACKEND.parent, env=os.environ | places, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.mark.fault("A text that never ends kept the reader of JSON busy for good")
def test_json_is_looked_through_once():
    with pytest.raises(ValueError):
        intake.read_json('{"' + '\\"' * 2_000_000)
