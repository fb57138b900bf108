"""Run inside a Blender with a window: do what the guide describes, and save a screenshot of each feature.

    blender --enable-event-simulate --python docs/guide_story.py -- OUT WORK

OUT is a folder for the screenshots and `pictures.json`, which says what to crop from them. WORK holds bird.mp4,
bird.glb and husky.mp4. The extension is installed, and ACTIONMESH_PYTHON names the backend's Python.
See `guide_pictures.py`.
"""

import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))
from demo import paint, select  # noqa: E402
from guide_window import (  # noqa: E402
    OUT,
    RIM,
    add,
    call,
    dialog,
    finished,
    look_at,
    looked,
    middle_of_view,
    ops,
    panel,
    part,
    popup,
    press,
    region,
    select_none,
    shoot,
    show,
    show_tab,
    shown,
    stop_playing,
    told,
    type_key,
    viewport,
    whole_area,
)

WORK = Path(sys.argv[-1])
EXTENSION = "bl_ext.user_default.actionmesh"
PYTHON = os.environ.pop("ACTIONMESH_PYTHON")
PATIENCE = 1500
"""Seconds to wait for a job."""
FACTS = 225
"""Height of what Blender itself says about an add-on above its preferences, such as the file's path."""


def story() -> Iterator[float | Callable[[], bool]]:
    """Perform the steps; yield seconds to wait, or a condition to wait for."""
    settings = bpy.context.scene.actionmesh
    yield from show_tab()
    yield from installing()
    os.environ["ACTIONMESH_PYTHON"] = PYTHON
    yield from trying()
    sample = bpy.data.objects["Sample"]
    sample.hide_set(True)
    husky = yield from clip_alone(settings)
    yield from result_panels(husky)
    yield from camera(husky)
    yield from colours(husky, sample)
    husky.hide_set(True)
    bird = yield from own_mesh(settings)
    yield from more_settings(settings, bird, husky)
    yield from history_and_mending(settings, bird)
    yield from backend_and_models()


def installing():
    show("Animate")
    yield 1.5
    add("install", panel())
    press(ops.install_backend)
    yield lambda: ops.install_backend.poll()
    yield 1.5
    add("install", panel())
    press(ops.dismiss_install)
    _window, area = viewport()
    area.type = "PREFERENCES"
    preferences = bpy.context.preferences
    preferences.active_section = "ADDONS"
    bpy.context.window_manager.addon_search = "ActionMesh"
    bpy.ops.preferences.addon_expand(module=EXTENSION)
    yield 3.0
    page = region("WINDOW")
    whole = part(page.x, page.y + RIM, page.x + page.width - RIM, page.y + page.height - FACTS, trim=True)
    add("preferences", whole)
    own = preferences.addons[EXTENSION].preferences
    own.host = "gpu-box"
    yield 3.0
    add("another_computer", whole)
    own.property_unset("host")
    area.type = "VIEW_3D"
    yield from show_tab()


def trying():
    show("Animate", "Progress")
    yield 1.0
    add("try_it", panel())
    press(ops.try_it)
    yield from finished()
    stop_playing()
    bpy.context.scene.frame_set(8)
    yield from look_at(bpy.data.objects["Sample"], 12, 25, 1.3)
    add("try_it", middle_of_view(620, 420))


def clip_alone(settings):
    """Choose the husky's clip and make a new object from it; return the object."""
    select_none()
    settings.frame_count = 8
    settings.clip = "//husky.mp4"
    yield looked
    yield 2.0
    show("Animate")
    yield 1.0
    add("choose_clip", panel())
    yield from pick_subject()
    before = set(bpy.data.objects)
    press(ops.animate_from_video)
    yield from finished()
    stop_playing()
    (husky,) = set(bpy.data.objects) - before
    return husky


def pick_subject():
    windows = bpy.context.window_manager.windows
    press(ops.pick_subject)
    yield lambda: len(windows) == 2
    yield 6.0
    window = windows[-1]
    type_key("LEFTMOUSE", window)
    yield 6.0
    add("pick_subject", part(window.x, window.y, window.x + window.width, window.y + window.height))
    type_key("RET", window)
    yield 2.0
    yield lambda: not ops.cancel_tracking.poll()
    yield 2.0
    add("subject_strip", panel())
    press(ops.add_subject)
    (strip,) = sys.modules[f"{EXTENSION}.session.panel_state"].state.strips
    call(ops.pick_subject, point=f"{0.45 * strip.size[0]:.0f},{0.4 * strip.size[1]:.0f}", subject=2)
    yield lambda: not ops.cancel_tracking.poll()
    yield 3.0
    add("several_subjects", panel())
    press(ops.remove_subject)
    press(ops.clear_picks)
    yield 2.0


