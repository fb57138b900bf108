"""Colour keying: cut a subject out from a plain background (a studio backdrop, a green screen, a sheet of paper).

The frames' border gives the background's colour, gradient and noise. Pixels that differ from it are the subject. Along
the outline, alpha is how far the colour has changed from the background's to the subject's, and the background's share
is removed from the colour.

Shadows are not handled: a shadow that is clearly darker than the background is kept as part of the subject. Where the
subject's outline has the background's colour (black fur on black), the subject is cut away with it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from .clip import fitted_size, resize_rgba
from .frame_file import Frames

BORDER = 0.03
"""Width of the frame's rim that is assumed to be background, as a share of the shorter side."""
START_TOLERANCE = 60.0
"""Largest colour distance (RGB, 0 to 255 a channel) of a gradient from the clip's typical border colour."""
PLAIN_SHARE, PLAIN_SHARE_OF_ONE_FRAME = 0.7, 0.4
"""The share of the border that must be background, over all frames and in each: the subject may touch the rest."""
PLAIN_RIPPLE = 5.0
"""Largest structure of a plain background after blurring its noise away (RMS over the border)."""
FINEST_THRESHOLD = 12.0
"""Smallest colour distance that counts as a difference: compression alone causes smaller ones."""
SHARP_EDGE = 5 * FINEST_THRESHOLD
"""Typical colour distance just outside a hole: on the samples, holes have 64 to 206 and pale parts 14 to 57."""
RIPPLE_BLUR = 2.0
"""Radius of the blur in pixels of a frame as it was read, so that its grain does not count as structure."""
JUDGED_SIDE = 256
"""Pixels along the longer side at which a clip's background is judged."""
KEYED_SIDE = 1024
"""Pixels along the longer side at which larger frames are keyed; the constants for noise and outlines fit this size."""
OUTLINE = 3
"""Pixels on either side of the outline where alpha is soft."""
SMALLEST_PART = 0.01
"""Parts of the subject below this share of its largest part are specks."""
SMALLEST_HOLE = 0.0002
"""Holes below this share of the frame are highlights on the subject."""


@dataclass(frozen=True)
class Background:
    """The background of one frame.

    Args:
        colour: (H, W, 3) float32, 0 to 255.
        border: (H, W) bool, the pixels of the border that show the background.
        share: the share of the border that shows the background.
    """

    colour: np.ndarray
    border: np.ndarray
    share: float


@dataclass(frozen=True)
class ColourKey:
    """The parameters for cutting one clip's subject out from its plain background.

    Args:
        typical: (3,) float32, the clip's border colour.
    """

    typical: np.ndarray

    def cut(self, frame: np.ndarray) -> np.ndarray:
        """Return a frame (H, W, 4) uint8 with the subject as its straight alpha.

        A frame larger than KEYED_SIDE is keyed at that size. Inside the subject, the frame's own pixels stay.
        """
        height, width = frame.shape[:2]
        keyed_width, keyed_height = fitted_size(width, height, KEYED_SIDE)
        opaque = np.dstack([frame[..., :3], np.full((height, width), 255, np.uint8)])
        small = resize_rgba(opaque, keyed_width, keyed_height)[..., :3]
        keyed = key_frame(small, fit_background(small, *_places(keyed_height, keyed_width), self.typical))
        if keyed.shape == frame.shape:
            return keyed
        result = resize_rgba(keyed, width, height)
        inside = result[..., 3] == 255
        result[inside, :3] = frame[inside, :3]
        return result


def find_key(frames: Frames, check: Callable[[], None] = lambda: None) -> ColourKey | None:
    """Return the key that cuts the subject out, or None if the background is not plain.

    Args:
        frames: (T, H, W, 4) uint8; the alpha is ignored.
        check: called before each frame; an exception that it raises stops the work.
    """
    height, width = frames.shape[1:3]
    judged_width, judged_height = fitted_size(width, height, JUDGED_SIDE)
    rim, (judged_rim, places) = _rim(height, width), _places(judged_height, judged_width)
    blur = RIPPLE_BLUR * judged_width / width
    typical = np.median(np.concatenate([frame[rim, :3] for frame in frames]), axis=0).astype(np.float32)
    shares = []
    for step in range(len(frames)):
        check()
        frame = cv2.resize(frames[step][..., :3], (judged_width, judged_height), interpolation=cv2.INTER_AREA)
        background = fit_background(frame, judged_rim, places, typical)
        shares.append(background.share)
        if background.share < PLAIN_SHARE_OF_ONE_FRAME or _ripple(frame, background, blur) > PLAIN_RIPPLE:
            return None
    return ColourKey(typical) if np.mean(shares) >= PLAIN_SHARE else None


def fit_background(frame: np.ndarray, rim: np.ndarray, places: np.ndarray, typical: np.ndarray) -> Background:
    """Fit a quadratic function of the place to each channel of the border, without outliers (the subject).

    Args:
        frame: (H, W, 3) uint8.
        rim: (H, W) bool.
        places: (H, W, 6), the terms from `_quadratic`.
        typical: (3,) the clip's border colour.
    """
    at, colours = places[rim], frame[rim].astype(np.float32)
    inside = _length(colours - typical) < START_TOLERANCE
    coefficients = np.zeros((at.shape[1], 3), np.float32)
    coefficients[0] = typical
    for _ in range(4):
        if inside.sum() < at.shape[1]:
            break
        coefficients = np.linalg.lstsq(at[inside].T @ at[inside], at[inside].T @ colours[inside], rcond=None)[0]
        distances = _length(colours - at @ coefficients)
        inside = distances < max(FINEST_THRESHOLD, 3 * float(np.median(distances[inside])))
    border = np.zeros(rim.shape, bool)
    border[rim] = inside
    return Background((places @ coefficients).clip(0, 255), border, float(inside.mean()))


