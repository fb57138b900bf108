"""The shape VAE: surface points -> N latent tokens -> a field, positive inside (3DShape2VecSet, Zhang et al. 2023)."""

from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn

from ..acceleration.execution import Execution
from .attention import KeysValues
from .blocks import CrossBlock, SelfBlock
from .config import JsonConfig, check_heads
from .decoder import LatentDecoder
from .layers import LayerNorm, frequency_embedding, frequency_embedding_width


@dataclass(frozen=True)
class ShapeVAEConfig(JsonConfig):
    """Sizes of the shape VAE, with the names and defaults of TripoSG's `vae/config.json`."""

    in_channels: int = 3
    latent_channels: int = 64
    num_attention_heads: int = 8
    width_encoder: int = 512
    width_decoder: int = 1024
    num_layers_encoder: int = 8
    num_layers_decoder: int = 16
    embedding_type: str = "frequency"
    embed_frequency: int = 8
    embed_include_pi: bool = False

    def __post_init__(self) -> None:
        check_heads(self.width_encoder, self.num_attention_heads)
        check_heads(self.width_decoder, self.num_attention_heads)
        if self.embedding_type != "frequency":
            raise ValueError(f"embedding_type is {self.embedding_type!r}; only 'frequency' is supported")


@dataclass(frozen=True)
class Posterior:
    """A diagonal Gaussian over latents: mean and logvar (B, N, D)."""

    mean: Tensor
    logvar: Tensor

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """Draw one sample (B, N, D); the noise is drawn on the generator's device."""
        device = generator.device if generator is not None else self.mean.device
        return self.at(torch.randn(self.mean.shape, generator=generator, device=device).to(self.mean))

    def at(self, noise: Tensor) -> Tensor:
        """Return the sample (B, N, D) for unit noise (B, N, D)."""
        return self.mean + torch.exp(0.5 * self.logvar) * noise

    def kl(self) -> Tensor:
        """Return the mean Kullback-Leibler divergence from the unit Gaussian, a scalar in nats per channel."""
        return 0.5 * (self.mean.square() + self.logvar.exp() - 1 - self.logvar).mean()


class ShapeEncoder(nn.Module):
    """Encoder in which tokens (some of the points) attend to all points, then to each other."""

    def __init__(self, config: ShapeVAEConfig):
        super().__init__()
        width = config.width_encoder
        self.proj_in = nn.Linear(frequency_embedding_width(config.embed_frequency) + config.in_channels, width)
        blocks: list[nn.Module] = [
            SelfBlock(width, config.num_attention_heads) for _ in range(config.num_layers_encoder)
        ]
        self.blocks = nn.ModuleList([CrossBlock(width, config.num_attention_heads), *blocks])
        self.norm_out = LayerNorm(width)

    def prepare_inference(self, execution: Execution) -> None:
        """Fuse projections and set how the network runs. The network cannot be trained afterwards."""
        for block in self.blocks:
            cast(SelfBlock | CrossBlock, block).prepare_inference(execution)

    def forward(self, points: Tensor, tokens: Tensor) -> Tensor:
        """Encode embedded points (B, P, E) and tokens (B, N, E) as (B, N, D)."""
        cross = cast(CrossBlock, self.blocks[0])
        x = cross(self.proj_in(tokens), cross.x_attn.project_context(self.proj_in(points)))
        for block in self.blocks[1:]:
            x = block(x)
        encoded: Tensor = self.norm_out(x)
        return encoded


class ShapeVAE(nn.Module):
    """Encoder, decoder and the two linear maps around the latent."""

    def __init__(self, config: ShapeVAEConfig):
        super().__init__()
        self.config = config
        self.encoder = ShapeEncoder(config)
        self.decoder = LatentDecoder(
            config.width_decoder,
            config.num_attention_heads,
            config.num_layers_decoder,
            frequency_embedding_width(config.embed_frequency),
            out_width=1,
        )
        self.quant = nn.Linear(config.width_encoder, 2 * config.latent_channels)
        self.post_quant = nn.Linear(config.latent_channels, config.width_decoder)

    def prepare_inference(self, execution: Execution) -> None:
        """Fuse projections and set how the network runs. The network cannot be trained afterwards.

        Nothing is compiled: a job encodes or decodes one shape, which takes less time than compiling.
        """
        self.encoder.prepare_inference(execution)
        self.decoder.prepare_inference(replace(execution, compiled=False))

    def encode(self, surface: Tensor, token_indices: Tensor) -> Posterior:
        """Return the posterior of a surface.

        Args:
            surface: (B, P, 6) points and normals.
            token_indices: (B, N), the points chosen as tokens.
        """
        points = torch.cat([self._embed(surface[..., :3]), surface[..., 3:].to(self.quant.weight.dtype)], dim=-1)
        tokens = points.gather(1, token_indices[..., None].expand(-1, -1, points.shape[-1]))
        mean, logvar = self.quant(self.encoder(points, tokens)).chunk(2, dim=-1)
        return Posterior(mean, logvar.clamp(-30.0, 20.0))

    def prepare(self, latents: Tensor) -> KeysValues:
        """Return the keys and values that every query of the shape with latents (B, N, D) attends to."""
        return self.decoder.prepare(self.post_quant(latents.to(self.post_quant.weight.dtype)))

    def query(self, points: Tensor, context: KeysValues) -> Tensor:
        """Return the field (B, Q, 1), positive inside, at points (B, Q, 3)."""
        return self.decoder.query(self.decoder.proj_query(self._embed(points)), context)

    def _embed(self, points: Tensor) -> Tensor:
        config = self.config
        return frequency_embedding(points, config.embed_frequency, config.embed_include_pi, self.quant.weight.dtype)
