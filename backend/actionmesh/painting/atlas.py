"""UVs for a mesh, by xatlas or its own, and which point of the surface each texel shows."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..geometry.triangles import face_normals
from ..matching.camera import FilmCamera
from ..matching.silhouette import Scene, Sight
from ..side_process import beside_or_here
from .charts import SIDE, Laid, charted, packed

FACES_HERE = 10_000
"""Meshes with at most this many faces are cut into charts in this process: they take up to a second."""
LOOKED_AT = 512
"""Texels along either axis of the picture in which overlapping UVs are searched for."""
MOST_DOUBLE = 0.001
"""Largest share of the covered texels on which UVs may overlap."""


@dataclass(frozen=True)
class Atlas:
    """UVs of a mesh in a picture.

    Args:
        corner_uv: (F, 3, 2) float32, UVs of the corners of all faces, origin at the lower left.
        size: (height, width) of the picture.
    """

    corner_uv: np.ndarray
    size: tuple[int, int]

    def texels(self) -> Sight:
        """Return the surface's points at the texels that it covers."""
        height, width = self.size
        flat = np.concatenate(
            [self.corner_uv * (width, height), np.zeros((*self.corner_uv.shape[:2], 1))], axis=2
        ).reshape(-1, 3)
        above = FilmCamera(0.0, 0.0, 0.0, 0.0, 1.0, (0.0, 0.0), (0.0, float(height)))
        return Scene(flat, np.arange(len(flat)).reshape(-1, 3)).sight(above, self.size)


def atlas_of(
    vertices: np.ndarray,
    faces: np.ndarray,
    polygons: np.ndarray | None = None,
    check: Callable[[], None] = lambda: None,
) -> Atlas:
    """Return an atlas of a mesh: vertices (V, 3), faces (F, 3). Their order stays the same.

    Args:
        polygons: (F,) the polygon that each face belongs to; the corners of a polygon have one UV each. None: every
            face is a polygon.
        check: called regularly while another process works on a large mesh; an exception that it raises stops the work.
    """
    corners, uv, size = _laid(charted, (vertices, faces), check)
    if polygons is not None:
        cut = cut_polygons(faces, corners, polygons)
        if cut.any():
            texels = uv[corners] * size[::-1]
            again = _charts_of_their_own(vertices, faces, polygons, corners, texels.astype(np.float64), cut)
            corners, uv, size = _laid(packed, again, check)
    height, width = size.tolist()
    return Atlas(np.ascontiguousarray(uv[corners], np.float32), (height, width))


def _laid(
    lay: Callable[[np.ndarray, np.ndarray], Laid], arrays: tuple[np.ndarray, np.ndarray], check: Callable[[], None]
) -> Laid:
    """Return what a function of `charts` makes of a mesh; a large mesh gets a process of its own."""
    if len(arrays[1]) <= FACES_HERE:
        return lay(*arrays)
    corners, uv, size = beside_or_here(lay, arrays, "Making UVs", check)
    return corners, uv, size


def atlas_of_uv(uv: np.ndarray | None) -> Atlas | None:
    """Return the atlas of a mesh's own UVs (F, 3, 2); None if they leave the picture or overlap."""
    if uv is None or uv.min() < -1e-4 or uv.max() > 1 + 1e-4:
        return None
    own = Atlas(np.ascontiguousarray(uv.clip(0, 1), np.float32), (SIDE, SIDE))
    return None if _double_share(own) > MOST_DOUBLE else own


def cut_polygons(vertices: np.ndarray, corners: np.ndarray, polygons: np.ndarray) -> np.ndarray:
    """Return which faces (F,) bool belong to a polygon with a vertex at two places in an atlas.

    Args:
        vertices: (F, 3) the mesh's vertex at each corner.
        corners: (F, 3) the atlas's vertex at each corner, each at one place.
    """
    pairs = np.stack([np.repeat(polygons, 3), vertices.ravel()], axis=1)
    _, pair = np.unique(pairs, axis=0, return_inverse=True)
    low, high = np.full(pair.max() + 1, np.iinfo(np.int64).max), np.full(pair.max() + 1, -1)
    np.minimum.at(low, pair, corners.ravel())
    np.maximum.at(high, pair, corners.ravel())
    return np.isin(polygons, pairs[(low != high)[pair], 0])


