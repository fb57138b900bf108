"""One clip from one seed."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image

from ..errors import InputError
from ..progress import Progress
from ..protocol import Stage
from .first_picture import LIGHT, FirstPicture
from .prompts import UNWANTED, full_prompt, is_cut_off


@dataclass(frozen=True)
class Shot:
    """What a clip shows.

    Args:
        prompt: the artist's text.
        first: its first frame; None if the text is all there is.
        width, height: in pixels.
        frames: 4 k + 1.
        tokens: most that the text encoder reads.
    """

    prompt: str
    first: FirstPicture | None
    width: int
    height: int
    frames: int
    steps: int
    guidance: float
    tokens: int

    @property
    def text(self) -> str:
        """What the model reads."""
        return full_prompt(self.prompt, LIGHT if self.first is None else self.first.background)


@torch.no_grad()
def take(pipeline: Any, shot: Shot, seed: int, progress: Progress) -> np.ndarray:
    """Make a clip, (T, H, W, 3) uint8.

    The random numbers come from the CPU, so that a seed means the same on every device.

    Raises:
        InputError: the model's numbers overflowed.
        Cancelled: the user asked to stop; noticed at each step, and while the clip is decoded.
    """
    advance = progress.start(Stage.READING_PROMPT, 1)
    wanted, unwanted = pipeline.encode_prompt(
        shot.text, UNWANTED, do_classifier_free_guidance=shot.guidance > 1, max_sequence_length=shot.tokens
    )
    advance()
    first = {} if shot.first is None else {"image": Image.fromarray(shot.first.pixels)}
    denoising = Denoising(shot.steps, progress)
    hook = pipeline.vae.decoder.register_forward_pre_hook(lambda *_: progress.check())
    try:
        result = pipeline(
            prompt_embeds=wanted,
            negative_prompt_embeds=unwanted,
            width=shot.width,
            height=shot.height,
            num_frames=shot.frames,
            num_inference_steps=shot.steps,
            guidance_scale=shot.guidance,
            generator=torch.Generator("cpu").manual_seed(seed),
            max_sequence_length=shot.tokens,
            output_type="np",
            callback_on_step_end=denoising.step_ended,
            **first,
        )
    finally:
        hook.remove()
    frames = as_pictures(result.frames[0])
    denoising.decoded()
    return frames


class Denoising:
    """Reports each denoising step, and the decoding that follows the last one."""

    def __init__(self, steps: int, progress: Progress):
        self._steps, self._done, self._progress = steps, 0, progress
        self._advance = progress.start(Stage.FILMING, steps)
        self.decoded = lambda: None

    def step_ended(self, pipeline: Any, step: int, time: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        """Report a step; what `Progress` raises ends the pipeline."""
        if self._done < self._steps:  # some schedulers take more steps than asked for
            self._done += 1
            self._advance()
            if self._done == self._steps:
                self.decoded = self._progress.start(Stage.DECODING_CLIP, 1)
        return tensors


def as_pictures(frames: np.ndarray) -> np.ndarray:
    """Return frames (T, H, W, 3) of numbers from 0 to 1 as uint8; raise InputError if some are not finite."""
    if not np.isfinite(frames).all():
        raise InputError(
            "The numbers of the video model overflowed, so its clip shows nothing.", "Use another seed or device."
        )
    return np.stack([np.rint(255 * frame.clip(0, 1)).astype(np.uint8) for frame in frames])


def reads_all(pipeline: Any, shot: Shot) -> bool:
    """Return whether the model reads the whole text."""
    return not is_cut_off(shot.text, shot.tokens, lambda text: pipeline.tokenizer(text).input_ids)
