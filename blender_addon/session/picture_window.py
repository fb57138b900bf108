"""A window of its own with an image editor."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import bpy

from ..errors import ArtistError


@contextmanager
def opened() -> Iterator[None]:
    """Open a window with an image editor; within the block it is the context's.

    Raises:
        ArtistError: Blender opens no window now.
    """
    if not bpy.ops.wm.window_new.poll():
        raise ArtistError("Blender opens no window while an editor fills this one.", "Press Ctrl Space over it first.")
    windows = bpy.context.window_manager.windows
    before = {window.as_pointer() for window in windows}
    bpy.ops.wm.window_new()
    window = next(window for window in windows if window.as_pointer() not in before)
    area = max(window.screen.areas, key=lambda area: area.width * area.height)
    area.ui_type = "IMAGE_EDITOR"
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        space = area.spaces.active
        space.image, space.mode, space.use_image_pin = None, "VIEW", True
        space.show_region_ui = space.show_region_toolbar = False
        try:
            yield
        except BaseException:
            close_soon(window)
            raise


def close_soon(window: bpy.types.Window | None) -> None:
    """Close a window, unless it is the last, as soon as no operator of it is in the middle of something."""
    if window is not None:
        bpy.app.timers.register(partial(_close, window.as_pointer()), first_interval=0.0)


def _close(pointer: int) -> None:
    windows = bpy.context.window_manager.windows
    for window in windows:
        if window.as_pointer() == pointer and len(windows) > 1:
            with bpy.context.temp_override(window=window):
                bpy.ops.wm.window_close()
            return
