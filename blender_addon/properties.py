"""What an artist sets: for the scene (what to animate, and how), and for an object (where its front is, how it plays)."""
# mypy: disable-error-code="valid-type"
# ruff: noqa: F722, F821

from collections.abc import Iterator

import bpy
from bpy.props import (
    BoolProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    IntVectorProperty,
    PointerProperty,
    StringProperty,
)

from . import animated, machine, shown, submission, viewport
from .bake_options import BakeOptions
from .errors import ArtistError
from .menus import (
    FACINGS,
    LOOPS,
    MATCHES,
    MEMORY,
    MODES,
    PRESETS,
    REFERENCE_POSES,
    SEEN_FACINGS,
    SHAPES,
    SOURCES,
    STARTS,
)
from .problems import Problem
from .scene.coat_switch import is_shown, show


def _is_other_object(_settings: bpy.types.PropertyGroup, candidate: bpy.types.Object) -> bool:
    return candidate.type in {"MESH", "ARMATURE", "EMPTY", "CURVE", "SURFACE", "META", "FONT", "CURVES"}


def _known_checkpoints(_settings: bpy.types.PropertyGroup, _context: bpy.types.Context, text: str) -> Iterator[str]:
    return (name for name in machine.checkpoint_names() if text.lower() in name.lower())


