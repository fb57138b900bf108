"""A second Blender renders an object: the same pictures, nothing left behind, and every failure is reported."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon.errors import ArtistError, FolderError, RenderError
from blender_addon.jobs import rendering
from blender_addon.jobs.record import State, Trouble
from blender_addon.panels.stage_words import in_words
from blender_addon.process.backend_locator import protocol
from blender_addon.scene import second_blender
from blender_addon.scene.pictures import Engine
from blender_addon.scene.source_render import plan_frames, render_frames
from blender_addon.session.runner import runner
from blender_addon.workflow import source_frames
from tests.addon.workers import is_running, wait_until
from tests.bpy.addon import all_over, keys_of, press, selected_cube, states, tick_until
from tests.bpy.dump import dump_file
from tests.bpy.test_source_render import FRAMES, SIZE, add, box, coloured, crowded_file, differences, pixels, slide
from tests.full_disk import full_disk

COMMAND = [sys.executable, str(second_blender.SCRIPT)]
"""Blender as a Python module is not a program; this Python is one."""


def shoot(source, folder):
    """Render with a second Blender and return what it reported."""
    copy, frames = folder / "copy.blend", folder / "frames"
    frames.mkdir()
    plan, names = plan_frames(bpy.context.scene, source, FRAMES, SIZE)
    order = second_blender.write_copy(plan, names, copy, frames)
    told = []
    steps = rendering.watch(COMMAND, order.line(), folder / "log", [copy])
    wait_until(lambda: told.append(next(steps, "over")) or told[-1] == "over")
    assert [path.name for path in folder.iterdir()] == ["frames"]
    return [step for step in told[:-1] if step]


def alike(folder, other):
    names = sorted(path.name for path in folder.iterdir())
    assert names == [f"frame_{number:04d}.png" for number in range(1, len(FRAMES) + 1)]
    return all(np.abs(pixels(folder / name) - pixels(other / name)).max() < 0.02 for name in names)


def textured(source, path):
    """Colour the object red with a picture next to the file."""
    image = bpy.data.images.new("Red", 2, 2)
    image.pixels = [1, 0, 0, 1] * 4
    image.filepath_raw, image.file_format = str(path), "PNG"
    image.save()
    bpy.data.images.remove(image)
    nodes = coloured(source, (0, 1, 0)).data.materials[0].node_tree
    texture = nodes.nodes.new("ShaderNodeTexImage")
    texture.image = bpy.data.images.load(str(path))
    texture.image.filepath = f"//{path.name}"
    shader = next(node for node in nodes.nodes if node.type == "BSDF_PRINCIPLED")
    nodes.links.new(texture.outputs["Color"], shader.inputs["Base Color"])


def linked_box(folder):
    """Return a moving box from a library next to the file, shown in the file's own scene."""
    part = slide(box("Box"), (0, 0, 1))
    bpy.data.libraries.write(str(folder / "library.blend"), {part})
    bpy.data.batch_remove([part, part.data])
    with bpy.data.libraries.load("//library.blend", link=True) as (_, wanted):
        wanted.objects = ["Box"]
    (linked,) = wanted.objects
    bpy.context.scene.collection.objects.link(linked)
    return linked


def test_pictures_are_those_of_this_blender(tmp_path):
    """Covers what a copy elsewhere could lose: textures and libraries beside the file, drivers, and mesh edits."""
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    source = slide(box())
    textured(source, tmp_path / "red.png")
    leader = slide(add("Leader"), (0, 0, 1))
    driver = source.driver_add("rotation_euler", 1).driver
    driver.type = "SUM"
    target = driver.variables.new().targets[0]
    target.id, target.data_path = leader, "location.z"
    bpy.context.view_layer.objects.active = source
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.transform.resize(value=(1, 1, 2))
    assert second_blender.reason_to_stay() == ""
    (tmp_path / "there").mkdir()
    told = shoot(source, tmp_path / "there")
    assert {in_words(notice) for notice in told} <= {"Measuring Box", "Rendering Box"} and told[-1].total == 2 * len(
        FRAMES
    )
    list(render_frames(bpy.context, source, tmp_path / "here", FRAMES, SIZE))
    assert alike(tmp_path / "there" / "frames", tmp_path / "here")


def test_linked_object_is_rendered(tmp_path):
    """Even next to an object of the file with the same name."""
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    linked = linked_box(tmp_path)
    slide(coloured(box(), (1, 0, 0)), (5, 0, 0))
    (tmp_path / "there").mkdir()
    shoot(linked, tmp_path / "there")
    list(render_frames(bpy.context, linked, tmp_path / "here", FRAMES, SIZE))
    assert alike(tmp_path / "there" / "frames", tmp_path / "here")


