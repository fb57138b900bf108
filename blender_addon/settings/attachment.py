"""Attach the settings to the scenes, objects and windows that own them, as `actionmesh`, and detach them."""

import bpy
from bpy.props import PointerProperty

from . import object_settings, scene_settings, window_settings
from .object_settings import ObjectSettings
from .scene_settings import BakeSettings, SceneSettings
from .window_settings import WindowSettings

WITH_CALLBACKS = (
    *scene_settings.WITH_CALLBACKS,
    *object_settings.WITH_CALLBACKS,
    *window_settings.WITH_CALLBACKS,
)
"""Attached after their classes and detached before them: left in a class, they crash the bpy module of 4.2 on exit."""

CLASSES = (BakeSettings, SceneSettings, ObjectSettings, WindowSettings)
OWNERS = (
    (bpy.types.Scene, SceneSettings),
    (bpy.types.Object, ObjectSettings),
    (bpy.types.WindowManager, WindowSettings),
)


def attach() -> None:
    for group, name, definition in WITH_CALLBACKS:
        setattr(group, name, definition)
    for owner, group in OWNERS:
        owner.actionmesh = PointerProperty(type=group)


def detach() -> None:
    for owner, _group in OWNERS:
        if hasattr(owner, "actionmesh"):
            del owner.actionmesh
    for group, name, _definition in WITH_CALLBACKS:
        if hasattr(group, name):
            delattr(group, name)
