"""Attention with the head layout of the public checkpoints, and rotary position embedding over frames.

The projections are interleaved by head *after* concatenation: [q | k | v] of 3D channels is cut into H groups of 3d, and each
group into q, k, v of d channels. That is one fused matrix followed by a (head, 3, d) reshape.
"""

from dataclasses import dataclass
from typing import cast

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from .layers import LayerNorm


@dataclass(frozen=True)
class KeysValues:
    """Keys and values of one attention layer, (B, H, S, d) each."""

    keys: Tensor
    values: Tensor


@dataclass(frozen=True)
class Rope:
    """Every token's rotations as complex numbers of length 1, (B, 1, L, d/2) complex64."""

    turns: Tensor


def rope_table(positions: Tensor, head_dim: int) -> Rope:
    """Rotary position embedding (Su et al. 2021): position p turns channel pair i by p * 10000^(-2i/d).

    positions (B, L), in frames.
    """
    exponent = torch.arange(0, head_dim, 2, device=positions.device, dtype=torch.float32) / head_dim
    angles = positions.float()[:, None, :, None] * torch.pow(10000.0, -exponent)
    return Rope(torch.polar(torch.ones_like(angles), angles))


def rotate(x: Tensor, rope: Rope) -> Tensor:
    """Rotates adjacent channel pairs of x (B, H, L, d) in float32."""
    pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * rope.turns).flatten(-2).to(x.dtype)


def attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """softmax(q k^T / sqrt(d)) v for (B, H, L, d): the project's only attention.

    While training on a CPU the product is written out: the fused kernel's backward pass is slower there.
    """
    if queries.device.type == "cpu" and torch.is_grad_enabled():
        scores = (queries * queries.shape[-1] ** -0.5) @ keys.transpose(-1, -2)
        return scores.softmax(dim=-1) @ values
    return F.scaled_dot_product_attention(queries, keys, values)


class Attention(nn.Module):
    """Multi-head attention; `to_q`, `to_k`, `to_v` without bias, `to_out` with.

    Args:
        width: channels of the queries and of the output.
        heads: number of heads.
        context_width: channels of the context in cross-attention; None for self-attention.
        qk_norm: RMS-normalise queries and keys over a head's channels.
        norm_context: layer-normalise the context first.
    """

    def __init__(self, width: int, heads: int, context_width: int | None = None, qk_norm: bool = False, norm_context: bool = False):
        super().__init__()
        head_dim = width // heads
        self.heads = heads
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(context_width or width, width, bias=False)
        self.to_v = nn.Linear(context_width or width, width, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(width, width)])
        self.norm_q = nn.RMSNorm(head_dim, eps=1e-6) if qk_norm else nn.Identity()
        self.norm_k = nn.RMSNorm(head_dim, eps=1e-6) if qk_norm else nn.Identity()
        self.norm_cross = LayerNorm(context_width or width) if norm_context else nn.Identity()

    def attend_self(self, x: Tensor, rope: Rope | None = None) -> Tensor:
        """x (B, L, D) -> (B, L, D)."""
        fused = F.linear(x, torch.cat([self.to_q.weight, self.to_k.weight, self.to_v.weight]))
        queries, keys, values = rearrange(fused, "b l (h three d) -> three b h l d", h=self.heads, three=3)
        queries, keys = self.norm_q(queries), self.norm_k(keys)
        if rope is not None:
            queries, keys = rotate(queries, rope), rotate(keys, rope)
        return self._merge(attend(queries, keys, values))

    def project_context(self, context: Tensor) -> KeysValues:
        """context (B, S, C) -> keys and values: whatever the queries are, these stay the same."""
        fused = F.linear(self.norm_cross(context), torch.cat([self.to_k.weight, self.to_v.weight]))
        keys, values = rearrange(fused, "b s (h two d) -> two b h s d", h=self.heads, two=2)
        return KeysValues(self.norm_k(keys), values)

    def attend_context(self, x: Tensor, context: KeysValues | None) -> Tensor:
        """x (B, L, D) -> (B, L, D).

        None is the all-zero context of guidance: its keys and values are zero (no bias), so all that is left is the output's bias.
        """
        if context is None:
            return self._output.bias.expand_as(x)
        queries = self.norm_q(rearrange(self.to_q(x), "b l (h d) -> b h l d", h=self.heads))
        return self._merge(attend(queries, context.keys, context.values))

    def _merge(self, heads: Tensor) -> Tensor:
        return self._output(rearrange(heads, "b h l d -> b l (h d)"))

    @property
    def _output(self) -> nn.Linear:
        return cast(nn.Linear, self.to_out[0])
