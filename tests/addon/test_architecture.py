"""The add-on's import directions, read from the source.

What an artist touches is on top, then come the scene and the jobs, and the numbers are at the bottom.
"""

import ast
import sys
from collections import Counter

import pytest

from tests.test_architecture import ROOT, imports_of

ADDON = ROOT / "blender_addon"
LAYERS = (
    {"__init__"},
    {"registration", "dataset", "render_script"},
    {"settings", "conversion"},
    {"panels"},
    {"operators"},
    {"workflow"},
    {"session"},
    {"scene", "install"},
    {"jobs", "motion", "menus"},
    {"process"},
    {"wording"},
    {"errors", "reading", "file_names"},
)
"""A module imports its own layer's folder and the layers below."""
WITHOUT_BLENDER = {"install", "jobs", "motion", "process", "menus", "errors", "reading", "file_names"}
"""Folders and modules that import nothing of Blender."""
MOST_LOOSE = 8
OF_BLENDER = {
    "bpy", "bpy_extras", "gpu", "gpu_extras", "blf", "bmesh", "mathutils", "addon_utils",
    "io_scene_gltf2", "io_scene_fbx"
}  # fmt: skip
OUTSIDE = {"numpy", "safetensors"}
SHARED = {"actionmesh.protocol", "actionmesh.weights.public"}
"""Modules of the backend that use only the standard library and are loaded by path."""
MODULES = [pytest.param(path, id=path.relative_to(ADDON).as_posix()) for path in sorted(ADDON.rglob("*.py"))]


def part_of(path):
    return path.relative_to(ADDON).parts[0].removesuffix(".py")


def layer_of(part):
    return next(depth for depth, layer in enumerate(LAYERS) if part in layer)


def test_few_modules_lie_outside_the_folders():
    loose = {path.stem for path in ADDON.glob("*.py")} - {"__init__"}
    assert len(loose) <= MOST_LOOSE, loose


def test_no_two_files_have_one_name():
    modules = [path.stem for path in ADDON.rglob("*.py") if path.stem != "__init__"]
    names = Counter(modules + [path.parent.name for path in ADDON.rglob("__init__.py")])
    assert {name for name, times in names.items() if times > 1} == set()


@pytest.mark.parametrize("path", MODULES)
def test_imports_point_downwards(path):
    for line, name in imports_of(path):
        parts = name.split(".")
        if parts[0] == "blender_addon" and len(parts) > 1 and parts[1] != part_of(path):
            assert layer_of(parts[1]) > layer_of(part_of(path)), f"{path}:{line} imports {name}"


@pytest.mark.parametrize("path", MODULES)
def test_only_what_blender_has_or_the_extension_brings_is_imported(path):
    allowed = OUTSIDE | (set() if part_of(path) in WITHOUT_BLENDER else OF_BLENDER)
    for line, name in imports_of(path):
        top = name.split(".")[0]
        known = top in sys.stdlib_module_names or top == "blender_addon" or top in allowed or name in SHARED
        assert known, f"{path}:{line} imports {name}"


@pytest.mark.parametrize("path", MODULES)
def test_nothing_is_pickled_evaluated_or_put_on_the_path(path):
    for line, name in imports_of(path):
        assert name.split(".")[0] not in {"pickle", "marshal", "shelve"}, f"{path}:{line}"
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Name):
            assert node.id not in {"eval", "exec"}, f"{path}:{node.lineno}"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "sys":
            assert node.attr != "path", f"{path}:{node.lineno}"
