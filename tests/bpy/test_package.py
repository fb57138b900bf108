"""The extension's zip as Blender sees it: valid to its own tool, installed, enabled, brought up to date, removed."""

import functools
import http.server
import importlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import addon_utils
import bpy
import pytest

import build
from backend.bootstrap import repository
from backend.bootstrap.packaging import MANIFEST, platform_files
from blender_addon.install.computer import this_computer

MODULE = "bl_ext.user_default.actionmesh"
LIFE = Path(__file__).with_name("life.py")
OF_BLENDER = {"compat.dat", "index.json"}
"""Files that Blender keeps of its own when an extension and its repository are gone."""
QUIET = ("STATUS ", "PROGRESS ")


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
    """The check above rests on this."""
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
        assert importlib.import_module(MODULE + ".backend_files").backend_folder() == folder / "backend"
        assert hasattr(bpy.types.Scene, "actionmesh")
    finally:
        repositories = [repository.module for repository in bpy.context.preferences.extensions.repos]
        bpy.ops.extensions.package_uninstall(repo_index=repositories.index("user_default"), pkg_id="actionmesh")
    assert not folder.exists() and not hasattr(bpy.types.Scene, "actionmesh")


@pytest.fixture
def address(tmp_path):
    """Where `served` is served; it is the repository of this version, and `next` that of the following one."""
    for folder, version in (("served", b"0.1.0"), ("next", b"0.1.1")):
        (tmp_path / folder).mkdir()
        files = platform_files(build.ROOT, this_computer().platform, None)
        for name in (MANIFEST, "backend/actionmesh/__init__.py"):
            text = files[name] if isinstance(files[name], bytes) else files[name].read_bytes()
            assert text.count(b'"0.1.0"') == 1
            files[name] = text.replace(b'"0.1.0"', b'"' + version + b'"')
        build.write_zip(tmp_path / folder / "extension.zip", files)
        assert repository.check_and_list(tmp_path / folder, tool()) == 0
    os.link(tmp_path / "served" / "extension.zip", tmp_path / "first.zip")
    yield from serve(tmp_path / "served")


def serve(folder):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/index.json"
    server.shutdown()
    server.server_close()


def test_whole_life_leaves_nothing_behind_and_tells_no_error(address, tmp_path):
    """From a zip and from a repository: used and brought up to date, in a Blender whose folders are all the test's."""
    places = {"HOME": "home", "TMPDIR": "temporary", "BLENDER_USER_RESOURCES": "user", "ACTIONMESH_HOME": "own"}
    world = tmp_path / "world"
    for folder in places.values():
        (world / folder).mkdir(parents=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "PYTHON"))}
    used = "1" if os.environ.get("ACTIONMESH_PYTHON") else "0"
    done = subprocess.run(
        [sys.executable, str(LIFE), str(tmp_path), address, used],
        env=kept | {name: str(world / folder) for name, folder in places.items()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
    )
    told = [line for line in done.stdout.splitlines() if not line.startswith(QUIET) and "| INFO: " not in line]
    assert done.returncode == 0 and told == [], "\n".join(told)
    left = [path for path in world.rglob("*") if world / "own" not in path.parents]
    assert {path.name for path in left if path.is_file()} <= OF_BLENDER
    assert not [path for path in left if "actionmesh" in path.name or "torch" in path.name]
    assert {path.name for path in (world / "own").iterdir()} <= {"jobs", "logs", "compiled"}
