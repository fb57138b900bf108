"""What is refused, with which sentence and fix; and whether an object is still the one a job started with."""

import json

import bpy
import numpy as np
import pytest

from blender_addon.errors import TargetChanged, TargetError
from blender_addon.scene.meshes import read_basis
from blender_addon.scene.options import Mode, WriteOptions
from blender_addon.scene.shape_keys import write_motion
from blender_addon.scene.targets import check_target, check_unchanged, find_target, fingerprint

from . import scenes
from .scenes import dance, link, patchwork


def nothing():
    return None


def lamp():
    return link(bpy.data.lights.new("Lamp", "POINT"), "Lamp")


def without_vertices():
    return link(bpy.data.meshes.new("Nothing"), "Nothing")


def without_faces():
    target = without_vertices()
    target.data.vertices.add(3)
    return target


def not_a_number():
    target = patchwork()
    target.data.vertices[4].co.y = float("nan")
    return target


def infinite():
    target = patchwork()
    coordinates = np.zeros(27, np.float32)
    coordinates[13] = np.inf
    target.data.vertices.foreach_set("co", coordinates)
    return target


def without_size():
    target = patchwork()
    target.data.vertices.foreach_set("co", np.full(27, 3.25, np.float32))
    return target


def scaled(scale):
    def make():
        target = patchwork()
        coordinates = np.empty(27, np.float32)
        target.data.vertices.foreach_get("co", coordinates)
        target.data.vertices.foreach_set("co", coordinates * np.float32(scale))
        return target

    return make


def two_users():
    target = patchwork()
    link(target.data, "Twin")
    return target


def absolute():
    target = patchwork()
    target.shape_key_add(name="Basis")
    target.data.shape_keys.use_relative = False
    return target


def in_mode(mode):
    def make():
        target = patchwork()
        bpy.context.view_layer.objects.active = target
        bpy.ops.object.mode_set(mode=mode)
        return target

    return make


@pytest.mark.parametrize(
    "make, problem, fix",
    [
        (nothing, "No object is selected.", None),
        (lamp, "Lamp is not a mesh.", None),
        (without_vertices, "Nothing has no vertices.", None),
        (without_faces, "Nothing has no faces.", None),
        (not_a_number, "1 of the 9 vertices of Subject are not finite (NaN).", None),
        (infinite, "1 of the 9 vertices of Subject are not finite (NaN).", None),
        (without_size, "All vertices of Subject are at one point.", None),
        (scaled(6e37), "Subject is 3.6e+38 units large and reaches 3e+38 units far.", None),
        (scaled(1e-14), "Subject is 6e-14 units large and reaches 5e-14 units far.", None),
        (two_users, "The mesh of Subject has 2 users, which would all move.", "object.make_single_user"),
        (absolute, "Subject has absolute shape keys of its own.", None),
        (in_mode("EDIT"), "Subject is being edited.", "object.mode_set"),
        (in_mode("SCULPT"), "Subject is being edited.", "object.mode_set"),
    ],
)
def test_refused(make, problem, fix):
    with pytest.raises(TargetError) as raised:
        check_target(make())
    assert (raised.value.problem, raised.value.fix) == (problem, fix) and raised.value.cure


@pytest.mark.parametrize("scale", [1e-11, 1e13])
def test_very_small_and_very_large_meshes_are_accepted(scale):
    target = scaled(scale)()
    motion = dance(target)
    write_motion(target, motion, WriteOptions(1, 24))
    wanted = scenes.expected(motion, read_basis(target.data))
    assert np.abs(scenes.evaluated(target, 5) - wanted[4]).max() < 1e-5 * scale


def test_accepted():
    target = patchwork()
    check_target(target)
    target.data.use_fake_user = True
    check_target(target)
    write_motion(target, dance(target), WriteOptions(1, 24, mode=Mode.ABSOLUTE))
    check_target(target)


def test_deleted():
    target = patchwork()
    bpy.data.objects.remove(target)
    with pytest.raises(TargetChanged, match="was deleted. The result stays in History"):
        check_target(target)


