"""Bake the motion of meshes onto the armature that the artist bound them to.

For each frame, the pose is found that brings the vertices, by their own weights, closest to where the shape keys and
the armature's earlier action draw them. The poses become a new action, and the shape keys are muted. All this works in
slices; closing the generator takes everything back.
"""

from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass, field

import bpy
import numpy as np

from ..errors import ArtistError
from ..motion.joints import Joints, Pose
from ..motion.pose_fit import PoseFit
from ..motion.skin import Moments, Skin
from ..motion.weights import Loop
from . import fcurves
from .key_blocks import pose_keys
from .key_motion import animated_key
from .meshes import read_surface_points
from .named_actions import name_of
from .own_rig import Moving, OwnRig, find_own_rig, joints_of
from .playback import EVAL_TIME, paths_of
from .pose_action import write_poses
from .rig_sampling import RigSampler, sampling
from .root_motion import carries_root, release_root

PROPERTY = "actionmesh_bake"
"""Of the new action: what was baked, and how well."""
CHECKS, AGREES = 5, 1e-3
"""Frames at which the drawn mesh is compared with what was found, and the share of the size by which it may differ."""


@dataclass(frozen=True)
class OwnRigBaked:
    """A motion that was baked.

    Args:
        action: the new one.
        bones: how many were keyed.
        frames: how many keys each has.
        error, worst: root mean square and maximum of the vertices' distances from the motion, in percent of the
            diagonal of the box around the surfaces at rest.
        meshes: how many the armature moves.
    """

    action: bpy.types.Action
    bones: int
    frames: int
    error: float
    worst: float
    meshes: int


@dataclass
class _Found:
    """The poses found so far, and what they leave."""

    poses: list[Pose] = field(default_factory=list)
    squares: float = 0.0
    count: int = 0
    worst: float = 0.0
    checks: dict[float, list[np.ndarray]] = field(default_factory=dict)


Baking = Generator[None, None, OwnRigBaked]


def bake_to_own_rig(object: bpy.types.Object, moving: Moving = Moving.TOPMOST, scaling: bool = False) -> Baking:
    """Key the bones of the armature that moves an animated mesh, and mute the animation's shape keys.

    Args:
        moving: which bones may change their location.
        scaling: let bones change their scale.
    Raises:
        ArtistError: the object has no animation or no such armature, see `own_rig`; nothing was changed.
    """
    _key, record = animated_key(object)
    rig = find_own_rig(object)
    frames, size = _frames(rig), _size(rig)
    with ExitStack() as undo:
        with sampling(rig) as sampler:
            sampler.go(float(frames[0]))
            yield
            joints = yield from _joints(sampler, moving, scaling)
            found = yield from _poses(sampler, joints, frames, size)
            name, loop = name_of(rig.armature, record), record.playback.loop
            action = yield from write_poses(rig.armature, name, joints, frames, found.poses, loop, undo)
            yield from _check_drawn(sampler, found, size)
        for mesh in rig.meshes:
            _mute(mesh, undo)
        error, worst = 100 * np.sqrt(found.squares / found.count) / size, 100 * found.worst / size
        bones = int(joints.free.any(axis=1).sum())
        action[PROPERTY] = {"mesh": object.name, "rms_percent": float(error), "greatest_percent": float(worst)}
        undo.pop_all()
    for mesh in rig.meshes:
        if carries_root(mesh):
            release_root(mesh)
    return OwnRigBaked(action, bones, len(frames), float(error), float(worst), len(rig.meshes))


def _frames(rig: OwnRig) -> np.ndarray:
    """Return (T,) frames: where the motion begins and ends, and the whole frames between.

    Raises:
        ArtistError: there are no curves, or the meshes repeat differently, which the curves of one action cannot.
    """
    spans = [_span(mesh) for mesh in rig.meshes]
    _check_rounds(rig, spans)
    ends = [end for span in spans for end in span]
    if not ends:
        raise ArtistError(
            "The ActionMesh shape keys have no animation curves.", "Set their speed, which writes the curves again."
        )
    between = np.arange(np.floor(min(ends)) + 1, np.ceil(max(ends)))
    return np.unique(np.concatenate([[min(ends)], between, [max(ends)]]))


def _span(mesh: bpy.types.Object) -> tuple[float, ...]:
    """Return the frames at which a mesh's curves begin and end; nothing if it has none."""
    key, record = animated_key(mesh)
    curves = [curve for path in paths_of(key, record) if (curve := fcurves.find(key, path))]
    ends = [fcurves.read_points(curve)[[0, -1], 0] for curve in curves if len(curve.keyframe_points)]
    return (float(np.min(ends)), float(np.max(ends))) if ends else ()


