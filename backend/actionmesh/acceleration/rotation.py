"""The rotation of channel pairs in rotary position embedding.

Our own, because torch has no such operation; in eager mode one product of complex numbers does it.
"""

import torch
from torch import Tensor


def turn_pairs(x: Tensor, turns: Tensor) -> Tensor:
    """Return x (B, L, H, d), its adjacent channel pairs turned in float32.

    torch.compile does not fuse complex numbers, so compiled code does the same on real pairs.

    Args:
        turns: (B, L, 1, d/2, 2) float32, cosine and sine of every angle.
    """
    pairs = x.to(torch.float32, copy=True).unflatten(-1, (-1, 2))
    if not torch.compiler.is_compiling():
        turned = torch.view_as_complex(pairs).mul_(torch.view_as_complex(turns))
        return torch.view_as_real(turned).flatten(-2).to(x.dtype)
    (even, odd), (cos, sin) = pairs.unbind(-1), turns.unbind(-1)
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1).flatten(-2).to(x.dtype)
