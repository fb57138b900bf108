"""Run inside a Blender with a window: press what an artist presses, save screenshots, and record what happened.

    blender --factory-startup --enable-event-simulate --python drive.py -- OUT CLIP PACKAGE

OUT is a folder for `told.json` and the pictures, CLIP a video, PACKAGE the name of the add-on's package.
"""

import importlib
import json
import os
import shutil
import subprocess
import sys
import time
import traceback
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
OUT, CLIP, PACKAGE = Path(sys.argv[-3]), sys.argv[-2], sys.argv[-1]
PATIENCE = 120
EDITS = ("smooth_motion", "make_loop", "lock_feet", "extract_root_motion", "apply_root_motion")
CLOSED = {"Frames", "Quality", "Placement", "Advanced"}
told: dict = {"longest_tick": 0.0, "gaps": []}


def module(name):
    return importlib.import_module(f"{PACKAGE}.{name}")


def enable():
    """Register with those panels open that the pictures show."""
    if PACKAGE != "blender_addon":
        bpy.ops.preferences.addon_enable(module=PACKAGE)
        importlib.import_module(PACKAGE).unregister()
    for panel in module("panels").CLASSES:
        panel.bl_options = {"DEFAULT_CLOSED"} if panel.bl_label in CLOSED else set()
    importlib.import_module(PACKAGE).register()


def viewport():
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    return window, area


def press(operator, **arguments):
    """Press a button with the context of the viewport."""
    window, area = viewport()
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        assert operator("INVOKE_DEFAULT", **arguments) <= {"FINISHED", "RUNNING_MODAL", "INTERFACE"}


def key(type, kind):
    """Press a key, with the pointer over a region of the viewport."""
    window, area = viewport()
    region = next(region for region in area.regions if region.type == kind)
    x, y = region.x + region.width // 3, region.y + region.height // 2
    window.event_simulate(type="MOUSEMOVE", value="NOTHING", x=x, y=y)
    for value in ("PRESS", "RELEASE"):
        window.event_simulate(type=type, value=value, x=x, y=y)


def picture(name):
    """Save a picture of the screen; the time that this takes is not counted."""
    _take_picture(name)
    told["pictures"] = told.get("pictures", 0) + 1


def _take_picture(name):
    """Capture the screen, with ImageMagick if present: what Blender reads from a software driver is black."""
    path = str(OUT / f"{name}.png")
    if os.environ.get("DISPLAY") and shutil.which("import"):
        subprocess.run(["import", "-window", "root", path], check=True, timeout=30)
        return
    window, area = viewport()
    with bpy.context.temp_override(window=window, area=area):
        bpy.ops.screen.screenshot(filepath=path)


def watch_ticks():
    """Measure how long the add-on keeps Blender from drawing, except for the last write, and the gaps between ticks."""
    runner = module("session.runner").runner
    true_go_on, last = runner._go_on, {"end": 0.0, "pictures": 0}

    def go_on():
        start = time.perf_counter()
        if last["end"] and last["pictures"] == told.get("pictures", 0):
            told["gaps"].append(round(start - last["end"], 3))
        true_go_on()
        last["end"] = time.perf_counter() if runner.state.records else 0.0
        last["pictures"] = told.get("pictures", 0)
        told["longest_tick"] = max(told["longest_tick"], time.perf_counter() - start)

    runner._go_on = go_on


def screen():
    return bpy.context.window_manager.windows[0].screen


def is_in_view(made):
    _window, area = viewport()
    return module("session.selection").is_whole_in_view(made, area.spaces[0].region_3d)


def show_tab():
    _window, area = viewport()
    area.spaces[0].show_region_ui = True
    yield 0.5
    for region in area.regions:
        if region.type == "UI":
            region.active_panel_category = "ActionMesh"
    yield 0.5


