"""Decide whether a change of the scene must wait because the artist or Blender is in the middle of something."""

from collections.abc import Iterable

import bpy

READING_THE_SCENE = ("RENDER", "OBJECT_BAKE")
"""Blender's own jobs that may crash if the scene changes while they run."""
OWN = ("bpy.types", "bpy_types", "bl_operators", "bl_ui")
"""Modules of the operators that come with Blender."""
LONGEST_SECONDS = 60.0


def is_occupied(waited: float) -> bool:
    """Return whether a change of the scene has to wait.

    Args:
        waited: seconds that it has waited already. After `LONGEST_SECONDS`, a running operator of another add-on, such
            as one that shows pressed keys, is no longer a reason to wait.
    """
    if any(map(bpy.app.is_job_running, READING_THE_SCENE)):
        return True
    windows = bpy.context.window_manager.windows
    return must_wait((operator.bl_idname for window in windows for operator in window.modal_operators), waited)


def must_wait(running: Iterable[str], waited: float) -> bool:
    """Return whether to wait for the running operators, given the names of their types."""
    return any(waited < LONGEST_SECONDS or is_of_blender(name) for name in running)


def is_of_blender(name: str) -> bool:
    """Return whether an operator comes with Blender, such as the one that moves an object."""
    module = getattr(getattr(bpy.types, name, None), "__module__", OWN[0])
    return module.partition(".")[0] in {own.partition(".")[0] for own in OWN}
