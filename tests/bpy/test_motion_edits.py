"""Loops, smoothing and feet in an animation's own keys: what is drawn afterwards, and that all else stays."""

import bpy
import numpy as np
import pytest

from blender_addon.motion.amounts import amplitude, jitter
from blender_addon.motion.curve_picture import HEIGHT, WIDTH
from blender_addon.motion.footing import Limits
from blender_addon.motion.result_file import Motion
from blender_addon.motion.weights import Loop
from blender_addon.operators.editing import ACTIONMESH_OT_smooth_motion, told_of_loop
from blender_addon.operators.sliced import FINISHED
from blender_addon.scene import fcurves, rewriting
from blender_addon.scene.animation_record import read_record
from blender_addon.scene.baking import bake_compressed
from blender_addon.scene.key_blocks import pose_keys
from blender_addon.scene.meshes import read_basis
from blender_addon.scene.motion_edits import lock_feet, make_loop, smooth_motion
from blender_addon.scene.options import Mode, Playback, WriteOptions
from blender_addon.scene.shape_keys import write_motion
from blender_addon.session import thumbnail
from tests.addon.slices import do_all
from tests.addon.test_footing import walker
from tests.addon.walk import walk

from .creature import animate, ball, paint, rig, world
from .dump import dump_file
from .scenes import evaluated, link

OPS = bpy.ops.actionmesh


def moving(steps, start=1, reference=0, **options):
    """Return a mesh that moves through `steps` (T, V, 3), with Z up."""
    mesh = bpy.data.meshes.new("Walker")
    mesh.from_pydata(steps[reference], [], [(i, i + 1, i + 2) for i in range(steps.shape[1] - 2)])
    target = link(mesh, "Walker")
    upright = steps[:, :, [0, 2, 1]] * np.float32([1, 1, -1])
    times = np.arange(len(steps)) / 24
    motion = Motion(
        upright.astype(np.float32), np.array([[0, 1, 2]], np.int32), times, reference, np.arange(len(steps)), {}
    )
    write_motion(target, motion, WriteOptions(start=start, rate=24, **options))
    bpy.context.view_layer.objects.active = target
    return target


def drawn(target, frames):
    return np.array([evaluated(target, frame) for frame in frames], np.float64)


def dog(cycles=3.0, poses=61):
    return walk(poses, cycles, rings=4, around=6)


def test_walk_becomes_a_loop_of_whole_cycles():
    target = moving(dog(), start=5)
    before = drawn(target, range(5, 66))
    made = do_all(make_loop(target, shortest=4, blend=4))
    record = read_record(target.data.shape_keys)
    count = made.seam.end - made.seam.start
    assert count % 20 == 0 and record.playback.loop == Loop.LOOP and len(pose_keys(target.data.shape_keys)) == count
    assert (made.first, made.last) == (5 + made.seam.start, 5 + made.seam.end)
    assert made.after < 0.01
    frames = np.arange(made.first, made.last)
    np.testing.assert_allclose(drawn(target, frames), before[made.seam.start : made.seam.end], atol=0.005)
    np.testing.assert_allclose(drawn(target, frames + 3 * count), drawn(target, frames), atol=1e-5)


def test_motion_that_does_not_repeat_is_bent():
    steps = dog(1.2, 31) + 0.02 * np.arange(31)[:, None, None] * np.array([1, 0, 0])
    target = moving(steps)
    made = do_all(make_loop(target, shortest=20, blend=10))
    assert made.before > 0.1 and made.after < made.before / 3
    count = made.seam.end - made.seam.start
    round_ = drawn(target, made.first + np.arange(3 * count))
    bends = np.linalg.norm(np.diff(round_, 2, axis=0), axis=-1).mean(axis=1)
    assert bends.max() < 3 * np.median(bends)


def test_making_a_loop_again_changes_nothing_more():
    target = moving(dog())
    first = do_all(make_loop(target, blend=4))
    before = drawn(target, np.arange(first.first, first.last))
    again = do_all(make_loop(target, shortest=first.seam.end - first.seam.start, blend=4))
    assert (again.first, again.last) == (first.first, first.last)
    np.testing.assert_allclose(drawn(target, np.arange(again.first, again.last)), before, atol=1e-5)