def test_writing_the_copy_leaves_no_trace(tmp_path):
    """The exception: meshes receive their edits, as with any saving."""
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    source = crowded_file()
    bpy.ops.ed.flush_edits()
    plan, names = plan_frames(bpy.context.scene, source, FRAMES, SIZE)
    before = dump_file(), bpy.data.filepath, bpy.data.is_dirty, bpy.context.mode
    order = second_blender.write_copy(plan, names, tmp_path / "copy.blend", tmp_path)
    assert differences(before[0], dump_file()) == {}
    assert before[1:] == (bpy.data.filepath, bpy.data.is_dirty, bpy.context.mode)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.blend", "scene.blend"]
    assert Path(order.file).stat().st_size > 0


def test_copy_that_does_not_fit_is_told(tmp_path):
    plan, names = plan_frames(bpy.context.scene, slide(box()), FRAMES, SIZE)
    with full_disk(1024), pytest.raises(FolderError, match=r"copy\.blend of the object to render cannot be written"):
        second_blender.write_copy(plan, names, tmp_path / "copy.blend", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_wrong_with_the_object_is_told(tmp_path):
    with pytest.raises(ArtistError, match="'Box' does not move in these frames") as caught:
        shoot(slide(box(), (0, 0, 0)), tmp_path)
    assert caught.value.cure and [path.name for path in tmp_path.iterdir()] == ["frames"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_full_disk_is_told(tmp_path):
    source, frames = slide(box()), tmp_path / "frames"
    plan, names = plan_frames(bpy.context.scene, source, FRAMES, SIZE)
    frames.mkdir()
    (frames / "frame_0002.png").symlink_to("/dev/full")
    order = second_blender.write_copy(plan, names, tmp_path / "copy.blend", frames)
    steps = rendering.watch(COMMAND, order.line(), tmp_path / "log", [tmp_path / "copy.blend"])
    with pytest.raises(FolderError, match=r"frame_0002\.png cannot be written"):
        wait_until(lambda: next(steps, "over") == "over")
    assert [path.name for path in tmp_path.iterdir()] == ["frames"]


def test_it_ends_with_its_parent(tmp_path):
    """A killed parent closes its pipes."""
    plan, names = plan_frames(bpy.context.scene, slide(box()), range(1, 300), SIZE)
    (tmp_path / "frames").mkdir()
    order = second_blender.write_copy(plan, names, tmp_path / "copy.blend", tmp_path / "frames")
    child = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    child.stdin.write(order.line())
    child.stdin.flush()
    assert any(b"measuring" in line for line in child.stdout), "Blender 5.2 itself writes a line first"
    child.stdin.close()
    assert child.wait(timeout=10) == 1
    child.stdout.close()
    assert [path.name for path in tmp_path.iterdir()] == ["frames"]


@pytest.fixture
def transfer(addon, monkeypatch):
    """Press the button by which an animated object drives a cube; return its job once the second Blender renders."""
    monkeypatch.setattr(second_blender, "command", lambda: COMMAND)
    monkeypatch.setattr(source_frames, "plan_frames", partial(plan_frames, size=SIZE))
    source, scene = slide(selected_cube("Source")), bpy.context.scene
    scene.frame_start, scene.frame_end, settings = 1, 7, scene.actionmesh
    settings.source, settings.source_object, settings.frame_count = "OBJECT", source, 7
    selected_cube("Target")

    def begin():
        press(bpy.ops.actionmesh.transfer_motion)
        return runner.state.records[0]

    return begin


def until_rendering(job):
    tick_until(lambda: job.id in runner.state.progress)
    return in_words(runner.state.progress[job.id].notice)


def child_of(monkeypatch):
    """Return the list that receives every process started to render."""
    started, true_start = [], rendering.pipes.start

    def start(command, log, environment):
        process = true_start(command, log, environment)
        if command[1:] == COMMAND[1:]:
            started.append(process)
        return process

    monkeypatch.setattr(rendering.pipes, "start", start)
    return started


def left_of(job):
    return {path.name for path in job.folder.iterdir()} & {source_frames.COPY_FILE, source_frames.LOG_FILE}


def test_a_click_has_it_rendered_elsewhere_and_never_waits(transfer, monkeypatch):
    started = child_of(monkeypatch)
    job = transfer()
    longest = tick_until(all_over)
    assert states() == [State.WRITTEN] and keys_of(bpy.data.objects["Target"]) == 5
    assert len(list(job.frames_path.iterdir())) == 7 and left_of(job) == set() and len(started) == 1
    assert runner.state.look.summary == "Scene frame 1 of Source" and longest < 0.5


def test_script_that_waits_has_it_rendered_here(transfer, monkeypatch):
    started = child_of(monkeypatch)
    bpy.ops.actionmesh.transfer_motion()
    assert states() == [State.WRITTEN] and started == []


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_killed_in_the_middle(transfer, monkeypatch):
    started = child_of(monkeypatch)
    job = transfer()
    until_rendering(job)
    os.kill(started[0].pid, signal.SIGKILL)
    tick_until(all_over)
    assert states() == [State.FAILED] and job.error.kind == Trouble.PREPARATION
    assert "second Blender" in job.error.problem and "killed" in job.error.problem and job.error.log
    assert left_of(job) == set()
    transfer()
    tick_until(all_over)
    assert states()[0] == State.WRITTEN


def test_cancelled_in_the_middle(transfer, monkeypatch):
    started = child_of(monkeypatch)
    job = transfer()
    until_rendering(job)
    bpy.ops.actionmesh.cancel()
    tick_until(all_over)
    assert states() == [State.CANCELLED] and left_of(job) == set()
    wait_until(lambda: not is_running(started[0].pid), timeout=5)


def test_no_second_blender_can_be_started(transfer, monkeypatch, tmp_path):
    monkeypatch.setattr(second_blender, "command", lambda: [str(tmp_path / "blender")])
    job = transfer()
    assert until_rendering(job) == "Measuring Source in this window: no second Blender can be started"
    tick_until(all_over)
    assert states() == [State.WRITTEN] and left_of(job) == set()


def test_cycles_takes_over_where_eevee_fails_without_a_window(transfer, monkeypatch):
    asked = []

    def watch(command, order, log, leftovers):
        asked.append(json.loads(order)["plan"]["engine"])
        yield protocol.ProgressNotice(0, protocol.Stage.MEASURING, 1, 2, None, item="Source")
        if asked[-1] == Engine.EEVEE or broken:
            raise RenderError("No GPU.", "Get one.")

    monkeypatch.setattr(rendering, "watch", watch)
    monkeypatch.setattr(
        source_frames, "plan_frames", lambda *given, **facing: with_eevee(*plan_frames(*given, **facing))
    )
    broken = False
    job = transfer()
    tick_until(all_over)
    assert asked == [Engine.EEVEE, Engine.CYCLES] and job.error is None
    broken, asked[:] = True, []
    job = transfer()
    tick_until(all_over)
    assert asked == [Engine.EEVEE, Engine.CYCLES] and job.error.problem == "No GPU."


def with_eevee(plan, names):
    return replace(plan, engine=Engine.EEVEE), names


def painted(_):
    image = bpy.data.images.new("Paint", 2, 2)
    image.pixels = [1] * 16
    return "the image 'Paint' is not saved"


def cached_on_disk(folder):
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "scene.blend"))
    item = box()
    item.modifiers.new("Cloth", "CLOTH").point_cache.use_disk_cache = True
    return "the cache of 'Cloth' of 'Box' is not in the file"


