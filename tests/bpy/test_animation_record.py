"""The record kept with an animation: it survives saving, and nonsense in its place is not an animation."""

import bpy
import numpy as np
import pytest

from blender_addon.errors import ArtistError
from blender_addon.motion.weights import Loop
from blender_addon.scene import fcurves
from blender_addon.scene.animation_record import Record, read_record, remove_record, write_record
from blender_addon.scene.options import Mode, Playback, WriteOptions
from blender_addon.scene.playback import rebuild_curves
from blender_addon.scene.shape_keys import write_motion

from .scenes import dance, evaluated, patchwork

PLAYBACK = Playback(0.25, 2.0, Loop.PING_PONG)
TOLD = {"seed": 3, "mesh": None, "fit": {"way": "track", "overlap": 0.5}}
RECORD = Record(
    (0.0, 0.1, 0.35), 7.5, 23.976, 1, Mode.RELATIVE, PLAYBACK, TOLD, "job", (), "POS_X", 0.25, (1.0, 2.0, -3.5)
)


@pytest.fixture
def key():
    target = patchwork()
    target.shape_key_add(name="Basis")
    return target.data.shape_keys


def test_there_and_back(key):
    assert read_record(key) is None
    write_record(key, RECORD)
    assert read_record(key) == RECORD and RECORD.fit.way == "track" and RECORD.fit.overlap == 0.5
    remove_record(key)
    remove_record(key)
    assert read_record(key) is None and "actionmesh" not in key


@pytest.mark.parametrize(
    "name, value",
    [
        ("times", []),
        ("times", "soon"),
        ("mode", "SIDEWAYS"),
        ("strength", 7.0),
        ("speed", 0.0),
        ("loop", 3),
        ("provenance", "{"),
        ("facing", "UP"),
        ("scale", 0.0),
        ("origin", [1.0]),
    ],
)
def test_nonsense_is_no_animation(key, name, value):
    write_record(key, RECORD)
    key["actionmesh"] = key["actionmesh"].to_dict() | {name: value}
    assert read_record(key) is None
    del key["actionmesh"]
    key["actionmesh"] = 3
    assert read_record(key) is None


def test_a_record_of_an_earlier_version_lies_as_a_mesh_of_the_artists(key):
    write_record(key, RECORD)
    kept = key["actionmesh"].to_dict()
    key["actionmesh"] = {name: value for name, value in kept.items() if name not in ("facing", "scale", "origin")}
    earlier = read_record(key)
    assert (earlier.facing, earlier.scale, earlier.origin) == ("NEG_Y", 1.0, (0.0, 0.0, 0.0))


@pytest.mark.parametrize("fit", [None, 7, {"way": "by magic"}, {"colour": "red"}, {"overlap": "much"}])
def test_a_fit_that_makes_no_sense_is_none(fit):
    assert Record((0.0,), 1.0, 24.0, 0, provenance={"fit": fit}).fit is None
    assert Record((0.0,), 1.0, 24.0, 0).fit is None


@pytest.mark.parametrize("mode", list(Mode))
def test_an_animation_can_be_changed_after_its_file_was_opened_again(tmp_path, mode):
    target = patchwork()
    write_motion(target, dance(target), WriteOptions(1, 24, mode=mode))
    wanted = evaluated(target, 2.5)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    target = bpy.data.objects["Subject"]
    assert np.array_equal(evaluated(target, 2.5), wanted)
    rebuild_curves(target, speed=0.5)
    assert np.abs(evaluated(target, 4) - wanted).max() < 1e-5


def test_a_linked_animation_is_not_changed(tmp_path):
    target = patchwork()
    write_motion(target, dance(target), WriteOptions(1, 24))
    bpy.data.libraries.write(str(tmp_path / "library.blend"), {target})
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (_, wanted):
        wanted.objects = ["Subject"]
    with pytest.raises(ArtistError, match="linked from another file"):
        rebuild_curves(wanted.objects[0], strength=0.5)


def test_absolute_keys_that_were_made_relative_by_hand_leave_no_curve_behind():
    target = patchwork()
    write_motion(target, dance(target), WriteOptions(1, 24, mode=Mode.ABSOLUTE))
    target.data.shape_keys.use_relative = True
    write_motion(target, dance(target), WriteOptions(1, 24))
    assert fcurves.find(target.data.shape_keys, "eval_time") is None
    assert len(fcurves.curves(target.data.shape_keys)) == 5
