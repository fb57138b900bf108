"""The frames as image tokens, the context of both denoisers."""

import numpy as np
import torch
from torch import Tensor

from ..media.frame_file import Frames
from ..media.preprocess import padded_crop, pixel_values, subject_box
from ..media.subject_crops import SubjectCrops
from ..models.image_encoder import encode_images
from ..protocol import Stage
from ..weights.finite import require_finite
from .retry import once_more_with_less
from .run import Run

BATCH = 4
"""Pictures encoded at once: about a thousand tokens, fewer than any memory plan allows a network."""


@once_more_with_less
@torch.no_grad()
def encode_frames(run: Run, frames: Frames | SubjectCrops) -> Tensor:
    """Return the image tokens (T, S, C), in main memory, of frames (T, H, W, 4) uint8 RGBA or of the subject's crops.

    Raises:
        MediaError: no frame shows anything.
    """
    preprocessing = run.facts.image_preprocessing()
    box = None if isinstance(frames, SubjectCrops) else subject_box(frames)
    encoder = run.networks.image_encoder
    tokens = []
    for start in run.progress.track(range(0, len(frames), BATCH), Stage.ENCODING_FRAMES):
        crops = (
            frames[i] if box is None else frames[i][box.slices()] for i in range(start, min(start + BATCH, len(frames)))
        )
        pixels = np.concatenate([pixel_values([padded_crop(crop)], preprocessing) for crop in crops])
        tokens.append(encode_images(encoder, torch.from_numpy(pixels).to(run.runtime.device)).cpu())
    context = torch.cat(tokens)
    require_finite(context, "the image tokens", run.facts.checkpoint, "image_encoder")
    return context
