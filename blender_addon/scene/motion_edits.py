"""Loop, smooth and ground the animation of an object: its poses are read, changed and written into the same keys.

Each function is a generator that does its work in slices, see `rewriting`, and returns what it found.
"""

from collections.abc import Generator
from dataclasses import dataclass, replace

import bpy
import numpy as np

from ..errors import ArtistError
from ..motion.amounts import amplitude, jitter
from ..motion.curve_picture import Course, course_of
from ..motion.footing import Footing, Limits, footing
from ..motion.seams import Seam, bend, find_seam, kink
from ..motion.smoothing import Filter, smooth, smoothing_matrix
from ..motion.weights import Loop, knots
from .animation_record import Record
from .options import Written
from .ranges import preview_result
from .rewriting import read_for_rewriting, rewrite
from .root_motion import moves_itself, trim_root

STANDING = Limits()
BLOCK = 4096
"""Vertices that are smoothed in one slice."""


@dataclass(frozen=True)
class Looped:
    """A loop that was made.

    Args:
        seam: where the motion was cut.
        first, last: scene frames of the two poses of the seam; the second shows the first pose again.
        before, after: how much the loop jerks without and with a blend, see `seams.kink`.
        written: the animation now.
    """

    seam: Seam
    first: float
    last: float
    before: float
    after: float
    written: Written


@dataclass(frozen=True)
class Smoothed:
    """A motion that was smoothed.

    Args:
        before, after: its jitter, as a share of its amplitude.
        course: the coordinate of a vertex that smoothing changed most.
        written: the animation now.
    """

    before: float
    after: float
    course: Course
    written: Written


def make_loop(object: bpy.types.Object, shortest: int = 0, blend: int = 8) -> Generator[None, None, Looped]:
    """Cut an animation at its best seam, bend its end to meet its start, and let it repeat.

    Args:
        shortest: poses that the loop has at least; 0 for a third of all.
        blend: poses at the end that are bent; none if the best loop is the one that the animation already is.
    Raises:
        ArtistError: the object has no animation that can be changed, it does not move, or is too short.
    """
    motion, record = read_for_rewriting(object)
    yield
    poses, times = _with_return(motion.displacements, record)
    seam = find_seam(poses, times, shortest or max(2, len(poses) // 3))
    if record.playback.loop == Loop.LOOP and (seam.start, seam.end) == (0, len(record.times)):
        blend = 0
    yield
    loop = bend(poses, times, seam, blend)
    yield
    before = kink(poses[seam.start : seam.end], poses, seam, 0)
    yield
    after = kink(loop, poses, seam, blend)
    yield
    frames = np.append(record.frames, knots(record.frames, Loop.LOOP)[-1])
    first, last = float(frames[seam.start]), float(frames[seam.end])
    kept = replace(
        record,
        times=tuple(times[seam.start : seam.end].tolist()),
        start_frame=first,
        reference_frame=_calmest(loop),
        playback=replace(record.playback, loop=Loop.LOOP),
    )
    written = yield from rewrite(object, kept, motion.basis, loop)
    trim_root(object, first, last)
    _show_range(object, written)
    return Looped(seam, first, last, before, after, written)


def smooth_motion(
    object: bpy.types.Object, kind: Filter = Filter.EXTREMES, reach: int = 3, strength: float = 1.0
) -> Generator[None, None, Smoothed]:
    """Smooth the path of every vertex; the pose that is the basis stays it.

    Args:
        kind, reach, strength: see `smoothing.smoothing_matrix`.
    Raises:
        ArtistError: the object has no animation that can be changed.
    """
    motion, record = read_for_rewriting(object)
    yield
    poses, times = motion.displacements, np.array(record.times)
    closed = record.playback.loop == Loop.LOOP
    lasts = float(_with_return(poses[:, :0], record)[1][-1] - times[0]) if closed else 0.0
    matrix = smoothing_matrix(times, kind, reach, strength, lasts)
    fixed = None if poses[record.reference_frame].any() else record.reference_frame
    calmer = np.empty_like(poses)
    yield
    for start in range(0, poses.shape[1], BLOCK):
        part = slice(start, start + BLOCK)
        calmer[:, part] = smooth(poses[:, part], matrix, fixed)
        yield
    size = amplitude(poses) or 1.0
    yield
    before, after = jitter(poses, times, lasts) / size, jitter(calmer, times, lasts) / size
    yield
    course = course_of(times, poses, calmer)
    yield
    written = yield from rewrite(object, record, motion.basis, calmer)
    return Smoothed(before, after, course, written)


def lock_feet(
    object: bpy.types.Object,
    limits: Limits = STANDING,
    ground: float | None = None,
    along: bool = True,
    upward: bool = True,
    calm: int = 0,
) -> Generator[None, None, Footing]:
    """Move the body of an animation so that its feet stand still on the ground, as it is seen in the world.

    Args:
        limits, ground, along, upward, calm: see `footing.footing`; the ground's height is along the world's Z.
    Raises:
        ArtistError: the object has no animation that can be changed, moves by itself, or nothing stands.
    """
    motion, record = read_for_rewriting(object)
    if moves_itself(object):
        problem = f"{object.name} also moves as an object."
        raise ArtistError(problem, "Apply its root motion first.", "actionmesh.apply_root_motion")
    yield
    strength, linear, place = record.playback.strength or 1.0, *_to_world(object)
    places = np.empty_like(motion.displacements)
    for pose, move in enumerate(motion.displacements):
        places[pose] = (motion.basis + strength * move) @ linear.T + place
        yield
    times = np.array(record.times) / record.playback.speed
    found = footing(places, times, limits, ground, record.reference_frame, along, upward, calm)
    yield
    local = (found.offsets @ np.linalg.inv(linear).T / strength).astype(np.float32)
    moved = motion.displacements + local[:, None]
    kept = replace(record, reference_frame=_reference(record, moved))
    yield
    yield from rewrite(object, kept, motion.basis, moved)
    return found


def _to_world(object: bpy.types.Object) -> tuple[np.ndarray, np.ndarray]:
    """Return the (3, 3) matrix and the (3,) vector from the object's coordinates to the world's."""
    matrix = np.array(object.matrix_world, np.float64)
    if abs(np.linalg.det(matrix[:3, :3])) < 1e-12:
        raise ArtistError(f"{object.name} is scaled flat.", "Give it a scale in all directions.")
    return matrix[:3, :3], matrix[:3, 3]


def _with_return(poses: np.ndarray, record: Record) -> tuple[np.ndarray, np.ndarray]:
    """Return poses (T, V, 3) and their times; a loop's first pose is appended, as it comes again at its end."""
    times = np.array(record.times)
    if record.playback.loop != Loop.LOOP or len(times) < 2:
        return poses, times
    return np.concatenate([poses, poses[:1]]), np.append(times, times[-1] + np.median(np.diff(times)))


def _calmest(displacements: np.ndarray) -> int:
    """Return the pose that is nearest to the basis."""
    return int(np.argmin([np.abs(move).max() for move in displacements]))


def _reference(record: Record, displacements: np.ndarray) -> int:
    return record.reference_frame if not displacements[record.reference_frame].any() else _calmest(displacements)


def _show_range(object: bpy.types.Object, written: Written) -> None:
    for scene in object.users_scene:
        if scene.use_preview_range:
            preview_result(scene, written.start, written.end)
