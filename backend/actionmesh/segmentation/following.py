"""Following a subject without a network: flow carries its mask to the next frame, and a graph cut refines it."""

from collections import deque
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field

import cv2
import numpy as np

from .colours import Colours, look_up
from .cutting import cut, tidy
from .found import Found, coded
from .hints import FramePicks
from .motion import carried, motion_between
from .own_motion import FrameAt, OwnMotion, own_motion
from .seeds import LOOKS, Sighting, find_subject, probability

LEARNED = 0.1
"""How far the colours of each new frame replace those of earlier ones."""
LOST, BACK = 0.25, 0.4
"""A subject is gone below this share of its usual area, and there again above the other."""
USUAL = 8
"""Frames over which the usual area is taken."""
RING = 0.05
"""Width of the ring along the outline where doubt is measured, as a share of the subject's size."""


def steps_of(count: int, picked: int) -> int:
    """Return how many steps `follow` reports for a clip of `count` frames, `picked` of them with picks."""
    return count + (picked or min(LOOKS, count))


def follow(frame_at: FrameAt, count: int, picks: Mapping[int, FramePicks], advance: Callable[[], None]) -> Found:
    """Return the subject of a clip.

    Args:
        frame_at: returns a frame (H, W, 3) uint8, all of one small size.
        count: T, the number of frames.
        picks: what the artist pointed at, by frame; empty lets motion, the middle and the borders decide.
        advance: called after each of `steps_of` steps.
    """
    seen, colours = find_subject(frame_at, count, picks, advance)
    masks = {seen.frame: coded(_bytes(seen.mask))}
    doubts: list[float | None] = [_confusion(frame_at(seen.frame), seen.mask, colours)]
    advance()
    for numbers in (range(seen.frame + 1, count), range(seen.frame - 1, -1, -1)):
        follower = Follower(frame_at, count, seen, deepcopy(colours), picks)
        for number in numbers:
            masks[number] = coded(_bytes(follower.step(number)))
            doubts.append(follower.doubt)
            advance()
    told = [doubt for doubt in doubts if doubt is not None]
    return Found([masks[number] for number in range(count)], float(np.mean(told)))


@dataclass
class Follower:
    """Carries a mask from frame to frame.

    Args:
        seen: the subject in the first frame.
        colours: of subject and background, updated with every frame.
        doubt: of the last frame's outline, from 0 to 1; None if it does not show the subject.
    """

    frame_at: FrameAt
    count: int
    seen: Sighting
    colours: Colours
    picks: Mapping[int, FramePicks]
    doubt: float | None = None
    _mask: np.ndarray = field(init=False)
    _last: int = field(init=False)
    _gone: bool = False
    _areas: deque[int] = field(init=False)

    def __post_init__(self) -> None:
        self._mask, self._last = self.seen.mask, self.seen.frame
        self._areas = deque([int(self.seen.mask.sum())], maxlen=USUAL)

    def step(self, number: int) -> np.ndarray:
        """Return the mask (H, W) bool of the frame next to the last one; empty if it does not show the subject."""
        frame = self.frame_at(number)
        back = motion_between(frame, self.frame_at(self._last))
        expected = carried(self._mask.astype(np.float32), back.flow) > 0.5
        odds = self._odds(frame, expected, own_motion(self.frame_at, number, self.count))
        if number in self.picks:
            odds += self.picks[number].odds(*odds.shape)
        anywhere = self._gone or (number in self.picks and self.picks[number].shows_subject)
        found = tidy(cut(frame, odds), None if anywhere else expected)
        usual = float(np.median(self._areas))
        self._gone = found.sum() < (BACK if self._gone else LOST) * usual
        self._last = number
        if self._gone:
            self._mask, self.doubt = expected, None
            return np.zeros_like(found)
        self._mask = found
        self._areas.append(int(found.sum()))
        self.doubt = _confusion(frame, found, self.colours)
        self.colours.add(frame, found, ~found, LEARNED)
        return found

    def _odds(self, frame: np.ndarray, expected: np.ndarray, moving: OwnMotion) -> np.ndarray:
        """Return odds (H, W) float32 from where the subject should be, from its colours and from its motion."""
        reach = 2 + 0.04 * float(np.sqrt(max(1, expected.sum())))
        inner, outer = (cv2.distanceTransform(side.astype(np.uint8), cv2.DIST_L2, 5) for side in (expected, ~expected))
        place = 3 * ((inner - outer) / reach).clip(-0.5 if self._gone else -1.6, 1.0)
        colour = cv2.GaussianBlur(look_up(self.colours.odds(), frame), (0, 0), 0.8)
        return (place + 1.5 * colour + 0.8 * moving.clear * moving.odds.clip(-4, 2)).astype(np.float32)


def _confusion(frame: np.ndarray, mask: np.ndarray, colours: Colours) -> float:
    """Return the share of the pixels along a mask's outline whose colours are rather those of the other side."""
    reach = max(2, round(RING * float(np.sqrt(mask.sum()))))
    square = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    grown, shrunk = (step(mask.astype(np.uint8), square) > 0 for step in (cv2.dilate, cv2.erode))
    likely = probability(cv2.GaussianBlur(look_up(colours.odds(), frame), (0, 0), 0.8)) > 0.5
    sides = [(mask & ~shrunk, ~likely), (grown & ~mask, likely)]
    return float(np.mean([wrong[side].mean() if side.any() else 0.0 for side, wrong in sides]))


def _bytes(mask: np.ndarray) -> np.ndarray:
    return np.where(mask, 255, 0).astype(np.uint8)
