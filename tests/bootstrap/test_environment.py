"""Environments are made once, renewed when a requirement changes, and repaired.

PyTorch comes without CUDA, and the installed programs work.

The environments here are real; what is installed into them are tiny wheels.
"""

import json
import subprocess
import sys

import pytest

from backend.bootstrap import environment as module
from backend.bootstrap.environment import PROJECT, Environment
from backend.bootstrap.errors import BuildError
from backend.bootstrap.requirements import FOR_CUDA, TO_DEVELOP, TO_RUN

from .wheels import make_index


@pytest.fixture
def installs(monkeypatch, quickly_made):
    """Record each installation's requirement files, in order; nothing is installed, and everything can be imported."""
    seen = []
    monkeypatch.setattr(Environment, "_install", lambda self, names: seen.append(names))
    works = module.succeeds
    monkeypatch.setattr(
        module, "succeeds", lambda command: works([part.replace("import actionmesh", "") for part in command])
    )
    return seen


def change(requirements):
    requirements.write_text(requirements.read_text() + "# changed\n")


def run(environment, code):
    return subprocess.check_output([environment.python, "-c", code], text=True, cwd="/").strip()


def test_environment_is_made_once_renewed_on_change_and_repaired(repository, installs):
    environment = Environment(repository)
    assert environment.missing([TO_RUN]) == [TO_RUN, PROJECT]
    assert environment.ensure([TO_RUN]) == environment.python
    environment.ensure([TO_RUN])
    assert installs == [[TO_RUN]] and environment.missing([TO_RUN]) == []
    change(repository / TO_RUN)
    assert environment.missing([TO_RUN, TO_DEVELOP]) == [TO_RUN, TO_DEVELOP]
    environment.ensure([TO_RUN])
    assert len(installs) == 2
    environment.stamp.unlink()
    environment.ensure([TO_RUN])
    assert len(installs) == 3
    change(repository / PROJECT)
    environment.ensure([TO_RUN])
    assert len(installs) == 4
    environment.python.unlink()
    environment.ensure([TO_RUN])
    assert len(installs) == 5 and environment.python.exists()


def test_installing_more_keeps_what_was_there_in_step(repository, installs):
    environment = Environment(repository)
    environment.ensure([TO_RUN])
    environment.ensure([TO_RUN, TO_DEVELOP])
    environment.ensure([TO_RUN])
    assert installs[1:] == [[TO_RUN, TO_DEVELOP]]
    change(repository / TO_RUN)
    environment.ensure([TO_RUN])
    assert installs[2:] == [[TO_RUN, TO_DEVELOP]]
    assert set(json.loads(environment.stamp.read_text())) == {TO_RUN, TO_DEVELOP, PROJECT}


def test_environment_is_made_anew_for_cuda_and_only_then(repository, installs):
    environment = Environment(repository)
    environment.ensure([TO_RUN, TO_DEVELOP])
    mark = environment.folder / "mark"
    mark.touch()
    environment.ensure([TO_RUN, FOR_CUDA])
    assert not mark.exists() and set(installs[-1]) == {TO_RUN, TO_DEVELOP, FOR_CUDA}
    mark.touch()
    change(repository / FOR_CUDA)
    environment.ensure([TO_RUN, FOR_CUDA])
    assert mark.exists() and len(installs) == 3


def test_failed_installation_is_told_and_tried_again(repository, quickly_made):
    environment = Environment(repository)
    (repository / TO_RUN).write_text("tiny==3.0\n")
    with pytest.raises(BuildError, match=r"No matching distribution found for tiny==3\.0.*install\.log"):
        environment.ensure([TO_RUN])
    assert not environment.stamp.exists()
    (repository / TO_RUN).write_text("tiny==1.0\n")
    environment.ensure([TO_RUN])
    assert run(environment, "import tiny; print(tiny.version)") == "1.0"


def test_environment_that_cannot_be_made_is_explained(repository, monkeypatch):
    monkeypatch.setattr(subprocess, "call", lambda command, **options: 1)
    with pytest.raises(BuildError, match="could not be made.*python3-venv"):
        Environment(repository).ensure([TO_RUN])


