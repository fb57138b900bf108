"""Linear layers in 8-bit floating point (e4m3: 4 bits of exponent, 3 of mantissa), for cards that multiply it twice as fast.

Weights are quantised once, each output row by its largest value; inputs in every call, each token by its own (Micikevicius et al.
2022, "FP8 Formats for Deep Learning"; scales a row as in vLLM's and torchao's dynamic quantisation). So an outlier spoils its own
row and no other. Products are summed in float32 and scaled back afterwards.

Other devices compute the same from the same quantised numbers in float32, slower, so that what the approximation costs in quality
can be measured on a CPU.
"""

import functools
import logging
from enum import StrEnum
from typing import cast

import torch
from torch import Tensor, nn

log = logging.getLogger(__name__)

FLOAT8 = torch.float8_e4m3fn
LARGEST = torch.finfo(FLOAT8).max
SMALLEST_ROW = 1e-12
"""A row whose largest value is below this is treated as if it were this, so that a row of zeros has a scale."""
ALIGNMENT = 16
"""Sizes that the cards' products need a multiple of."""
FIRST_CAPABILITY = (8, 9)
"""CUDA compute capability with float8 products: Ada; Hopper is (9, 0)."""

QUANTISED = ("s_attn.to_qkv", "s_attn.to_out.0", "x_attn.to_q", "x_attn.to_out.0", "ff.net.0.proj", "ff.net.2")
"""A block's linears over all of its tokens.

The image tokens' projections are computed once a window, and stay exact. So does the joint of a U-Net skip: in one step of the
bundled temporal denoiser it alone changes the velocity by 2.2%, as much as all of these together (2.0%), for a sixteenth of
the operations of a full-size denoiser's linears.
"""


class Product(StrEnum):
    """How a device multiplies float8 matrices."""

    ROWS = "scaled by rows in the kernel"
    UNSCALED = "scaled by rows after the kernel"
    EMULATED = "in float32"


class Float8Linear(nn.Module):
    """A linear layer (..., in) -> (..., out) whose weight and input are rounded to float8.

    Args:
        weight: (out, in), any floating type.
        bias: (out), kept as it is; or None.
    Raises:
        ValueError: the sizes are no multiples of 16.
    """

    weight: Tensor
    scale: Tensor

    def __init__(self, weight: Tensor, bias: Tensor | None = None):
        super().__init__()
        if not fits(weight):
            raise ValueError(f"A weight of {tuple(weight.shape)} has a size that is no multiple of {ALIGNMENT}")
        rows, scale = quantise_rows(weight.detach())
        self.register_buffer("weight", rows)
        self.register_buffer("scale", scale.t().contiguous())
        self.register_buffer("bias", None if bias is None else bias.detach())

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """x (..., in) -> (..., out), of the type of x."""
        rows, scale = quantise_rows(x.flatten(0, -2))
        result = multiply(Product(product_on(x.device)), rows, scale, self.weight.t(), self.scale, cast(Tensor | None, self.bias))
        return result.to(x.dtype).unflatten(0, x.shape[:-1])

    def extra_repr(self) -> str:
        return f"in_features={self.weight.shape[1]}, out_features={self.weight.shape[0]}, bias={self.bias is not None}"


def quantise_rows(x: Tensor) -> tuple[Tensor, Tensor]:
    """x (M, K) -> float8 (M, K) and scales (M, 1) float32 with x ~ float8 * scale: the largest value of a row becomes 448.

    Plain operations, which torch.compile fuses with what computes x.
    """
    scale = x.abs().amax(dim=1, keepdim=True).float().clamp(min=SMALLEST_ROW) / LARGEST
    return (x.float() / scale).to(FLOAT8).contiguous(), scale


