"""Jobs on a clip or a result: the one definition of their fields, defaults and limits, for all who ask for one.

The command line's options are made from it (`job_arguments`), the worker reads it and refuses what makes no sense, and
tests hold the panel against it.
"""

from dataclasses import KW_ONLY, dataclass, field

from .choices import Facing, Match, Memory, PresetName, ReferencePose, Shape
from .limits import (
    MOST_FACES,
    MOST_FRAMES,
    MOST_GUIDANCE,
    MOST_STEPS,
    Checked,
    Fault,
    Name,
    Number,
    Several,
    Whole,
    Words,
    within,
)
from .picks import Picks
from .requests import Params

USUAL_BONES, MOST_BONES = 16, 128
FEWEST_FACES = 4
"""The fewest faces of a solid: a tetrahedron's."""
LEAST_ERROR, MOST_ERROR = 0.001, 10.0
"""Percent of a mesh's size that quantised poses may be off."""
MISFIT_ENDING = "_misfit.png"
"""After the stem of a result: the picture of a mesh that could not be bent into its clip."""
LONGEST_PROMPT = 2000
"""Characters; of a text with more tokens than a video model reads, the end is left out, and a note says so."""
POSES = "; an animation needs at least 2 frames"


@dataclass(frozen=True)
class FrameChoice(Checked):
    """Which frames of a clip are used.

    Args:
        start: first frame, counted from 0.
        count: how many frames; None takes all that are left.
        step: every step-th frame.
        spread: instead of `step`, this many frames spread evenly over the clip from `start` to its last frame (or over
            `count` frames of it).
    """

    start: int = field(default=0, metadata=within(Whole("first frame", 0, MOST_FRAMES, "; frames count from 0")))
    count: int | None = field(default=None, metadata=within(Whole("frame count", 2, MOST_FRAMES, POSES)))
    step: int = field(default=1, metadata=within(Whole("frame step", 1, MOST_FRAMES)))
    spread: int | None = field(default=None, metadata=within(Whole("frame spread", 2, MOST_FRAMES, POSES)))

    def fault(self) -> Fault | None:
        if found := super().fault():
            return found
        if self.spread is not None and self.step != 1:
            return Fault("Both a frame step and a spread were given.", "Use one of the two.")
        return None


@dataclass(frozen=True)
class KnownShape(Checked):
    """An additional frame whose shape is known: `frame` indexes the chosen frames, `mesh` is a mesh file."""

    frame: int = field(metadata=within(Whole("known frame", -MOST_FRAMES, MOST_FRAMES)))
    mesh: str = field(metadata=within(Name("known mesh")))


@dataclass(frozen=True, kw_only=True)
class Place(Params, Checked):
    """Where a job runs.

    Args:
        checkpoint: name or folder of the weights; None selects the default one.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        memory: the memory plan.
        names: for a job on copies of files, as on another computer: the files' own names, by the path of each copy.
            Results record these names.
    """

    checkpoint: str | None = None
    device: str = "auto"
    memory: Memory = Memory.AUTO
    names: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Source(Place):
    """The clip, and which of its frames a job sees.

    Args:
        clip: video file, image folder, or image pattern (`walk_*.png`, `walk_%04d.png`).
        mask: mask folder, pattern or video that goes with the clip's frames, frame by frame.
        anchor: the reference frame, an index into the chosen frames (negative counts from the end). None is the first
            one, or one that shows the artist's mesh as it stands if the first does not; for a relief it is the one that
            shows limbs best.
        fps: frames per second of an image sequence, or to override a video's own.
        picks: what was pointed at of the subject, if the clip has neither alpha nor masks.
        masks_from: folder in which an earlier job kept the subject's masks; they are used again if they are of the
            same clip, frames and picks, and else found anew.
    """

    clip: str = field(metadata=within(Name("clip")))
    _: KW_ONLY
    mask: str | None = field(default=None, metadata=within(Name("mask")))
    frames: FrameChoice = field(default_factory=FrameChoice)
    anchor: int | None = field(default=None, metadata=within(Whole("reference frame", -MOST_FRAMES, MOST_FRAMES)))
    fps: float | None = field(default=None, metadata=within(Number("frame rate", 0.001, 100_000.0)))
    picks: Picks = field(default_factory=Picks)
    masks_from: str | None = field(default=None, metadata=within(Name("folder of kept masks")))


@dataclass(frozen=True, kw_only=True)
class Matching(Place):
    """How an animation is matched to its clip.

    Args:
        match: AUTO takes the better way for an artist's mesh that stands as the reference frame shows it, and leaves
            others as they are.
        facing: the side of the artist's mesh that the camera sees in the reference frame; AUTO finds it.
        shape: where the mesh comes from if the artist gives none.
    """

    match: Match = Match.AUTO
    facing: Facing = Facing.AUTO
    shape: Shape = Shape.AUTO


@dataclass(frozen=True, kw_only=True)
class Saving(Params, Checked):
    """How results are saved.

    Args:
        quantise: store the poses of a .glb with fewer bits and only where they move, each vertex within this percentage
            of the mesh's size; None stores floats.
    """

    quantise: float | None = field(
        default=None,
        metadata=within(
            Number("error of quantised poses", LEAST_ERROR, MOST_ERROR, "percentage", " percent of the size")
        ),
    )


