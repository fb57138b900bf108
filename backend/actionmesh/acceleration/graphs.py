"""Calls whose shapes do not change, recorded once as CUDA graphs and replayed.

With short kernels most of the time goes into launching them: image-to-3D runs 21 blocks over 2049 tokens, twice per
step, a hundred times. A replay launches the whole call at once
(https://pytorch.org/docs/stable/notes/cuda.html#cuda-graphs).

Experimental, and off unless ACTIONMESH_EXPERIMENTAL names "graphs": tests run it on a fake of CUDA graphs, and no card
has run it. Kept beside torch.compile's mode "reduce-overhead" because that records each compiled region by itself, and
here a region is one block that all blocks of a network share with other weights; this records a whole step, compiled
or not. Neither has been timed.
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
"""Calls before a recording: libraries choose and compile kernels and allocate workspaces, which a recording must not
contain."""

Call = Callable[..., Tensor]
Shapes = tuple[tuple[torch.Size, torch.dtype, torch.device], ...]


_failed: list[torch.cuda.CUDAGraph] = []
"""Graphs whose recording failed. They are kept because torch's allocator refers to them for the life of the process."""


@dataclass(frozen=True)
class Recording:
    """A recorded call. Its tensors stay in place, because the graph holds their addresses."""

    graph: torch.cuda.CUDAGraph
    inputs: tuple[Tensor, ...]
    output: Tensor

    def replay(self, inputs: tuple[Tensor, ...]) -> Tensor:
        """Return the call's result for inputs of the recorded shapes.

        The result is a copy, because the next replay overwrites the recorded one.
        """
        for held, given in zip(self.inputs, inputs, strict=True):
            held.copy_(given)
        self.graph.replay()
        return self.output.clone()


class Replayed:
    """A function of CUDA tensors that is recorded as a CUDA graph once per set of input shapes, then replayed.

    Without a CUDA device, with gradients, or if it cannot be recorded, the function is called directly.

    The function must not choose by values of tensors or copy them to the host (`item`, `cpu`, printing), draw
    random numbers, allocate pinned memory, keep its inputs, or have effects beyond its result, because a replay
    repeats the kernels but no Python. Every other tensor that it reads (weights, keys and values) must stay alive,
    in place and on the device as long as it is replayed: drop this object before a network is unloaded or moved.
    In-place changes of those tensors are seen. A failed recording may leave torch's own CUDA random generator
    unusable; noise drawn on the CPU is not affected.

    Args:
        function: tensors -> one tensor.
        most_recordings: most recordings, one for each combination of shapes, dtypes and device; further ones are
            not recorded. Each holds the memory of its inputs and result; they share the memory needed during a
            call.
    """

    def __init__(self, function: Call, most_recordings: int = 4):
        if most_recordings < 1:
            raise ValueError(f"most_recordings is {most_recordings}; it must be above 0")
        self._function = function
        self._most_recordings = most_recordings
        self._recordings: dict[Shapes, Recording] = {}

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Return the function's result, which belongs to the caller."""
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
        except RuntimeError as error:  # torch raises RuntimeError for CUDA and memory errors
            log.warning("Steps run without a CUDA graph: %s", (str(error) or type(error).__name__).splitlines()[0])
            self._most_recordings = len(self._recordings)
        return self._recordings.get(shapes)


@torch.inference_mode(False)
@torch.no_grad()
def record(function: Call, inputs: tuple[Tensor, ...], sharing: torch.cuda.CUDAGraph | None = None) -> Recording:
    """Record function(*inputs).

    Args:
        sharing: an earlier graph that is never replayed at the same time; the new one uses its memory.
    Raises:
        RuntimeError: the function did something that a graph cannot hold, or memory ran out.
    """
    device = inputs[0].device
    held = tuple(x.clone() for x in inputs)
    with torch.cuda.device(device):
        stream = recording_stream(device)
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(stream):  # also around the recording, which does not leave its stream if it fails
            for _ in range(WARM_UP_CALLS):
                function(*held)
            graph, output = _record_on(stream, lambda: function(*held), sharing)
        torch.cuda.current_stream(device).wait_stream(stream)
    return Recording(graph, held, output)


@functools.cache
def recording_stream(device: torch.device) -> torch.cuda.Stream:
    """Return one stream for all recordings, because libraries keep a workspace for each stream they have used."""
    return torch.cuda.Stream(device)


def _record_on(
    stream: torch.cuda.Stream, call: Callable[[], Tensor], sharing: torch.cuda.CUDAGraph | None
) -> tuple[torch.cuda.CUDAGraph, Tensor]:
    """Record the call; other threads may allocate and copy meanwhile, as the recording concerns only its own thread."""
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
