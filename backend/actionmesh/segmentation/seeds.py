"""Where the subject is, if nobody says: what moves by itself, what the border does not show, and what is central."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ..media.subject_crops import box_of
from .colours import Colours, look_up
from .cutting import cut, tidy
from .hints import FramePicks
from .own_motion import FrameAt, OwnMotion, own_motion

LOOKS = 6
"""Frames that are looked at."""
ROUNDS = 4
CORE = np.ones((7, 7), np.uint8)
"""Flow spills over an outline by a few pixels: what lies deeper inside gives the subject's colours."""
RIM = 0.05
"""Width of the border that usually shows no subject, as a share of the shorter side."""


@dataclass(frozen=True)
class Sighting:
    """The subject in one frame.

    Args:
        frame: position in the clip.
        mask: (H, W) bool.
        trust: how much it looks like one subject, from 0 to 1.
    """

    frame: int
    mask: np.ndarray
    trust: float


def find_subject(
    frame_at: FrameAt, count: int, picks: Mapping[int, FramePicks], advance: Callable[[], None]
) -> tuple[Sighting, Colours]:
    """Return where the subject is seen best, and the colours of subject and background in a few frames.

    Args:
        frame_at: returns a frame (H, W, 3) uint8.
        count: T, the number of frames.
        picks: what the artist pointed at, by frame; only these frames are looked at, and the first of them that says
            where the subject is is returned.
        advance: called after each frame.
    """
    chosen = sorted(picks) or np.unique(np.linspace(0, count - 1, min(LOOKS, count)).round().astype(int)).tolist()
    frames, moving = [], []
    for number in chosen:
        frames.append(frame_at(number))
        moving.append(own_motion(frame_at, number, count))
        advance()
    size = frames[0].shape[:2]
    priors = [picks[number].odds(*size) if picks else _centre(size) for number in chosen]
    guesses = _first_guess(frames, moving, priors)
    for _ in range(ROUNDS):
        colours = Colours()
        for frame, guess in zip(frames, guesses, strict=True):
            colours.add(frame, probability(cv2.erode(guess, CORE)), 1 - probability(guess))
        odds = colours.odds()
        guesses = [
            _odds(look_up(odds, frame), move, prior, guess)
            for frame, move, prior, guess in zip(frames, moving, priors, guesses, strict=True)
        ]
    cuts = [tidy(cut(frame, guess)) for frame, guess in zip(frames, guesses, strict=True)]
    if picks:
        cuts = [_pointed_at(found, picks[number]) for found, number in zip(cuts, chosen, strict=True)]
    colours = Colours()
    for frame, found in zip(frames, cuts, strict=True):
        colours.add(frame, found, ~found)
    odds = colours.odds()
    sightings = [
        Sighting(number, found, _trust(found, look_up(odds, frame), move))
        for number, frame, found, move in zip(chosen, frames, cuts, moving, strict=True)
    ]
    if picks:
        return next(seen for seen in sightings if picks[seen.frame].shows_subject), colours
    return max(sightings, key=lambda seen: seen.trust), colours


def box_of_subject(frame_at: FrameAt, count: int, check: Callable[[], None]) -> dict[int, FramePicks]:
    """Return a box around the subject in the frame where it is seen best; around the middle if it is seen nowhere."""
    seen, _ = find_subject(frame_at, count, {}, check)
    height, width = seen.mask.shape
    box, shares = box_of(seen.mask), (0.2, 0.2, 0.8, 0.8)
    if box is not None:
        right, bottom = box.left + box.width, box.top + box.height
        shares = (box.left / width, box.top / height, right / width, bottom / height)
    return {seen.frame: FramePicks(np.zeros((0, 2)), np.zeros((0, 2)), np.array([shares]))}


def _pointed_at(mask: np.ndarray, picks: FramePicks) -> np.ndarray:
    """Return the parts of a mask (H, W) bool that hold a point of the subject; all of it if none does."""
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    rows, columns = picks.touched(mask).T
    held = np.setdiff1d(labels[rows, columns], [0])
    return np.isin(labels, held) if len(held) else mask


def _centre(size: tuple[int, int]) -> np.ndarray:
    """Return the odds of each place (H, W) float32: about 1 in the middle, -1 further out, and -3 at the border."""
    y, x = (np.linspace(-1, 1, side) for side in size)
    rise = max(2, round(RIM * min(size)))
    edges = [np.minimum(np.arange(side), np.arange(side)[::-1]) for side in size]
    inside = np.minimum(1, np.minimum(edges[1][None], edges[0][:, None]) / rise)
    return (2 * np.exp(-1.5 * (x[None] ** 2 + y[:, None] ** 2)) - 1 - 2 * (1 - inside)).astype(np.float32)


def _first_guess(
    frames: Sequence[np.ndarray], moving: Sequence[OwnMotion], priors: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Return odds (H, W) float32 from motion, or if nothing moves from the prior and what the borders do not show."""
    rim = (_centre(frames[0].shape[:2]) < -1.2).astype(np.float32)
    colours = Colours()
    for frame in frames:
        colours.add(frame, np.ones_like(rim), rim)
    odds = colours.odds()
    guesses = []
    for frame, move, prior in zip(frames, moving, priors, strict=True):
        rare = cv2.GaussianBlur(look_up(odds, frame), (0, 0), 2)
        still = 2 * prior + (rare - np.median(rare)).clip(-2, 2)
        guesses.append(move.clear * (move.odds + 0.5 * prior) + (1 - move.clear) * still)
    return guesses


def _odds(colour: np.ndarray, moving: OwnMotion, prior: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Return the odds (H, W) float32 from a frame's colours, its motion, its prior, and an earlier guess."""
    place = cv2.GaussianBlur(probability(before), (0, 0), 0.02 * max(before.shape))
    seen = 1.5 * cv2.GaussianBlur(colour, (0, 0), 0.8)
    still = seen + 3 * (place - 0.4) + prior
    return moving.clear * (moving.odds.clip(-4, 2) + seen + 0.5 * prior) + (1 - moving.clear) * still


def probability(odds: np.ndarray) -> np.ndarray:
    return (1 / (1 + np.exp(-odds.clip(-20, 20)))).astype(np.float32)


def _trust(mask: np.ndarray, colour: np.ndarray, moving: OwnMotion) -> float:
    """Return how much a mask looks like one subject: of fair size, off the border, of its own colours and motion."""
    share = float(mask.mean())
    if share < 0.002 or share > 0.85:
        return 0.0
    rim = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]]).mean()
    _, _, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    whole = statistics[1:, cv2.CC_STAT_AREA].max() / mask.sum()
    apart = float(probability(colour)[mask].mean() - probability(colour)[~mask].mean())
    moves = moving.clear * float(probability(moving.odds)[mask].mean() - probability(moving.odds)[~mask].mean())
    return float(max(0.0, (0.5 + apart + 0.5 * moves) / 2 * whole * (1 - rim)))