def multiply(product: Product, a: Tensor, a_scale: Tensor, b: Tensor, b_scale: Tensor, bias: Tensor | None) -> Tensor:
    """(a * a_scale) @ (b * b_scale) + bias.

    Args:
        a, a_scale: (M, K) float8, row-major, and (M, 1) float32.
        b, b_scale: (K, N) float8, column-major, and (1, N) float32, contiguous.
        bias: (N) or None.
    Returns: (M, N), bfloat16 where the device multiplies float8, otherwise float32.
    """
    if product is Product.ROWS:
        half_bias = None if bias is None else bias.to(torch.bfloat16)
        return _scaled_mm(a, b, a_scale, b_scale, half_bias)
    if product is Product.UNSCALED:  # at most 448^2 K, which bfloat16 holds
        one = torch.ones((), device=a.device)
        result = (_scaled_mm(a, b, one, one).float() * a_scale * b_scale).to(torch.bfloat16)
    else:
        result = (a.float() @ b.float()) * a_scale * b_scale
    return result if bias is None else result + bias.to(result.dtype)


def _scaled_mm(a: Tensor, b: Tensor, a_scale: Tensor, b_scale: Tensor, bias: Tensor | None = None) -> Tensor:
    """Fast accumulation keeps the sums in the tensor cores: its error is far below that of rounding to 3 bits of mantissa."""
    return torch._scaled_mm(a, b, scale_a=a_scale, scale_b=b_scale, bias=bias, out_dtype=torch.bfloat16, use_fast_accum=True)


def supports_float8(device: torch.device) -> bool:
    """Whether the device multiplies float8 matrices itself."""
    return find_product(device) is not Product.EMULATED


@torch.compiler.assume_constant_result
def product_on(device: torch.device) -> str:
    """The value of the fastest Product that the device has; compiled code takes it for a constant, which no Enum may be."""
    return find_product(device).value


@functools.cache
def find_product(device: torch.device) -> Product:
    """The fastest Product that the device has, found by trying.

    torch has no row-wise kernels for some cards, and for Windows only Hopper's; single scales go wherever float8 does.
    """
    if device.type != "cuda" or torch.version.cuda is None or torch.cuda.get_device_capability(device) < FIRST_CAPABILITY:
        return Product.EMULATED
    works = (product for product in (Product.ROWS, Product.UNSCALED) if _works(product, device))
    return next(works, Product.EMULATED)


def _works(product: Product, device: torch.device) -> bool:
    """Whether a small product with different scales is computed, and computed right."""
    size = 8 * ALIGNMENT
    steps = torch.arange(1.0, size + 1, device=device)
    ones = torch.ones(size, size, device=device).to(FLOAT8)
    try:
        result = multiply(product, ones, steps[:, None], ones.t(), 1 / steps[None, :], None)
        return torch.allclose(result.float(), size * steps[:, None] / steps[None, :], rtol=1e-2)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, ValueError, NotImplementedError):
        return False


def fits(weight: Tensor) -> bool:
    """Whether a weight (out, in) has sizes that float8 products take."""
    return weight.ndim == 2 and all(size and size % ALIGNMENT == 0 for size in weight.shape)


def quantises_on(device: torch.device) -> bool:
    """Whether `quantise_linears` does anything: on cards that gain by it, and on the CPU to measure what it costs.

    An older card would compute in float32, slower than exactly, and Apple's GPUs do not have the type.
    """
    return device.type in ("cpu", "meta") or supports_float8(device)


def quantise_linears(network: nn.Module) -> int:
    """Replaces the linears inside `network.blocks` by Float8Linear, in place.

    The network is prepared for inference before (its projections are fused), on the device where it runs, and is not cast to
    another type afterwards. Layers whose sizes are no multiples of 16 stay as they are, and so do all where float8 gains nothing.

    Returns: how many were replaced.
    """
    device = next(network.parameters()).device
    if not quantises_on(device):
        log.info("Linear layers stay as they are: %s has no float8 products.", device)
        return 0
    return sum(_quantise(block, name) for block in cast(nn.ModuleList, network.blocks) for name in QUANTISED)


def _quantise(block: nn.Module, name: str) -> bool:
    modules = dict(block.named_modules())
    assert "s_attn.to_q" not in modules, "the network is not prepared for inference"
    linear = modules.get(name)
    if not isinstance(linear, nn.Linear) or not fits(linear.weight):
        return False
    block.set_submodule(name, Float8Linear(linear.weight, linear.bias))
    return True
