"""Test an environment: import every package, and make an animation with the backend."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ..errors import InstallError
from ..process.backend_locator import OFFLINE, backend_folder, compiler_variables, python_in
from ..reading import parse_json
from . import diagnosis
from .child import Children
from .messages import Progress, Stage

Tell = Callable[[Progress], None]
MODULES = (
    "torch", "numpy", "scipy", "safetensors", "einops", "transformers", "huggingface_hub", "trimesh", "embreex",
    "fast_simplification", "xatlas", "mapbox_earcut", "DracoPy", "skimage", "cv2", "av", "PIL", "tqdm", "psutil",
    "threadpoolctl",
)  # fmt: skip
PROBE = f"""
import importlib, json, platform, sys
told = {{"python": platform.python_version(), "missing": [], "versions": {{}}, "cuda": False}}
for name in {MODULES!r}:
    try:
        module = importlib.import_module(name)
        told["versions"][name] = str(getattr(module, "__version__", ""))
    except Exception as error:
        told["missing"].append(name + ": " + (str(error).splitlines() or [type(error).__name__])[0][:200])
    print("LOADED", name, flush=True)
if "torch" in told["versions"]:
    told["cuda"] = sys.modules["torch"].cuda.is_available()
print("PROBED " + json.dumps(told))
"""
"""Prints which packages can be imported; safe to run in any Python."""
TRIAL = "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); runpy.run_module('actionmesh', run_name='__main__')"


def read_probe(output: str) -> dict | None:
    """Return the result that PROBE printed; None if it did not get that far."""
    line = next((line for line in output.splitlines() if line.startswith("PROBED ")), None)
    try:
        return dict(parse_json(line.removeprefix("PROBED "))) if line else None
    except (ValueError, TypeError):
        return None


def check_imports(folder: Path, kind: str, children: Children, tell: Tell) -> dict[str, str]:
    """Import every package; return the versions of Python and the packages.

    Raises:
        InstallError: a package cannot be imported, or PyTorch does not see the card that it was built for.
    """
    loaded = 0

    def count(line: str) -> None:
        nonlocal loaded
        if line.startswith("LOADED "):
            loaded += 1
            tell(Progress(Stage.IMPORT, f"{loaded} of {len(MODULES)}", loaded / len(MODULES)))

    ended = children.run([str(python_in(folder)), "-I", "-B", "-c", PROBE], on_line=count)
    told = read_probe(ended.tail)
    if told is None:
        raise diagnosis.explain(ended.tail, "start the new Python")
    if told["missing"]:
        raise InstallError(
            f"A package cannot be loaded: {told['missing'][0]}.", "Press Repair. Copy Report has the details."
        )
    if kind.startswith("cuda") and not told["cuda"]:
        cure = "Update its driver and restart, or set Device to Processor in the preferences, then try again."
        raise InstallError("PyTorch does not see the NVIDIA card.", cure)
    return {"python": told["python"], **told["versions"]}


def animate_once(folder: Path, children: Children, tell: Tell) -> None:
    """Animate the bundled clip with the backend.

    Raises:
        InstallError: the animation failed.
    """
    backend = backend_folder()
    clip = backend / "actionmesh" / "checkpoints" / "toy" / "demo" / "clip.mp4"
    start = time.monotonic()

    def count() -> None:
        tell(Progress(Stage.TRIAL, f"{time.monotonic() - start:.0f} s"))

    with tempfile.TemporaryDirectory(prefix="actionmesh-") as place:
        out = Path(place, "trial.glb")
        words = ["animate", str(clip), "-o", str(out), "--preset", "demo", "--spread", "4"]
        words += ["--checkpoint", "toy", "--shape", "network"]
        command = [str(python_in(folder)), "-I", "-B", "-c", TRIAL, str(backend), *words]
        variables = OFFLINE | compiler_variables()
        ended = children.run(command, variables, on_tick=count)
        if ended.code != 0 or not out.is_file() or not out.stat().st_size:
            raise diagnosis.explain(ended.tail, "make a test animation")
