"""RepViT-M1, the backbone of EdgeTAM (Wang et al. 2024, "RepViT: Revisiting mobile CNN from ViT perspective").

The transformers library takes this network from timm, which needs torchvision: two packages for every installation, for
one small network. Tensors have timm's names, so that the published weights load.
"""

from collections import OrderedDict

from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

WIDTHS, DEPTHS = (48, 96, 192, 384), (2, 2, 14, 2)
"""Channels and blocks of each stage."""
EXPANSION = 2
"""Hidden channels of a mixer per channel."""
SQUEEZE, MULTIPLE = 4, 8
"""Channels per channel of a gate's bottleneck, which is rounded to a multiple."""


def convolution(channels: int, out: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Return a convolution without bias that keeps the size (but for its stride), and its batch normalisation."""
    layer = nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(OrderedDict(c=layer, bn=nn.BatchNorm2d(out)))


class TokenMixer(nn.Module):
    """Depthwise convolutions of 3 x 3 and 1 x 1 pixels, added to the input."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = convolution(channels, channels, 3, groups=channels)
        self.conv1 = convolution(channels, channels, groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        mixed: Tensor = self.conv(x) + self.conv1(x) + x
        return mixed


class Gate(nn.Module):
    """Squeeze and excitation (Hu et al. 2018): scales channels by what the whole picture shows of them."""

    def __init__(self, channels: int):
        super().__init__()
        squeezed = (channels // SQUEEZE + MULTIPLE // 2) // MULTIPLE * MULTIPLE
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        scale: Tensor = self.fc2(F.relu(self.fc1(x.mean((2, 3), keepdim=True)))).sigmoid()
        return x * scale


class ChannelMixer(nn.Module):
    """Two pointwise convolutions with GELU between them."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = convolution(channels, EXPANSION * channels)
        self.conv2 = convolution(EXPANSION * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        mixed: Tensor = self.conv2(F.gelu(self.conv1(x)))
        return mixed


class Block(nn.Module):
    """Mixes pixels, then channels."""

    def __init__(self, channels: int, gated: bool):
        super().__init__()
        self.token_mixer = TokenMixer(channels)
        self.se = Gate(channels) if gated else nn.Identity()
        self.channel_mixer = ChannelMixer(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.se(self.token_mixer(x))
        mixed: Tensor = x + self.channel_mixer(x)
        return mixed


class Halving(nn.Module):
    """Halves the picture's sides and widens its channels."""

    def __init__(self, channels: int, out: int):
        super().__init__()
        self.pre_block = Block(channels, gated=False)
        self.spatial_downsample = convolution(channels, channels, 3, stride=2, groups=channels)
        self.channel_downsample = convolution(channels, out)
        self.ffn = ChannelMixer(out)

    def forward(self, x: Tensor) -> Tensor:
        x = self.channel_downsample(self.spatial_downsample(self.pre_block(x)))
        mixed: Tensor = x + self.ffn(x)
        return mixed


class Stage(nn.Module):
    """Blocks of one size, of which every other is gated."""

    def __init__(self, channels: int, out: int, depth: int):
        super().__init__()
        self.downsample = Halving(channels, out) if channels != out else nn.Identity()
        self.blocks = nn.Sequential(*(Block(out, gated=number % 2 == 0) for number in range(depth)))

    def forward(self, x: Tensor) -> Tensor:
        mixed: Tensor = self.blocks(self.downsample(x))
        return mixed


class RepVit(nn.Module):
    """The stem and the four stages."""

    def __init__(self) -> None:
        super().__init__()
        first = WIDTHS[0]
        self.stem = nn.Sequential(
            OrderedDict(
                conv1=convolution(3, first // 2, 3, stride=2),
                act1=nn.GELU(),
                conv2=convolution(first // 2, first, 3, stride=2),
            )
        )
        for number, (before, width, depth) in enumerate(zip((first, *WIDTHS), WIDTHS, DEPTHS, strict=False)):
            self.add_module(f"stages_{number}", Stage(before, width, depth))

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Return the features (B, width, H / s, W / s) of each stage of pictures (B, 3, H, W), for s = 4, 8, 16, 32."""
        x, features = self.stem(pictures), []
        for number in range(len(WIDTHS)):
            x = self.get_submodule(f"stages_{number}")(x)
            features.append(x)
        return features


class RepVitConfig(PreTrainedConfig):  # type: ignore[no-untyped-call]
    """The configuration of RepViT-M1, which has nothing to configure."""

    model_type = "actionmesh_repvit"


class RepVitBackbone(PreTrainedModel):  # type: ignore[no-untyped-call]
    """RepViT-M1 where the transformers library expects a model from timm."""

    config_class = RepVitConfig
    main_input_name = "pixel_values"

    def __init__(self, config: RepVitConfig):
        super().__init__(config)
        self.timm_model = RepVit()
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(self, pixel_values: Tensor, **_options: object) -> BaseModelOutput:
        """Return the features of all stages as `last_hidden_state`, as a model from timm does."""
        features = self.timm_model(pixel_values)
        return BaseModelOutput(last_hidden_state=features, hidden_states=tuple(features))


AutoConfig.register(RepVitConfig.model_type, RepVitConfig)
AutoModel.register(RepVitConfig, RepVitBackbone)
