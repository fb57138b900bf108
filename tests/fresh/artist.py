"""Run inside a Blender with a window: install the zip, press the buttons, and record pictures and results.

    blender --python artist.py -- OUT ZIP

OUT is a folder for `told.json` and the pictures, and ZIP is the extension. Nothing else of the repository is present.
"""

import importlib
import json
import os
import subprocess
import sys
import time
import traceback
from pathlib import Path

import bpy

OUT, ZIP = Path(sys.argv[-2]), sys.argv[-1]
PACKAGE = "bl_ext.user_default.actionmesh"
SHORT, LONG = 120, 45 * 60
told: dict = {"error": None, "steps": [], "stages": [], "said": []}


def module(name):
    return importlib.import_module(f"{PACKAGE}.{name}")


def ui():
    """Return the window and its viewport."""
    window = bpy.context.window_manager.windows[0]
    return window, next(area for area in window.screen.areas if area.type == "VIEW_3D")


def press(operator, **arguments):
    """Press a button of the viewport's panel, after checking that it is enabled."""
    window, area = ui()
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        assert operator.poll(), f"{operator.idname()} cannot be pressed"
        assert operator("INVOKE_DEFAULT", **arguments) <= {"FINISHED", "RUNNING_MODAL"}


def picture(name):
    subprocess.run(["import", "-window", "root", str(OUT / f"{name}.png")], check=True, timeout=60)


class Timed:
    """A timed step for the table."""

    def __init__(self, name):
        self.name, self.start = name, time.monotonic()

    def end(self, note=""):
        told["steps"].append((self.name, time.monotonic() - self.start, note))


def story():
    """Perform an artist's steps; yield seconds to wait, or a condition to wait for."""
    step = Timed("*Install from Disk*")
    yield from install_from_disk()
    step.end()
    installing, runner = module("session.installation"), module("session.runner").runner
    yield from show_tab()
    picture("1_installed")

    press(bpy.ops.actionmesh.try_it)
    yield lambda: installing.state.ended or installing.state.planned
    assert installing.state.planned is None, "Blender may not go online yet"
    keep_said(installing.state.ended.problem)
    yield 1.0
    picture("2_offline")

    bpy.context.preferences.system.use_online_access = True
    step = Timed("*Try It*, *Allow Online Access*, *Try Again*: the plan")
    press(bpy.ops.actionmesh.install_backend)
    yield lambda: installing.state.ended or installing.state.planned
    assert installing.state.planned, installing.state.ended
    step.end()
    yield 1.0
    picture("3_plan")

    yield from download_and_install(installing)
    step = Timed("the sample, animated by itself")
    yield lambda: runner.state.records or runner.state.problem
    yield lambda: not runner.state.records or any(progress.notice.step for progress in runner.state.progress.values())
    yield 0.3
    picture("6_animating")
    yield lambda: not runner.state.records and not runner.arrivals.waiting
    step.end()
    assert not runner.state.problem, runner.state.problem
    yield 1.0
    yield from see_it_play()
    picture("7_playing")
    yield from once_more(runner)


def install_from_disk():
    """Install the extension like *Edit > Preferences > Get Extensions > Install from Disk*."""
    window, _area = ui()
    with bpy.context.temp_override(window=window):
        bpy.ops.extensions.package_install_files("EXEC_DEFAULT", filepath=ZIP, repo="user_default")
    yield lambda: PACKAGE in bpy.context.preferences.addons and hasattr(bpy.types.Scene, "actionmesh")


def show_tab():
    _window, area = ui()
    area.spaces[0].show_region_ui = True
    yield 1.0
    region = next(region for region in area.regions if region.type == "UI")
    region.active_panel_category = "ActionMesh"
    for _ in range(2):
        region.tag_redraw()
        yield 1.0


def download_and_install(installing):
    """Press the button and wait; take a picture of the download and of the tests."""
    step = Timed("*Download and Install*")
    press(bpy.ops.actionmesh.install_backend, agreed=True)
    wanted = {"download": "4_downloading", "install": "4_downloading", "import": "5_testing", "trial": "5_testing"}
    seen: list = []
    taken: set = set()
    while installing.is_running():
        stage = str(installing.state.progress.stage) if installing.state.progress else ""
        if stage and stage not in (name for name, _ in seen):
            seen.append((stage, time.monotonic()))
        name, far = wanted.get(stage), installing.state.progress and (installing.state.progress.fraction or 0) > 0.3
        if name and name not in taken and (far or not (OUT / f"{name}.png").exists()):
            taken |= {name} if far else set()
            yield 0.3
            picture(name)
        yield 0.1
    ends = [moment for _, moment in seen[1:]] + [time.monotonic()]
    told["stages"] = [(name, round(end - begun, 1)) for (name, begun), end in zip(seen, ends, strict=True)]
    ended = installing.state.ended
    assert hasattr(ended, "python") and ended.python, ended
    step.end(", ".join(f"{name} {seconds:.0f} s" for name, seconds in told["stages"] if seconds >= 1))
    told["backend"] = ended.python


def see_it_play():
    """Check that the timeline runs and that the sample changes shape between frames."""
    window, _area = ui()
    sample = bpy.data.objects["Sample"]
    told["keys"] = len(sample.data.shape_keys.key_blocks) - 1
    assert window.screen.is_animation_playing and told["keys"] > 1
    frame = bpy.context.scene.frame_current
    yield lambda: bpy.context.scene.frame_current != frame
    assert len(set(shapes(sample))) > 1, "the sample does not move"


def shapes(sample):
    """Return the coordinates of all vertices in some frames."""
    scene, now = bpy.context.scene, bpy.context.scene.frame_current
    found = []
    for frame in range(scene.frame_start, scene.frame_start + 12, 4):
        scene.frame_set(frame)
        evaluated = sample.evaluated_get(bpy.context.evaluated_depsgraph_get())
        found.append(tuple(round(x, 4) for vertex in evaluated.data.vertices for x in vertex.co))
    scene.frame_set(now)
    return found


def once_more(runner):
    """Press the buttons that were hidden before: make a new object from the sample's clip."""
    press(bpy.ops.screen.animation_play)
    step = Timed("*Animate from Video*, the same clip")
    before = set(bpy.data.objects)
    press(bpy.ops.actionmesh.animate_from_video)
    yield lambda: runner.state.records
    yield lambda: not runner.state.records and not runner.arrivals.waiting
    assert not runner.state.problem, runner.state.problem
    step.end()
    assert len(set(bpy.data.objects) - before) == 1
    yield 1.0
    picture("8_again")


def keep_said(text):
    told["said"].append(text)


def play(steps):
    """Return a timer function that runs the steps and quits Blender at the end."""
    waiting = {"for": 0.0, "until": time.monotonic() + SHORT}

    def tick():
        wanted = waiting["for"]
        if callable(wanted) and not wanted():
            return 0.05 if time.monotonic() < waiting["until"] else end("it did not happen in time")
        try:
            waiting["for"] = next(steps)
        except StopIteration:
            return end(None)
        except Exception:
            return end(traceback.format_exc())
        waiting["until"] = time.monotonic() + LONG
        return 0.05 if callable(waiting["for"]) else waiting["for"]

    return tick


def end(error):
    told["error"], told["load"] = error, os.getloadavg()[0]
    if error:
        try:
            picture("error")
        except (OSError, subprocess.SubprocessError):
            pass
    (OUT / "told.json").write_text(json.dumps(told, indent=1))
    bpy.ops.wm.quit_blender()


bpy.context.preferences.view.show_splash = False
bpy.app.timers.register(play(story()), first_interval=3.0, persistent=True)
