"""The bundled checkpoint: its sizes, and how each part is trained."""

from dataclasses import dataclass, field

from ..models.denoiser import ImageTo3DConfig, TemporalDenoiserConfig
from ..models.shape_vae import ShapeVAEConfig
from ..models.temporal_autoencoder import TemporalAutoencoderConfig
from .loop import LoopConfig

PICTURE = 96


@dataclass(frozen=True)
class Sizes:
    """Sizes of all five networks, and of what they see in training.

    Args:
        tokens: N latent tokens a frame.
        points: P surface points that the VAE encodes.
        encoder: transformers' Dinov2Config arguments.
    """

    tokens: int
    points: int
    vae: ShapeVAEConfig
    image_to_3d: ImageTo3DConfig
    temporal: TemporalDenoiserConfig
    autoencoder: TemporalAutoencoderConfig
    encoder: dict = field(default_factory=dict)


def sizes(
    width: int, heads: int, layers: int, latent: int, tokens: int, points: int, context: int, encoder_layers: int
) -> Sizes:
    """One width for all networks."""
    return Sizes(
        tokens=tokens,
        points=points,
        vae=ShapeVAEConfig(3, latent, heads, width, width, num_layers_encoder=3, num_layers_decoder=4),
        image_to_3d=ImageTo3DConfig(heads, width, latent, layers, cross_attention_dim=width),
        temporal=TemporalDenoiserConfig(
            num_tokens_nominal=tokens,
            temporal_context_size=context,
            in_channels=latent,
            num_layers=layers,
            num_attention_heads=heads,
            width=width,
            cross_attention_dim=width,
            inflated_layers=tuple(range(layers)),
            reference_residual=True,
        ),
        autoencoder=TemporalAutoencoderConfig(
            temporal_context_size=context,
            in_channels=3,
            in_extra_channels=3,
            out_dim=3,
            latent_channels=latent,
            width=width,
            num_layers=3,
            num_attention_heads=heads,
            prediction_mode="residual",
            time_conditioning="queries",
        ),
        encoder={
            "hidden_size": width,
            "num_hidden_layers": encoder_layers,
            "num_attention_heads": heads,
            "image_size": PICTURE,
            "patch_size": 12,
            "mlp_ratio": 4,
            "drop_path_rate": 0.0,
        },
    )


SIZES = {
    "toy": sizes(width=128, heads=4, layers=7, latent=16, tokens=64, points=512, context=16, encoder_layers=3),
    "tiny": sizes(width=32, heads=2, layers=3, latent=8, tokens=16, points=64, context=8, encoder_layers=1),
}


@dataclass(frozen=True)
class PartRecipe:
    """How one part is trained.

    Args:
        batch: windows a step.
        frames: T frames a window; at inference windows have `temporal.temporal_context_size`.
        loop: optimiser and length.
        pure_noise: the share of a denoiser's samples that start from pure noise.
    """

    batch: int
    frames: int
    loop: LoopConfig
    pure_noise: float = 0.2


RECIPES = {
    "vae": PartRecipe(32, 1, LoopConfig(steps=12000, minutes=20, rate=1e-3)),
    "image_to_3d": PartRecipe(32, 1, LoopConfig(steps=12000, minutes=18, rate=1e-3)),
    "temporal": PartRecipe(8, 8, LoopConfig(steps=12000, minutes=45, rate=2e-3)),
    "finetune_temporal": PartRecipe(8, 8, LoopConfig(steps=12000, minutes=85, rate=2e-3), pure_noise=0.5),
    "autoencoder": PartRecipe(12, 8, LoopConfig(steps=12000, minutes=35, rate=1e-3)),
    "refit_image_to_3d": PartRecipe(32, 1, LoopConfig(steps=6000, minutes=10, rate=1e-3)),
    "finetune_autoencoder": PartRecipe(8, 8, LoopConfig(steps=3000, minutes=10, rate=6e-4)),
}
