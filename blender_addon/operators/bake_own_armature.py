"""Bake the animation of the active mesh onto the armature that it is bound to."""
# mypy: disable-error-code="valid-type"
# ruff: noqa: F722, F821

from collections.abc import Generator

import bpy
from bpy.props import BoolProperty, EnumProperty

from ..errors import ArtistError
from ..scene.own_rig import Moving, armature_of
from ..scene.own_rig_baking import OwnRigBaked, bake_to_own_rig
from ..wording import fields, in_rows
from .shared import OfAnimated, requires
from .sliced import Sliced

MOVING = (
    (Moving.TOPMOST, "Topmost Bones", "Only bones without a weighted parent may move. All others only rotate"),
    (
        Moving.ALL,
        "All Free Bones",
        "Every bone may move unless it is connected or locked. Fits more closely, but joints can come apart",
    ),
)


class ACTIONMESH_OT_bake_to_own_armature(OfAnimated, Sliced, bpy.types.Operator):
    """Key the bones of the mesh's own armature so that they move it as the shape keys do, and mute the shape keys.
    The armature's earlier action stays in the file"""

    bl_idname = "actionmesh.bake_to_own_armature"
    bl_label = "Bake to Own Armature"
    bl_options = {"REGISTER", "UNDO"}

    moving: EnumProperty(name="Location", description="Which bones may change their location", items=MOVING)
    scaling: BoolProperty(
        name="Scale", description="Bones may also change their scale, unless it is locked", default=False
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return super().poll(context) and requires(
            cls, armature_of(context.active_object) is not None, "Select a mesh that an armature moves"
        )

    def draw(self, _context: bpy.types.Context) -> None:
        fields(in_rows(self.layout), self, "moving", "scaling")

    def slices(self, context: bpy.types.Context) -> Generator[None, None, str]:
        if context.mode != "OBJECT":
            raise ArtistError("Bones can be keyed in Object Mode only.", "Leave the other mode first.")
        context.view_layer.update()
        baked = yield from bake_to_own_rig(context.active_object, Moving(self.moving), self.scaling)
        return told(baked)


def told(baked: OwnRigBaked) -> str:
    """Return what was baked in one sentence."""
    meshes = f" of {baked.meshes} meshes" if baked.meshes > 1 else ""
    error = f"error {baked.error:.2g}% of the size{meshes}, {baked.worst:.2g}% at most"
    return f"{baked.action.name}: {baked.bones} bones, {baked.frames} frames, {error}"


CLASSES = (ACTIONMESH_OT_bake_to_own_armature,)
