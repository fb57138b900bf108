"""The locks: lists of packages that were tested together, made by docs/locks.py, and the choice of one that fits."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ..errors import InstallError
from ..process.backend_locator import backend_folder
from ..reading import read_json
from .computer import NO_BUILD, OTHER_WAYS, Computer

KINDS = {
    "cpu": "the processor",
    "cuda130": "NVIDIA cards (CUDA 13.0)",
    "cuda126": "NVIDIA cards (CUDA 12.6)",
    "mps": "Apple's GPU",
}
PYTORCH = "https://download.pytorch.org/whl/"


@dataclass(frozen=True)
class Lock:
    """One list of packages.

    Args:
        path: file of the requirements with hashes.
        kind: kind of PyTorch, one of KINDS.
        python: version of Python, such as "3.11".
        download, installed: bytes to download, and on disk.
        index: URL of the index that has this build of PyTorch; empty if PyPI has it.
    """

    path: Path
    kind: str
    python: str
    download: int
    installed: int
    index: str

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits that change with the list."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()[:8]

    @property
    def folder_name(self) -> str:
        """The name of an environment made from this lock."""
        return f"{self.digest}-py{self.python.replace('.', '')}"


def locks_folder() -> Path:
    return backend_folder() / "locks"


def fitting_locks(computer: Computer, kinds: tuple[str, ...]) -> list[Lock]:
    """Return the locks for a computer: all of the best kind that has any, one for each Python.

    Raises:
        InstallError: there is none.
    """
    if computer.platform in NO_BUILD:
        raise NO_BUILD[computer.platform]
    known = _known()
    for kind in kinds:
        found = [lock for name, lock in sorted(known.items()) if name.startswith(f"{kind}-{computer.platform}-py")]
        if found:
            return found
    raise InstallError(f"The add-on has no tested list of packages for {computer.platform}.", OTHER_WAYS)


def _known() -> dict[str, Lock]:
    folder = locks_folder()
    try:
        listed = read_json(folder / "locks.json")
    except (OSError, ValueError) as error:
        raise InstallError(
            f"The add-on has lost its lists of packages in {folder}.", "Install the add-on again."
        ) from error
    return {
        name: _lock(folder / f"{name}.txt", entry)
        for name, entry in listed.items()
        if (folder / f"{name}.txt").is_file()
    }


def _lock(path: Path, entry: dict) -> Lock:
    kind, version = path.stem.split("-")[0], path.stem.rpartition("-py")[2]
    index = PYTORCH + entry["index"] if entry["index"] else ""
    return Lock(path, kind, f"{version[0]}.{version[1:]}", entry["download"] or 0, entry["installed"] or 0, index)
