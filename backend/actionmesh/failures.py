"""Translate exceptions into user-facing errors: those that a user can cause keep their words, others get a kind.

The command line and the worker share this module, so that both say the same.
"""

import sys

from .errors import ActionMeshError
from .protocol import Kind, ProtocolError

ALLOCATOR_TEXTS = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "alloc_failed",
    "unable to allocate",
    "failed to allocate",
    "insufficient memory",
    "bad_alloc",
    "can't start new thread",
)
"""How PyTorch's allocators (CPU, CUDA, cuBLAS, MPS), OpenCV and Python word a lack of memory that they raise as another
kind of error."""


def explain(error: BaseException) -> ProtocolError:
    """Return the kind, the sentence and the cure to show the user for `error`."""
    if isinstance(error, ProtocolError):
        return error
    if isinstance(error, ActionMeshError):
        return ProtocolError(Kind(error.code), error.problem, error.cure)
    if is_out_of_memory(error):
        cure = "Choose a smaller memory plan, fewer frames or the CPU, or close other programs."
        return ProtocolError(Kind.OUT_OF_MEMORY, "There is not enough memory for this job.", cure)
    if isinstance(error, ImportError):
        return ProtocolError(Kind.BAD_INSTALL, f"A part of the installation is missing: {error}.", "Install again.")
    if isinstance(error, OSError) and error.filename is not None:
        problem = f"{error.filename} cannot be used ({error.strerror})."
        return ProtocolError(Kind.BAD_INPUT, problem, "Check the path and its permissions.")
    problem = f"ActionMesh failed because of a fault of its own ({type(error).__name__})."
    return ProtocolError(Kind.INTERNAL, problem, "Please report it with the log, which holds the details.")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether host or device memory ran out; PyTorch's own class is checked only if PyTorch is loaded."""
    torch = sys.modules.get("torch")
    own_class = getattr(torch, "OutOfMemoryError", MemoryError)
    if isinstance(error, MemoryError | own_class):
        return True
    return isinstance(error, Exception) and any(text in str(error).lower() for text in ALLOCATOR_TEXTS)
