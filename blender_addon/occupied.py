"""Whether now is a bad moment to change the scene: an artist is in the middle of something, or Blender reads the scene."""

from collections.abc import Iterable

import bpy

READING_THE_SCENE = ("RENDER", "OBJECT_BAKE")
"""Jobs of Blender's own, which may crash where the scene is changed meanwhile."""
OWN = ("bpy.types", "bpy_types", "bl_operators", "bl_ui")
"""Modules of the operators that come with Blender."""
LONGEST_SECONDS = 60.0


def is_occupied(waited: float) -> bool:
    """Return whether a change of the scene has to wait.

    Args:
        waited: seconds for which it has waited already. An operator of another add-on that runs for longer, as those do
            that show pressed keys, is no reason to wait.
    """
    if any(map(bpy.app.is_job_running, READING_THE_SCENE)):
        return True
    windows = bpy.context.window_manager.windows
    return must_wait((operator.bl_idname for window in windows for operator in window.modal_operators), waited)


def must_wait(running: Iterable[str], waited: float) -> bool:
    """Return whether operators that run, by the names of their types, are to be waited for."""
    return any(waited < LONGEST_SECONDS or is_of_blender(name) for name in running)


def is_of_blender(name: str) -> bool:
    """Return whether an operator comes with Blender, as moving an object does."""
    module = getattr(getattr(bpy.types, name, None), "__module__", OWN[0])
    return module.partition(".")[0] in {own.partition(".")[0] for own in OWN}
