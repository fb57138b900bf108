"""Start, follow and end a rendering process from a timer, without waiting for it.

The process reads one line from its standard input and answers in the worker's protocol: progress, and finally an empty
answer or a failure. For the contents of the order, see `scene.second_blender`.
"""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty
from threading import Thread

from ..errors import ArtistError, FolderError, RenderError
from ..process import log_file, pipes
from ..process.backend_locator import protocol

END_OF_OUTPUT = 0.5
"""Seconds to wait for the output to end after the process, or for the process to end after its output."""


def watch(
    command: list[str],
    order: bytes,
    log: Path,
    leftovers: Sequence[Path] = (),
    clock: Callable[[], float] = time.monotonic,
) -> Generator[protocol.ProgressNotice | None, None, None]:
    """Let a process render; yield its latest progress, or None, until it is done. Closing the generator ends it.

    However it ends, the log and the leftovers are removed.

    Args:
        command: the program and its arguments.
        order: the order for the process; one line.
        log: path for its standard error.
        leftovers: files to remove afterwards.
        clock: returns the time in seconds.

    Raises:
        BackendMissing: the program cannot be started.
        FolderError: the log or a picture cannot be written.
        RenderError: it cannot render, or ended before all was done.
        ArtistError: the artist has to fix something in the scene.
    """
    process = outbox = None
    try:
        process = pipes.start(command, log, {})
        inbox, outbox = pipes.connect(process)
        outbox.put(order)
        yield from _listen(process, inbox, log, clock)
    finally:
        if process is not None:
            process.kill()
            Thread(target=_tidy, args=(process, (log, *leftovers)), name="ActionMesh end", daemon=True).start()
        if outbox is not None:
            outbox.put(None)
        _remove((log, *leftovers))


def _listen(
    process: pipes.Process, inbox: pipes.Inbox, log: Path, clock: Callable[[], float]
) -> Iterator[protocol.ProgressNotice | None]:
    is_open, half_gone = True, None
    while True:
        told = None
        for message in _received(inbox):
            is_open = is_open and message is not None
            if isinstance(message, protocol.Answer):
                return
            if isinstance(message, protocol.Failure):
                raise _error_of(message.error, log)
            if isinstance(message, protocol.Notice) and isinstance(message.params, protocol.ProgressNotice):
                told = message.params
        code = process.poll()
        if not is_open or code is not None:
            half_gone = clock() if half_gone is None else half_gone
            if not is_open and code is not None or clock() - half_gone > END_OF_OUTPUT:
                raise _died(code, log)
        yield told


def _received(inbox: pipes.Inbox) -> Iterator[protocol.Message | bytes | None]:
    while True:
        try:
            yield inbox.get_nowait()
        except Empty:
            return


def _error_of(error: protocol.ProtocolError, log: Path) -> ArtistError:
    if error.kind is protocol.Kind.CANNOT_WRITE:
        return FolderError(error.problem, error.cure)
    if error.kind is protocol.Kind.INTERNAL:
        return RenderError(error.problem, error.cure, log_file.tail(log))
    return ArtistError(error.problem, error.cure)


def _died(code: int | None, log: Path) -> RenderError:
    how = "closed its output" if code is None else f"stopped unexpectedly ({pipes.exit_in_words(code)})"
    return RenderError(f"The second Blender, which renders the object, {how}.", "Try again.", log_file.tail(log))


def _tidy(process: pipes.Process, leftovers: Sequence[Path]) -> None:
    """Wait for a killed process to end, then remove its files: Windows cannot delete files that are open."""
    pipes.end(process, pipes.FORCED, wait=True)
    _remove(leftovers)


def _remove(leftovers: Sequence[Path]) -> None:
    for path in leftovers:
        with suppress(OSError):
            path.unlink()
