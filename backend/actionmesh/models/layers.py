"""Small layers and embeddings that all networks share."""

import math

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from ..acceleration.products import by_rows


class LayerNorm(nn.LayerNorm):
    """Layer normalisation (eps 1e-5, affine) computed in float32 and cast back."""

    def forward(self, input: Tensor) -> Tensor:
        if self._float32_inside(input):
            return super().forward(input).to(input.dtype)
        normed = F.layer_norm(input.float(), self.normalized_shape, self.weight.float(), self.bias.float(), self.eps)
        return normed.to(input.dtype)

    def _float32_inside(self, input: Tensor) -> bool:
        """Return whether torch's kernel already computes in float32 for half inputs, without copies.

        The kernels of the CPU and of CUDA do.
        """
        kind = input.device.type
        return (kind == "cpu" and self.weight.dtype == torch.float32) or (
            kind != "mps" and self.weight.dtype == input.dtype
        )


class GELUProjection(nn.Module):
    """Linear, then exact (erf) GELU."""

    def __init__(self, width: int, inner: int):
        super().__init__()
        self.proj = nn.Linear(width, inner)

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.proj(x))


class FeedForward(nn.Module):
    """Linear(D, rD), GELU, Linear(rD, D); the layers are named as in the public checkpoints.

    `rows` is the most tokens processed at once; None processes all.
    """

    def __init__(self, width: int, ratio: float = 4.0):
        super().__init__()
        self.rows: int | None = None
        inner = int(width * ratio)
        self.net = nn.ModuleList([GELUProjection(width, inner), nn.Identity(), nn.Linear(inner, width)])

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layers to x (..., D) and return (..., D)."""
        return by_rows(self._feed, x, self.rows)

    def _feed(self, x: Tensor) -> Tensor:
        for layer in self.net:
            x = layer(x)
        return x


class TimeProjection(nn.Module):
    """Maps a diffusion time to a token: sinusoidal embedding, then a two-layer perceptron."""

    def __init__(self, width: int):
        super().__init__()
        self.linear_1 = nn.Linear(width, 4 * width)
        self.linear_2 = nn.Linear(4 * width, width)

    def forward(self, time: Tensor) -> Tensor:
        """Embed time (...) in [0, 1000] as (..., D)."""
        embedding = sinusoidal_embedding(time, self.linear_1.in_features, self.linear_1.weight.dtype)
        embedded: Tensor = self.linear_2(F.gelu(self.linear_1(embedding)))
        return embedded


def sinusoidal_embedding(time: Tensor, width: int, dtype: torch.dtype) -> Tensor:
    """Return [sin | cos] of time * 10000^(-i / half), i = 0..half-1, half = width / 2 (Ho et al. 2020).

    (...) -> (..., width).
    """
    angles = _angles(time, width // 2)
    return torch.cat([angles.sin(), angles.cos()], dim=-1).to(dtype)


def alpha_embedding(alpha: Tensor, width: int, dtype: torch.dtype) -> Tensor:
    """Return [cos | sin] of alpha * 10000^(-i / half), i = 0..half-1, half = width / 2.

    alpha in [0, 1] is a time in a window. (...) -> (..., width).
    """
    angles = _angles(alpha, width // 2)
    return torch.cat([angles.cos(), angles.sin()], dim=-1).to(dtype)


def _angles(position: Tensor, half: int) -> Tensor:
    exponent = torch.arange(half, device=position.device, dtype=torch.float32) / half
    return position.float()[..., None] * torch.exp(-math.log(10000.0) * exponent)


def frequency_embedding(points: Tensor, frequencies: int, include_pi: bool, dtype: torch.dtype) -> Tensor:
    """Return [x | sin(x f) | cos(x f)], f = 2^0 .. 2^(frequencies - 1), coordinate-major (Mildenhall et al. 2020).

    points (..., 3) -> (..., 3 + 6 * frequencies).
    """
    bands = 2.0 ** torch.arange(frequencies, device=points.device, dtype=torch.float32)
    angles = rearrange(points.float()[..., None] * bands * (math.pi if include_pi else 1.0), "... c f -> ... (c f)")
    return torch.cat([points.float(), angles.sin(), angles.cos()], dim=-1).to(dtype)


def frequency_embedding_width(frequencies: int) -> int:
    return 3 + 6 * frequencies
