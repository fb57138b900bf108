"""Ray for a batch: a session of our own on this machine, reachable from this machine alone, or a cluster that runs.

Whoever reaches a Ray cluster can run programs on it. Our own session therefore listens on the loopback address only,
asks for a token that nobody else knows, starts no dashboard and sends no statistics. Ray puts the driver's folder on
its workers' module path; it is an empty folder here, so that no file beside the clips is ever imported.
"""

import hashlib
import os
import re
import secrets
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TextIO

import psutil

from ..errors import InputError
from ..weights.checkpoints import VARIABLE as ROOTS

OBJECT_STORE = 80_000_000
"""Bytes of Ray's shared memory, near its minimum: only lines of text pass through it."""
HOME = re.compile(r"(?P<machine>[0-9a-f]{4})-(?P<process>\d+)")
"""Names of the folders of sessions."""
LONGEST_HOME = 40
"""Most characters of the folder of a session: Ray adds 64 for its sockets, whose paths may have 107 (macOS: 103)."""
STARTS = 4
"""How often a session is started before it counts as impossible."""
ANSWER_PATIENCE = 10.0
"""Seconds for a cluster to take a connection."""
LOOPBACK = "127.0.0.1"
SHUT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # on every system: the machine's own address is the loopback address
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # a worker without a card of its own sees what the system shows
    "RAY_AUTH_MODE": "token",
}
"""Ray's own variables for a session on this machine."""
INSTALL = "Install it into the environment of ActionMesh: python -m pip install -r backend/requirements-batch.txt."


@contextmanager
def session(address: str | None, workers: int | None, debug: bool) -> Iterator[Any]:
    """Yield the module ray, connected. Inside the block `sys.stdout` leads nowhere, because Ray prints what it likes.

    Args:
        address: of a running cluster; None starts a session on this machine, which ends with the block.
        workers: of the session on this machine; each counts as a processor at least.
        debug: whether to show what the workers log.
    Raises:
        InputError: Ray is not installed, or the cluster does not answer.
    """
    home = _new_home()
    before = {number: signal.getsignal(number) for number in _signals()}
    here, environment, out = os.getcwd(), dict(os.environ), sys.stdout
    sys.stdout = sys.stderr if debug else _nowhere()
    try:
        if address is None:
            own = Path(__file__).resolve().parents[2]
            paths = os.pathsep.join(path for path in (str(own), os.environ.get("PYTHONPATH", "")) if path)
            if ROOTS in os.environ:  # workers start in another folder
                os.environ[ROOTS] = os.path.abspath(os.environ[ROOTS])
            os.environ.update(SHUT, RAY_AUTH_TOKEN=secrets.token_hex(32), PYTHONPATH=paths)
        ray = _import_ray()
        (home / "empty").mkdir()
        os.chdir(home / "empty")
        quiet = {"logging_level": "ERROR", "log_to_driver": debug, "namespace": "actionmesh"}
        if address is None:
            _start(ray, home, max(os.cpu_count() or 1, workers or 1), quiet)
        else:
            _connect(ray, address, quiet)
        os.chdir(here)
        for number, handler in before.items():
            signal.signal(number, handler)
        yield ray
    finally:
        os.chdir(here)
        if "ray" in sys.modules:
            sys.modules["ray"].shutdown()
        sys.stdout = out
        os.environ.clear()
        os.environ.update(environment)
        for number, handler in before.items():
            signal.signal(number, handler)
        shutil.rmtree(home, ignore_errors=True)


def _nowhere() -> TextIO:
    """Return a stream that keeps nothing; it stays open, because Ray's threads may print until the program ends."""
    return open(os.devnull, "w", encoding="utf-8")


def _signals() -> list[signal.Signals]:
    """Return the signals that Ray takes over, although this program answers them."""
    return [getattr(signal, name) for name in ("SIGINT", "SIGTERM") if hasattr(signal, name)]


