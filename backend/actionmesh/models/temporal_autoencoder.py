"""Stage II: from the latents of all frames and the reference vertices to the vertices at any time (ActionMesh)."""

from dataclasses import dataclass

import torch
from einops import rearrange, repeat
from torch import Tensor, nn

from .attention import KeysValues, rope_table
from .config import JsonConfig, check_heads
from .decoder import LatentDecoder
from .layers import alpha_embedding, frequency_embedding, frequency_embedding_width

PREDICTION_MODES = ("direct", "residual")
TIME_CONDITIONING = ("tokens", "queries")
QUERY_TIME_SCALE = 32.0
"""With "queries", alpha is scaled by this before it is embedded: the published embedding hardly changes over [0, 1]."""


@dataclass(frozen=True)
class TemporalAutoencoderConfig(JsonConfig):
    """Sizes of the temporal autoencoder, named as in ActionMesh's `autoencoder/config.json`, which omits defaults.

    Args:
        prediction_mode: "direct", the output is a position; "residual", it is added to the source position.
        time_conditioning: "tokens" as published (source and target time are one more token per frame). "queries"
            instead adds source and target time to every query, and source and own time to every latent token, so
            that the latents' self-attention serves all target times (after an ablation in the paper).
    """

    temporal_context_size: int = 16
    in_channels: int = 3
    in_extra_channels: int = 3
    out_dim: int = 3
    latent_channels: int = 64
    width: int = 1024
    num_layers: int = 16
    num_attention_heads: int = 8
    embed_frequency: int = 8
    embed_include_pi: bool = False
    prediction_mode: str = "direct"
    time_conditioning: str = "tokens"

    departures = ("time_conditioning",)

    @property
    def query_side(self) -> tuple[str, ...]:
        """Prefixes of the names of the tensors that queries pass through; all other tensors are the trunk."""
        return ("proj_query.", f"blocks.{self.num_layers}.", "norm_out.", "proj_out.", "proj_time.")

    def __post_init__(self) -> None:
        check_heads(self.width, self.num_attention_heads)
        for value, allowed in ((self.prediction_mode, PREDICTION_MODES), (self.time_conditioning, TIME_CONDITIONING)):
            if value not in allowed:
                raise ValueError(f"{value!r} is not one of {', '.join(allowed)}")


class TemporalAutoencoder(LatentDecoder):
    """Network for the vertices of the reference mesh at any time of a window of frames.

    The trunk and the query side may have different types, see `TemporalAutoencoderConfig.query_side`.
    """

    def __init__(self, config: TemporalAutoencoderConfig):
        super().__init__(
            config.width,
            config.num_attention_heads,
            config.num_layers,
            frequency_embedding_width(config.embed_frequency) + config.in_extra_channels,
            config.out_dim,
        )
        self.config = config
        self.post_quant = nn.Linear(config.latent_channels, config.width)
        self.proj_time = nn.Linear(config.width, config.width) if config.time_conditioning == "queries" else None

    @property
    def shares_targets(self) -> bool:
        """Whether one `prepare_latents` serves all target times."""
        return self.proj_time is not None

    def prepare_latents(
        self, latents: Tensor, frame_times: Tensor, source_alpha: Tensor, target_alpha: Tensor
    ) -> KeysValues:
        """Compute everything that does not depend on the vertices.

        Args:
            latents: (B, T, N, D).
            frame_times: (B, T) in frames.
            source_alpha, target_alpha: (B) in [0, 1]; the target is ignored if `shares_targets`.
        """
        frames, tokens = latents.shape[1:3]
        x = self.post_quant(latents.to(self.post_quant.weight.dtype))
        positions = frame_times - frame_times.amin(dim=1, keepdim=True)
        token_positions = repeat(positions, "b t -> b (t n)", n=tokens)
        if self.proj_time is not None:
            own_alpha = positions / positions.amax(dim=1, keepdim=True)
            source = repeat(source_alpha, "b -> b t", t=frames)
            x = x + self._projected_times(source, own_alpha).unsqueeze(2).to(x.dtype)
        x = rearrange(x, "b t n d -> b (t n) d")
        if self.proj_time is None:
            alpha_tokens = repeat(self._alphas(source_alpha, target_alpha, x.dtype), "b d -> b t d", t=frames)
            x = torch.cat([x, alpha_tokens], dim=1)
            token_positions = torch.cat([token_positions, positions], dim=1)
        rope = rope_table(token_positions, self.config.width // self.config.num_attention_heads)
        return self.prepare(x, rope)

    def field(self, vertices: Tensor, context: KeysValues, source_alpha: Tensor, target_alpha: Tensor) -> Tensor:
        """Return the network's output (B, V, 3) in (-1, 1).

        Args:
            vertices: (B, V, 6), positions and normals at the source time.
            context: what `prepare_latents` returned.
            source_alpha, target_alpha: (B) in [0, 1].
        """
        dtype = self.proj_query.weight.dtype
        embedded = frequency_embedding(
            vertices[..., :3], self.config.embed_frequency, self.config.embed_include_pi, dtype
        )
        queries = self.proj_query(torch.cat([embedded, vertices[..., 3:].to(dtype)], dim=-1))
        if self.proj_time is not None:
            queries = queries + self._projected_times(source_alpha, target_alpha).unsqueeze(1)
        return 2 * torch.sigmoid(self.query(queries, context).float()) - 1

    def place(self, vertices: Tensor, field: Tensor) -> Tensor:
        """Return the positions (B, V, 3) in [-1, 1] for source vertices (B, V, 6) and their field (B, V, 3)."""
        if self.config.prediction_mode == "residual":
            field = field + vertices[..., :3]
        return field.clamp(-1.0, 1.0)

    def _projected_times(self, source_alpha: Tensor, alpha: Tensor) -> Tensor:
        assert self.proj_time is not None
        dtype = self.proj_time.weight.dtype
        alphas = self._alphas(QUERY_TIME_SCALE * source_alpha, QUERY_TIME_SCALE * alpha, dtype)
        projected: Tensor = self.proj_time(alphas)
        return projected

    def _alphas(self, source_alpha: Tensor, target_alpha: Tensor, dtype: torch.dtype) -> Tensor:
        half = self.config.width // 2
        return torch.cat(
            [alpha_embedding(source_alpha, half, dtype), alpha_embedding(target_alpha, half, dtype)], dim=-1
        )
