"""Make files that others write appear whole or not at all, with the files that belong to them, such as textures."""

import filecmp
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import ArtistError
from ..file_names import is_device
from .used_files import same_path


@contextmanager
def written_whole(path: Path, kept: Iterable[str] = ()) -> Iterator[Path]:
    """Yield the path to write to, in a temporary folder next to `path`; its files are moved into place afterwards.

    The file itself is moved last, so an old one stays until everything is ready. Other files replace those of the same
    name.

    Args:
        kept: files that must not be replaced, as `used_files.same_path` writes them.
    Raises:
        ArtistError: the folder does not exist or cannot be written to, no file was written, or it would replace one of
            `kept`.
    """
    if is_device(path.name, sys.platform):
        raise ArtistError(f"{path.name} is a name that Windows reserves for a device.", "Choose another name.")
    stays = frozenset(kept)
    _refuse(path, stays)
    folder = _folder_beside(path)
    try:
        yield folder / path.name
        if not (folder / path.name).is_file():
            raise ArtistError(f"{path} was not written.", "See Blender's console for its exporter's messages.")
        _move(folder, path, stays)
    except OSError as error:
        raise ArtistError(f"{path} cannot be written: {error.strerror or error}.", "Choose another place.") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _folder_beside(path: Path) -> Path:
    if not path.parent.is_dir():
        raise ArtistError(f"The folder {path.parent} does not exist.", "Create it, or choose another.")
    if path.is_dir():
        raise ArtistError(f"{path} is a folder.", "Choose a file name.")
    try:
        return Path(tempfile.mkdtemp(prefix=".actionmesh-", dir=path.parent))
    except OSError as error:
        raise ArtistError(
            f"Nothing can be written to {path.parent}: {error.strerror}.", "Choose another folder."
        ) from error


def _refuse(path: Path, stays: frozenset[str]) -> None:
    if same_path(path) in stays:
        raise ArtistError(f"{path} is used by the open file and would be lost.", "Choose another name or folder.")


def _move(folder: Path, path: Path, stays: frozenset[str]) -> None:
    main = folder / path.name
    sides = {
        side: path.parent / side.relative_to(folder)
        for side in sorted(folder.rglob("*"))
        if side.is_file() and side != main
    }
    for side, target in sides.items():
        if not (target.is_file() and filecmp.cmp(side, target, shallow=False)):
            _refuse(target, stays)
    for side, target in sides.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(side, target)
    os.replace(main, path)
