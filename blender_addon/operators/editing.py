"""Edit an animation's motion in its own shape keys: loop, smooth, lock feet, and root motion in both directions."""
# mypy: disable-error-code="valid-type"
# ruff: noqa: F722, F821

import math
from collections.abc import Generator

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty

from ..menus import ROOT_TURNS, SMOOTHINGS
from ..motion.curve_picture import draw_course
from ..motion.footing import Footing, Limits
from ..motion.root import Turn
from ..motion.smoothing import Filter
from ..scene import motion_edits, root_motion
from ..scene.motion_edits import Looped
from ..session import thumbnail
from ..wording import in_rows
from .shared import OfAnimated, requires
from .sliced import Sliced

Told = Generator[None, None, str]


class MotionEdit(OfAnimated, Sliced):
    """An operator that changes the poses of the active mesh's animation in place."""

    bl_options = {"REGISTER", "UNDO"}

    def draw(self, _context: bpy.types.Context) -> None:
        layout = in_rows(self.layout)  # type: ignore[attr-defined]
        for name in type(self).__annotations__:
            if not self.rna_type.properties[name].is_hidden:  # type: ignore[attr-defined]
                row = layout.row()
                row.active = self.is_used(name)
                row.prop(self, name)

    def is_used(self, name: str) -> bool:
        """Return whether an option matters with the others as they are."""
        return True


class ACTIONMESH_OT_make_loop(MotionEdit, bpy.types.Operator):
    """Find the two most alike poses, cut the animation there, bend its end to meet its start, and repeat it"""

    bl_idname = "actionmesh.make_loop"
    bl_label = "Make Loop"

    shortest: IntProperty(
        name="Shortest",
        description="Poses that the loop has at least. 0 is a third of the animation. "
        "If the motion repeats, whole cycles are preferred",
        min=0,
        soft_max=100,
        default=0,
    )
    blend: IntProperty(
        name="Blend",
        description="Poses at the end that are bent to meet the start in place and velocity. 0 only cuts",
        min=0,
        soft_max=24,
        default=8,
    )

    def slices(self, context: bpy.types.Context) -> Told:
        made = yield from motion_edits.make_loop(context.active_object, self.shortest, self.blend)
        return told_of_loop(made)


def told_of_loop(made: Looped) -> str:
    """Return what was looped in one sentence."""
    frames = f"Seam at frames {made.first:.4g} to {made.last:.4g}"
    residual = f"residual {100 * made.before:.2g}% -> {100 * made.after:.2g}% of the motion"
    period = made.seam.period
    rounds = max(1, round((made.seam.end - made.seam.start) / period)) if period else 0
    cycles = f", {rounds} whole cycle{'s' if rounds > 1 else ''}" if rounds else ""
    return f"{frames}{cycles}, {residual}"


class ACTIONMESH_OT_smooth_motion(MotionEdit, bpy.types.Operator):
    """Calm the path of every vertex. The more neighbours a pose has, the calmer the motion"""

    bl_idname = "actionmesh.smooth_motion"
    bl_label = "Smooth Motion"

    kind: EnumProperty(name="Filter", description="Which curve each vertex follows", items=SMOOTHINGS)
    reach: IntProperty(
        name="Neighbours",
        description="Poses on each side that count. More are calmer, but fast motion becomes smaller",
        min=2,
        soft_max=12,
        default=3,
    )
    strength: FloatProperty(
        name="Strength",
        description="0 changes nothing, 1 follows the filter's curve",
        min=0.0,
        max=1.0,
        default=1.0,
        subtype="FACTOR",
    )
    curve: IntProperty(options={"HIDDEN", "SKIP_SAVE"})

    def draw(self, context: bpy.types.Context) -> None:
        super().draw(context)
        if self.curve:
            self.layout.template_icon(self.curve, scale=6.0)

    def slices(self, context: bpy.types.Context) -> Told:
        made = yield from motion_edits.smooth_motion(
            context.active_object, Filter(self.kind), self.reach, self.strength
        )
        self.curve = thumbnail.drawn("curve", draw_course(made.course))
        return f"Jitter {made.before:.2g} -> {made.after:.2g} of the motion"


