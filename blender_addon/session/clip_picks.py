"""What the artist pointed at in the chosen clip, as the scene keeps it; picks of another clip count for nothing."""

from collections.abc import Iterable
from typing import Any

import bpy

from ..errors import ArtistError
from ..motion.pointing import Kind, Pick
from ..process.backend_locator import protocol

REFERENCE = -1
"""The frame of picks in the reference frame, whichever that is."""
CLEAR = "actionmesh.clear_picks"


def chosen_path(settings: bpy.types.PropertyGroup) -> str:
    """Return the chosen clip as the settings name it; empty if the source is no clip that exists."""
    return {"VIDEO": settings.clip, "IMAGES": settings.images}.get(settings.source, "")


def is_chosen(settings: bpy.types.PropertyGroup, clip: str) -> bool:
    """Return whether a clip, given by its absolute path, is the chosen one."""
    chosen = chosen_path(settings)
    return bool(chosen) and bpy.path.abspath(chosen) == clip


def key_of(settings: bpy.types.PropertyGroup) -> tuple[Any, ...]:
    """Return the picks of the chosen clip as plain values, sound or not."""
    if not settings.picked_clip or bpy.path.abspath(settings.picked_clip) != bpy.path.abspath(chosen_path(settings)):
        return ()
    return tuple((item.kind, item.x, item.y, item.right, item.bottom, item.frame) for item in settings.picks)


def picks_of(settings: bpy.types.PropertyGroup) -> tuple[Pick, ...]:
    """Return the picks of the chosen clip; raise ArtistError if the file was tampered with."""
    try:
        return tuple(_pick(*values) for values in key_of(settings))
    except ValueError as error:
        raise ArtistError("What was pointed at in the clip is damaged.", "Clear it and point again.", CLEAR) from error


def keep(settings: bpy.types.PropertyGroup, picks: Iterable[Pick]) -> None:
    """Let these be the picks of the chosen clip."""
    settings.picks.clear()
    for pick in picks:
        item = settings.picks.add()
        item.kind, item.x, item.y, item.right, item.bottom = pick.kind, pick.x, pick.y, pick.right, pick.bottom
        item.frame = REFERENCE if pick.frame is None else pick.frame
    settings.picked_clip = chosen_path(settings) if len(settings.picks) else ""


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


def picks_for(settings: bpy.types.PropertyGroup, clip: str) -> protocol.Picks:
    """Return the picks for a job on a clip, given by its absolute path; none if another clip is chosen.

    Raises:
        ArtistError: see `picks_of` and `asked_for`.
    """
    return asked_for(picks_of(settings)) if is_chosen(settings, clip) else protocol.Picks()


def _pick(kind: str, x: float, y: float, right: float, bottom: float, frame: int) -> Pick:
    x, y, right, bottom = (round(value, 2) for value in (x, y, right, bottom))
    return Pick(Kind(kind), x, y, right, bottom, None if frame == REFERENCE else frame)
