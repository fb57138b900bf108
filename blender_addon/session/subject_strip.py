"""The strips of frames that show the subjects tracked through a clip, and where their masks are kept."""

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
        source: a key of what was tracked; with another key, the strip is out of date.
        clip: the part of it that names the clip.
        picks: the part of it that says what was pointed at. It tells the clip's subjects apart, whose numbers change.
        shown: some frames with the subject cut out.
        size: width and height of the clip's frames in pixels.
        masks: the folder of the masks; None if the backend kept none.
        warning: what is doubtful, otherwise empty.
    """

    source: tuple[Any, ...]
    clip: tuple[Any, ...]
    picks: tuple[Any, ...]
    shown: tuple[Shown, ...]
    size: tuple[int, int]
    masks: str | None
    warning: str = ""


Strips = tuple[Strip, ...]
Keys = tuple[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]]


def keys_of(settings: bpy.types.PropertyGroup, subject: int | None = None) -> Keys:
    """Return the fields `source`, `clip` and `picks` of the strip of what the settings track now.

    Args:
        subject: of the clip, counted from 0; None is the active one.
    """
    frames = settings.frame_start, settings.frame_count, settings.frame_step, settings.fit_clip
    source = (*thumbnail.source_key(settings, subject), *frames)
    return source, thumbnail.clip_key(settings), clip_picks.key_of(settings, subject)


def strip_of(found: protocol.Tracked, keys: Keys) -> Strip:
    """Return the strip of a tracked subject; a frame that comes twice is shown once.

    Args:
        keys: `keys_of` the settings with which it was tracked.
    """
    pictures = dict(zip(zip(found.positions, found.frames, strict=True), found.out, strict=True))
    shown = tuple(Shown(*place, Path(name), thumbnail.picture(Path(name))) for place, name in pictures.items())
    return Strip(*keys, shown, (found.width, found.height), found.masks, " ".join(found.notes))


def with_newest(strips: Strips, newest: Strip, settings: bpy.types.PropertyGroup) -> Strips:
    """Return the strips to remember: the newest, and those of the other subjects of its clip as they are now."""
    present = {clip_picks.key_of(settings, subject) for subject in range(clip_picks.subject_count(settings))}
    others = (strip for strip in strips if strip.clip == newest.clip and strip.picks in present - {newest.picks})
    return newest, *others


def latest(strips: Strips, settings: bpy.types.PropertyGroup, subject: int | None = None) -> Strip | None:
    """Return the strip of a subject as it was pointed at, even if other frames were chosen since.

    Args:
        subject: of the clip, counted from 0; None is the active one.
    """
    _source, *what = keys_of(settings, subject)
    return next((strip for strip in strips if [strip.clip, strip.picks] == what), None)


def current(strips: Strips, settings: bpy.types.PropertyGroup, subject: int | None = None) -> Strip | None:
    """Return the strip of a subject, unless it is out of date; `subject` as in `latest`."""
    strip = latest(strips, settings, subject)
    return strip if strip is not None and strip.source == keys_of(settings, subject)[0] else None


def shown_at(strip: Strip | None, position: int) -> Shown | None:
    """Return the frame of a strip at a position among the chosen frames."""
    return next((shown for shown in strip.shown if shown.position == position), None) if strip is not None else None


def kept_masks(strips: Strips, settings: bpy.types.PropertyGroup, clip: str, subject: int | None = None) -> str | None:
    """Return the folder of a subject's masks that a job may use again; None unless its clip, an absolute path, was
    tracked. `subject` as in `latest`.
    """
    strip = latest(strips, settings, subject) if clip_picks.is_chosen(settings, clip) else None
    return strip.masks if strip is not None else None
