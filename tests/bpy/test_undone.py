"""Writing fails at each of its steps: the object is then as before, bit for bit."""

import bpy
import numpy as np
import pytest

from blender_addon.motion.weights import Loop
from blender_addon.scene import fcurves, shape_keys
from blender_addon.scene.objects import ObjectOptions, new_object
from blender_addon.scene.options import Mode, Playback, WriteOptions
from blender_addon.scene.shape_keys import write_motion

from .scenes import dance, evaluated, patchwork

STEPS = (
    "_keep_selection",
    "_leave_shared_action",
    "_set_aside",
    "_ensure_basis",
    "_add_poses",
    "_own_curves",
    "_keep_record",
    "_animate",
    "_verify",
)


def points_of(block):
    coordinates = np.empty(len(block.points) * 3, np.float32)
    block.points.foreach_get("co", coordinates)
    return coordinates.tobytes()


def dump_curves(key):
    for curve in fcurves.curves(key):
        yield curve.data_path, fcurves.read_points(curve).tolist(), fcurves.read_loop(curve)


def dump(target):
    """Return everything about an object's shape keys, and which data-blocks exist."""
    key, vertices = target.data.shape_keys, np.empty(len(target.data.vertices) * 3, np.float32)
    target.data.vertices.foreach_get("co", vertices)
    facts = {
        "vertices": vertices.tobytes(),
        "selected": (target.active_shape_key_index if key else 0, target.show_only_shape_key),
        "actions": sorted(action.name for action in bpy.data.actions),
        "keys": sorted(key.name for key in bpy.data.shape_keys),
        "objects": sorted(
            item.name for item in [*bpy.data.objects, *bpy.data.meshes, *bpy.data.collections, *bpy.data.materials]
        ),
    }
    if key is None:
        return facts
    animation = key.animation_data
    action = animation.action if animation else None
    slots = [slot.identifier for slot in action.slots] if action and fcurves.SLOTTED else []
    blocks = [
        (block.name, block.value, block.relative_key.name, block.slider_max, points_of(block))
        for block in key.key_blocks
    ]
    kept = key["actionmesh"].to_dict() if "actionmesh" in key else None
    return facts | {
        "blocks": blocks,
        "relative": key.use_relative,
        "action": action and action.name,
        "slots": slots,
        "slot": animation.action_slot.identifier if action and slots and animation.action_slot else None,
        "curves": list(dump_curves(key)),
        "record": kept,
        "animated": animation is not None,
    }


def bare(target):
    pass


def with_keys(target):
    target.shape_key_add(name="Basis")
    target.shape_key_add(name="Smile").value = 0.5
    target.active_shape_key_index, target.show_only_shape_key = 1, True


def with_action(target):
    with_keys(target)
    target.data.shape_keys.key_blocks["Smile"].keyframe_insert("value", frame=3)


def with_shared_action(target):
    with_action(target)
    other = patchwork("Other")
    with_keys(other)
    other.data.shape_keys.animation_data_create().action = target.data.shape_keys.animation_data.action


def animated(target):
    with_action(target)
    write_motion(
        target, dance(target, poses=3, reference=1, seed=4), WriteOptions(2, 24, playback=Playback(1.4, loop=Loop.LOOP))
    )


def absolute(target):
    playback = Playback(loop=Loop.PING_PONG)
    write_motion(
        target, dance(target, poses=3, reference=1, seed=4), WriteOptions(2, 24, mode=Mode.ABSOLUTE, playback=playback)
    )


@pytest.mark.parametrize("prepare", [bare, with_keys, with_action, with_shared_action, animated, absolute])
@pytest.mark.parametrize(
    "step, when", [*((step, when) for step in STEPS for when in ("before", "after")), ("_discard", "before")]
)
def test_everything_is_put_back(monkeypatch, prepare, step, when):
    target = patchwork()
    prepare(target)
    drawn, before = [evaluated(target, frame) for frame in (2, 3.5, 9)], dump(target)
    break_step(monkeypatch, step, when)
    with pytest.raises(RuntimeError, match="on purpose"):
        write_motion(target, dance(target), WriteOptions(10, 24))
    monkeypatch.undo()
    assert dump(target) == before
    for frame, vertices in zip((2, 3.5, 9), drawn, strict=True):
        assert np.array_equal(evaluated(target, frame), vertices)
    assert write_motion(target, dance(target), WriteOptions(10, 24)).end == 14


def break_step(monkeypatch, step, when):
    real = getattr(shape_keys, step)

    def broken(*arguments):
        if when == "after":
            real(*arguments)
        raise RuntimeError("on purpose")

    monkeypatch.setattr(shape_keys, step, broken)


@pytest.mark.parametrize("prepare", [bare, with_action, animated, absolute])
@pytest.mark.parametrize("part, nth", [("add_pose", 1), ("add_pose", 4), ("write_curves", 1)])
def test_a_step_that_fails_half_way(monkeypatch, prepare, part, nth):
    target = patchwork()
    prepare(target)
    before, real, calls = dump(target), getattr(shape_keys, part), []

    def broken(*arguments):
        calls.append(real(*arguments))
        if len(calls) == nth:
            raise MemoryError("on purpose")

    monkeypatch.setattr(shape_keys, part, broken)
    with pytest.raises(MemoryError):
        write_motion(target, dance(target), WriteOptions(10, 24))
    assert dump(target) == before


def test_keys_that_do_not_hold_what_was_written_are_noticed(monkeypatch):
    target = patchwork()
    before = dump(target)
    real = shape_keys.add_pose
    monkeypatch.setattr(
        shape_keys, "add_pose", lambda target, pose, coordinates: real(target, pose, coordinates + 0.001)
    )
    with pytest.raises(Exception, match="do not hold what was written"):
        write_motion(target, dance(target), WriteOptions(10, 24))
    assert dump(target) == before


@pytest.mark.parametrize("step", STEPS)
def test_a_new_object_that_fails_leaves_nothing(monkeypatch, step):
    other = patchwork()
    motion, before = dance(other), dump(other)
    break_step(monkeypatch, step, "after")
    with pytest.raises(RuntimeError, match="on purpose"):
        new_object(bpy.context.scene, motion, ObjectOptions("Fox"), WriteOptions(1, 24))
    assert dump(other) == before
