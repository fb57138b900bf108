"""Which frames of an animated object are taken, and the message where they show no motion."""

from functools import partial

import bpy
import pytest

from blender_addon.jobs.record import State
from blender_addon.scene.source_range import SLOTTED, curves_of
from blender_addon.scene.source_render import plan_frames
from blender_addon.session.runner import runner
from blender_addon.workflow import chosen_frames, source_frames
from tests.bpy.addon import press, selected_cube, tick_until

from .scenes import link

OPS = bpy.ops.actionmesh


def slid(source, first, last, far=3.0):
    source.keyframe_insert("location", frame=first)
    source.location.x += far
    source.keyframe_insert("location", frame=last)
    return source


def sampled(source, start=1, end=250, count=10):
    scene, settings = bpy.context.scene, bpy.context.scene.actionmesh
    scene.frame_start, scene.frame_end = start, end
    settings.source, settings.source_object, settings.frame_count = "OBJECT", source, count
    return chosen_frames.scene_frames(scene)


@pytest.mark.fault("My walk of 28 frames in a scene of 250 gave 16 poses, most of them frozen")
def test_frames_are_those_of_the_objects_own_motion(addon):
    assert sampled(slid(selected_cube(), 0, 27)) == list(range(0, 28, 3))
    assert chosen_frames.length(bpy.context.scene) == 28
    OPS.fit_clip()
    settings = bpy.context.scene.actionmesh
    assert (settings.scene_start, settings.frame_step, settings.frame_count) == (0, 3, 10)


@pytest.mark.fault("Only a part of a long motion is in my scene's range, and all of it was taken")
def test_the_scene_cuts_a_longer_motion(addon):
    assert sampled(slid(selected_cube(), -50, 1000), 1, 19) == list(range(1, 20, 2))


@pytest.mark.parametrize("carrier", ["parent", "armature", "keys", "strip", "constraint"])
@pytest.mark.fault("The armature of my animated object has the action, and the scene's whole range was taken")
def test_whatever_moves_it_counts(addon, carrier):
    source, mover = selected_cube(), link(bpy.data.armatures.new("Mover"), "Mover")
    if carrier == "parent":
        source.parent = slid(mover, 5, 14)
    elif carrier == "armature":
        source.modifiers.new("Rig", "ARMATURE").object = slid(mover, 5, 14)
    elif carrier == "constraint":
        source.constraints.new("COPY_LOCATION").target = slid(mover, 5, 14)
    elif carrier == "keys":
        source.shape_key_add(name="Basis")
        key = source.shape_key_add(name="Key")
        for frame, value in ((5, 0.0), (14, 1.0)):
            key.value = value
            key.keyframe_insert("value", frame=frame)
    else:
        slid(source, 1, 10)
        animation = source.animation_data
        action, animation.action = animation.action, None
        animation.nla_tracks.new().strips.new("Strip", 5, action)
    assert sampled(source) == list(range(5, 15))


def shaded(source, *kinds):
    """Add a nodes modifier that keeps the mesh, like the one of Shade Auto Smooth."""
    tree = bpy.data.node_groups.new("Smooth by Angle", "GeometryNodeTree")
    inner = bpy.data.node_groups.new("Inner", "GeometryNodeTree")
    tree.nodes.new("GeometryNodeGroup").node_tree = inner
    for kind in kinds:
        inner.nodes.new(kind)
    source.modifiers.new("Smooth by Angle", "NODES").node_group = tree
    return source


@pytest.mark.fault("My walk is shaded smooth by angle, and the scene's whole range was taken")
@pytest.mark.parametrize("kinds, frames", [((), range(5, 15)), (("GeometryNodeInputSceneTime",), range(1, 20, 2))])
def test_nodes_count_where_they_know_the_time(addon, kinds, frames):
    assert sampled(shaded(slid(selected_cube(), 5, 14), *kinds), 1, 19) == list(frames)


@pytest.mark.fault("Another object's motion drives my animated object")
@pytest.mark.parametrize("expression, frames", [("x", range(5, 15)), ("x + frame / 9", range(1, 20, 2))])
def test_drivers_count(addon, expression, frames):
    source, mover = selected_cube(), slid(selected_cube("Mover"), 5, 14)
    driver = source.driver_add("location", 2).driver
    driver.expression, variable = expression, driver.variables.new()
    variable.name, variable.type = "x", "TRANSFORMS"
    variable.targets[0].id, variable.targets[0].transform_type = mover, "LOC_X"
    assert sampled(source, 1, 19) == list(frames)


@pytest.mark.fault("A still object's keyframes made the range longer than its motion")
def test_curves_that_stand_still_do_not_count(addon):
    source = slid(selected_cube(), 5, 14)
    for frame in (1, 200):
        source.keyframe_insert("scale", frame=frame)
    assert sampled(source) == list(range(5, 15))


def test_what_repeats_moves_over_the_scenes_range(addon):
    source = slid(selected_cube(), 1, 5)
    animation = source.animation_data
    for curve in curves_of(animation.action, animation.action_slot if SLOTTED else None):
        curve.modifiers.new("CYCLES")
    assert sampled(source, 1, 19) == list(range(1, 20, 2))


@pytest.mark.fault("The frames that I chose show my animated object standing still, and nobody told me")
def test_pictures_that_hardly_differ_are_told(addon, monkeypatch):
    monkeypatch.setattr(source_frames, "plan_frames", partial(plan_frames, size=48))
    source, settings = slid(selected_cube("Walker"), 0, 4), bpy.context.scene.actionmesh
    settings.source, settings.source_object = "OBJECT", source
    settings.fit_clip, settings.scene_start, settings.frame_count, settings.frame_step = False, 1, 8, 2
    press(OPS.animate_from_video)
    tick_until(lambda: runner.state.records[0].state not in {State.WAITING, State.PREPARING})
    problem = runner.state.problem
    assert problem.problem == "Walker hardly moves: 5 of its 8 pictures are like the one before." and problem.cure
    runner.cancel("")
