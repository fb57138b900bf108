"""A job folder or a .blend that was tampered with: panels draw, buttons say one sentence, nothing else happens."""

import json
import os

import bpy
import pytest

from blender_addon import panels
from blender_addon.jobs.record import read_record
from blender_addon.menus import PRESETS
from blender_addon.scene import fcurves
from blender_addon.scene.animation_record import read_record as read_key
from blender_addon.session import job_list
from blender_addon.session.runner import runner
from blender_addon.workflow import animated_object, chosen_clip, clip_fit
from tests.bpy.addon import clip, keys_of, selected_cube
from tests.bpy.instant import InstantClient
from tests.bpy.layouts import drawn
from tests.tampering import HOSTILE, tampered

OPS = bpy.ops.actionmesh
JOB = pytest.mark.fault("a job.json that was tampered with ends in a traceback in a panel")
BLEND = pytest.mark.fault("a .blend that was tampered with ends in a traceback in a panel")


@pytest.fixture(autouse=True)
def instant(addon, monkeypatch):
    monkeypatch.setattr("blender_addon.session.runner.start_worker", InstantClient)


def animate(addon, name="painted"):
    target = selected_cube()
    OPS.animate_selected(filepath=clip(addon, name))
    return target, job_list.records(False)[0]


def draw_everything():
    bpy.context.window_manager.actionmesh.all_files = True
    told = []
    for panel in panels.CLASSES:
        if all(not hasattr(each, "poll") or each.poll(bpy.context) for each in (panel, *parents(panel))):
            told += drawn(panel)
    assert all(len(line) <= 10_000 for line in told)
    return told


def parents(panel):
    return [each for each in panels.CLASSES if each.__name__ == getattr(panel, "bl_parent_id", "")]


def press_all(*buttons):
    """Press all buttons: each does what it says, or reports one sentence."""
    for operator, arguments in buttons:
        try:
            operator(**arguments)
        except RuntimeError as error:
            assert "Traceback" not in str(error), error
            assert runner.state.problem is not None or "poll" in str(error)


@JOB
def test_a_tampered_job_is_drawn_and_answers_in_a_sentence(addon):
    target, record = animate(addon)
    path = record.folder / "job.json"
    plain = json.loads(path.read_bytes())
    for number, (where, _value, changed) in enumerate(tampered(plain)):
        if number % (3 if where[:1] == ("writing",) else 11):
            continue
        path.write_text(json.dumps(changed))
        job_list.forget()
        draw_everything()
        if read_record(record.folder) is not None:
            press_all((OPS.bring_back, {"job": record.id}))
            bpy.data.batch_remove([item for item in bpy.data.objects if item != target])
    path.write_text("{")
    job_list.forget()
    assert "A job is left out: the record in the job" in " ".join(draw_everything())


@JOB
@pytest.mark.skipif(os.name == "nt", reason="needs pipes")
def test_a_pipe_as_a_result_is_told_and_not_waited_for(addon):
    target, record = animate(addon)
    record.result_path.unlink()
    os.mkfifo(record.result_path)
    job_list.forget()
    assert "actionmesh.bring_back" not in drawn(panels.history.VIEW3D_PT_actionmesh_history)
    with pytest.raises(RuntimeError, match="does not exist"):
        OPS.bring_back(job=record.id)


@BLEND
def test_a_tampered_animation_is_drawn_and_answers_in_a_sentence(addon):
    target, record = animate(addon)
    key = target.data.shape_keys
    whole = key["actionmesh"].to_dict()
    told = json.loads(whole["provenance"])
    kept = [{**whole, "provenance": json.dumps(changed)} for _path, _value, changed in tampered(told)][::15]
    kept += [
        changed for _path, _value, changed in tampered({name: whole[name] for name in whole if name != "provenance"})
    ]
    for changed in [*kept[::3], *HOSTILE, {**whole, "provenance": "[" * 100_000}, {**whole, "mode": "XYZ"}]:
        try:
            key["actionmesh"] = {"provenance": whole["provenance"], **changed} if isinstance(changed, dict) else changed
        except (TypeError, OverflowError, ValueError):
            continue  # nothing that Blender could keep
        draw_everything()
        clip_fit.front_and_up(target)
        press_all((OPS.go_to_reference, {}), (OPS.fit_scene, {}), (OPS.add_camera, {}))
        press_all((OPS.bake, {"method": "PLAIN"}), (OPS.bake, {"method": "COMPRESSED"}))
        bpy.data.batch_remove([item for item in bpy.data.objects if item != target and item.type == "MESH"])
        bpy.context.view_layer.objects.active = target
        target.select_set(True)
        press_all((OPS.rerun, {}), (OPS.face_other_way, {}))
        bpy.data.batch_remove([item for item in bpy.data.objects if item != target and item.type == "MESH"])
        bpy.context.view_layer.objects.active = target
        target.select_set(True)
        if animated_object.animation_of(target) is not None:
            animated_object.change(target, speed=1.5)
        assert keys_of(target) == 5
    key["actionmesh"] = whole
    assert read_key(key) is not None


