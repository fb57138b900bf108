"""What the worker answers to each request."""

from dataclasses import dataclass, field

from .choices import Match
from .stage import Stage


@dataclass(frozen=True)
class Device:
    """A device to compute on; memory in bytes, None if the system does not report it."""

    name: str
    description: str
    memory_total: int | None
    memory_free: int | None


@dataclass(frozen=True)
class Checkpoint:
    """A folder of weights and its size in bytes; usable if nothing is `missing`, on the terms of `licence`."""

    name: str
    path: str
    kind: str
    size: int
    missing: tuple[str, ...]
    licence: str = ""


@dataclass(frozen=True)
class Initialized:
    protocol: int
    versions: dict[str, str]
    devices: tuple[Device, ...]
    checkpoints: tuple[Checkpoint, ...]


@dataclass(frozen=True)
class ClipCamera:
    """The clip's camera, in the coordinates of the animated mesh.

    Args:
        matrix: 16 numbers, row by row, from the camera's axes (it looks along -Z, +Y up) to the mesh's coordinates.
        width, height: size of the clip's frames in pixels; the optical axis passes through the middle.
        focal: focal length in pixels of the clip; None for an orthographic camera.
        pixel: size of one pixel of the clip in the mesh's units; None for a perspective camera.
    """

    matrix: tuple[float, ...]
    width: int
    height: int
    focal: float | None
    pixel: float | None


@dataclass(frozen=True)
class Fit:
    """How well an animation fits its clip.

    Args:
        way: how it was matched: `Match.OFF`, `REFINE` or `TRACK`.
        shape: where the mesh came from: "own", or `Shape.NETWORK` or `RELIEF`.
        agreement: overlap of the mesh and the subject in the reference frame, 0 to 1; None if it was not measured.
        overlap: the same for the result, averaged over the frames.
        facing: degrees around +Y from the mesh's +Z to the side that the camera sees.
        doubt: another angle that explains the reference frame almost as well; None if there is none.
        camera: None if no camera was estimated.
        notes: sentences for the user.
        bent: as `agreement`, for the mesh bent into the reference frame; None if it was not bent.
    """

    way: Match = Match.OFF
    shape: str = "own"
    agreement: float | None = None
    overlap: float | None = None
    facing: float = 0.0
    doubt: float | None = None
    camera: ClipCamera | None = None
    notes: tuple[str, ...] = ()
    bent: float | None = None


@dataclass(frozen=True)
class Animated:
    """A finished job.

    Args:
        out: the files written.
        poses, vertices, faces: size of the animation.
        duration: seconds from the first pose to the last.
        reference_frame: index of the pose that is the reference mesh.
        timings: seconds of each stage, in order.
        seconds: of the whole job, including the work between stages, such as loading models.
        loads: how many times models were loaded since the checkpoint was opened.
        plan: name of the memory plan that the job finished with.
        retried_for_memory: whether the job first ran out of memory under a roomier plan.
        fit: how well it fits the clip.
    """

    out: tuple[str, ...]
    poses: int
    vertices: int
    faces: int
    duration: float
    reference_frame: int
    timings: dict[Stage, float]
    seconds: float
    loads: int
    plan: str = ""
    retried_for_memory: bool = False
    fit: Fit = field(default_factory=Fit)


@dataclass(frozen=True)
class Looked:
    """The result of a `look` request.

    Args:
        out: the picture that was written.
        clip_frames: number of frames in the whole clip.
        chosen: how many of them a job would use.
        frame: position of the reference frame in the clip, counted from 0.
        fps: frames per second on average, or as the request gave them.
        width, height: size of the clip's frames in pixels.
        coverage: share of the reference frame that the subject fills, from 0 to 1.
        notes: sentences for the user, such as a doubt about the subject's outline.
    """

    out: str
    clip_frames: int
    chosen: int
    frame: int
    fps: float
    width: int
    height: int
    coverage: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tracked:
    """The result of a `track` request.

    Args:
        out: the pictures that were written.
        frames: the frame of each in the clip, counted from 0; a clip with fewer frames than pictures repeats some.
        positions: the same among the chosen frames, for the `anchor` of a look.
        width, height: size of the clip's frames in pixels.
        masks: the folder in which the masks are kept; None if they were not, as for a clip with alpha.
        doubt: share of the subject's outline that is uncertain, from 0 to 1; None if nothing tells.
        notes: sentences for the user.
    """

    out: tuple[str, ...]
    frames: tuple[int, ...]
    positions: tuple[int, ...]
    width: int
    height: int
    masks: str | None = None
    doubt: float | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rigged:
    """The result of a `rig` request.

    Args:
        out: the files written.
        bones: how many were found; fewer than asked for if fewer explain the motion.
        poses, vertices: size of the animation.
        error, worst: root mean square and maximum of the vertices' distances from the animation, in percent of the size
            of the mesh, the diagonal of its box.
        seconds: of the whole job.
    """

    out: tuple[str, ...]
    bones: int
    poses: int
    vertices: int
    error: float
    worst: float
    seconds: float


@dataclass(frozen=True)
class Downloaded:
    """A finished download.

    Args:
        folder: the checkpoint's folder, or that of the half-precision copies if they were requested.
        size: bytes downloaded.
        revisions: revision of each model downloaded now, by the model's name.
    """

    folder: str
    size: int
    revisions: dict[str, str]


@dataclass(frozen=True)
class Removed:
    """The result of a removal: `size` bytes were freed."""

    size: int


@dataclass(frozen=True)
class CancelAnswer:
    """`running` is false if the job no longer exists."""

    running: bool


@dataclass(frozen=True)
class Done:
    """The empty answer."""
