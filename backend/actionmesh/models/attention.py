"""Attention with the head layout of the public checkpoints, and rotary position embedding over frames.

The projections are interleaved by head *after* concatenation: [q | k | v] of 3D channels is cut into H groups of 3d
channels, and each group into q, k, v of d channels. This equals one matrix followed by a (head, 3, d) reshape. During
training there are three matrices under the public names; `fuse_projections` merges them into one.

Between the projections, tensors have the layout (B, L, H, d). The projections write it and all attention kernels read
it.
"""

from dataclasses import dataclass
from typing import cast

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from ..acceleration.kernels import attend
from ..acceleration.products import fused_projection
from ..acceleration.rotation import turn_pairs
from .layers import LayerNorm


@dataclass(frozen=True)
class KeysValues:
    """Keys and values of one attention layer, (B, S, H, d) each."""

    keys: Tensor
    values: Tensor


@dataclass(frozen=True)
class Rope:
    """[cosine, sine] of every token's rotation angles, (B, L, 1, d/2, 2) float32."""

    turns: Tensor

    def twice(self) -> "Rope":
        """Return the table repeated for two batches, one after the other."""
        return Rope(torch.cat([self.turns, self.turns]))


def rope_table(positions: Tensor, head_dim: int) -> Rope:
    """Return the rotary position embedding (Su et al. 2021): position p turns channel pair i by p * 10000^(-2i/d).

    Args:
        positions: (B, L), in frames.
        head_dim: d.
    """
    exponent = torch.arange(0, head_dim, 2, device=positions.device, dtype=torch.float32) / head_dim
    angles = positions.float()[:, :, None, None] * torch.pow(10000.0, -exponent)
    return Rope(torch.stack([angles.cos(), angles.sin()], dim=-1))


def rotate(x: Tensor, rope: Rope | None) -> Tensor:
    """Rotate adjacent channel pairs of x (B, L, H, d) in float32; return x unchanged if there is no table."""
    return x if rope is None else turn_pairs(x, rope.turns)


class Attention(nn.Module):
    """Multi-head attention; `to_q`, `to_k`, `to_v` without bias, `to_out` with.

    Args:
        width: channels of the queries and of the output.
        heads: number of heads.
        context_width: channels of the context in cross-attention; None for self-attention.
        qk_norm: RMS-normalise queries and keys over a head's channels.
        norm_context: layer-normalise the context first.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        context_width: int | None = None,
        qk_norm: bool = False,
        norm_context: bool = False,
    ):
        super().__init__()
        head_dim = width // heads
        self.heads = heads
        self.attends_self = context_width is None
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(context_width or width, width, bias=False)
        self.to_v = nn.Linear(context_width or width, width, bias=False)
        self.to_qkv: nn.Linear | None = None
        self.to_kv: nn.Linear | None = None
        self.to_out = nn.ModuleList([nn.Linear(width, width)])
        self.norm_q = nn.RMSNorm(head_dim, eps=1e-6) if qk_norm else nn.Identity()
        self.norm_k = nn.RMSNorm(head_dim, eps=1e-6) if qk_norm else nn.Identity()
        self.norm_cross = LayerNorm(context_width or width) if norm_context else nn.Identity()

    def fuse_projections(self) -> None:
        """Merge the projections that share an input into `to_qkv` or `to_kv`, for inference.

        A second call changes nothing.
        """
        if self.attends_self and self.to_qkv is None:
            self.to_qkv = fused_projection([self.to_q, self.to_k, self.to_v], self.heads)
            del self.to_q, self.to_k, self.to_v
        elif not self.attends_self and self.to_kv is None:
            self.to_kv = fused_projection([self.to_k, self.to_v], self.heads)
            del self.to_k, self.to_v

    def attend_self(self, x: Tensor, rope: Rope | None = None) -> Tensor:
        """Apply self-attention to x (B, L, D) and return (B, L, D)."""
        queries, keys, values = self._project_self(x)
        del x
        queries = rotate(self.norm_q(queries), rope)
        keys = rotate(self.norm_k(keys), rope)
        attended = attend(queries, keys, values)
        del queries, keys, values
        result: Tensor = self.to_out[0](attended)
        return result

    def project_context(self, context: Tensor) -> KeysValues:
        """Project the context (B, S, C) to keys and values, which do not depend on the queries.

        They are kept for a long time. If normalisation makes new keys, the values are copied, so that the output of
        the joint projection can be freed.
        """
        normed = self.norm_cross(context)
        if self.to_kv is not None:
            keys, values = rearrange(self.to_kv(normed), "b s (two h d) -> two b s h d", two=2, h=self.heads)
        else:
            fused = F.linear(normed, torch.cat([self.to_k.weight, self.to_v.weight]))
            keys, values = rearrange(fused, "b s (h two d) -> two b s h d", two=2, h=self.heads)
        normed_keys = self.norm_k(keys)
        return KeysValues(normed_keys, values if normed_keys is keys else values.contiguous())

    def attend_context(self, x: Tensor, context: KeysValues) -> Tensor:
        """Apply cross-attention to x (B, L, D) and return (B, L, D)."""
        queries = self.norm_q(rearrange(self.to_q(x), "b l (h d) -> b l h d", h=self.heads))
        result: Tensor = self.to_out[0](attend(queries, context.keys, context.values))
        return result

    @property
    def zero_context(self) -> Tensor:
        """The output (D) for an all-zero context.

        The keys and values are zero (no bias), so only the output's bias is left.
        """
        return cast(Tensor, self.to_out[0].bias)

    def _project_self(self, x: Tensor) -> Tensor:
        """Project x (B, L, D) to queries, keys and values, (3, B, L, H, d)."""
        if self.to_qkv is not None:
            projected: Tensor = self.to_qkv(x)
            return rearrange(projected, "b l (three h d) -> three b l h d", three=3, h=self.heads)
        fused = F.linear(x, torch.cat([self.to_q.weight, self.to_k.weight, self.to_v.weight]))
        return rearrange(fused, "b l (h three d) -> three b l h d", three=3, h=self.heads)
