"""Shading of a renderer's hits: light, textures, vertex colours and smooth normals.

Colours are sRGB, and light is added in linear space.
"""

from dataclasses import dataclass

import numpy as np

from ..geometry.triangles import summed_normals

CLAY = (0.74, 0.72, 0.70)


@dataclass(frozen=True)
class Light:
    """Light that moves with the camera. Strengths are linear: a white surface that receives 1 in total is white.

    Args:
        direction: towards the key light, in camera axes (right, up, back); any length but 0.
        ambient: strength of the light from all around; it is a third stronger from above and a third weaker from below.
        key: strength of the key light.
        rim: strength of a soft white edge around the silhouette.
        wrap: 0 is Lambert's cosine; up to 1 lets the key light reach around the shape, as a large soft lamp does.
        colour: linear colour of the key light.
    """

    direction: tuple[float, float, float] = (-0.4, 0.7, 0.8)
    ambient: float = 0.35
    key: float = 0.65
    rim: float = 0.0
    wrap: float = 0.0
    colour: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Texture:
    """Base colour pictures on a mesh.

    Args:
        uv: (V, 2) float, origin at the *lower* left of the picture, as in OBJ and trimesh; repeats outside [0, 1].
        images: one or more (H, W, 3 or 4) uint8 sRGB pictures; alpha is ignored.
        image_of_face: (F,) int, the picture of each face; None if there is only one picture.
        tint: (V, 3) float, linear, multiplied with the pictures; None leaves them unchanged.
    """

    uv: np.ndarray
    images: tuple[np.ndarray, ...]
    image_of_face: np.ndarray | None = None
    tint: np.ndarray | None = None

    def __post_init__(self) -> None:
        assert len(self.images) == 1 or self.image_of_face is not None, "several pictures need image_of_face"


Surface = np.ndarray | Texture | None
"""(V, 3) vertex colours (uint8, or float in [0, 1]), textures, or None for plain clay."""


@dataclass(frozen=True)
class Hits:
    """H hits: indices of their `rays` (H,) and `faces` (H,), barycentric `weights` (H, 3), face `normals` (H, 3)."""

    rays: np.ndarray
    faces: np.ndarray
    weights: np.ndarray
    normals: np.ndarray


def shading_normals(seen: np.ndarray, faces: np.ndarray, representative: np.ndarray | None, hits: Hits) -> np.ndarray:
    """Return unit normals (H, 3) in camera axes, on the visible side of the surface."""
    if representative is None:
        return _unit(hits.normals)
    vertex_normals = summed_normals(seen, faces, representative[faces]).astype(np.float32)
    normals = _interpolate(_unit(vertex_normals)[representative], faces, hits)
    normals *= np.where((normals * hits.normals).sum(axis=1, keepdims=True) < 0, -1, 1)
    return _unit(normals)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.sqrt((vectors * vectors).sum(axis=-1, keepdims=True)), 1e-20)


def _interpolate(values: np.ndarray, faces: np.ndarray, hits: Hits) -> np.ndarray:
    """Interpolate values at the vertices (V, D) to values at the hits (H, D)."""
    corners = faces.take(hits.faces, axis=0)
    total = values.take(corners[:, 0], axis=0) * hits.weights[:, :1]
    for k in (1, 2):
        total += values.take(corners[:, k], axis=0) * hits.weights[:, k, None]
    return total


def albedo(hits: Hits, faces: np.ndarray, surface: Surface) -> np.ndarray:
    """Return the surface's colours at the hits, (H, 3) float32 linear."""
    if surface is None:
        return np.broadcast_to(to_linear(np.array(CLAY, np.float32)), (len(hits.rays), 3))
    if isinstance(surface, np.ndarray):
        values = surface[:, :3] / np.float32(255) if surface.dtype == np.uint8 else surface[:, :3].astype(np.float32)
        return to_linear(_interpolate(values, faces, hits))
    colours = to_linear(_textured(surface, faces, hits))
    return colours if surface.tint is None else colours * _interpolate(surface.tint.astype(np.float32), faces, hits)


def _textured(surface: Texture, faces: np.ndarray, hits: Hits) -> np.ndarray:
    """Return the texture's colours at the hits, (H, 3) float32 sRGB."""
    uv = _interpolate(surface.uv.astype(np.float32), faces, hits)
    if surface.image_of_face is None:
        return _bilinear(surface.images[0], uv)
    colours, chosen = np.empty((len(uv), 3), np.float32), surface.image_of_face[hits.faces]
    for index in np.unique(chosen):
        colours[chosen == index] = _bilinear(surface.images[index], uv[chosen == index])
    return colours


def _bilinear(image: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Return the picture's values at uv (H, 2), repeated in both directions: (H, 3) float32 in [0, 1]."""
    height, width = image.shape[:2]
    texels = image.reshape(height * width, -1)
    x, y = uv[:, 0] * width - 0.5, (1 - uv[:, 1]) * height - 0.5
    left, top = np.floor(x), np.floor(y)
    right_share, lower_share = (x - left)[:, None], (y - top)[:, None]
    columns = [(left.astype(np.int64) + k) % width for k in (0, 1)]
    rows = [(top.astype(np.int64) + k) % height for k in (0, 1)]
    upper, lower = (
        texels.take(row * width + columns[0], axis=0)[:, :3] * (1 - right_share)
        + texels.take(row * width + columns[1], axis=0)[:, :3] * right_share
        for row in rows
    )
    return (upper * (1 - lower_share) + lower * lower_share) / 255


def shade(colours: np.ndarray, normals: np.ndarray, light: Light) -> np.ndarray:
    """Return lit linear colours (H, 3): Lambert's cosine, wrapped as (n.l + w) / (1 + w), plus a sky brighter above."""
    key = (normals @ _unit(np.array(light.direction, np.float32)) + light.wrap) / (1 + light.wrap)
    sky = 1 + normals[:, 1] / 3
    lit = light.key * np.maximum(key, 0)[:, None] * np.array(light.colour, np.float32)
    shaded = colours * (light.ambient * sky[:, None] + lit)
    if light.rim:
        shaded = shaded + light.rim * ((1 - np.abs(normals[:, 2])) ** 3)[:, None]
    return shaded


def to_linear(colours: np.ndarray) -> np.ndarray:
    """Convert sRGB to linear light (IEC 61966-2-1)."""
    return np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)


def to_srgb(colours: np.ndarray) -> np.ndarray:
    """Convert linear light to sRGB (IEC 61966-2-1)."""
    return np.where(colours <= 0.0031308, colours * 12.92, 1.055 * np.maximum(colours, 0) ** (1 / 2.4) - 0.055)
