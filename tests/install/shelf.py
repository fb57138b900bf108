"""A small world for the installer: an add-on copy with tiny locks, tiny wheels, and a package index on loopback."""

import hashlib
import http.server
import json
import os
import shutil
import ssl
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest

from blender_addon.install import installer_process
from blender_addon.install.messages import Action, Progress, Request
from blender_addon.install.trial import MODULES

PATIENCE = 120
"""Seconds until an installer that does not end counts as stuck."""
ROOT = Path(__file__).resolve().parents[2]
PYTHON = ".".join(map(str, sys.version_info[:2]))
TORCH = "import sys\n__version__ = '9.0'\nclass cuda:\n    is_available = staticmethod(lambda: False)\n"
BACKEND = """
import sys, pathlib, torch
print("animating", sys.argv)
assert torch.__version__ == "9.0"
pathlib.Path(sys.argv[sys.argv.index("-o") + 1]).write_bytes(b"glb")
"""


def find_uv():
    """Find the real program: next to this Python, or on the path."""
    return shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))


needs_uv = pytest.mark.skipif(
    os.name == "nt" or find_uv() is None, reason="needs uv (backend/requirements-dev.txt has it)"
)


def make_wheel(folder, name, files, version="1.0", tag="py3-none-any"):
    """Make a wheel with these files; return its path and SHA-256."""
    path, info = folder / f"{name}-{version}-{tag}.whl", f"{name}-{version}.dist-info"
    described = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    everything = files | described
    everything[f"{info}/RECORD"] = "".join(f"{each},,\n" for each in [*everything, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as archive:
        for each, text in everything.items():
            archive.writestr(zipfile.ZipInfo(each, (1980, 1, 1, 0, 0, 0)), text)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


class Shelf:
    """Wheels, and the add-on's copy whose locks name them.

    Args:
        folder: of the copy; `wheels` in it holds the wheels, and none of them is in the add-on.
        filler: bytes of a package that only makes the download long.
    """

    def __init__(self, folder, filler=0):
        self.folder, self.wheels = folder, folder / "served"
        self.wheels.mkdir(parents=True)
        self.locks = folder / "backend" / "locks"
        self._copy_addon()
        modules = {f"{name}/__init__.py": "__version__ = '9.0'\n" for name in MODULES} | {"torch/__init__.py": TORCH}
        self.put("everything", modules)
        self.put("filler", {"filler/data": os.urandom(filler).hex()})
        self._put_uv()

    def _copy_addon(self):
        shutil.copytree(
            ROOT / "blender_addon", self.folder / "blender_addon", ignore=shutil.ignore_patterns("__pycache__")
        )
        package = self.folder / "backend" / "actionmesh"
        (package / "weights").mkdir(parents=True)
        self.locks.mkdir()
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "backend" / "actionmesh" / "protocol", package / "protocol", ignore=ignored)
        for name in ("__init__.py", "weights/public.py"):
            shutil.copy(ROOT / "backend" / "actionmesh" / name, package / name)
        (package / "__main__.py").write_text(BACKEND)
        self.lock = self.locks / f"cpu-linux-x64-py{PYTHON.replace('.', '')}.txt"
        entry = {"packages": 2, "download": 2_000, "installed": 6_000, "index": ""}
        (self.locks / "locks.json").write_text(json.dumps({self.lock.stem: entry}))

    def put(self, name, files, version="1.0"):
        """Serve a wheel, and name it in the lock."""
        path, digest = make_wheel(self.wheels, name, files, version)
        kept = [line for line in (self.lock.read_text().splitlines() if self.lock.exists() else []) if name not in line]
        self.lock.write_text("\n".join([*kept, f"{name}=={version} --hash=sha256:{digest}"]) + "\n")
        return path

    def _put_uv(self):
        """Make a wheel with a small program in the place of uv, which is as large as all the others together."""
        script = f'#!/bin/sh\nexec "{find_uv()}" "$@"\n'
        _, digest = make_wheel(
            self.wheels, "uv", {"uv-0.13.9.data/scripts/uv": script}, "0.13.9", "py3-none-manylinux_2_17_x86_64"
        )
        (self.locks / "uv.txt").write_text(f"uv==0.13.9 --hash=sha256:{digest}\n")

    @property
    def main(self):
        """Return the program of the copy's installer."""
        return self.folder / "blender_addon" / "install" / "main.py"


class Index:
    """The shelf's wheels as a package index, or a fault.

    Args:
        delay: seconds between two blocks of a file.
        block: bytes of a block.
        identity: file of a certificate and its key; with it, the index speaks https.
    """

    def __init__(self, wheels, delay=0.0, block=1 << 14, identity=None):
        self.wheels, self.delay, self.block = wheels, delay, block
        self.asked, self.password, self.broken, self.cut = [], None, None, None
        index = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                index.answer(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if identity is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(identity)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        scheme = "https" if identity else "http"
        self.url = f"{scheme}://127.0.0.1:{self.server.server_port}/simple"

    def answer(self, request):
        """Answer with a page, a file or part of it, or with the requested fault."""
        path = request.path
        if path.startswith("http://"):  # we are the proxy
            path = "/" + path.split("/", 3)[3]
        self.asked.append((path, dict(request.headers)))
        if self.broken:
            return request.send_error(self.broken)
        if self.password and request.headers.get("Authorization") != self.password:
            request.send_response(401)
            request.send_header("WWW-Authenticate", "Basic")
            request.send_header("Content-Length", "0")
            return request.end_headers()
        if path.startswith("/simple/"):
            return self._send(request, self._page(path.split("/")[2]).encode(), "text/html")
        file = self.wheels / Path(path).name
        return (
            self._send(request, file.read_bytes(), "application/octet-stream")
            if file.exists()
            else request.send_error(404)
        )

    def _page(self, project):
        found = sorted(path for path in self.wheels.glob("*.whl") if path.name.startswith(f"{project}-"))
        digests = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}
        return "".join(f'<a href="/files/{path.name}#sha256={digests[path]}">{path.name}</a>\n' for path in found)

    def _send(self, request, data, kind):
        start = int(request.headers.get("Range", "bytes=0-")[6:].split("-")[0]) if "Range" in request.headers else None
        request.send_response(200 if start is None else 206)
        request.send_header("Content-Type", kind)
        request.send_header("Accept-Ranges", "bytes")
        part = data[start or 0 :]
        if start is not None:
            request.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        request.send_header("Content-Length", str(len(part)))
        request.end_headers()
        try:
            self._write(request, part)
        except OSError:
            pass

    def _write(self, request, part):
        for place in range(0, len(part), self.block):
            if self.cut is not None and place >= self.cut:
                return request.connection.close()
            request.wfile.write(part[place : place + self.block])
            if self.delay and len(part) > 4 * self.block:
                threading.Event().wait(self.delay)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def run(shelf, request, monkeypatch):
    """Start the copy's installer in a separate process."""
    monkeypatch.setattr(installer_process, "MAIN", shelf.main)
    return installer_process.Session(request, sys.executable)


def ended(session):
    """Return the last message, and all of them."""
    end, heard = time.monotonic() + PATIENCE, []
    while not session.is_over:
        assert time.monotonic() < end, heard
        heard += session.poll()
        time.sleep(0.02)
    return heard[-1], heard


def install(shelf, monkeypatch, action=Action.INSTALL, **options):
    return ended(run(shelf, Request(action, online=True, **options), monkeypatch))


def until(session, stage, text=""):
    """Wait until a stage has begun."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for message in session.poll():
            assert isinstance(message, Progress), message
            if message.stage == stage and text in message.text:
                return
        time.sleep(0.01)
    raise AssertionError(f"{stage} did not begin")


def environments(home):
    return sorted(path.name for path in (home / "envs").iterdir() if path.is_dir()) if (home / "envs").exists() else []
