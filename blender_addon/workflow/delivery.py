"""Write a finished job's result into the scene: onto the mesh that it was made for, or as a new object.

What to write, and where, is decided when the job is submitted and kept with the job as plain JSON: by the time the
result is there, the artist may have gone to another frame, another scene, or another file.
"""

from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import bpy

from ..errors import MotionError, TargetChanged
from ..jobs.record import FRAMES_FOLDER, JobRecord, Purpose
from ..motion.axes import FACINGS
from ..motion.carrying import load_carry
from ..motion.result_file import Motion, load_motion
from ..motion.timing import frames_per_second
from ..process.backend_locator import protocol
from ..reading import number, text
from ..scene.animation_record import read_record
from ..scene.coats import add, forget_unused, renew
from ..scene.free_place import stand_clear
from ..scene.nla_tracks import keep_tracks
from ..scene.objects import ObjectOptions, lie_of, metres_per_unit, new_object
from ..scene.options import Mode, WriteOptions, Written
from ..scene.ranges import extend_range, preview_result
from ..scene.seen import CARRY_FILE
from ..scene.shape_keys import write_motion
from ..scene.targets import BLENDER, find_target
from ..session import panel_state, selection
from ..session.arrivals import note_written
from ..session.notices import Problem

LAST_FRAME, SMALLEST, FURTHEST, LONGEST_NAME = 1_048_574, 1e-6, 1e9, 1000
"""Blender's last frame, the smallest and the largest length in metres, and the maximum characters of a name."""


@dataclass(frozen=True)
class Writing:
    """What to write, and where.

    Args:
        scene: name of the scene.
        start: scene frame of the first pose.
        mode: "RELATIVE" or "ABSOLUTE" shape keys.
        name: of a new object.
        size: of a new object, in metres.
        location: of a new object.
        smooth: whether a new object is shaded smooth.
        facing: the local axis that the target faces.
        upright: whether the target was passed to the model in world orientation; then `facing` is a world axis.
        target: fingerprint of the mesh, None for a new object.
        scene_session, blender: identify the scene even if it is renamed, as long as its file stays open.
    """

    scene: str
    start: float
    mode: str = "RELATIVE"
    name: str = "ActionMesh"
    size: float = 2.0
    location: tuple[float, float, float] = (0.0, 0.0, 0.0)
    smooth: bool = True
    facing: str = "NEG_Y"
    upright: bool = False
    target: dict[str, Any] | None = None
    scene_session: int = 0
    blender: str = ""

    def __post_init__(self) -> None:
        """Raise ValueError for values that no scene can take: the record of a job may have been tampered with."""
        text(self.scene, LONGEST_NAME), text(self.name, LONGEST_NAME)
        text(self.blender, LONGEST_NAME)
        number(self.scene_session, -(2**63), 2**63)
        number(self.start, -LAST_FRAME, LAST_FRAME)
        number(self.size, SMALLEST, FURTHEST)
        x, y, z = self.location
        for value in (x, y, z):
            number(value, -FURTHEST, FURTHEST)
        if self.mode not in list(Mode) or self.facing not in FACINGS:
            raise ValueError(f"keys {self.mode!r:.40} and facing {self.facing!r:.40}")
        if not all(isinstance(each, bool) for each in (self.smooth, self.upright)):
            raise ValueError(f"smooth is {self.smooth!r:.40}, upright {self.upright!r:.40}")
        if not (self.target is None or isinstance(self.target, dict)):
            raise ValueError(f"the target is {self.target!r:.40}")

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, record: JobRecord) -> "Writing":
        """Return what is stored with a job; raise MotionError if it is damaged or from another version."""
        try:
            kept = cls(**record.writing)
            return replace(kept, location=tuple(float(value) for value in kept.location))  # type: ignore[arg-type]
        except (TypeError, ValueError) as error:
            problem = f"The record of the job {record.title} is damaged or from another version."
            raise MotionError(problem, "Run the job again.") from error


def chosen(scene: bpy.types.Scene, name: str, start: float | None = None) -> Writing:
    """Return what the scene's settings say now; `start`, if given, overrides their start."""
    settings = scene.actionmesh
    if start is None:
        start = float(scene.frame_current if settings.start_at == "CURRENT" else 1)
    return Writing(
        **mark_of(scene),
        start=start,
        mode=settings.mode,
        name=name,
        size=settings.size * metres_per_unit(scene),
        location=tuple(scene.cursor.location),
        smooth=settings.smooth,
    )


def mark_of(scene: bpy.types.Scene) -> dict[str, Any]:
    """Return the fields that identify a scene."""
    return {"scene": scene.name, "scene_session": scene.session_uid, "blender": BLENDER}


def deliver(record: JobRecord) -> bpy.types.Object:
    """Write the result as stored with the job.

    Raises:
        TargetError: the mesh cannot take it now; nothing is changed, and the result is still in its folder.
        MotionError: the result is damaged.
    """
    writing = Writing.of(record)
    target = None if record.purpose == Purpose.NEW_OBJECT else find_target(writing.target or {})
    return _write(record, writing, target)