def _charts_of_their_own(
    vertices: np.ndarray,
    faces: np.ndarray,
    polygons: np.ndarray,
    corners: np.ndarray,
    texels: np.ndarray,
    cut: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return places (N, 2) and the place at each corner (F, 3), with every polygon that has `cut` faces lying apart."""
    pairs, own = np.unique(
        np.stack([np.repeat(polygons[cut], 3), faces[cut].ravel()], axis=1), axis=0, return_inverse=True
    )
    density = np.sqrt(_areas(texels).sum() / max(_areas(vertices[faces].astype(np.float64)).sum(), 1e-30))
    places = np.zeros((corners.max() + 1 + len(pairs), 2), np.float32)
    places[corners] = texels
    flat = density * _flattened(vertices, faces[cut], polygons[cut], pairs)
    places[corners.max() + 1 :] = _apart(flat, pairs[:, 0], float(texels.max()))
    corners = corners.astype(np.uint32)
    corners[cut] = (len(places) - len(pairs) + own).reshape(-1, 3)
    return places, corners


def _flattened(vertices: np.ndarray, faces: np.ndarray, polygons: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Return the corners (N, 2), given as (polygon, vertex), of polygons laid flat, each in its own plane."""
    numbers, number = np.unique(polygons, return_inverse=True)
    normals = np.zeros((len(numbers), 3))
    np.add.at(normals, number, face_normals(vertices[faces].astype(np.float64)))
    across = np.eye(3)[np.abs(normals).argmin(axis=1)]
    right = np.cross(across, normals)
    right /= np.maximum(np.linalg.norm(right, axis=1, keepdims=True), 1e-30)
    up = np.cross(normals, right)
    up /= np.maximum(np.linalg.norm(up, axis=1, keepdims=True), 1e-30)
    of = np.searchsorted(numbers, pairs[:, 0])
    points = vertices[pairs[:, 1]].astype(np.float64)
    return np.stack([(points * right[of]).sum(axis=1), (points * up[of]).sum(axis=1)], axis=1)


def _apart(places: np.ndarray, polygons: np.ndarray, start: float) -> np.ndarray:
    """Return places (N, 2) moved so that polygons neither touch each other nor anything before `start`.

    xatlas treats polygons that touch as one chart.
    """
    _, number = np.unique(polygons, return_inverse=True)
    low, high = np.full((number.max() + 1, 2), np.inf), np.full((number.max() + 1, 2), -np.inf)
    np.minimum.at(low, number, places)
    np.maximum.at(high, number, places)
    pitch, columns = float((high - low).max()) + 1, int(np.ceil(np.sqrt(len(low))))
    cells = np.stack(np.divmod(np.arange(len(low)), columns), axis=1)
    return places - low[number] + (start + pitch * (1 + cells))[number]


def _double_share(atlas: Atlas) -> float:
    """Return the share of covered texels on which more than one face lies.

    There, the face seen from above differs from the face seen from below.
    """
    layers = np.arange(len(atlas.corner_uv)) / len(atlas.corner_uv)
    flat = np.concatenate([atlas.corner_uv * LOOKED_AT, np.repeat(layers, 3).reshape(-1, 3, 1)], axis=2).reshape(-1, 3)
    # slightly off the texels' middles, because edges of regular UVs pass through these
    camera = FilmCamera(0.0, 0.0, 0.0, 0.0, 1.0, (0.31, 0.17), (0.0, float(LOOKED_AT)))
    corners = np.arange(len(flat)).reshape(-1, 3)
    above, below = (Scene(flat * (1, 1, side), corners).sight(camera, (LOOKED_AT, LOOKED_AT)) for side in (1, -1))
    top, bottom = (np.full(LOOKED_AT**2, -1) for _ in range(2))
    top[above.pixel], bottom[below.pixel] = above.face, below.face
    return float(np.count_nonzero(top != bottom)) / max(1, int(np.count_nonzero(top >= 0)))


def _areas(corners: np.ndarray) -> np.ndarray:
    """Return twice the areas (F,) of triangles (F, 3, 2 or 3)."""
    one, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    if corners.shape[2] == 2:
        return np.abs(one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0])
    return np.linalg.norm(np.cross(one, other), axis=1)
