"""What Blender is told of: classes, properties, the arrow in the viewport, the Escape key, and the runner of jobs."""

import atexit
from typing import Any

import bpy

from . import operators, panels, preferences, properties, runner, viewport

CLASSES = (*preferences.CLASSES, *properties.CLASSES, *operators.CLASSES, *panels.CLASSES)
_keys: list[tuple[Any, Any]] = []


def register() -> None:
    atexit.register(unregister)
    for group in CLASSES:
        bpy.utils.register_class(group)
    properties.attach()
    viewport.attach()
    runner.attach()
    _bind_escape()


def unregister() -> None:
    """The other way round; what is already gone is passed over, so that a registration that failed half-way can be undone."""
    atexit.unregister(unregister)
    _release_escape()
    runner.detach()
    viewport.detach()
    properties.detach()
    for group in reversed(CLASSES):
        if group.is_registered:
            bpy.utils.unregister_class(group)


def _bind_escape() -> None:
    """Escape over a 3D viewport cancels the job.

    A key and not a modal operator: while one of those runs, Blender does not save automatically. Where there is no job
    the operator's poll lets the key through.
    """
    configuration = bpy.context.window_manager.keyconfigs.addon
    if configuration is None:
        return
    keymap = configuration.keymaps.new(name="3D View", space_type="VIEW_3D")
    _keys.append((keymap, keymap.keymap_items.new("actionmesh.cancel", "ESC", "PRESS")))


def _release_escape() -> None:
    while _keys:
        keymap, item = _keys.pop()
        keymap.keymap_items.remove(item)
