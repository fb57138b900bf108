"""Register classes, properties, menu entries, the arrow in the viewport, the Escape key and the runner with Blender."""

import atexit

import bpy

from . import operators, panels
from .panels import entries, facing_arrow, status_bar
from .session import bone_search, connection_test, installation, model_sets, pick_marks
from .session.runner import runner
from .settings import attachment, preferences
from .workflow import delivery

KEYMAP = "3D View Generic"
CLASSES = (*preferences.CLASSES, *attachment.CLASSES, *operators.CLASSES, *panels.CLASSES, *entries.CLASSES)


def register() -> None:
    """Register everything. If it is registered already, as some scripts cause, unregister it first."""
    if CLASSES[0].is_registered:
        unregister()
    atexit.register(_end)
    for group in CLASSES:
        bpy.utils.register_class(group)
    attachment.attach()
    facing_arrow.OVERLAY.attach()
    runner.attach(delivery.deliver)
    entries.attach()
    status_bar.attach()
    _bind_escape()


def unregister() -> None:
    """Unregister everything in reverse order. Skip what is gone, so that a partial registration can be undone."""
    atexit.unregister(_end)
    _release_escape()
    model_sets.detach()
    bone_search.detach()
    pick_marks.OVERLAY.detach()
    status_bar.detach()
    entries.detach()
    runner.detach()
    connection_test.detach()
    installation.detach()
    facing_arrow.OVERLAY.detach()
    attachment.detach()
    for group in reversed(CLASSES):
        if group.is_registered:
            bpy.utils.unregister_class(group)


def _end() -> None:
    """Clean up when Python exits without having unregistered.

    In the bpy module, which has no program of its own, everything must be unregistered, or it crashes on exit. In the
    application, windows and keys are gone by then.
    """
    if not bpy.app.binary_path:
        unregister()
    else:
        model_sets.end()
        bone_search.end()
        connection_test.end()
        runner.end()
        installation.end()


def _bind_escape() -> None:
    """Bind Escape over our tab in the sidebar to ask whether to cancel the job.

    This uses a key, not a modal operator: while a modal operator runs, Blender does not save automatically. Without a
    job, the operator's poll lets the key through. The keys of "3D View Generic" apply to the sidebar and also to the
    viewport; there the operator lets the key through.
    """
    configuration = bpy.context.window_manager.keyconfigs.addon
    if configuration is not None:
        keymap = configuration.keymaps.new(name=KEYMAP, space_type="VIEW_3D")
        keymap.keymap_items.new("actionmesh.cancel", "ESC", "PRESS")


def _release_escape() -> None:
    configuration = bpy.context.window_manager.keyconfigs.addon
    keymap = configuration.keymaps.get(KEYMAP) if configuration is not None else None
    if keymap is not None:
        for item in [item for item in keymap.keymap_items if item.idname == "actionmesh.cancel"]:
            keymap.keymap_items.remove(item)
