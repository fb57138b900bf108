"""A virtual environment with pinned requirements, reinstalled only when they change."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Sequence

from .errors import BuildError
from .pip_run import LOG, Pip
from .pythons import SUPPORTED, find_python, succeeds
from .requirements import FOR_CUDA, SIZE_OF_TORCH, Size, size_of, torch_without_cuda

OWN_MODULE, PROJECT = "actionmesh", "pyproject.toml"
PYTORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"


class Environment:
    """A virtual environment of a repository.

    Args:
        root: the repository.
        name: name of the environment's folder in it.
        module: the module that must be importable; if it is our own, the project is installed too.
        versions: versions of Python that it may be made with.
    """

    def __init__(self, root: Path, name: str = ".venv", module: str = OWN_MODULE, versions: Sequence[str] = SUPPORTED):
        self.root, self.name, self.module, self.versions = root, name, module, versions
        self.folder = root / name
        self.python = self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        self.stamp = self.folder / "installed.json"

    def missing(self, names: Sequence[str]) -> list[str]:
        """Return the files whose current contents are not installed; all of them if the environment does not work."""
        return self._differing(names, self._installed())

    def ensure(self, names: Sequence[str]) -> Path:
        """Install requirement files of the repository if they are missing or changed; return the interpreter.

        Raises:
            BuildError: no Python fits, or pip fails.
        """
        installed, start = self._installed(), time.monotonic()
        missing = self._differing(names, installed)
        if not missing:
            return self.python
        print(f"== Installing {self.name}: {size_of(missing)}", flush=True)
        if self.stamp.exists():
            self.stamp.unlink()
        if not self._has_pip() or (FOR_CUDA in names and FOR_CUDA not in installed):
            self._create()  # pip would otherwise accept the installed PyTorch without CUDA
        everything = sorted(set(names) | {name for name in installed if (self.root / name).exists()} - {PROJECT})
        self._install(everything)
        stamp = {name: self._hash(name) for name in self._with_project(everything)}
        self.stamp.write_text(json.dumps(stamp), encoding="utf-8")
        print(f"Installed in {time.monotonic() - start:.0f} s; pip's log is {self.folder / LOG}.", flush=True)
        return self.python

    def _differing(self, names: Sequence[str], installed: dict[str, str]) -> list[str]:
        return [name for name in self._with_project(names) if installed.get(name) != self._hash(name)]

    def _with_project(self, names: Sequence[str]) -> list[str]:
        return [*names, PROJECT] if self.module == OWN_MODULE else list(names)

    def _hash(self, name: str) -> str:
        return hashlib.sha256((self.root / name).read_bytes()).hexdigest()

    def _installed(self) -> dict[str, str]:
        """Return the hashes of the installed files; empty if the module can no longer be imported."""
        try:
            stamp = json.loads(self.stamp.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return stamp if succeeds([str(self.python), "-I", "-c", f"import {self.module}"]) else {}

    def _has_pip(self) -> bool:
        return succeeds([str(self.python), "-I", "-m", "pip", "--version"])

    def _create(self) -> None:
        python = find_python(self.versions)
        if not python:
            raise BuildError(f"{self.name} needs Python {' or '.join(self.versions)}, and none was found. Install one.")
        shutil.rmtree(str(self.folder), ignore_errors=True)
        if subprocess.call([*python, "-I", "-m", "venv", str(self.folder)], stdout=subprocess.DEVNULL) != 0:
            cure = "On Debian and Ubuntu, install the package python3-venv."
            raise BuildError(f"{self.folder} could not be made. {cure}")

    def _install(self, names: Sequence[str]) -> None:
        """Install PyTorch, the requirements and the project, in this order: each finds its dependencies installed."""
        pip, size = Pip(self.python, self.folder), size_of(names)
        if FOR_CUDA not in names and self._install_torch_without_cuda(pip):
            size = Size(size.download - SIZE_OF_TORCH.download, size.disk - SIZE_OF_TORCH.disk)
        pip.install([part for name in names for part in ("-r", str(self.root / name))], size)
        if self.module == OWN_MODULE:
            pip.install(["--no-deps", "--no-build-isolation", "--editable", str(self.root)], Size(0, 0))

    def _install_torch_without_cuda(self, pip: Pip) -> bool:
        """Install PyTorch without CUDA on Linux, where PyPI's build brings gigabytes of it; return whether it did.

        It comes from the sources that pip is configured with, or else from PyTorch's own index.
        """
        wanted = torch_without_cuda(self.root) if self.module == OWN_MODULE and sys.platform.startswith("linux") else ""
        if not wanted:
            return False
        sources: list[list[str]] = [[]] if pip.is_configured() else []
        for source in [*sources, ["--index-url", PYTORCH_CPU_INDEX]]:
            if pip.try_to_install(["--no-deps", *source, wanted], SIZE_OF_TORCH):
                return True
        cure = f"Check the network, or put its wheel where pip looks. pip's log is {pip.log}."
        raise BuildError(f"{wanted} is neither in pip's configured sources nor at {PYTORCH_CPU_INDEX}. {cure}")