def _import_ray() -> Any:
    try:
        return import_module("ray")
    except ImportError as error:
        raise InputError("A batch needs Ray, which is not installed.", INSTALL) from error


def require_ray() -> None:
    """Raise InputError if Ray is not installed, without starting or importing anything."""
    try:
        found = find_spec("ray")
    except ValueError:  # what `sys.modules` says of it cannot be a module
        found = None
    if found is None:
        raise InputError("A batch needs Ray, which is not installed.", INSTALL)


def _start(ray: Any, home: Path, processors: int, quiet: dict[str, Any]) -> None:
    for left in reversed(range(STARTS)):
        try:
            ray.init(
                address="local",
                num_cpus=processors,
                object_store_memory=OBJECT_STORE,
                include_dashboard=False,
                _temp_dir=str(home),
                _node_ip_address=LOOPBACK,
                **quiet,
            )
            break
        except Exception as error:  # Ray raises plain exceptions; on a busy machine its 30 seconds may be too few
            ray.shutdown()
            if not left:
                problem = f"Ray does not start on this machine: {_on_one_line(error)}"
                raise InputError(problem, "Close other programs, and see whether the disk is full.") from error
    found = {node["NodeManagerAddress"] for node in ray.nodes()}
    assert found == {LOOPBACK}, f"Ray listens on {found}"


def _connect(ray: Any, address: str, quiet: dict[str, Any]) -> None:
    _require_answer(address)
    try:
        ray.init(address=address, **quiet)
    except Exception as error:  # Ray raises its own, gRPC's and plain RuntimeErrors
        problem = f"The Ray cluster at {address} cannot be used: {_on_one_line(error)}"
        cure = "Check the address, run this on a machine of the cluster, and install the same Python and Ray on all."
        raise InputError(problem, cure) from error


def _require_answer(address: str) -> None:
    """Raise InputError unless something listens at an address, because Ray would wait for minutes."""
    if address == "auto":
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isdecimal()):
        raise InputError(f"{address!r:.80} is not the address of a Ray cluster.", "Use HOST:PORT, or auto.")
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER_PATIENCE).close()
    except (OSError, OverflowError) as error:
        problem = f"No Ray cluster answers at {address} ({error})."
        raise InputError(problem, "Check the address, and start the cluster first.") from error


def _on_one_line(error: Exception) -> str:
    """Return the beginning of what Ray says, as a sentence."""
    return f"{' '.join(str(error).split()):.200}".rstrip(". ") + "."


def _new_home() -> Path:
    """Return a new folder for a session that nobody else can open, with a path short enough for sockets."""
    kept, usual = _cache(), Path(tempfile.gettempdir()) / f"actionmesh-{_user()}"
    for parent in (kept, usual):
        home = parent / f"{_machine()}-{os.getpid()}"
        if os.name != "nt" and len(os.fsencode(home)) > LONGEST_HOME:
            continue
        with suppress(OSError):
            parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if _is_ours(parent):
                _sweep(parent)
                home.mkdir(mode=0o700)
                return home
    problem = f"Neither {kept} nor {usual} can hold the sockets of Ray, whose paths must be short."
    raise InputError(problem, "Set TMPDIR to a short path that exists.")


def _cache() -> Path:
    home = os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "actionmesh"


def _user() -> str:
    return str(os.getuid()) if os.name != "nt" else "0"


def _machine() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:4]


def _is_ours(folder: Path) -> bool:
    """Return whether a folder is this user's own, and no link that another one placed there."""
    return os.name == "nt" or (not folder.is_symlink() and folder.stat().st_uid == os.getuid())


def _sweep(parent: Path) -> None:
    """Remove the folders of sessions whose program was killed on this machine."""
    for left in parent.iterdir():
        named = HOME.fullmatch(left.name)
        if named is None or named["machine"] != _machine():
            continue
        process = int(named["process"])
        if process == os.getpid() or not psutil.pid_exists(process):
            shutil.rmtree(left, ignore_errors=True)
