"""Jobs based on earlier ones: run again, with changes, or matched to their clip again without the networks."""

import shutil
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..errors import ArtistError, MotionError
from ..jobs.folder import cannot_write, remove_folder
from ..jobs.record import CLIP_FILE, MASKS_FOLDER, TARGET_FILE, JobRecord, Purpose
from ..process.backend_locator import protocol
from ..scene.seen import CARRY_FILE, see
from ..scene.targets import check_target, find_target, fingerprint
from ..session.choices import choices
from ..session.runner import runner
from . import animated_object, clip_fit, delivery
from .chosen_clip import is_pattern
from .submission import AUTO, new_job, save_target

MATCHED = " (matched again)"
"""Suffix of the title of a job that matches a result again."""


def run_again(context: bpy.types.Context, record: JobRecord, changes: dict[str, Any]) -> str:
    """Queue a job like an earlier one, with some fields of its request changed; return its id.

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
    """Queue a job that makes a motion like an earlier job did, with some fields changed; return its id.

    An object made from a clip alone gets a sibling, even if it was matched again since. The masks that the earlier job
    kept are used again.

    Raises:
        ArtistError: its mesh was deleted or edited, or its clip is gone.
    """
    writing, request = delivery.Writing.of(record), replace(record.resolved(), **changes)
    request = _with_masks(_with_source(request), record)
    title = record.title.removesuffix(MATCHED)
    if request.mesh is None:
        return runner.submit(new_job(context, request, title, Purpose.NEW_OBJECT, replace(writing, target=None)))
    seen = see(find_target(writing.target or {}), writing.upright)
    job = new_job(context, replace(request, mesh=TARGET_FILE), title, Purpose.KEYS, writing)
    save_target(seen, writing.facing, job)
    return runner.submit(job)


def _with_source(request: protocol.Animate) -> protocol.Animate:
    """Return a request whose clip exists, or is made anew; raise ArtistError if what it is made from is gone."""
    if not isinstance(request, protocol.Generate):
        _check_clip(request.clip)
        return request
    if request.picture is not None and not Path(request.picture).is_file():
        raise ArtistError(f"{request.picture} no longer exists.", "Animate from the text again.")
    return replace(request, clip=CLIP_FILE)


def _with_masks(request: protocol.Animate, record: JobRecord) -> protocol.Animate:
    kept = record.folder / MASKS_FOLDER
    return replace(request, masks_from=str(kept)) if kept.is_dir() else request


def match_again(context: bpy.types.Context, target: bpy.types.Object, way: str, axis: str, filepath: str = "") -> str:
    """Queue a job that matches the animation of an object to its clip again; return its id.

    Args:
        way: a value of `protocol.Match`.
        axis: the local axis that the camera sees in the reference frame, or AUTO.
        filepath: the clip, if it has moved.
    Raises:
        ArtistError: the object cannot take keys, its result or clip is gone, or it was animated with another axis up.
    """
    check_target(target)
    made = animated_object.animation_of(target)
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
    """Copy the record of how the mesh was shown to the model; raise FolderError if it cannot be written."""
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
    side = clip_fit.side_at(axis, facing, shape)
    if side is None:
        raise ArtistError(f"{target.name} was animated with another axis up.", "Animate it again with this facing.")
    return side


def _check_files(rematch: protocol.Rematch, request: protocol.Animate) -> None:
    if not Path(rematch.result).is_file():
        raise MotionError("The result to match is no longer in the job folder.", "Animate the mesh again.")
    _check_clip(request.clip)


def _check_clip(clip: str) -> None:
    if not is_pattern(clip) and not Path(clip).exists():
        raise ArtistError(f"{clip} no longer exists.", "Choose the clip again.")
