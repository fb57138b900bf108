"""The import directions, read from the source: which module may import which, and what none may use."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BACKEND = ROOT / "backend"
PACKAGE = BACKEND / "actionmesh"
MODULES = {path.relative_to(PACKAGE).with_suffix(""): path for path in sorted(PACKAGE.rglob("*.py"))}

LAYERS: dict[str, set[str]] = {
    "programs": {"__main__", "worker"},
    "commands": {"cli", "service"},
    "the batch's command": {"batch_command"},
    "batch": {"batch"},
    "measuring": {"evaluate"},
    "evaluation": {"evaluation"},
    "training": {"training"},
    "toys": {"toys"},
    "what training and evaluation share": {"sizes", "track_file"},
    "commands of ssh": {"remote_command"},
    "remote": {"remote"},
    "a job": {"generation", "job_inputs", "job_outputs", "job_size", "jobs", "rig_job", "track_job"},
    "the story": {"pipeline"},
    "endings of the story": {"colouring", "misfit", "posing", "relief_animation", "rematch"},
    "filming": {"filming"},
    "output": {"output"},
    "the result": {"animation", "clip_camera"},
    "stages": {"stages"},
    "relief": {"relief"},
    "painting": {"painting"},
    "matching": {"matching"},
    "rigging": {"rigging"},
    "segmentation": {"segmentation"},
    "media": {"media"},
    "downloads": {"download_command", "download_report", "downloads", "machine", "model_downloads", "model_requests"},
    "memory": {"memory"},
    "weights": {"weights"},
    "models": {"models"},
    "geometry": {"geometry"},
    "choices": {"job_arguments", "presets"},
    "sampling": {"sampling"},
    "acceleration": {"acceleration"},
    "files": {"files"},
    "the worker's means": {"job_slot", "outbox"},
    "foundations": {
        "__init__", "ending", "errors", "failures", "frame_numbers", "host_memory", "intake", "progress", "shell",
        "side_process", "stage_words",
    },
    "protocol": {"protocol"},
    "quantising": {"quantising"},
}  # fmt: skip
"""From the programs down to the foundations: a module imports its own layer and those below it. Every folder is a layer
of its own, named after it; modules that lie in no folder share layers."""
DEPTHS = {part: depth for depth, parts in enumerate(LAYERS.values()) for part in parts}
PARTS = {name.parts[0] for name in MODULES}
FOLDERS = {name.parts[0] for name in MODULES if len(name.parts) > 1}
LEARNING = {"training", "evaluation"}
REPOSITORY_ONLY = {
    "training": set(),
    "evaluation": {"evaluate"},
    "toys": LEARNING,
    "sizes": {*LEARNING, "toys"},
    "track_file": LEARNING,
}
"""Parts that are in no zip, and the only others that may import them."""
DISTRIBUTIONS = {"cv2": "opencv-python-headless", "PIL": "pillow", "skimage": "scikit-image", "warp": "warp-lang"}
"""Import names that differ from the name on the package index."""


def imports_of(path):
    """Return (line, absolute module name) of a file's imports: relative ones resolved, lazy ones and those by
    `import_module` included."""
    top = PACKAGE.parent if PACKAGE in path.parents else ROOT
    package = path.relative_to(top).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "import_module":
            yield from ((node.lineno, name) for name in names_in(node.args[0]))


def names_in(argument):
    """Return the module that a text names, or, for an f-string, the package at its start."""
    texts = [each for each in ast.walk(argument) if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    return [text.value.rstrip(".") for text in texts[:1]]


def own_part(name):
    """Return the module or folder directly in the package that an import names; None if it is not ours."""
    parts = name.split(".")
    if parts[0] != "actionmesh" or len(parts) == 1:
        return None
    return parts[1] if parts[1] in PARTS else "__init__"


def case(name, path):
    return pytest.param(path, id=str(name))


EVERY_MODULE = [case(name, path) for name, path in MODULES.items()]


def test_every_folder_is_a_layer_and_every_module_is_in_one():
    assert all(LAYERS.get(folder) == {folder} for folder in FOLDERS), FOLDERS
    listed = [part for parts in LAYERS.values() for part in parts]
    assert sorted(listed) == sorted(PARTS), "a part is in no layer, in two, or no longer exists"


@pytest.mark.parametrize("path", EVERY_MODULE)
def test_imports_point_downwards(path):
    part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for line, name in imports_of(path):
        target = own_part(name)
        if target is None or target == part:
            continue
        where = f"{path}:{line} imports {name}"
        assert DEPTHS[target] >= DEPTHS[part], where
        assert part in REPOSITORY_ONLY.get(target, {part}), where


def test_imports_are_seen():
    """The checks above rely on this: relative, lazy and plain imports are all found, and those by name."""
    seen = {name for _, name in imports_of(PACKAGE / "jobs.py")}
    assert {"time", "actionmesh.pipeline.animate", "actionmesh.protocol.Animate"} <= seen
    assert "actionmesh.evaluation" in {name for _, name in imports_of(PACKAGE / "evaluate.py")}


SHARED_PACKAGES = {"protocol": set(), "quantising": {"numpy"}}
"""Packages that Blender loads too, with what they import beside the standard library."""
LOADED_BY_BLENDER = [
    *(path for name in SHARED_PACKAGES for path in sorted((PACKAGE / name).glob("*.py"))),
    PACKAGE / "weights" / "public.py",
]


@pytest.mark.parametrize("path", [case(path.relative_to(PACKAGE), path) for path in LOADED_BY_BLENDER])
def test_what_blender_loads_too_uses_the_standard_library_and_at_most_numpy(path):
    package = path.parent.name
    allowed = sys.stdlib_module_names | SHARED_PACKAGES.get(package, set())
    for line, name in imports_of(path):
        own = package in SHARED_PACKAGES and name.startswith(f"actionmesh.{package}.")
        assert own or name.split(".")[0] in allowed, f"line {line} imports {name}"


def test_blenders_own_python_can_pass_messages_on():
    """Without site-packages: what relays a worker on another computer runs where no package is installed."""
    modules = ", ".join(f"actionmesh.remote.{name}" for name in ("relay", "errand", "parcel", "exchange", "line"))
    code = f"import sys; sys.path.insert(0, {str(BACKEND)!r}); import {modules}, actionmesh.media.folders"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)


@pytest.mark.parametrize("module", ["protocol", "cli", "service"])
def test_import_is_light(module):
    code = f"import sys; sys.path.insert(0, {str(BACKEND)!r}); import actionmesh.{module}; print(*sys.modules)"
    output = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True).stdout
    loaded = {name.split(".")[0] for name in output.split()}
    assert "actionmesh" in loaded
    assert not loaded & {"torch", "numpy", "transformers", "cv2", "trimesh", "scipy"}


@pytest.mark.parametrize("path", EVERY_MODULE)
def test_no_module_looks_at_blender_or_uses_pickle_eval_or_remote_code(path):
    for line, name in imports_of(path):
        assert name.split(".")[0] not in {"bpy", "pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve"}, line
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        where = f"{path}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Call):
            called = node.func
            assert not (isinstance(called, ast.Name) and called.id in {"eval", "exec", "compile", "__import__"}), where
            for keyword in node.keywords:
                assert keyword.arg != "trust_remote_code", where
                assert keyword.arg != "allow_pickle" or not keyword.value.value, where
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "torch":
            assert node.attr != "load", f"{where}: torch.load reads pickles"


def test_no_module_has_the_name_of_a_standard_one():
    """When a module is run by path, its folder may come first on the path and hide the standard module."""
    names = {path.stem for path in PACKAGE.glob("*.py")} | {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    assert not names & set(sys.stdlib_module_names)


def third_party_imports(folder):
    own = {"actionmesh", "blender_addon", "benchmarks", "tests", "build", "pip", "backend"}
    own |= {"bpy", "bpy_extras", "mathutils", "gpu", "addon_utils", "io_scene_fbx"}
    for path in folder.rglob("*.py"):
        for line, name in imports_of(path):
            top = name.split(".")[0]
            if top and top not in sys.stdlib_module_names and top not in own:
                yield f"{path}:{line}", DISTRIBUTIONS.get(top, top).replace("_", "-").lower()


def pinned(name):
    lines = (BACKEND / name).read_text(encoding="utf-8").splitlines()
    requirements = [line for line in lines if line and not line.startswith(("#", "-"))]
    assert all(line.count("==") == 1 for line in requirements)
    return {line.split("==")[0].replace("_", "-").lower() for line in requirements}


def test_whatever_is_imported_is_pinned():
    to_run = pinned("requirements-cpu.txt") | pinned("requirements-cuda.txt")
    to_develop, for_batches = pinned("requirements-dev.txt"), pinned("requirements-batch.txt")
    for where, name in third_party_imports(PACKAGE):
        training = "/training/" in where or "/evaluation/" in where
        extra = to_develop if training else for_batches if "/batch/" in where else set()
        assert name in to_run | extra, f"{where} imports {name}"
    for where, name in (each for folder in ("tests", "benchmarks") for each in third_party_imports(ROOT / folder)):
        assert name in to_run | to_develop, f"{where} imports {name}"
