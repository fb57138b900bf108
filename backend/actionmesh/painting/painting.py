"""Painting a mesh that has no colours with what a clip shows of it, as UVs and a picture.

The rest is filled with the nearest colours.
"""

from collections.abc import Callable

import numpy as np

from ..matching.camera import FilmCamera
from ..matching.silhouette import Sight
from ..media.subject_crops import SubjectCrops
from .atlas import Atlas, atlas_of
from .coat import Coat
from .neighbourhood import Neighbourhood
from .sightings import Sighting
from .spreading import spread_colours
from .views import best_views

SURE = 0.02
"""Share of a texel's colour that frames show, below which the texel is filled."""


def painted_by_clip(
    poses: np.ndarray,
    faces: np.ndarray,
    camera: FilmCamera,
    crops: SubjectCrops,
    anchor: int,
    check: Callable[[], None] = lambda: None,
    atlas: Atlas | None = None,
) -> Coat:
    """Return a coat for a mesh. Its vertices and faces stay as they are.

    Args:
        poses: (T, V, 3) model space, one for each frame of the clip, without in-betweens.
        faces: (F, 3).
        camera: in the pixels of the clip's own frames.
        crops: the T frames' subject at the clip's own resolution.
        anchor: the frame whose colours are preferred, because the mesh was made for it.
        check: called before each frame; what it raises stops the work.
        atlas: the UVs to paint into; None makes new ones.
    """
    assert len(poses) == len(crops)
    mesh = Neighbourhood(poses[anchor], faces)
    scores = []
    for frame, pose in enumerate(poses):
        check()
        scores.append(Sighting(pose, faces, camera, crops, frame).scores())
    views = best_views(np.stack(scores), mesh.areas, anchor, mesh.softened)
    check()
    atlas = atlas or atlas_of(poses[anchor], faces, check=check)
    texels = atlas.texels()
    paint, vertex_paint = _Paint(len(texels.pixel)), _Paint(len(poses[anchor]))
    for frame, share in views.items():
        check()
        sighting = Sighting(poses[frame], faces, camera, crops, frame)
        vertex_paint.add(np.flatnonzero(share > 0), share[share > 0], sighting.colours(poses[frame][share > 0]))
        _paint_texels(paint, texels, sighting, poses[frame], faces, share)
    base = mesh.filled(vertex_paint.colours, vertex_paint.weight > 0, _mean_colour(crops[anchor]))
    below = np.einsum("hcx,hc->hx", base[faces[texels.face]], texels.weights)
    share = np.minimum(paint.weight, 1)[:, None]
    colours = np.where(share > SURE, paint.colours * share + below * (1 - share), below)
    return Coat.of(atlas.corner_uv, _picture(texels, colours))


def _paint_texels(
    paint: "_Paint", texels: Sight, sighting: Sighting, pose: np.ndarray, faces: np.ndarray, share: np.ndarray
) -> None:
    """Add what a frame shows at the texels."""
    weights = np.einsum("hc,hc->h", share[faces[texels.face]], texels.weights)
    chosen = np.flatnonzero(weights > 0)
    points = np.einsum("hcx,hc->hx", pose[faces[texels.face[chosen]]], texels.weights[chosen])
    seen = sighting.shows(points)
    paint.add(chosen[seen], weights[chosen[seen]], sighting.colours(points[seen]))


class _Paint:
    """Weighted colours of `count` points."""

    def __init__(self, count: int):
        self.weight, self._sum = np.zeros(count), np.zeros((count, 3))

    def add(self, points: np.ndarray, weights: np.ndarray, colours: np.ndarray) -> None:
        self.weight[points] += weights
        self._sum[points] += weights[:, None] * colours

    @property
    def colours(self) -> np.ndarray:
        """(count, 3); 0 where nothing was added."""
        return self._sum / np.maximum(self.weight, 1e-9)[:, None]


def _mean_colour(crop: np.ndarray) -> np.ndarray:
    """Return the subject's mean colour (3,)."""
    return crop[crop[..., 3] >= 128][:, :3].mean(axis=0) if (crop[..., 3] >= 128).any() else np.full(3, 128.0)


def _picture(texels: Sight, colours: np.ndarray) -> np.ndarray:
    """Return the picture (h, w, 3) uint8; uncovered texels get the colours of their neighbours."""
    picture = np.zeros((texels.size[0] * texels.size[1], 3), np.uint8)
    picture[texels.pixel] = np.rint(colours).clip(0, 255)
    return spread_colours(picture.reshape(*texels.size, 3), texels.mask)