def key_frame(frame: np.ndarray, background: Background) -> np.ndarray:
    """Return a frame (H, W, 3) uint8 with the subject as its alpha, (H, W, 4) uint8."""
    differences = _length(cv2.GaussianBlur(frame - background.colour, (0, 0), 0.8))
    noise = float(np.median(differences[background.border]))
    subject = drop_specks(differences > max(FINEST_THRESHOLD, 4 * noise))
    return _matte(frame, background.colour, differences, _with_true_holes(subject, differences, noise))


def drop_specks(mask: np.ndarray) -> np.ndarray:
    """Return a bool (H, W) mask without the 8-connected parts that are specks compared with the largest part."""
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = statistics[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    return (areas >= max(1.0, SMALLEST_PART * areas.max()))[labels] & mask


@lru_cache(maxsize=1)
def _places(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a frame's rim (H, W) bool and quadratic terms (H, W, 6), which are the same for all frames of a clip."""
    return _rim(height, width), _quadratic(height, width)


def _rim(height: int, width: int) -> np.ndarray:
    thickness = max(2, round(BORDER * min(height, width)))
    rim = np.ones((height, width), bool)
    rim[thickness:-thickness, thickness:-thickness] = False
    return rim


def _quadratic(height: int, width: int) -> np.ndarray:
    """Return the terms 1, x, y, x^2, xy, y^2 with x and y in [-1, 1], (H, W, 6) float32."""
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1).astype(np.float32)


def _length(vectors: np.ndarray) -> np.ndarray:
    """Return the vectors' lengths along the last axis."""
    return np.sqrt(np.einsum("...c,...c->...", vectors, vectors))


def _ripple(frame: np.ndarray, background: Background, blur: float) -> float:
    """Return the RMS, over the border, of the differences from the background after a blur of `blur` pixels."""
    weight = background.border.astype(np.float32)
    blurred = cv2.GaussianBlur((frame - background.colour) * weight[..., None], (0, 0), blur)
    structure = blurred[background.border] / cv2.GaussianBlur(weight, (0, 0), blur)[background.border, None]
    return float(np.sqrt((structure**2).sum(axis=1).mean()))


def _with_true_holes(subject: np.ndarray, differences: np.ndarray, noise: float) -> np.ndarray:
    """Fill the enclosed gaps of a bool (H, W) mask, except for holes that show the background.

    A gap that is large enough is a hole if the subject around it stands out sharply, or if the gap has exactly the
    background's colour. A pale part of the subject fades into its surroundings and differs slightly from the background
    everywhere.
    """
    _, labels, statistics, _ = cv2.connectedComponentsWithStats((~subject).astype(np.uint8), connectivity=4)
    is_gap = np.ones(len(statistics), bool)
    is_gap[0] = False
    is_gap[np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])] = False
    for label in np.flatnonzero(is_gap & (statistics[:, cv2.CC_STAT_AREA] >= SMALLEST_HOLE * subject.size)):
        gap = labels == label
        around = (cv2.dilate(gap.astype(np.uint8), _square(OUTLINE + 1)) > 0) & ~gap
        sharp = np.median(differences[around]) >= SHARP_EDGE
        is_gap[label] = not (sharp or np.median(differences[gap]) <= noise + 2)
    return subject | is_gap[labels]


def _square(reach: int) -> np.ndarray:
    return np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)


def _matte(frame: np.ndarray, colour: np.ndarray, differences: np.ndarray, subject: np.ndarray) -> np.ndarray:
    """Return the frame, (H, W, 4) uint8, with soft alpha along the subject's outline and no background colour there."""
    reach, mask = _square(OUTLINE), subject.astype(np.uint8)
    inner = cv2.erode(mask, reach, borderType=cv2.BORDER_REPLICATE) > 0
    rgba = np.dstack([frame, np.where(inner, 255, 0).astype(np.uint8)])
    outline = (cv2.dilate(mask, reach) > 0) & ~inner
    ridges = subject & (differences >= 0.9 * cv2.dilate(differences, reach))
    if not outline.any() or not (inner | ridges).any():
        return rgba
    away = (frame - colour)[outline]
    full = (cv2.GaussianBlur(frame, (0, 0), 0.8) - colour)[_nearest(inner | ridges, outline)]
    alpha = ((away * full).sum(axis=1) / np.maximum((full * full).sum(axis=1), 1.0)).clip(0, 1)
    own = np.where(alpha[:, None] > 0.3, away / np.maximum(alpha, 0.3)[:, None], full)
    rgba[outline, :3] = np.rint(colour[outline] + own).clip(0, 255).astype(np.uint8)
    rgba[outline, 3] = np.rint(255 * ((alpha - 0.08) / 0.84).clip(0, 1)).astype(np.uint8)
    return rgba


def _nearest(core: np.ndarray, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (rows, columns) of the core pixel nearest to each query pixel; both masks are bool (H, W)."""
    _, labels = cv2.distanceTransformWithLabels(
        (~core).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    index_of_label = np.zeros(labels.max() + 1, np.int64)
    index_of_label[labels[core]] = np.flatnonzero(core)
    rows, columns = np.unravel_index(index_of_label[labels[queries]], core.shape)
    return rows, columns
