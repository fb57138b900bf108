"""An artist's settings in the panel Animate: what is drawn where, and what reaches a job's request and record."""

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from blender_addon.panels import animate
from blender_addon.process.backend_locator import protocol
from blender_addon.session import job_list
from tests.bpy.addon import clip, selected_cube
from tests.bpy.layouts import drawn
from tests.bpy.waving_worker import read_ply

OPS = bpy.ops.actionmesh
MADE = ("image_steps", "max_faces", "smallest_part")
"""The settings for the mesh of a new object."""


def request():
    """Return the request of the newest job."""
    return job_list.records(True)[0].request


def test_advanced_is_a_closed_part_of_animate(addon):
    panel = animate.VIEW3D_PT_actionmesh_advanced
    assert panel.bl_label == "Advanced" and panel.bl_parent_id == "VIEW3D_PT_actionmesh_animate"
    rarely = ["seed", "actionmesh.dice", "memory", "checkpoint", "New Object", "shape", *MADE]
    assert panel.bl_options == {"DEFAULT_CLOSED"} and drawn(panel) == rarely
    others = (
        animate.VIEW3D_PT_actionmesh_frames,
        animate.VIEW3D_PT_actionmesh_quality,
        animate.VIEW3D_PT_actionmesh_placement,
    )
    assert not {*rarely} - {"New Object"} & {name for other in others for name in drawn(other)}


def test_frames_are_open_from_the_start(addon):
    panel = animate.VIEW3D_PT_actionmesh_frames
    assert not hasattr(panel, "bl_options") and panel.bl_parent_id == "VIEW3D_PT_actionmesh_animate"


def test_frames_count_from_1_in_the_panel_and_from_0_in_files_and_jobs(addon):
    settings = bpy.context.scene.actionmesh
    assert {"first_frame", "reference_frame"} < set(drawn(animate.VIEW3D_PT_actionmesh_frames))
    assert not {"frame_start", "anchor"} & set(drawn(animate.VIEW3D_PT_actionmesh_frames))
    assert (settings.first_frame, settings.reference_frame) == (1, 1)
    settings.frame_start, settings.anchor = 4, 2  # as a file of an earlier version keeps them
    assert (settings.first_frame, settings.reference_frame) == (5, 3)
    settings.first_frame, settings.reference_frame, settings.fit_clip = 8, 10, False
    OPS.animate_from_video(filepath=clip(addon))
    assert (request().frames.start, request().anchor) == (7, 9)


def test_a_reference_outside_of_the_frames_is_refused_in_the_panels_words(addon):
    settings = bpy.context.scene.actionmesh
    settings.frame_count, settings.reference_frame = 8, 9
    with pytest.raises(RuntimeError, match="The reference is frame 9 of 8. Choose a frame from 1 to 8"):
        OPS.animate_from_video(filepath=clip(addon))
    settings.reference_frame = 8
    assert OPS.animate_from_video(filepath=clip(addon)) == {"FINISHED"}


def test_reference_pose_is_a_choice_of_placement(addon):
    assert "reference_pose" in drawn(animate.VIEW3D_PT_actionmesh_placement)
    choices = bpy.context.scene.actionmesh.bl_rna.properties["reference_pose"].enum_items
    assert [choice.identifier for choice in choices] == list(protocol.ReferencePose)
    assert [choice.name for choice in choices] == ["Corrected", "Published", "Decoded"]
    assert bpy.context.scene.actionmesh.reference_pose == "corrected"


@pytest.mark.parametrize("pose", ["corrected", "published", "decoded"])
def test_reference_pose_is_asked_for_a_mesh_of_ones_own_and_not_for_a_new_object(addon, pose):
    bpy.context.scene.actionmesh.reference_pose = pose
    selected_cube()
    OPS.animate_selected(filepath=clip(addon))
    assert request().reference_pose == pose
    OPS.animate_from_video(filepath=clip(addon))
    assert request().reference_pose is None


def test_facing_and_match_are_shown_where_a_mesh_can_receive_the_motion(addon):
    shown = {"facing", "show_facing", "match"}
    assert not shown & set(drawn(animate.VIEW3D_PT_actionmesh_animate))
    cube = selected_cube()
    assert shown < set(drawn(animate.VIEW3D_PT_actionmesh_animate))
    settings = bpy.context.scene.actionmesh
    settings.source, settings.source_object = "OBJECT", cube
    assert not shown & set(drawn(animate.VIEW3D_PT_actionmesh_animate))
    bpy.ops.object.empty_add()
    assert not shown & set(drawn(animate.VIEW3D_PT_actionmesh_animate))


