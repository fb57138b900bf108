"""Linear layers in 8-bit floating point (e4m3), for cards that multiply it twice as fast.

e4m3 has 4 bits of exponent and 3 of mantissa. Weights are quantised once, each output row by its largest value.
Inputs are quantised in every call, each token by its own largest value (Micikevicius et al. 2022, "FP8 Formats for
Deep Learning"; row-wise scales as in the dynamic quantisation of vLLM and torchao). An outlier therefore affects
only its own row. Products are summed in float32 and scaled back afterwards.

Other devices compute the same from the same quantised numbers in float32, more slowly, so that the loss of quality
can be measured on a CPU.

Experimental, and off in every preset: no card has shown that it pays. Kept beside torchao, whose quantisation by rows
is the same scheme, because it would be one more dependency for six layers, and the loss of quality in
docs/approximations.md was measured with this emulation.
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
"""Lower bound on a row's largest value, so that a row of zeros has a scale."""
ALIGNMENT = 16
"""Float8 products need sizes that are multiples of this."""
FIRST_CAPABILITY = (8, 9)
"""First CUDA compute capability with float8 products: Ada; Hopper is (9, 0)."""

QUANTISED = ("s_attn.to_qkv", "s_attn.to_out.0", "x_attn.to_q", "x_attn.to_out.0", "ff.net.0.proj", "ff.net.2")
"""Names of a block's linear layers that process all of its tokens.

The image tokens' projections are computed once per window and stay exact. So does the linear layer that joins a U-Net
skip: in one step of the bundled temporal denoiser it alone changes the velocity by 2.2%, as much as all of these
layers together (2.0%), but it makes up only a sixteenth of the operations of a full-size denoiser's linear layers.
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
        bias: (out), not rounded; or None.
    Raises:
        ValueError: the sizes are not multiples of 16.
    """

    weight: Tensor
    scale: Tensor

    def __init__(self, weight: Tensor, bias: Tensor | None = None):
        super().__init__()
        if not fits(weight):
            raise ValueError(f"A weight of {tuple(weight.shape)} has a size that is not a multiple of {ALIGNMENT}")
        rows, scale = quantise_rows(weight.detach())
        self.register_buffer("weight", rows)
        self.register_buffer("scale", scale.t().contiguous())
        self.register_buffer("bias", None if bias is None else bias.detach())

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """Return (..., out), of the type of x (..., in)."""
        rows, scale = quantise_rows(x.flatten(0, -2))
        result = multiply(
            Product(product_on(x.device)), rows, scale, self.weight.t(), self.scale, cast(Tensor | None, self.bias)
        )
        return result.to(x.dtype).unflatten(0, x.shape[:-1])


def quantise_rows(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return float8 (M, K) and scales (M, 1) float32 with x ~ float8 * scale, for x (M, K).

    The largest value of a row becomes 448. Only plain operations are used, which torch.compile fuses with those that
    compute x.
    """
    scale = x.abs().amax(dim=1, keepdim=True).float().clamp(min=SMALLEST_ROW) / LARGEST
    return (x.float() / scale).to(FLOAT8).contiguous(), scale


def multiply(product: Product, a: Tensor, a_scale: Tensor, b: Tensor, b_scale: Tensor, bias: Tensor | None) -> Tensor:
    """Return (a * a_scale) @ (b * b_scale) + bias.

    Args:
        a, a_scale: (M, K) float8, row-major, and (M, 1) float32.
        b, b_scale: (K, N) float8, column-major, and (1, N) float32, contiguous.
        bias: (N) or None.
    Returns: (M, N), bfloat16 where the device multiplies float8, otherwise float32.
    """
    if product is Product.ROWS:
        half_bias = None if bias is None else bias.to(torch.bfloat16)
        return _scaled_mm(a, b, a_scale, b_scale, half_bias)
    if product is Product.UNSCALED:  # at most 448^2 K, which bfloat16 can hold
        one = torch.ones((), device=a.device)
        result = (_scaled_mm(a, b, one, one).float() * a_scale * b_scale).to(torch.bfloat16)
    else:
        result = (a.float() @ b.float()) * a_scale * b_scale
    return result if bias is None else result + bias.to(result.dtype)


def _scaled_mm(a: Tensor, b: Tensor, a_scale: Tensor, b_scale: Tensor, bias: Tensor | None = None) -> Tensor:
    """Call torch's float8 product with fast accumulation.

    Fast accumulation keeps the sums in the tensor cores. Its error is far below that of rounding to 3 bits of
    mantissa.
    """
    return torch._scaled_mm(
        a, b, scale_a=a_scale, scale_b=b_scale, bias=bias, out_dtype=torch.bfloat16, use_fast_accum=True
    )


def supports_float8(device: torch.device) -> bool:
    """Return whether the device multiplies float8 matrices itself."""
    return find_product(device) is not Product.EMULATED


@torch.compiler.assume_constant_result
def product_on(device: torch.device) -> str:
    """Return the value of the fastest Product on the device.

    Compiled code treats it as a constant, which cannot be an Enum.
    """
    return find_product(device).value


@functools.cache
def find_product(device: torch.device) -> Product:
    """Return the fastest Product on the device, found by trying.

    torch lacks row-wise kernels for some cards, and on Windows has them only for Hopper; single scales work wherever
    float8 does.
    """
    if (
        device.type != "cuda"
        or torch.version.cuda is None
        or torch.cuda.get_device_capability(device) < FIRST_CAPABILITY
    ):
        return Product.EMULATED
    works = (product for product in (Product.ROWS, Product.UNSCALED) if _works(product, device))
    return next(works, Product.EMULATED)


def _works(product: Product, device: torch.device) -> bool:
    """Return whether the device computes a small product with different scales correctly."""
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
    """Return whether float8 products accept the sizes of a weight (out, in)."""
    return weight.ndim == 2 and all(size and size % ALIGNMENT == 0 for size in weight.shape)


def quantises_on(device: torch.device) -> bool:
    """Return whether `quantise_linears` has an effect on this device.

    It has one on cards that gain from it, and on the CPU to measure its cost in quality. An older card would
    compute in float32, slower than the exact layers, and Apple's GPUs do not have the type.
    """
    return device.type in ("cpu", "meta") or supports_float8(device)


def quantise_linears(network: nn.Module) -> int:
    """Replace the linear layers inside `network.blocks` by Float8Linear, in place.

    The network must have been prepared for inference (with fused projections), on the device where it runs, and must
    not be cast to another type afterwards. Layers whose sizes are not multiples of 16 stay as they are; so do all
    layers if float8 gains nothing.

    Returns: how many were replaced.
    """
    device = next(network.parameters()).device
    if not quantises_on(device):
        log.info("Linear layers stay exact: %s has no float8 products.", device)
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
