"""Attach the settings to the scenes, objects and windows that own them, as `actionmesh`, and detach them."""

import bpy
from bpy.props import PointerProperty

from . import object_settings, scene_settings, window_settings
from .object_settings import ObjectSettings
from .pick_settings import PickSettings
from .scene_settings import BakeSettings, SceneSettings
from .window_settings import WindowSettings

CLASSES = (BakeSettings, PickSettings, SceneSettings, ObjectSettings, WindowSettings)
OWNERS = {bpy.types.Scene: SceneSettings, bpy.types.Object: ObjectSettings, bpy.types.WindowManager: WindowSettings}
WITH_CALLBACKS = (
    (SceneSettings, scene_settings.WITH_CALLBACKS),
    (ObjectSettings, object_settings.WITH_CALLBACKS),
    (WindowSettings, window_settings.WITH_CALLBACKS),
)
"""Attached after their classes and detached before them: left in a class, they crash the bpy module of 4.2 on exit."""


def attach() -> None:
    for group, definitions in WITH_CALLBACKS:
        for name, definition in definitions.items():
            setattr(group, name, definition)
    for owner, settings in OWNERS.items():
        owner.actionmesh = PointerProperty(type=settings)


def detach() -> None:
    for owner in OWNERS:
        if hasattr(owner, "actionmesh"):
            del owner.actionmesh
    for group, definitions in WITH_CALLBACKS:
        for name in definitions:
            if hasattr(group, name):
                delattr(group, name)
