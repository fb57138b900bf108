"""The settings of a scene: what to animate, and how."""
# mypy: disable-error-code="valid-type"
# ruff: noqa: F722, F821

from collections.abc import Iterator
from typing import Any

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    IntVectorProperty,
    PointerProperty,
    StringProperty,
)

from .. import menus
from ..errors import ArtistError
from ..process.backend_locator import protocol
from ..session import machine_facts, panel_state
from ..session.clip_picks import MOST_SUBJECTS
from ..session.notices import Problem
from ..workflow import chosen_clip, subject
from ..workflow.bake_options import BakeOptions
from .pick_settings import PickSettings

LARGEST = 2**31 - 1
"""The largest number that Blender keeps."""


def _within(name: str, record: type = protocol.Animate, **own: float) -> dict[str, Any]:
    """Return the smallest and the largest number of a job's field, as arguments of a property; `own` replaces them."""
    limit = protocol.limits(record)[name]
    assert isinstance(limit, protocol.Whole | protocol.Number)
    return {"min": limit.least, "max": min(limit.most, LARGEST)} | own


def _is_other_object(_settings: bpy.types.PropertyGroup, candidate: bpy.types.Object) -> bool:
    return candidate.type in {"MESH", "ARMATURE", "EMPTY", "CURVE", "SURFACE", "META", "FONT", "CURVES"}


def _known_checkpoints(_settings: bpy.types.PropertyGroup, _context: bpy.types.Context, text: str) -> Iterator[str]:
    return (name for name in machine_facts.checkpoint_names() if text.lower() in name.lower())


