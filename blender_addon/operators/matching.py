"""Change how a result fits its clip: match it again, turn or bend the mesh, or add the clip's camera."""
# mypy: disable-error-code="valid-type"
# ruff: noqa: F722

import bpy
from bpy.props import EnumProperty, StringProperty

from ..menus import MATCHES, SEEN_FACINGS
from ..scene.clip_camera import add_camera
from ..session import panel_state
from ..workflow import clip_fit, rerun
from .results import Again
from .shared import FINISHED, OfAnimated, Queued, reporting, requires


class ACTIONMESH_OT_match_again(OfAnimated, Queued, bpy.types.Operator):
    """Match the animation to its clip again with other settings. Takes seconds because the model does not run again"""

    bl_idname = "actionmesh.match_again"
    bl_label = "Match Again"

    match: EnumProperty(name="Match", description="How to match the motion to the clip", items=MATCHES)
    facing: EnumProperty(
        name="Facing",
        description="Side of the mesh that the camera sees in the reference frame, as a local axis",
        items=SEEN_FACINGS,
        default="AUTO",
    )
    filepath: StringProperty(
        name="Clip",
        description="The clip, if it has moved. Leave empty to use its old place",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.queued = True
        return context.window_manager.invoke_props_dialog(self)

    def draw(self, _context: bpy.types.Context) -> None:
        self.layout.use_property_split = True
        self.layout.use_property_decorate = False
        self.layout.prop(self, "match")
        self.layout.prop(self, "facing")

    def submit(self, context: bpy.types.Context) -> str:
        return rerun.match_again(context, context.active_object, self.match, self.facing, self.filepath)


class ACTIONMESH_OT_face_other_way(OfAnimated, Again, bpy.types.Operator):
    """Run the job again with another side of the mesh facing the camera: the next best or the opposite side"""

    bl_idname = "actionmesh.face_other_way"
    bl_label = "Face the Other Way"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        found = clip_fit.fit_of(context.active_object)
        doubtful = found is not None and clip_fit.other_side(found) is not None
        return requires(cls, doubtful, "Select a mesh whose facing is uncertain")

    def changes(self, context: bpy.types.Context) -> dict:
        found = clip_fit.fit_of(context.active_object)
        assert found is not None
        return {"facing": clip_fit.other_side(found)}


class ACTIONMESH_OT_bend_into_clip(OfAnimated, Again, bpy.types.Operator):
    """Run the job again with your mesh bent into the pose that the clip shows. Its own pose stays the basis"""

    bl_idname = "actionmesh.bend_into_clip"
    bl_label = "Bend into the Clip"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        found = clip_fit.fit_of(context.active_object)
        otherwise = found is not None and clip_fit.stands_otherwise(found)
        return requires(cls, otherwise, "Select a mesh of yours that does not stand as its clip shows it")

    def submit(self, context: bpy.types.Context) -> str:
        return rerun.make_anew(context, self.record(context), {"bend": True})


class ACTIONMESH_OT_add_camera(OfAnimated, bpy.types.Operator):
    """Add the camera that filmed the clip, with the clip as its background. The mesh covers the subject in it"""

    bl_idname = "actionmesh.add_camera"
    bl_label = "Add Camera"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        found = clip_fit.fit_of(context.active_object)
        matched = found is not None and found.camera is not None
        return requires(cls, matched, "Select a mesh whose animation was matched to its clip")

    @reporting
    def execute(self, context: bpy.types.Context) -> set[str]:
        panel_state.show(None)
        added = add_camera(context.scene, context.active_object)
        for warning in added.warnings:
            self.report({"WARNING"}, warning)
        self.report({"INFO"}, " ".join((f"{added.object.name} was added.", *added.notes)))
        return FINISHED


CLASSES = (
    ACTIONMESH_OT_match_again,
    ACTIONMESH_OT_face_other_way,
    ACTIONMESH_OT_bend_into_clip,
    ACTIONMESH_OT_add_camera,
)
