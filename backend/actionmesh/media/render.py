"""A small CPU renderer on Embree's ray tracer: orthographic or perspective, soft light, vertex colours or textures.

It needs no OpenGL and no display, and one core renders about a hundred 96-pixel frames a second. It has no shadows,
transparency or specular light: it is for training pictures and previews, not for final renders. Colours are sRGB, and
light is added in linear space.
"""

from dataclasses import dataclass

import numpy as np

from .rays import RayScene
from .shading import Hits, Light, Surface, Texture, albedo, shade, shading_normals, to_srgb

__all__ = ["Camera", "Light", "Surface", "Texture", "render", "render_frames"]

HEADROOM = 0.01
"""How far in front of the mesh parallel rays start, as a share of the mesh's depth or of the picture."""


@dataclass(frozen=True)
class Camera:
    """A camera that looks at the origin of model space (right-handed, +Y up, subject facing +Z).

    Args:
        yaw: radians around +Y; 0 looks along -Z (the front), pi/2 stands on +X.
        pitch: radians upwards; pi/2 looks straight down.
        half_extent: distance from the origin to the picture's edge in the plane through the origin, in model units.
        field_of_view: radians across the picture; None means orthographic.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    half_extent: float = 1.25
    field_of_view: float | None = None

    def __post_init__(self) -> None:
        assert self.half_extent > 0, f"half_extent is {self.half_extent}"
        assert self.field_of_view is None or 0 < self.field_of_view < np.pi, f"field_of_view is {self.field_of_view}"

    @property
    def axes(self) -> np.ndarray:
        """(3, 3) float64: the rows right, up, and back (from the origin to the camera), in model space."""
        sin_yaw, cos_yaw = np.sin(self.yaw), np.cos(self.yaw)
        sin_pitch, cos_pitch = np.sin(self.pitch), np.cos(self.pitch)
        right = (cos_yaw, 0.0, -sin_yaw)
        up = (-sin_yaw * sin_pitch, cos_pitch, -cos_yaw * sin_pitch)
        back = (sin_yaw * cos_pitch, sin_pitch, cos_yaw * cos_pitch)
        return np.array([right, up, back])

    @property
    def distance(self) -> float:
        """The distance from the origin to the eye in model units; infinite if orthographic."""
        return np.inf if self.field_of_view is None else self.half_extent / np.tan(self.field_of_view / 2)


FRONT, DAYLIGHT = Camera(), Light()


def render(
    vertices: np.ndarray,
    faces: np.ndarray,
    colours: Surface = None,
    camera: Camera = FRONT,
    size: int = 96,
    light: Light = DAYLIGHT,
    supersample: int = 2,
    smooth: bool = True,
) -> np.ndarray:
    """Render one mesh.

    Args:
        vertices: (V, 3) float, model space.
        faces: (F, 3) int triangles; both sides are lit.
        colours: vertex colours, a Texture, or None.
        size: pixels along each edge of the picture.
        supersample: rays along each edge of a pixel.
        smooth: shade with interpolated vertex normals, shared by vertices at the same place; otherwise flat.
    Returns:
        (size, size, 4) uint8 sRGB with straight alpha; the background is transparent black.
    """
    return render_frames(vertices[None], faces, colours, camera, size, light, supersample, smooth)[0]


def render_frames(
    vertices: np.ndarray,
    faces: np.ndarray,
    colours: Surface = None,
    camera: Camera = FRONT,
    size: int = 96,
    light: Light = DAYLIGHT,
    supersample: int = 2,
    smooth: bool = True,
) -> np.ndarray:
    """Render an animated mesh: `vertices` is (T, V, 3), the result (T, size, size, 4); see `render` for the rest."""
    assert vertices.ndim == 3 and np.isfinite(vertices).all(), "vertices must be finite and (T, V, 3)"
    faces = np.ascontiguousarray(faces, dtype=np.int32)
    pictures = np.zeros((len(vertices), size, size, 4), np.uint8)
    if not len(faces):
        return pictures
    representative = _first_at_same_place(vertices[0]) if smooth else None
    seen = np.ascontiguousarray(vertices @ camera.axes.T, dtype=np.float32)
    for picture, mesh in zip(pictures, seen, strict=True):
        rows, columns = _covered_pixels(mesh, camera, size)
        grid = (rows.stop - rows.start, columns.stop - columns.start)
        if min(grid) <= 0:
            continue
        origins, directions = _rays(mesh, camera, size, rows, columns, supersample)
        hits = _trace(mesh, faces, origins, directions, None if camera.field_of_view is None else origins[0])
        normals = shading_normals(mesh, faces, representative, hits)
        shaded = shade(albedo(hits, faces, colours), normals, light)
        picture[rows, columns] = _resolve(hits.rays, shaded, grid, supersample)
    return pictures


def _first_at_same_place(vertices: np.ndarray) -> np.ndarray:
    """Return (V,) int, the first vertex at each vertex's place, so that UV seams do not become shading seams."""
    rows = np.ascontiguousarray(vertices, dtype=np.float32) + np.float32(0)  # -0 becomes +0: bytes are compared
    _, first, inverse = np.unique(rows.view("V12").ravel(), return_index=True, return_inverse=True)
    return first[inverse]


