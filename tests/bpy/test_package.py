"""The extension's zip as Blender sees it: valid for Blender's tool, installed, enabled, updated and removed."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import addon_utils
import bpy
import pytest

import build
from tests.package_life import SCRIPT, live, repositories

MODULE = "bl_ext.user_default.actionmesh"
OF_BLENDER = {"compat.dat", "index.json"}
"""Blender's own files that it keeps when an extension and its repository are gone."""


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    path = tmp_path_factory.mktemp("package") / "actionmesh.zip"
    build.write_zip(path, build.extension_files(build.ROOT))
    return path


def tool():
    path = Path(bpy.utils.system_resource("SCRIPTS"), "addons_core", "bl_pkg", "cli", "blender_ext.py")
    return [sys.executable, str(path)]


def validate(path):
    return subprocess.run([*tool(), "validate", str(path)], capture_output=True, text=True)


def test_blenders_own_tool_finds_nothing_wrong(package):
    done = validate(package)
    assert done.returncode == 0 and "Success" in done.stdout, done.stdout + done.stderr


def test_blenders_own_tool_is_strict(package, tmp_path):
    """The check above relies on this."""
    broken = tmp_path / "broken.zip"
    files = build.extension_files(build.ROOT)
    del files["__init__.py"]
    build.write_zip(broken, files)
    done = validate(broken)
    assert done.returncode != 0 and "__init__.py" in done.stdout + done.stderr


@pytest.mark.skipif("BLENDER_USER_RESOURCES" not in os.environ, reason="it would install into your own Blender")
def test_it_installs_enables_and_leaves(package):
    bpy.ops.extensions.package_install_files(filepath=str(package), repo="user_default", enable_on_install=True)
    extensions = Path(bpy.utils.user_resource("EXTENSIONS"))
    folder = extensions / "user_default" / "actionmesh"
    try:
        assert list(extensions.glob(".local/lib/python3.*/site-packages/safetensors/_safetensors_rust*"))
        assert addon_utils.check(MODULE) == (True, True)
        assert (folder / "backend" / "actionmesh" / "worker.py").is_file()
        assert importlib.import_module(MODULE + ".process.backend_locator").backend_folder() == folder / "backend"
        assert hasattr(bpy.types.Scene, "actionmesh")
    finally:
        repositories = [repository.module for repository in bpy.context.preferences.extensions.repos]
        bpy.ops.extensions.package_uninstall(repo_index=repositories.index("user_default"), pkg_id="actionmesh")
    assert not folder.exists() and not hasattr(bpy.types.Scene, "actionmesh")


def test_whole_life_leaves_nothing_behind_and_tells_no_error(tmp_path):
    """From a zip and from a repository, used and updated, in a Blender whose folders all belong to the test."""
    with repositories(tmp_path, tool()) as address:
        code, told, left = live(tmp_path, [sys.executable, str(SCRIPT)], address)
    assert code == 0 and told == [], "\n".join(told)
    assert {path.name for path in left if path.is_file()} <= OF_BLENDER
    assert not [path for path in left if "actionmesh" in path.name or "torch" in path.name]