def bring_back(record: JobRecord) -> None:
    """Write the result like `deliver`, but as a new object, named as in History, if the mesh is gone or was edited.

    Raises:
        ArtistError: it cannot be written.
    """
    try:
        made = deliver(record)
    except TargetChanged:
        made = _write(record, replace(Writing.of(record), name=record.title), None)
    selection.present(bpy.context, made)
    selection.bring_into_view(bpy.context, made, closer=False)
    note_written(record)


def _write(record: JobRecord, writing: Writing, target: bpy.types.Object | None) -> bpy.types.Object:
    motion = load_motion(record.result_path)
    scene = scene_of(writing, target)
    options = _options(record, writing, scene, motion)
    if target is None:
        target, written = _add(scene, motion, writing, options)
    else:
        options = replace(options, carry=load_carry(record.folder / CARRY_FILE))
        options = replace(options, **_as_it_is(record, writing, motion, target))
        written = _write_onto(target, motion, options, colours_asked=record.request.colours and record.rematch is None)
    preview_result(scene, written.start, written.end)
    extend_range(scene, written.start, written.end)
    return target


def scene_of(writing: Writing, target: bpy.types.Object | None) -> bpy.types.Scene:
    """Return the scene in which the job was started.

    If that is gone or no longer has the mesh, return a scene that has the mesh, or the current scene.
    """
    own = [scene for scene in bpy.data.scenes if scene.library is None]
    same = [scene for scene in own if writing.blender == BLENDER and scene.session_uid == writing.scene_session]
    found = same or [scene for scene in own if scene.name == writing.scene]
    if target is not None:
        found = [scene for scene in found if target.name in scene.objects] or list(target.users_scene)
    return found[0] if found else bpy.context.scene


def _write_onto(target: bpy.types.Object, motion: Motion, options: WriteOptions, colours_asked: bool) -> Written:
    """Write keys, and colours if they were requested or if they replace those of an earlier result."""
    note = ""
    with ExitStack() as undo:
        if colours_asked and motion.coat is not None:
            note = add(target, motion, undo)
        elif motion.coat is not None:
            renew(target, motion, undo)
        keep_tracks(target, undo)
        written = write_motion(target, motion, options)
        undo.pop_all()
    forget_unused()
    _tell(note, written)
    return written


def _tell(colours: str, written: Written) -> None:
    """Show what differs from the request although the motion was written."""
    if written.note:
        cure = (
            "A copy with its modifiers applied keeps the whole motion."
            if written.fix
            else "Animate the mesh again for the exact motion."
        )
        panel_state.show(Problem(f"{written.note} {colours}".strip(), cure, written.fix))
    elif colours:
        panel_state.show(Problem(colours, "The motion was written. Animate the mesh again to get its colours."))


def _options(record: JobRecord, writing: Writing, scene: bpy.types.Scene, motion: Motion) -> WriteOptions:
    return WriteOptions(
        start=writing.start,
        rate=frames_per_second(scene.render.fps, scene.render.fps_base),
        mode=Mode(writing.mode),
        keep_reference_pose=record.request.reference_pose != protocol.ReferencePose.DECODED and not _is_bent(motion),
        facing=writing.facing,
        job=record.id,
        title=writing.name if _is_made(record.request) else "",
    )


def _is_bent(motion: Motion) -> bool:
    """Return whether the mesh was bent into the reference frame, whose pose is then not the basis."""
    fit = motion.provenance.get("fit")
    return isinstance(fit, dict) and fit.get("bent") is not None


def _is_made(request: protocol.Animate) -> bool:
    """Return whether the job makes its clip, from an object or a text: then the clip's own name says nothing."""
    return isinstance(request, protocol.Generate) or Path(request.clip).name == FRAMES_FOLDER


def _as_it_is(record: JobRecord, writing: Writing, motion: Motion, target: bpy.types.Object) -> dict[str, Any]:
    """Return the options with which a result that was matched again keeps the playback and placement of the old one."""
    if record.rematch is None:
        return {}
    key = target.data.shape_keys
    before = read_record(key) if key is not None else None
    kept = {"playback": before.playback} if before is not None else {}
    return kept | (lie_of(target, motion, writing.facing) if record.request.mesh is None else {})


def _add(
    scene: bpy.types.Scene, motion: Motion, writing: Writing, options: WriteOptions
) -> tuple[bpy.types.Object, Written]:
    look = ObjectOptions(name=writing.name, size=writing.size, location=writing.location, smooth=writing.smooth)
    made, written = new_object(scene, motion, look, options)
    stand_clear(scene, made)
    return made, written


def name_of(path: str) -> str:
    """Return a short name for a result made from a clip."""
    return Path(path).stem or "ActionMesh"
