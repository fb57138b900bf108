"""Stage I: temporal 3D diffusion. A synchronised latent for every frame, given some frames' latents and all pictures."""

import torch
from torch import Tensor

from ..presets import Preset
from ..progress import Progress
from ..sampling.euler import euler, frame_noise, guided
from ..sampling.schedules import temporal_schedule
from ..sampling.windows import sliding_windows
from ..weights.store import ModelStore

STAGE = "Stage I: finding the motion"


@torch.no_grad()
def synchronised_latents(
    known: dict[int, Tensor], anchor: int, contexts: Tensor, store: ModelStore, preset: Preset, seed: int, progress: Progress
) -> Tensor:
    """Latents (T, N, D) of all frames, in main memory.

    Args:
        known: latents (N, D) of the frames whose shape is known, the anchor's among them; they are kept as they are.
        anchor: the frame from which windows slide outward.
        contexts: (T, S, C) image tokens.
        seed: window i draws its noise from seed + i.
    """
    latents = dict(known)
    windows = sliding_windows(len(contexts), anchor, store.window, store.window - 1)
    for i, frames in enumerate(windows):
        if all(frame in latents for frame in frames):
            continue
        stage = STAGE if len(windows) == 1 else f"{STAGE} ({i + 1} of {len(windows)})"
        generated = generate_window(latents, frames, contexts[frames], store, preset, seed + i, stage, progress)
        for frame, latent in zip(frames, generated, strict=True):
            latents.setdefault(frame, latent)
    return torch.stack([latents[frame] for frame in range(len(contexts))])


def generate_window(
    latents: dict[int, Tensor],
    frames: list[int],
    contexts: Tensor,
    store: ModelStore,
    preset: Preset,
    seed: int,
    stage: str,
    progress: Progress,
) -> Tensor:
    """Masked generation: denoises the frames of one window that are not in `latents`; (T_w, N, D) in the order of `frames`."""
    denoiser = store.temporal_denoiser
    shape = (len(frames), store.tokens, denoiser.config.in_channels)
    start = frame_noise(shape, seed, "cpu")
    for row, frame in enumerate(frames):
        if frame in latents:
            start[row] = latents[frame]
    known = torch.tensor([[float(frame in latents) for frame in frames]], device=store.device)
    frame_times = torch.tensor([frames], dtype=torch.float32, device=store.device)
    conditional = denoiser.prepare(contexts[None].to(store.device, store.dtype), frame_times, store.tokens)
    unconditional = conditional.unconditional()
    velocity = guided(
        lambda x, t: denoiser(x.to(store.dtype), t, conditional, known, frame_times).float(),
        lambda x, t: denoiser(x.to(store.dtype), t, unconditional, known, frame_times).float(),
        preset.guidance,
    )
    schedule = temporal_schedule(preset.steps)
    return euler(velocity, start[None].to(store.device), schedule, stage, progress, known)[0].cpu()
