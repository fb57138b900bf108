"""Measure how well the subject of an ordinary clip is found without a download, on clips with known masks.

Toys, and RGBA clips that the caller names, stand in front of backgrounds that `scenery` makes. No picture is
downloaded.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from itertools import cycle

import cv2
import numpy as np

from ..errors import InputError
from ..media.clip import Clip
from ..media.reader import read_clip
from ..protocol import FrameChoice, Picks, Spot
from ..segmentation.choice import cut_out
from ..toys import TEMPLATES, make_sequence
from ..toys.rendering import render_toy
from .over_still import mean
from .region_measures import agreement
from .scenery import CAMERAS, Scene, make_scene

RENDERED = 448
FRAMES = 16
WAYS = ("alone", "pointed")
"""Without a hint, and with one point in the first frame."""


def scenes(seed: int, toys: int, clips: Sequence[str]) -> Iterator[Scene]:
    """Yield scenes of toys, and of clips with alpha.

    Raises:
        InputError: a clip has no alpha.
    """
    subjects: list[tuple[str, Callable[[], np.ndarray]]] = [
        (name, partial(_toy, seed + number, name)) for number, name in zip(range(toys), cycle(TEMPLATES), strict=False)
    ]
    subjects += [(clip, partial(_clip, clip)) for clip in clips]
    for number, (name, make) in enumerate(subjects):
        yield make_scene(name, make(), seed + number, CAMERAS[number % len(CAMERAS)])


def measured(scene: Scene, way: str) -> dict:
    """Return the agreement of the masks that are found in a scene, and the doubt that was told."""
    opaque = np.full((*scene.frames.shape[:3], 1), 255, np.uint8)
    frames = np.concatenate([scene.frames, opaque], axis=-1)
    count = len(frames)
    clip = Clip(frames, np.arange(count) / 24, np.arange(count), False, scene.name)
    cut = cut_out(clip, picks=_pointed(scene.truth[0]) if way == "pointed" else None)
    masks = np.stack([frame[..., 3] >= 128 for frame in cut.frames])
    told = asdict(agreement(masks, scene.truth))
    return {"name": scene.name, "camera": scene.camera, "way": way, **told, "doubt": cut.doubt}


def table(results: Sequence[dict]) -> str:
    """Return a table of results as Markdown."""
    rows = ["| subject | camera | way | J | F | J above 0.5 | decay | doubt |", "|---|---|---|---|---|---|---|---|"]
    rows += [_row(result) for result in results]
    for way in WAYS:
        found = [result for result in results if result["way"] == way]
        if found:
            means = {name: mean(each[name] for each in found) for name in NUMBERS}
            rows.append(_row({"name": f"mean of {len(found)}", "camera": "", "way": way, **means}))
    return "\n".join(rows) + "\n"


NUMBERS = ("region", "boundary", "recall", "decay", "doubt")


def _row(result: dict) -> str:
    numbers = " | ".join("" if result[name] is None else f"{result[name]:.3f}" for name in NUMBERS)
    return f"| {result['name']} | {result['camera']} | {result['way']} | {numbers} |"


def _pointed(mask: np.ndarray) -> Picks:
    """Return a point in the thickest part of a mask (H, W) bool, where an artist would click."""
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    row, column = np.unravel_index(int(depth.argmax()), mask.shape)
    return Picks(point=(Spot(float(column) + 0.5, float(row) + 0.5, 0),))


def _toy(seed: int, name: str) -> np.ndarray:
    return render_toy(make_sequence(seed, FRAMES, name), RENDERED)


def _clip(source: str) -> np.ndarray:
    clip = read_clip(source, FrameChoice())
    if not clip.has_alpha:
        raise InputError(f"{source} has no alpha, so its true masks are unknown.", "Name a clip with an alpha channel.")
    return clip.frames[:]
