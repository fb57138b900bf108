"""What is selected and in view after something was made."""

from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from mathutils import Matrix, Vector

from blender_addon.session import job_list, selection
from tests.bpy.addon import all_over, clip, press, selected_cube, tick_until

ops = bpy.ops.actionmesh


def selected():
    return {item.name for item in bpy.context.selected_objects}


def test_new_object_is_selected_alone_and_active(addon):
    selected_cube()
    press(ops.animate_from_video, filepath=clip(addon))
    tick_until(all_over)
    assert selected() == {"wave"} and bpy.context.active_object.name == "wave"


def test_what_the_artist_selected_meanwhile_stays(addon):
    cube, other = selected_cube(), selected_cube("Other")
    press(ops.animate_from_video, filepath=clip(addon))
    other.select_set(False)
    cube.select_set(True)
    tick_until(all_over)
    assert "wave" in bpy.data.objects and selected() == {"Cube"} and bpy.context.active_object == other


def test_each_of_two_queued_objects_is_selected_in_turn(addon):
    press(ops.animate_from_video, filepath=clip(addon))
    press(ops.animate_from_video, filepath=clip(addon))
    tick_until(all_over)
    assert selected() == {"wave.001"}


def test_work_in_another_mode_goes_on(addon):
    cube = selected_cube()
    bpy.ops.object.mode_set(mode="EDIT")
    press(ops.animate_from_video, filepath=clip(addon))
    tick_until(all_over)
    assert "wave" in bpy.data.objects
    assert bpy.context.mode == "EDIT_MESH" and bpy.context.active_object == cube


def test_animated_mesh_stays_selected_among_the_others(addon):
    selected_cube("Other")
    selected_cube()
    bpy.data.objects["Other"].select_set(True)
    press(ops.animate_selected, filepath=clip(addon))
    tick_until(all_over)
    assert selected() == {"Cube", "Other"} and bpy.context.active_object.name == "Cube"


def test_baked_copy_is_selected_instead_of_its_source(addon):
    selected_cube()
    ops.animate_selected("EXEC_DEFAULT", filepath=clip(addon))
    assert ops.bake(method="THINNED", step=2) == {"FINISHED"}
    assert selected() == {"Cube (baked)"} and bpy.context.active_object.name == "Cube (baked)"


def test_brought_back_object_is_selected(addon):
    ops.animate_from_video("EXEC_DEFAULT", filepath=clip(addon))
    bpy.data.objects.remove(bpy.data.objects["wave"])
    (record,) = job_list.records(True)
    assert ops.bring_back(job=record.id) == {"FINISHED"}
    assert bpy.context.active_object.name.startswith("wave") and len(selected()) == 1


def test_object_in_an_excluded_place_leaves_the_selection_alone(addon):
    cube = selected_cube()
    other = bpy.data.scenes.new("Other")
    press(ops.animate_from_video, filepath=clip(addon))
    bpy.context.window.scene = other
    tick_until(all_over)
    assert "wave" in bpy.data.scenes["Scene"].objects and not bpy.context.selected_objects
    assert cube.select_get(view_layer=bpy.data.scenes["Scene"].view_layers[0])


def seen_from(place, straight_down=True):
    """Return a camera's view in the viewport's form: down along Z, or up, 90 degrees wide."""
    window = Matrix(((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, -1, -0.2), (0, 0, -1, 0)))
    turned = Matrix() if straight_down else Matrix.Rotation(np.pi, 4, "X")
    return SimpleNamespace(perspective_matrix=window @ turned @ Matrix.Translation(-Vector(place)))


@pytest.mark.parametrize(
    ("place", "down", "seen"),
    [
        ((0, 0, 6), True, True),
        ((5.5, 0, 6), True, False),
        ((0, -5.5, 6), True, False),
        ((0, 0, 6), False, False),
        ((0, 0, -6), False, True),
        ((0, 0, 0), True, False),
        ((1.2, 1.2, 3.1), True, True),
    ],
    ids=["above", "aside", "below the border", "behind", "under it", "inside", "but for a corner"],
)
def test_whether_an_object_is_in_view(place, down, seen):
    cube = selected_cube(size=2)
    assert selection.is_whole_in_view(cube, seen_from(place, down)) == seen
