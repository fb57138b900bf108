"""The choices of an artist for a job, as plain data built by the command line, by the worker and by tests."""

from dataclasses import dataclass, field

from .bounds import (
    FRAME_RATES,
    MOST_BETWEEN,
    MOST_FACES,
    MOST_FRAMES,
    MOST_GUIDANCE,
    MOST_STEPS,
    require_number,
    require_text,
    require_whole,
    shown,
)
from .errors import InputError
from .frame_numbers import number_of
from .presets import is_share
from .protocol import Facing, Match, ReferencePose, Shape

MOST_KNOWN = 1000
FEWEST_FACES = 4
"""The fewest faces of a solid: a tetrahedron's."""


@dataclass(frozen=True)
class FrameChoice:
    """Which frames of a clip are used.

    Args:
        start: first frame, counted from 0.
        count: how many frames; None takes all that are left.
        step: every step-th frame.
        spread: instead of `step`, this many frames spread evenly over the clip from `start`
            to its last frame (or over `count` frames of it).
    Raises:
        InputError: a number is out of range, or step and spread are both given.
    """

    start: int = 0
    count: int | None = None
    step: int = 1
    spread: int | None = None

    def __post_init__(self) -> None:
        require_whole("first frame", self.start, 0, MOST_FRAMES, "; frames count from 0")
        require_whole("frame step", self.step, 1, MOST_FRAMES)
        for name, number in (("count", self.count), ("spread", self.spread)):
            if number is not None:
                require_whole(f"frame {name}", number, 2, MOST_FRAMES, "; an animation needs at least 2 frames")
        if self.spread is not None and self.step != 1:
            raise InputError("Both a frame step and a spread were given.", "Use one of the two.")


@dataclass(frozen=True)
class KnownShape:
    """An additional frame whose shape is known: `frame` indexes the chosen frames, `mesh` is a mesh file."""

    frame: int
    mesh: str


@dataclass(frozen=True)
class AnimateOptions:
    """One job.

    Args:
        clip: video file, image folder, or image pattern (`walk_*.png`, `walk_%04d.png`).
        mask: mask folder, pattern or video that goes with the clip's frames, frame by frame.
        mesh: the artist's mesh; None makes the reference mesh from the anchor frame.
        known: additional frames with a known shape (masked generation with several sources).
        frames: which frames of the clip.
        anchor: the reference frame, an index into the chosen frames (negative counts from the end). None is the first
            one; for a relief it is the one that shows limbs best.
        preset: a name in `presets.PRESETS`.
        seed: for all random numbers of the job.
        in_betweens: poses made between every two frames.
        steps, guidance: of Stage I, overriding the preset.
        image_steps: of Stage 0, overriding the preset. It and the next two have no effect if `mesh` is given.
        max_faces: of the mesh that Stage 0 makes, overriding the preset.
        smallest_part: parts of that mesh with fewer faces than this share of the largest part's are dropped, overriding
            the preset; 0 keeps all.
        match: how the animation is matched to the clip; AUTO takes the better way for an artist's mesh that stands as
            the reference frame shows it, and leaves others as they are.
        facing: the side of the artist's mesh that the camera sees in the reference frame; AUTO finds it.
        shape: where the mesh comes from if there is no `mesh`.
        colours: paint the artist's mesh with what the clip shows of it, into its own UVs if they are usable. A mesh
            that is made here is always painted.
        reference_pose: where Stage II puts the mesh at the anchor frame; None: see `ReferencePose.by_default`.
        fps: frames per second of an image sequence, or to override a video's own.
        memory: "auto" or the name of a memory plan, see `memory.plan`.
    Raises:
        InputError: a number is out of range.
    """

    clip: str
    mask: str | None = None
    mesh: str | None = None
    known: tuple[KnownShape, ...] = ()
    frames: FrameChoice = field(default_factory=FrameChoice)
    anchor: int | None = None
    preset: str = "quality"
    seed: int = 0
    in_betweens: int = 0
    steps: int | None = None
    guidance: float | None = None
    image_steps: int | None = None
    max_faces: int | None = None
    smallest_part: float | None = None
    match: Match = Match.AUTO
    facing: Facing = Facing.AUTO
    shape: Shape = Shape.AUTO
    colours: bool = False
    reference_pose: ReferencePose | None = None
    fps: float | None = None
    memory: str = "auto"

    def __post_init__(self) -> None:
        self._check_names()
        if self.anchor is not None:
            require_whole("reference frame", self.anchor, -MOST_FRAMES, MOST_FRAMES)
        if len(self.known) > MOST_KNOWN:
            raise InputError(
                f"The shapes of {len(self.known)} additional frames are given.", f"Give at most {MOST_KNOWN}."
            )
        for shape in self.known:
            require_whole("known frame", shape.frame, -MOST_FRAMES, MOST_FRAMES)
        require_whole("number of in-betweens", self.in_betweens, 0, MOST_BETWEEN)
        require_whole("seed", self.seed, 0, 2**63 - 1)
        if self.steps is not None:
            require_whole("number of steps", self.steps, 1, MOST_STEPS)
        if self.fps is not None:
            require_number("frame rate", self.fps, *FRAME_RATES)
        if self.guidance is not None:
            require_number("guidance", self.guidance, 0, MOST_GUIDANCE)
        if self.reference_pose not in (None, *ReferencePose):
            raise InputError(f"The reference pose is {self.reference_pose}.", f"Use {', '.join(ReferencePose)}.")
        self._check_made_mesh()

    def _check_names(self) -> None:
        """Check the names of files and of the preset."""
        require_text("clip", self.clip)
        require_text("preset", self.preset)
        for name, path in (
            ("mask", self.mask),
            ("mesh", self.mesh),
            *(("known mesh", shape.mesh) for shape in self.known),
        ):
            if path is not None:
                require_text(name, path)

    def _check_made_mesh(self) -> None:
        """Check the choices for the mesh that Stage 0 makes."""
        if self.image_steps is not None:
            require_whole("number of Stage 0's steps", self.image_steps, 1, MOST_STEPS)
        if self.max_faces is not None:
            require_whole("largest number of faces", self.max_faces, FEWEST_FACES, MOST_FACES, ": no solid has fewer")
        if self.smallest_part is not None and not is_share(self.smallest_part):
            problem = f"The smallest part is {shown(self.smallest_part)} of the largest."
            raise InputError(problem, "Use a share from 0 to 1; 0 keeps all.")


def index_of_frame(frame: int, total: int, name: str) -> int:
    """Return an index into the chosen frames from 0; negative ones count from the end.

    Raises:
        InputError: the frame is outside the clip.
    """
    if not -total <= frame < total:
        told = number_of(frame) if frame >= 0 else frame
        cure = f"Use {number_of(0)} to {number_of(total - 1)}."
        raise InputError(f"The {name} frame is {told}, and {total} frames were chosen.", cure)
    return frame % total