class ACTIONMESH_OT_lock_feet(MotionEdit, bpy.types.Operator):
    """Find feet that stand, and move the body so that they do not slide, float or sink. No leg is stretched"""

    bl_idname = "actionmesh.lock_feet"
    bl_label = "Lock Feet"

    along: BoolProperty(name="Stop Slide", description="Move the body along the ground with its feet", default=True)
    calm: IntProperty(
        name="Calm",
        description="Poses on each side over which moves along the ground are smoothed. At 0 feet stand exactly, "
        "but the body trembles as they did",
        min=0,
        soft_max=6,
        default=1,
    )
    upward: BoolProperty(
        name="Keep on Ground",
        description="Move the body up and down, so that nothing is below the ground",
        default=True,
    )
    low: FloatProperty(
        name="Low",
        description="A foot stands up to this height above the ground, in percent of the subject's height",
        min=0.1,
        max=50.0,
        default=4.0,
        subtype="PERCENTAGE",
    )
    slow: FloatProperty(
        name="Fastest Slide",
        description="A foot stands up to this speed, in heights of the subject per second. "
        "For a walk on the spot, use about 1",
        min=0.01,
        soft_max=3.0,
        default=0.4,
    )
    find_ground: BoolProperty(
        name="Find Ground", description="Estimate the ground's height from the lowest vertices", default=True
    )
    ground: FloatProperty(
        name="Ground", description="Height of the ground in the world", subtype="DISTANCE", default=0.0
    )

    def is_used(self, name: str) -> bool:
        return self.along if name == "calm" else name != "ground" or not self.find_ground

    def slices(self, context: bpy.types.Context) -> Told:
        context.view_layer.update()
        found = yield from motion_edits.lock_feet(
            context.active_object,
            Limits(self.low / 100, self.slow),
            None if self.find_ground else self.ground,
            self.along,
            self.upward,
            self.calm,
        )
        return told_of_feet(found)


def told_of_feet(found: Footing) -> str:
    """Return how feet were locked in one sentence, with lengths in percent of the subject's height."""
    slid, slides, sank, sinks = (
        100 * way / found.height for way in (found.slid, found.slides, found.sank, found.sinks)
    )
    stands = f"Feet stand in {100 * found.planted:.0f}% of the poses"
    return f"{stands}: slide {slid:.2g}% -> {slides:.2g}% of the height per pose, depth {sank:.2g}% -> {sinks:.2g}%"


class ACTIONMESH_OT_extract_root_motion(MotionEdit, bpy.types.Operator):
    """Move the motion as a whole to the object's location and rotation. The shape keys keep the motion in place"""

    bl_idname = "actionmesh.extract_root_motion"
    bl_label = "Extract Root Motion"

    turn: EnumProperty(
        name="Rotation", description="Which rotation the object takes over", items=ROOT_TURNS, default="UP"
    )
    upward: BoolProperty(
        name="Up and Down",
        description="The object also takes over moves up and down. Turn off to keep the bobbing in the shape keys",
        default=False,
    )

    def is_used(self, name: str) -> bool:
        return name != "upward" or self.turn != "FULL"

    def slices(self, context: bpy.types.Context) -> Told:
        context.view_layer.update()
        found = yield from root_motion.extract_root_motion(context.active_object, Turn(self.turn), self.upward)
        return f"Root motion: {found.length:.3g} units and {math.degrees(found.angle):.0f} degrees from start to end"


class ACTIONMESH_OT_apply_root_motion(OfAnimated, Sliced, bpy.types.Operator):
    """Move the object's animated location and rotation into the shape keys, and the object back to its place"""

    bl_idname = "actionmesh.apply_root_motion"
    bl_label = "Apply Root Motion"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        there = "Select a mesh that moves as an object; Extract Root Motion makes one"
        return super().poll(context) and requires(cls, root_motion.moves_itself(context.active_object), there)

    def slices(self, context: bpy.types.Context) -> Told:
        target = context.active_object
        yield from root_motion.apply_root_motion(target)
        return f"{target.name} stays in place; its shape keys hold the whole motion"


CLASSES = (
    ACTIONMESH_OT_make_loop,
    ACTIONMESH_OT_smooth_motion,
    ACTIONMESH_OT_lock_feet,
    ACTIONMESH_OT_extract_root_motion,
    ACTIONMESH_OT_apply_root_motion,
)
