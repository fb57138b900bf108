"""What the artist pointed at in the chosen clip, as the scene keeps it; picks of another clip count for nothing.

A clip may have several subjects. Each pick says of which it is, counted from 0; one of them is active.
"""

from collections.abc import Iterable
from typing import Any

import bpy

from ..errors import ArtistError
from ..motion.pointing import Kind, Pick
from ..process.backend_locator import protocol

REFERENCE = -1
"""The frame of picks in the reference frame, whichever that is."""
CLEAR = "actionmesh.clear_picks"
MOST_SUBJECTS = 9
"""Subjects of one clip; each has a button with its number."""


def chosen_path(settings: bpy.types.PropertyGroup) -> str:
    """Return the chosen clip as the settings name it; empty if the source is no clip that exists."""
    return {"VIDEO": settings.clip, "IMAGES": settings.images}.get(settings.source, "")


def is_chosen(settings: bpy.types.PropertyGroup, clip: str) -> bool:
    """Return whether a clip, given by its absolute path, is the chosen one."""
    chosen = chosen_path(settings)
    return bool(chosen) and bpy.path.abspath(chosen) == clip


def pointed_at(settings: bpy.types.PropertyGroup) -> list[int]:
    """Return the subjects of the chosen clip that were pointed at, counted from 0."""
    return sorted({_subject_of(item) for item in settings.picks}) if _are_of_chosen(settings) else []


def active(settings: bpy.types.PropertyGroup) -> int:
    """Return the active subject of the chosen clip, counted from 0."""
    return _within(settings.active_subject) if _are_of_chosen(settings) else 0


def subject_count(settings: bpy.types.PropertyGroup) -> int:
    """Return how many subjects the chosen clip has: those that were pointed at, and the active one."""
    return 1 + max(active(settings), *pointed_at(settings), 0)


def next_subject(settings: bpy.types.PropertyGroup) -> int:
    """Return the number, counted from 0, of a subject of the chosen clip that is added."""
    return max(pointed_at(settings), default=-1) + 1


def key_of(settings: bpy.types.PropertyGroup, subject: int | None = None) -> tuple[Any, ...]:
    """Return the picks of a subject of the chosen clip, or of the active one, as plain values, sound or not."""
    chosen = active(settings) if subject is None else subject
    of_subject = (item for item in settings.picks if _subject_of(item) == chosen) if _are_of_chosen(settings) else ()
    return tuple((item.kind, item.x, item.y, item.right, item.bottom, item.frame) for item in of_subject)


def picks_of(settings: bpy.types.PropertyGroup, subject: int | None = None) -> tuple[Pick, ...]:
    """Return the picks as `key_of` does; raise ArtistError if the file was tampered with."""
    try:
        return tuple(_pick(*values) for values in key_of(settings, subject))
    except ValueError as error:
        raise ArtistError("What was pointed at in the clip is damaged.", "Clear it and point again.", CLEAR) from error


def keep(settings: bpy.types.PropertyGroup, picks: Iterable[Pick], subject: int | None = None) -> None:
    """Let these be the picks of a subject of the chosen clip, or of the active one, which it then is."""
    chosen = active(settings) if subject is None else subject
    _forget(settings, chosen)
    for pick in picks:
        item = settings.picks.add()
        item.subject = chosen
        item.kind, item.x, item.y, item.right, item.bottom = pick.kind, pick.x, pick.y, pick.right, pick.bottom
        item.frame = REFERENCE if pick.frame is None else pick.frame
    settings.picked_clip = chosen_path(settings) if len(settings.picks) else ""
    settings.active_subject = chosen


def remove(settings: bpy.types.PropertyGroup) -> None:
    """Remove the active subject; those after it move up by one."""
    gone = active(settings)
    keep(settings, (), gone)
    for item in settings.picks:
        if _subject_of(item) > gone:
            item.subject = _subject_of(item) - 1
    settings.active_subject = min(gone, max(pointed_at(settings), default=0))


def asked_for(picks: Iterable[Pick]) -> protocol.Picks:
    """Return picks as a job has them; raise ArtistError if they make no sense together."""
    spots: dict[str, list[protocol.Spot]] = {Kind.POINT: [], Kind.NOT_POINT: []}
    boxes = []
    for pick in picks:
        if pick.kind is Kind.BOX:
            boxes.append(protocol.Area(pick.x, pick.y, pick.right, pick.bottom, pick.frame))
        else:
            spots[pick.kind].append(protocol.Spot(pick.x, pick.y, pick.frame))
    asked = protocol.Picks(tuple(spots[Kind.POINT]), tuple(spots[Kind.NOT_POINT]), tuple(boxes))
    if fault := asked.fault():
        raise ArtistError(fault.problem, fault.cure, "actionmesh.pick_subject")
    return asked


def picks_for(settings: bpy.types.PropertyGroup, clip: str, subject: int | None = None) -> protocol.Picks:
    """Return a subject's picks for a job on a clip, given by its absolute path; none if another clip is chosen.

    Raises:
        ArtistError: see `picks_of` and `asked_for`.
    """
    return asked_for(picks_of(settings, subject)) if is_chosen(settings, clip) else protocol.Picks()


def _pick(kind: str, x: float, y: float, right: float, bottom: float, frame: int) -> Pick:
    x, y, right, bottom = (round(value, 2) for value in (x, y, right, bottom))
    return Pick(Kind(kind), x, y, right, bottom, None if frame == REFERENCE else frame)


def _are_of_chosen(settings: bpy.types.PropertyGroup) -> bool:
    """Return whether there are picks, and of the chosen clip."""
    picked = settings.picked_clip
    return bool(picked) and bpy.path.abspath(picked) == bpy.path.abspath(chosen_path(settings))


def _forget(settings: bpy.types.PropertyGroup, subject: int) -> None:
    """Remove a subject's picks, and all picks of another clip."""
    if not _are_of_chosen(settings):
        settings.picks.clear()
    for number in reversed(range(len(settings.picks))):
        if _subject_of(settings.picks[number]) == subject:
            settings.picks.remove(number)


def _subject_of(item: bpy.types.PropertyGroup) -> int:
    return _within(item.subject)


def _within(subject: int) -> int:
    """Return the number of a subject, whatever a file says."""
    return min(max(subject, 0), MOST_SUBJECTS - 1)
