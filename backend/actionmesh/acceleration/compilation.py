"""Regional compilation: torch.compile compiles one transformer block, and all blocks of its kind run the result.

A block's weights are inputs of the compiled code, so the next block needs no new compilation. A network of 21 blocks
compiles two (with and without a U-Net skip). Compilation saves the passes over memory between the matrix products:
norms, RoPE, GELU and sums are fused, and their float32 intermediates never leave the chip.

torch.compile does the work. Our own is only what it lacks: the way back to eager blocks if a machine has no compiler.
On by default on a card, as it is exact within rounding: tests/backend/test_execution.py traces every network on a
CPU. That it pays has not been measured.
"""

import logging
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ..failures import is_out_of_memory
from .execution import Execution

log = logging.getLogger(__name__)

BACKEND = "inductor"
MOST_KINDS = 64
"""Most kinds of calls (class of block, shapes, types, devices) that a process compiles. Torch's own limit of 8 is
meant for functions that are compiled by mistake. Torch keeps such settings per thread, and jobs may run in any
thread."""

CallBlock = Callable[..., Tensor]
"""(block, *its arguments) -> its result."""


def call_eagerly(block: nn.Module, *arguments: Any, **options: Any) -> Tensor:
    """Call the block without compiling it."""
    return block(*arguments, **options)


class CompiledCalls:
    """Calls blocks through torch.compile until that fails, then without compiling; the failure is logged once."""

    def __init__(self) -> None:
        self._compiled: CallBlock | None = None
        self._failed = False

    def __call__(self, block: nn.Module, *arguments: Any, **options: Any) -> Tensor:
        """Call the block, compiled where possible."""
        if self._failed or torch.is_grad_enabled():
            return call_eagerly(block, *arguments, **options)
        try:
            return self._compiled_call()(block, *arguments, **options)
        except Exception as error:  # compilers raise anything; an error of the block itself is raised again below
            if is_out_of_memory(error) or _is_recording():
                raise
            self._failed = True
            log.warning("Blocks run uncompiled: %s", _first_line(error))
            return call_eagerly(block, *arguments, **options)

    def _compiled_call(self) -> CallBlock:
        if torch._dynamo.config.recompile_limit < MOST_KINDS:
            torch._dynamo.config.recompile_limit = MOST_KINDS
        if self._compiled is None:
            self._compiled = torch.compile(call_eagerly, backend=BACKEND, dynamic=False, fullgraph=True)
        return self._compiled


call_compiled = CompiledCalls()
"""Shared by all networks: a block compiled for one network serves equal blocks of the others."""


def block_caller(execution: Execution) -> CallBlock:
    """Return the function through which a network calls its blocks."""
    return call_compiled if execution.compiled else call_eagerly


def _is_recording() -> bool:
    """Return whether a CUDA graph is being recorded.

    An error during a recording does not come from the compiler, and the call cannot go on eagerly.
    """
    return torch.cuda.is_available() and torch.cuda.is_current_stream_capturing()


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
