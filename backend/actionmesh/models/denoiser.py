"""Stage 0's image-to-3D denoiser and Stage I's temporal denoiser: one transformer, with and without a time axis.

It is a diffusion transformer over a VecSet of latent tokens with U-Net skips (TripoSG, Li et al. 2025). The temporal
denoiser inflates its self-attention across frames, adds RoPE over frames and keeps known frames at diffusion time 0
(ActionMesh). With T = 1 and no RoPE the temporal denoiser *is* the image-to-3D one, so weights can be copied from one
to the other by name.
"""

from dataclasses import dataclass
from typing import cast

import torch
from einops import rearrange, repeat
from torch import Tensor, nn

from ..acceleration.compilation import block_caller, call_eagerly
from ..acceleration.execution import PLAIN, Execution
from ..acceleration.skips import skip_stack
from .attention import KeysValues, Rope, rope_table
from .blocks import DenoiserBlock
from .config import JsonConfig, check_heads, check_odd
from .layers import LayerNorm, TimeProjection


@dataclass(frozen=True)
class ImageTo3DConfig(JsonConfig):
    """Sizes of the image-to-3D denoiser, with the names and defaults of TripoSG's `transformer/config.json`."""

    num_attention_heads: int = 16
    width: int = 2048
    in_channels: int = 64
    num_layers: int = 21
    cross_attention_dim: int = 1024
    mlp_ratio: float = 4.0

    departures = ("mlp_ratio",)

    def __post_init__(self) -> None:
        check_heads(self.width, self.num_attention_heads)
        check_odd(self.num_layers)


@dataclass(frozen=True)
class TemporalDenoiserConfig(JsonConfig):
    """Sizes of the temporal denoiser, named as in ActionMesh's `denoiser/config.json`, which omits defaults.

    Args:
        num_tokens_nominal: latent tokens per frame (N).
        temporal_context_size: frames per window (T).
        inflated_layers: the blocks whose self-attention runs over all frames; None means all blocks.
        reference_residual: a departure from the public architecture: every frame's input receives a learnt linear map
            of the same token of the known frame nearest in time.
    """

    num_tokens_nominal: int = 2048
    temporal_context_size: int = 16
    in_channels: int = 64
    num_layers: int = 21
    num_attention_heads: int = 16
    width: int = 2048
    cross_attention_dim: int = 1024
    inflated_layers: tuple[int, ...] | None = None
    mlp_ratio: float = 4.0
    reference_residual: bool = False

    departures = ("reference_residual",)

    def __post_init__(self) -> None:
        check_heads(self.width, self.num_attention_heads)
        check_odd(self.num_layers)
        if not set(self.inflated) <= set(range(self.num_layers)):
            raise ValueError(f"inflated_layers {self.inflated_layers} name layers beyond {self.num_layers}")

    @property
    def inflated(self) -> tuple[int, ...]:
        """The blocks whose self-attention runs over all frames."""
        return tuple(range(self.num_layers)) if self.inflated_layers is None else self.inflated_layers


@dataclass(frozen=True)
class DenoiserCache:
    """What all denoising steps of a window share.

    Args:
        context: every block's keys and values of the image tokens; or the tokens ((B T), S, C) themselves, to be
            projected anew in every step; or None for the all-zero context of guidance.
        rope: rotations of the inflated tokens; None if there is no time axis.
        paired: latents are [conditional..., unconditional...], and the context belongs to the first half.
    """

    context: tuple[KeysValues, ...] | Tensor | None
    rope: Rope | None
    paired: bool = False

    def unconditional(self) -> "DenoiserCache":
        """Return the same cache with the all-zero context."""
        return DenoiserCache(None, self.rope)

    def with_unconditional(self) -> "DenoiserCache":
        """Return the cache for both branches of guidance as one batch of 2B.

        The conditional branch comes first; the other half has the all-zero context.
        """
        assert self.context is not None and not self.paired
        return DenoiserCache(self.context, None if self.rope is None else self.rope.twice(), paired=True)


class Denoiser(nn.Module):
    """The transformer that both denoisers share."""

    def __init__(self, config: ImageTo3DConfig | TemporalDenoiserConfig, inflated_layers: tuple[int, ...] = ()):
        super().__init__()
        width, layers = config.width, config.num_layers
        self.config = config
        self.inflated_layers = frozenset(inflated_layers)
        self.head_dim = width // config.num_attention_heads
        self.time_proj = TimeProjection(width)
        self.proj_in = nn.Linear(config.in_channels, width)
        self.blocks = nn.ModuleList(
            DenoiserBlock(
                width, config.num_attention_heads, config.cross_attention_dim, config.mlp_ratio, i > layers // 2
            )
            for i in range(layers)
        )
        self.norm_out = LayerNorm(width)
        self.proj_out = nn.Linear(width, config.in_channels)
        self._execution = PLAIN
        self._call = call_eagerly

    def prepare_inference(self, execution: Execution) -> None:
        """Fuse projections and set how the network runs. The network cannot be trained afterwards.

        This can be called again with another execution.
        """
        for block in self.blocks:
            cast(DenoiserBlock, block).prepare_inference(execution)
        self._execution = execution
        self._call = block_caller(execution)

    def prepare_context(self, context: Tensor | None) -> tuple[KeysValues, ...] | Tensor | None:
        """Return keys and values of every block for image tokens ((B T), S, C), or the tokens if they are not kept."""
        if context is None or not self._execution.keep_context:
            return context
        return tuple(cast(DenoiserBlock, block).x_attn.project_context(context) for block in self.blocks)

    def transform(self, x: Tensor, time: Tensor, cache: DenoiserCache) -> Tensor:
        """Return the velocity (B, T, N, latent D) of projected latents x (B, T, N, D) at time (B, T) in [0, 1000]."""
        frames = x.shape[1]
        tokens = torch.cat([self.time_proj(time).unsqueeze(2).to(x.dtype), x], dim=2)
        tokens = rearrange(tokens, "b t n d -> (b t) n d")
        del x
        skips = skip_stack(tokens.device, self._execution.host_skips)
        middle = len(self.blocks) // 2
        for i, block in enumerate(self.blocks):
            inflated = i in self.inflated_layers
            tokens = self._call(
                block,
                tokens,
                frames=frames if inflated else 1,
                context=self._context(i, cache, len(tokens)),
                rope=cache.rope if inflated else None,
                skip=skips.pop() if i > middle else None,
            )
            if i < middle:
                skips.push(tokens)
        velocity: Tensor = self.proj_out(self.norm_out(tokens)[:, 1:])
        return rearrange(velocity, "(b t) n d -> b t n d", t=frames)

    def _context(self, i: int, cache: DenoiserCache, rows: int) -> KeysValues | None:
        """Return keys and values for block i, which cover (B T) `rows` or the first half of them."""
        if cache.context is None:
            return None
        if isinstance(cache.context, Tensor):
            context = cast(DenoiserBlock, self.blocks[i]).x_attn.project_context(cache.context)
        else:
            context = cache.context[i]
        covered = len(context.keys) * (2 if cache.paired else 1)
        assert covered == rows, f"a context of {covered} frames for {rows}"
        return context


