"""The clip that the artist chose: a video, a folder or pattern of pictures, an animated object, or a text."""

from contextlib import suppress
from pathlib import Path

import bpy

from ..errors import ArtistError


def has_source(settings: bpy.types.PropertyGroup) -> bool:
    """Return whether the artist chose a source for the motion."""
    named = {"VIDEO": settings.clip, "IMAGES": settings.images, "OBJECT": settings.source_object}
    named["TEXT"] = settings.prompt.strip()
    return bool(named.get(settings.source))


def is_file(settings: bpy.types.PropertyGroup) -> bool:
    """Return whether the source is a clip that already exists."""
    return settings.source in ("VIDEO", "IMAGES")


def choose_clip(settings: bpy.types.PropertyGroup, filepath: str, relative: bool) -> None:
    """Make a video the source of the motion.

    Args:
        relative: whether to store its path relative to the .blend file, if the file was saved and that is possible.
    """
    if relative and bpy.data.filepath and filepath:
        with suppress(ValueError):  # the clip is on another drive
            filepath = bpy.path.relpath(filepath)
    settings.source, settings.clip = "VIDEO", filepath


def video_path(settings: bpy.types.PropertyGroup) -> str:
    """Return the absolute path of the chosen video, or an empty string if none is chosen."""
    return bpy.path.abspath(settings.clip) if settings.clip else ""


def clip_of(settings: bpy.types.PropertyGroup, filepath: str = "") -> str:
    """Return the clip's absolute path; raise ArtistError if none is chosen or it does not exist."""
    named = filepath or (settings.clip if settings.source == "VIDEO" else settings.images)
    fix = "actionmesh.open_clip" if settings.source == "VIDEO" else None
    if not named:
        raise ArtistError("No clip is chosen.", "Choose a video or a folder of pictures.", fix)
    path = bpy.path.abspath(named)
    if not is_pattern(path) and not Path(path).exists():
        raise ArtistError(f"The clip {path} does not exist.", "Choose it again.", fix)
    return path


def is_pattern(path: str) -> bool:
    """Return whether a path stands for many pictures, such as walk_*.png or walk_%04d.png."""
    return "*" in path or "%" in path


def picture_rate(settings: bpy.types.PropertyGroup, clip: str) -> float | None:
    """Return the frame rate for a clip of pictures; None for a video, which has its own."""
    return settings.image_rate if is_pattern(clip) or Path(clip).is_dir() else None
