"""PyTorch comes with CUDA where a card answers, unless the variable decides otherwise."""

from pathlib import Path

import pytest

import build
from backend.bootstrap.errors import BuildError
from backend.bootstrap.requirements import FOR_CUDA, TO_DEVELOP, TO_RUN, to_run, torch_without_cuda


def driver(folder, monkeypatch, text):
    """Install an `nvidia-smi` with this answer."""
    path = folder / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_cuda_is_installed_where_a_card_answers(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("ACTIONMESH_TORCH", raising=False)
    driver(tmp_path, monkeypatch, "echo 580.95.05")
    assert to_run() == [TO_RUN, FOR_CUDA]
    driver(tmp_path, monkeypatch, "echo No devices were found; exit 6")
    assert to_run() == [TO_RUN]
    assert capsys.readouterr().out == ""
    driver(tmp_path, monkeypatch, "echo 535.54.03")
    assert to_run() == [TO_RUN]
    assert "535.54.03 is older than 580" in capsys.readouterr().out
    monkeypatch.setenv("PATH", "")
    assert to_run() == [TO_RUN]


def test_variable_decides_over_the_card(tmp_path, monkeypatch):
    driver(tmp_path, monkeypatch, "echo 580.95.05")
    monkeypatch.setenv("ACTIONMESH_TORCH", "cpu")
    assert to_run() == [TO_RUN]
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("ACTIONMESH_TORCH", "cuda")
    assert to_run() == [TO_RUN, FOR_CUDA]
    monkeypatch.setenv("ACTIONMESH_TORCH", "rocm")
    with pytest.raises(BuildError, match="ACTIONMESH_TORCH is 'rocm'"):
        to_run()


def test_cards_requirements_are_the_processors_and_warp():
    lines = (build.ROOT / FOR_CUDA).read_text().splitlines()
    developed = (build.ROOT / TO_DEVELOP).read_text().splitlines()
    (warp,) = (line for line in lines if line.startswith("warp-lang=="))
    assert f"-r {Path(TO_RUN).name}" in lines and warp in developed
    assert any(line.startswith("--extra-index-url") and line.endswith("/cu130") for line in lines)


def test_pytorch_without_cuda_is_the_version_that_is_pinned(tmp_path):
    (pinned,) = (line for line in (build.ROOT / TO_RUN).read_text().splitlines() if line.startswith("torch=="))
    assert torch_without_cuda(build.ROOT) == pinned + "+cpu"
    (tmp_path / "backend").mkdir()
    (tmp_path / TO_RUN).write_text("torchvision==1.0\n# torch==1.0\n")
    assert torch_without_cuda(tmp_path) == ""
