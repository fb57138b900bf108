"""Sizes of the networks: "toy" is the bundled checkpoint, "tiny" is for tests, and "full" is the public checkpoint."""

from dataclasses import dataclass

from .media.preprocess import ImagePreprocessing
from .models.denoiser import ImageTo3DConfig, TemporalDenoiserConfig
from .models.shape_vae import ShapeVAEConfig
from .models.temporal_autoencoder import TemporalAutoencoderConfig

PICTURE = 96
"""Side of the stored pictures of toys, in pixels."""
TOY_PICTURES = ImagePreprocessing(shortest_edge=PICTURE, crop_size=(PICTURE, PICTURE))


@dataclass(frozen=True)
class Sizes:
    """Sizes of all five networks, and of what they see in training.

    Args:
        tokens: N latent tokens per frame in training; at inference `temporal.num_tokens_nominal`.
        points: P surface points that the VAE encodes.
        encoder: arguments of transformers' Dinov2Config.
        preprocessing: preprocessing of the pictures.
    """

    tokens: int
    points: int
    vae: ShapeVAEConfig
    image_to_3d: ImageTo3DConfig
    temporal: TemporalDenoiserConfig
    autoencoder: TemporalAutoencoderConfig
    encoder: dict
    preprocessing: ImagePreprocessing

    @property
    def latent(self) -> int:
        """D, channels of a latent token."""
        return self.vae.latent_channels

    @property
    def grid(self) -> int:
        """Patches along a side of a picture."""
        return self.preprocessing.crop_size[0] // int(self.encoder["patch_size"])


def small_sizes(
    width: int, heads: int, layers: int, latent: int, tokens: int, points: int, context: int, encoder_layers: int
) -> Sizes:
    """Return sizes with one width for all networks and both departures from the public architecture."""
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
        preprocessing=TOY_PICTURES,
    )


FULL = Sizes(
    tokens=1024,
    points=16384,
    vae=ShapeVAEConfig(),
    image_to_3d=ImageTo3DConfig(),
    temporal=TemporalDenoiserConfig(inflated_layers=tuple(range(21))),
    autoencoder=TemporalAutoencoderConfig(),
    encoder={
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "image_size": 518,
        "patch_size": 14,
    },
    preprocessing=ImagePreprocessing(),
)
"""The public sizes (TripoSG, ActionMesh, DINOv2 ViT-L/14); those of the networks are their configurations' defaults."""

SIZES = {
    "toy": small_sizes(width=128, heads=4, layers=7, latent=16, tokens=64, points=512, context=16, encoder_layers=3),
    "tiny": small_sizes(width=32, heads=2, layers=3, latent=8, tokens=16, points=64, context=8, encoder_layers=1),
    "full": FULL,
}
