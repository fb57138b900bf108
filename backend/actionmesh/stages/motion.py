"""Stage I: temporal 3D diffusion, which finds a synchronised latent for every frame.

It is given some frames' latents and all pictures.
"""

from dataclasses import replace

import torch
from torch import Tensor

from ..models.denoiser import DenoiserCache, TemporalDenoiser
from ..presets import Preset
from ..protocol import Stage
from ..sampling.guidance import Branches
from ..sampling.sampler import frame_noise, sample
from ..sampling.schedules import temporal_schedule
from ..sampling.windows import sliding_windows
from ..weights.finite import require_finite
from .branches import branches_of
from .retry import once_more_with_less
from .run import Run


@torch.no_grad()
def synchronised_latents(
    run: Run, known: dict[int, Tensor], anchor: int, contexts: Tensor, preset: Preset, seed: int
) -> Tensor:
    """Return the latents (T, N, D) of all frames, in main memory.

    Args:
        known: latents (N, D) of the frames whose shape is known, including the anchor's; they are kept as they are.
        anchor: the frame from which windows slide outward.
        contexts: (T, S, C) image tokens.
        seed: window i draws its noise from seed + i.
    """
    latents = dict(known)
    window = run.facts.window
    windows = sliding_windows(len(contexts), anchor, window, window - 1)
    for i, frames in enumerate(windows):
        if all(frame in latents for frame in frames):
            continue
        part = replace(run, progress=run.progress.of_part(i + 1, len(windows)))
        generated = generate_window(part, latents, frames, contexts[frames], preset, seed + i)
        for frame, latent in zip(frames, generated, strict=True):
            latents.setdefault(frame, latent)
    return torch.stack([latents[frame] for frame in range(len(contexts))])


@once_more_with_less
@torch.no_grad()
def generate_window(
    run: Run, latents: dict[int, Tensor], frames: list[int], contexts: Tensor, preset: Preset, seed: int
) -> Tensor:
    """Denoise the frames of one window that are not in `latents` (masked generation).

    Returns: (T_w, N, D) in the order of `frames`.
    """
    denoiser = run.networks.denoiser("temporal_denoiser", preset.approximation.float8)
    device = run.runtime.device
    shape = (len(frames), run.facts.tokens, denoiser.config.in_channels)
    start = frame_noise(shape, seed, "cpu")
    for row, frame in enumerate(frames):
        if frame in latents:
            start[row] = latents[frame]
    known = torch.tensor([[float(frame in latents) for frame in frames]], device=device)
    branches = motion_branches(run, denoiser, contexts, frames, known)
    noisy, schedule = start[None].to(device), temporal_schedule(preset.steps)
    frames_found = sample(
        branches, preset.guidance, noisy, schedule, Stage.MOTION, run.progress, known, preset.approximation
    )
    found = frames_found[0].cpu()
    what = f"the latents of Stage I at guidance {preset.guidance:g}"
    require_finite(found, what, run.facts.checkpoint, "temporal_denoiser")
    return found


def motion_branches(
    run: Run, denoiser: TemporalDenoiser, contexts: Tensor, frames: list[int], known: Tensor
) -> Branches:
    """Return the velocities of a window's frames.

    Args:
        contexts: (T_w, S, C).
        known: (1, T_w), 1 where a frame's latent is clean.
    """
    device, dtype = run.runtime.device, run.runtime.dtype
    times = torch.tensor([frames], dtype=torch.float32, device=device)
    cache = denoiser.prepare(contexts[None].to(device, dtype), times, run.facts.tokens)

    def velocity(latents: Tensor, time: Tensor, cache: DenoiserCache) -> Tensor:
        rows = len(latents)
        conditions = known.expand(rows, -1), times.expand(rows, -1)
        found: Tensor = denoiser(latents.to(dtype), time, cache, *conditions)
        return found.float()

    return branches_of(velocity, cache, run.runtime.plan.guidance_batch)
