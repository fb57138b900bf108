"""Calls whose shapes do not change, recorded once as CUDA graphs and replayed.

Where kernels are short the time goes into launching them: image-to-3D runs 21 blocks over 2049 tokens, twice a step, a hundred
times. A replay launches the whole call at once (https://pytorch.org/docs/stable/notes/cuda.html#cuda-graphs).
"""

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

log = logging.getLogger(__name__)

GRAPH_DEVICE = "cuda"
WARM_UP_CALLS = 3
"""Before a recording: libraries choose and compile kernels and make their workspaces, which a recording must not contain."""

Call = Callable[..., Tensor]
Shapes = tuple[tuple[torch.Size, torch.dtype, torch.device], ...]


_failed: list[torch.cuda.CUDAGraph] = []
"""Graphs whose recording failed: torch's allocator refers to them for as long as the process lives."""


@dataclass(frozen=True)
class Recording:
    """A recorded call; its tensors stay where they are, because the graph knows their addresses."""

    graph: torch.cuda.CUDAGraph
    inputs: tuple[Tensor, ...]
    output: Tensor

    def replay(self, inputs: tuple[Tensor, ...]) -> Tensor:
        """The call's result for inputs of the recorded shapes; a copy, because the next replay overwrites it."""
        for held, given in zip(self.inputs, inputs, strict=True):
            held.copy_(given)
        self.graph.replay()
        return self.output.clone()


class Replayed:
    """A function of CUDA tensors, replayed as a CUDA graph once it was called with inputs of the same shapes.

    Elsewhere than on a CUDA device, with gradients, and where it cannot be recorded, the function is called as it is.

    The function must not: choose by values of tensors or bring them to the host (`item`, `cpu`, printing), draw random numbers,
    allocate pinned memory, keep its inputs, or have effects beyond its result, for a replay repeats the kernels and no Python.
    Every other tensor that it reads (weights, keys and values) must stay alive, in place and on the device as long as it is
    replayed: drop this object before a network is unloaded or moved. What is written into those tensors in place is seen.
    A recording that fails may leave torch's own CUDA random generator unusable; noise that is drawn on the CPU is not affected.

    Args:
        function: tensors -> one tensor.
        most_recordings: of different shapes, dtypes or devices; inputs beyond them are not recorded. Each holds the memory
            of its inputs and result; what the calls need in between, they share.
    """

    def __init__(self, function: Call, most_recordings: int = 4):
        if most_recordings < 1:
            raise ValueError(f"most_recordings is {most_recordings}, and must be above 0")
        self._function = function
        self._most_recordings = most_recordings
        self._recordings: dict[Shapes, Recording] = {}

    def __call__(self, *inputs: Tensor) -> Tensor:
        """The function's result, which is the caller's to keep."""
        if torch.is_grad_enabled() or not _on_one_graph_device(inputs):
            return self._function(*inputs)
        shapes = tuple((x.shape, x.dtype, x.device) for x in inputs)
        recording = self._recordings.get(shapes)
        if recording is None and len(self._recordings) < self._most_recordings:
            recording = self._record(shapes, inputs)
        return self._function(*inputs) if recording is None else recording.replay(inputs)

    def _record(self, shapes: Shapes, inputs: tuple[Tensor, ...]) -> Recording | None:
        earlier = next(iter(self._recordings.values()), None)
        try:
            self._recordings[shapes] = record(self._function, inputs, None if earlier is None else earlier.graph)
        except RuntimeError as error:  # torch's errors of CUDA and of memory are RuntimeErrors
            log.warning("Steps run without a CUDA graph: %s", (str(error) or type(error).__name__).splitlines()[0])
            self._most_recordings = len(self._recordings)
        return self._recordings.get(shapes)


@torch.inference_mode(False)
@torch.no_grad()
def record(function: Call, inputs: tuple[Tensor, ...], sharing: torch.cuda.CUDAGraph | None = None) -> Recording:
    """Records function(*inputs).

    Args:
        sharing: an earlier graph that is never replayed at the same time; the new one works in its memory.
    Raises:
        RuntimeError: the function did what a graph cannot hold, or there is too little memory.
    """
    device = inputs[0].device
    held = tuple(x.clone() for x in inputs)
    with torch.cuda.device(device):
        stream = recording_stream(device)
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(stream):  # also around the recording: where that fails it does not leave its stream
            for _ in range(WARM_UP_CALLS):
                function(*held)
            graph, output = _record_on(stream, lambda: function(*held), sharing)
        torch.cuda.current_stream(device).wait_stream(stream)
    return Recording(graph, held, output)


@functools.cache
def recording_stream(device: torch.device) -> torch.cuda.Stream:
    """One for all recordings: the libraries keep a workspace for each stream that they have seen."""
    return torch.cuda.Stream(device)


def _record_on(
    stream: torch.cuda.Stream, call: Callable[[], Tensor], sharing: torch.cuda.CUDAGraph | None
) -> tuple[torch.cuda.CUDAGraph, Tensor]:
    """Other threads go on allocating and copying meanwhile: the recording minds its own thread alone."""
    graph, pool = torch.cuda.CUDAGraph(), None if sharing is None else sharing.pool()
    try:
        with torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
            return graph, call()
    except BaseException:
        graph.reset()
        _failed.append(graph)
        recording_stream.cache_clear()
        raise


def _on_one_graph_device(inputs: tuple[Tensor, ...]) -> bool:
    devices = {x.device for x in inputs}
    return len(devices) == 1 and devices.pop().type == GRAPH_DEVICE
