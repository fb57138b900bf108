"""Find the parts of the backend: its code, its protocol, a Python that can run it, and the user's folder.

In an installed add-on, `backend/` lies inside it; in the repository, next to it.
"""

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from ..errors import BackendMissing
from ..reading import read_json

HERE = Path(__file__).resolve().parents[1]
"""The folder of the add-on."""
PYTHON_VARIABLE, HOME_VARIABLE, CHECKPOINTS_VARIABLE = "ACTIONMESH_PYTHON", "ACTIONMESH_HOME", "ACTIONMESH_CHECKPOINTS"
CURRENT_FILE, PASSED_FILE = "current.json", "passed.json"
COMPILERS = {"TORCHINDUCTOR_CACHE_DIR": "torch", "WARP_CACHE_PATH": "warp"}
"""Variables that tell compilers where to keep their output, with the names of the folders."""
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
"""Variables of a backend that downloads nothing."""
BESIDE = (".venv", "venv", "env")
"""Names of an environment next to a clone's `backend`."""
CURE = (
    "Press Install Backend, or set a Python (3.11 to 3.13) in the add-on's preferences "
    "that has the packages of backend/requirements-cpu.txt installed."
)


def backend_folder() -> Path:
    """Return the folder `backend`, which holds the package `actionmesh`.

    Raises:
        BackendMissing: it is in neither place.
    """
    for folder in (HERE / "backend", HERE.parent / "backend"):
        if (folder / "actionmesh" / "protocol").is_dir():
            return folder
    raise BackendMissing(f"The folder backend is missing from the add-on in {HERE}.", "Install the add-on again.")


def worker_file() -> Path:
    """Return the program that runs the backend."""
    return backend_folder() / "actionmesh" / "worker.py"


def sample_file(name: str) -> Path:
    """Return a file of the sample that comes with the bundled weights."""
    return backend_folder() / "actionmesh" / "checkpoints" / "toy" / "demo" / name


def load_protocol() -> ModuleType:
    """Load the protocol, the package that both sides of the pipe share."""
    return _load("protocol", "protocol/__init__.py")


def _load(last: str, file: str) -> ModuleType:
    """Load a module or a package of the backend by its path: the backend is not installed in Blender's Python."""
    name = f"{__package__}.{last}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, backend_folder() / "actionmesh" / file)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # its dataclasses look up their module there
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


def quantising() -> ModuleType:
    """Load the package that makes .glb files smaller, which needs NumPy."""
    return _load("quantising", "quantising/__init__.py")


if TYPE_CHECKING:
    from actionmesh import protocol
    from actionmesh.weights import public
else:
    protocol = load_protocol()
    public = _load("public", "weights/public.py")


def user_folder() -> Path:
    """Return the user's folder, the same for every version of Blender; ACTIONMESH_HOME overrides it."""
    if chosen := os.environ.get(HOME_VARIABLE):
        return Path(chosen).absolute()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "ActionMesh"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "ActionMesh"
    return (Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "actionmesh").absolute()


def checkpoints_folder(configured: str = "") -> Path:
    """Return the folder of checkpoints: the artist's, ACTIONMESH_CHECKPOINTS, or one in the user's folder."""
    named = configured or os.environ.get(CHECKPOINTS_VARIABLE, "")
    return Path(os.path.expanduser(named)).absolute() if named else user_folder() / "checkpoints"


def compiled_folder() -> Path:
    """Return the folder for code compiled for this computer's graphics card; it is recreated if deleted."""
    return user_folder() / "compiled"


def compiler_variables() -> dict[str, str]:
    """Return the variables that make compilers use `compiled_folder`; variables already set stay as they are."""
    return {name: str(compiled_folder() / kind) for name, kind in COMPILERS.items() if name not in os.environ}


def environments_folder() -> Path:
    """Return the folder of the environments that Install Backend makes; see `install.places`."""
    return user_folder() / "envs"


def installed_environment() -> Path | None:
    """Return the environment that Install Backend last made and tested, or None."""
    try:
        named = Path(read_json(environments_folder() / CURRENT_FILE)["folder"]).name
        folder = environments_folder() / ("" if named == ".." else named)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return folder if (folder / PASSED_FILE).is_file() else None


def find_python(configured: str = "") -> Path:
    """Return the Python that runs the backend: from the preferences, ACTIONMESH_PYTHON or an environment that exists.

    Environments are searched next to `backend` and in the user's folder. Their packages are not checked until the
    backend starts.

    Args:
        configured: a Python program, the folder of an environment, or a clone's; empty if the artist chose none.
    Raises:
        BackendMissing: there is none, or the one that was named does not exist.
    """
    for source, named in (
        ("The preferences name", configured),
        (f"{PYTHON_VARIABLE} names", os.environ.get(PYTHON_VARIABLE, "")),
    ):
        if named:
            return _named_python(source, Path(os.path.expanduser(named)))
    for folder in _environments():
        if (python := python_in(folder)).is_file():
            return python
    raise BackendMissing("ActionMesh found no Python that can run its backend.", CURE)


def _named_python(source: str, named: Path) -> Path:
    within = (python_in(folder) for folder in (named, *(named / name for name in BESIDE)))
    python = next((path for path in within if path.is_file()), named) if named.is_dir() else named
    if not python.is_file():
        raise BackendMissing(f"{source} {named} as the backend's Python, but no Python is there.", CURE)
    return python.absolute()


def _environments() -> Iterator[Path]:
    yield from (backend_folder().parent / name for name in BESIDE)
    if installed := installed_environment():
        yield installed
    yield user_folder() / "env"


def python_in(environment: Path) -> Path:
    """Return the path of the Python in a virtual environment."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
