"""The three transformer blocks. Names are those of the public temporal checkpoints.

No sum is done in place, because x may be a skip or belong to the caller.
"""

import torch
from einops import rearrange
from torch import Tensor, nn

from ..acceleration.execution import Execution
from ..acceleration.products import joined
from .attention import Attention, KeysValues, Rope
from .layers import FeedForward, LayerNorm


class Block(nn.Module):
    """A transformer block."""

    def prepare_inference(self, execution: Execution) -> None:
        """Fuse projections and set how the block runs. It cannot be trained afterwards."""
        for module in self.children():
            if isinstance(module, Attention):
                module.fuse_projections()
            elif isinstance(module, FeedForward):
                module.rows = execution.feed_forward_rows


class SelfBlock(Block):
    """x += self-attention(norm x); x += feed-forward(norm x)."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.norm_s_attn = LayerNorm(width)
        self.s_attn = Attention(width, heads)
        self.norm_ff = LayerNorm(width)
        self.ff = FeedForward(width)

    def forward(self, x: Tensor, rope: Rope | None = None) -> Tensor:
        x = x + self.s_attn.attend_self(self.norm_s_attn(x), rope)
        x = x + self.ff(self.norm_ff(x))
        return x


class CrossBlock(Block):
    """x += cross-attention(norm x, norm context); x += feed-forward(norm x)."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.norm_x_attn = LayerNorm(width)
        self.x_attn = Attention(width, heads, context_width=width, norm_context=True)
        self.norm_ff = LayerNorm(width)
        self.ff = FeedForward(width)

    def forward(self, x: Tensor, context: KeysValues) -> Tensor:
        x = x + self.x_attn.attend_context(self.norm_x_attn(x), context)
        x = x + self.ff(self.norm_ff(x))
        return x


class DenoiserBlock(Block):
    """[x = norm(linear([skip | x]))]; x += self-attention; x += cross-attention; x += feed-forward."""

    def __init__(self, width: int, heads: int, context_width: int, mlp_ratio: float, skip: bool):
        super().__init__()
        self.linear_skip = nn.Linear(2 * width, width) if skip else None
        self.norm_skip = LayerNorm(width) if skip else None
        self.norm_s_attn = LayerNorm(width)
        self.s_attn = Attention(width, heads, qk_norm=True)
        self.norm_x_attn = LayerNorm(width)
        self.x_attn = Attention(width, heads, context_width=context_width, qk_norm=True)
        self.norm_ff = LayerNorm(width)
        self.ff = FeedForward(width, mlp_ratio)

    def forward(
        self, x: Tensor, frames: int, context: KeysValues | None, rope: Rope | None, skip: Tensor | None = None
    ) -> Tensor:
        """Apply the block to x ((B T), N, D) and return the same shape.

        Args:
            frames: how many frames' tokens attend to each other (T inflates self-attention, 1 does not).
            context: keys and values of the image, (R, S, H, d), for the first R rows of x's (B T); the others have
                the zero context.
        """
        if self.linear_skip is not None and self.norm_skip is not None:
            assert skip is not None
            x = self.norm_skip(joined(self.linear_skip, skip, x))
        x = x + self._attend_frames(x, frames, rope)
        x = self._look(x, context)
        x = x + self.ff(self.norm_ff(x))
        return x

    def _attend_frames(self, x: Tensor, frames: int, rope: Rope | None) -> Tensor:
        inflated = self.s_attn.attend_self(rearrange(self.norm_s_attn(x), "(b t) n d -> b (t n) d", t=frames), rope)
        return rearrange(inflated, "b (t n) d -> (b t) n d", t=frames)

    def _look(self, x: Tensor, context: KeysValues | None) -> Tensor:
        """Return x + cross-attention."""
        if context is None:
            return x + self.x_attn.zero_context
        looking = x[: len(context.keys)]
        looked = looking + self.x_attn.attend_context(self.norm_x_attn(looking), context)
        if len(looking) == len(x):
            return looked
        return torch.cat([looked, x[len(looking) :] + self.x_attn.zero_context])
