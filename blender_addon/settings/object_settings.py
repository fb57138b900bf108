"""The settings of an object: its front, which subject it follows, how its animation plays, which colours it shows."""

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty

from ..menus import LOOPS, SEEN_FACINGS
from ..scene.coat_switch import is_shown, show
from ..session import windows
from ..session.clip_picks import MOST_SUBJECTS
from ..workflow import animated_object

SUBJECTS = (
    ("ACTIVE", "Active", "The subject that is active in the panel when the job is queued", "NONE", 0),
    *(
        (str(number), str(number), f"Subject {number} of the clip", "NONE", number)
        for number in range(1, MOST_SUBJECTS + 1)
    ),
)


class ObjectSettings(bpy.types.PropertyGroup):
    """`object.actionmesh`. Strength, speed and loop are kept in the record on the mesh's shape keys."""


WITH_CALLBACKS = {
    "facing": EnumProperty(
        name="Facing",
        description="Side of your mesh that the camera sees in the reference frame, as a local axis. "
        "If it is wrong, the motion goes sideways. The arrow in the viewport shows it",
        items=SEEN_FACINGS,
        default="AUTO",
        update=lambda _self, _context: windows.redraw_scenes(),
    ),
    "subject": EnumProperty(
        name="Subject", description="Which subject of the clip this mesh follows, if it has several", items=SUBJECTS
    ),
    "strength": FloatProperty(
        name="Strength",
        description="0 stands still, 1 moves as in the clip, more than 1 exaggerates the motion",
        min=0.0,
        max=2.0,
        get=lambda self: animated_object.playback_of(self.id_data).strength,
        set=lambda self, value: animated_object.change(self.id_data, strength=value),
        options=set(),
    ),
    "speed": FloatProperty(
        name="Speed",
        description="2 plays twice as fast, 0.5 half as fast. The first frame stays where it is",
        min=0.01,
        soft_max=10.0,
        get=lambda self: animated_object.playback_of(self.id_data).speed,
        set=lambda self, value: animated_object.change(self.id_data, speed=value),
        options=set(),
    ),
    "loop": EnumProperty(
        name="Repeat",
        description="What happens after the last pose",
        items=LOOPS,
        get=lambda self: [loop[0] for loop in LOOPS].index(animated_object.playback_of(self.id_data).loop),
        set=lambda self, value: animated_object.change(self.id_data, loop=LOOPS[value][0]),
        options=set(),
    ),
    "clip_colours": BoolProperty(
        name="Colours from the Clip",
        description="Show the colours from the clip. Turn off to show the materials that the mesh had before",
        get=lambda self: is_shown(self.id_data),
        set=lambda self, value: show(self.id_data, value),
        options=set(),
    ),
}
"""See `attachment`."""
