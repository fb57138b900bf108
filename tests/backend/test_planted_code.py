"""Python files beside the clip, named like modules that a program imports, are not run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .worker_process import PATIENCE, REAL, WORKER

ROOT = Path(__file__).resolve().parents[2]
NAMES = (
    "typing numpy torch json dataclasses signal argparse logging PIL cv2 enum threading tqdm psutil actionmesh random"
).split()


@pytest.fixture
def planted(tmp_path):
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write('{name} ')\n")
    return tmp_path


def run(command, folder, **options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "backend")}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, timeout=PATIENCE, stdin=subprocess.DEVNULL, **options
    )


@pytest.mark.parametrize("arguments", [
    pytest.param(
        ["--version"], marks=pytest.mark.fault("A typing.py beside the clip was run by the command line as documented")
    ),
    pytest.param(
        ["info"], marks=pytest.mark.fault("A torch.py beside the clip was run by the command line as documented")
    ),
    pytest.param(
        ["evaluate", "--help"], marks=pytest.mark.fault("A numpy.py beside the clip was run by the evaluation tools")
    ),
])  # fmt: skip
def test_the_documented_command_runs_nothing_of_the_folder(planted, arguments):
    done = run([sys.executable, "-P", "-m", "actionmesh", *arguments], planted)
    assert done.returncode == 0, done.stderr
    assert not (planted / "ran").exists()


@pytest.mark.fault("A typing.py beside the clip was run by the installed program")
def test_the_installed_program_runs_nothing_of_the_folder(planted, tmp_path):
    """As pip writes it: a file in another folder, which Python puts first on its path, not the current one."""
    (target := tmp_path / "bin").mkdir()
    named = re.search(
        r'^actionmesh = "(.+):(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE
    )
    program = target / "actionmesh"
    program.write_text(f"import sys\nfrom {named[1]} import {named[2]}\nsys.exit({named[2]}())\n")
    done = run([sys.executable, str(program), "--version"], planted)
    assert done.returncode == 0 and b"ActionMesh" in done.stdout, done.stderr
    assert not (planted / "ran").exists()


@pytest.mark.fault("A typing.py beside the clip was run by python -m actionmesh without -P")
def test_without_the_flag_only_what_python_itself_imports_first_is_at_risk(planted):
    (planted / "actionmesh.py").unlink()
    done = run([sys.executable, "-m", "actionmesh", "--version"], planted)
    assert done.returncode == 0, done.stderr
    assert not (planted / "ran").exists()


@pytest.mark.fault("A numpy.py beside the .blend was run by the worker that Blender starts")
def test_the_worker_runs_nothing_of_the_folder(planted):
    done = run(REAL, planted)
    assert done.returncode == 0, done.stderr
    assert not (planted / "ran").exists()
    client = (ROOT / "blender_addon" / "process" / "client.py").read_text(encoding="utf-8")
    assert '"-I"' in client and WORKER.name == "worker.py"


@pytest.mark.fault("The pages told commands that run what lies beside the clip")
def test_every_documented_command_is_a_safe_one():
    for page in (ROOT / "README.md", ROOT / "blender_addon" / "README.md", *(ROOT / "docs").glob("*.md")):
        for line in page.read_text(encoding="utf-8").splitlines():
            assert not re.search(r"python3? -m actionmesh", line), f"{page.name}: {line}"