def story():
    """Perform an artist's steps; yield seconds to wait, or a condition to wait for."""
    ops, runner, settings = bpy.ops.actionmesh, module("session.runner").runner, bpy.context.scene.actionmesh
    watch_ticks()
    yield from show_tab()
    picture("fresh")
    press(ops.try_it)
    yield lambda: not runner.state.records and not runner.arrivals.waiting
    yield 1.0
    told["playing"] = screen().is_animation_playing
    told["sample_in_view"] = is_in_view(bpy.data.objects["Sample"])
    picture("tried")
    press(bpy.ops.screen.animation_play)
    bpy.data.objects.remove(bpy.data.objects["Sample"])
    settings.frame_count = 8
    settings.clip = CLIP
    yield lambda: runner.state.look or runner.state.problem
    assert runner.state.look and runner.state.look.clip_frames == 24, runner.state.problem
    yield 1.0
    picture("look")
    yield from pick_subject()

    before = set(bpy.data.objects)
    press(ops.animate_from_video)
    yield lambda: any(progress.notice.step for progress in runner.state.progress.values())
    yield 0.3
    picture("progress")
    yield lambda: not runner.state.records and not runner.arrivals.waiting
    (made,) = set(bpy.data.objects) - before
    told["selected"] = [item.name for item in bpy.context.view_layer.objects if item.select_get()]
    told["new_object_in_view"] = is_in_view(made)
    told["keys"] = len(made.data.shape_keys.key_blocks) - 1
    activate(made)
    bpy.context.scene.frame_set(10)
    yield 1.0
    picture("result")

    settings.in_betweens = 40  # longer than a software driver takes to draw
    press(ops.animate_from_video)
    yield lambda: runner.state.progress
    key("ESC", "WINDOW")
    yield 1.0
    told["after_escape_over_the_scene"] = runner.state.records[0].state
    key("ESC", "UI")
    yield 1.0
    told["while_asked"] = runner.state.records[0].state
    picture("asked")
    key("RET", "UI")
    yield lambda: not runner.state.records
    told["end_told"] = runner.state.ended.state
    settings.in_betweens = 0
    told["after_escape"] = module("session.job_list").records(False)[0].state

    press(ops.bake)
    yield 1.0
    told["baked"] = [item.name for item in bpy.data.objects if item.name.endswith("(baked)")]
    activate(made)
    yield from motion_edits(made)
    made.actionmesh.strength = 0.5
    bpy.context.window_manager.actionmesh.show_facing = True
    yield 1.0
    picture("baked")

    activate(bpy.data.objects["Cube"])
    press(ops.animate_selected)
    yield lambda: not runner.state.records and not runner.arrivals.waiting
    told["cube_keys"] = len(bpy.data.objects["Cube"].data.shape_keys.key_blocks) - 1
    yield from jobs_without_viewport()
    bpy.ops.object.mode_set(mode="EDIT")
    try:
        press(ops.animate_selected)
    except RuntimeError as error:
        told["refused"] = str(error)
    yield 1.0
    picture("refused")
    importlib.import_module(PACKAGE).unregister()


def pick_subject():
    """Point at the subject in its own window: a point, one that is not it, a box; Escape once, then Enter."""
    ops, state, runner = bpy.ops.actionmesh, module("session.pointing_state"), module("session.runner").runner
    windows = bpy.context.window_manager.windows
    for end in ("ESC", "RET"):
        press(ops.pick_subject)
        yield lambda: state.current is not None and state.current.is_open and state.current.frame is not None
        yield 1.0
        window = windows[-1]
        told["windows_while_pointing"] = len(windows)
        point_at(window, [(0.5, 0.5)])
        point_at(window, [(0.05, 0.05)], ctrl=True)
        point_at(window, [(0.1, 0.1), (0.5, 0.5), (0.9, 0.9)])
        yield lambda: not runner.state.looking
        yield 1.0
        told["picked"] = [pick.kind for pick in state.current.picks]
        picture("pointing")
        send(window, end, *middle_of(window))
        yield lambda: len(windows) == 1
        told[f"kept_after_{end}"] = len(bpy.context.scene.actionmesh.picks)
    yield lambda: bool(runner.state.strips) or runner.state.problem is not None
    yield 1.0
    told["strip"] = [shown.frame for shown in runner.state.strips[0].shown]
    told["images_left"] = [image.name for image in bpy.data.images if "Pick Subject" in image.name]
    picture("strip")
    press(ops.clear_picks)


def picture_region(window):
    return next(region for region in window.screen.areas[0].regions if region.type == "WINDOW")


def middle_of(window):
    region = picture_region(window)
    return region.x + region.width // 2, region.y + region.height // 2


def point_at(window, places, ctrl=False):
    """Click at a place in the picture, in shares from the bottom left, or drag from the first place to the last."""
    region = picture_region(window)
    on_screen = [region.view2d.view_to_region(*place, clip=False) for place in places]
    pixels = [(region.x + int(x), region.y + int(y)) for x, y in on_screen]
    window.event_simulate(type="MOUSEMOVE", value="NOTHING", x=pixels[0][0], y=pixels[0][1], ctrl=ctrl)
    window.event_simulate(type="LEFTMOUSE", value="PRESS", x=pixels[0][0], y=pixels[0][1], ctrl=ctrl)
    for x, y in pixels[1:]:
        window.event_simulate(type="MOUSEMOVE", value="NOTHING", x=x, y=y, ctrl=ctrl)
    window.event_simulate(type="LEFTMOUSE", value="RELEASE", x=pixels[-1][0], y=pixels[-1][1], ctrl=ctrl)


def send(window, type, x, y):
    for value in ("PRESS", "RELEASE"):
        window.event_simulate(type=type, value=value, x=x, y=y)


