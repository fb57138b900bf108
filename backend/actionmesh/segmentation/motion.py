"""What moves by itself: optical flow between two frames, without the motion of the camera.

Dense inverse search: Kroeger et al. 2016. The camera's motion is an affine map fitted to the flow by RANSAC.
"""

from dataclasses import dataclass

import cv2
import numpy as np

GRID = 6
"""Pixels between the places at which the camera's motion is measured."""
INLIER = 1.0
"""Pixels by which a place of the background may miss the camera's motion."""
SMALLEST = 16
"""Pixels along a frame's side below which OpenCV's search fails, or crashes."""
STILL = np.array([[1, 0, 0], [0, 1, 0]], np.float32)


@dataclass(frozen=True)
class Motion:
    """The motion from one frame to another.

    Args:
        flow: (H, W, 2) float32, pixels from each place of the first frame to its place in the second.
        camera: (2, 3) float32, the same for the background.
    """

    flow: np.ndarray
    camera: np.ndarray

    @property
    def there(self) -> np.ndarray:
        """Where each place lies in the second frame, (H, W, 2) float32, columns and rows."""
        return _places(self.flow.shape)[..., :2] + self.flow

    @property
    def background(self) -> np.ndarray:
        """Where it would lie if it belonged to the background, (H, W, 2) float32."""
        return _places(self.flow.shape) @ self.camera.T

    @property
    def own(self) -> np.ndarray:
        """The length of each place's motion that the camera does not explain, (H, W) float32, in pixels."""
        return np.linalg.norm(self.there - self.background, axis=-1)

    def evidence(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return how much better the flow explains each place than the camera does, (H, W) float32.

        It is above 0 on what moves by itself, below 0 where the flow of the subject spills over its outline, and 0
        where neither is better, as in a patch of one colour.
        """
        return difference(first, second, self.background) - difference(first, second, self.there)


def _places(shape: tuple[int, ...]) -> np.ndarray:
    """Return the columns, the rows and 1 for each place, (H, W, 3) float32."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return np.stack([x, y, np.ones_like(x)], axis=-1)


def motion_between(first: np.ndarray, second: np.ndarray) -> Motion:
    """Return the motion between two frames (H, W, 3) uint8; frames below SMALLEST are taken to stand still."""
    if min(first.shape[:2]) < SMALLEST:
        return Motion(np.zeros((*first.shape[:2], 2), np.float32), STILL)
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (first, second)]
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = search.calc(grey[0], grey[1], None)  # type: ignore[call-overload]
    return Motion(flow, _camera(flow))


def carried(mask: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Return a mask (H, W) float32 of one frame in another, given the flow (H, W, 2) from the latter to the former."""
    height, width = mask.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return cv2.remap(mask, x + back[..., 0], y + back[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def difference(first: np.ndarray, second: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Return how much a frame differs from another at given places of the latter, in the grain of both.

    Args:
        first, second: (H, W, 3) uint8.
        there: (H, W, 2) float32, columns and rows in `second`.
    Returns:
        (H, W) float32; 1 where they differ as much as they usually do.
    """
    moved = cv2.remap(second, there[..., 0], there[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    apart = np.abs(cv2.GaussianBlur(first, (0, 0), 0.7).astype(np.float32) - cv2.GaussianBlur(moved, (0, 0), 0.7))
    length = cv2.boxFilter(apart.sum(axis=-1), -1, (3, 3))
    return length / max(1.0, float(np.median(length)))


def _camera(flow: np.ndarray) -> np.ndarray:
    y, x = (places.ravel() for places in np.mgrid[GRID // 2 : flow.shape[0] : GRID, GRID // 2 : flow.shape[1] : GRID])
    start = np.stack([x, y], axis=-1).astype(np.float32)
    found, _ = cv2.estimateAffine2D(start, start + flow[y, x], method=cv2.RANSAC, ransacReprojThreshold=INLIER)
    return STILL if found is None or not np.isfinite(found).all() else found.astype(np.float32)
