"""What a user learns about the public weights: the table, the sizes from a hub, the folder, the disk, the commands."""

import os
import re
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import close_session, constants
from huggingface_hub.utils import filter_repo_objects
from safetensors.numpy import save

from actionmesh import cli, download_report, shell
from actionmesh.errors import InputError, OutputError
from actionmesh.weights.checkpoints import open_checkpoint
from actionmesh.weights.hub import ask_size, ask_sizes
from actionmesh.weights.presence import free_bytes, presence
from actionmesh.weights.public import DOWNLOADS, Download, Licence, PublicFile

from .loopback_hub import LoopbackHub

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "docs" / "weights.md").read_text(encoding="utf-8")
TRIPOSG, ACTIONMESH, RMBG = "VAST-AI/TripoSG", "facebook/ActionMesh", "briaai/RMBG-1.4"
SAM_TINY, SAM_LARGE = "facebook/sam2.1-hiera-tiny", "facebook/sam2.1-hiera-large"
EDGETAM = "yonigozlan/EdgeTAM-hf"
WANTED = {
    TRIPOSG: {
        "model_index.json": 400,
        "scheduler/scheduler_config.json": 200,
        "feature_extractor_dinov2/preprocessor_config.json": 600,
        "image_encoder_dinov2/config.json": 700,
        "image_encoder_dinov2/model.safetensors": 1_217_522_888,
        "transformer/config.json": 500,
        "transformer/diffusion_pytorch_model.safetensors": 5_761_024_128,
        "vae/config.json": 300,
        "vae/diffusion_pytorch_model.safetensors": 970_814_528,
    },
    ACTIONMESH: {
        "denoiser/config.json": 250,
        "denoiser/model.safetensors": 5_758_400_512,
        "autoencoder/config.json": 250,
        "autoencoder/model.safetensors": 856_800_256,
    },
    RMBG: {"config.json": 500, "model.safetensors": 176_381_984},
    SAM_TINY: {"config.json": 7000, "model.safetensors": 155_906_050},
    SAM_LARGE: {"config.json": 7000, "model.safetensors": 897_952_466},
    EDGETAM: {"config.json": 3000, "model.safetensors": 56_000_000},
}
"""The files to fetch, with sizes that a hub may report."""
UNWANTED = {
    TRIPOSG: (
        ".gitattributes README.md LICENSE assets/teaser.png assets/config.json transformer/diffusion_pytorch_model.bin "
        "transformer/diffusion_pytorch_model.fp16.safetensors "
        "vae/diffusion_pytorch_model.pth vae/diffusion_pytorch_model.onnx "
        "image_encoder_dinov2/pytorch_model.bin image_encoder_dinov2/model.onnx old/vae/config.json "
        "image_encoder_dino_v2/model.safetensors model.safetensors"
    ),
    ACTIONMESH: (
        "README.md LICENSE.txt assets/demo.mp4 denoiser/model.pth denoiser/optimizer.bin ema/denoiser/model.safetensors"
    ),
    RMBG: "README.md t4.png model.pth pytorch_model.bin onnx/model.onnx onnx/config.json preprocessor_config.json",
    SAM_TINY: "README.md sam2.1_hiera_tiny.pt sam2.1_hiera_t.yaml preprocessor_config.json processor_config.json",
    SAM_LARGE: "README.md sam2.1_hiera_large.pt sam2.1_hiera_l.yaml preprocessor_config.json processor_config.json",
    EDGETAM: "README.md edgetam.pt preprocessor_config.json processor_config.json",
}
LISTED = {name: {**files, **dict.fromkeys(UNWANTED[name].split(), 10**9)} for name, files in WANTED.items()}
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    """Ignore the machine's settings: tests reach only the loopback, and no other folder of checkpoints."""
    for name in ("ACTIONMESH_CHECKPOINTS", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    close_session()


def download(hub_id):
    (found,) = (each for each in DOWNLOADS if each.hub_id == hub_id)
    return found


def tensors():
    return save({"weight": np.arange(64, dtype=np.float32)})


def fill(folder, hub_id, but=()):
    """Put tiny files of a repository into `folder`, in the layout of a download."""
    for name in WANTED[hub_id]:
        if name not in but:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"{}" if name.endswith(".json") else tensors())


