"""A mesh's coat of paint: where each corner of each face lies in one picture."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

PNG_COMPRESSION = 4


@dataclass(frozen=True, eq=False)
class Coat:
    """UVs and a picture. UVs belong to corners, not to vertices, so a seam needs no second vertex.

    Args:
        corner_uv: (F, 3, 2) float32, origin at the *lower* left of the picture, as in Blender, OBJ and
            `media.render`.
        png: the picture as the bytes of a PNG file, sRGB without alpha; it is stored, and copied to other files, in
            this form.
    """

    corner_uv: np.ndarray
    png: bytes

    def __post_init__(self) -> None:
        if self.corner_uv.ndim != 3 or self.corner_uv.shape[1:] != (3, 2) or self.corner_uv.dtype != np.float32:
            raise ValueError(f"UVs of corners are (F, 3, 2) float32, not {self.corner_uv.shape} {self.corner_uv.dtype}")
        if not np.isfinite(self.corner_uv).all():
            raise ValueError("UVs of corners are not all finite")
        if not self.png.startswith(b"\x89PNG\r\n\x1a\n"):
            raise ValueError("the picture of a coat is not a PNG")

    @classmethod
    def of(cls, corner_uv: np.ndarray, picture: np.ndarray) -> "Coat":
        """Return the coat with a picture (h, w, 3) uint8 RGB."""
        assert picture.ndim == 3 and picture.shape[2] == 3 and picture.dtype == np.uint8
        coded = cv2.imencode(".png", picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, PNG_COMPRESSION])[1]
        return cls(np.ascontiguousarray(corner_uv, np.float32), coded.tobytes())

    @cached_property
    def picture(self) -> np.ndarray:
        """(h, w, 3) uint8 RGB."""
        decoded = cv2.imdecode(np.frombuffer(self.png, np.uint8), cv2.IMREAD_COLOR)
        if decoded is None:
            raise ValueError("the picture of a coat is damaged")
        return np.ascontiguousarray(decoded[..., ::-1])

    def split(self, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return vertices that have one UV each, as files and renderers need them.

        Args:
            faces: (F, 3) of the mesh.
        Returns:
            rows (R,), the mesh's vertex of each of them; uv (R, 2) float32; and faces (F, 3) int32 over them.
        """
        assert len(faces) == len(self.corner_uv)
        corners = np.empty(faces.size, [("vertex", "<i8"), ("u", "<f4"), ("v", "<f4")])
        corners["vertex"] = faces.ravel()
        corners["u"], corners["v"] = self.corner_uv.reshape(-1, 2).T + np.float32(0)  # -0 becomes +0
        distinct, corner = np.unique(corners, return_inverse=True)
        uv = np.stack([distinct["u"], distinct["v"]], axis=1)
        return distinct["vertex"].astype(np.int64), uv, corner.reshape(-1, 3).astype(np.int32)