@pytest.fixture
def library(tmp_path):
    """Write a file with an object in it."""
    target, path = patchwork("Linked"), tmp_path / "library.blend"
    bpy.data.libraries.write(str(path), {target})
    bpy.data.objects.remove(target)
    bpy.data.meshes.remove(bpy.data.meshes["Linked"])
    return path


def test_linked_objects_meshes_and_overrides_are_refused(library):
    with bpy.data.libraries.load(str(library), link=True) as (_, wanted):
        wanted.objects = ["Linked"]
    linked = wanted.objects[0]
    bpy.context.scene.collection.objects.link(linked)
    with pytest.raises(TargetError, match="Linked is linked from") as raised:
        check_target(linked)
    assert raised.value.fix == "object.make_local"
    with pytest.raises(TargetError, match="The mesh of Own is linked from") as raised:
        check_target(link(linked.data, "Own"))
    assert raised.value.fix == "object.make_single_user"
    with pytest.raises(TargetError, match="is a library override") as raised:
        check_target(linked.override_create())
    assert raised.value.fix == "object.make_local"


def test_found_again_by_name_and_by_number():
    target = patchwork()
    mark = json.loads(json.dumps(fingerprint(target)))
    assert find_target(mark) == target
    target.name = "Renamed"
    assert find_target(mark) == target
    stranger = link(bpy.data.meshes.new("Subject"), "Subject")
    assert find_target(mark) == target
    bpy.data.objects.remove(target)
    with pytest.raises(TargetChanged, match="Subject had 9 vertices when the job began and has 0 now"):
        find_target(mark)
    bpy.data.objects.remove(stranger)
    with pytest.raises(TargetChanged, match="Subject was deleted"):
        find_target(mark)


def test_the_very_object_wins_over_one_that_took_its_name():
    target = patchwork()
    mark = json.loads(json.dumps(fingerprint(target)))
    target.name = "Hero"
    twin = target.copy()
    twin.data, twin.name = target.data.copy(), "Subject"
    bpy.context.scene.collection.objects.link(twin)
    assert find_target(mark) == target
    target.data.vertices[0].co.x += 1
    with pytest.raises(TargetChanged, match="rest pose of Hero was edited"):
        find_target(mark)


def test_numbers_of_another_run_of_blender_mean_nothing():
    target = patchwork()
    mark, stranger = fingerprint(target), patchwork("Stranger")
    earlier = mark | {"blender": "an earlier run", "session": stranger.session_uid}
    assert find_target(earlier) == target
    del earlier["blender"]
    assert find_target(earlier) == target


def test_linked_objects_of_the_same_name_are_not_taken(library):
    with bpy.data.libraries.load(str(library), link=True) as (_, wanted):
        wanted.objects = ["Linked"]
    target = patchwork("Linked")
    mark = fingerprint(target) | {"blender": "an earlier run"}
    assert find_target(mark) == target
    bpy.data.objects.remove(target)
    assert bpy.data.objects["Linked"].library
    with pytest.raises(TargetChanged, match="Linked was deleted"):
        find_target(mark)


@pytest.mark.parametrize("mark", [{}, {"name": "Subject"}])
def test_a_fingerprint_that_is_none(mark):
    patchwork()
    with pytest.raises(TargetChanged, match="which object it was made for"):
        find_target(mark)


def test_found_again_after_the_file_was_opened_again(tmp_path):
    patchwork("Älter")
    mark = fingerprint(bpy.data.objects["Älter"])
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with pytest.raises(TargetChanged):
        find_target(mark)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert find_target(mark) == bpy.data.objects["Älter"]


def test_changes_of_the_rest_pose_are_noticed_and_others_are_not():
    target = patchwork()
    mark = fingerprint(target)
    target.location.x, target.data.polygons[0].use_smooth = 3, True
    write_motion(target, dance(target), WriteOptions(1, 24))
    check_unchanged(target, mark)
    target.data.shape_keys.reference_key.points[0].co.x += 1e-3
    with pytest.raises(TargetChanged, match="rest pose of Subject was edited"):
        check_unchanged(target, mark)
    target.shape_key_clear()
    target.data.vertices.add(2)
    with pytest.raises(TargetChanged, match="had 9 vertices when the job began and has 11 now"):
        check_unchanged(target, mark)