def result_panels(husky):
    bpy.context.scene.frame_set(7)
    show("Result", "Made From")
    yield from look_at(husky, 12, 35, 0.8)
    add("blender_result", whole_area())
    add("result", panel())
    show("Bake & Export")
    yield 1.0
    add("bake_export", panel())
    yield from dialog("match_again", ops.match_again)
    yield from dialog("bake_armature", ops.bake_armature)
    yield from motion_and_tracks(husky)


def motion_and_tracks(husky):
    show("Result")
    yield 1.5
    alone = shoot()
    show("Result", "Motion")
    yield 1.5
    add("motion", panel() | {"below": alone})
    call(ops.smooth_motion, "INVOKE_DEFAULT", True, kind="SOFT", reach=2)
    yield 6.0
    yield from popup("smooth_motion", lambda: type_key("F9"))
    select(husky)
    press(ops.push_down)
    show("Result", "Tracks")
    yield 2.0
    add("tracks", panel())
    (prefix,) = {block.name.rpartition(" ")[0] for block in husky.data.shape_keys.key_blocks[1:]}
    call(ops.take_up, result=prefix)
    yield 1.0


def camera(husky):
    _window, area = viewport()
    press(ops.add_camera)
    select(husky)
    view = area.spaces[0].region_3d
    call(bpy.ops.view3d.view_camera)
    yield 1.0
    call(bpy.ops.view3d.view_center_camera)
    area.spaces[0].shading.show_xray, area.spaces[0].shading.xray_alpha = True, 0.2
    overlay = area.spaces[0].overlay
    overlay.show_relationship_lines = overlay.show_cursor = overlay.show_text = False
    yield 2.0
    side = region("WINDOW").height
    add("camera", middle_of_view(side, side))
    area.spaces[0].shading.show_xray, overlay.show_cursor, overlay.show_text = False, True, True
    view.view_perspective = "PERSP"
    select_none()
    for each in list(bpy.data.objects):
        if each.type == "CAMERA":
            each.hide_set(True)


def colours(husky, sample):
    yield from look_at(husky, 10, 30, 1.5)
    select_none()
    yield 1.5
    add("colours", middle_of_view(460, 420))
    husky.hide_set(True)
    sample.hide_set(False)
    yield from look_at(sample, 10, 20, 1.5)
    select_none()
    yield 1.5
    add("colours", middle_of_view(460, 420))
    sample.hide_set(True)


def own_mesh(settings):
    """Import the bird as the artist's own mesh and animate it; return the object."""
    bpy.ops.import_scene.gltf(filepath=str(WORK / "bird.glb"))
    bird = next(each for each in bpy.context.selected_objects if each.type == "MESH")
    bpy.context.view_layer.update()
    bird.matrix_world, bird.parent = bird.matrix_world.copy(), None
    bird.name = bird.data.name = "Bird"
    paint(bird)
    bird.data.shade_smooth()
    for empty in [each for each in bpy.data.objects if each.type == "EMPTY"]:
        bpy.data.objects.remove(empty)
    bpy.context.scene.frame_set(1)
    settings.clip = "//bird.mp4"
    bird.actionmesh.facing = "NEG_Y"
    bpy.context.window_manager.actionmesh.show_facing = True
    show("Animate")
    yield looked
    yield from look_at(bird, 20, 65, 1.4)
    view, sidebar = region("WINDOW"), region("UI")
    middle = view.x + view.width // 2
    top = view.y + view.height
    alone = shoot()
    add("own_mesh", part(middle - 470, top - 600, sidebar.x + sidebar.width, top), alone)
    show("Animate", "Progress")
    yield 1.0
    press(ops.animate_selected)
    shots = []
    while ops.cancel.poll():
        yield 0.7
        if ops.cancel.poll():
            shots.append(shoot())
    taken = shots[int(0.75 * len(shots))]
    add("blender_animate", whole_area(), taken)
    add("progress", panel() | {"below": alone}, taken)
    lowest = min(each.y for each in viewport()[0].screen.areas)
    add("status_bar", part(viewport()[0].width - 700, 0, viewport()[0].width, lowest), taken)
    yield from finished()
    stop_playing()
    return bird