@pytest.mark.parametrize("kind", ["EXTREMES", "SOFT"])
def test_noise_becomes_less_and_the_basis_stays(kind):
    clean = dog()
    noise = np.random.default_rng(0).normal(scale=0.01, size=clean.shape)
    noise[7] = 0
    target = moving(clean + noise, reference=7)
    basis, before = read_basis(target.data), drawn(target, range(1, 62))
    made = do_all(smooth_motion(target, kind, 3, 1.0))
    after = drawn(target, range(1, 62))
    np.testing.assert_array_equal(after[7], basis)
    np.testing.assert_array_equal(read_basis(target.data), basis)
    times = np.arange(61.0)
    assert jitter(after, times) < 0.7 * jitter(before, times)
    assert kind == "SOFT" or np.abs(after - clean).mean() < np.abs(before - clean).mean()
    assert made.before == pytest.approx(jitter(before, times) / amplitude(before), rel=0.01)
    assert made.after == pytest.approx(jitter(after, times) / amplitude(before), rel=0.01)


def test_loop_is_smoothed_across_its_seam():
    poses = np.tile(dog(1.0, 21)[:20], (1, 1, 1))
    poses[0] += [0, 0, 0.3]
    target = moving(poses, reference=5, playback=Playback(loop=Loop.LOOP))
    do_all(smooth_motion(target, "SOFT", 2, 1.0))
    last = drawn(target, [20])[0] - poses[19]
    assert last[:, 2].mean() > 0.03


def test_feet_stand_in_the_world_with_any_strength():
    steps = walker()
    drift = 0.01 * np.arange(49)[:, None, None] * np.array([1.0, 0, 0])
    target = moving(steps + drift, playback=Playback(strength=2.0))
    target.location, target.rotation_euler, target.scale = (3, 1, 2), (0, 0, np.pi / 2), (3, 3, 3)
    bpy.context.view_layer.update()
    found = do_all(lock_feet(target))
    assert found.slid == pytest.approx(2 * 3 * 0.01) and found.slides < 1e-5 and found.ground == pytest.approx(2.0)
    x, y, z = np.moveaxis(3 * (steps[0] + 2 * (steps - steps[0])), -1, 0)
    np.testing.assert_allclose(world(target, range(1, 50)), np.stack([3 - y, 1 + x, 2 + z], axis=-1), atol=1e-4)


def test_drift_is_taken_from_the_body():
    steps = walker()
    drift = 0.01 * np.arange(49)[:, None, None] * np.array([0.6, -0.8, 0])
    target = moving(steps + drift)
    do_all(lock_feet(target))
    np.testing.assert_allclose(drawn(target, range(1, 50)), steps, atol=2e-5)


def test_object_that_moves_is_refused_by_feet():
    target = moving(walker())
    target.keyframe_insert("location", frame=1)
    with pytest.raises(Exception, match="also moves as an object") as caught:
        do_all(lock_feet(target))
    assert caught.value.fix == "actionmesh.apply_root_motion"


EDITS = pytest.mark.parametrize(
    "edit",
    [lambda it: make_loop(it, 3), smooth_motion, lambda it: lock_feet(it, Limits(0.5, 100.0))],
    ids=["loop", "smooth", "feet"],
)


def busy(**options):
    """Return a mesh with everything that an artist may have on it, and an animation."""
    source = ball()
    paint(source)
    smile = source.shape_key_add(name="Basis") and source.shape_key_add(name="Smile", from_mix=False)
    smile.points[3].co.x += 0.5
    smile.driver_add("value").driver.expression = "frame / 50"
    frown = source.shape_key_add(name="Frown", from_mix=False)
    frown.value = 0.25
    frown.keyframe_insert("value", frame=3)
    animate(source, **options)
    rig(source)
    source.keyframe_insert("scale", frame=2)
    source.active_shape_key_index = source.data.shape_keys.key_blocks.find("Frown")
    bpy.context.view_layer.objects.active = source
    return source


