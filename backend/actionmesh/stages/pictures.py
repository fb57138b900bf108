"""The frames as image tokens, the context of both denoisers."""

import numpy as np
import torch
from torch import Tensor

from ..media.frame_file import Frames
from ..media.preprocess import padded_crop, pixel_values, subject_box
from ..media.subject_crops import SubjectCrops
from ..models.image_encoder import encode_images
from ..progress import Progress
from ..protocol import Stage
from ..weights.finite import require_finite
from ..weights.store import ModelStore
from .retry import once_more_with_less

BATCH = 4
"""Pictures encoded at once: about a thousand tokens, fewer than any memory plan allows a network."""


@once_more_with_less
@torch.no_grad()
def encode_frames(frames: Frames | SubjectCrops, store: ModelStore, progress: Progress) -> Tensor:
    """Return the image tokens (T, S, C), in main memory, of frames (T, H, W, 4) uint8 RGBA or of the subject's crops.

    Raises:
        MediaError: no frame shows anything.
    """
    preprocessing = store.image_preprocessing()
    box = None if isinstance(frames, SubjectCrops) else subject_box(frames)
    encoder = store.image_encoder
    tokens = []
    for start in progress.track(range(0, len(frames), BATCH), Stage.ENCODING_FRAMES):
        crops = (
            frames[i] if box is None else frames[i][box.slices()] for i in range(start, min(start + BATCH, len(frames)))
        )
        pixels = np.concatenate([pixel_values([padded_crop(crop)], preprocessing) for crop in crops])
        tokens.append(encode_images(encoder, torch.from_numpy(pixels).to(store.device)).cpu())
    context = torch.cat(tokens)
    require_finite(context, "the image tokens", store, "image_encoder")
    return context
