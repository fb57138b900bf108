"""Results as actions: on NLA tracks, in the asset browser, and away again."""
# mypy: disable-error-code="valid-type"
# ruff: noqa: F722

import bpy
from bpy.props import BoolProperty, StringProperty

from ..scene.asset_marks import AssetOptions, mark_result
from ..scene.nla_tracks import push_down, take_up
from ..scene.result_removal import remove_active, remove_laid
from ..session import panel_state
from ..workflow import animated_object
from .shared import FINISHED, OfAnimated, reporting, requires

NAMED = "Name of the result, as under Tracks. Leave empty for the active result"


class ACTIONMESH_OT_push_down(OfAnimated, bpy.types.Operator):
    """Put the result on an NLA track, to move, repeat, scale and mix it. The next result does not replace it"""

    bl_idname = "actionmesh.push_down"
    bl_label = "Push Down"
    bl_options = {"REGISTER", "UNDO"}

    fill: BoolProperty(
        name="Fill Scene",
        description="Repeat a result that loops up to the end of the scene. Turn off to play it once",
        default=True,
    )

    @reporting
    def execute(self, context: bpy.types.Context) -> set[str]:
        panel_state.show(None)
        laid = push_down(context.active_object, context.scene.frame_end if self.fill else None)
        self.report({"INFO"}, f"{laid.record.keys} is on an NLA track of its own")
        return FINISHED


class OfTracks:
    """An operator on any result of the active mesh, on a track or not."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        target = context.active_object
        found = animated_object.animation_of(target) is not None or bool(animated_object.tracks_of(target))
        return requires(cls, found, "Select a mesh that ActionMesh animated")


class ACTIONMESH_OT_take_up(OfTracks, bpy.types.Operator):
    """Make this result the active one again, to change it. Its strips are removed; it plays at its own frames"""

    bl_idname = "actionmesh.take_up"
    bl_label = "Take Up"
    bl_options = {"REGISTER", "UNDO"}

    result: StringProperty(name="Result", description="Name of the result, as under Tracks", options={"SKIP_SAVE"})

    @reporting
    def execute(self, context: bpy.types.Context) -> set[str]:
        panel_state.show(None)
        take_up(context.active_object, self.result)
        self.report({"INFO"}, f"{self.result} is the active result")
        return FINISHED


class ACTIONMESH_OT_remove_result(OfTracks, bpy.types.Operator):
    """Remove this result: its shape keys, strips, action and extracted root motion. History can bring it back"""

    bl_idname = "actionmesh.remove_result"
    bl_label = "Remove Result"
    bl_options = {"REGISTER", "UNDO"}

    result: StringProperty(name="Result", description=NAMED, options={"SKIP_SAVE"})

    @reporting
    def execute(self, context: bpy.types.Context) -> set[str]:
        panel_state.show(None)
        target = context.active_object
        removed = remove_laid(target, self.result) if self.result else remove_active(target)
        self.report({"INFO"}, f"{removed.keys} was removed from {target.name}")
        return FINISHED


class ACTIONMESH_OT_mark_asset(OfTracks, bpy.types.Operator):
    """Show the result in the asset browser, with a picture of the pose farthest from rest, a catalog and tags"""

    bl_idname = "actionmesh.mark_asset"
    bl_label = "Mark as Asset"
    bl_options = {"REGISTER", "UNDO"}

    result: StringProperty(name="Result", description=NAMED, options={"SKIP_SAVE", "HIDDEN"})
    with_object: BoolProperty(
        name="Object as Well",
        description="Also mark the object, with mesh, shape keys and tracks, which can be dragged into any scene. "
        "The action alone plays only on meshes with the same shape keys",
        default=True,
    )
    catalog: StringProperty(
        name="Catalog",
        description="Path in the asset browser, such as Characters/Walks. It is made if it is missing; "
        "the .blend must have been saved. Leave empty for none",
    )
    tags: StringProperty(name="Tags", description="Words to search for, separated by commas", default="ActionMesh")
    description: StringProperty(
        name="Description", description="Shown in the asset browser. Leave empty for the clip, the object and the poses"
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(self)

    @reporting
    def execute(self, context: bpy.types.Context) -> set[str]:
        panel_state.show(None)
        tags = tuple(tag.strip() for tag in self.tags.split(",") if tag.strip())
        options = AssetOptions(self.description.strip(), tags, self.catalog, self.with_object)
        marked = mark_result(context.active_object, self.result, options)
        self.report({"INFO"}, f"{' and '.join(item.name for item in marked)}: in the asset browser")
        return FINISHED


CLASSES = (ACTIONMESH_OT_push_down, ACTIONMESH_OT_take_up, ACTIONMESH_OT_remove_result, ACTIONMESH_OT_mark_asset)
