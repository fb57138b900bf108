"""A scene for the length of an export: it holds only what is exported, and the artist's scene does not change.

Blender's exporters read the scene of a window, so meanwhile the window shows this scene. Afterwards the artist's scene,
view layer, selection and mode are restored, and its frame is evaluated again.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

import bpy

from ..errors import ArtistError

NAME = "ActionMesh"
"""Name of the scene; in a glTF file also the name of the animation."""
EDITED = {"EDIT", "SCULPT", "VERTEX_PAINT", "WEIGHT_PAINT", "TEXTURE_PAINT", "PARTICLE_EDIT"}


@contextmanager
def stage(
    scene: bpy.types.Scene, objects: Iterable[bpy.types.Object], start: int, end: int
) -> Iterator[bpy.types.Scene]:
    """Make operators see a scene of these objects, with the range `start` to `end` and the frame rate of `scene`.

    All objects are visible and selected in it. Everything is restored afterwards, also after an error.

    Raises:
        ArtistError: Blender has no window.
    """
    members, window = list(objects), _window()
    with ExitStack() as undo:
        undo.callback(scene.frame_set, scene.frame_current, subframe=scene.frame_subframe)
        stand_in = _make(scene, members, start, end)
        undo.callback(bpy.data.scenes.remove, stand_in)
        _show(members, undo)
        _enter(window, stand_in, undo)
        stand_in.frame_set(start)
        yield stand_in


@contextmanager
def object_mode(objects: Iterable[bpy.types.Object]) -> Iterator[None]:
    """Leave the mode in which these objects are being edited, and return to it afterwards.

    Exporters see neither the shape keys nor the latest changes of a mesh in edit mode.

    Raises:
        ArtistError: Blender has no window, or an object is being edited in another scene.
    """
    members, window = list(objects), _window()
    active = window.view_layer.objects.active
    with ExitStack() as undo:
        if active is not None and active.mode in EDITED:
            undo.callback(_set_mode, window, active.mode)
            _set_mode(window, "OBJECT")
        for member in members:
            if member.mode in EDITED:
                raise ArtistError(f"{member.name} is being edited.", "Leave its mode first.", "object.mode_set")
        yield


def _window() -> bpy.types.Window:
    windows = bpy.context.window_manager.windows
    if not windows:
        raise ArtistError("Blender has no window, which its exporters need.", "Open a file first.")
    return bpy.context.window or windows[0]


def _set_mode(window: bpy.types.Window, mode: str) -> None:
    with bpy.context.temp_override(window=window):
        bpy.ops.object.mode_set(mode=mode)


def _make(scene: bpy.types.Scene, members: list[bpy.types.Object], start: int, end: int) -> bpy.types.Scene:
    stand_in = bpy.data.scenes.new(NAME)
    for name in ("fps", "fps_base"):
        setattr(stand_in.render, name, getattr(scene.render, name))
    for name in ("system", "scale_length", "length_unit"):
        setattr(stand_in.unit_settings, name, getattr(scene.unit_settings, name))
    stand_in.frame_start, stand_in.frame_end = start, end
    for member in members:
        stand_in.collection.objects.link(member)
    return stand_in


def _show(members: list[bpy.types.Object], undo: ExitStack) -> None:
    for member in members:
        for name in ("hide_viewport", "hide_render", "hide_select"):
            if getattr(member, name):
                setattr(member, name, False)
                undo.callback(setattr, member, name, True)


def _enter(window: bpy.types.Window, stand_in: bpy.types.Scene, undo: ExitStack) -> None:
    scene, layer = window.scene, window.view_layer

    def leave() -> None:
        window.scene = scene
        window.view_layer = layer

    undo.callback(leave)
    window.scene = stand_in
    undo.enter_context(bpy.context.temp_override(window=window, scene=stand_in, view_layer=stand_in.view_layers[0]))
    for member in stand_in.objects:
        member.select_set(True)