class ImageTo3DDenoiser(Denoiser):
    """Velocity of one shape's latent, given image tokens (Stage 0)."""

    config: ImageTo3DConfig

    def __init__(self, config: ImageTo3DConfig):
        super().__init__(config)

    def prepare(self, context: Tensor | None) -> DenoiserCache:
        """Prepare the cache for image tokens (B, S, C), or for the unconditional branch if `context` is None."""
        return DenoiserCache(self.prepare_context(context), rope=None)

    def forward(self, latents: Tensor, time: Tensor, cache: DenoiserCache) -> Tensor:
        """Return the velocity x0 - noise (B, N, D) of latents (B, N, D) at time (B) in [0, 1000]."""
        x = self.proj_in(latents).unsqueeze(1)
        return self.transform(x, time.unsqueeze(1), cache).squeeze(1)


class TemporalDenoiser(Denoiser):
    """Velocity of all frames' latents at once, given every frame's image tokens (Stage I)."""

    config: TemporalDenoiserConfig

    def __init__(self, config: TemporalDenoiserConfig):
        super().__init__(config, config.inflated)
        self.proj_reference = nn.Linear(config.in_channels, config.width) if config.reference_residual else None
        if self.proj_reference is not None:
            nn.init.zeros_(self.proj_reference.weight)
            nn.init.zeros_(self.proj_reference.bias)

    def prepare(self, context: Tensor | None, frame_times: Tensor, tokens: int) -> DenoiserCache:
        """Compute what all denoising steps share.

        Args:
            context: (B, T, S, C) image tokens of every frame, or None for the unconditional branch.
            frame_times: (B, T) in frames; RoPE positions count from the smallest.
            tokens: N.
        """
        positions = frame_times - frame_times.amin(dim=1, keepdim=True)
        rope = rope_table(repeat(positions, "b t -> b (t n)", n=tokens + 1), self.head_dim)
        flat = None if context is None else rearrange(context, "b t s c -> (b t) s c")
        return DenoiserCache(self.prepare_context(flat), rope)

    def forward(
        self,
        latents: Tensor,
        time: Tensor,
        cache: DenoiserCache,
        known: Tensor | None = None,
        frame_times: Tensor | None = None,
    ) -> Tensor:
        """Return the velocity x0 - noise (B, T, N, D) of latents (B, T, N, D) at time (B) in [0, 1000].

        Args:
            known: (B, T), 1 where a frame's latent is clean; the time of such frames is 0.
            frame_times: (B, T); needed only with `reference_residual`.
        """
        frame_time = repeat(time, "b -> b t", t=latents.shape[1])
        if known is not None:
            frame_time = frame_time * (1 - known.to(frame_time.dtype))
        x = self.proj_in(latents)
        if self.proj_reference is not None and known is not None:
            assert frame_times is not None
            x = x + self.proj_reference(nearest_known(latents, known, frame_times))
        return self.transform(x, frame_time, cache)


def nearest_known(latents: Tensor, known: Tensor, frame_times: Tensor) -> Tensor:
    """Return the latent (B, T, N, D) of each frame's nearest known frame in time; zero if no frame is known."""
    distance = (frame_times[:, :, None] - frame_times[:, None, :]).abs().float()
    distance = distance.masked_fill(~known.bool()[:, None, :], float("inf"))
    nearest = distance.argmin(dim=2)[..., None, None].expand_as(latents)
    return latents.gather(1, nearest) * known.bool().any(dim=1)[:, None, None, None]


def initialise_temporal_from_image_to_3d(temporal: TemporalDenoiser, image_to_3d: ImageTo3DDenoiser) -> None:
    """Copy the image-to-3D denoiser's tensors into the temporal one (ActionMesh's minimal extension).

    Parameters that only the temporal denoiser has (`proj_reference`) keep their initial value, zero.
    """
    own = {name for name in temporal.state_dict() if name.startswith("proj_reference.")}
    missing, unexpected = temporal.load_state_dict(image_to_3d.state_dict(), strict=False)
    assert set(missing) == own and not unexpected, (missing, unexpected)
