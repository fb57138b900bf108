"""Jobs like ones that were: once more, with other choices, or matched to their clip anew without the networks."""

import shutil
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from . import animated, delivery, fit, runner
from .backend_files import protocol
from .errors import ArtistError, MotionError
from .jobs.folder import cannot_write, remove_folder
from .jobs.record import TARGET_FILE, JobRecord, Purpose
from .preferences import choices
from .scene.seen import CARRY_FILE, see
from .scene.targets import check_target, find_target, fingerprint
from .submission import AUTO, is_pattern, new_job, save_target

MATCHED = " (matched again)"
"""What the title of a job that matches a result again ends with."""


def run_again(context: bpy.types.Context, record: JobRecord, changes: dict[str, Any]) -> str:
    """Queues a job like one that was, with some fields of its request changed; returns its id.

    Raises:
        ArtistError: its mesh was deleted or edited, or its clip or the result that it matched is gone.
    """
    if record.rematch is None:
        return make_anew(context, record, changes)
    rematch = record.asked()
    assert isinstance(rematch, protocol.Rematch)
    writing, request = delivery.Writing.of(record), replace(record.resolved(), **changes)
    find_target(writing.target or {})
    known = {item.name for item in fields(protocol.Rematch)}
    rematch = replace(rematch, **{name: value for name, value in changes.items() if name in known})
    _check_files(rematch, request)
    job = new_job(context, request, record.title, record.purpose, writing, rematch)
    _keep_carry(record, job)
    return runner.submit(job)


def make_anew(context: bpy.types.Context, record: JobRecord, changes: dict[str, Any]) -> str:
    """Queues a job that makes a motion as one was made, with some fields of its request changed; returns its id.

    What was made of a clip alone gets a sibling, also where it was matched again since.

    Raises:
        ArtistError: its mesh was deleted or edited, or its clip is gone.
    """
    writing, request = delivery.Writing.of(record), replace(record.resolved(), **changes)
    _check_clip(request.clip)
    title = record.title.removesuffix(MATCHED)
    if request.mesh is None:
        return runner.submit(new_job(context, request, title, Purpose.NEW_OBJECT, replace(writing, target=None)))
    seen = see(find_target(writing.target or {}), writing.upright)
    job = new_job(context, replace(request, mesh=TARGET_FILE), title, Purpose.KEYS, writing)
    save_target(seen, writing.facing, job)
    return runner.submit(job)


def match_again(context: bpy.types.Context, target: bpy.types.Object, way: str, axis: str, filepath: str = "") -> str:
    """Queues a job that matches the animation of an object to its clip anew; returns its id.

    Args:
        way: a value of `protocol.Match`.
        axis: the local axis that the camera sees in the reference frame, or AUTO.
        filepath: the clip, where it is no longer where it was.
    Raises:
        ArtistError: the object cannot take keys, its result or its clip is gone, or it was animated with another axis up.
    """
    check_target(target)
    made = animated.animation_of(target)
    assert made is not None
    record = runner.record(made.job)
    given, writing = record.resolved(), delivery.Writing.of(record)
    choice: dict[str, Any] = {
        "match": protocol.Match(way),
        "facing": _side(target, axis, writing.facing, made.shape_matrix),
    }
    clip = bpy.path.abspath(filepath) or None
    rematch = protocol.Rematch(
        result=str(record.result_path),
        out=(),
        clip=clip,
        shape=given.shape,
        checkpoint=given.checkpoint,
        device=choices().device,
        memory=given.memory,
        **choice,
    )
    request = replace(given, clip=clip or given.clip, **choice)
    _check_files(rematch, request)
    place = {**delivery.mark_of(context.scene), "start": made.start_frame, "mode": str(made.mode)}
    writing = replace(writing, target=fingerprint(target), **place)
    title = record.title.removesuffix(MATCHED) + MATCHED
    job = new_job(context, request, title, Purpose.KEYS, writing, rematch)
    _keep_carry(record, job)
    return runner.submit(job)


def _keep_carry(record: JobRecord, job: JobRecord) -> None:
    """Takes along how the mesh was shown to the model; raises FolderError where that cannot be written."""
    kept, place = record.folder / CARRY_FILE, job.folder / CARRY_FILE
    try:
        if kept.is_file():
            shutil.copyfile(kept, place)
    except OSError as error:
        job.release()
        remove_folder(job.folder)
        raise cannot_write(place, error) from error


def _side(target: bpy.types.Object, axis: str, facing: str, shape: np.ndarray) -> protocol.Facing:
    if axis == AUTO:
        return protocol.Facing.AUTO
    side = fit.side_at(axis, facing, shape)
    if side is None:
        raise ArtistError(f"{target.name} was animated with another axis up.", "Animate it again with this facing.")
    return side


def _check_files(rematch: protocol.Rematch, request: protocol.Animate) -> None:
    if not Path(rematch.result).is_file():
        raise MotionError(
            "The result that is to be matched is not in the job folder any more.", "Animate the mesh again."
        )
    _check_clip(request.clip)


def _check_clip(clip: str) -> None:
    if not is_pattern(clip) and not Path(clip).exists():
        raise ArtistError(f"{clip} does not exist any more.", "Choose the clip again.")
