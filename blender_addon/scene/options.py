"""Options for writing an animation, and the result."""

import math
from dataclasses import dataclass, field
from enum import StrEnum

from ..errors import ArtistError
from ..motion.axes import FACINGS
from ..motion.carrying import Carry
from ..motion.weights import Loop

STRONGEST = 2.0
SLOWEST, FASTEST = 0.001, 100.0


class Mode(StrEnum):
    """One weight curve per key, or one `eval_time` curve that runs through all keys."""

    RELATIVE = "RELATIVE"
    ABSOLUTE = "ABSOLUTE"


@dataclass(frozen=True)
class Playback:
    """How the poses follow each other; this can be changed afterwards.

    Args:
        strength: 0 is the rest pose, 1 the motion, 2 twice the motion.
        speed: 2 plays twice as fast.
        loop: what comes after the last pose.
    Raises:
        ArtistError: a number is out of range.
    """

    strength: float = 1.0
    speed: float = 1.0
    loop: Loop = Loop.NONE

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= STRONGEST:
            raise ArtistError(f"The strength is {self.strength}.", f"Use a number from 0 to {STRONGEST:g}.")
        if not SLOWEST <= self.speed <= FASTEST:
            raise ArtistError(f"The speed is {self.speed:g}.", f"Use a number from {SLOWEST:g} to {FASTEST:g}.")


@dataclass(frozen=True)
class WriteOptions:
    """How a motion is written.

    Args:
        start: scene frame of the first pose.
        rate: frames per second of the scene (`timing.frames_per_second`).
        mode: relative or absolute shape keys.
        keep_reference_pose: make the reference pose exactly the basis. The result's own difference from it at the
            reference frame is subtracted from every frame.
        facing: the local axis that the subject faces, a name in `axes.FACINGS`.
        playback: strength, speed, loop.
        scale: local units per unit of the motion; 1 for a mesh that was given to the job.
        origin: local position of the motion's origin; 0 for a mesh that was given to the job.
        job: id of the job, stored with the animation.
        title: the name of the clip or object that the motion comes from; empty takes the clip's.
        carry: the map back from what was shown of the mesh; None if it was shown as it is modelled.
    Raises:
        ArtistError: a number is out of range.
    """

    start: float
    rate: float
    mode: Mode = Mode.RELATIVE
    keep_reference_pose: bool = True
    facing: str = "NEG_Y"
    playback: Playback = Playback()
    scale: float = 1.0
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    job: str = ""
    title: str = ""
    carry: Carry | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.facing not in FACINGS:
            raise ArtistError(f"The facing axis is {self.facing}.", f"Use one of {', '.join(FACINGS)}.")
        if not (self.rate > 0 and math.isfinite(self.rate) and math.isfinite(self.start)):
            raise ArtistError(f"The frame rate is {self.rate}, the first frame {self.start}.", "Set them in the scene.")
        if not (self.scale > 0 and math.isfinite(self.scale)):
            raise ArtistError(f"The scale is {self.scale}.", "Use a number above 0.")


@dataclass(frozen=True)
class Written:
    """An animation that was written.

    Args:
        keys: the names of its shape keys, in order.
        start, end: the whole frames between which it plays.
        note: a sentence on how it differs from the model's motion; usually empty.
        fix: idname of an operator that would remedy that; None if the job only has to run again.
    """

    keys: tuple[str, ...]
    start: int
    end: int
    note: str = ""
    fix: str | None = None
