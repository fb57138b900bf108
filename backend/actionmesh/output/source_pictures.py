"""The pictures that a mesh's file names: only files within its own folder, and only what decodes as a picture.

Whatever is embedded in a result leaves the machine with it.
"""

import io
import mimetypes
from collections.abc import Callable
from pathlib import Path

from trimesh.resolvers import Resolver

from ..errors import MeshError
from ..geometry.gltf_file import GltfFile
from ..intake import beside, open_picture

CONTAINERS = {b"\xabKTX 20\xbb\r\n\x1a\n": "image/ktx2", b"DDS ": "image/vnd-ms.dds"}
"""First bytes of what graphics cards read and Pillow does not."""


def why_no_picture(data: bytes) -> str:
    """Return what keeps bytes from being a picture; nothing if they are one."""
    if any(data.startswith(magic) for magic in CONTAINERS):
        return ""
    try:
        with open_picture(io.BytesIO(data)) as picture:
            picture.load()
    except Exception as error:  # Pillow lets through whatever its decoders meet
        return f"it is no picture ({type(error).__name__})"
    return ""


class Folder(Resolver):
    """Gives trimesh the files that an .obj or .ply names.

    Args:
        folder: theirs.
    Attributes:
        notes: a sentence for each that was left out.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self.notes: list[str] = []

    def get(self, name: str) -> bytes:
        """The bytes of a picture; a name may follow options, as `map_Kd` allows."""
        plain = name.strip().strip('"')
        try:
            data = beside(plain.split()[-1] if plain.startswith("-") else plain, self._folder).read_bytes()
            if problem := why_no_picture(data):
                raise ValueError(problem)
        except (OSError, RuntimeError, ValueError, IndexError) as error:
            self.notes.append(f"The picture {plain} was left out: {_told(error)}.")
            raise FileNotFoundError(plain) from error
        return data

    def library(self, name: str) -> bytes:
        """The bytes of a material library; none if it cannot be read."""
        try:
            return beside(name, self._folder).read_bytes()
        except (OSError, RuntimeError, ValueError) as error:
            self.notes.append(f"The materials of {name} were left out: {_told(error)}.")
            return b""

    def write(self, name: str, data: bytes) -> None:
        raise NotImplementedError("only read here")

    def namespaced(self, namespace: str) -> "Folder":
        raise NotImplementedError("only one folder")

    def keys(self) -> list[str]:
        return []


def picture_of(file: GltfFile, uri: str) -> tuple[bytes, str]:
    """Return the bytes of a picture that a glTF file names, and their kind.

    Raises:
        FileNotFoundError: there is no such file within its folder.
        ValueError: the path leads elsewhere, or it is no picture.
    """
    try:
        data = file.resolve(uri)
    except MeshError as error:
        raise FileNotFoundError(error.problem) from error
    if problem := why_no_picture(data):
        raise ValueError(problem)
    return data, _mime_type(uri, data)


def _mime_type(uri: str, data: bytes) -> str:
    for magic, kind in CONTAINERS.items():
        if data.startswith(magic):
            return kind
    if uri.startswith("data:"):
        return uri[len("data:") :].split(";", 1)[0].split(",", 1)[0]
    return mimetypes.guess_type(uri, strict=False)[0] or "image/png"


def drop_textures(gltf: dict, image: int) -> None:
    """Take every use of an image off the materials: what it would have coloured has its plain factors."""
    lost = {k for k, texture in enumerate(gltf.get("textures", [])) if image in _sources(texture)}
    for material in gltf.get("materials", []):
        strip(material, lambda use: use.get("index") in lost)


def _sources(texture: dict) -> set:
    """The images of a texture, those of its extensions too."""
    others = texture.get("extensions", {}).values()
    return {texture.get("source"), *(other.get("source") for other in others if isinstance(other, dict))}


def strip(material: dict, is_lost: Callable[[dict], bool]) -> None:
    """Take the textures off a material that `is_lost` says of their entries, in its extensions too."""
    stack = [material]
    while stack:
        holder = stack.pop()
        for name, value in list(holder.items()):
            if isinstance(value, dict) and name.endswith("Texture") and is_lost(value):
                del holder[name]
            elif isinstance(value, dict):
                stack.append(value)


def _told(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    return str(error).rstrip(".")
