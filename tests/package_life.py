"""What an extension's whole life needs: two versions of a repository, served on loopback, and a place to live.

The life itself is `tests/bpy/life.py`, which any Blender runs, with or without a window.
"""

import functools
import http.server
import os
import shutil
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

import build
from backend.bootstrap import repository
from backend.bootstrap.packaging import MANIFEST, platform_files
from blender_addon.install.computer import this_computer

SCRIPT = Path(__file__).with_name("bpy") / "life.py"
PLACES = {"HOME": "home", "TMPDIR": "temporary", "BLENDER_USER_RESOURCES": "user", "ACTIONMESH_HOME": "own"}
QUIET = ("STATUS ", "PROGRESS ")
PATIENCE = 900
"""Seconds; on a busy machine an animation may take minutes."""


@contextmanager
def repositories(folder, tool):
    """Yield the address of a repository with this version, served from `served`; `next` has the following version."""
    for name, version in (("served", "0.1.0"), ("next", "0.1.1")):
        (folder / name).mkdir()
        build.write_zip(folder / name / "extension.zip", _files_of(version))
        assert repository.check_and_list(folder / name, tool) == 0
    shutil.copy(folder / "served" / "extension.zip", folder / "first.zip")
    with _served(folder / "served") as address:
        yield f"{address}/index.json"


def live(folder, command, address):
    """Let a Blender run the life in isolation; return its exit code, what it reported, and what it left."""
    world = folder / "world"
    for name in PLACES.values():
        (world / name).mkdir(parents=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "PYTHON"))}
    used = "1" if os.environ.get("ACTIONMESH_PYTHON") else "0"
    done = subprocess.run(
        [*command, str(folder), address, used],
        env=kept | {name: str(world / place) for name, place in PLACES.items()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
    )
    told = [line for line in done.stdout.splitlines() if not line.startswith(QUIET) and "| INFO: " not in line]
    assert {path.name for path in (world / "own").iterdir()} <= {"jobs", "logs", "compiled"}
    return done.returncode, told, [path for path in world.rglob("*") if world / "own" not in path.parents]


def _files_of(version):
    files = platform_files(build.ROOT, this_computer().platform, None)
    for name in (MANIFEST, "backend/actionmesh/__init__.py"):
        text = files[name] if isinstance(files[name], bytes) else files[name].read_bytes()
        assert text.count(b'"0.1.0"') == 1
        files[name] = text.replace(b'"0.1.0"', f'"{version}"'.encode())
    return files


@contextmanager
def _served(folder):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