def test_match_is_asked_for_a_mesh_of_ones_own_and_shape_for_a_new_object(addon):
    settings = bpy.context.scene.actionmesh
    assert (settings.match, settings.shape) == ("auto", "auto")
    settings.match, settings.shape = "track", "relief"
    selected_cube()
    OPS.animate_selected(filepath=clip(addon))
    assert (request().match, request().shape) == ("track", "auto")
    OPS.animate_from_video(filepath=clip(addon))
    assert (request().match, request().shape) == ("auto", "relief")


def test_choices_are_those_of_the_backend(addon):
    properties = bpy.context.scene.actionmesh.bl_rna.properties
    for name, kind in (
        ("match", protocol.Match),
        ("shape", protocol.Shape),
        ("reference_pose", protocol.ReferencePose),
    ):
        assert [choice.identifier for choice in properties[name].enum_items] == list(kind)
    facings = bpy.data.objects.new("x", None).actionmesh.bl_rna.properties["facing"].enum_items
    numbers = {choice.identifier: choice.value for choice in facings}
    assert numbers == {"AUTO": 6, "NEG_Y": 0, "POS_Y": 1, "POS_X": 2, "NEG_X": 3, "POS_Z": 4, "NEG_Z": 5}, (
        "files keep the numbers"
    )
    assert bpy.data.objects["x"].actionmesh.facing == "AUTO" and facings[0].identifier == "AUTO"
    seen_from = properties["source_facing"]
    assert seen_from.default == "NEG_Y" and "AUTO" not in seen_from.enum_items


@pytest.mark.parametrize(
    ("chosen", "asked", "axes"),
    [("AUTO", "auto", "NEG_Y"), ("NEG_Y", "+Z", "NEG_Y"), ("POS_X", "+Z", "POS_X"), ("NEG_Z", "+Z", "NEG_Z")],
)
def test_a_chosen_facing_turns_the_mesh_and_another_is_found(addon, chosen, asked, axes):
    target = selected_cube()
    target.data.transform(Matrix.Diagonal((1, 2, 3, 1)))
    target.actionmesh.facing = chosen
    OPS.animate_selected(filepath=clip(addon))
    record = job_list.records(True)[0]
    assert record.request.facing == asked and record.writing["facing"] == axes
    sides = {"NEG_Y": (1, 3, 2), "POS_X": (2, 3, 1), "NEG_Z": (1, 2, 3)}[axes]
    np.testing.assert_allclose(np.ptp(read_ply(record.target_path)[0], axis=0), 2 * np.array(sides), rtol=1e-6)


def test_numbers_of_a_new_object_are_the_presets_until_they_are_set(addon):
    settings = bpy.context.scene.actionmesh
    assert (settings.image_steps, settings.max_faces, settings.smallest_part) == (0, 0, 2.0)
    OPS.animate_from_video(filepath=clip(addon))
    assert [getattr(request(), name) for name in MADE] == [None, None, None]
    settings.image_steps, settings.max_faces, settings.smallest_part = 40, 9000, 12.5
    OPS.animate_from_video(filepath=clip(addon))
    assert [getattr(request(), name) for name in MADE] == [40, 9000, 0.125]
    settings.smallest_part = 0
    OPS.animate_from_video(filepath=clip(addon))
    assert request().smallest_part == 0
    settings.property_unset("smallest_part")
    OPS.animate_from_video(filepath=clip(addon))
    assert request().smallest_part is None


def test_numbers_of_a_new_object_are_not_asked_for_a_mesh_of_ones_own(addon):
    settings = bpy.context.scene.actionmesh
    settings.image_steps, settings.max_faces, settings.smallest_part = 40, 9000, 12.5
    selected_cube()
    OPS.animate_selected(filepath=clip(addon))
    assert [getattr(request(), name) for name in MADE] == [None, None, None]


def test_another_take_is_made_with_what_the_first_was_told(addon):
    settings = bpy.context.scene.actionmesh
    settings.image_steps, settings.max_faces, settings.smallest_part = 40, 9000, 12.5
    OPS.animate_from_video(filepath=clip(addon))
    first = job_list.records(True)[0].id
    settings.image_steps, settings.max_faces, settings.smallest_part = 0, 0, 2.0
    for again in (OPS.rerun, OPS.retry, OPS.retry_lighter):
        assert again(job=first) == {"FINISHED"}
        assert [getattr(request(), name) for name in MADE] == [40, 9000, 0.125]


def test_what_is_chosen_is_kept_in_the_file(addon):
    settings = bpy.context.scene.actionmesh
    settings.reference_pose, settings.smallest_part = "published", 2.0
    path = str(addon / "kept.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    assert not bpy.context.scene.actionmesh.is_property_set("smallest_part")
    bpy.ops.wm.open_mainfile(filepath=path)
    settings = bpy.context.scene.actionmesh
    assert settings.reference_pose == "published" and settings.is_property_set("smallest_part")