def from_hub(wanted):
    """Stand in for the hub: report every size."""
    with LoopbackHub(LISTED).running() as hub:
        return ask_sizes(wanted, endpoint=hub.url)


def told(capsys, folder, **options):
    download_report.tell(folder, **options)
    return capsys.readouterr().out


def block(text, hub_id):
    """Return the lines about one download."""
    (found,) = (part for part in text.split("\n\n") if part.startswith(hub_id))
    return found


def run_command(*arguments, **environment):
    command = [sys.executable, "-m", "actionmesh", "weights", *map(str, arguments)]
    settings = {**os.environ, "PYTHONPATH": str(ROOT / "backend"), **environment}
    return subprocess.run(command, capture_output=True, text=True, env=settings, timeout=120)


# --- the table


@pytest.mark.parametrize("hub_id", WANTED)
def test_patterns_select_what_is_read_and_nothing_else(hub_id):
    chosen = set(filter_repo_objects(LISTED[hub_id], allow_patterns=list(download(hub_id).patterns)))
    assert chosen == set(WANTED[hub_id])


def test_estimates_are_about_14_6_gb_without_what_is_optional():
    needed = sum(each.estimated_bytes for each in DOWNLOADS if not each.optional)
    assert 14.55e9 <= needed < 14.65e9
    assert download(TRIPOSG).estimated_bytes == pytest.approx(8.02e9)
    assert download(ACTIONMESH).estimated_bytes == pytest.approx(6.6152e9)
    assert download(RMBG).estimated_bytes == pytest.approx(176.4e6) and download(RMBG).optional


def test_what_was_not_read_from_the_hub_is_not_there():
    for each in DOWNLOADS:
        assert each.revision is None
        assert all(file.bytes is None and file.sha256 is None for file in each.files)


def test_commercial_use_is_allowed_of_triposg_and_the_trackers_alone():
    assert [each.hub_id for each in DOWNLOADS if each.licence.commercial] == [TRIPOSG, SAM_TINY, SAM_LARGE, EDGETAM]


def test_what_is_downloaded_is_a_checkpoint_with_the_files_that_its_parts_are_read_from(tmp_path):
    from actionmesh.weights.parts import PARTS

    for each in DOWNLOADS:
        fill(tmp_path / each.name, each.hub_id)
    checkpoint = open_checkpoint(tmp_path)
    wanted = {tmp_path / each.name / file.path for each in DOWNLOADS for file in each.files if file.needed}
    read = {checkpoint.scheduler, checkpoint.image_preprocessing}
    for name, part in PARTS.items():
        read |= {getattr(checkpoint, name) / "config.json", getattr(checkpoint, name) / part.weights}
    read |= {checkpoint.background_removal / name for name in WANTED[RMBG]}
    assert checkpoint.subject_tracker == tmp_path / "sam2.1-hiera-large"
    read |= {
        tmp_path / network / name
        for network in ("sam2.1-hiera-large", "sam2.1-hiera-tiny", "EdgeTAM-hf")
        for name in WANTED[SAM_TINY]
    }
    assert read == wanted


@pytest.mark.parametrize("path", ["", "/etc/passwd", "vae/*.json", "a?", "a[b]", "a\\b"])
def test_a_file_of_the_table_is_one_file(path):
    with pytest.raises(ValueError, match="one file"):
        PublicFile(path)