@EDITS
def test_what_the_artist_has_stays(edit):
    source = busy()
    key = source.data.shape_keys
    smile = np.array([point.co[:] for point in key.key_blocks["Smile"].points])
    do_all(edit(source))
    assert source.data.shape_keys == key and source.active_shape_key.name == "Frown"
    assert [block.name for block in key.key_blocks if "ActionMesh" not in block.name] == ["Basis", "Smile", "Frown"]
    np.testing.assert_array_equal(np.array([point.co[:] for point in key.key_blocks["Smile"].points]), smile)
    assert key.animation_data.drivers[0].data_path == 'key_blocks["Smile"].value'
    frown = fcurves.find(key, 'key_blocks["Frown"].value')
    assert fcurves.read_points(frown).tolist() == [[3, 0.25]]
    assert [group.name for group in source.vertex_groups] == ["Lower", "Upper"]
    assert [slot.material.name for slot in source.material_slots] == ["Coat"]
    assert [modifier.type for modifier in source.modifiers] == ["ARMATURE"]
    assert len(fcurves.curves(key)) == len(pose_keys(key)) + 1


@EDITS
@pytest.mark.parametrize("step", ["write_curves", "write_record", "_overwrite"])
def test_nothing_changes_when_writing_fails(edit, step, monkeypatch):
    source = busy()
    before = dump_file()
    original, calls = getattr(rewriting, step), []

    def fail(*arguments):
        calls.append(arguments)
        if len(calls) == (3 if step == "_overwrite" else 1):
            raise MemoryError
        return original(*arguments)

    monkeypatch.setattr(rewriting, step, fail)
    with pytest.raises(MemoryError):
        do_all(edit(source))
    after = dump_file()
    assert {name for name in before if before[name] != after.get(name)} == set() and after.keys() == before.keys()


@EDITS
@pytest.mark.fault("an edit that is cancelled half-way leaves half of the poses changed")
def test_cancelled_half_way_is_taken_back(edit):
    source = busy()
    before = dump_file()
    for slices in range(1, 30, 4):
        work = edit(source)
        try:
            for _ in range(slices):
                next(work)
        except StopIteration:
            break
        work.close()
        assert dump_file() == before, slices


@pytest.mark.parametrize("mode", list(Mode))
def test_keys_keep_their_mode(mode):
    target = moving(dog(), mode=mode)
    do_all(smooth_motion(target, reach=1))
    do_all(make_loop(target, blend=0))
    key = target.data.shape_keys
    record = read_record(key)
    assert record.mode == mode and key.use_relative == (mode == Mode.RELATIVE)
    assert len(fcurves.curves(key)) == (1 if mode == Mode.ABSOLUTE else len(record.times))
    poses = np.round(record.frames).astype(int) - 1
    np.testing.assert_allclose(drawn(target, record.frames), dog()[poses], atol=1e-5)


def test_compressed_and_edited_keys_become_one_per_pose():
    source = moving(dog())
    target = bake_compressed(source, max_error=0.001).object
    before = drawn(target, range(1, 62))
    do_all(smooth_motion(target, "EXTREMES", 1, 1.0))
    record = read_record(target.data.shape_keys)
    assert not record.weights and len(pose_keys(target.data.shape_keys)) == 61
    np.testing.assert_allclose(drawn(target, range(1, 62)), before, atol=1e-5)


def test_edited_curves_are_followed():
    target = moving(dog())
    for block in pose_keys(target.data.shape_keys):
        curve = fcurves.find(target.data.shape_keys, fcurves.value_path(block.name))
        fcurves.set_points(curve, fcurves.read_points(curve) * np.float32([1, 0.5]) + np.float32([10, 0]))
    before = drawn(target, range(11, 72))
    do_all(smooth_motion(target, "EXTREMES", 1, 1.0))
    np.testing.assert_allclose(drawn(target, range(11, 72)), before, atol=1e-5)


def test_operators_report_their_numbers_and_are_undone(addon, capfd):
    before = drawn(moving(dog()), range(1, 62))
    bpy.ops.ed.undo_push(message="before")
    edits = ((OPS.smooth_motion, {"reach": 4}), (OPS.make_loop, {"blend": 6}), (OPS.lock_feet, {"slow": 3.0}))
    for edit, options in edits:
        assert edit("EXEC_DEFAULT", True, **options) == {"FINISHED"}
    told = capfd.readouterr().out
    assert "Jitter " in told and "Seam at frames " in told and "whole cycle" in told and "Feet stand in" in told
    assert len(pose_keys(bpy.data.objects["Walker"].data.shape_keys)) < 61
    for _ in edits:
        assert np.abs(drawn(bpy.data.objects["Walker"], range(1, 62)) - before).max() > 1e-4
        bpy.ops.ed.undo()
    np.testing.assert_array_equal(drawn(bpy.data.objects["Walker"], range(1, 62)), before)


