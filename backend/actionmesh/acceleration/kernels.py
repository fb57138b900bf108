"""The project's only attention, and which of torch's kernels computes it.

On CUDA torch has three fused kernels: cuDNN's, FlashAttention (Dao 2023) and a memory-efficient one (Rabe and
Staats 2021). Which is fastest depends on the card, the type and the sizes, so each problem is measured once per
process and remembered. Other devices have one kernel; there torch chooses.
"""

import logging
import warnings

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

log = logging.getLogger(__name__)

FUSED = (SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION)
TIMED_CALLS = 5
LONG_CALL = 20.0
"""Milliseconds above which a kernel is timed only once."""

Problem = tuple[torch.device, torch.dtype, torch.Size, torch.Size]
"""Device and type; sizes of the queries (B, L, H, d) and of the keys (B, S, H, d)."""

_fastest: dict[Problem, SDPBackend | None] = {}


def attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Return softmax(q k^T / sqrt(d)) v of every head, (B, L, (H d)).

    On a CPU with gradients the product is written out, because the fused kernel's backward pass is slower there.

    Args:
        queries: (B, L, H, d).
        keys, values: (B, S, H, d).
    """
    if torch.compiler.is_compiling() and not torch.is_grad_enabled():
        return _attend_uncompiled(queries, keys, values)
    return _attend(queries, keys, values)


def _attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    heads_first = [rearrange(x, "b l h d -> b h l d") for x in (queries, keys, values)]
    if queries.device.type == "cpu" and torch.is_grad_enabled():
        attended = _written_out(*heads_first)
    else:
        attended = _fused(*heads_first)
    return rearrange(attended, "b h l d -> b l (h d)")


@torch.library.custom_op("actionmesh::attend", mutates_args=())
def _attend_uncompiled(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Run `attend` as one operation that torch.compile calls without tracing it.

    Tracing would fix the kernel that torch prefers at that moment, and cannot measure. This operation chooses at
    run time.
    """
    return _attend(queries, keys, values).contiguous()


@_attend_uncompiled.register_fake
def _(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    return queries.new_empty(*queries.shape[:2], queries.shape[2] * queries.shape[3])


def _written_out(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    scores = (queries * queries.shape[-1] ** -0.5) @ keys.transpose(-1, -2)
    return scores.softmax(dim=-1) @ values


def _fused(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    backend = choose_backend(queries, keys, values)
    if backend is None:
        return F.scaled_dot_product_attention(queries, keys, values)
    with sdpa_kernel(backend):
        return F.scaled_dot_product_attention(queries, keys, values)


def choose_backend(queries: Tensor, keys: Tensor, values: Tensor) -> SDPBackend | None:
    """Return the fastest fused kernel for tensors (B, H, L, d) of these sizes; None if torch should choose.

    Torch chooses outside CUDA, during training (the backward pass is not measured), under autocast (which decides
    on the type later), for sizes that first appear while a CUDA graph is recorded (nothing can be timed then), and
    if no fused kernel works.
    """
    device = queries.device
    if device.type != "cuda" or torch.is_grad_enabled() or torch.is_autocast_enabled("cuda"):
        return None
    problem = (device, queries.dtype, queries.shape, keys.shape)
    if problem not in _fastest:
        if torch.cuda.is_current_stream_capturing():
            return None
        _fastest[problem] = _measure(queries, keys, values)
    return _fastest[problem]


def _measure(queries: Tensor, keys: Tensor, values: Tensor) -> SDPBackend | None:
    """Return the fastest working kernel, or None.

    Raises:
        torch.OutOfMemoryError: no kernel works, and at least one lacked memory.
    """
    working: dict[SDPBackend, float] = {}
    too_large: torch.OutOfMemoryError | None = None
    for backend in FUSED:
        try:
            working[backend] = _milliseconds(backend, queries, keys, values)
        except torch.OutOfMemoryError as error:  # its workspace did not fit; another kernel may need none
            too_large = error
        except RuntimeError:  # the kernel does not accept these tensors
            pass
    if not working and too_large is not None:
        raise too_large
    chosen = min(working, key=lambda backend: working[backend], default=None)
    found = ", ".join(f"{backend.name} {time:.2f} ms" for backend, time in working.items())
    log.debug(
        "Attention %s to %s, %s: %s", tuple(queries.shape), tuple(keys.shape), queries.dtype, found or "no fused kernel"
    )
    return chosen


def _milliseconds(backend: SDPBackend, queries: Tensor, keys: Tensor, values: Tensor) -> float:
    """Return the shortest time of a few calls, after one that warms up.

    Raises:
        RuntimeError: the kernel does not accept these tensors.
    """
    with warnings.catch_warnings(), sdpa_kernel(backend):
        warnings.simplefilter("ignore")  # torch warns of every reason why a kernel does not fit
        F.scaled_dot_product_attention(queries, keys, values)
        return _shortest_call(queries, keys, values)


def _shortest_call(queries: Tensor, keys: Tensor, values: Tensor) -> float:
    shortest = float("inf")
    stream = torch.cuda.current_stream(queries.device)  # the tensors' card may not be the current one
    for _ in range(TIMED_CALLS):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record(stream)
        F.scaled_dot_product_attention(queries, keys, values)
        end.record(stream)
        end.synchronize()
        shortest = min(shortest, start.elapsed_time(end))
        if shortest > LONG_CALL:
            break
    return shortest