@BLEND
@pytest.mark.fault("A new result came beside the old keys if the record named others: both moved the mesh")
def test_keys_that_a_damaged_record_does_not_name_are_replaced_too(addon):
    target, record = animate(addon)
    key = target.data.shape_keys
    key["actionmesh"] = {**key["actionmesh"].to_dict(), "keys": "XYZ"}
    assert OPS.bring_back(job=record.id) == {"FINISHED"}
    assert keys_of(target) == 5 and len(key.key_blocks) == 6
    named = {block.name for block in key.key_blocks}
    assert all(curve.data_path.split('"')[1] in named for curve in fcurves.curves(key))


@BLEND
def test_tampered_colours_are_drawn(addon):
    bpy.context.scene.actionmesh.colours = True
    target, _record = animate(addon)
    material = next(slot.material for slot in target.material_slots if "actionmesh" in slot.material)
    whole = material["actionmesh"].to_dict()
    for name in ("before", "names", "uv_map", "picture", "uv", "owns_layer"):
        for value in HOSTILE:
            try:
                material["actionmesh"] = {**whole, name: value}
            except (TypeError, OverflowError, ValueError):
                continue
            draw_everything()
            for on in (False, True):
                target.actionmesh.clip_colours = on
    for value in (7, "x", [1, 2]):
        material["actionmesh"] = value
        draw_everything()


SETTINGS = {
    "source": 99, "preset": 99, "memory": -1, "mode": 17, "match": 99, "shape": 99, "reference_pose": 5, "start_at": 4,
    "source_facing": 44, "frame_count": 0, "frame_step": -3, "frame_start": -9, "anchor": -1, "seed": -5,
    "in_betweens": -1,
    "size": float("nan"), "image_rate": 0.0, "smallest_part": float("inf"), "image_steps": -2, "max_faces": -1,
}  # fmt: skip


@BLEND
def test_settings_that_no_panel_can_set_are_the_defaults_again(addon):
    selected_cube()
    settings = bpy.context.scene.actionmesh
    untouched = {name: getattr(settings, name) for name in SETTINGS}
    for name, value in SETTINGS.items():
        setattr(settings, name, untouched[name])
        _write_raw(bpy.context.scene, name, value)
    path = str(addon / "tampered.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    assert {name: getattr(bpy.context.scene.actionmesh, name) for name in SETTINGS} == untouched
    draw_everything()
    OPS.animate_selected(filepath=clip(addon))
    assert keys_of(bpy.context.object) == 5


def _write_raw(owner, name, value):
    """Write past the property's own checks, as into the file."""
    getter = getattr(owner, "bl_system_properties_get", None)
    group = getter()["actionmesh"] if getter else owner["actionmesh"]
    group[name] = value


@BLEND
def test_a_facing_that_is_none_is_automatic_again(addon):
    target = selected_cube()
    target.actionmesh.facing = "POS_X"
    _write_raw(target, "facing", 77)
    path = str(addon / "tampered.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    assert bpy.context.object.actionmesh.facing == "AUTO" and clip_fit.front_and_up(bpy.context.object) is None


def test_presets_are_as_they_were(addon):
    assert bpy.context.scene.actionmesh.preset == PRESETS[0][0] and not chosen_clip.has_source(
        bpy.context.scene.actionmesh
    )