def more_settings(settings, bird, husky):
    settings.fit_clip = False
    settings.first_frame, settings.frame_count, settings.frame_step = 3, 8, 2
    settings.reference_frame, settings.in_betweens = 4, 1
    select(bird)
    press(ops.look)
    show("Animate", "Frames")
    yield 6.0
    add("frames", panel())
    for name in ("reference_frame", "anchor", "in_betweens"):
        settings.property_unset(name)
    settings.fit_clip = True
    settings.preset = "quality"
    show("Animate")
    yield 4.0
    alone = shoot()
    show("Animate", "Quality", "Placement")
    yield 4.0
    add("settings", panel() | {"below": alone})
    show("Animate", "Advanced")
    yield 4.0
    add("settings", panel() | {"below": alone})
    settings.preset = "demo"
    settings.source, settings.source_object = "OBJECT", bird
    husky.hide_set(False)
    select(husky)
    show("Animate")
    yield 2.0
    add("animated_object", panel())
    settings.source, settings.prompt = "TEXT", "a fox jumps over a log"
    select_none()
    yield 3.0
    add("from_text", panel())
    settings.source = "VIDEO"
    husky.hide_set(True)
    show("Animate")
    yield 2.0
    alone = shoot()
    settings.batch_folder = "//clips"
    show("Animate", "Batch")
    yield 2.0
    add("batch", panel() | {"below": alone})


def history_and_mending(settings, bird):
    select_none()
    press(ops.animate_from_video)
    yield 3.0
    call(ops.cancel)
    yield from finished()
    show("History")
    yield 1.5
    add("history", panel())
    bpy.context.window_manager.actionmesh.show_facing = False
    twin = bird.copy()
    bpy.context.collection.objects.link(twin)
    select(bird)
    show("Animate")
    try:
        press(ops.animate_selected)
    except RuntimeError as error:
        print(error)
    yield 2.0
    add("mending", panel())


def backend_and_models():
    press(ops.dismiss)
    select_none()
    show("Backend", "Models")
    yield 1.5
    add("backend", panel())
    home, os.environ["HOME"] = os.environ["HOME"], "/home/you"
    yield from dialog("licences", ops.download_models, models="actionmesh")
    os.environ["HOME"] = home


def set_up() -> None:
    """Start from an empty, saved scene, with every panel open that `show` names."""
    preferences = bpy.context.preferences
    preferences.view.show_splash = False
    preferences.system.use_region_overlap = False
    preferences.system.use_online_access = True
    for name in [name for name in os.environ if name.startswith(("ACTIONMESH_", "PIP_", "UV_", "XDG_"))]:
        del os.environ[name]  # so that no picture shows this computer's folders and sources
    os.environ.update(PIP_CONFIG_FILE=os.devnull, HOME=str(OUT / "home"))
    (OUT / "home").mkdir(exist_ok=True)
    bpy.ops.preferences.addon_enable(module=EXTENSION)
    panels = [each for each in bpy.types.Panel.__subclasses__() if getattr(each, "bl_category", "") == "ActionMesh"]
    panels.sort(key=lambda each: hasattr(each, "bl_parent_id"))
    for each in reversed(panels):
        bpy.utils.unregister_class(each)
    for each in panels:
        each.bl_options, each.poll = set(), classmethod(poll_of(each))
        bpy.utils.register_class(each)
    for each in list(bpy.data.objects):
        bpy.data.objects.remove(each)
    bpy.context.scene.actionmesh.start_at = "FIRST"
    bpy.context.scene.render.fps = 24
    bpy.ops.wm.save_as_mainfile(filepath=str(WORK / "scene.blend"))


def poll_of(panel: type) -> Callable:
    """Return a poll function that also asks whether the panel is among those shown."""
    own = panel.poll if "poll" in vars(panel) else lambda context: True
    return lambda cls, context: cls.bl_label in shown and own(context)


def play(steps) -> Callable[[], float | None]:
    """Run the story from a timer; quit Blender at its end."""
    waiting: dict = {"for": 0.0, "until": time.monotonic() + PATIENCE}

    def step() -> float | None:
        wanted = waiting["for"]
        if callable(wanted) and not wanted():
            if time.monotonic() > waiting["until"]:
                return end("it did not happen in time:\n" + "".join(traceback.format_stack(steps.gi_frame)))
            return 0.1
        try:
            waiting["for"] = next(steps)
        except StopIteration:
            return end("")
        except Exception:
            return end(traceback.format_exc())
        waiting["until"] = time.monotonic() + PATIENCE
        return 0.1 if callable(waiting["for"]) else waiting["for"]

    return step


def end(error: str) -> None:
    told["error"] = error
    (OUT / "pictures.json").write_text(json.dumps(told, indent=1))
    bpy.ops.wm.quit_blender()


set_up()
bpy.app.timers.register(play(story()), first_interval=2.0)
