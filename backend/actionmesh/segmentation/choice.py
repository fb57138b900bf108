"""Which way finds the subject: the surest that the clip and the downloads allow.

In this order: the file's own alpha or given masks; SAM 2.1 or EdgeTAM if one was downloaded; RMBG if it was downloaded
and nothing was pointed at; a plain background, if what was pointed at agrees with it; and for any other clip flow and
graph cuts, which always find something and say how sure they are.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import cv2
import numpy as np

from ..media.clip import Clip, fitted_size
from ..media.colour_key import find_key
from ..media.subject import BackgroundRemover, cut_by_alpha, cut_by_colour, cut_by_masks, cut_by_network
from ..progress import Progress
from ..protocol import Picks, Stage
from .following import follow, steps_of
from .found import Found
from .hints import FramePicks, picks_by_frame
from .kept_masks import MaskFolder, Masks, key_of
from .matting import enlarged
from .seeds import box_of_subject
from .tracking import Tracker

WORKING_SIDE = 288
"""Pixels along the longer side at which a subject is followed."""
FRAMES_AT_HAND = 24
"""Small frames that are kept in memory; more than `own_motion` compares."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Means:
    """What can be used to find a subject.

    Args:
        remover: RMBG, if it was downloaded.
        tracker: SAM 2.1 or EdgeTAM, if one was downloaded.
        folder: where masks are kept; None keeps none.
        earlier: where an earlier job kept some, which are used again if they are the right ones.
        tracker_name: tells the tracker from others, because each makes masks of its own.
    """

    remover: BackgroundRemover | None = None
    tracker: Callable[[], Tracker] | None = None
    folder: MaskFolder | None = None
    earlier: MaskFolder | None = None
    tracker_name: str = ""


def cut_out(
    clip: Clip,
    means: Means | None = None,
    progress: Progress | None = None,
    picks: Picks | None = None,
    reference: int = 0,
) -> Clip:
    """Return the clip with the subject as its alpha, with the subject's crops, and with notes on what is doubtful.

    Args:
        picks: what was pointed at; `reference` is the position of the frame that it concerns if it names none.
    Raises:
        MediaError: most frames show no subject, or something was pointed at outside the chosen frames.
        Cancelled: the user asked to stop.
    """
    means, progress, picks = means or Means(), progress or Progress(), picks or Picks()
    if clip.has_alpha:
        note = f"{clip.name} has an alpha channel or masks of its own, so the points and boxes had no effect."
        return cut_by_alpha(replace(clip, notes=(*clip.notes, note)) if picks else clip, progress)
    pointed = _pointed(clip, picks, reference)
    if means.tracker is None:
        if means.remover is not None and not pointed:
            return cut_by_network(clip, means.remover, progress)
        plain = find_key(clip.frames, progress.check)
        if plain is not None and all(
            picks.fit(plain.cut(clip.frames[number])[..., 3]) for number, picks in pointed.items()
        ):
            return cut_by_colour(clip, plain, progress)
    way = "following" if means.tracker is None else f"tracking {means.tracker_name}"
    key = key_of(clip, pointed, way) if means.folder or means.earlier else ""
    kept = means.folder.read(key) if means.folder is not None else None
    again = kept or (means.earlier.read(key) if means.earlier is not None else None)
    found = again or _found(clip, means, pointed, progress)
    masks = Masks() if means.folder is not None and kept is None else None
    cut = _with_doubt(cut_by_masks(clip, _alphas(found, masks), progress), found)
    if masks is None or means.folder is None:
        return cut
    unkept = means.folder.write(masks, found.doubt, key, clip.indices)
    return replace(cut, notes=(*cut.notes, unkept)) if unkept else cut


def needs_motion(clip: Clip, means: Means, picks: Picks) -> bool:
    """Return whether a frame without its neighbours would be cut out in another way than in a job."""
    if clip.has_alpha or means.tracker is not None:
        return False
    return bool(picks) or (means.remover is None and find_key(clip.frames) is None)


def within(picks: Picks, clip: Clip) -> Picks:
    """Return the picks in frames of a part of a clip, and those without a frame; none if none shows the subject."""
    kept = {None, *clip.indices.tolist()}
    found = Picks(*(tuple(place for place in places if place.frame in kept) for places in vars(picks).values()))
    return found if found.point or found.box else Picks()


def _found(clip: Clip, means: Means, pointed: Mapping[int, FramePicks], progress: Progress) -> Found:
    """Find the subject by the tracker, or by following it."""
    small, total = _Small(clip), len(clip.frames)
    if means.tracker is None:
        steps = steps_of(total, len(pointed))
        return follow(small.frame, total, pointed, progress.start(Stage.REMOVING_BACKGROUND, steps))
    tracker = means.tracker()
    seeds = pointed or box_of_subject(small.frame, total, progress.check)
    return tracker.track(clip.frames, seeds, progress.start(Stage.REMOVING_BACKGROUND, total))


def _alphas(found: Found, masks: Masks | None) -> Iterator[Callable[[np.ndarray], np.ndarray]]:
    """Yield functions from each frame (H, W, 3) uint8 to its alpha (H, W) uint8, which is also added to `masks`."""

    def alpha_of(number: int, frame: np.ndarray) -> np.ndarray:
        alpha = enlarged(found[number], frame)
        if masks is not None:
            masks.append(alpha)
        return alpha

    return (partial(alpha_of, number) for number in range(len(found)))


def _with_doubt(clip: Clip, found: Found) -> Clip:
    """Return the clip with its doubt, and if it is doubtful with a note, which is logged as a warning too."""
    clip = replace(clip, doubt=found.doubt)
    if clip.doubt is None or not clip.doubtful:
        return clip
    note = (
        f"Along {100 * clip.doubt:.0f}% of its outline, the subject of {clip.name} looks like its background. Point "
        "at the subject, or give masks, if the outline is wrong."
    )
    log.warning("%s", note)
    return replace(clip, notes=(*clip.notes, note))


def _pointed(clip: Clip, picks: Picks, reference: int) -> dict[int, FramePicks]:
    if not picks:
        return {}
    height, width = clip.own_size()
    return picks_by_frame(picks, clip.indices, reference, width, height, clip.name)


class _Small:
    """A clip's frames at the size at which a subject is followed; the last few are kept."""

    def __init__(self, clip: Clip):
        height, width = clip.frames.shape[1:3]
        self._frames, self._size = clip.frames, fitted_size(width, height, WORKING_SIDE)
        self.frame = lru_cache(maxsize=FRAMES_AT_HAND)(self._read)

    def _read(self, number: int) -> np.ndarray:
        return cv2.resize(self._frames[number][..., :3], self._size, interpolation=cv2.INTER_AREA)


def mask_folder(out: tuple[str, ...]) -> MaskFolder | None:
    """Return the folder beside a job's first result in which the subject's masks are kept."""
    return MaskFolder(Path(out[0]).with_name(f"{Path(out[0]).stem}_masks")) if out else None