def motion_edits(made):
    """Press every button that edits the motion, Smooth Motion with Escape first; note which of them moved vertices."""
    ops, window = bpy.ops.actionmesh, bpy.context.window_manager.windows[0]
    told["edits"], before = {}, keyed(made)
    presses = [("escape", ops.smooth_motion)]
    presses += [(name, getattr(ops, name)) for name in EDITS]
    for name, operator in presses:
        press(operator)
        if name == "escape":
            told["edit_was_modal"] = any(each.bl_idname.endswith("smooth_motion") for each in window.modal_operators)
            key("ESC", "WINDOW")
        yield lambda: not any("ACTIONMESH" in each.bl_idname for each in window.modal_operators)
        yield 0.3
        after = keyed(made)
        told["edits"][name], before = after != before, after


def keyed(target):
    """Return what a motion consists of: the places of all keys, and where the object itself is over time."""
    places = [[tuple(point.co) for point in block.data] for block in target.data.shape_keys.key_blocks]
    curves = target.animation_data.action.fcurves if target.animation_data and target.animation_data.action else ()
    return places, [[tuple(point.co) for point in curve.keyframe_points] for curve in curves]


def jobs_without_viewport():
    """Run jobs while no viewport is drawn, which costs a software driver most of a second: the gaps left are ours."""
    _window, area = viewport()
    area.type = "TEXT_EDITOR"
    yield 1.0
    told["gaps_with_viewport"], told["gaps"] = told["gaps"], []
    yield from timed_job(bpy.ops.actionmesh.animate_from_video, "gaps_without_viewport")
    choose_animated_object()
    yield 1.0
    watch_rendering()
    yield from timed_job(bpy.ops.actionmesh.animate_selected, "gaps_while_an_object_is_rendered")
    bpy.context.scene.actionmesh.source = "VIDEO"
    area.type = "VIEW_3D"
    yield from show_tab()
    activate(bpy.data.objects["Cube"])


def timed_job(operator, name):
    runner, window = module("session.runner").runner, bpy.context.window_manager.windows[0]
    with bpy.context.temp_override(window=window):
        assert operator("INVOKE_DEFAULT") == {"FINISHED"}
    yield lambda: not runner.state.records and not runner.arrivals.waiting
    told[name], told["gaps"] = told["gaps"], []


def choose_animated_object():
    """Let a moving cube drive the other."""
    scene = bpy.context.scene
    source = bpy.data.objects.new("Source", bpy.data.objects["Cube"].data.copy())
    source.shape_key_clear()
    scene.collection.objects.link(source)
    for frame, place in ((1, 0), (9, 2)):
        source.location.x = place
        source.keyframe_insert("location", frame=frame)
    scene.frame_start, scene.frame_end = 1, 9
    settings = scene.actionmesh
    settings.source, settings.source_object, settings.frame_count = "OBJECT", source, 3
    activate(bpy.data.objects["Cube"])


def watch_rendering():
    """Record what the job reports while the object is rendered, and how long its copy takes to be written."""
    runner, second_blender = module("session.runner").runner, module("scene.second_blender")
    in_words = module("panels.stage_words").in_words
    true_hear, true_write = runner._hear, second_blender.write_copy

    def hear(event):
        if hasattr(event, "notice"):
            told["stages"] = list(dict.fromkeys([*told.get("stages", []), in_words(event.notice)]))
        true_hear(event)

    def write_copy(*arguments):
        start = time.perf_counter()
        order = true_write(*arguments)
        told["copy_seconds"] = round(time.perf_counter() - start, 4)
        return order

    runner._hear, second_blender.write_copy = hear, write_copy


def activate(target):
    bpy.ops.object.select_all(action="DESELECT")
    target.select_set(True)
    bpy.context.view_layer.objects.active = target


def play(steps):
    """Run the story from a timer; quit Blender at its end."""
    waiting = {"for": 0.0, "until": time.monotonic() + PATIENCE}

    def step():
        wanted = waiting["for"]
        if callable(wanted) and not wanted():
            if time.monotonic() > waiting["until"]:
                return end("it did not happen in time")
            return 0.05
        try:
            waiting["for"] = next(steps)
        except StopIteration:
            return end(None)
        except Exception:
            return end(traceback.format_exc())
        waiting["until"] = time.monotonic() + PATIENCE
        return waiting["for"] if not callable(waiting["for"]) else 0.05

    return step


def end(error):
    told["error"] = error
    (OUT / "told.json").write_text(json.dumps(told, indent=1))
    bpy.ops.wm.quit_blender()


bpy.context.preferences.view.show_splash = False
enable()
bpy.app.timers.register(play(story()), first_interval=2.0)