def _look_at_clip(settings: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    """A clip is looked at as soon as it is chosen, so that a bad outline is seen early; not in a script without a window."""
    asked_for = settings.id_data == context.scene and settings.source != "OBJECT" and submission.has_source(settings)
    if bpy.app.background or not asked_for:
        return
    shown.show(None)
    try:
        submission.look(context)
    except ArtistError as error:
        shown.show(Problem.of(error))


class BakeSettings(BakeOptions, bpy.types.PropertyGroup):
    """`scene.actionmesh.bake`"""


class SceneSettings(bpy.types.PropertyGroup):
    """`scene.actionmesh`"""

    bake: PointerProperty(type=BakeSettings, description="How an animation is baked")
    file_id: StringProperty(options={"HIDDEN"}, description="Tells the jobs of this file from those of others")

    masks: StringProperty(
        name="Masks",
        description="Folder or video of black-and-white pictures, one a frame, white where the subject is. "
        "Use it when the thumbnail shows a bad outline. Empty finds the subject by itself",
        subtype="FILE_PATH",
    )
    image_rate: FloatProperty(
        name="Frame Rate",
        description="Pictures a second: how fast they follow each other, which decides how fast the result moves",
        min=0.1,
        soft_max=120.0,
        default=24.0,
    )
    source_facing: EnumProperty(
        name="Seen From",
        description="The side of the animated object from which it is rendered: the world axis that it faces",
        items=FACINGS,
    )

    fit_clip: BoolProperty(
        name="Fit Whole Clip",
        description="Spread the frames evenly over the whole clip, or over the motion of the animated object. "
        "Fast motion may be missed between them. Off uses the frames that you name",
        default=True,
    )
    frame_start: IntProperty(
        name="First Frame",
        description="As the panel's First Frame, but counted from 0, as files and scripts keep it",
        min=0,
    )
    scene_start: IntProperty(
        name="First Frame", description="Frame of the scene with which the motion begins", default=1
    )
    frame_count: IntProperty(
        name="Frames",
        description="How many poses the result has. More catch faster motion and take longer and more memory",
        min=2,
        soft_max=120,
        default=16,
    )
    frame_step: IntProperty(
        name="Step",
        description="Use every n-th frame: covers more of the clip with the same number of poses",
        min=1,
        soft_max=16,
        default=1,
    )
    anchor: IntProperty(
        name="Reference",
        description="As the panel's Reference, but counted from 0, as files and scripts keep it",
        min=0,
    )
    previewed: IntVectorProperty(size=2, options={"HIDDEN"})
    """The preview range that was set for a result; another one is the artist's."""

    preset: EnumProperty(name="Preset", description="How much work goes into the motion", items=PRESETS)
    seed: IntProperty(
        name="Seed",
        description="Every seed gives another take of the same clip; the same seed gives the same result again",
        min=0,
    )
    memory: EnumProperty(
        name="Memory",
        description="The graphics memory that the job is fitted to. Choose less than you have if other programs need it too",
        items=MEMORY,
    )
    image_steps: IntProperty(
        name="Shape Steps",
        description="Steps in which the shape of a new object is made from the reference frame. More take longer and may give "
        "a cleaner shape. 0 takes as many as the preset does",
        min=0,
        soft_max=200,
    )
    max_faces: IntProperty(
        name="Most Faces",
        description="Triangles that a new object has at most. Fewer make a lighter file, more keep small details. "
        "0 takes as many as the preset does",
        min=0,
        soft_max=200_000,
        step=1000,
    )
    smallest_part: FloatProperty(
        name="Smallest Part",
        description="Loose parts of a new object are dropped if they have fewer faces than this share of the largest part. "
        "0 keeps every part. Left alone, the preset decides",
        subtype="PERCENTAGE",
        min=0.0,
        max=100.0,
        default=2.0,
        precision=1,
    )
    in_betweens: IntProperty(
        name="In-Betweens",
        description="Poses made between every two frames: smoother than straight lines from pose to pose, and more shape keys",
        min=0,
        soft_max=7,
    )

    start_at: EnumProperty(
        name="Start",
        description="Where the animation goes in the timeline. The scene's range is extended where needed",
        items=STARTS,
    )
    mode: EnumProperty(name="Shape Keys", description="How the poses are stored", items=MODES)
    match: EnumProperty(
        name="Match",
        description="How the motion of your own mesh is brought onto the clip, so that it lies on it frame by frame",
        items=MATCHES,
    )
    colours: BoolProperty(
        name="Colours from the Clip",
        description="Paint your own mesh with what the clip shows of it, in a material and a UV map that are added. Its own "
        "materials and UV maps stay, and one click under Result goes back to them",
    )
    shape: EnumProperty(name="Shape", description="Where the shape of a new object comes from", items=SHAPES)
    reference_pose: EnumProperty(
        name="Reference Pose",
        description="How exactly your mesh stands at the reference frame as you modelled it, and what that does to the other poses",
        items=REFERENCE_POSES,
    )
    size: FloatProperty(
        name="Size",
        description="Longest side of a new object at the reference frame",
        min=0.0001,
        soft_max=100.0,
        default=2.0,
        unit="LENGTH",
    )
    smooth: BoolProperty(name="Shade Smooth", description="New objects look rounded instead of faceted", default=True)


class ObjectSettings(bpy.types.PropertyGroup):
    """`object.actionmesh`. Strength, speed and loop are read from and written to what the mesh's keys say of themselves."""


class WindowSettings(bpy.types.PropertyGroup):
    """`window_manager.actionmesh`: how the panels look; nothing here reaches a result."""

    all_files: BoolProperty(name="All Files", description="List the jobs of every file instead of this file's alone")


WITH_CALLBACKS = (
    (
        SceneSettings,
        "source",
        EnumProperty(name="Source", description="Where the motion comes from", items=SOURCES, update=_look_at_clip),
    ),
    (
        SceneSettings,
        "clip",
        StringProperty(
            name="Clip",
            description="Video of one subject, seen whole in every frame, in front of a plain background or cut out. "
            "Its motion becomes the mesh's",
            update=_look_at_clip,
        ),
    ),
    (
        SceneSettings,
        "images",
        StringProperty(
            name="Folder",
            description="Folder of pictures, used in the order of their names. Their alpha, if any, is the subject's outline",
            subtype="DIR_PATH",
            update=_look_at_clip,
        ),
    ),
    (
        SceneSettings,
        "source_object",
        PointerProperty(
            name="Object",
            description="Its animation, with everything parented to it, is rendered from its front and drives the result",
            type=bpy.types.Object,
            poll=_is_other_object,
        ),
    ),
    (
        SceneSettings,
        "first_frame",
        IntProperty(
            name="First Frame",
            description="Frame of the clip at which the motion begins; 1 is the clip's first",
            min=1,
            get=lambda self: self.frame_start + 1,
            set=lambda self, value: setattr(self, "frame_start", value - 1),
            options=set(),
        ),
    ),
    (
        SceneSettings,
        "reference_frame",
        IntProperty(
            name="Reference",
            description="Which of the chosen frames shows the mesh's rest pose; 1 is the first of them. "
            "A frame with all limbs visible gives the best shape; for your own mesh, take the one most like it",
            min=1,
            get=lambda self: self.anchor + 1,
            set=lambda self, value: setattr(self, "anchor", value - 1),
            options=set(),
        ),
    ),
    (
        SceneSettings,
        "checkpoint",
        StringProperty(
            name="Checkpoint",
            description="Which weights to use, by name or folder. Empty takes the small bundled ones",
            search=_known_checkpoints,
        ),
    ),
    (
        ObjectSettings,
        "facing",
        EnumProperty(
            name="Facing",
            description="The side of your mesh that the camera sees in the reference frame, as a local axis. "
            "Wrong, the motion goes sideways; the arrow shows it",
            items=SEEN_FACINGS,
            default="AUTO",
            update=lambda _self, _context: viewport.redraw_scenes(),
        ),
    ),
    (
        ObjectSettings,
        "strength",
        FloatProperty(
            name="Strength",
            description="0 stands still, 1 moves as the clip does, more exaggerates",
            min=0.0,
            max=2.0,
            get=lambda self: animated.playback_of(self.id_data).strength,
            set=lambda self, value: animated.change(self.id_data, strength=value),
            options=set(),
        ),
    ),
    (
        ObjectSettings,
        "speed",
        FloatProperty(
            name="Speed",
            description="2 plays in half the time, 0.5 in twice the time. The first frame stays where it is",
            min=0.01,
            soft_max=10.0,
            get=lambda self: animated.playback_of(self.id_data).speed,
            set=lambda self, value: animated.change(self.id_data, speed=value),
            options=set(),
        ),
    ),
    (
        ObjectSettings,
        "loop",
        EnumProperty(
            name="Repeat",
            description="What happens after the last pose",
            items=LOOPS,
            get=lambda self: [loop[0] for loop in LOOPS].index(animated.playback_of(self.id_data).loop),
            set=lambda self, value: animated.change(self.id_data, loop=LOOPS[value][0]),
            options=set(),
        ),
    ),
    (
        ObjectSettings,
        "clip_colours",
        BoolProperty(
            name="Colours from the Clip",
            description="Show what the clip painted. Off, every face has the material again that it had before",
            get=lambda self: is_shown(self.id_data),
            set=lambda self, value: show(self.id_data, value),
            options=set(),
        ),
    ),
    (
        WindowSettings,
        "show_facing",
        BoolProperty(
            name="Show Facing",
            description="Draw an arrow in the viewport along the axis that the active mesh faces, or that was found for it",
            update=lambda _self, _context: viewport.redraw_scenes(),
        ),
    ),
)
"""Attached after their classes and detached before them: left in a class, they crash the bpy module of 4.2 when it ends."""

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
