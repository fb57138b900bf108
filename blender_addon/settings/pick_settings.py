"""What an artist pointed at in a clip, as the scene keeps it."""
# mypy: disable-error-code="valid-type"
# ruff: noqa: F722, F821

import bpy
from bpy.props import EnumProperty, FloatProperty, IntProperty

from .. import menus
from ..process.backend_locator import protocol
from ..session.clip_picks import MOST_SUBJECTS, REFERENCE

_PIXEL = protocol.limits(protocol.Spot)["x"]
_FRAME = protocol.limits(protocol.Spot)["frame"]
assert isinstance(_PIXEL, protocol.Number) and isinstance(_FRAME, protocol.Whole)
_BOUNDS = {"min": _PIXEL.least, "max": _PIXEL.most}


class PickSettings(bpy.types.PropertyGroup):
    """An item of `scene.actionmesh.picks`, in pixels of the clip's own frames from their top left corner."""

    kind: EnumProperty(name="Kind", description="What was pointed at", items=menus.PICKS)
    x: FloatProperty(name="X", description="Column of the point, or left side of the box", **_BOUNDS)
    y: FloatProperty(name="Y", description="Row of the point, or top of the box", **_BOUNDS)
    right: FloatProperty(name="Right", description="Right side of the box", **_BOUNDS)
    bottom: FloatProperty(name="Bottom", description="Bottom of the box", **_BOUNDS)
    subject: IntProperty(
        name="Subject",
        description="Which subject of the clip, counted from 0",
        min=0,
        max=MOST_SUBJECTS - 1,
    )
    frame: IntProperty(
        name="Frame",
        description="Frame of the clip, counted from 0. -1 is the reference frame",
        min=REFERENCE,
        max=_FRAME.most,
        default=REFERENCE,
    )
