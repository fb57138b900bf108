"""Fewer faces, without holding up whatever else runs.

fast_simplification keeps Python's global lock while it works, 0.8 s for 200 000 faces. A denoiser's next kernels could
not be launched meanwhile; so large meshes are collapsed in a process of their own, which also can be stopped.
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
"""Faces up to which a process of its own is not worth its start: they take a quarter of a second, the start half of that."""
PATIENCE = 0.1
"""Seconds between two looks at whether to go on."""

log = logging.getLogger(__name__)


def decimate(
    vertices: np.ndarray, faces: np.ndarray, max_faces: int, check: Callable[[], None] = lambda: None
) -> tuple[np.ndarray, np.ndarray]:
    """Collapses edges until at most `max_faces` are left.

    Args:
        vertices: (V, 3) float32; faces: (F, 3) int32.
        check: called now and then; what it raises ends the work.
    """
    if len(faces) <= max_faces:
        return vertices, faces
    if len(faces) > FACES_HERE:
        try:
            return _collapse_beside(vertices, faces, max_faces, check)
        except (OSError, ValueError, EOFError) as error:
            log.info("The mesh is decimated in this process, as no other could do it: %s", error)
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
            raise OSError(f"it ended with {code}: {complaint.read()[-300:].decode(errors='replace').strip()}")
        collapsed_vertices, collapsed_faces = unpack(answer.read(), 2)
    return collapsed_vertices, collapsed_faces


def _run(arguments: list[str], files: tuple[IO[bytes], IO[bytes], IO[bytes]], check: Callable[[], None]) -> int:
    """Runs collapse.py with these files as input, output and errors: its exit code. What `check` raises kills it."""
    script = str(Path(__file__).with_name("collapse.py"))
    # neither lets the script's folder, where modules have everyday names, come before the libraries'
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
