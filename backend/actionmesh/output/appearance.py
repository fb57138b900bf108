"""The appearance of a source mesh for the renderer: its triangles, UVs, base colour textures and vertex colours.

Of a material only the base colour is used, without texture transforms.
"""

import io
from dataclasses import dataclass

import cv2
import numpy as np

from ..geometry.gltf_scene import triangles_of
from ..intake import open_picture
from ..media.render import Texture
from .gltf_document import Document
from .gltf_source import Block, Source

LARGEST_PICTURE = 2048
"""Pixels along the longer edge; larger textures would flicker at the size of a preview."""


@dataclass(frozen=True)
class Appearance:
    """A mesh for the renderer.

    Args:
        rows: (R,) the animation's vertex of each rendered vertex.
        faces: (F, 3) indices into the rendered vertices.
        texture: the texture of the faces.
    """

    rows: np.ndarray
    faces: np.ndarray
    texture: Texture


def read_appearance(source: Source) -> Appearance:
    """Combine the blocks of a source into one mesh with one Texture."""
    document, blocks = source.document, source.blocks
    starts = np.cumsum([0] + [len(block.rows) for block in blocks])
    faces = [triangles_of(block.primitive, document.array, len(block.rows)) for block in blocks]
    textures = [_texture_index(document, block) for block in blocks]
    used = list(dict.fromkeys(textures))
    return Appearance(
        rows=np.concatenate([block.rows for block in blocks]),
        faces=np.concatenate([piece + start for piece, start in zip(faces, starts, strict=False)]).astype(np.int32),
        texture=Texture(
            uv=np.concatenate([_uv(document, block) for block in blocks]),
            images=tuple(_picture(document, index) for index in used),
            image_of_face=np.repeat([used.index(index) for index in textures], [len(piece) for piece in faces]),
            tint=np.concatenate([_tint(document, block) for block in blocks]),
        ),
    )


def _shading(document: Document, block: Block) -> dict:
    if "material" not in block.primitive:
        return {}
    return document.json["materials"][block.primitive["material"]].get("pbrMetallicRoughness", {})


def _uv(document: Document, block: Block) -> np.ndarray:
    """Return the UVs (n, 2) with the origin at the lower left; glTF's origin is at the upper left."""
    channel = _shading(document, block).get("baseColorTexture", {}).get("texCoord", 0)
    accessor = block.primitive["attributes"].get(f"TEXCOORD_{channel}")
    if accessor is None:
        return np.zeros((len(block.rows), 2), np.float32)
    return (document.array(accessor) * (1, -1) + (0, 1)).astype(np.float32)


def _tint(document: Document, block: Block) -> np.ndarray:
    """Return the material's colour times the vertex colours, (n, 3) linear."""
    factor = np.array(_shading(document, block).get("baseColorFactor", (1, 1, 1, 1))[:3], np.float32)
    accessor = block.primitive["attributes"].get("COLOR_0")
    if accessor is None:
        return np.tile(factor, (len(block.rows), 1))
    return (document.array(accessor)[:, :3] * factor).astype(np.float32)


def _texture_index(document: Document, block: Block) -> int | None:
    return _shading(document, block).get("baseColorTexture", {}).get("index")


def _picture(document: Document, texture: int | None) -> np.ndarray:
    """Return a texture (H, W, 3) uint8 RGB; one white pixel if there is no picture that OpenCV can read."""
    white = np.full((1, 1, 3), 255, np.uint8)
    data = b"" if texture is None else _image_bytes(document, texture)
    if not data or not _is_picture(data):
        return white
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if picture is None:
        return white
    shrink = min(1.0, LARGEST_PICTURE / max(picture.shape[:2]))
    if shrink < 1:
        picture = cv2.resize(picture, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(picture[..., ::-1])


def _is_picture(data: bytes) -> bool:
    """Return whether the data is a picture of a known format and allowed size; OpenCV would decode a billion pixels."""
    try:
        with open_picture(io.BytesIO(data)):
            return True
    except Exception:  # Pillow's readers raise many types for damaged data
        return False


def _image_bytes(document: Document, texture: int) -> bytes:
    entry = document.json["textures"][texture]
    extensions = [value["source"] for value in entry.get("extensions", {}).values() if "source" in value]
    sources = [entry["source"]] if "source" in entry else extensions
    image = document.json["images"][sources[0]] if sources else {}
    if "bufferView" not in image:
        return b""
    view = document.json["bufferViews"][image["bufferView"]]
    return bytes(document.binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]])
