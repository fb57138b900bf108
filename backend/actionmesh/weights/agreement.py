"""Check that the configurations of a checkpoint's parts belong to one checkpoint."""

from ..errors import CheckpointError
from ..models.denoiser import ImageTo3DConfig, TemporalDenoiserConfig
from ..models.image_encoder import image_encoder_sizes
from ..models.shape_vae import ShapeVAEConfig
from ..models.temporal_autoencoder import TemporalAutoencoderConfig
from .checkpoints import Checkpoint


def require_agreement(checkpoint: Checkpoint) -> None:
    """Check that the output of each part fits the input of the next one.

    Raises:
        CheckpointError: a configuration is missing or damaged, or two do not belong together; both are named.
    """
    image_to_3d = ImageTo3DConfig.load(checkpoint.image_to_3d / "config.json")
    denoiser = TemporalDenoiserConfig.load(checkpoint.temporal_denoiser / "config.json")
    vae = ShapeVAEConfig.load(checkpoint.shape_vae / "config.json")
    autoencoder = TemporalAutoencoderConfig.load(checkpoint.temporal_autoencoder / "config.json")
    encoder = image_encoder_sizes(checkpoint.image_encoder / "config.json")
    latents = {
        "the shape VAE's latent_channels": vae.latent_channels,
        "the image-to-3D denoiser's in_channels": image_to_3d.in_channels,
        "the temporal denoiser's in_channels": denoiser.in_channels,
        "the temporal autoencoder's latent_channels": autoencoder.latent_channels,
    }
    if checkpoint.settings.latent_mean:
        latents["the length of checkpoint.json's latent_mean"] = len(checkpoint.settings.latent_mean)
    pictures = {
        "the image encoder's hidden_size": encoder.hidden_size,
        "the image-to-3D denoiser's cross_attention_dim": image_to_3d.cross_attention_dim,
        "the temporal denoiser's cross_attention_dim": denoiser.cross_attention_dim,
    }
    for numbers in (latents, pictures):
        _require_same(checkpoint, numbers)
    if (vae.in_channels, autoencoder.in_channels, autoencoder.in_extra_channels, autoencoder.out_dim) != (3, 3, 3, 3):
        raise _apart(checkpoint, "its networks do not read and write 3D points")


def _require_same(checkpoint: Checkpoint, numbers: dict[str, int]) -> None:
    (first, wanted), *others = numbers.items()
    for name, number in others:
        if number != wanted:
            raise _apart(checkpoint, f"{first} is {wanted}, and {name} is {number}")


def _apart(checkpoint: Checkpoint, why: str) -> CheckpointError:
    return CheckpointError(
        f"The parts of {checkpoint.path} do not belong together: {why}.", "Download the checkpoint again."
    )