def test_half_made_environment_is_replaced_by_one_that_works(repository, quickly_made, capfd):
    environment = Environment(repository)
    environment.python.parent.mkdir(parents=True)
    environment.python.write_text("#!/bin/sh\nexit 1\n")
    environment.python.chmod(0o755)
    environment.stamp.write_text("{")
    environment.ensure([TO_RUN])
    assert run(environment, "import actionmesh, tiny; print(actionmesh.__version__, tiny.version)") == "1.0 1.0"
    shown = capfd.readouterr().out
    assert "Installing .venv" in shown and "tiny" not in shown, "pip's own words are in its log"
    assert "Successfully installed tiny-1.0" in (environment.folder / "install.log").read_text()


def test_programs_are_those_of_the_projects_metadata(repository, quickly_made):
    environment = Environment(repository)
    environment.ensure([TO_RUN])
    programs = {path.stem for path in environment.python.parent.glob("actionmesh*")}
    assert programs == {"actionmesh", "actionmesh-worker"}
    program = environment.python.with_name("actionmesh")
    assert subprocess.check_output([program], text=True, cwd="/").strip() == "the command line"
    (repository / "backend" / "actionmesh" / "cli.py").write_text("def main():\n    print('changed')\n")
    assert subprocess.check_output([program], text=True, cwd="/").strip() == "changed", (
        "it is the repository's own code"
    )
    assert not list(environment.folder.glob("**/actionmesh.pth"))


@pytest.fixture
def indices(repository, tmp_path, monkeypatch):
    """Make pip's own index and PyTorch's hold these versions of torch."""

    def fill(own, pytorchs):
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.delenv("PIP_FIND_LINKS")
        monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
        monkeypatch.setenv("PIP_INDEX_URL", make_index(tmp_path / "own", tiny=["1.0"], torch=own))
        monkeypatch.setattr(module, "PYTORCH_CPU_INDEX", make_index(tmp_path / "pytorch", torch=pytorchs))
        (repository / TO_RUN).write_text("torch==2.13.0\ntiny==1.0\n")

    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_CONSTRAINT"):
        monkeypatch.delenv(name, raising=False)
    return fill


WITH, WITHOUT = "2.13.0", "2.13.0+cpu"


@pytest.mark.parametrize(("own", "pytorchs"), [([WITH, WITHOUT], []), ([WITH], [WITHOUT]), ([], [WITHOUT])])
def test_pytorch_is_the_one_without_cuda_wherever_it_is(repository, quickly_made, indices, own, pytorchs):
    indices(own, pytorchs)
    environment = Environment(repository)
    environment.ensure([TO_RUN])
    assert run(environment, "import torch, tiny; print(torch.version)") == WITHOUT


def test_pytorch_with_cuda_is_taken_away_again(repository, quickly_made, indices):
    indices([WITH], [])
    environment = Environment(repository)
    environment.ensure([TO_RUN, FOR_CUDA])
    assert run(environment, "import torch; print(torch.version)") == WITH
    environment.stamp.unlink()
    indices_of_pytorch = repository.parent / "pytorch"
    make_index(indices_of_pytorch, torch=[WITHOUT])
    environment.ensure([TO_RUN])
    assert run(environment, "import torch; print(torch.version)") == WITHOUT


def test_missing_pytorch_without_cuda_is_told_and_the_one_with_it_left_alone(repository, quickly_made, indices):
    indices([WITH], [])
    with pytest.raises(BuildError, match=r"torch==2\.13\.0\+cpu is neither in pip's configured sources nor at file:"):
        Environment(repository).ensure([TO_RUN])


def test_elsewhere_pypis_pytorch_has_no_cuda(repository, quickly_made, indices, monkeypatch):
    indices([WITH], [WITHOUT])
    monkeypatch.setattr(sys, "platform", "darwin")
    environment = Environment(repository)
    environment.ensure([TO_RUN])
    assert run(environment, "import torch; print(torch.version)") == WITH
