"""An artist's work on a mesh stays: rig, weights, UVs, materials, normals, modifiers, own keys, drivers, actions."""

import bpy
import numpy as np
import pytest

from blender_addon.scene import fcurves
from blender_addon.scene.meshes import read_basis
from blender_addon.scene.options import WriteOptions
from blender_addon.scene.playback import rebuild_curves
from blender_addon.scene.shape_keys import write_motion

from .scenes import dance, evaluated, expected, link, patchwork

OPTIONS = WriteOptions(10, 24)
SMILE = np.array([0, 0, 0.25])


def rigged():
    """Return a mesh with UVs, two materials, custom normals and vertex groups.

    It has an animated armature and a modifier that adds vertices.
    """
    target = patchwork()
    mesh = target.data
    layer = mesh.uv_layers.new(name="Map")
    layer.uv.foreach_set("vector", np.random.default_rng(0).random(2 * len(mesh.loops)).astype(np.float32))
    for name in ("Fur", "Nose"):
        mesh.materials.append(bpy.data.materials.new(name))
    mesh.polygons[1].material_index = 1
    mesh.normals_split_custom_set([(0.6, 0, 0.8)] * len(mesh.loops))
    target.vertex_groups.new(name="Bone").add(range(9), 1.0, "REPLACE")
    target.modifiers.new("Rig", "ARMATURE").object = rig()
    target.modifiers.new("Array", "ARRAY").count = 2
    return target


def rig():
    armature = link(bpy.data.armatures.new("Rig"), "Rig")
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    bone = armature.data.edit_bones.new("Bone")
    bone.head, bone.tail = (0, 0, 0), (0, 0, 1)
    bpy.ops.object.mode_set(mode="OBJECT")
    pose = armature.pose.bones["Bone"]
    for frame, place in ((10, 0.0), (14, 4.0)):
        pose.location = (0, place, 0)
        pose.keyframe_insert("location", frame=frame)
    for curve in bone_curves(armature):
        fcurves.set_points(curve, fcurves.read_points(curve))
    return armature


def bone_curves(armature):
    action = armature.animation_data.action
    if not fcurves.SLOTTED:
        return action.fcurves
    return action.layers[0].strips[0].channelbag(armature.animation_data.action_slot).fcurves


def facts(target):
    mesh = target.data
    uvs, normals = np.empty(2 * len(mesh.loops), np.float32), np.empty(3 * len(mesh.loops), np.float32)
    mesh.uv_layers["Map"].uv.foreach_get("vector", uvs)
    mesh.corner_normals.foreach_get("vector", normals)
    return {
        "uvs": uvs.tobytes(),
        "normals": (mesh.has_custom_normals, np.round(normals, 4).tolist()),
        "materials": ([material.name for material in mesh.materials], [face.material_index for face in mesh.polygons]),
        "faces": [tuple(face.vertices) for face in mesh.polygons],
        "weights": [[(group.group, group.weight) for group in vertex.groups] for vertex in mesh.vertices],
        "groups": [group.name for group in target.vertex_groups],
        "modifiers": [(modifier.name, modifier.type, modifier.show_viewport) for modifier in target.modifiers],
        "rig": target.modifiers["Rig"].object.name,
        "parent": (target.parent, target.matrix_world.copy()),
    }


def test_rig_and_modifiers_act_on_the_animated_mesh():
    target = rigged()
    motion, basis, before = dance(target), read_basis(target.data), facts(target)
    write_motion(target, motion, OPTIONS)
    assert facts(target) == before
    poses = expected(motion, basis)
    for pose in range(5):
        drawn = evaluated(target, 10 + pose)
        assert len(drawn) == 18
        assert np.abs(drawn[:9] - (poses[pose] + [0, 0, pose])).max() < 2e-5


def with_own_keys():
    """Add a driven key (its weight is the object's x), a muted one, one relative to another, and an animated one."""
    target = patchwork()
    basis = target.shape_key_add(name="Rest")
    for name in ("Smile", "Muted", "Blink", "Brow"):
        block = target.shape_key_add(name=name)
        block.points.foreach_set("co", (read_basis(target.data) + SMILE).astype(np.float32).ravel())
    keys = target.data.shape_keys.key_blocks
    keys["Muted"].mute, keys["Muted"].value, keys["Brow"].relative_key = True, 0.7, keys["Smile"]
    driver = keys["Smile"].driver_add("value").driver
    driver.type, variable = "SUM", driver.variables.new()
    variable.type = "TRANSFORMS"
    variable.targets[0].id, variable.targets[0].transform_type = target, "LOC_X"
    for frame, value in ((10, 0.0), (14, 1.0)):
        keys["Blink"].value = value
        keys["Blink"].keyframe_insert("value", frame=frame)
    fcurves.set_points(curve := fcurves.find(basis.id_data, fcurves.value_path("Blink")), fcurves.read_points(curve))
    target.location.x = 0.5
    return target


