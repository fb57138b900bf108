"""The pictures that a mesh file refers to: only files within its own folder, and only those that decode as pictures.

The checks matter because everything embedded in a result leaves the machine with it.
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
"""First bytes of the formats that graphics cards read but Pillow does not."""


def why_no_picture(data: bytes) -> str:
    """Return why the data is not a picture; empty if it is one."""
    if any(data.startswith(magic) for magic in CONTAINERS):
        return ""
    try:
        with open_picture(io.BytesIO(data)) as picture:
            picture.load()
    except Exception as error:  # Pillow's decoders raise many types
        return f"it is not a picture ({type(error).__name__})"
    return ""


class Folder(Resolver):
    """Gives trimesh the files that an .obj or .ply file refers to.

    Args:
        folder: the folder of the .obj or .ply file.
    Attributes:
        notes: a sentence for each file that was left out.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self.notes: list[str] = []

    def get(self, name: str) -> bytes:
        """Return the bytes of a picture; options may precede its name, as `map_Kd` allows."""
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
        """Return the bytes of a material library; empty if it cannot be read."""
        try:
            return beside(name, self._folder).read_bytes()
        except (OSError, RuntimeError, ValueError) as error:
            self.notes.append(f"The materials of {name} were left out: {_told(error)}.")
            return b""

    def write(self, name: str, data: bytes) -> None:
        raise NotImplementedError("read-only")

    def namespaced(self, namespace: str) -> "Folder":
        raise NotImplementedError("only one folder")

    def keys(self) -> list[str]:
        return []


def picture_of(file: GltfFile, uri: str) -> tuple[bytes, str]:
    """Return the bytes and MIME type of a picture that a glTF file refers to.

    Raises:
        FileNotFoundError: the file does not exist within the glTF file's folder, or cannot be read.
        ValueError: the path leads out of the folder, or the file is not a picture.
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
    """Remove every use of an image from the materials, so that their plain factors apply."""
    lost = {k for k, texture in enumerate(gltf.get("textures", [])) if image in _sources(texture)}
    for material in gltf.get("materials", []):
        strip(material, lambda use: use.get("index") in lost)


def _sources(texture: dict) -> set:
    """Return the images of a texture, including those of its extensions."""
    others = texture.get("extensions", {}).values()
    return {texture.get("source"), *(other.get("source") for other in others if isinstance(other, dict))}


def strip(material: dict, is_lost: Callable[[dict], bool]) -> None:
    """Remove a material's textures for whose entries `is_lost` is true, including those in extensions."""
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