def _look_at_clip(settings: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    """Look at a clip as soon as it is chosen, so that a bad outline shows early; not in a script without a window."""
    asked_for = settings.id_data == context.scene and chosen_clip.is_file(settings) and chosen_clip.has_source(settings)
    if bpy.app.background or not asked_for:
        return
    panel_state.show(None)
    try:
        subject.look(context.scene)
    except ArtistError as error:
        panel_state.show(Problem.of(error))


def _forget_problem(_settings: bpy.types.PropertyGroup, _context: bpy.types.Context) -> None:
    panel_state.show(None)


class BakeSettings(BakeOptions, bpy.types.PropertyGroup):
    """`scene.actionmesh.bake`"""


class SceneSettings(bpy.types.PropertyGroup):
    """`scene.actionmesh`"""

    picks: CollectionProperty(type=PickSettings, description="What was pointed at in the clip, see Pick Subject")
    picked_clip: StringProperty(options={"HIDDEN"})
    """The clip that the picks belong to, as it was chosen; they have no effect on another."""
    active_subject: IntProperty(
        name="Active Subject",
        description="Which of the picked clip's subjects Pick Subject and the strip are about, counted from 0",
        min=0,
        max=MOST_SUBJECTS - 1,
    )
    bake: PointerProperty(type=BakeSettings, description="How to bake an animation")
    file_id: StringProperty(options={"HIDDEN"}, description="Identifies the jobs of this file")

    prompt: StringProperty(
        name="Text",
        description="What the subject is and does, such as: a fox jumps. The clip has a plain background and a still "
        "camera, which need not be said",
        maxlen=2000,
        update=_forget_problem,
    )
    clip_picture: StringProperty(
        name="Picture",
        description="A picture of the subject on a plain or transparent background, with which the clip begins. "
        "Leave empty to begin with a render of the selected mesh, or with nothing for a new object",
        subtype="FILE_PATH",
    )
    video_model: EnumProperty(name="Video Model", description="Which model makes the clip", items=menus.VIDEO_MODELS)
    masks: StringProperty(
        name="Masks",
        description="Folder or video of black-and-white pictures, one per frame, white where the subject is. "
        "Use masks if the thumbnail shows a bad outline. Leave empty to find the subject automatically",
        subtype="FILE_PATH",
    )
    batch_folder: StringProperty(
        name="Clips",
        description="Folder of the clips for Animate with Every Clip: videos, or a folder of pictures for each clip",
        subtype="DIR_PATH",
    )
    image_rate: FloatProperty(
        name="Frame Rate",
        description="Pictures per second. Sets how fast the result moves",
        soft_max=120.0,
        default=24.0,
        **_within("fps", min=0.1),
    )
    source_facing: EnumProperty(
        name="Seen From",
        description="The world axis that the animated object faces. It is rendered from this side",
        items=menus.FACINGS,
    )

    fit_clip: BoolProperty(
        name="Fit Whole Clip",
        description="Spread the frames evenly over the whole clip, or over the motion of the animated object. "
        "Fast motion between the frames may be lost. Turn off to choose the frames yourself",
        default=True,
    )
    frame_start: IntProperty(
        name="First Frame",
        description="Same as First Frame in the panel, but counted from 0 as in files and scripts",
        **_within("start", protocol.FrameChoice),
    )
    scene_start: IntProperty(name="First Frame", description="Scene frame at which the motion begins", default=1)
    frame_count: IntProperty(
        name="Frames",
        description="Number of poses in the result. More poses capture faster motion but need more time and memory",
        soft_max=120,
        default=16,
        **_within("count", protocol.FrameChoice),
    )
    frame_step: IntProperty(
        name="Step",
        description="Use every n-th frame. A larger step covers more of the clip with the same number of poses",
        soft_max=16,
        default=1,
        **_within("step", protocol.FrameChoice),
    )
    anchor: IntProperty(
        name="Reference",
        description="Same as Reference in the panel, but counted from 0 as in files and scripts",
        **_within("anchor", min=0),
    )
    previewed: IntVectorProperty(size=2, options={"HIDDEN"})
    """The preview range set for a result. Any other preview range is the artist's own."""

    preset: EnumProperty(
        name="Preset", description="Trade-off between speed and quality of the motion", items=menus.PRESETS
    )
    seed: IntProperty(
        name="Seed",
        description="Each seed gives a different take of the same clip. The same seed gives the same result",
        **_within("seed"),
    )
    memory: EnumProperty(
        name="Memory",
        description="Graphics memory that the job may use. Choose less than you have if other programs need some",
        items=menus.MEMORY,
    )
    image_steps: IntProperty(
        name="Shape Steps",
        description="Sampling steps for the shape of a new object. More steps take longer and may give a cleaner "
        "shape. 0 uses the preset's value",
        soft_max=200,
        **_within("image_steps", min=0),
    )
    max_faces: IntProperty(
        name="Most Faces",
        description="Maximum number of triangles in a new object. Fewer give a smaller file, more keep small details. "
        "0 uses the preset's value",
        soft_max=200_000,
        step=1000,
        **_within("max_faces", min=0),
    )
    smallest_part: FloatProperty(
        name="Smallest Part",
        description="Remove loose parts of a new object that have fewer faces than this share of the largest part. "
        "0 keeps every part. The preset decides unless you change this",
        subtype="PERCENTAGE",
        min=0.0,
        max=100.0,
        default=2.0,
        precision=1,
    )
    in_betweens: IntProperty(
        name="In-Betweens",
        description="Extra poses between every two frames. They smooth the motion and add shape keys",
        soft_max=7,
        **_within("in_betweens"),
    )

    start_at: EnumProperty(
        name="Start",
        description="Where the animation starts in the timeline. The scene's frame range grows if needed",
        items=menus.STARTS,
    )
    mode: EnumProperty(name="Shape Keys", description="How to store the poses", items=menus.MODES)
    match: EnumProperty(
        name="Match",
        description="How to match the motion of your own mesh to the clip, frame by frame",
        items=menus.MATCHES,
    )
    bend: BoolProperty(
        name="Bend into the Clip",
        description="If your mesh stands as no frame shows it, bend it into the reference frame before it is animated. "
        "Its own pose stays the basis. What the frame hides, above all depth, is a guess",
    )
    colours: BoolProperty(
        name="Colours from the Clip",
        description="Paint your own mesh with the colours seen in the clip, using an added material and UV map. "
        "Its own materials and UV maps stay; switch back to them under Result",
    )
    shape: EnumProperty(name="Shape", description="How to make the shape of a new object", items=menus.SHAPES)
    reference_pose: EnumProperty(
        name="Reference Pose",
        description="Whether your mesh keeps its modelled shape at the reference frame, and what that does to the "
        "other poses",
        items=menus.REFERENCE_POSES,
    )
    size: FloatProperty(
        name="Size",
        description="Length of the longest side of a new object at the reference frame",
        min=0.0001,
        soft_max=100.0,
        default=2.0,
        unit="LENGTH",
    )
    smooth: BoolProperty(name="Shade Smooth", description="Shade new objects smooth instead of flat", default=True)


WITH_CALLBACKS = {
    "source": EnumProperty(
        name="Source", description="Where the motion comes from", items=menus.SOURCES, update=_look_at_clip
    ),
    "clip": StringProperty(
        name="Clip",
        description="Video that the mesh takes its motion from. It should show one subject, fully visible in every "
        "frame, on a plain background or cut out",
        update=_look_at_clip,
    ),
    "images": StringProperty(
        name="Folder",
        description="Folder of pictures, used in order of file name. Their alpha, if any, is the subject's outline",
        subtype="DIR_PATH",
        update=_look_at_clip,
    ),
    "source_object": PointerProperty(
        name="Object",
        description="Object whose animation drives the result. It is rendered from its front with all its children",
        type=bpy.types.Object,
        poll=_is_other_object,
    ),
    "first_frame": IntProperty(
        name="First Frame",
        description="Clip frame at which the motion begins. 1 is the first frame of the clip",
        min=1,
        get=lambda self: self.frame_start + 1,
        set=lambda self, value: setattr(self, "frame_start", value - 1),
        options=set(),
    ),
    "reference_frame": IntProperty(
        name="Reference",
        description="Which of the chosen frames shows the mesh's rest pose. 1 is the first of them. "
        "Choose a frame that shows all limbs or, for your own mesh, the frame that looks most like it",
        min=1,
        get=lambda self: self.anchor + 1,
        set=lambda self, value: setattr(self, "anchor", value - 1),
        options=set(),
    ),
    "checkpoint": StringProperty(
        name="Checkpoint",
        description="Weights to use, by name or folder. Leave empty to use the small bundled weights",
        search=_known_checkpoints,
    ),
}
"""See `attachment`."""