def test_a_table_that_makes_no_sense_is_refused():
    licence = Licence("MIT", commercial=True)
    with pytest.raises(ValueError, match="OWNER/NAME"):
        Download("TripoSG", "", licence, (PublicFile("a"),))
    with pytest.raises(ValueError, match="2 files, 1 of them"):
        Download("a/b", "", licence, (PublicFile("a"), PublicFile("a")))
    with pytest.raises(ValueError, match="-1 bytes"):
        PublicFile("a", -1)


# --- the hub


def test_sizes_are_the_hubs_for_the_files_that_match_alone():
    with LoopbackHub(LISTED).running() as hub:
        answers = ask_sizes(DOWNLOADS, endpoint=hub.url)
    assert {each.hub_id: dict(sizes.bytes) for each, sizes in zip(DOWNLOADS, answers, strict=True)} == WANTED
    assert all(sizes.doubt == "" for sizes in answers)
    assert all("blobs=" in path for _, path in hub.asked if path.startswith("/api/models"))


def without(name):
    return {ACTIONMESH: {path: size for path, size in LISTED[ACTIONMESH].items() if path != name}}


FAULTS = {
    "gated": (401, "hf auth login` (401)"),
    "forbidden": (403, "hf auth login` (403)"),
    "unknown": (404, "does not know it (404)"),
    "broken": (500, "failed (500)"),
    "no JSON": (b"<html>", "cannot be understood"),
    "no text": (b"\xff\xfe\x00", "cannot be understood"),
    "a list": (b"[1, 2]", "cannot be understood"),
    "a number": (b"3", "cannot be understood"),
    "no id": (b'{"siblings": []}', "cannot be understood"),
    "no files": (b'{"id": "a/b"}', "does not list denoiser/config.json"),
    "files that are none": (b'{"id": "a/b", "siblings": [3]}', "cannot be understood"),
}


@pytest.mark.parametrize(("fault", "doubt"), FAULTS.values(), ids=FAULTS)
def test_whatever_a_hub_answers_the_estimate_stays(fault, doubt):
    wanted = download(ACTIONMESH)
    with LoopbackHub(LISTED, {ACTIONMESH: fault}).running() as hub:
        sizes = ask_size(wanted, endpoint=hub.url)
    assert doubt in sizes.doubt
    assert sum(sizes.bytes.values()) == wanted.estimated_bytes


@pytest.mark.parametrize("size", [None, -5, 0, 1.5, "12", True], ids=repr)
def test_a_size_that_is_none_leaves_the_estimate(size):
    files = {ACTIONMESH: {**LISTED[ACTIONMESH], "denoiser/model.safetensors": size}}
    with LoopbackHub(files).running() as hub:
        sizes = ask_size(download(ACTIONMESH), endpoint=hub.url)
    assert "cannot be understood" in sizes.doubt and sum(sizes.bytes.values()) == download(ACTIONMESH).estimated_bytes


def test_a_file_that_the_hub_does_not_list_is_named():
    with LoopbackHub(without("autoencoder/model.safetensors")).running() as hub:
        assert "does not list autoencoder/model.safetensors" in ask_size(download(ACTIONMESH), endpoint=hub.url).doubt


def test_a_file_that_nothing_reads_may_be_missing_from_the_hub():
    files = {TRIPOSG: {path: size for path, size in LISTED[TRIPOSG].items() if path != "model_index.json"}}
    with LoopbackHub(files).running() as hub:
        sizes = ask_size(download(TRIPOSG), endpoint=hub.url)
    assert sizes.doubt == "" and "model_index.json" not in sizes.bytes


@pytest.mark.parametrize("fault", [30.0, "trickle"])
def test_one_slow_answer_does_not_keep_the_others(fault):
    """Not even an answer that never stops arriving, which no connection timeout ends."""
    with LoopbackHub(LISTED, {ACTIONMESH: fault}).running() as hub:
        begun = time.monotonic()
        triposg, actionmesh, *others = ask_sizes(DOWNLOADS, timeout=1.5, endpoint=hub.url)
        assert time.monotonic() - begun < 10
    assert "does not answer" in actionmesh.doubt and not triposg.doubt and not any(each.doubt for each in others)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "nonsense", "http://[::1"])
