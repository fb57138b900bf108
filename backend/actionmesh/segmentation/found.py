"""The masks that a way of finding the subject gives, and what is to be said of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Found:
    """A subject in every frame.

    Args:
        masks: T masks as PNG files in memory, (h, w) uint8 at any one size: 255 is the subject.
        doubt: the share of the outline that is uncertain, from 0 to 1; None if the way cannot tell.
    """

    masks: Sequence[bytes]
    doubt: float | None = None

    def __len__(self) -> int:
        return len(self.masks)

    def __getitem__(self, number: int) -> np.ndarray:
        """Return a mask (h, w) uint8."""
        return decoded(self.masks[number])


def coded(mask: np.ndarray) -> bytes:
    """Return a mask (h, w) uint8 as a PNG file."""
    _, data = cv2.imencode(".png", mask)
    return data.tobytes()


def decoded(data: bytes) -> np.ndarray:
    """Return what `coded` was given."""
    mask = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert mask is not None
    return mask