def simulating_nodes(_):
    tree = bpy.data.node_groups.new("Steps", "GeometryNodeTree")
    start, end = (tree.nodes.new(f"GeometryNodeSimulation{part}") for part in ("Input", "Output"))
    start.pair_with_output(end)
    item = box()
    item.modifiers.new("Nodes", "NODES").node_group = tree
    bpy.context.view_layer.update()
    return "the cache of 'Nodes' of 'Box' is not in the file"


def python_driver(_=None):
    driver = box().driver_add("location", 0).driver
    driver.expression = "frame / 3 if bpy.data else 0"
    return "drivers run Python of this session"


@pytest.mark.parametrize("make", [painted, cached_on_disk, simulating_nodes, python_driver])
def test_what_no_copy_holds_is_a_reason_to_stay(tmp_path, make):
    assert second_blender.reason_to_stay() == ""
    assert make(tmp_path) == second_blender.reason_to_stay()


@pytest.fixture
def scripts_allowed():
    paths = bpy.context.preferences.filepaths
    before, paths.use_scripts_auto_execute = paths.use_scripts_auto_execute, True
    yield
    paths.use_scripts_auto_execute = before


def test_python_of_drivers_runs_where_it_runs_here(tmp_path, scripts_allowed):
    python_driver()
    assert second_blender.reason_to_stay() == ""
    shoot(bpy.data.objects["Box"], tmp_path)
    first, *_, last = (pixels(path)[..., 3] for path in sorted((tmp_path / "frames").iterdir()))
    assert np.abs(first - last).max() > 0.9


def test_functions_of_add_ons_for_drivers_are_a_reason_to_stay(scripts_allowed, monkeypatch):
    monkeypatch.setitem(bpy.app.driver_namespace, "sway", lambda frame: frame / 3)
    assert second_blender.reason_to_stay() == ""
    python_driver()
    assert second_blender.reason_to_stay() == "drivers run Python of this session"


def test_handlers_of_frames_are_a_reason_to_stay():
    handlers = bpy.app.handlers.frame_change_post
    handlers.append(print)
    try:
        assert second_blender.reason_to_stay() == "an add-on acts at every frame"
    finally:
        handlers.remove(print)


def test_drivers_that_no_python_runs_are_none():
    box().driver_add("location", 0).driver.expression = "sin(frame)"
    assert second_blender.reason_to_stay() == ""


def test_module_is_no_program():
    assert second_blender.command() is None
