"""The networks of one checkpoint, loaded ahead or when first needed, and kept for the next job."""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch
from torch import nn

from ..acceleration.execution import Execution
from ..acceleration.float8 import quantise_linears
from ..errors import InputError
from ..models.background_removal import BackgroundRemoval
from ..models.denoiser import ImageTo3DDenoiser, TemporalDenoiser
from ..models.shape_vae import ShapeVAE
from ..models.temporal_autoencoder import TemporalAutoencoder, TemporalAutoencoderConfig
from .agreement import require_agreement
from .ahead import Ahead
from .background_removal import load_background_removal
from .facts import CheckpointFacts
from .load import load
from .needs import needs_of
from .parts import PARTS, Make
from .plan import AUTO, PLANS, MemoryPlan, choose_plan, free_main_memory, free_memory, lighter, on_device, plan_named
from .precision import TypeOf, types_of
from .residence import Residence
from .streaming import Stopped
from .tensor_file import readable

if TYPE_CHECKING:
    from transformers import Dinov2Model

DENOISERS = ("image_to_3d", "temporal_denoiser")
"""The parts that have an 8-bit form."""
CPU = torch.device("cpu")


@runtime_checkable
class Prepares(Protocol):
    """A network that prepares itself once its weights are in place."""

    def prepare_inference(self, execution: Execution) -> None: ...


class ModelStore(CheckpointFacts):
    """Lazily loaded networks.

    Args:
        checkpoint: folder of a checkpoint, see `checkpoints`.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        memory: the name of a plan, or "auto" to choose one by the device's free memory when the plan is first needed.
    Raises:
        CheckpointError: the checkpoint is not complete.
        InputError: the device or the plan does not exist.
    """

    def __init__(self, checkpoint: Path, device: str = "auto", memory: str = AUTO):
        super().__init__(checkpoint)
        self.device = choose_device(device)
        self.dtype = run_dtype(self.device)
        self.loads = 0
        self.retried_for_memory = False
        self._chooses = memory == AUTO
        self._plan = None if self._chooses else on_device(plan_named(memory), self.device)
        self._check: Callable[[], None] = lambda: None
        self._residence = Residence(self.device)
        self._ahead = Ahead()

    @property
    def plan(self) -> MemoryPlan:
        """The memory plan. Raises CheckpointError if it has to be chosen and the checkpoint is damaged."""
        if self._plan is None:
            self._plan = self._fitting(PLANS)
        return self._plan

    @plan.setter
    def plan(self, plan: MemoryPlan) -> None:
        """Set the plan; networks that were loaded under another plan are freed."""
        self.unload()
        self._plan = plan

    @property
    def can_lighten(self) -> bool:
        """Whether a job that ran out of memory may continue with a smaller plan: once, and if there is one."""
        return not self.retried_for_memory and bool(lighter(self.plan))

    def lighten(self) -> None:
        """Free everything and continue with a smaller plan; later jobs use it too.

        After a plan that the user named, that is the next one; otherwise it is chosen again by the memory that is free
        now, which other programs may have taken.
        """
        smaller = lighter(self.plan)
        gc.collect()  # frees tensors of the failed stage that only a cycle holds, such as an error and its frame
        self.unload()
        self._plan = self._fitting(smaller) if self._chooses else on_device(smaller[0], self.device)
        self.retried_for_memory = True

    @contextmanager
    def job(self, *parts: str, float8: bool = False, check: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Surround a job that needs these parts, in this order: they are loaded ahead, and loading ends with the job.

        Args:
            float8: see `prefetch`.
            check: called now and then while the job waits for a part; if it raises, so does the request for the part.
        Raises:
            CheckpointError: the parts do not belong together.
        """
        require_agreement(self.checkpoint)
        self.retried_for_memory, self._check = False, check
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
        if not self.plan.resident and self.device.type != "cuda":
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
        """The network that removes backgrounds; only for a checkpoint that `removes_background`."""
        return self._part("background_removal")

    def unload(self) -> None:
        """Free all networks, including those that are being loaded."""
        self._ahead.stop()
        self._residence.clear()

    def describe(self) -> dict[str, Any]:
        """Return the name, the device and the loaded parts as plain JSON values."""
        held = self._residence.held()
        return {
            "checkpoint": self.checkpoint.name,
            "device": str(self.device),
            "parts": sorted(held),
            "bytes": sum(held.values()),
            "loads": self.loads,
        }

    def types_of(self, part: str) -> TypeOf:
        """Return the types of a part's tensors on the store's device."""
        config = self.checkpoint.temporal_autoencoder / "config.json"
        return types_of(part, self.dtype, TemporalAutoencoderConfig.load(config))

    def _fitting(self, plans: Sequence[MemoryPlan]) -> MemoryPlan:
        """Return the roomiest of some plans that the device has memory for."""
        needs = needs_of(self.checkpoint, self.dtype)
        return on_device(choose_plan(free_memory(self.device), needs.bytes_of, plans), self.device)

    def _part(self, name: str, float8: bool = False) -> Any:
        """Return a network on the device, ready to compute."""
        key = _key(name, float8)
        self._residence.drop(_key(name, not float8))
        if not self.plan.resident:
            self._residence.leave_room(key)
        if key not in self._residence:
            network = self._ahead.take(key, self._check) or self._read(name, self._make(name), self.device, Event())
            self._residence.add(key, self._prepared(network.to(self.device), float8))
            self.loads += 1
        return self._residence.enter(key)

    def _prepared(self, network: nn.Module, float8: bool) -> nn.Module:
        if isinstance(network, Prepares):
            network.prepare_inference(self.plan.execution)
        if float8:
            quantise_linears(network)
        return network

    def _make(self, name: str) -> Make:
        """Return what builds a part's network; called in the requesting thread, because it imports libraries."""
        if name not in PARTS:
            folder = self.checkpoint.background_removal
            assert name == "background_removal" and folder is not None
            return partial(load_background_removal, folder, "cpu", torch.float32)
        return PARTS[name].maker(getattr(self.checkpoint, name) / "config.json")

    def _read(self, name: str, make: Make, device: torch.device, stop: Event) -> nn.Module:
        """Return a part's network with its weights, on `device`; for Apple's GPU, in main memory, to be moved later."""
        if name not in PARTS:
            return make()
        path = self._weights(name)
        return load(make, path, PARTS[name].rename, device if device.type == "cuda" else CPU, self.types_of(name), stop)

    def _read_ahead(self, name: str, make: Make, stop: Event) -> nn.Module:
        """Read a part ahead; unless all networks stay on the device, it waits in main memory, if there is room."""
        if self.plan.resident:
            return self._read(name, make, self.device, stop)
        path = self._weights(name)
        with readable(path):
            size = path.stat().st_size
        if size > free_main_memory():
            raise Stopped
        return self._read(name, make, CPU, stop)

    def _weights(self, name: str) -> Path:
        folder: Path = getattr(self.checkpoint, name)
        return folder / PARTS[name].weights


def _key(part: str, float8: bool) -> str:
    return f"{part} in 8 bits" if float8 else part


def choose_device(name: str) -> torch.device:
    """Return the device of this name; "auto" is the first available of CUDA, MPS and the CPU.

    Raises:
        InputError: the device does not exist.
    """
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
    """Return the type that most weights are cast to: bfloat16 or float16, float32 on the CPU; see `precision`.

    Cards before Ampere only emulate bfloat16, without its products in hardware: they get float16.
    """
    if device.type == "cuda":
        with torch.cuda.device(device):  # the query is about the current device
            return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    return torch.float16 if device.type == "mps" else torch.float32
