"""How a result lies on its clip: matched again, seen from the other side, looked at through the clip's camera."""
# mypy: disable-error-code="valid-type"
# ruff: noqa: F722

import bpy
from bpy.props import EnumProperty, StringProperty

from .. import again, fit, shown
from ..errors import ArtistError
from ..menus import MATCHES, SEEN_FACINGS
from ..scene.clip_camera import add_camera
from .base import FINISHED, OfAnimated, Queued, refuse
from .results import Again


class ACTIONMESH_OT_match_again(OfAnimated, Queued, bpy.types.Operator):
    """Bring the animation onto its clip with other choices. The model does not run again, so it takes seconds"""

    bl_idname = "actionmesh.match_again"
    bl_label = "Match Again"

    match: EnumProperty(name="Match", description="How the motion is brought onto the clip", items=MATCHES)
    facing: EnumProperty(
        name="Facing",
        description="The side of the mesh that the camera sees in the reference frame, as a local axis",
        items=SEEN_FACINGS,
        default="AUTO",
    )
    filepath: StringProperty(
        name="Clip",
        description="The clip, if it is no longer where it was; empty takes it from there",
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
        return again.match_again(context, context.active_object, self.match, self.facing, self.filepath)


class ACTIONMESH_OT_face_other_way(OfAnimated, Again, bpy.types.Operator):
    """Run the job again with the camera before another side of the mesh: the next best, or the opposite one"""

    bl_idname = "actionmesh.face_other_way"
    bl_label = "Face the Other Way"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        found = fit.fit_of(context.active_object)
        if found is None or fit.other_side(found) is None:
            cls.poll_message_set("Select a mesh whose facing is in doubt")
            return False
        return True

    def changes(self, context: bpy.types.Context) -> dict:
        found = fit.fit_of(context.active_object)
        assert found is not None
        return {"facing": fit.other_side(found)}


class ACTIONMESH_OT_add_camera(OfAnimated, bpy.types.Operator):
    """Add the camera that filmed the clip, with the clip behind it: looking through it, the mesh lies on the film"""

    bl_idname = "actionmesh.add_camera"
    bl_label = "Add Camera"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        found = fit.fit_of(context.active_object)
        if found is None or found.camera is None:
            cls.poll_message_set("Select a mesh whose animation was matched to its clip")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        shown.show(None)
        try:
            added = add_camera(context.scene, context.active_object)
        except ArtistError as error:
            return refuse(self, error)
        for warning in added.warnings:
            self.report({"WARNING"}, warning)
        self.report({"INFO"}, " ".join((f"{added.object.name} was added.", *added.notes)))
        return FINISHED


CLASSES = (ACTIONMESH_OT_match_again, ACTIONMESH_OT_face_other_way, ACTIONMESH_OT_add_camera)
