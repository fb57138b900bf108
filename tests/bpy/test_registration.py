"""What is registered with Blender: complete, explained, and unregistered without a trace."""

import bpy
import pytest

import blender_addon
from blender_addon import operators, panels, registration
from blender_addon.session import bone_search, installation, model_sets
from blender_addon.session.runner import _file_was_opened, runner

OPERATORS = {
    "animate_from_video", "animate_selected", "transfer_motion", "cancel", "open_clip", "look", "fit_clip", "dice",
    "bring_back", "rerun", "retry", "retry_lighter", "go_to_reference", "bake", "bake_armature",
    "bake_to_own_armature", "cancel_bones", "export", "open_job_folder",
    "remove_job", "show_misfit",
    "start_backend", "stop_backend", "free_memory", "open_log", "open_preferences", "mend", "dismiss",
    "match_again", "face_other_way", "bend_into_clip", "add_camera",
    "download_models", "remove_models", "cancel_download",
    "try_it", "dismiss_end", "fit_scene", "apply_to_copy", "drop_on_selected", "drop_as_new", "drop_on_all",
    "drop_clip", "batch",
    "install_backend", "repair_backend", "remove_backend", "cancel_install", "dismiss_install", "copy_report",
    "test_connection", "test_python",
    "make_loop", "smooth_motion", "lock_feet", "extract_root_motion", "apply_root_motion",
    "pick_subject", "track_subject", "cancel_tracking", "clear_picks",
    "choose_subject", "add_subject", "remove_subject",
    "push_down", "take_up", "remove_result", "mark_asset",
}  # fmt: skip
"""The public operators: scripts depend on these names."""


def own_properties(rna):
    inherited = {item.identifier for base in [rna.base] if base for item in base.properties}
    return [
        item
        for item in rna.properties
        if item.identifier not in inherited | {"rna_type", "name"} and not item.is_hidden
    ]


def groups():
    scene = bpy.context.scene.actionmesh
    return (scene, scene.bake, bpy.data.objects.new("x", None).actionmesh, bpy.context.window_manager.actionmesh)


def test_operators_are_the_public_ones(addon):
    assert set(dir(bpy.ops.actionmesh)) == OPERATORS


def test_every_operator_and_property_says_what_it_does(addon):
    rnas = [getattr(bpy.ops.actionmesh, name).get_rna_type() for name in OPERATORS]
    for rna in rnas:
        assert len(rna.description) > 15 and not rna.description.endswith("."), rna.identifier
    for owner in (*rnas, *(group.bl_rna for group in groups())):
        for item in own_properties(owner):
            assert len(item.description) > 8 and not item.description.endswith("."), (
                f"{owner.identifier}.{item.identifier}"
            )
            for choice in getattr(item, "enum_items", ()):
                assert choice.description and not choice.description.endswith("."), (
                    f"{item.identifier}: {choice.identifier}"
                )


def test_panels_lie_in_one_tab_and_each_in_its_place(addon):
    for panel in panels.CLASSES:
        assert (panel.bl_space_type, panel.bl_region_type, panel.bl_category) == ("VIEW_3D", "UI", "ActionMesh")
        assert hasattr(bpy.types, panel.__name__)
    tops = sorted((panel.bl_order, panel.bl_label) for panel in panels.CLASSES if not hasattr(panel, "bl_parent_id"))
    assert [label for _order, label in tops] == ["Animate", "Result", "Bake & Export", "History", "Backend"]


def test_it_comes_and_goes_without_a_trace(addon):
    timers = (runner._timer, installation.tick, model_sets.tick, bone_search.tick)
    for _ in range(2):
        for timer in timers:
            bpy.app.timers.register(timer)
        blender_addon.unregister()
        assert not hasattr(bpy.types.Scene, "actionmesh") and not hasattr(bpy.types.Object, "actionmesh")
        assert not any(group.is_registered for group in registration.CLASSES)
        assert not [item for item in escape_keys() if item.idname == "actionmesh.cancel"]
        assert _file_was_opened not in bpy.app.handlers.load_post
        assert not any(bpy.app.timers.is_registered(timer) for timer in timers)
        blender_addon.register()
    assert bpy.context.scene.actionmesh.preset == "demo"


def escape_keys():
    keymap = bpy.context.window_manager.keyconfigs.addon.keymaps.get("3D View Generic")
    return list(keymap.keymap_items) if keymap else []


def test_escape_is_bound_once(addon):
    assert [item.type for item in escape_keys() if item.idname == "actionmesh.cancel"] == ["ESC"]


@pytest.mark.fault("enabling or disabling the add-on twice ends in a traceback")
def test_registering_and_unregistering_twice_is_harmless(addon):
    blender_addon.unregister()
    blender_addon.unregister()
    for _ in range(2):
        blender_addon.register()
    assert [item.type for item in escape_keys() if item.idname == "actionmesh.cancel"] == ["ESC"]
    assert bpy.types.VIEW3D_MT_object._dyn_ui_initialize().count(panels.entries.draw_in_object) == 1


def test_registration_starts_nothing(addon):
    assert runner._queue is None and not bpy.app.timers.is_registered(runner._timer)
    assert not (addon / "home").exists()


@pytest.mark.parametrize("group", operators.CLASSES, ids=lambda group: group.__name__)
def test_operators_are_searchable(addon, group):
    if hasattr(group, "bl_label"):
        assert "INTERNAL" not in getattr(group, "bl_options", ())