def test_a_hub_that_is_not_there_leaves_the_estimates(url):
    answers = ask_sizes(DOWNLOADS, endpoint=url)
    assert [sum(sizes.bytes.values()) for sizes in answers] == [each.estimated_bytes for each in DOWNLOADS]
    assert all(sizes.doubt for sizes in answers)


# --- the folder


def test_an_empty_folder_is_to_be_filled(tmp_path):
    found = presence(download(TRIPOSG), tmp_path / "not yet")
    assert found.folder == tmp_path / "not yet" / "TripoSG"
    assert not found.complete and not found.begun and len(found.absent) == 9


@pytest.mark.parametrize("place", ["TripoSG", "models--VAST-AI--TripoSG/snapshots/1a2b"])
def test_a_complete_download_is_found_under_any_name(tmp_path, place):
    fill(tmp_path / place, TRIPOSG)
    found = presence(download(TRIPOSG), tmp_path)
    assert found.complete and found.folder == tmp_path / place


def test_a_file_that_nothing_reads_is_not_lacking(tmp_path):
    fill(tmp_path / "TripoSG", TRIPOSG, but=("model_index.json",))
    assert presence(download(TRIPOSG), tmp_path).complete


def test_rmbg_that_serves_every_checkpoint_counts(tmp_path, monkeypatch):
    fill(tmp_path / "RMBG-1.4", RMBG)
    assert not presence(download(RMBG), tmp_path / "full").complete
    monkeypatch.setenv("ACTIONMESH_CHECKPOINTS", str(tmp_path))
    found = presence(download(RMBG), tmp_path / "full")
    assert found.complete and found.folder == tmp_path / "RMBG-1.4"


@pytest.mark.parametrize(
    "damage", [b"", tensors()[:-1], tensors() + b"\0", b"version https://git-lfs.github.com/spec/v1\n"]
)
def test_weights_that_are_not_whole_are_lacking(tmp_path, damage):
    fill(tmp_path / "ActionMesh", ACTIONMESH)
    (tmp_path / "ActionMesh" / "denoiser" / "model.safetensors").write_bytes(damage)
    found = presence(download(ACTIONMESH), tmp_path)
    assert [file.path for file in found.lacking] == ["denoiser/model.safetensors"]


def test_a_configuration_that_is_not_whole_is_lacking(tmp_path):
    fill(tmp_path / "ActionMesh", ACTIONMESH)
    (tmp_path / "ActionMesh" / "denoiser" / "config.json").write_text('{"width": ')
    assert [file.path for file in presence(download(ACTIONMESH), tmp_path).lacking] == ["denoiser/config.json"]


# --- what is told


def test_everything_is_told_of_an_empty_folder(tmp_path, capsys):
    text = told(capsys, tmp_path / "a" / "full", ask=from_hub, disk_usage=lambda _: Usage(10**12, 0, 20 * 10**9))
    triposg = block(text, TRIPOSG)
    assert "size     7.9 GB\n" in triposg and "MIT" in triposg and "commercial use: yes" in triposg
    assert "https://huggingface.co/VAST-AI/TripoSG" in triposg and "not in" in triposg
    assert "size     6.6 GB\n" in block(text, ACTIONMESH) and "research only; commercial use: no" in block(
        text, ACTIONMESH
    )
    assert "optional" in block(text, RMBG) and "size     176 MB\n" in block(text, RMBG)
    assert "Still to download: 14.6 GB, and 1.3 GB more for the optional files\n" in text
    assert f"Free at {tmp_path}: 20.0 GB, enough\n" in text
    assert "estimate" not in text
    assert not (tmp_path / "a").exists()


