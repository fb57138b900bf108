"""The three transformer blocks, written out. Names are those of the public temporal checkpoints."""

import torch
from einops import rearrange
from torch import Tensor, nn

from .attention import Attention, KeysValues, Rope
from .layers import FeedForward, LayerNorm


class SelfBlock(nn.Module):
    """x += self-attention(norm x); x += feed-forward(norm x)."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.norm_s_attn = LayerNorm(width)
        self.s_attn = Attention(width, heads)
        self.norm_ff = LayerNorm(width)
        self.ff = FeedForward(width)

    def forward(self, x: Tensor, rope: Rope | None = None) -> Tensor:
        x = x + self.s_attn.attend_self(self.norm_s_attn(x), rope)
        return x + self.ff(self.norm_ff(x))


class CrossBlock(nn.Module):
    """x += cross-attention(norm x, norm context); x += feed-forward(norm x)."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.norm_x_attn = LayerNorm(width)
        self.x_attn = Attention(width, heads, context_width=width, norm_context=True)
        self.norm_ff = LayerNorm(width)
        self.ff = FeedForward(width)

    def forward(self, x: Tensor, context: KeysValues) -> Tensor:
        x = x + self.x_attn.attend_context(self.norm_x_attn(x), context)
        return x + self.ff(self.norm_ff(x))


class DenoiserBlock(nn.Module):
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

    def forward(self, x: Tensor, frames: int, context: KeysValues | None, rope: Rope | None, skip: Tensor | None = None) -> Tensor:
        """x ((B T), N, D) -> the same shape.

        Args:
            frames: how many frames' tokens attend to each other (T inflates self-attention, 1 does not).
            context: the image's keys and values, ((B T), H, S, d); None for the zero context.
        """
        if self.linear_skip is not None and self.norm_skip is not None:
            assert skip is not None
            x = self.norm_skip(self.linear_skip(torch.cat([skip, x], dim=-1)))
        inflated = rearrange(self.norm_s_attn(x), "(b t) n d -> b (t n) d", t=frames)
        x = x + rearrange(self.s_attn.attend_self(inflated, rope), "b (t n) d -> (b t) n d", t=frames)
        x = x + self.x_attn.attend_context(self.norm_x_attn(x), context)
        return x + self.ff(self.norm_ff(x))
