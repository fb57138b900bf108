"""The strip of frames that shows a subject tracked through its clip, and where its masks are kept."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ..process.backend_locator import protocol
from . import clip_picks, thumbnail


@dataclass(frozen=True)
class Shown:
    """A frame of the strip.

    Args:
        position: among the chosen frames, counted from 0.
        frame: in the clip, counted from 0.
        picture: RGBA, of which the alpha is the subject.
        icon: id of its icon, for `template_icon`.
    """

    position: int
    frame: int
    picture: Path
    icon: int


@dataclass(frozen=True)
class Strip:
    """A tracked subject.

    Args:
        source: what was tracked, see `strip_key`.
        clip: the part of it that names the clip.
        shown: some frames with the subject cut out.
        size: width and height of the clip's frames in pixels.
        masks: the folder of the masks; None if the backend kept none.
        warning: what is doubtful, otherwise empty.
    """

    source: tuple[Any, ...]
    clip: tuple[Any, ...]
    shown: tuple[Shown, ...]
    size: tuple[int, int]
    masks: str | None
    warning: str = ""


def strip_key(settings: bpy.types.PropertyGroup) -> tuple[Any, ...]:
    """Return a key of what the settings track; a strip with another key is out of date."""
    frames = settings.frame_start, settings.frame_count, settings.frame_step, settings.fit_clip
    return (*thumbnail.source_key(settings), *frames)


def strip_of(found: protocol.Tracked, keys: tuple[tuple, tuple]) -> Strip:
    """Return the strip of a tracked subject; a frame that comes twice is shown once.

    Args:
        keys: `strip_key` and `thumbnail.clip_key` of the settings with which it was tracked.
    """
    pictures = dict(zip(zip(found.positions, found.frames, strict=True), found.out, strict=True))
    shown = tuple(Shown(*place, Path(name), thumbnail.picture(Path(name))) for place, name in pictures.items())
    return Strip(*keys, shown, (found.width, found.height), found.masks, " ".join(found.notes))


def shown_at(strip: Strip | None, settings: bpy.types.PropertyGroup, position: int) -> Shown | None:
    """Return the frame of the strip at a position among the chosen frames, unless the strip is out of date."""
    if strip is None or strip.source != strip_key(settings):
        return None
    return next((shown for shown in strip.shown if shown.position == position), None)


def kept_masks(strip: Strip | None, settings: bpy.types.PropertyGroup, clip: str) -> str | None:
    """Return the folder of masks that a job may use again; None unless its clip, an absolute path, was tracked."""
    tracked = strip is not None and strip.clip == thumbnail.clip_key(settings) and clip_picks.is_chosen(settings, clip)
    return strip.masks if strip is not None and tracked else None
