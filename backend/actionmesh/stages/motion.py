"""Stage I: temporal 3D diffusion, which finds a synchronised latent for every frame.

It is given some frames' latents and all pictures.
"""

import torch
from torch import Tensor

from ..models.denoiser import DenoiserCache, TemporalDenoiser
from ..presets import Preset
from ..progress import Progress
from ..protocol import Stage
from ..sampling.guidance import Branches
from ..sampling.sampler import frame_noise, sample
from ..sampling.schedules import temporal_schedule
from ..sampling.windows import sliding_windows
from ..weights.finite import require_finite
from ..weights.store import ModelStore
from .branches import branches_of
from .retry import once_more_with_less


@torch.no_grad()
def synchronised_latents(
    known: dict[int, Tensor],
    anchor: int,
    contexts: Tensor,
    store: ModelStore,
    preset: Preset,
    seed: int,
    progress: Progress,
) -> Tensor:
    """Return the latents (T, N, D) of all frames, in main memory.

    Args:
        known: latents (N, D) of the frames whose shape is known, including the anchor's; they are kept as they are.
        anchor: the frame from which windows slide outward.
        contexts: (T, S, C) image tokens.
        seed: window i draws its noise from seed + i.
    """
    latents = dict(known)
    windows = sliding_windows(len(contexts), anchor, store.window, store.window - 1)
    for i, frames in enumerate(windows):
        if all(frame in latents for frame in frames):
            continue
        told = progress.of_part(i + 1, len(windows))
        generated = generate_window(latents, frames, contexts[frames], store, preset, seed + i, told)
        for frame, latent in zip(frames, generated, strict=True):
            latents.setdefault(frame, latent)
    return torch.stack([latents[frame] for frame in range(len(contexts))])


@once_more_with_less
@torch.no_grad()
def generate_window(
    latents: dict[int, Tensor],
    frames: list[int],
    contexts: Tensor,
    store: ModelStore,
    preset: Preset,
    seed: int,
    progress: Progress,
) -> Tensor:
    """Denoise the frames of one window that are not in `latents` (masked generation).

    Returns: (T_w, N, D) in the order of `frames`.
    """
    denoiser = store.denoiser("temporal_denoiser", preset.float8)
    shape = (len(frames), store.tokens, denoiser.config.in_channels)
    start = frame_noise(shape, seed, "cpu")
    for row, frame in enumerate(frames):
        if frame in latents:
            start[row] = latents[frame]
    known = torch.tensor([[float(frame in latents) for frame in frames]], device=store.device)
    branches = motion_branches(denoiser, contexts, frames, known, store)
    noisy, schedule = start[None].to(store.device), temporal_schedule(preset.steps)
    latents_found = sample(branches, preset.guidance, noisy, schedule, Stage.MOTION, progress, known, preset)[0].cpu()
    require_finite(latents_found, f"the latents of Stage I at guidance {preset.guidance:g}", store, "temporal_denoiser")
    return latents_found


def motion_branches(
    denoiser: TemporalDenoiser, contexts: Tensor, frames: list[int], known: Tensor, store: ModelStore
) -> Branches:
    """Return the velocities of a window's frames.

    Args:
        contexts: (T_w, S, C).
        known: (1, T_w), 1 where a frame's latent is clean.
    """
    times = torch.tensor([frames], dtype=torch.float32, device=store.device)
    cache = denoiser.prepare(contexts[None].to(store.device, store.dtype), times, store.tokens)

    def velocity(latents: Tensor, time: Tensor, cache: DenoiserCache) -> Tensor:
        rows = len(latents)
        return denoiser(latents.to(store.dtype), time, cache, known.expand(rows, -1), times.expand(rows, -1)).float()

    return branches_of(velocity, cache, store.plan.guidance_batch)
