"""List every file that a job reads: those it names, a folder's frames, and the files that meshes and materials name.

A result may not replace any of them. Files are only listed here, not refused; their readers do that.
"""

import os
import re
import stat
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from urllib.parse import unquote

from .errors import InputError, MediaError, MeshError
from .intake import read_json, regular_file
from .protocol import Animate, Generate

LIBRARY = re.compile(rb"^[ \t]*mtllib[ \t]+([^\r\n]+)", re.MULTILINE)
TEXTURE = re.compile(rb"^[ \t]*(?:map_\w+|bump|disp|decal|norm|refl)[ \t]+([^\r\n]+)", re.MULTILINE | re.IGNORECASE)
PLY_TEXTURE = re.compile(rb"^comment[ \t]+texturefile[ \t]+([^\r\n]+)", re.MULTILINE | re.IGNORECASE)
MOST_WORDS = 32
"""Words at the end of a line that names a file after options: the name may start at any of them."""
MOST_NAMED = 100_000
"""Most names in one mesh file and its materials that are looked at, which takes seconds."""
LONGEST_LIBRARY = 1 << 24
LONGEST_PLY_HEADER = 1 << 16


def inputs_of(job: Animate) -> Iterator[Path]:
    """Yield every file and folder that the job reads, including weights.

    Raises:
        MediaError, MeshError: an input is a pipe or a device, or a folder or a pattern holds no pictures.
    """
    from .weights.checkpoints import files_of

    yield from files_of_artist(job)
    yield from files_of(checkpoint_folder(job.checkpoint))


def files_of_artist(job: Animate) -> Iterator[Path]:
    """Yield the files and folders that a job reads, except for weights; raise as `inputs_of`."""
    for mesh in (job.mesh, *(known.mesh for known in job.known)):
        if mesh is not None:
            refuse_pipe(mesh, MeshError)
            yield Path(mesh)
            yield from islice(named_by(Path(mesh)), MOST_NAMED)
    clip = job.picture if isinstance(job, Generate) else job.clip  # a generated clip does not exist yet
    for source in (clip, job.mask):
        if source is not None:
            refuse_pipe(source, MediaError)
            yield from frames_of(source)
    if job.masks_from is not None:
        yield from kept_masks_of(job.masks_from)


def kept_masks_of(folder: str) -> Iterator[Path]:
    """Yield the files of a folder of kept masks; none if there is no such folder."""
    with suppress(OSError, ValueError):
        yield from (path for path in sorted(Path(folder).iterdir()) if path.suffix in (".json", ".png"))


def refuse_pipe(path: str, error: type[InputError]) -> None:
    """Raise `error` if `path` is a pipe, a socket or a device, which might never end.

    Missing files are reported later.
    """
    with suppress(OSError, ValueError):
        kind = os.stat(path).st_mode
        if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
            raise error(f"{path} is a pipe or a device, not a file.", "Name a file.")


def named_by(mesh: Path) -> Iterator[Path]:
    """Yield the files that a mesh file names, and those that its materials name: textures, buffers, libraries."""
    finder = FINDERS.get(mesh.suffix.lower())
    if finder is None:
        return
    with suppress(OSError, ValueError, LookupError, TypeError, AttributeError, struct.error):
        yield from finder(regular_file(mesh))


def _named_by_obj(path: Path) -> Iterator[Path]:
    for line in LIBRARY.findall(path.read_bytes()):
        for library in _candidates(line, path.parent):
            yield library
            with suppress(OSError):
                if regular_file(library).stat().st_size <= LONGEST_LIBRARY:
                    yield from _named_by_library(library, path.parent)


def _named_by_library(path: Path, beside: Path) -> Iterator[Path]:
    for line in TEXTURE.findall(path.read_bytes()):
        for folder in {path.parent, beside}:
            yield from _candidates(line, folder)


def _named_by_ply(path: Path) -> Iterator[Path]:
    with path.open("rb") as file:
        header = file.read(LONGEST_PLY_HEADER)
    for line in PLY_TEXTURE.findall(header):
        yield from _candidates(line, path.parent)


def _named_by_gltf(path: Path) -> Iterator[Path]:
    data = path.read_bytes()
    if data[:4] == b"glTF":
        data = data[20 : 20 + struct.unpack_from("<I", data, 12)[0]]
    document = read_json(data)
    for entry in (*document.get("buffers", ()), *document.get("images", ())):
        uri = entry.get("uri", "data:")
        if not uri.startswith("data:"):
            yield from (path.parent / name for name in {uri, unquote(uri)})


FINDERS: dict[str, Callable[[Path], Iterator[Path]]] = {
    ".obj": _named_by_obj,
    ".ply": _named_by_ply,
    ".gltf": _named_by_gltf,
    ".glb": _named_by_gltf,
}


def _candidates(line: bytes, folder: Path) -> Iterator[Path]:
    """Yield the files that a line may name, with spaces in the name or after options, or several files."""
    text = os.fsdecode(line).replace("\\", "/").strip()
    words = list(re.finditer(r"\S+", text))[-MOST_WORDS:]
    names = {text} | {text[word.start() :] for word in words} | {word.group() for word in words}
    yield from (folder / name for name in sorted(names) if "\0" not in name)


def frames_of(source: str) -> Iterator[Path]:
    """Yield a clip, and its pictures if it is a folder or a pattern; raise MediaError if there are none."""
    from .media.folders import find_pictures
    from .media.patterns import is_pattern

    path = Path(source)
    yield path
    if path.is_dir() or (is_pattern(source) and not path.exists()):
        yield from find_pictures(source)


def mesh_of(name: str | None, names: dict[str, str]) -> Path | None:
    """Return the mesh file that a result names: its copy, if `names` (see `protocol.job.Place`) has one."""
    return None if name is None else Path({own: copy for copy, own in names.items()}.get(name, name))


def checkpoint_folder(name: str | None) -> Path:
    """Return the folder of a checkpoint by its name; other text is taken as a folder, and None as the default one."""
    from .weights.checkpoints import default_checkpoint, find_checkpoints

    if name is None:
        return default_checkpoint().path
    return {found.name: found.path for found in find_checkpoints()}.get(name, Path(name))
