"""Decimation that does not block other threads.

fast_simplification holds Python's global lock while it works: 0.8 s for 200 000 faces. Meanwhile the denoiser could not
launch its next kernels. Large meshes are therefore collapsed in a separate process, which can also be stopped.
"""

import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import numpy as np

from .collapse import collapse, pack, unpack

FACES_HERE = 100_000
"""Meshes with at most this many faces are collapsed in this process: they take 0.25 s, starting another half that."""
PATIENCE = 0.1
"""Seconds between two calls of `check`."""

log = logging.getLogger(__name__)


def decimate(
    vertices: np.ndarray, faces: np.ndarray, max_faces: int, check: Callable[[], None] = lambda: None
) -> tuple[np.ndarray, np.ndarray]:
    """Collapse edges until at most `max_faces` faces are left.

    Args:
        vertices: (V, 3) float32; faces: (F, 3) int32.
        check: called regularly while another process works; an exception that it raises stops the work.
    """
    if len(faces) <= max_faces:
        return vertices, faces
    if len(faces) > FACES_HERE:
        try:
            return _collapse_beside(vertices, faces, max_faces, check)
        except (OSError, ValueError, EOFError) as error:
            log.info("Decimating the mesh in this process, because a separate process failed: %s", error)
    return collapse(vertices, faces, max_faces)


def _collapse_beside(
    vertices: np.ndarray, faces: np.ndarray, max_faces: int, check: Callable[[], None]
) -> tuple[np.ndarray, np.ndarray]:
    with TemporaryFile() as question, TemporaryFile() as answer, TemporaryFile() as complaint:
        question.write(pack(vertices, faces))
        question.seek(0)
        code = _run([str(max_faces)], (question, answer, complaint), check)
        for file in (answer, complaint):
            file.seek(0)
        if code:
            raise OSError(f"it exited with {code}: {complaint.read()[-300:].decode(errors='replace').strip()}")
        collapsed_vertices, collapsed_faces = unpack(answer.read(), 2)
    return collapsed_vertices, collapsed_faces


def _run(arguments: list[str], files: tuple[IO[bytes], IO[bytes], IO[bytes]], check: Callable[[], None]) -> int:
    """Run collapse.py with these files as stdin, stdout and stderr, and return its exit code.

    If `check` raises, the process is killed.
    """
    script = str(Path(__file__).with_name("collapse.py"))
    # both flags keep the script's folder, whose modules have common names, off the import path
    alone = "-I" if sys.flags.isolated else "-P"
    stdin, stdout, stderr = files
    hidden = getattr(subprocess, "CREATE_NO_WINDOW", 0)
    command = [sys.executable, alone, script, *arguments]
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