@dataclass(frozen=True)
class Animate(Source, Matching, Saving):
    """Make an animation.

    Args:
        out: files to write; the file name's ending selects the format, see `ResultFormat`.
        mesh: the artist's mesh; None makes the reference mesh from the anchor frame.
        known: additional frames with a known shape (masked generation with several sources).
        preset: a `PresetName`.
        seed: for all random numbers of the job.
        in_betweens: poses made between every two frames.
        steps, guidance: of Stage I, overriding the preset.
        image_steps: of Stage 0, overriding the preset. It and the next two have no effect if `mesh` is given.
        max_faces: of the mesh that Stage 0 makes, overriding the preset.
        smallest_part: parts of that mesh with fewer faces than this share of the largest part's are dropped, overriding
            the preset; 0 keeps all.
        bend: bend the artist's mesh into the reference frame, if it stands as no frame shows it.
        colours: paint the artist's mesh with what the clip shows of it, into its own UVs if they are usable. A mesh
            that is made here is always painted.
        reference_pose: where Stage II puts the mesh at the anchor frame; None: see `ReferencePose.by_default`.
    """

    METHOD = "animate"
    out: tuple[str, ...]
    _: KW_ONLY
    mesh: str | None = field(default=None, metadata=within(Name("mesh")))
    known: tuple[KnownShape, ...] = field(
        default=(), metadata=within(Several("additional frames with a known shape", 1000))
    )
    preset: str = field(default=PresetName.QUALITY, metadata=within(Name("preset")))
    seed: int = field(default=0, metadata=within(Whole("seed", 0, 2**63 - 1)))
    in_betweens: int = field(default=0, metadata=within(Whole("number of in-betweens", 0, 1000)))
    steps: int | None = field(default=None, metadata=within(Whole("number of steps", 1, MOST_STEPS)))
    guidance: float | None = field(default=None, metadata=within(Number("guidance", 0, MOST_GUIDANCE)))
    image_steps: int | None = field(default=None, metadata=within(Whole("number of Stage 0's steps", 1, MOST_STEPS)))
    max_faces: int | None = field(
        default=None,
        metadata=within(Whole("largest number of faces", FEWEST_FACES, MOST_FACES, ": no solid has fewer")),
    )
    smallest_part: float | None = field(
        default=None, metadata=within(Number("smallest part", 0, 1, "share", " of the largest", "; 0 keeps all"))
    )
    bend: bool = False
    colours: bool = False
    reference_pose: ReferencePose | None = None


@dataclass(frozen=True)
class Generate(Animate):
    """Make a clip of what a text says, then an animation from that clip, as `animate` does; answered like it.

    Args:
        clip: the .mp4 to write the clip to, before it is read like any other.
        prompt: what the subject is and does.
        picture: a picture of the subject, with which the clip begins. Without it, a clip for the artist's mesh begins
            with a render of that mesh from its `facing` side, AUTO being the front.
        video_model: a set of `weights.public.VIDEO_SETS`, or the folder of one; None takes the best that is there.
        clip_frames: about how many frames the clip has; None takes as many as the model was trained on.
        clip_steps, clip_guidance: of the video model, instead of its usual ones.
        clip_side: longer side of the clip in pixels, instead of the model's usual one.
    """

    METHOD = "generate"
    _: KW_ONLY
    prompt: str = field(metadata=within(Words("prompt", LONGEST_PROMPT)))
    picture: str | None = field(default=None, metadata=within(Name("picture")))
    video_model: str | None = field(default=None, metadata=within(Name("video model")))
    clip_frames: int | None = field(default=None, metadata=within(Whole("clip's frame count", 5, 1000)))
    clip_steps: int | None = field(default=None, metadata=within(Whole("number of the clip's steps", 1, 1000)))
    clip_guidance: float | None = field(default=None, metadata=within(Number("clip's guidance", 0, MOST_GUIDANCE)))
    clip_side: int | None = field(default=None, metadata=within(Whole("clip's longer side", 64, 4096, " pixels")))


@dataclass(frozen=True)
class Rematch(Matching, Saving):
    """Match a finished animation to its clip again, without the networks; answered like `animate`.

    Args:
        result: a .safetensors file that `animate` wrote.
        out: files to write; the file name's ending selects the format.
        clip: None takes the clip that the result names; frames, masks and rate always come from the result.
        mask: replaces the result's masks.
        checkpoint, device, memory: used for background removal.
    """

    METHOD = "match"
    result: str
    out: tuple[str, ...]
    _: KW_ONLY
    clip: str | None = None
    mask: str | None = None


@dataclass(frozen=True)
class Rig(Params, Checked):
    """Find bones that move the mesh of a finished animation as it moves.

    Args:
        result: a .safetensors file that `animate` wrote.
        out: files to write: .glb (a skinned and animated mesh) or .safetensors (the rig's arrays).
        bones: how many; with `error`, the most. None: USUAL_BONES, or with `error` MOST_BONES.
        error: instead of a number of bones: it grows until the error is at most this percentage of the mesh's size.
        names: see `Place`.
    """

    METHOD = "rig"
    result: str = field(metadata=within(Name("result")))
    out: tuple[str, ...]
    _: KW_ONLY
    bones: int | None = field(default=None, metadata=within(Whole("number of bones", 1, MOST_BONES)))
    error: float | None = field(
        default=None, metadata=within(Number("error", 0.001, 100, "percentage", " percent of the size"))
    )
    names: dict[str, str] = field(default_factory=dict)