def test_loop_in_words():
    target = moving(dog(), start=1)
    text = told_of_loop(do_all(make_loop(target, shortest=4, blend=0)))
    made = read_record(target.data.shape_keys)
    end = made.frames[-1] + 1
    assert text.startswith(f"Seam at frames {made.frames[0]:g} to {end:g}, ") and text.endswith("% of the motion")


def test_problems_are_reported(addon):
    target = ball()
    bpy.context.view_layer.objects.active = target
    with pytest.raises(RuntimeError, match="Select a mesh that ActionMesh animated"):
        OPS.make_loop()
    animate(target)
    with pytest.raises(RuntimeError, match="loop of 40 poses does not fit into 7"):
        OPS.make_loop(shortest=40)
    bpy.ops.object.mode_set(mode="EDIT")
    with pytest.raises(RuntimeError, match="being edited"):
        OPS.smooth_motion()


class Window:
    """What a modal operator needs of a window."""

    def __init__(self):
        self.timers = 0
        self.window = self.window_manager = self
        self.view_layer, self.active_object = bpy.context.view_layer, bpy.context.active_object

    def event_timer_add(self, _pause, window):
        self.timers += 1

    def event_timer_remove(self, _timer):
        self.timers -= 1

    def modal_handler_add(self, _operator):
        pass

    def cursor_modal_set(self, _cursor):
        pass

    def cursor_modal_restore(self):
        pass


class Event:
    def __init__(self, type):
        self.type = type


def modal(**options):
    """Return an operator as Blender runs it from a button, with a window that the test controls."""
    kind = ACTIONMESH_OT_smooth_motion
    names = ("invoke", "modal", "_advance", "_end", "slices")
    made = type("Pressed", (), {name: getattr(kind, name) for name in names})()
    made.kind, made.reach, made.strength, made.told = "SOFT", 3, 1.0, []
    made.report = lambda level, text: made.told.append(text)
    return made


def test_button_works_in_slices_and_reports_at_the_end(addon):
    target = moving(dog())
    before = drawn(target, [10])
    pressed, window = modal(), Window()
    assert pressed.invoke(window, Event("LEFTMOUSE")) == {"RUNNING_MODAL"} and window.timers == 1
    assert pressed.modal(window, Event("MOUSEMOVE")) == {"RUNNING_MODAL"}
    for _ in range(1000):
        if (outcome := pressed.modal(window, Event("TIMER"))) != {"RUNNING_MODAL"}:
            break
    assert outcome == FINISHED and window.timers == 0 and pressed.told[0].startswith("Jitter ")
    assert thumbnail._pictures["curve"].image_size[:] == (WIDTH, HEIGHT)
    assert np.abs(drawn(target, [10]) - before).max() > 0


def test_escape_takes_everything_back(addon, monkeypatch):
    target = moving(dog())
    monkeypatch.setattr("blender_addon.operators.sliced.BUDGET", 0.0)
    pressed, window = modal(), Window()
    before = dump_file()
    pressed.invoke(window, Event("LEFTMOUSE"))
    for _ in range(20):
        assert pressed.modal(window, Event("TIMER")) == {"RUNNING_MODAL"}
    assert pressed.modal(window, Event("ESC")) == {"CANCELLED"} and window.timers == 0
    assert dump_file() == before and target.data.shape_keys


def test_problem_in_a_slice_is_reported(addon):
    moving(dog())
    pressed, window = modal(), Window()
    bpy.ops.object.mode_set(mode="EDIT")
    pressed.invoke(window, Event("LEFTMOUSE"))
    assert pressed.modal(window, Event("TIMER")) == {"CANCELLED"} and window.timers == 0
    assert "being edited" in pressed.told[0]
