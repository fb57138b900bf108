"""Timers that follow work outside of Blender, and survive the loading of a file."""

from collections.abc import Callable

import bpy


def start(tick: Callable[[], float | None], after: float = 0.0) -> None:
    """Call `tick` after some seconds, and then whenever it asks for it; do nothing if it is being called already."""
    if not bpy.app.timers.is_registered(tick):
        bpy.app.timers.register(tick, first_interval=after, persistent=True)


def stop(tick: Callable[[], float | None]) -> None:
    """Stop calling `tick`, if it is being called."""
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)
