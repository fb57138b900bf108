"""A run's current networks as a model, for the stages of inference."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

import torch
from torch import nn

from ..memory.model import Model
from ..memory.networks import Networks
from ..memory.plan import PLANS
from ..memory.runtime import Runtime
from ..models.denoiser import ImageTo3DDenoiser, TemporalDenoiser
from ..models.shape_vae import ShapeVAE
from ..models.temporal_autoencoder import TemporalAutoencoder
from ..sizes import SIZES
from ..weights.checkpoints import Checkpoint
from ..weights.facts import CheckpointFacts
from ..weights.parts import Make
from .export import write_configs
from .parts import load_part, new_encoder, part_path

PARTS = {
    "shape_vae": "vae",
    "image_encoder": "encoder",
    "image_to_3d": "image_to_3d",
    "temporal_denoiser": "temporal",
    "temporal_autoencoder": "autoencoder",
}
"""Names of a run's parts, by their names in `Networks`."""


class LiveNetworks(Networks):
    """The networks in training and the finished parts.

    Args:
        run: folder of the finished parts.
        learning: the networks in training, by part name; they are not copied or moved.
        sizes: name of their sizes.
        configs: the folder of their configurations, which is deleted with them.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        runtime: Runtime,
        run: Path,
        learning: Mapping[str, nn.Module],
        sizes: str,
        configs: "TemporaryDirectory[str]",
    ):
        super().__init__(checkpoint, runtime)
        self._run, self._learning, self._sizes, self._configs = run, learning, SIZES[sizes], configs

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
            "encoder": lambda: new_encoder(self._sizes, self._runtime.device),
            "image_to_3d": lambda: ImageTo3DDenoiser(self._sizes.image_to_3d),
            "temporal": lambda: TemporalDenoiser(self._sizes.temporal),
            "autoencoder": lambda: TemporalAutoencoder(self._sizes.autoencoder),
        }


@dataclass(frozen=True)
class LiveModel(Model):
    """A model of the networks in training, in full precision."""

    networks: LiveNetworks


def live_model(run: Path, learning: Mapping[str, nn.Module], sizes: str, device: torch.device) -> LiveModel:
    """Return a model of a run's networks on their device; see `LiveNetworks`."""
    configs = TemporaryDirectory()
    write_configs(run, Path(configs.name), sizes)
    facts = CheckpointFacts(Path(configs.name))
    runtime = Runtime(facts.checkpoint, str(device), PLANS[0].name)
    runtime.plan = PLANS[0]  # not tuned to the card: networks in training are neither compiled nor captured as graphs
    runtime.dtype = torch.float32
    return LiveModel(facts, LiveNetworks(facts.checkpoint, runtime, run, learning, sizes, configs), runtime)
