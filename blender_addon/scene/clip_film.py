"""The clip behind a camera: half transparent, and in time with the animation made from it.

Blender plays one frame of a background per frame of the scene. If the clip has another rate, or the animation repeats
or has another speed, the background's offset is animated, so that it is right at every whole frame. Clips whose frames
are not evenly spaced in time may be a frame off.
"""

import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import bpy
import numpy as np

from ..motion.clip_lens import shape_differs
from ..motion.film_frames import shown_frames
from ..motion.mirrored import is_mirrored
from ..motion.timing import whole_range
from ..motion.weights import Loop, knots
from . import fcurves
from .animation_record import Record

ALPHA = 0.5
PICTURE_RATE = 24.0
"""Pictures per second if nobody gave a rate."""
PICTURES = frozenset(".png .jpg .jpeg .webp .bmp .tif .tiff .tga .jp2".split())
"""File types that the backend reads and Blender shows."""
MASK = re.compile(
    r"(?:(?<![A-Za-z])|(?<=[a-z])(?=[A-Z]))(?i:masks?|msk|alpha|mattes?|silhouette|seg|segmentation)(?![a-z])"
)
"""Words by which the backend recognises masks that lie next to their pictures."""
NUMBERED = re.compile(r"(?P<head>.*?)(?P<number>\d+)(?P<tail>\D*\.[^.]*)")
OFFSET = "background_images[0].image_user.frame_offset"


@dataclass(frozen=True, eq=False)
class Film:
    """A clip as Blender shows it.

    Args:
        image: a movie or a sequence.
        size: (width, height) of its frames in pixels.
        numbers: Blender's numbers for the clip's frames, in order.
        rate: frames per second.
    """

    image: bpy.types.Image
    size: tuple[int, int]
    numbers: Sequence[int]
    rate: float


class Unshown(Exception):
    """The clip cannot be put behind a camera; a sentence says why."""


def put_behind(
    camera: bpy.types.Camera, record: Record, frame: tuple[int, int], scene: bpy.types.Scene, undo: ExitStack
) -> list[str]:
    """Put the clip of an animation behind a new camera; return sentences on what could not be done.

    Args:
        frame: (width, height) of the clip.
    """
    with ExitStack() as opened:
        try:
            film = _open(record, frame, opened)
        except Unshown as error:
            return [str(error)]
        undo.callback(opened.pop_all().close)
    behind = camera.background_images.new()
    behind.image, behind.alpha, behind.display_depth = film.image, ALPHA, "BACK"
    behind.frame_method = "STRETCH" if shape_differs(frame, film.size) else "FIT"
    camera.show_background_images = True
    _time(camera, behind.image_user, film, record, scene, undo)
    return []


def _open(record: Record, frame: tuple[int, int], undo: ExitStack) -> Film:
    clip, own_rate = Path(str(record.provenance.get("clip", ""))), record.film_rate
    if clip.is_file():
        if is_mirrored(clip):
            raise Unshown(
                f"Blender does not mirror {clip.name} as the file asks, so there is no clip behind the camera."
            )
        film = _open_movie(clip, own_rate, undo)
    else:
        film = _open_pictures(clip, own_rate, undo)
    if shape_differs(frame, film.size) and not shape_differs(frame, film.size[::-1]):
        raise Unshown(f"Blender does not turn {clip.name} as the file asks, so there is no clip behind the camera.")
    return film


def _open_movie(path: Path, rate: float | None, undo: ExitStack) -> Film:
    image, size = _load(path, undo)
    if image.source != "MOVIE":
        raise Unshown(f"Blender cannot play {path.name}, so there is no clip behind the camera.")
    if rate is None:
        movie = bpy.data.movieclips.load(str(path))
        rate = movie.fps
        bpy.data.movieclips.remove(movie)
    return Film(image, size, range(1, image.frame_duration + 1), rate or PICTURE_RATE)


def _open_pictures(source: Path, rate: float | None, undo: ExitStack) -> Film:
    """Open a folder or a pattern of pictures; Blender shows those whose names differ in one number."""
    found = _numbered(source)
    image, size = _load(found[min(found)], undo)
    image.source = "SEQUENCE"
    return Film(image, size, sorted(found), rate or PICTURE_RATE)


def _numbered(source: Path) -> dict[int, Path]:
    folder, pattern = (source, "*") if source.is_dir() else (source.parent, re.sub(r"%\d*d", "*", source.name))
    try:
        paths = [path for path in folder.iterdir() if _is_picture(path) and fnmatch(path.name, pattern)]
    except OSError:
        paths = []
    paths = [path for path in paths if not MASK.search(path.stem)] or paths
    if not paths:
        raise Unshown(f"{source} is not where it was, so there is no clip behind the camera.")
    matches = [NUMBERED.fullmatch(path.name) for path in paths]
    if None in matches or len({(match["head"], match["tail"]) for match in matches if match}) > 1:
        raise Unshown(f"The names of the pictures of {source} differ in more than a number, so there is no clip.")
    return {int(match["number"]): path for match, path in zip(matches, paths, strict=True) if match}


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURES and not path.name.startswith(".")


def _load(path: Path, undo: ExitStack) -> tuple[bpy.types.Image, tuple[int, int]]:
    """Load a new image data-block and its size; an image of the artist's with the same file stays as it is."""
    problem = f"Blender cannot show {path.name}, so there is no clip behind the camera."
    try:
        image = bpy.data.images.load(str(path))
    except RuntimeError as error:
        raise Unshown(problem) from error
    undo.callback(bpy.data.images.remove, image)
    width, height = image.size
    if not width:
        raise Unshown(problem)
    return image, (width, height)


def _time(
    camera: bpy.types.Camera,
    user: bpy.types.ImageUser,
    film: Film,
    record: Record,
    scene: bpy.types.Scene,
    undo: ExitStack,
) -> None:
    """Set which frame of the clip is shown when: by one offset if that suffices, otherwise by a curve of offsets."""
    poses, loop = record.frames, record.playback.loop
    start, end = whole_range(knots(poses, loop))
    if loop != Loop.NONE:
        end = max(end, scene.frame_end)
    frames = np.arange(start, end + 1)
    shown = shown_frames(frames, poses, np.array(record.times), loop, record.film_start, film.rate)
    numbers = np.array(film.numbers)[shown.clip(0, len(film.numbers) - 1)]
    offsets = numbers - (frames - start + 1)
    user.frame_start, user.frame_duration, user.frame_offset = start, len(frames), int(offsets[0])
    if (offsets != offsets[0]).any():
        undo.callback(fcurves.own_action(camera, camera.name))
        fcurves.set_points(fcurves.make(camera, OFFSET), np.stack([frames, offsets], axis=1))
