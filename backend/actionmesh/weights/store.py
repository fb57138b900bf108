"""The networks of one checkpoint, loaded when they are first needed and kept for the next job."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ..errors import InputError
from ..media.preprocess import ImagePreprocessing
from ..models.background_removal import BackgroundRemoval, load_background_removal
from ..models.config import JsonConfig, read_json
from ..models.denoiser import ImageTo3DConfig, ImageTo3DDenoiser, TemporalDenoiser, TemporalDenoiserConfig
from ..models.image_encoder import image_encoder_config
from ..models.shape_vae import ShapeVAE, ShapeVAEConfig
from ..models.temporal_autoencoder import TemporalAutoencoder, TemporalAutoencoderConfig
from ..presets import PRESETS, Preset
from .checkpoints import open_checkpoint
from .load import Network, build, read_tensors
from .names import our_name

if TYPE_CHECKING:
    from transformers import Dinov2Model

TRIPOSG_WEIGHTS = "diffusion_pytorch_model.safetensors"
ACTIONMESH_WEIGHTS = "model.safetensors"


class ModelStore:
    """Lazily loaded networks.

    Args:
        checkpoint: folder of a checkpoint, see `checkpoints`.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        low_memory: only the network that is asked for is on the device; the others wait in main memory.
    Raises:
        CheckpointError: the checkpoint is not complete.
        InputError: the device does not exist.
    """

    def __init__(self, checkpoint: Path, device: str = "auto", low_memory: bool = False):
        self.checkpoint = open_checkpoint(checkpoint)
        self.settings = self.checkpoint.settings
        self.device = choose_device(device)
        self.dtype = run_dtype(self.device)
        self.low_memory = low_memory
        self.loads = 0
        self._parts: dict[str, nn.Module] = {}

    @property
    def image_encoder(self) -> "Dinov2Model":
        folder = self.checkpoint.image_encoder

        def load() -> nn.Module:
            from transformers import Dinov2Model

            config = image_encoder_config(folder / "config.json")
            return self._build(lambda: Dinov2Model(config), folder / ACTIONMESH_WEIGHTS)

        return self._part("image_encoder", load)

    @property
    def image_to_3d(self) -> ImageTo3DDenoiser:
        return self._network("image_to_3d", ImageTo3DDenoiser, ImageTo3DConfig, TRIPOSG_WEIGHTS)

    @property
    def shape_vae(self) -> ShapeVAE:
        return self._network("shape_vae", ShapeVAE, ShapeVAEConfig, TRIPOSG_WEIGHTS)

    @property
    def temporal_denoiser(self) -> TemporalDenoiser:
        return self._network("temporal_denoiser", TemporalDenoiser, TemporalDenoiserConfig, ACTIONMESH_WEIGHTS)

    @property
    def temporal_autoencoder(self) -> TemporalAutoencoder:
        return self._network("temporal_autoencoder", TemporalAutoencoder, TemporalAutoencoderConfig, ACTIONMESH_WEIGHTS)

    @property
    def background_removal(self) -> BackgroundRemoval:
        """Only for a checkpoint that `removes_background`."""
        folder = self.checkpoint.background_removal
        assert folder is not None
        return self._part("background_removal", lambda: load_background_removal(folder, "cpu", torch.float32))

    @property
    def removes_background(self) -> bool:
        """Whether the checkpoint has an RMBG folder."""
        return self.checkpoint.background_removal is not None

    @property
    def tokens(self) -> int:
        """N, latent tokens a frame."""
        return self._temporal_config().num_tokens_nominal

    @property
    def window(self) -> int:
        """T, the frames that are generated together."""
        return self._temporal_config().temporal_context_size

    @property
    def image_to_3d_shift(self) -> float:
        """Of Stage 0's noise schedule."""
        return float(read_json(self.checkpoint.scheduler).get("shift", 1.0))

    def image_preprocessing(self) -> ImagePreprocessing:
        return ImagePreprocessing.load(self.checkpoint.image_preprocessing)

    def preset(self, name: str) -> Preset:
        """The preset with this checkpoint's own numbers; raises InputError for a name that no preset has."""
        if name not in PRESETS:
            raise InputError(f"There is no preset {name!r}.", f"Use one of {', '.join(PRESETS)}.")
        return PRESETS[name].overridden(self.settings.presets.get(name, {}), str(self.checkpoint.path / "checkpoint.json"))

    def normalise(self, latents: Tensor) -> Tensor:
        """The VAE's latents (..., D) -> what the denoisers see."""
        mean, std = self._statistics(latents)
        return (latents - mean) / std

    def denormalise(self, latents: Tensor) -> Tensor:
        """What the denoisers see (..., D) -> the VAE's latents."""
        mean, std = self._statistics(latents)
        return latents * std + mean

    def unload(self) -> None:
        """Frees all networks."""
        self._parts.clear()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def describe(self) -> dict[str, Any]:
        """Name, device and what is loaded, in plain JSON values."""
        held = {name: sum(t.numel() * t.element_size() for t in part.state_dict().values()) for name, part in self._parts.items()}
        return {
            "checkpoint": self.checkpoint.name,
            "device": str(self.device),
            "parts": sorted(held),
            "bytes": sum(held.values()),
            "loads": self.loads,
        }

    def _temporal_config(self) -> TemporalDenoiserConfig:
        return TemporalDenoiserConfig.load(self.checkpoint.temporal_denoiser / "config.json")

    def _statistics(self, like: Tensor) -> tuple[Tensor, Tensor]:
        settings = self.settings
        if not settings.latent_mean:
            return like.new_zeros(1), like.new_ones(1)
        return like.new_tensor(settings.latent_mean), like.new_tensor(settings.latent_std)

    def _network(self, name: str, network: Callable[[Any], nn.Module], config: type[JsonConfig], weights: str) -> Any:
        folder: Path = getattr(self.checkpoint, name)

        def load() -> nn.Module:
            sizes = config.load(folder / "config.json")
            return self._build(lambda: network(sizes), folder / weights, our_name)

        return self._part(name, load)

    def _build(self, make: Callable[[], Network], path: Path, rename: Callable[[str], str] = str) -> Network:
        return build(make, read_tensors(path, rename), str(path), "cpu", self.dtype)

    def _part(self, name: str, load: Callable[[], Any]) -> Any:
        if name not in self._parts:
            self._parts[name] = load()
            self.loads += 1
        if self.low_memory:
            for other, part in self._parts.items():
                if other != name:
                    part.to("cpu")
        return self._parts[name].to(self.device)


def choose_device(name: str) -> torch.device:
    """ "auto" is the first of CUDA, MPS and the CPU that there is; raises InputError for a device that there is not."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        if device.type not in ("cpu", "cuda", "mps"):
            raise RuntimeError(f"{device.type} computes nothing")
        torch.empty(0, device=device)
        return device
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"There is no device {name!r} on this machine.", "Use auto or cpu.") from error


def run_dtype(device: torch.device) -> torch.dtype:
    """The type that weights are cast to: bfloat16 or float16 on accelerators, float32 on the CPU."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.float16 if device.type == "mps" else torch.float32
