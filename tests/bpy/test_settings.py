"""What an artist sets in the panel Animate: what is drawn where, and what of it reaches a job's request and its record."""

from types import SimpleNamespace

import bpy
import pytest

from blender_addon import files
from blender_addon.backend_files import protocol
from blender_addon.panels import animate
from tests.bpy.addon import clip, selected_cube

OPS = bpy.ops.actionmesh
MADE = ("image_steps", "max_faces", "smallest_part")
"""What concerns the mesh that is made for a new object."""


class Layout:
    """A visible fake of Blender's layout that writes down which properties are drawn; so it needs no window."""

    def __init__(self, drawn):
        self.drawn = drawn

    def column(self, **_looks):
        return self

    row = box = column

    def label(self, text="", **_looks):
        self.drawn.append(text)

    def prop(self, owner, name, **_looks):
        assert name in owner.bl_rna.properties, name
        self.drawn.append(name)

    def operator(self, name, **_looks):
        self.drawn.append(name)


def drawn(panel):
    layout = Layout([])
    panel.draw(SimpleNamespace(layout=layout), bpy.context)
    return layout.drawn


def request():
    """Of the newest job."""
    return files.records(True)[0].request


def test_advanced_is_a_closed_part_of_animate(addon):
    panel = animate.VIEW3D_PT_actionmesh_advanced
    assert panel.bl_label == "Advanced" and panel.bl_parent_id == "VIEW3D_PT_actionmesh_animate"
    assert panel.bl_options == {"DEFAULT_CLOSED"} and drawn(panel) == ["New Object", *MADE]
    others = (animate.VIEW3D_PT_actionmesh_frames, animate.VIEW3D_PT_actionmesh_quality, animate.VIEW3D_PT_actionmesh_placement)
    assert not {*MADE} & {name for other in others for name in drawn(other)}


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
    first = files.records(True)[0].id
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