def _check_rounds(rig: OwnRig, spans: list[tuple[float, ...]]) -> None:
    loops = [animated_key(mesh)[1].playback.loop for mesh in rig.meshes]
    rounds = [(loop, () if loop == Loop.NONE else span) for loop, span in zip(loops, spans, strict=True)]
    for mesh, other in zip(rig.meshes, rounds, strict=True):
        if other != rounds[0]:
            problem = f"{rig.meshes[0].name} and {mesh.name} repeat differently."
            raise ArtistError(problem, "Bake them one after the other, or turn their loops off.")


def _size(rig: OwnRig) -> float:
    """Return the diagonal of the box around the meshes at rest, in the armature's space."""
    back, points = np.linalg.inv(np.array(rig.armature.matrix_world, np.float64)), []
    for mesh in rig.meshes:
        across = back @ np.array(mesh.matrix_world, np.float64)
        points.append(read_surface_points(mesh.data) @ across[:3, :3].T + across[:3, 3])
    return float(np.linalg.norm(np.ptp(np.concatenate(points), axis=0))) or 1.0


def _joints(sampler: RigSampler, moving: Moving, scaling: bool) -> Generator[None, None, Joints]:
    rig = sampler.rig
    weighted = yield from sampler.weighted()
    joints = joints_of(rig.armature, weighted, moving, scaling)
    if not joints.free.any():
        problem = f"No vertex group of {rig.meshes[0].name} with weights has the name of a free deform bone "
        problem += f"of {rig.armature.name}."
        raise ArtistError(problem, "Parent the mesh to the armature again, with weights.")
    return joints


def _poses(sampler: RigSampler, joints: Joints, frames: np.ndarray, size: float) -> Generator[None, None, _Found]:
    """Find the pose of every frame."""
    fit, found = PoseFit(joints, size), _Found()
    skins: list[Skin] = []
    for mesh in range(len(sampler.rig.meshes)):
        skins.append((yield from sampler.skin(mesh, joints)))
    known: list[tuple[np.ndarray, np.ndarray] | None] = [None] * len(skins)
    checked = set(np.linspace(0, len(frames) - 1, CHECKS).round().astype(int).tolist())
    for number, frame in enumerate(frames.tolist()):
        sampler.go(frame)
        yield
        home, total, sets = sampler.home(joints), None, []
        for mesh, skin in enumerate(skins):
            points, places = sampler.still(mesh), sampler.moved(mesh)
            if not len(points) == len(places) == len(skin.rests):
                _refuse_other_vertices(sampler.rig, mesh)
            same = known[mesh]
            if same is None or not np.array_equal(same[0], points):
                known[mesh] = same = points, skin.pairs(points)
            moments = skin.moments(points, places, same[1])
            total = moments if total is None else total + moments
            sets.append((points, places))
            yield
        assert isinstance(total, Moments)
        best = yield from fit.next(total, home)
        drawn = [skin.apply(points, fit.deforms(best.pose)) for skin, (points, _) in zip(skins, sets, strict=True)]
        _measure(found, drawn, [places for _, places in sets])
        found.poses.append(best.pose)
        if number in checked:
            found.checks[frame] = drawn
        yield
    return found


def _refuse_other_vertices(rig: OwnRig, mesh: int) -> None:
    problem = f"The modifiers of {rig.meshes[mesh].name} before its Armature do not always make the same vertices."
    raise ArtistError(problem, "Apply them, or move them after the Armature.")


def _measure(found: _Found, drawn: list[np.ndarray], places: list[np.ndarray]) -> None:
    for one, other in zip(drawn, places, strict=True):
        off = ((one - other) ** 2).sum(axis=1)
        found.squares, found.count = found.squares + float(off.sum()), found.count + len(off)
        found.worst = max(found.worst, float(np.sqrt(off.max())))


def _check_drawn(sampler: RigSampler, found: _Found, size: float) -> Generator[None, None, None]:
    """Raise ArtistError if Blender draws the new action otherwise than it was found."""
    sampler.bind_again()
    for frame, expected in found.checks.items():
        sampler.go(frame)
        for mesh, places in enumerate(expected):
            if np.abs(sampler.moved(mesh) - places).max() > AGREES * size:
                problem = f"Something else moves the bones of {sampler.rig.armature.name} at frame {frame:.4g}."
                raise ArtistError(problem, "Mute the constraints, drivers and NLA tracks that act on them.")
        yield


def _mute(mesh: bpy.types.Object, undo: ExitStack) -> None:
    """Turn an animation's keys off; absolute keys are held at the basis."""
    key = mesh.data.shape_keys
    for block in pose_keys(key):
        undo.callback(setattr, block, "mute", block.mute)
        block.mute = True
    course = fcurves.find(key, EVAL_TIME)
    if not key.use_relative and course is not None:
        undo.callback(setattr, course, "mute", course.mute)
        undo.callback(setattr, key, "eval_time", key.eval_time)
        course.mute, key.eval_time = True, key.reference_key.frame
    key.update_tag()
