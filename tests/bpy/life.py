"""An extension's whole life in a separate Blender, from a zip and from a repository; each step is printed.

    python life.py FOLDER ADDRESS USED                      in a Python that has bpy
    blender --python life.py -- FOLDER ADDRESS USED

FOLDER holds `first.zip`, and `served` and `next`, two states of a repository; ADDRESS is where `served` is served.
USED is 1 where the sample is to be animated by the real backend.
"""

import os
import shutil
import sys
from importlib import import_module
from pathlib import Path

import bpy

FOLDER, ADDRESS, USED = Path(sys.argv[-3]), sys.argv[-2], sys.argv[-1] == "1"
PACKAGE = "actionmesh"


def main():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    repositories = bpy.context.preferences.extensions.repos
    repositories.remove(repositories["extensions.blender.org"])
    live_from_file()
    live_from_repository(repositories)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # Blender 4.2 as a module can crash while Python takes it down


def live_from_file():
    """Install from disk, switch off and on, and remove while it is on."""
    module = f"bl_ext.user_default.{PACKAGE}"
    options = {"repo": "user_default", "enable_on_install": True}
    done(bpy.ops.extensions.package_install_files(filepath=str(FOLDER / "first.zip"), **options))
    assert is_on(module)
    done(bpy.ops.preferences.addon_disable(module=module))
    assert not is_on(module)
    done(bpy.ops.preferences.addon_enable(module=module))
    assert is_on(module)
    remove("user_default", module)


def live_from_repository(repositories):
    """Subscribe, install, use, update while the backend runs, use again, switch off and remove."""
    module = f"bl_ext.ours.{PACKAGE}"
    bpy.context.preferences.system.use_online_access = True
    repositories.new(name="Ours", module="ours", remote_url=ADDRESS)
    done(bpy.ops.extensions.repo_sync_all())
    done(bpy.ops.extensions.package_install(repo_index=index_of("ours"), pkg_id=PACKAGE, enable_on_install=True))
    assert version_of(module) == "0.1.0"
    use(module)
    shutil.rmtree(FOLDER / "served")
    (FOLDER / "next").rename(FOLDER / "served")
    done(bpy.ops.extensions.repo_sync_all())
    done(bpy.ops.extensions.package_upgrade_all())
    assert version_of(module) == "0.1.1"
    use(module)
    done(bpy.ops.preferences.addon_disable(module=module))
    remove("ours", module)
    repositories.remove(repositories["Ours"])


def use(module):
    """Press a button; the backend of this very extension answers."""
    assert is_on(module)
    if USED:
        done(bpy.ops.actionmesh.try_it())
        assert bpy.data.objects["Sample"].data.shape_keys
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True, load_ui=False)
        assert is_on(module)


def remove(repository, module):
    done(bpy.ops.extensions.package_uninstall(repo_index=index_of(repository), pkg_id=PACKAGE))
    assert not is_on(module) and not hasattr(bpy.types.Scene, "actionmesh")


def index_of(repository):
    return [each.module for each in bpy.context.preferences.extensions.repos].index(repository)


def is_on(module):
    return module in bpy.context.preferences.addons and sys.modules[module].__addon_enabled__


def version_of(module):
    """Return the version of the loaded code."""
    folder = import_module(f"{module}.process.backend_locator").backend_folder()
    return (folder / "actionmesh" / "__init__.py").read_text(encoding="utf-8").split("__version__ = ")[1].split('"')[1]


def done(result):
    assert result == {"FINISHED"}


main()
