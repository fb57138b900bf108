"""Functions run in another process, because they hold Python's global lock for long or cannot be stopped.

As a script it loads a module by its path, so that the process starts without the package, and calls a function in it
with the arrays on standard input; the arrays that it returns go to standard output.

    python side_process.py MODULE.py FUNCTION < arrays > returned
"""

import inspect
import io
import logging
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import numpy as np

PATIENCE = 0.1
"""Seconds between two calls of `check`."""

log = logging.getLogger(__name__)


def beside_or_here(
    function: Callable[..., Sequence[np.ndarray]],
    arrays: Sequence[np.ndarray],
    work: str,
    check: Callable[[], None] = lambda: None,
) -> Sequence[np.ndarray]:
    """Return what a function returns for some arrays: from another process, or from this one if that fails.

    Args:
        function: of a module that imports nothing from the package.
        work: what is done, for the log.
        check: see `run_beside`; work in this process does not call it.
    """
    try:
        return run_beside(Path(inspect.getfile(function)), function.__name__, arrays, check)
    except (OSError, ValueError, EOFError) as error:
        log.info("%s in this process, because a separate process failed: %s", work, error)
    return function(*arrays)


def run_beside(
    module: Path, function: str, arrays: Sequence[np.ndarray], check: Callable[[], None] = lambda: None
) -> list[np.ndarray]:
    """Return the arrays that a module's function returns for some arrays, from a process of its own.

    Args:
        module: a file that imports nothing from the package.
        check: called regularly meanwhile; an exception that it raises kills the process.
    Raises:
        OSError, ValueError, EOFError: the process could not be started, failed, or answered something else.
    """
    with TemporaryFile() as question, TemporaryFile() as answer, TemporaryFile() as complaint:
        question.write(pack(arrays))
        question.seek(0)
        code = _run([str(module), function], (question, answer, complaint), check)
        for file in (answer, complaint):
            file.seek(0)
        if code:
            raise OSError(f"it exited with {code}: {complaint.read()[-300:].decode(errors='replace').strip()}")
        return unpack(answer.read())


def pack(arrays: Sequence[np.ndarray]) -> bytes:
    """Return the arrays as .npy files, one after the other."""
    stream = io.BytesIO()
    for array in arrays:
        np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def unpack(data: bytes) -> list[np.ndarray]:
    """Return the arrays that `pack` packed.

    Raises:
        ValueError, EOFError: the data is not the output of `pack`, or empty.
    """
    stream = io.BytesIO(data)
    arrays: list[np.ndarray] = []
    while not arrays or stream.tell() < len(data):
        arrays.append(np.load(stream, allow_pickle=False))
    return arrays


def _run(arguments: list[str], files: tuple[IO[bytes], IO[bytes], IO[bytes]], check: Callable[[], None]) -> int:
    """Run this file with the files as stdin, stdout and stderr, and return its exit code.

    If `check` raises, the process is killed.
    """
    # both flags keep the script's folder, whose modules have common names, off the import path
    alone = "-I" if sys.flags.isolated else "-P"
    stdin, stdout, stderr = files
    hidden = getattr(subprocess, "CREATE_NO_WINDOW", 0)
    command = [sys.executable, alone, str(Path(__file__)), *arguments]
    with subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=stderr, creationflags=hidden) as process:
        try:
            while True:
                check()
                try:
                    return process.wait(PATIENCE)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            process.kill()


def _answer(path: str, function: str) -> None:
    spec = spec_from_file_location("asked", path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.stdout.buffer.write(pack(getattr(module, function)(*unpack(sys.stdin.buffer.read()))))


if __name__ == "__main__":
    _answer(*sys.argv[1:])
