"""The thumbnail of the reference frame with its subject cut out, and the facts about the clip that come with it."""

import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import bpy.utils.previews
import numpy as np

from ..process.backend_locator import protocol
from . import clip_picks

SMALL, LARGE = 0.005, 0.9
"""Shares of the frame below and above which the outline is probably wrong."""

_pictures: Any = None
_folder: tempfile.TemporaryDirectory | None = None
"""A private folder for the thumbnails."""


@dataclass(frozen=True)
class Look:
    """The result of a look at a clip.

    Args:
        source: what was looked at, see `source_key`.
        clip: the part of it that names the clip.
        icon: id of the picture's icon, for `template_icon`.
        clip_frames: number of frames in the clip.
        summary: one short line.
        warning: a sentence if the outline is doubtful, otherwise empty.
        rate: frames per second of the clip; None for rendered pictures.
    """

    source: tuple[Any, ...]
    clip: tuple[Any, ...]
    icon: int
    clip_frames: int
    summary: str
    warning: str = ""
    rate: float | None = None

    @property
    def length(self) -> str:
        """The length of the clip in words; empty if it has no rate of its own."""
        if not self.rate:
            return ""
        return f"{self.clip_frames} frames at {round(self.rate, 2):g} fps, {self.clip_frames / self.rate:.1f} s"


def clip_key(settings: bpy.types.PropertyGroup) -> tuple[Any, ...]:
    """Return a key of the clip that the settings name."""
    if settings.source == "OBJECT":
        return ("OBJECT", settings.source_object.name if settings.source_object else "")
    if settings.source == "TEXT":
        return ("TEXT", settings.prompt)
    return (settings.source, settings.clip if settings.source == "VIDEO" else settings.images)


def source_key(settings: bpy.types.PropertyGroup, subject: int | None = None) -> tuple[Any, ...]:
    """Return a key of the picture that the settings name; a look with another key is out of date.

    Args:
        subject: of the clip, counted from 0; None is the active one.
    """
    first = 0 if settings.fit_clip else (settings.frame_start, settings.scene_start)
    spaced = (settings.frame_count, settings.frame_step, settings.fit_clip) if settings.anchor else ()
    seen = settings.source_facing if settings.source == "OBJECT" else settings.masks
    return (*clip_key(settings), seen, settings.anchor, first, spaced, clip_picks.key_of(settings, subject))


def picture(path: Path) -> int:
    """Return the icon of a picture on disk, reading the file again on every call."""
    assert _pictures is not None
    name = str(path)
    if name in _pictures:
        del _pictures[name]
    return _pictures.load(name, name, "IMAGE", True).icon_id


def drawn(name: str, pixels: np.ndarray) -> int:
    """Return the icon of a picture (H, W, 4) float32, rows from the bottom; an earlier one of that name goes."""
    assert _pictures is not None
    if name in _pictures:
        del _pictures[name]
    preview = _pictures.new(name)
    height, width = pixels.shape[:2]
    preview.image_size = (width, height)
    preview.image_pixels_float.foreach_set(np.ascontiguousarray(pixels, np.float32).ravel())
    return preview.icon_id


def warning_of(coverage: float) -> str:
    """Return a warning if a subject fills a doubtful share of the frame; empty otherwise."""
    cure = "Supply masks, or pictures with a transparent background."
    if coverage < SMALL:
        return f"Almost no subject was found. {cure}"
    if coverage > LARGE:
        return f"Almost the whole frame was taken as the subject. {cure}"
    return ""


def of_frame(seen: protocol.Looked, keys: tuple[tuple, tuple]) -> Look:
    """Return what a look at a clip showed; `keys` as for `of_rendered`."""
    summary = f"Frame {seen.frame + 1} of {seen.clip_frames}, {seen.width} x {seen.height}"
    warning = warning_of(seen.coverage) or " ".join(seen.notes)
    return Look(*keys, picture(Path(seen.out)), seen.clip_frames, summary, warning, seen.fps)


def of_rendered(picture_path: Path, keys: tuple[tuple, tuple], count: int, summary: str) -> Look:
    """Return the look at a rendered picture. The picture is copied, since its job may be deleted.

    Args:
        keys: `source_key` and `clip_key` of the settings with which it was rendered.
        count: number of pictures.
    """
    copy = new_picture()
    shutil.copyfile(picture_path, copy)
    return Look(*keys, picture(copy), count, summary)


def new_picture() -> Path:
    """Return the path for the next thumbnail; remove the earlier ones."""
    assert _folder is not None
    for old in Path(_folder.name).glob("*.png"):
        old.unlink(missing_ok=True)
    return Path(_folder.name) / f"{time.monotonic_ns()}.png"


def new_folder() -> Path:
    """Return the path for a folder that lasts as long as this Blender."""
    assert _folder is not None
    return Path(_folder.name) / str(time.monotonic_ns())


def attach() -> None:
    global _pictures, _folder
    if _pictures is None:
        _pictures, _folder = bpy.utils.previews.new(), tempfile.TemporaryDirectory(prefix="actionmesh-")


def detach() -> None:
    global _pictures, _folder
    if _pictures is not None:
        bpy.utils.previews.remove(_pictures)
        _pictures = None
    if _folder is not None:
        _folder.cleanup()
        _folder = None
