"""Make checkpoints of any size with random weights, as files in the public layout or directly on the device."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from actionmesh.memory.model import Model
from actionmesh.memory.networks import Networks
from actionmesh.memory.runtime import Runtime
from actionmesh.models.denoiser import ImageTo3DDenoiser, TemporalDenoiser
from actionmesh.models.temporal_autoencoder import TemporalAutoencoder
from actionmesh.sizes import Sizes
from actionmesh.training.export import theirs, write_public_configs
from actionmesh.training.parts import new_encoder
from actionmesh.weights.facts import CheckpointFacts
from actionmesh.weights.parts import ACTIONMESH_WEIGHTS, TRIPOSG_WEIGHTS, Make
from actionmesh.weights.precision import TypeOf

from .workload import TorusVAE


def empty_network(part: str, sizes: Sizes) -> nn.Module:
    """Return a network on the meta device."""
    makers: dict[str, Callable[[], nn.Module]] = {
        "image_encoder": lambda: new_encoder(sizes, torch.device("meta")),
        "image_to_3d": lambda: ImageTo3DDenoiser(sizes.image_to_3d),
        "shape_vae": lambda: TorusVAE(sizes.vae),
        "temporal_denoiser": lambda: TemporalDenoiser(sizes.temporal),
        "temporal_autoencoder": lambda: TemporalAutoencoder(sizes.autoencoder),
    }
    with torch.device("meta"):
        return makers[part]().eval().requires_grad_(False)


def random_tensors(network: nn.Module, device: torch.device, type_of: TypeOf) -> dict[str, Tensor]:
    """Return values for all tensors of a network, each of its type.

    Matrices get noise that keeps the scale of activations, norms get a scale of one, and the rest is zero.
    """
    generator = torch.Generator(device).manual_seed(0)
    tensors = {}
    for name, like in network.state_dict().items():
        tensor = torch.zeros(like.shape, dtype=type_of(name), device=device)
        if like.dim() > 1:
            tensor.normal_(0, like[0].numel() ** -0.5, generator=generator)
        elif "norm" in name and name.endswith("weight"):
            tensor.fill_(1)
        tensors[name] = tensor
    return tensors


class RandomNetworks(Networks):
    """The product's networks, with random weights instead of files; the folder of their configurations goes with them.

    Args:
        sizes: sizes of the networks.
        device: device of the networks.
        plan: name of the memory plan.
        dtype: type of the weights; None means the product's choice for the device.
    """

    def __init__(self, sizes: Sizes, device: str, plan: str, dtype: torch.dtype | None = None):
        self.sizes, self._configs = sizes, TemporaryDirectory()
        write_public_configs(Path(self._configs.name), sizes)
        self.facts = CheckpointFacts(Path(self._configs.name))
        runtime = Runtime(self.facts.checkpoint, device, plan)
        runtime.dtype = dtype or runtime.dtype
        super().__init__(self.facts.checkpoint, runtime)

    @property
    def model(self) -> Model:
        return Model(self.facts, self, self._runtime)

    def _read(self, name: str, make: Make, device: torch.device, stop: Event) -> nn.Module:
        network = empty_network(name, self.sizes)
        network.load_state_dict(random_tensors(network, device, self.types_of(name)), strict=True, assign=True)
        return network


def write_checkpoint(folder: Path, sizes: Sizes) -> int:
    """Write a folder like a public checkpoint, with its types and names; return the bytes of its weights."""
    write_public_configs(folder, sizes)
    places: dict[str, tuple[str, str, torch.dtype, Callable[[dict[str, Tensor]], dict[str, Tensor]]]] = {
        "image_encoder": ("TripoSG/image_encoder_dinov2", ACTIONMESH_WEIGHTS, torch.float32, dict),
        "image_to_3d": ("TripoSG/transformer", TRIPOSG_WEIGHTS, torch.float32, theirs),
        "shape_vae": ("TripoSG/vae", TRIPOSG_WEIGHTS, torch.float32, theirs),
        "temporal_denoiser": ("ActionMesh/denoiser", ACTIONMESH_WEIGHTS, torch.float32, dict),
        "temporal_autoencoder": ("ActionMesh/autoencoder", ACTIONMESH_WEIGHTS, torch.float32, dict),
    }
    total = 0
    for part, (place, file, dtype, rename) in places.items():
        path = folder / place / file
        save_file(rename(repeated_tensors(empty_network(part, sizes), dtype)), path)
        total += path.stat().st_size
    return total


def repeated_tensors(network: nn.Module, dtype: torch.dtype) -> dict[str, Tensor]:
    """Return tensors that repeat one block of noise: drawing gigabytes would take longer than reading them."""
    noise = (0.02 * torch.randn(1 << 20, generator=torch.Generator().manual_seed(0))).to(dtype)
    return {
        name: noise.repeat(-(-like.numel() // len(noise)))[: like.numel()].reshape(like.shape).clone()
        for name, like in network.state_dict().items()
    }
