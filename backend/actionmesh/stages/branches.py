"""The two branches of guidance from one denoiser: as one batch, or one after the other."""

from collections.abc import Callable

import torch
from torch import Tensor

from ..acceleration.graphs import Replayed
from ..models.denoiser import DenoiserCache
from ..sampling.guidance import Branches, Velocity

CachedVelocity = Callable[[Tensor, Tensor, DenoiserCache], Tensor]
"""(latents, time (B), cache) -> velocity."""


def branches_of(velocity: CachedVelocity, cache: DenoiserCache, as_batch: bool, graphs: bool = False) -> Branches:
    """Return the branch with the cache's image tokens and the one without.

    Args:
        as_batch: compute both at once, which takes the memory of two samples; otherwise one after the other.
        graphs: replay each as a CUDA graph, which pays if launching its kernels takes longer than running them.
    """
    wrap: Callable[[Velocity], Velocity] = Replayed if graphs else lambda function: function
    zero = cache.unconditional()
    conditional = wrap(lambda latents, time: velocity(latents, time, cache))
    unconditional = wrap(lambda latents, time: velocity(latents, time, zero))
    if not as_batch:
        return Branches(conditional, unconditional)
    pair = cache.with_unconditional()
    paired = wrap(lambda latents, time: velocity(torch.cat([latents, latents]), torch.cat([time, time]), pair))

    def together(latents: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
        with_picture, without = paired(latents, time).chunk(2)
        return with_picture, without

    return Branches(conditional, unconditional, together)
