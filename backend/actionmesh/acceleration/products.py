"""Matrix products that take less memory or fewer launches than the plain ones: fused, joined, and a few rows at a time.

Our own, because they are a few lines, and serve where nothing is compiled: on the CPU they are measured
(docs/performance.md, exact against plain).
"""

from collections.abc import Callable, Sequence

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F


def fused_projection(projections: Sequence[nn.Linear], heads: int) -> nn.Linear:
    """Return one linear layer for several that share an input, with rows in the order (projection, head, channel).

    Each projection's output is then one contiguous piece for all heads; the published order would interleave them.
    """
    interleaved = torch.cat([projection.weight.detach() for projection in projections])
    weight = rearrange(interleaved, "(h n d) c -> (n h d) c", n=len(projections), h=heads).contiguous()
    fused = nn.Linear(weight.shape[1], weight.shape[0], bias=False, device="meta")
    fused.weight = nn.Parameter(weight, requires_grad=False)
    return fused


def joined(linear: nn.Linear, skip: Tensor, x: Tensor) -> Tensor:
    """Return linear([skip | x]) for (..., D) each, without allocating the concatenation.

    The concatenation is twice as large as x. During training it is made, because the gradient of half a matrix is a
    whole one, padded with zeros.
    """
    if torch.is_grad_enabled():
        return linear(torch.cat([skip, x], dim=-1))
    for_skip, for_x = linear.weight.chunk(2, dim=1)
    product = torch.addmm(F.linear(skip, for_skip, linear.bias).flatten(0, -2), x.flatten(0, -2), for_x.t())
    return product.unflatten(0, x.shape[:-1])


def by_rows(function: Callable[[Tensor], Tensor], x: Tensor, rows: int | None) -> Tensor:
    """Return function(x) of x (..., D) for a function (n, D) -> (n, D), called with at most `rows` tokens at once.

    The activations inside a feed-forward are several times as large as x.
    """
    tokens = x.flatten(0, -2)
    if rows is None or len(tokens) <= rows:
        return function(x)
    result = torch.empty_like(tokens)
    for part, place in zip(tokens.split(rows), result.split(rows), strict=True):
        place.copy_(function(part))
    return result.unflatten(0, x.shape[:-1])
