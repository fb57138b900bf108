"""The three transformer blocks. Names are those of the public temporal checkpoints.

At full size x is 134 MB for 16 frames in half precision. A block's peak memory, beyond its input x, is in the
feed-forward: the running sum, its norm, and the inner activations before and after the GELU, 10 times x (less when
compiled). If few rows are processed at once, the peak is in RoPE, 7 times x: the projections, finished queries, and
keys in half precision and in float32. No sum is done in place, because x may be a skip or belong to the caller.
"""

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from ..acceleration.execution import Execution
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

    def prepare_inference(self, execution: Execution) -> None:
        self.s_attn.fuse_projections()
        self.ff.rows = execution.feed_forward_rows

    def forward(self, x: Tensor, rope: Rope | None = None) -> Tensor:
        x = x + self.s_attn.attend_self(self.norm_s_attn(x), rope)
        x = x + self.ff(self.norm_ff(x))
        return x


class CrossBlock(nn.Module):
    """x += cross-attention(norm x, norm context); x += feed-forward(norm x)."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.norm_x_attn = LayerNorm(width)
        self.x_attn = Attention(width, heads, context_width=width, norm_context=True)
        self.norm_ff = LayerNorm(width)
        self.ff = FeedForward(width)

    def prepare_inference(self, execution: Execution) -> None:
        self.x_attn.fuse_projections()
        self.ff.rows = execution.feed_forward_rows

    def forward(self, x: Tensor, context: KeysValues) -> Tensor:
        x = x + self.x_attn.attend_context(self.norm_x_attn(x), context)
        x = x + self.ff(self.norm_ff(x))
        return x


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

    def prepare_inference(self, execution: Execution) -> None:
        self.s_attn.fuse_projections()
        self.x_attn.fuse_projections()
        self.ff.rows = execution.feed_forward_rows

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
            x = self.norm_skip(join(self.linear_skip, skip, x))
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


def join(linear: nn.Linear, skip: Tensor, x: Tensor) -> Tensor:
    """Return linear([skip | x]) for (..., D) each, without allocating the concatenation.

    The concatenation is twice as large as x. During training it is made, because the gradient of half a matrix is a
    whole one, padded with zeros.
    """
    if torch.is_grad_enabled():
        return F.linear(torch.cat([skip, x], dim=-1), linear.weight, linear.bias)
    for_skip, for_x = linear.weight.chunk(2, dim=1)
    joined = torch.addmm(F.linear(skip, for_skip, linear.bias).flatten(0, -2), x.flatten(0, -2), for_x.t())
    return torch.unflatten(joined, 0, x.shape[:-1])
