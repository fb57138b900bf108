"""A mesh's colours, as a result brings them: where each corner of each face lies in one picture. Numbers only."""

from dataclasses import dataclass

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPE = 25
"""Offset of the byte in a PNG file that says which channels its pixels have."""
WITH_ALPHA = {4, 6}


@dataclass(frozen=True, eq=False)
class Coat:
    """UVs and a picture.

    Args:
        corner_uv: (F, 3, 2) float32, of the corners of the result's triangles; origin at the lower left, as in Blender.
        png: the bytes of a PNG file, in sRGB.
    Raises:
        ValueError: the UVs or the picture are not of that kind.
    """

    corner_uv: np.ndarray
    png: bytes

    def __post_init__(self) -> None:
        if self.corner_uv.ndim != 3 or self.corner_uv.shape[1:] != (3, 2) or self.corner_uv.dtype != np.float32:
            raise ValueError(f"its UVs are {self.corner_uv.dtype} of shape {self.corner_uv.shape}")
        if not np.isfinite(self.corner_uv).all():
            raise ValueError("its UVs are not all finite")
        if not self.png.startswith(SIGNATURE) or len(self.png) <= COLOUR_TYPE:
            raise ValueError("its picture is not a PNG")

    @property
    def has_alpha(self) -> bool:
        return self.png[COLOUR_TYPE] in WITH_ALPHA

    def uv_on(self, faces: np.ndarray, triangles: np.ndarray) -> np.ndarray | None:
        """Return the UVs (N, 3, 2) of the corners of a mesh's triangles; None if a triangle is not among the faces.

        Args:
            faces: (F, 3) of the result.
            triangles: (N, 3) of the mesh, which may lack some of the faces or have them in another order.
        """
        if np.array_equal(faces, triangles):
            return self.corner_uv
        number = {tuple(face): index for index, face in enumerate(np.sort(faces, axis=1).tolist())}
        found = [number.get(tuple(triangle), -1) for triangle in np.sort(triangles, axis=1).tolist()]
        if -1 in found:
            return None
        theirs, ours = np.argsort(faces[found], axis=1), np.argsort(np.argsort(triangles, axis=1), axis=1)
        return np.take_along_axis(self.corner_uv[found], np.take_along_axis(theirs, ours, 1)[..., None], 1)