def _covered_pixels(seen: np.ndarray, camera: Camera, size: int) -> tuple[slice, slice]:
    """Return the rows and columns of the picture that the mesh may cover, from its vertices in camera axes."""
    if camera.field_of_view is None:
        plane = seen[:, :2]
    elif seen[:, 2].max() < camera.distance:
        plane = seen[:, :2] / (1 - seen[:, 2:] / camera.distance)
    else:
        return slice(0, size), slice(0, size)
    pixels = (plane * (1, -1) / camera.half_extent + 1) * size / 2
    low = np.floor(pixels.min(axis=0)).clip(0, size).astype(int)
    high = np.ceil(pixels.max(axis=0)).clip(0, size).astype(int)
    return slice(low[1], high[1]), slice(low[0], high[0])


def _rays(
    seen: np.ndarray, camera: Camera, size: int, rows: slice, columns: slice, supersample: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return origins (R, 3) and directions (R, 3) in camera axes, row by row, `supersample` squared per pixel."""
    step = 2 * camera.half_extent / (size * supersample)
    x = (np.arange(columns.start * supersample, columns.stop * supersample) + 0.5) * step - camera.half_extent
    y = camera.half_extent - (np.arange(rows.start * supersample, rows.stop * supersample) + 0.5) * step
    plane = np.empty((len(y) * len(x), 3), np.float32)
    plane[:, 0], plane[:, 1] = np.tile(x, len(y)), np.repeat(y, len(x))
    if camera.field_of_view is None:
        near, far = seen[:, 2].max(), seen[:, 2].min()
        plane[:, 2] = near + HEADROOM * max(near - far, camera.half_extent)
        return plane, np.broadcast_to(np.array([0, 0, -1], np.float32), plane.shape).copy()
    plane[:, 2] = -camera.distance
    return np.broadcast_to(np.array([0, 0, camera.distance], np.float32), plane.shape).copy(), plane


def _trace(
    seen: np.ndarray, faces: np.ndarray, origins: np.ndarray, directions: np.ndarray, eye: np.ndarray | None
) -> Hits:
    found = RayScene(seen, faces).hits(origins, directions, eye)
    rays = np.flatnonzero(found.face >= 0)
    u, v, normals = found.u[rays], found.v[rays], found.normal[rays]
    normals *= -np.sign((normals * directions[rays]).sum(axis=1, keepdims=True))  # towards the eye
    return Hits(rays, found.face[rays], np.stack([1 - u - v, u, v], axis=1), normals)


def _resolve(rays: np.ndarray, colours: np.ndarray, grid: tuple[int, int], supersample: int) -> np.ndarray:
    """Return the mean of each pixel's rays as sRGB with straight alpha, (rows, columns, 4) uint8."""
    rows, columns = grid
    row, column = np.divmod(rays, columns * supersample)
    pixel = row // supersample * columns + column // supersample
    count = np.bincount(pixel, minlength=rows * columns)
    total = np.stack([np.bincount(pixel, colours[:, k], rows * columns) for k in range(3)], axis=1)
    picture = np.zeros((rows * columns, 4), np.uint8)
    hit = count > 0
    picture[hit, :3] = np.rint(255 * to_srgb(total[hit] / count[hit, None]).clip(0, 1))
    picture[:, 3] = np.rint(count * (255 / supersample**2))
    return picture.reshape(rows, columns, 4)
