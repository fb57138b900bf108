"""The part of the add-on without Blender: which module may import which, read from the source."""

import subprocess
import sys

import pytest

from tests.test_architecture import ROOT, imports_of

ADDON = ROOT / "blender_addon"
LAYERS = (
    {"install"},
    {"jobs"},
    {"process"},
    {"errors", "reading", "file_names"},
)
"""From the installer down to the errors. A module imports only its own layer and those below it."""
NAMES = sorted(set().union(*LAYERS))
MODULES = [path for name in NAMES for pattern in (f"{name}.py", f"{name}/*.py") for path in sorted(ADDON.glob(pattern))]


def layer_of(part):
    return next((depth for depth, layer in enumerate(LAYERS) if part in layer), None)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ADDON)))
def test_imports_point_downwards_and_nothing_but_the_standard_library_is_used(path):
    depth = layer_of(path.relative_to(ADDON).parts[0].removesuffix(".py"))
    for line, name in imports_of(path):
        parts = name.split(".")
        where = f"{path}:{line} imports {name}"
        if parts[0] == "blender_addon":
            assert layer_of(parts[1]) is not None and layer_of(parts[1]) >= depth, where
        else:
            assert parts[0] in sys.stdlib_module_names or name in {
                "actionmesh.protocol",
                "actionmesh.weights.public",
            }, where


def test_modules_are_seen():
    names = {path.name for path in MODULES}
    assert {"queue.py", "record.py", "client.py", "errors.py"} <= names
    assert "blender_addon.jobs.worker_lifecycle.Backend" in {
        name for _, name in imports_of(ADDON / "jobs" / "queue.py")
    }


def test_blender_without_numpy_is_told_what_to_install():
    """Debian's Blender has no numpy. Only the standard library is available, so the only answer can be a sentence."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import blender_addon; blender_addon.register()"
    ended = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True)
    told = ended.stderr.splitlines()[-1]
    assert "This Blender has no NumPy" in told and "apt-get install python3-numpy" in told, ended.stderr


def test_importing_the_queue_pulls_in_nothing_heavy():
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import blender_addon.jobs.queue; print(*sys.modules)"
    output = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True).stdout
    loaded = set(output.split())
    assert "blender_addon.process.protocol" in loaded
    assert not {name.split(".")[0] for name in loaded} & {"bpy", "numpy", "torch", "actionmesh"}
