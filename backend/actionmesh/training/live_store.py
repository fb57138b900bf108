"""A model store of a run's current networks, for the stages of inference."""

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

import torch
from torch import nn

from ..models.denoiser import ImageTo3DDenoiser, TemporalDenoiser
from ..models.shape_vae import ShapeVAE
from ..models.temporal_autoencoder import TemporalAutoencoder
from ..sizes import SIZES
from ..weights.parts import Make
from ..weights.plan import PLANS
from ..weights.store import ModelStore
from .export import write_configs
from .parts import load_part, new_encoder, part_path

PARTS = {
    "shape_vae": "vae",
    "image_encoder": "encoder",
    "image_to_3d": "image_to_3d",
    "temporal_denoiser": "temporal",
    "temporal_autoencoder": "autoencoder",
}
"""Names of a run's parts, by their names in a model store."""


class LiveStore(ModelStore):
    """A store of the networks in training and of the finished parts, in full precision.

    Args:
        run: folder of the finished parts.
        learning: the networks in training, by part name; they are not copied or moved.
        sizes: name of their sizes.
        device: their device.
    """

    def __init__(self, run: Path, learning: Mapping[str, nn.Module], sizes: str, device: torch.device):
        self._configs = TemporaryDirectory()
        write_configs(run, Path(self._configs.name), sizes)
        super().__init__(Path(self._configs.name), str(device), PLANS[0].name)
        self.plan = PLANS[0]  # not tuned to the card: networks in training are neither compiled nor captured as graphs
        self.dtype, self._run, self._learning, self._sizes = torch.float32, run, learning, SIZES[sizes]

    def has(self, *parts: str) -> bool:
        """Return whether all these parts are finished or in training."""
        return all(part in self._learning or part_path(self._run, part).exists() for part in parts)

    def _part(self, name: str, float8: bool = False) -> Any:
        return self._learning[PARTS[name]] if PARTS[name] in self._learning else super()._part(name, float8)

    def _read(self, name: str, make: Make, device: torch.device, stop: Event) -> nn.Module:
        return load_part(self._makers()[PARTS[name]], self._run, PARTS[name]).eval().requires_grad_(False)

    def _makers(self) -> dict[str, Callable[[], nn.Module]]:
        return {
            "vae": lambda: ShapeVAE(self._sizes.vae),
            "encoder": lambda: new_encoder(self._sizes, self.device),
            "image_to_3d": lambda: ImageTo3DDenoiser(self._sizes.image_to_3d),
            "temporal": lambda: TemporalDenoiser(self._sizes.temporal),
            "autoencoder": lambda: TemporalAutoencoder(self._sizes.autoencoder),
        }
