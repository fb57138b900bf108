"""Options for tracking animated files."""

from dataclasses import dataclass
from enum import StrEnum

from ..errors import ArtistError
from ..motion.axes import FACINGS
from .survey import AUTO

LEAST = {"frames": 2, "points": 1, "vertices": 1, "views": 0, "size": 4, "seed": 0, "queries": 0}


class Clips(StrEnum):
    """Which animations of a file become sequences."""

    FIRST = "first"
    MEDIAN = "median"
    EVERY = "every"


class Cameras(StrEnum):
    """Where cameras stand: in a cone in front of the subject, in a cone on any side of it, or all around it."""

    FRONT = "front"
    TURNED = "turned"
    AROUND = "around"


@dataclass(frozen=True)
class TrackOptions:
    """Options for tracking.

    Args:
        frames: T, spread evenly over the moving part of an animation, at least two.
        points: P, on the surface.
        vertices: V, of the mesh's own.
        views: K cameras; 0 makes no pictures.
        size: pixels per side of a picture.
        facing: the world axis that the subjects face once imported, a name in `axes.FACINGS`; `survey.AUTO` finds it
            out.
        seed: of points, cameras, lights and queries, together with the file's own bytes and the animation's name.
        queries: Q points per frame whose signed distance is measured; 0 measures none.
        keep_still: keep sequences without motion.
        faces: keep the whole mesh too.
        rest: keep the whole mesh in its rest pose, too; with `faces` only.
        clips: which animations, a value of `Clips`: the first that moves, the one of median motion, or every one.
        cameras: a value of `Cameras`.
        random_light: give every camera a light of its own, as cameras all around always have. Otherwise the light is
            that of the add-on's renders.

    Raises:
        ArtistError: a number is too small, there is no such facing, or the rest pose is asked for without the mesh.
    """

    frames: int = 16
    points: int = 8192
    vertices: int = 1024
    views: int = 1
    size: int = 256
    facing: str = AUTO
    seed: int = 0
    queries: int = 0
    keep_still: bool = False
    faces: bool = False
    rest: bool = False
    clips: str = Clips.FIRST
    cameras: str = Cameras.FRONT
    random_light: bool = False

    def __post_init__(self) -> None:
        for name, least in LEAST.items():
            if getattr(self, name) < least:
                raise ArtistError(f"--{name} is {getattr(self, name)}.", f"Give at least {least}.")
        if self.facing not in (AUTO, *FACINGS):
            raise ArtistError(f"--facing is {self.facing}.", f"Give one of {', '.join((AUTO, *FACINGS))}.")
        if self.rest and not self.faces:
            raise ArtistError("--rest was given without --faces.", "Give both, or neither.")
