"""Take one measurement of the full-size benchmark in this process, as a dictionary of plain JSON values."""

import importlib.metadata
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from actionmesh.geometry.extraction import extract_surface
from actionmesh.geometry.marching_cubes import WARP_DEVICES
from actionmesh.geometry.warp_marching import march_with_warp
from actionmesh.memory.model import open_model
from actionmesh.memory.plan import PLANS
from actionmesh.memory.runtime import choose_device, run_dtype
from actionmesh.weights.parts import PARTS

from .cases import CASES, SCALES, Case, Scale
from .instruments import clock, device_name, matrix_rate, memory, seconds_of, start_memory
from .operations import count_operations, decode_operations
from .plain import plain
from .random_weights import RandomNetworks, write_checkpoint
from .workload import CAN_DECIMATE, DECODE, TorusVAE, run_stages, torus_field

MACHINE, OPERATIONS, LOADING = "machine", "operations", "loading"
FEW_STEPS = 4


def measure(name: str, scale: Scale, device_type: str, files: Path) -> dict[str, Any]:
    """Measure by name: a case, the machine, operations at full size (on the meta device), or loading."""
    device = choose_device(device_type)
    if name == OPERATIONS:
        return {case.name: full_size_operations(case) for case in CASES}
    if name == MACHINE:
        return measure_machine(device)
    if name == LOADING:
        return measure_loading(scale, device, files)
    return measure_case(next(case for case in CASES if case.name == name), scale, device)


def measure_machine(device: torch.device) -> dict[str, Any]:
    """Return the device, its rate of matrix products, and the libraries."""
    dtype = run_dtype(device)
    return {
        "device": device_name(device),
        "matrix_tflops": matrix_rate(device, dtype),
        "dtype": str(dtype).removeprefix("torch."),
        "torch": str(torch.__version__),
        "marching_cubes": marching_cubes_library(device),
        "decimates": CAN_DECIMATE,
    }


def marching_cubes_library(device: torch.device) -> str:
    """Return the library of marching cubes on this device.

    Warp is tried on one cell, because the product falls back to scikit-image without a message.
    """
    if device.type in WARP_DEVICES:
        cell, corners = (
            torch.zeros(1, 3, dtype=torch.int32, device=device),
            torch.tensor([[1.0]] + 7 * [[-1.0]], device=device),
        )
        with suppress(Exception):
            march_with_warp(cell, corners)
            return f"Warp {importlib.metadata.version('warp-lang')}"
    return "scikit-image"


def measure_case(case: Case, scale: Scale, device: torch.device) -> dict[str, Any]:
    """Return seconds, operations and peak memory of each stage; `first_run_seconds` includes once-per-process work."""
    preset, workload = scale.preset(case), scale.workload(case)
    stages: dict[str, dict[str, float]] = {}

    @contextmanager
    def measured(stage: str) -> Iterator[None]:
        start_memory(device)
        start = clock(device)
        yield
        stages[stage] = {"seconds": clock(device) - start, **memory(device)}

    with ExitStack() as stack:
        enter(stack, case, device)
        model = RandomNetworks(scale.sizes, str(device), case.plan, torch.float32 if case.plain else None).model
        few = replace(preset, steps=FEW_STEPS, image_steps=FEW_STEPS)
        first = seconds_of(lambda: run_stages(model, few, workload, lambda stage: nullcontext()), device)
        TorusVAE.queries = 0
        run_stages(model, preset, workload, measured)
        for stage, operations in operations_of(case, scale, TorusVAE.queries).items():
            stages[stage]["tflop"] = operations / 1e12
    if model.runtime.retried_for_memory:
        raise MemoryError(
            f"The {case.plan} GB plan did not fit into {case.cap} GB; the {model.runtime.plan.name} GB plan did."
        )
    return {"seconds": sum(stage["seconds"] for stage in stages.values()), "first_run_seconds": first, "stages": stages}


def enter(stack: ExitStack, case: Case, device: torch.device) -> None:
    """Set up a case: its version, and the cap on the card's memory."""
    if case.cap and device.type == "cuda":
        total = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, case.cap * 1e9 / total))
    if case.plain:
        stack.enter_context(plain())
        if device.type == "cuda":
            stack.enter_context(torch.autocast("cuda", run_dtype(device)))


def operations_of(case: Case, scale: Scale, queries: int) -> dict[str, int]:
    """Return the operations of every stage, given the number of queries into the decoded field."""
    coarse = replace(scale.preset(case), resolution=16)
    counts = count_operations(scale.sizes, coarse, scale.workload(case), case.plan)
    return {**counts, DECODE: decode_operations(scale.sizes, queries)}


def full_size_operations(case: Case) -> dict[str, int]:
    """Return the operations of every stage at full size; the surface is extracted on the CPU to count queries."""
    scale = SCALES["full"]
    with plain() if case.plain else nullcontext():
        return operations_of(case, scale, queries_of(case, scale))


def queries_of(case: Case, scale: Scale) -> int:
    """Return the number of points at which the torus's field is queried to extract its surface."""
    resolution, queries = scale.preset(case).resolution, 0
    if case.plain:
        return (resolution + 1) ** 3

    def field(points: Tensor) -> Tensor:
        nonlocal queries
        queries += len(points)
        return torus_field(points)[:, 0]

    extract_surface(field, resolution)
    return queries


def measure_loading(scale: Scale, device: torch.device, files: Path) -> dict[str, Any]:
    """Measure loading, from files in the system's cache to networks on the device; the checkpoint stays in `files`."""
    size = write_checkpoint(files, scale.sizes)
    torch.zeros(1, device=device)
    start_memory(device)
    seconds = seconds_of(lambda: load_everything(files, device), device)
    return {"seconds": seconds, "gigabytes": size / 1e9, **memory(device)}


def load_everything(checkpoint: Path, device: torch.device) -> list[Any]:
    """Load all networks with the largest memory plan."""
    networks = open_model(checkpoint, str(device), PLANS[0].name).networks
    return [getattr(networks, part) for part in PARTS]
