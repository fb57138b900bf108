"""Tiny wheels made on the spot, and repositories that need nothing else, so that the tests need no network."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pip
import pytest

import build
from backend.bootstrap.environment import PROJECT, Environment
from backend.bootstrap.requirements import FOR_CUDA, TO_DEVELOP, TO_RUN


def make_wheel(folder, name, version):
    """Make a wheel of one module that knows its version."""
    folder.mkdir(parents=True, exist_ok=True)
    about = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", f"version = {version!r}\n")
        wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        tag = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        wheel.writestr(f"{about}/WHEEL", tag)
        wheel.writestr(f"{about}/RECORD", "")


def make_index(folder, **versions):
    """Make a package index in a folder; return its address."""
    for name, several in versions.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for version in several:
            make_wheel(folder / name, name, version)
        links = [f'<a href="{path.name}">{path.name}</a>' for path in (folder / name).glob("*.whl")]
        (folder / name / "index.html").write_text("<!DOCTYPE html><html><body>" + "".join(links) + "</body></html>")
    return folder.as_uri()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Return a repository that needs the wheel `tiny` 1.0 to run, and nothing more to develop.

    Its project file is ours.
    """
    make_wheel(tmp_path / "wheels", "tiny", "1.0")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    root = tmp_path / "re pository"
    package = root / "backend" / "actionmesh"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('__version__ = "1.0"\n')
    (package / "cli.py").write_text("def main():\n    print('the command line')\n")
    (package / "__main__.py").write_text("def main():\n    from .cli import main as run\n\n    run()\n")
    for name in (PROJECT, "README.md", "LICENSE"):
        shutil.copy(build.ROOT / name, root / name)
    (root / TO_RUN).write_text("tiny==1.0\n")
    (root / TO_DEVELOP).write_text("# nothing\n")
    (root / FOR_CUDA).write_text("# nothing\n")
    return root


@pytest.fixture
def quickly_made(monkeypatch):
    """Let environments borrow the pip and setuptools that run here: unpacking them takes most of the time."""

    def create(self):
        command = [sys.executable, "-I", "-m", "venv", "--clear", "--without-pip", str(self.folder)]
        subprocess.run(command, check=True)
        (packages,) = self.folder.glob("**/site-packages")
        here = Path(pip.__file__).parents[1]
        for pattern in ("pip", "pip-*", "setuptools", "setuptools-*", "_distutils_hack"):
            for path in here.glob(pattern):
                (packages / path.name).symlink_to(path)

    monkeypatch.setattr(Environment, "_create", create)
