"""New objects: where they stand, how large they are, and that they play."""

import bpy
import numpy as np
import pytest

from blender_addon.errors import ArtistError
from blender_addon.motion.result_file import Motion
from blender_addon.scene.meshes import read_basis
from blender_addon.scene.objects import ObjectOptions, new_object
from blender_addon.scene.options import Playback, WriteOptions
from blender_addon.scene.ranges import extend_range

from .scenes import evaluated


def leaping(poses=4):
    """Return a tetrahedron whose nose points along +Z, that stands at y = 3 and rises by its pose's number."""
    shape = np.array([(-1, 3, -1), (1, 3, -1), (0, 7, -1), (0, 4, 2)], np.float32)
    vertices = np.stack([shape + np.float32(pose) * np.array([0, 1, 0], np.float32) for pose in range(poses)])
    faces = np.array([(0, 2, 1), (0, 1, 3), (1, 2, 3), (2, 0, 3)], np.int32)
    return Motion(vertices, faces, np.arange(poses) / 24, 1, np.arange(poses), {"clip": "leap.mp4"})


def make(motion=None, **changes):
    options = ObjectOptions(**{"name": "Fox", **changes})
    return new_object(bpy.context.scene, motion or leaping(), options, WriteOptions(1, 24))


def test_it_stands_on_the_cursor_and_faces_minus_y():
    bpy.context.scene.cursor.location = (5, 6, 7)
    target, written = make()
    rest = read_basis(target.data)
    assert (
        tuple(target.location) == (5, 6, 7)
        and tuple(target.scale) == (1, 1, 1)
        and tuple(target.rotation_euler) == (0, 0, 0)
    )
    assert np.allclose(np.ptp(rest, axis=0), (1, 1.5, 2)) and rest[:, 2].min() == 0
    assert np.allclose((rest.min(axis=0) + rest.max(axis=0))[:2], 0)
    assert rest[:, 1].argmin() == 3 and rest[:, 2].argmax() == 2
    assert written.start == 1 and written.end == 4


def test_it_plays_about_its_reference_pose():
    target, _ = make()
    rest = read_basis(target.data)
    for pose in range(4):
        assert np.allclose(evaluated(target, 1 + pose), rest + [0, 0, (pose - 1) * 0.5], atol=1e-6)


def test_it_lies_in_a_collection_of_its_own_and_has_a_material():
    target, _ = make(collection="Clip")
    assert [collection.name for collection in target.users_collection] == ["Clip"]
    assert "Clip" in bpy.context.scene.collection.children
    colour = target.data.materials[0].node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value
    assert tuple(colour) == pytest.approx((0.6, 0.57, 0.53, 1))
    again, _ = make(collection="Clip")
    assert again.users_collection[0] != target.users_collection[0]


@pytest.mark.parametrize("smooth", [True, False])
def test_shading(smooth):
    target, _ = make(smooth=smooth)
    assert {face.use_smooth for face in target.data.polygons} == {smooth}


@pytest.mark.parametrize("system, unit, units", [("METRIC", 0.001, 2000), ("IMPERIAL", 1, 2), ("NONE", 0.001, 2)])
def test_metres_in_the_scene_s_units(system, unit, units):
    bpy.context.scene.unit_settings.system, bpy.context.scene.unit_settings.scale_length = system, unit
    target, _ = make()
    assert max(target.dimensions) == pytest.approx(units)


def test_size_and_place_can_be_chosen():
    target, _ = make(size=0.5, location=(1, 2, 3))
    assert np.ptp(read_basis(target.data), axis=0).max() == pytest.approx(0.5) and tuple(target.location) == (1, 2, 3)


def test_faces_that_are_double_or_no_triangles_are_dropped():
    motion = leaping()
    faces = np.concatenate([motion.faces, motion.faces[:1], [[0, 0, 1]]]).astype(np.int32)
    target, _ = make(Motion(motion.vertices, faces, motion.times, 1, motion.frame_indices))
    assert len(target.data.vertices) == 4 and len(target.data.polygons) == 4


def test_refusals_leave_nothing():
    motion = leaping()
    flat = Motion(np.ones_like(motion.vertices), motion.faces, motion.times, 1, motion.frame_indices)
    bare = Motion(motion.vertices, motion.faces[:0], motion.times, 1, motion.frame_indices)
    for wrong, problem in ((flat, "has no size"), (bare, "Fox has no faces")):
        with pytest.raises(ArtistError, match=problem):
            make(wrong)
    with pytest.raises(ArtistError, match="The size of the new object is 0 m"):
        make(size=0)
    assert not [*bpy.data.objects, *bpy.data.meshes, *bpy.data.materials, *bpy.data.collections, *bpy.data.shape_keys]


def test_playback_is_taken_over():
    motion = leaping()
    target, _ = new_object(
        bpy.context.scene, motion, ObjectOptions("Fox"), WriteOptions(1, 24, playback=Playback(strength=0.5))
    )
    assert np.allclose(evaluated(target, 4), read_basis(target.data) + [0, 0, 0.5], atol=1e-6)


@pytest.mark.parametrize(
    "before, reach, after",
    [
        ((1, 250), (10, 40), (1, 250)),
        ((20, 30), (10, 40), (10, 40)),
        ((5, 9), (-3, 7), (0, 9)),
        ((1, 5), (9, 12), (1, 12)),
    ],
)
def test_ranges_are_extended_and_never_shortened(before, reach, after):
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = before
    extend_range(scene, *reach)
    assert (scene.frame_start, scene.frame_end) == after and not scene.use_preview_range
    scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 12, 13
    extend_range(scene, *reach)
    assert (scene.frame_preview_start, scene.frame_preview_end) == (min(12, reach[0]), max(13, reach[1]))


def test_ranges_end_with_blenders_last_frame():
    scene = bpy.context.scene
    scene.use_preview_range = True
    extend_range(scene, 1, 10**12)
    assert scene.frame_end == scene.frame_preview_end == 1048574