def test_estimates_are_marked_one_by_one_and_in_the_total(tmp_path, capsys):
    def ask(wanted):
        with LoopbackHub(LISTED, {ACTIONMESH: 401}).running() as hub:
            return ask_sizes(wanted, endpoint=hub.url)

    text = told(capsys, tmp_path, ask=ask)
    assert "size     7.9 GB\n" in block(text, TRIPOSG)
    assert "about 6.6 GB (estimate: " in block(text, ACTIONMESH) and "(401)" in block(text, ACTIONMESH)
    assert "Still to download: about 14.6 GB (estimate), and 1.3 GB more for the optional files\n" in text


def test_a_half_complete_folder_needs_the_rest_alone(tmp_path, capsys):
    fill(tmp_path / "TripoSG", TRIPOSG, but=("transformer/diffusion_pytorch_model.safetensors",))
    fill(tmp_path / "ActionMesh", ACTIONMESH)
    text = told(capsys, tmp_path, ask=from_hub)
    state = "incomplete in {}: missing or damaged: transformer/diffusion_pytorch_model.safetensors"
    assert state.format(tmp_path / "TripoSG") in block(text, TRIPOSG)
    assert f"complete in {tmp_path / 'ActionMesh'}" in block(text, ACTIONMESH)
    assert "Still to download: 5.8 GB, and 1.3 GB more" in text
    assert f"download {TRIPOSG}" in text and f"download {ACTIONMESH}" not in text


def test_many_missing_files_are_counted(tmp_path, capsys):
    fill(
        tmp_path / "TripoSG",
        TRIPOSG,
        but=[name for name in WANTED[TRIPOSG] if name.endswith((".safetensors", "r_config.json"))],
    )
    assert "model.safetensors and 2 more" in block(told(capsys, tmp_path, ask=from_hub), TRIPOSG)


def test_a_complete_folder_needs_nothing(tmp_path, capsys):
    for each in DOWNLOADS:
        fill(tmp_path / each.name, each.hub_id)
    text = told(capsys, tmp_path, ask=from_hub, disk_usage=lambda _: Usage(10**12, 10**12, 0))
    assert text.count("  state    complete in ") == 6
    assert "Still to download: nothing that is needed\n" in text and "hf download" not in text
    assert f"Animate with them: --checkpoint {tmp_path}\n" in text


def test_too_small_a_disk_is_one_sentence_and_exit_code_2(tmp_path, capsys, monkeypatch):
    tell = download_report.tell
    monkeypatch.setattr(
        download_report, "tell", lambda folder: tell(folder, from_hub, lambda _: Usage(10**12, 0, 3_200_000_000))
    )
    assert cli.main(["weights", str(tmp_path)]) == 2
    shown = capsys.readouterr()
    assert "3.2 GB, too little\n" in shown.out and f"download {TRIPOSG}" in shown.out
    problem = f"{tmp_path} needs 14.6 GB more, and its disk has 3.2 GB free."
    assert shown.err == f"actionmesh: {problem} Free 11.4 GB, or choose a folder on another disk.\n"


@pytest.mark.parametrize(
    ("free", "judgement"),
    [
        (14_565_000_000, "enough for the needed files, too little for the optional ones"),
        (15_900_000_000, "enough"),
    ],
)
def test_room_is_judged_with_and_without_what_is_optional(tmp_path, capsys, free, judgement):
    text = told(capsys, tmp_path, ask=from_hub, disk_usage=lambda _: Usage(10**12, 0, free))
    assert re.search(r"Free at .*: \S+ GB, (.*)", text).group(1) == judgement


def test_one_byte_too_few_is_too_few(tmp_path):
    needed = sum(WANTED[TRIPOSG].values()) + sum(WANTED[ACTIONMESH].values())
    download_report.tell(tmp_path, from_hub, lambda _: Usage(10**12, 0, needed))
    with pytest.raises(OutputError, match="Free 100 MB"):
        download_report.tell(tmp_path, from_hub, lambda _: Usage(10**12, 0, needed - 1))


