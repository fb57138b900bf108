"""The networks of one checkpoint, loaded ahead or when first needed, and kept for the next job."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch
from torch import nn

from ..acceleration.execution import Execution
from ..acceleration.float8 import quantise_linears
from ..models.background_removal import BackgroundRemoval
from ..models.denoiser import ImageTo3DDenoiser, TemporalDenoiser
from ..models.shape_vae import ShapeVAE
from ..models.temporal_autoencoder import TemporalAutoencoder, TemporalAutoencoderConfig
from ..weights.agreement import require_agreement
from ..weights.background_removal import load_background_removal
from ..weights.checkpoints import Checkpoint
from ..weights.parts import PARTS, Make
from ..weights.precision import TypeOf, types_of
from ..weights.subject_tracking import load_subject_tracker
from ..weights.tensor_file import readable
from .ahead import Ahead
from .loading import load
from .plan import free_main_memory
from .residence import Residence
from .runtime import Runtime
from .streaming import Stopped

if TYPE_CHECKING:
    from transformers import Dinov2Model, EdgeTamVideoModel, Sam2VideoModel

OPTIONAL: dict[str, Callable[[Path, str, torch.dtype], nn.Module]] = {
    "background_removal": load_background_removal,
    "subject_tracker": load_subject_tracker,
}
"""What loads the parts that a checkpoint need not have."""
DENOISERS = ("image_to_3d", "temporal_denoiser")
"""The parts that have an 8-bit form."""
CPU = torch.device("cpu")


@runtime_checkable
class Prepares(Protocol):
    """A network that prepares itself once its weights are in place."""

    def prepare_inference(self, execution: Execution) -> None: ...


class Networks:
    """Lazily loaded networks.

    Args:
        checkpoint: where their files are.
        runtime: where they run, and under which memory plan.
    """

    def __init__(self, checkpoint: Checkpoint, runtime: Runtime):
        self.loads = 0
        self._checkpoint, self._runtime = checkpoint, runtime
        self._check: Callable[[], None] = lambda: None
        self._residence = Residence(runtime.device)
        self._ahead = Ahead()

    def lighten(self) -> None:
        """Free everything, and continue with a smaller memory plan."""
        gc.collect()  # frees tensors of the failed stage that only a cycle holds, such as an error and its frame
        self.unload()
        self._runtime.lighten()

    @contextmanager
    def job(self, *parts: str, float8: bool = False, check: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Surround a job that needs these parts, in this order: they are loaded ahead, and loading ends with the job.

        Args:
            float8: see `prefetch`.
            check: called now and then while the job waits for a part; if it raises, so does the request for the part.
        Raises:
            CheckpointError: the parts do not belong together.
        """
        require_agreement(self._checkpoint)
        self._runtime.retried_for_memory, self._check = False, check
        try:
            self.prefetch(*parts, float8=float8)
            yield
        finally:
            self._ahead.stop()
            self._check = lambda: None

    def prefetch(self, *parts: str, float8: bool = False) -> None:
        """Start loading parts, in this order, in a thread; return at once.

        An error there is raised when the part is requested. Nothing is loaded ahead if a waiting part would take memory
        that the computing one needs.

        Args:
            float8: the temporal denoiser will be requested in 8 bits.
        Raises:
            CheckpointError: a part's configuration is missing or damaged.
        """
        if not self._runtime.plan.resident and self._runtime.device.type != "cuda":
            return
        in_8_bits = {part: float8 and part == "temporal_denoiser" for part in parts}
        for part in parts:
            self._residence.drop(_key(part, not in_8_bits[part]))
        missing = {key: part for part in parts if (key := _key(part, in_8_bits[part])) not in self._residence}
        self._ahead.start({key: partial(self._read_ahead, part, self._make(part)) for key, part in missing.items()})

    def denoiser(self, part: str, float8: bool = False) -> Any:
        """Return "image_to_3d" or "temporal_denoiser"; with `float8`, its separate network with linears in 8 bits.

        Only one form is loaded at a time: the other is freed.
        """
        assert part in DENOISERS, part
        return self._part(part, float8)

    @property
    def image_encoder(self) -> "Dinov2Model":
        return self._part("image_encoder")

    @property
    def image_to_3d(self) -> ImageTo3DDenoiser:
        return self._part("image_to_3d")

    @property
    def shape_vae(self) -> ShapeVAE:
        return self._part("shape_vae")

    @property
    def temporal_denoiser(self) -> TemporalDenoiser:
        return self._part("temporal_denoiser")

    @property
    def temporal_autoencoder(self) -> TemporalAutoencoder:
        return self._part("temporal_autoencoder")

    @property
    def background_removal(self) -> BackgroundRemoval:
        """The network that removes backgrounds; only for a checkpoint that has one."""
        return self._part("background_removal")

    @property
    def subject_tracker(self) -> "Sam2VideoModel | EdgeTamVideoModel":
        """The network that follows a subject; only for a checkpoint that has one."""
        return self._part("subject_tracker")

    def unload(self) -> None:
        """Free all networks, including those that are being loaded."""
        self._ahead.stop()
        self._residence.clear()

    def held(self) -> dict[str, int]:
        """Return the bytes of each loaded network, on the device or waiting for it."""
        return self._residence.held()

    def types_of(self, part: str) -> TypeOf:
        """Return the types of a part's tensors on the device."""
        config = self._checkpoint.temporal_autoencoder / "config.json"
        return types_of(part, self._runtime.dtype, TemporalAutoencoderConfig.load(config))

    def _part(self, name: str, float8: bool = False) -> Any:
        """Return a network on the device, ready to compute."""
        key = _key(name, float8)
        self._residence.drop(_key(name, not float8))
        if not self._runtime.plan.resident:
            self._residence.leave_room(key)
        if key not in self._residence:
            device = self._runtime.device
            network = self._ahead.take(key, self._check) or self._read(name, self._make(name), device, Event())
            self._residence.add(key, self._prepared(network.to(device), float8))
            self.loads += 1
        return self._residence.enter(key)

    def _prepared(self, network: nn.Module, float8: bool) -> nn.Module:
        if isinstance(network, Prepares):
            network.prepare_inference(self._runtime.plan.execution)
        if float8:
            quantise_linears(network)
        return network

    def _make(self, name: str) -> Make:
        """Return what builds a part's network; called in the requesting thread, because it imports libraries."""
        if name not in PARTS:
            folder: Path | None = getattr(self._checkpoint, name)
            assert folder is not None, name
            return partial(OPTIONAL[name], folder, "cpu", torch.float32)
        return PARTS[name].maker(getattr(self._checkpoint, name) / "config.json")

    def _read(self, name: str, make: Make, device: torch.device, stop: Event) -> nn.Module:
        """Return a part's network with its weights, on `device`; for Apple's GPU, in main memory, to be moved later."""
        if name not in PARTS:
            return make()
        path = self._weights(name)
        return load(make, path, PARTS[name].rename, device if device.type == "cuda" else CPU, self.types_of(name), stop)

    def _read_ahead(self, name: str, make: Make, stop: Event) -> nn.Module:
        """Read a part ahead; unless all networks stay on the device, it waits in main memory, if there is room."""
        if self._runtime.plan.resident:
            return self._read(name, make, self._runtime.device, stop)
        path = self._weights(name)
        with readable(path):
            size = path.stat().st_size
        if size > free_main_memory():
            raise Stopped
        return self._read(name, make, CPU, stop)

    def _weights(self, name: str) -> Path:
        folder: Path = getattr(self._checkpoint, name)
        return folder / PARTS[name].weights


def _key(part: str, float8: bool) -> str:
    return f"{part} in 8 bits" if float8 else part
