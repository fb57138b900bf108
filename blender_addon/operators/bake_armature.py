"""Bake the animation of the active mesh to an armature, and cancel the search for its bones."""
# mypy: disable-error-code="valid-type"
# ruff: noqa: F722, F821

import bpy
from bpy.props import EnumProperty, FloatProperty, IntProperty

from ..process.backend_locator import protocol
from ..session import bone_search, panel_state
from ..session.notices import Problem
from ..wording import fields, in_rows
from ..workflow import bone_baking
from .shared import FINISHED, InBackground, OfAnimated, reporting, requires

LIMITS = (
    ("COUNT", "Number of Bones", "Get the smallest error possible with this many bones"),
    ("ERROR", "Greatest Error", "Use as many bones as it takes for this error. Takes longer"),
)


class ACTIONMESH_OT_bake_armature(OfAnimated, InBackground, bpy.types.Operator):
    """Make a copy of the mesh that bones move instead of shape keys, for game engines. The source stays as it is"""

    bl_idname = "actionmesh.bake_armature"
    bl_label = "Bake to Armature"

    limit: EnumProperty(name="Limit", description="How to choose the number of bones", items=LIMITS)
    bones: IntProperty(
        name="Bones",
        description="Number of bones. More bones are more accurate",
        min=1,
        max=protocol.MOST_BONES,
        soft_max=64,
        default=protocol.USUAL_BONES,
    )
    error: FloatProperty(
        name="Error",
        description="Greatest error, the root mean square of the vertices' distances from their places, in percent of "
        "the mesh's diagonal. A smaller error needs more bones",
        min=0.001,
        max=50.0,
        default=0.5,
        subtype="PERCENTAGE",
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        free = requires(cls, bone_search.running() is None, "A search for bones is already running")
        return free and super().poll(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.queued = True
        return context.window_manager.invoke_props_dialog(self)

    def draw(self, _context: bpy.types.Context) -> None:
        fields(in_rows(self.layout), self, "limit", "error" if self.limit == "ERROR" else "bones")

    @reporting
    def execute(self, context: bpy.types.Context) -> set[str]:
        panel_state.show(None)
        by_error = self.limit == "ERROR"
        baked: list[bone_baking.BakedBones] = []
        bone_baking.begin(
            context.active_object,
            None if by_error else self.bones,
            round(self.error, 6) if by_error else None,
            _tell if self.queued else baked.append,
        )
        if not self.queued:
            bone_search.wait()
            self.report({"INFO"}, baked[0].told)
            if baked[0].shortfall:
                self.report({"WARNING"}, baked[0].shortfall)
        return FINISHED


def _tell(baked: bone_baking.BakedBones) -> None:
    """Show in the panel what the artist asked for and did not get."""
    if baked.shortfall:
        panel_state.show(Problem(baked.shortfall, baked.told))


class ACTIONMESH_OT_cancel_bones(bpy.types.Operator):
    """Stop looking for bones. Nothing in the scene has changed yet"""

    bl_idname = "actionmesh.cancel_bones"
    bl_label = "Cancel Bake to Armature"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return requires(cls, bone_search.running() is not None, "No search for bones is running")

    def execute(self, context: bpy.types.Context) -> set[str]:
        bone_search.cancel()
        return FINISHED


CLASSES = (ACTIONMESH_OT_bake_armature, ACTIONMESH_OT_cancel_bones)
