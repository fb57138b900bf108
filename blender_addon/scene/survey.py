"""What all animations of a file have in common, and which of them are usable: checked once, before any is tracked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from ..errors import ArtistError
from ..motion.axes import rotation
from ..motion.front import is_like, stand
from ..motion.sampling import Places, sample_triangles
from ..motion.stillness import Course, course_of
from .clips import Clip, play
from .importing import Opened, open_alone
from .pictures import Studio, timing_of
from .rig import rigs_of_file
from .tracking import Moving, read_motion

AUTO = "auto"
STANDS_STILL = "It does not move. Use --keep-still to keep it."
MOST_FRAMES, POINTS, VERTICES = 32, 600, 4000
"""Limits for an animation in the survey; points show how it stands, vertices whether it moves."""


@dataclass(frozen=True, eq=False)
class Passage:
    """One animation of a file, limited to its moving part.

    Args:
        index: its index among the file's clips.
        name: as in the file.
        span: all its frames.
        frames: first and last frame of the moving part.
        amount: how much it moves, see `Course.amount`.
        turn: (3, 3) into model space.
    """

    index: int
    name: str
    span: tuple[float, float]
    frames: tuple[float, float]
    amount: float
    turn: np.ndarray


@dataclass(frozen=True, eq=False)
class Survey:
    """The contents of a file.

    Args:
        passages: its usable animations, the one that plays first.
        left_out: the others by name, each with the reason in one sentence.
        rigs: see `rig.rigs_of_file`.
    """

    passages: tuple[Passage, ...]
    left_out: dict[str, str]
    rigs: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Look:
    """What is read of one animation: its course, and its surface points (N, POINTS, 3) at the course's frames."""

    index: int
    clip: Clip
    course: Course
    points: np.ndarray


def survey_file(path: Path, facing: str, keep_still: bool, every: bool = True) -> Survey:
    """Look through the animations of a file.

    Args:
        facing: the world axis that the subject faces, a name in `axes.FACINGS`, or AUTO.
        keep_still: count an animation without motion as usable.
        every: look at all animations. If false, stop at the first usable one, unless `facing` is AUTO: how a subject
            stands is judged from all of its motions.

    Raises:
        ArtistError: the file cannot be read.
    """
    opened = open_alone(path)
    rigs, names = tuple(rigs_of_file()), [clip.name for clip in opened.clips]
    first, rest = _read_first_and_rest(opened)
    places = _places(rest)
    looks, left_out = [], {}
    for index, name in enumerate(names):
        opened = open_alone(path) if index else opened
        try:
            looks.append(_look(opened, index, places, first))
            if not (looks[-1].course.moves or keep_still):
                left_out[name] = STANDS_STILL
        except ArtistError as error:
            left_out[name] = str(error)
        if not every and facing != AUTO and name not in left_out:
            break
    usable = [look for look in looks if look.clip.name not in left_out]
    turns = _turns(usable, first, rest, places, facing)
    return Survey(tuple(_passage(look, turn) for look, turn in zip(usable, turns, strict=True)), left_out, rigs)


def _read_first_and_rest(opened: Opened) -> tuple[Moving, Moving]:
    """Return the mesh in the first frame of the clip that plays first, and at rest.

    Both are the same if there is no rig or the mesh at rest has other vertices.
    """
    frame = opened.clips[0].span[0]
    armatures = list(bpy.data.armatures)
    with Studio(opened.objects, timing_of(bpy.context.scene)) as studio:
        play(opened.clips[0])
        first = read_motion(studio.scene, [frame])
        for armature in armatures:
            armature.pose_position = "REST"
        try:
            rest = read_motion(studio.scene, [frame])
        except ArtistError:
            rest = first
        for armature in armatures:
            armature.pose_position = "POSE"
    same = rest.vertices.shape == first.vertices.shape
    return first, Moving(rest.vertices if same else first.vertices, first.triangles)


def _places(rest: Moving) -> Places:
    try:
        return sample_triangles(rest.vertices[0], rest.triangles, POINTS, np.random.default_rng(0))
    except ValueError as error:
        raise ArtistError("Its faces have no area at rest.", "Fix its meshes.") from error


def _look(opened: Opened, index: int, places: Places, first: Moving) -> Look:
    clip, count = opened.clips[index], first.vertices.shape[1]
    play(clip)
    frames = _frames_of(clip.span)
    some = slice(None, None, count // VERTICES + 1)

    def keep(pose: np.ndarray) -> np.ndarray:
        if len(pose) != count:
            raise ArtistError("It has other vertices than the file's first animation.", "Only one mesh can be tracked.")
        return np.concatenate([_at(places, pose), pose[some]])

    with Studio(opened.objects, timing_of(bpy.context.scene)) as studio:
        poses = read_motion(studio.scene, frames.tolist(), keep).vertices
    return Look(index, clip, course_of(frames, poses[:, POINTS:]), poses[:, :POINTS])


def _at(places: Places, pose: np.ndarray) -> np.ndarray:
    """Return the (P, 3) points of a pose (V, 3)."""
    return np.einsum("pcx,pc->px", pose[places.corners], places.weights)


def _frames_of(span: tuple[float, float]) -> np.ndarray:
    """Return the whole frames and both ends if they are few, otherwise MOST_FRAMES spread evenly."""
    count = min(int(np.ceil(span[1] - span[0])) + 1, MOST_FRAMES)
    return np.linspace(*span, max(count, 2))


def _turns(looks: Sequence[Look], first: Moving, rest: Moving, places: Places, facing: str) -> list[np.ndarray]:
    if facing != AUTO:
        return [rotation(facing)] * len(looks)
    if not looks:
        return []
    shape = rest if is_like(_at(places, rest.vertices[0]), _at(places, first.vertices[0])) else first
    standing = stand(
        shape.vertices[0], shape.triangles, _at(places, shape.vertices[0]), [look.points for look in looks]
    )
    return [standing.turn(look.points[_inside(look.course)]) for look in looks]


def _inside(course: Course) -> np.ndarray:
    """Return (N,) bool: which frames belong to the moving part."""
    start, end = course.moving_part
    return (course.frames >= start) & (course.frames <= end)


def _passage(look: Look, turn: np.ndarray) -> Passage:
    return Passage(look.index, look.clip.name, look.clip.span, look.course.moving_part, look.course.amount, turn)
