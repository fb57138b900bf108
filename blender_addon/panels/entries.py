"""The entries in Blender's own menus. They also let F3 find the operators."""

import bpy

from ..operators.animating import label_of
from .result import EDITS
from .subject_rows import PICK_ICON


class VIEW3D_MT_actionmesh(bpy.types.Menu):
    """Object > ActionMesh"""

    bl_label = "ActionMesh"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("actionmesh.animate_selected", icon="SHAPEKEY_DATA")
        from_video = "actionmesh.animate_from_video"
        layout.operator(from_video, icon="ADD", **label_of(from_video, context.scene.actionmesh))
        layout.operator("actionmesh.transfer_motion", icon="CON_ARMATURE")
        layout.operator("actionmesh.batch", icon="DUPLICATE")
        layout.operator("actionmesh.open_clip", icon="FILE_MOVIE")
        layout.operator("actionmesh.pick_subject", icon=PICK_ICON)
        layout.separator()
        layout.operator("actionmesh.match_again", icon="TRACKING_FORWARDS")
        layout.operator("actionmesh.rerun", icon="FILE_REFRESH")
        layout.operator("actionmesh.add_camera", icon="CAMERA_DATA")
        layout.operator("actionmesh.go_to_reference", icon="KEYFRAME")
        layout.operator("actionmesh.fit_scene", icon="PREVIEW_RANGE")
        layout.separator()
        for name, icon in EDITS:
            layout.operator(name, icon=icon)
        layout.separator()
        layout.operator("actionmesh.push_down", icon="NLA_PUSHDOWN")
        layout.operator("actionmesh.mark_asset", icon="ASSET_MANAGER")
        layout.separator()
        layout.operator("actionmesh.bake", icon="RENDER_RESULT")
        layout.operator("actionmesh.bake_armature", icon="ARMATURE_DATA")
        layout.operator("actionmesh.bake_to_own_armature", icon="POSE_HLT")
        layout.operator("actionmesh.export", icon="EXPORT")
        layout.separator()
        layout.operator("actionmesh.cancel", icon="X")
        layout.operator("actionmesh.try_it", icon="PLAY")


def draw_in_object(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    menu.layout.separator()
    menu.layout.menu("VIEW3D_MT_actionmesh", icon="SHAPEKEY_DATA")


def draw_in_add_mesh(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    if context.mode == "OBJECT":
        layout = menu.layout.column()
        layout.operator_context = "INVOKE_DEFAULT"
        layout.separator()
        layout.operator("actionmesh.animate_from_video", text="ActionMesh: From Video", icon="FILE_MOVIE").asks = True
        layout.operator("actionmesh.try_it", text="ActionMesh: Sample", icon="PLAY")


def draw_in_import(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    layout = menu.layout.column()
    layout.operator_context = "INVOKE_DEFAULT"
    layout.operator("actionmesh.animate_from_video", text="Video as Moving Mesh (ActionMesh)").asks = True


def draw_in_export(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    layout = menu.layout.column()
    layout.operator_context = "INVOKE_DEFAULT"
    layout.operator("actionmesh.export", text="Moving Mesh (ActionMesh)")


ENTRIES = (
    ("VIEW3D_MT_object", draw_in_object),
    ("VIEW3D_MT_mesh_add", draw_in_add_mesh),
    ("TOPBAR_MT_file_import", draw_in_import),
    ("TOPBAR_MT_file_export", draw_in_export),
)
CLASSES = (VIEW3D_MT_actionmesh,)


def attach() -> None:
    for menu, draw in ENTRIES:
        getattr(bpy.types, menu).append(draw)


def detach() -> None:
    for menu, draw in ENTRIES:
        getattr(bpy.types, menu).remove(draw)
