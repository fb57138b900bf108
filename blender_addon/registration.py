"""What Blender is told of: classes, properties, menu entries, the arrow in the viewport, Escape, and the runner of jobs."""

import atexit

import bpy

from . import arrow, installing, models, operators, panels, preferences, properties, runner
from .panels import entries, status_bar

KEYMAP = "3D View Generic"
CLASSES = (*preferences.CLASSES, *properties.CLASSES, *operators.CLASSES, *panels.CLASSES, *entries.CLASSES)


def register() -> None:
    """Once more, as some scripts do, it is as once: what was there goes first."""
    if CLASSES[0].is_registered:
        unregister()
    atexit.register(_end)
    for group in CLASSES:
        bpy.utils.register_class(group)
    properties.attach()
    arrow.attach()
    runner.attach()
    entries.attach()
    status_bar.attach()
    _bind_escape()


def unregister() -> None:
    """The other way round; what is already gone is passed over, so that a registration that failed half-way can be undone."""
    atexit.unregister(_end)
    _release_escape()
    models.detach()
    status_bar.detach()
    entries.detach()
    runner.detach()
    installing.detach()
    arrow.detach()
    properties.detach()
    for group in reversed(CLASSES):
        if group.is_registered:
            bpy.utils.unregister_class(group)


def _end() -> None:
    """For a Python that ends without having unregistered.

    In the bpy module, which has no program of its own, all must go, or it crashes at its end. In the application windows
    and keys are gone by then.
    """
    if not bpy.app.binary_path:
        unregister()
    else:
        models.end()
        runner.end()
        installing.end()


def _bind_escape() -> None:
    """Escape over our tab in the sidebar asks whether to cancel the job.

    A key and not a modal operator: while one of those runs, Blender does not save automatically. Where there is no job
    the operator's poll lets the key through. The sidebar has the keys of "3D View Generic", the viewport those too: there
    the operator lets the key through.
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
