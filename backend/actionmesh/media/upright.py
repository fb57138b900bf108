"""Conversion of a decoded frame to what a player shows: square pixels, rotation, mirroring, cropping, screen colours.

- A display matrix with an angle that is not a quarter turn becomes the nearest of the eight upright orientations.
- An interlaced frame shows its first field, with the lines in between filled in.
- HDR (PQ, HLG) is converted to standard range, see `hdr.py`.
"""

from fractions import Fraction
from typing import Any

import numpy as np
from av.sidedata.sidedata import SideDataContainer
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from . import hdr

BT709_HEIGHT = 720
"""Video of at least this height without named colours has those of HDTV, as players assume."""
UNNAMED_COLOURS = 2
"""FFmpeg's AVCOL_SPC_UNSPECIFIED."""
SAFE_WIDTH = 16
"""FFmpeg's quick conversion leaves up to four columns beyond a multiple of this width uninitialised."""
ACCURATE = Interpolation.BILINEAR | Interpolation.ACCURATE_RND
BOTTOM_FIRST = (3, 5)
"""FFmpeg's AV_FIELD_BB and AV_FIELD_BT: the lower of two lines comes first."""


def display_matrix(frame: Any) -> np.ndarray | None:
    """Return the file's display matrix (3, 3), which maps (x, y, 1) in the stored frame to the display, or None."""
    told: Any = SideDataContainer  # frame.side_data would keep the frame alive until garbage collection
    data = told(frame).get("DISPLAYMATRIX")
    return None if data is None else np.frombuffer(bytes(data), np.int32, 9).reshape(3, 3).astype(np.float64)


def turned(picture: np.ndarray, matrix: np.ndarray | None) -> np.ndarray:
    """Rotate and mirror (H, W, C) to the nearest of the eight upright orientations to a display matrix."""
    if matrix is None:
        return picture
    (a, b), (c, d) = matrix[:2, :2]
    if abs(b) + abs(c) > abs(a) + abs(d):
        picture, across, down = picture.swapaxes(0, 1), c, b
    else:
        across, down = a, d
    return picture[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1]


def upright_rgba(
    frame: Any, aspect: Fraction, crop: tuple[int, int, int, int], matrix: np.ndarray | None, field_order: int
) -> np.ndarray:
    """Return a decoded frame as it is shown, (H, W, 4) uint8 with straight alpha.

    Args:
        aspect, crop: see `OpenVideo`.
        matrix: the display matrix to use if the frame has none.
        field_order: FFmpeg's number for the field order.
    """
    rgba = _rgba(frame, max(1, round(frame.width * aspect)))
    if frame.interlaced_frame:
        rgba = _first_field(rgba, field_order in BOTTOM_FIRST)
    left, right = (round(side * aspect) for side in crop[:2])
    height, width = rgba.shape[:2]
    shown = rgba[crop[2] : height - crop[3], left : width - right]
    own = display_matrix(frame)
    return turned(shown, own if own is not None else matrix)


def _rgba(frame: Any, width: int) -> np.ndarray:
    unnamed_hd = frame.colorspace == UNNAMED_COLOURS and frame.height >= BT709_HEIGHT
    told: dict[str, Any] = {
        "width": width,
        "src_colorspace": Colorspace.ITU709 if unnamed_hd else None,
        "dst_color_range": ColorRange.JPEG,
        "interpolation": Interpolation.BILINEAR if width % SAFE_WIDTH == 0 else ACCURATE,
    }
    if frame.color_trc in hdr.CURVES:
        codes = frame.reformat(format="rgba64le", **told).to_ndarray()
        return hdr.for_screen(codes, frame.color_trc)
    return frame.reformat(format="rgba", **told).to_ndarray()


def _first_field(rgba: np.ndarray, bottom_first: bool) -> np.ndarray:
    """Keep the lines of the first field, and fill each line in between with the mean of its neighbours."""
    first = int(bottom_first)
    filled = rgba.copy()
    lines = rgba[first::2].astype(np.uint16)
    between = ((lines[:-1] + lines[1:] + 1) // 2).astype(np.uint8)
    filled[first + 1 : first + 2 * len(between) : 2] = between
    filled[:first] = rgba[first : first + 1]
    rest = first + 2 * len(between) + 1
    filled[rest:] = rgba[rest - 1 : rest]
    return filled
