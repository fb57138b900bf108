"""The catalogs of the asset browser: lines of `UUID:path/of/catalog:name` in a text file at the root of a library."""

import uuid
from pathlib import Path

import bpy

from ..errors import ArtistError
from ..reading import read_bytes
from .whole_files import written_whole

FILE = "blender_assets.cats.txt"
HEADER = "# Catalogs of Blender's asset browser.\n\nVERSION 1\n\n"


def catalog_of(name: str) -> str:
    """Return the UUID of the catalog with this path, such as "Characters/Walks"; add it to the file if it is missing.

    The file lies beside the .blend, or at the root of the asset library in the preferences that holds the .blend.

    Raises:
        ArtistError: the name cannot be one, the .blend was never saved, or the file cannot be read or written.
    """
    path = "/".join(part.strip() for part in name.replace("\\", "/").split("/") if part.strip())
    if not path or ":" in path or any(not letter.isprintable() for letter in path):
        raise ArtistError(f"{name!r} cannot be the name of a catalog.", "Use a path such as Characters/Walks.")
    if not bpy.data.filepath:
        raise ArtistError(
            "Catalogs are kept in a file beside the .blend.", "Save the .blend first.", "wm.save_mainfile"
        )
    file = _file()
    try:
        text = read_bytes(file).decode("utf-8") if file.is_file() else HEADER
        rows = [line.split(":") for line in text.splitlines() if line.count(":") == 2 and not line.startswith("#")]
        known = {path: number for number, path, _name in rows}
        if path in known:
            return str(uuid.UUID(known[path]))
        made = str(uuid.uuid4())
        with written_whole(file) as part:
            part.write_bytes(f"{text.rstrip()}\n{made}:{path}:{path.replace('/', '-')}\n".encode())
    except (OSError, ValueError) as error:
        raise ArtistError(
            f"The catalogs in {file} cannot be read or written ({error}).", "Leave the catalog empty."
        ) from error
    return made


def _file() -> Path:
    beside = Path(bpy.data.filepath).parent / FILE
    libraries = [Path(library.path) for library in bpy.context.preferences.filepaths.asset_libraries if library.path]
    roots = [root for root in libraries if root in beside.parents]
    return beside if beside.is_file() or not roots else roots[0] / FILE
