"""The committed files are enough: a clone works in an empty home, with no packages except Python's own.

The long form, on a bare Debian and in a real Blender, is `tests/fresh/prove.py`. This one finds what was not
committed, what is written beside the folders that are ours, and imports of packages where none may be needed yet.
"""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from blender_addon.install.messages import Action, Planned, Request, decode, encode_request
from build import ROOT, agreed_version

BASE = getattr(sys, "_base_executable", sys.executable)
"""The Python that made the environment."""
BARE = [BASE, "-S", "-E", "-s"]
PACKAGE = "import build, pathlib, sys; build.write_zip(pathlib.Path(sys.argv[1]), build.extension_files(build.ROOT))"

pytestmark = [
    pytest.mark.skipif(not (ROOT / ".git").exists() or not shutil.which("git"), reason="this is no clone"),
    pytest.mark.skipif(os.name == "nt", reason="a home is more than one variable"),
]


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fresh") / "ActionMesh"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    return folder


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def run(command, home, **options):
    """Run a program that knows its home and where programs are, and nothing else."""
    variables = {"HOME": str(home), "PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [str(word) for word in command]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_help_needs_nothing(clone, home):
    told = run([*BARE, "build.py", "--help"], home, cwd=clone)
    assert all(f"build.py {name}" in told for name in ("demo", "test", "package", "bench"))
    assert list(home.iterdir()) == []


def test_extension_made_of_it_knows_what_installing_the_backend_takes(clone, home, tmp_path):
    run([*BARE, "-c", PACKAGE, tmp_path / "extension.zip"], home, cwd=clone)
    assert run(["git", "status", "--porcelain"], home, cwd=clone) == "", "only what git ignores is made beside the code"
    with zipfile.ZipFile(tmp_path / "extension.zip") as archive:
        archive.extractall(tmp_path / "extension")
    request = encode_request(Request(Action.PLAN, online=True)).decode()
    installer = [BASE, "-I", "-S", "-B", tmp_path / "extension" / "install" / "main.py"]
    planned = decode(run(installer, home, input=request).splitlines()[-1].encode())
    assert isinstance(planned, Planned) and planned.download > 2e8 and Path(planned.folder).is_relative_to(home)
    written = {path for path in home.rglob("*") if path.is_file()}
    assert not written, "a plan only looks"


def test_programs_installed_from_it_start_without_any_other_package(clone, home, tmp_path):
    """They come from a wheel, so nothing of the clone is used; its weights are included."""
    words = ["wheel", "-q", "--no-deps", "--no-index", "--no-build-isolation", "--no-cache-dir"]
    source = shutil.copytree(clone, tmp_path / "source", ignore=shutil.ignore_patterns(".git", "tests", "docs"))
    run([sys.executable, "-m", "pip", *words, "-w", tmp_path, source], home)
    (wheel,) = tmp_path.glob("actionmesh-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        files = {name for name in archive.namelist() if name.startswith("actionmesh/checkpoints/")}
    committed = run(["git", "ls-files", "backend/actionmesh/checkpoints"], home, cwd=clone).splitlines()
    assert files == {name.removeprefix("backend/") for name in committed}
    environment = tmp_path / "environment"
    run([BASE, "-m", "venv", "--without-pip", environment], home)
    run([sys.executable, "-m", "pip", "-q", "--python", environment, "install", "--no-deps", "--no-index", wheel], home)
    assert run([environment / "bin" / "actionmesh", "--version"], home) == f"ActionMesh {agreed_version(clone)}\n"
    assert "COMMAND" in run([environment / "bin" / "actionmesh", "--help"], home)
    run([environment / "bin" / "actionmesh-worker"], home, stdin=subprocess.DEVNULL)