def test_own_keys_drivers_and_curves_play_on():
    target = with_own_keys()
    motion, basis, key = dance(target), read_basis(target.data), target.data.shape_keys
    action, orders = key.animation_data.action, [block.name for block in key.key_blocks]
    for _ in range(2):
        write_motion(target, motion, OPTIONS)
        rebuild_curves(target, strength=1.0)
    assert [block.name for block in key.key_blocks][:5] == orders and len(key.key_blocks) == 10
    assert key.animation_data.action == action and len(key.animation_data.drivers) == 1
    assert key.key_blocks["Muted"].mute and key.key_blocks["Muted"].value == pytest.approx(0.7)
    assert key.key_blocks["Brow"].relative_key.name == "Smile" and key.reference_key.name == "Rest"
    poses = expected(motion, basis)
    for pose in range(5):
        wanted = poses[pose] + 0.5 * SMILE + pose / 4 * SMILE
        assert np.abs(evaluated(target, 10 + pose) - wanted).max() < 2e-5


def test_new_action_is_named_after_the_object_and_its_motion():
    target = patchwork("Fox")
    write_motion(target, dance(target), OPTIONS)
    assert target.data.shape_keys.animation_data.action.name == "Fox dance"
    assert len(fcurves.curves(target.data.shape_keys)) == 5


def test_a_shared_action_is_copied_and_the_other_object_is_left_alone():
    one, other = with_own_keys(), patchwork("Other")
    other.shape_key_add(name="Rest")
    other.shape_key_add(name="Blink")
    animation = other.data.shape_keys.animation_data_create()
    animation.action = shared = one.data.shape_keys.animation_data.action
    if fcurves.SLOTTED:
        animation.action_slot = shared.slots[0]
    write_motion(one, motion := dance(one), OPTIONS)
    assert one.data.shape_keys.animation_data.action != shared == animation.action
    assert [curve.data_path for curve in fcurves.curves(other.data.shape_keys)] == [fcurves.value_path("Blink")]
    assert len(fcurves.curves(one.data.shape_keys)) == 6
    poses = expected(motion, read_basis(one.data))
    assert np.abs(evaluated(one, 12) - (poses[2] + SMILE)).max() < 2e-5


@pytest.mark.skipif(not fcurves.SLOTTED, reason="actions have slots from Blender 4.4 on")
def test_an_action_shared_by_slots_is_extended():
    target = with_own_keys()
    action = target.data.shape_keys.animation_data.action
    target.animation_data_create().action = action
    target.animation_data.action_slot = action.slots.new("OBJECT", "Subject")
    target.keyframe_insert("location", frame=1)
    write_motion(target, dance(target), OPTIONS)
    assert target.data.shape_keys.animation_data.action == target.animation_data.action == action
    assert len(fcurves.curves(target.data.shape_keys)) == 6


def test_a_strip_that_is_being_edited_is_refused():
    target = with_own_keys()
    animation = target.data.shape_keys.animation_data
    strip = animation.nla_tracks.new().strips.new("Clip", 1, animation.action)
    animation.action, strip.select, animation.nla_tracks[0].select = None, True, True
    animation.nla_tracks.active = animation.nla_tracks[0]
    animation.use_tweak_mode = True
    assert animation.use_tweak_mode
    with pytest.raises(Exception, match="NLA strip of the shape keys"):
        write_motion(target, dance(target), OPTIONS)
    assert len(target.data.shape_keys.key_blocks) == 5


def test_an_action_that_a_strip_plays_is_copied():
    target = with_own_keys()
    animation = target.data.shape_keys.animation_data
    action = animation.action
    animation.nla_tracks.new().strips.new("Clip", 40, action)
    write_motion(target, motion := dance(target), OPTIONS)
    assert animation.action != action and len(fcurves.curves(target.data.shape_keys)) == 6
    animation.action = None
    assert (
        np.abs(evaluated(target, 40) - (read_basis(target.data) + 0.5 * SMILE)).max() < 2e-5 < np.ptp(motion.vertices)
    )


def test_quotes_in_the_names_of_keys():
    name = 'a "quoted" \\ name'
    target = patchwork()
    target.shape_key_add(name="Rest")
    target.shape_key_add(name=name).keyframe_insert("value", frame=1)
    assert fcurves.find(target.data.shape_keys, fcurves.value_path(name)) is not None
    fcurves.remove(target.data.shape_keys, [fcurves.value_path(name)])
    assert not len(fcurves.curves(target.data.shape_keys))
