"""Frames -> image tokens, the context of both denoisers."""

import torch
from torch import Tensor

from ..media.frame_file import Frames
from ..media.preprocess import pixel_values, square_crop, square_frames
from ..models.image_encoder import encode_images
from ..progress import Progress
from ..weights.store import ModelStore
from .retry import once_more_with_less

BATCH = 4
"""Pictures at once: about a thousand tokens, less than any memory plan lets a network take."""
STAGE = "Looking at the frames"


@once_more_with_less
@torch.no_grad()
def encode_frames(frames: Frames, store: ModelStore, progress: Progress) -> Tensor:
    """(T, H, W, 4) uint8 RGBA -> image tokens (T, S, C) in main memory.

    Raises:
        MediaError: no frame shows anything.
    """
    crop, preprocessing = square_crop(frames), store.image_preprocessing()
    encoder = store.image_encoder
    tokens = []
    for start in progress.track(range(0, len(frames), BATCH), STAGE):
        squares = square_frames(frames[start : start + BATCH], crop)
        pixels = torch.from_numpy(pixel_values(squares, preprocessing))
        tokens.append(encode_images(encoder, pixels.to(store.device)).cpu())
    return torch.cat(tokens)