def test_a_disk_that_does_not_tell_its_room_is_not_judged(tmp_path, capsys):
    assert "unknown" in told(capsys, tmp_path, ask=from_hub, disk_usage=lambda _: Usage(0, 0, 0))

    def refuses(_):
        raise OSError("no such device")

    assert free_bytes(tmp_path, refuses) is None


@pytest.mark.parametrize("below", ["", "full"])
def test_a_file_in_the_folders_place_is_refused(tmp_path, below):
    (tmp_path / "weights").touch()
    with pytest.raises(InputError, match="weights is a file"):
        download_report.tell(tmp_path / "weights" / below, from_hub)


# --- the command


def test_the_command_asks_the_hub_that_hf_endpoint_names(tmp_path):
    with LoopbackHub(LISTED).running() as hub:
        done = run_command(tmp_path, HF_ENDPOINT=hub.url)
    assert done.returncode == 0 and done.stderr == ""
    assert "size     7.9 GB\n" in done.stdout and "estimate" not in done.stdout


def test_offline_the_hub_is_not_asked(tmp_path):
    with LoopbackHub(LISTED).running() as hub:
        done = run_command(HF_ENDPOINT=hub.url, HF_HUB_OFFLINE="1", ACTIONMESH_CHECKPOINTS=str(tmp_path))
    assert done.returncode == 0 and done.stderr == "" and hub.asked == []
    assert done.stdout.startswith(f"Public weights in {tmp_path / 'full'}\n")
    assert "about 14.6 GB (estimate)" in done.stdout and done.stdout.count("(estimate: HF_HUB_OFFLINE") == 6


def test_without_any_folder_the_user_is_told_to_name_one(capsys):
    assert cli.main(["weights"]) == 2
    assert "weights/full" in capsys.readouterr().err


def test_the_program_is_written_as_short_as_it_can_be_pasted(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv" / "bin" / "python"))
    assert download_report.hub_program() == "hf"
    program = tmp_path / ".venv" / "bin" / "hf"
    program.parent.mkdir(parents=True)
    program.touch()
    for here, written in ((tmp_path, ".venv/bin/hf"), (program.parent, str(program)), (ROOT, str(program))):
        monkeypatch.chdir(here)
        assert download_report.hub_program() == written


def test_readme_shows_the_commands_and_the_size():
    section = README.partition("## Two sets of weights")[2].partition("\n## ")[0]
    for each in DOWNLOADS:
        command = download_report.download_command(presence(each, Path("weights/full")), shell.POSIX, ".venv/bin/hf")
        assert f"\n{command}\n" in section
    assert section.count("hf download") == 6
    assert "about 14.6 GB (estimate)" in section and "11 GB" not in README
    assert "-m actionmesh weights weights/full" in section


def test_printed_commands_fetch_exactly_what_is_needed_and_then_the_folder_is_complete(tmp_path, capfd):
    """A shell runs the library's own program; the hub holds more than is needed, and one file is already there."""
    files = {
        name: {path: b"{}" if path.endswith(".json") else tensors() for path in listed}
        for name, listed in LISTED.items()
    }
    folder = tmp_path / "it's $HOME & more"
    fill(folder / "TripoSG", TRIPOSG, but=[name for name in WANTED[TRIPOSG] if not name.startswith("vae/")])
    with LoopbackHub(files).running() as hub:
        settings = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1"}
        done = run_command(folder, **settings)
        commands = re.findall(r"^\S*hf download (?:.*\\\n)*.*", done.stdout, re.MULTILINE)
        assert len(commands) == 6
        script = "set -e\n" + "\n".join(commands)
        subprocess.run(["sh", "-c", script], env={**os.environ, **settings}, check=True, timeout=300)
        fetched = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        again = run_command(folder, **settings)
    wanted = {f"{name.partition('/')[2]}/{path}" for name, paths in WANTED.items() for path in paths}
    assert {path for path in fetched if ".cache/" not in path} == wanted
    assert again.stdout.count("  state    complete in ") == 6 and "hf download" not in again.stdout
