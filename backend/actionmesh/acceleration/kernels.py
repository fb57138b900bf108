"""The project's only attention. Torch chooses its kernel.

We weighed timing torch's fused kernels (cuDNN's, FlashAttention, memory-efficient) on every problem and taking the
fastest. No card was there to show that this beats torch's own choice, so torch's own it is.
"""

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F


def attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Return softmax(q k^T / sqrt(d)) v of every head, (B, L, (H d)).

    On a CPU with gradients the product is written out, because the fused kernel's backward pass is slower there.

    Args:
        queries: (B, L, H, d).
        keys, values: (B, S, H, d).
    """
    q, k, v = (rearrange(x, "b l h d -> b h l d") for x in (queries, keys, values))
    if queries.device.type == "cpu" and torch.is_grad_enabled():
        attended = _written_out(q, k, v)
    else:
        attended = F.scaled_dot_product_attention(q, k, v)
    return rearrange(attended, "b h l d -> b l (h d)")


def _written_out(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    scores = (queries * queries.shape[-1] ** -0.5) @ keys.transpose(-1, -2)
    return scores.softmax(dim=-1) @ values
