"""Background removal with the network of RMBG-1.4: a U-square Net behind a strided convolution.

U-square Net: Qin et al. 2020 (a U-Net whose stages, the RSUs, are small U-Nets themselves). Strided input
convolution: Qin et al. 2022 (IS-Net). Only the finest of the six side outputs is used. The other five served
training; they exist here because their weights are in the checkpoint.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import CheckpointError
from .config import JsonConfig

STAGES = {
    # name: (levels, channels in, inside, out); levels is None for RSU-4F, the variant without pooling
    "stage1": (7, 64, 32, 64),
    "stage2": (6, 64, 32, 128),
    "stage3": (5, 128, 64, 256),
    "stage4": (4, 256, 128, 512),
    "stage5": (None, 512, 256, 512),
    "stage6": (None, 512, 256, 512),
    "stage5d": (None, 1024, 256, 512),
    "stage4d": (4, 1024, 128, 256),
    "stage3d": (5, 512, 64, 128),
    "stage2d": (6, 256, 32, 64),
    "stage1d": (7, 128, 16, 64),
}
SIDE_CHANNELS = (64, 64, 128, 256, 512, 512)
FAINTEST_SUBJECT = 0.05
"""Smallest difference between highest and lowest alpha that shows a subject: stretched noise would look like one."""
DILATIONS_WITHOUT_POOLING = (1, 2, 4, 8)


@dataclass(frozen=True)
class BackgroundRemovalConfig(JsonConfig):
    """Configuration of RMBG-1.4, whose `config.json` gives little more than the channels of its input and output.

    Args:
        in_ch, out_ch: channels of the picture and of the mask.
        input_size: side of the square that pictures are resized to.
    """

    in_ch: int = 3
    out_ch: int = 1
    input_size: int = 1024
    departures = ("input_size",)

    def __post_init__(self) -> None:
        if self.in_ch != 3 or self.out_ch != 1 or self.input_size < 1:
            raise ValueError(f"{self.in_ch} channels in, {self.out_ch} out, at {self.input_size} pixels")


class BackgroundRemoval(nn.Module):
    """Network from pictures (B, 3, h, w) in [-0.5, 0.5] to logits of the subject (B, 1, h, w)."""

    def __init__(self, config: BackgroundRemovalConfig | None = None):
        super().__init__()
        self.config = config or BackgroundRemovalConfig()
        self.conv_in = nn.Conv2d(self.config.in_ch, 64, 3, stride=2, padding=1)
        for name, (levels, channels_in, inside, out) in STAGES.items():
            stage = NestedUNet(levels, channels_in, inside, out) if levels else DilatedUNet(channels_in, inside, out)
            self.add_module(name, stage)
        for number, channels in enumerate(SIDE_CHANNELS, start=1):
            self.add_module(f"side{number}", nn.Conv2d(channels, self.config.out_ch, 3, padding=1))

    def forward(self, pictures: Tensor) -> Tensor:
        x = self.conv_in(pictures)
        encoded = []
        for level in range(1, 7):
            x = self.get_submodule(f"stage{level}")(x if level == 1 else _pool(x))
            encoded.append(x)
        for level in range(5, 0, -1):
            skip = encoded[level - 1]
            x = self.get_submodule(f"stage{level}d")(torch.cat([_resize_to(x, skip), skip], dim=1))
        return _resize_to(self.get_submodule("side1")(x), pictures)


class NestedUNet(nn.Module):
    """RSU-L: a residual U-Net of L levels, the last dilated instead of pooled.

    (B, C, h, w) -> (B, out, h, w).
    """

    def __init__(self, levels: int, channels_in: int, inside: int, out: int):
        super().__init__()
        self.levels = levels
        self.rebnconvin = ConvBlock(channels_in, out)
        for level in range(1, levels + 1):
            block = ConvBlock(out if level == 1 else inside, inside, dilation=2 if level == levels else 1)
            self.add_module(f"rebnconv{level}", block)
        for level in range(levels - 1, 0, -1):
            self.add_module(f"rebnconv{level}d", ConvBlock(2 * inside, out if level == 1 else inside))

    def forward(self, x: Tensor) -> Tensor:
        residual: Tensor = self.rebnconvin(x)
        x, skips = residual, []
        for level in range(1, self.levels):
            x = self.get_submodule(f"rebnconv{level}")(x if level == 1 else _pool(x))
            skips.append(x)
        x = self.get_submodule(f"rebnconv{self.levels}")(x)
        for level in range(self.levels - 1, 0, -1):
            skip = skips[level - 1]
            x = self.get_submodule(f"rebnconv{level}d")(torch.cat([_resize_to(x, skip), skip], dim=1))
        return x + residual


class DilatedUNet(nn.Module):
    """RSU-4F: like NestedUNet, but dilations grow instead of pictures shrinking."""

    def __init__(self, channels_in: int, inside: int, out: int):
        super().__init__()
        self.rebnconvin = ConvBlock(channels_in, out)
        for level, dilation in enumerate(DILATIONS_WITHOUT_POOLING, start=1):
            self.add_module(f"rebnconv{level}", ConvBlock(out if level == 1 else inside, inside, dilation))
        for level, dilation in reversed(list(enumerate(DILATIONS_WITHOUT_POOLING[:-1], start=1))):
            self.add_module(f"rebnconv{level}d", ConvBlock(2 * inside, out if level == 1 else inside, dilation))

    def forward(self, x: Tensor) -> Tensor:
        residual: Tensor = self.rebnconvin(x)
        x, skips = residual, []
        for level in range(1, len(DILATIONS_WITHOUT_POOLING) + 1):
            x = self.get_submodule(f"rebnconv{level}")(x)
            skips.append(x)
        for level in range(len(DILATIONS_WITHOUT_POOLING) - 1, 0, -1):
            x = self.get_submodule(f"rebnconv{level}d")(torch.cat([x, skips[level - 1]], dim=1))
        return x + residual


class ConvBlock(nn.Module):
    """3 x 3 convolution, batch normalisation, ReLU."""

    def __init__(self, channels_in: int, channels_out: int, dilation: int = 1):
        super().__init__()
        self.conv_s1 = nn.Conv2d(channels_in, channels_out, 3, padding=dilation, dilation=dilation)
        self.bn_s1 = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn_s1(self.conv_s1(x)))


def _pool(x: Tensor) -> Tensor:
    return F.max_pool2d(x, 2, stride=2, ceil_mode=True)


def _resize_to(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)


@torch.inference_mode()
def remove_background(model: BackgroundRemoval, image: np.ndarray) -> np.ndarray:
    """Return the alpha (H, W) float32 in [0, 1] of the subject of a picture (H, W, 3) uint8.

    As published, the alpha is stretched to the full range. An alpha that hardly varies across the picture becomes 0.
    """
    weight = model.conv_in.weight
    pixels = torch.from_numpy(np.ascontiguousarray(image)).to(weight.device).permute(2, 0, 1)[None].float() / 255 - 0.5
    size = (model.config.input_size, model.config.input_size)
    squared = F.interpolate(pixels, size=size, mode="bilinear", align_corners=False)
    mask = model(squared.to(weight.dtype)).float().sigmoid()
    if not torch.isfinite(mask).all():
        raise CheckpointError("The weights of RMBG-1.4 give no finite mask.", "Download RMBG-1.4 again, or give masks.")
    alpha = F.interpolate(mask, size=image.shape[:2], mode="bilinear", align_corners=False)[0, 0]
    span = alpha.max() - alpha.min()
    stretched = (alpha - alpha.min()) / span if span > FAINTEST_SUBJECT else torch.zeros_like(alpha)
    return stretched.cpu().numpy()
