"""Bake the animation of the active mesh."""

import bpy

from ..session import panel_state, selection
from ..wording import in_rows
from ..workflow import bake_options
from .shared import FINISHED, OfAnimated, reporting


class ACTIONMESH_OT_bake(OfAnimated, bake_options.BakeOptions, bpy.types.Operator):
    """Turn the animation into fewer shape keys or a cache. The source stays as it is unless you replace it"""

    bl_idname = "actionmesh.bake"
    bl_label = "Bake Animation"
    bl_options = {"REGISTER", "UNDO"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        chosen = context.scene.actionmesh.bake
        for name in bake_options.BakeOptions.__annotations__:
            setattr(self, name, getattr(chosen, name))
        return self.execute(context)

    @reporting
    def execute(self, context: bpy.types.Context) -> set[str]:
        panel_state.show(None)
        baked = bake_options.bake(context.scene, context.active_object, self)
        selection.present(context, baked.object)
        self.report({"INFO"}, f"{baked.object.name}: {bake_options.told(baked)}")
        return FINISHED

    def draw(self, _context: bpy.types.Context) -> None:
        bake_options.draw(in_rows(self.layout).column(), self)


CLASSES = (ACTIONMESH_OT_bake,)
