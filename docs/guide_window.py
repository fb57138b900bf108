"""What `guide_story.py` does with Blender's window: press buttons, choose what is drawn, and take screenshots."""

import subprocess
import sys
from pathlib import Path

import bpy
import numpy as np
from demo import select
from mathutils import Euler

OUT = Path(sys.argv[-2])
TABS, RIM = 31, 6
"""Width of the scroll bar and the tabs at the right edge of the sidebar, and of an area's rounded rim, in pixels."""
ops = bpy.ops.actionmesh
told: dict = {"error": "", "pictures": {}}
shown = {"Animate"}
"""Labels of the panels that are drawn."""


def looked() -> bool:
    """Return whether the length of the chosen clip is known, because it was looked at."""
    return ops.fit_clip.poll()


def finished():
    """Wait until no job runs and the last result is in the scene."""
    yield 1.0
    yield lambda: not ops.cancel.poll()
    yield 3.0


def dialog(name, operator, **arguments):
    """Take the picture of an operator's dialog."""
    yield from popup(name, lambda: press(operator, **arguments))


def popup(name, open_it):
    """Open a popup over an empty part of the scene, take its picture and close it."""
    window, area = viewport()
    space, view = area.spaces[0], region("WINDOW")
    x, y = view.x + view.width // 2, view.y + view.height // 2
    window.event_simulate(type="MOUSEMOVE", value="NOTHING", x=x, y=y)
    space.overlay.show_overlays = space.show_gizmo = False
    space.region_3d.view_location.z += 1000
    yield 4.0
    before = shoot()
    open_it()
    yield 2.0
    inside = part(view.x + RIM, view.y + RIM, view.x + view.width - RIM, view.y + view.height - RIM)
    add(name, inside | {"before": before})
    type_key("ESC")
    yield 1.0
    space.overlay.show_overlays = space.show_gizmo = True
    space.region_3d.view_location.z -= 1000


def type_key(key, window=None, **modifiers):
    """Press a key, or the mouse, over the middle of the viewport, or of another window's only area."""
    window = window or viewport()[0]
    area = max(window.screen.areas, key=lambda each: each.width * each.height)
    view = next(each for each in area.regions if each.type == "WINDOW")
    x, y = view.x + view.width // 2, view.y + view.height // 2
    window.event_simulate(type="MOUSEMOVE", value="NOTHING", x=x, y=y)
    for value in ("PRESS", "RELEASE"):
        window.event_simulate(type=key, value=value, x=x, y=y, **modifiers)


def stop_playing():
    window = viewport()[0]
    with bpy.context.temp_override(window=window):
        if window.screen.is_animation_playing:
            bpy.ops.screen.animation_play()


def select_none():
    for each in bpy.context.view_layer.objects:
        each.select_set(False)
    bpy.context.view_layer.objects.active = None


def look_at(target, above: float, aside: float, distance: float):
    """Select an object and look at it.

    Args:
        above, aside: of the front, in degrees.
        distance: relative to that from which it fills the viewport.
    """
    select(target)
    view = viewport()[1].spaces[0].region_3d
    view.view_rotation = Euler((np.radians(90 - above), 0, np.radians(aside))).to_quaternion()
    call(bpy.ops.view3d.view_selected)
    yield 2.0
    view.view_distance *= distance
    yield 1.5


def viewport():
    window = bpy.context.window_manager.windows[0]
    area = max(window.screen.areas, key=lambda each: each.width * each.height)
    return window, area


def region(kind):
    return next(each for each in viewport()[1].regions if each.type == kind)


def call(operator, *words, **arguments):
    """Call an operator in the context of the viewport."""
    window, area = viewport()
    with bpy.context.temp_override(window=window, area=area, region=region("WINDOW")):
        return operator(*words, **arguments)


def press(operator, **arguments):
    """Press a button."""
    assert call(operator, "INVOKE_DEFAULT", **arguments) <= {"FINISHED", "RUNNING_MODAL", "INTERFACE"}, operator


def show(*labels: str) -> None:
    """Draw only the panels with these labels."""
    shown.clear()
    shown.update(labels)
    for each in viewport()[1].regions:
        each.tag_redraw()


def show_tab():
    area = viewport()[1]
    area.spaces[0].show_region_ui = True
    yield 0.5
    region("UI").active_panel_category = "ActionMesh"
    shading = area.spaces[0].shading
    shading.type, shading.color_type, shading.light = "SOLID", "TEXTURE", "STUDIO"
    yield 0.5


def shoot() -> str:
    """Save a screenshot; return its name. Blender's own screenshot of a software driver is black."""
    name = f"shot_{len(list(OUT.glob('shot_*.png'))):03d}"
    subprocess.run(["import", "-window", "root", str(OUT / f"{name}.png")], check=True, timeout=30)
    return name


def add(name: str, cut: dict, shot: str = "") -> None:
    """Add a part to a picture, from an earlier screenshot or a new one."""
    told["pictures"].setdefault(name, []).append({"shot": shot or shoot(), **cut})


def part(left: int, bottom: int, right: int, top: int, trim: bool = False) -> dict:
    """Return a box, given in Blender's coordinates, as the box of a picture whose first row is at the top."""
    height = viewport()[0].height
    return {"box": [left, height - top, right, height - bottom], "trim": trim}


def panel() -> dict:
    """Return the box of the sidebar's panels."""
    side = region("UI")
    return part(side.x, side.y + RIM, side.x + side.width - TABS, side.y + side.height, trim=True)


def whole_area() -> dict:
    area = viewport()[1]
    return part(area.x, area.y, area.x + area.width, area.y + area.height)


def middle_of_view(width: int, height: int) -> dict:
    view = region("WINDOW")
    x, y = view.x + view.width // 2, view.y + view.height // 2
    return part(x - width // 2, y - height // 2, x + width // 2, y + height // 2)
