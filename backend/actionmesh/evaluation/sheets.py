"""Draw contact sheets of Toybench's sequences: the clip, then the results of mesh + video and of video."""

from collections.abc import Sequence

import cv2
import numpy as np

from ..errors import MeshError
from ..media.render import Camera, render_frames
from ..memory.model import Model
from .subjects import Subject, outsiders, toys
from .variants import MESH_AND_VIDEO, VIDEO, Answer, animated

CELL = 112
SHOWN = (0, 3, 6, 9, 12, 15)
VIEW = Camera(pitch=np.radians(4), half_extent=1.1)
BACKDROP = {"clip": 255, "result": 244}


def sheet(model: Model, preset_name: str, toy_count: int, outsider_count: int, columns: int = 2) -> np.ndarray:
    """Return a picture (H, W, 3) uint8 with `columns` sequences side by side.

    Each sequence has three rows (clip, mesh + video, video) of the frames SHOWN.
    """
    blocks = [
        block(plan.subject(index, model, preset_name))
        for plan in (toys(toy_count), outsiders(outsider_count))
        for index in range(len(plan.members))
    ]
    return in_columns(blocks, columns)


def in_columns(blocks: list[np.ndarray], columns: int) -> np.ndarray:
    """Return pictures of one size in rows of `columns`, with gaps between; the last row is filled up with white."""
    blocks = blocks + [np.full_like(blocks[0], 255)] * (-len(blocks) % columns)
    gap = np.full((len(blocks[0]), CELL // 4, 3), 255, np.uint8)
    rows = [_joined(blocks[first : first + columns], gap) for first in range(0, len(blocks), columns)]
    return np.concatenate(rows)


def block(subject: Subject) -> np.ndarray:
    """Draw one sequence as (3 CELL, len(SHOWN) CELL, 3) uint8."""
    toy = subject.toy
    given = animated(subject, MESH_AND_VIDEO)
    rows = [strip(subject.frames[list(SHOWN)], "clip"), _rendered(given, toy.colours)]
    try:
        rows.append(_rendered(animated(subject, VIDEO), None))
    except MeshError:
        rows.append(np.full_like(rows[0], BACKDROP["result"]))
    return np.concatenate(rows)


def _rendered(answer: Answer, colours: np.ndarray | None) -> np.ndarray:
    assert answer.vertices is not None and answer.faces is not None
    return strip(render_frames(answer.vertices[list(SHOWN)], answer.faces, colours, VIEW, CELL), "result")


def strip(frames: Sequence[np.ndarray] | np.ndarray, kind: str) -> np.ndarray:
    """Return RGBA frames of any size side by side on a plain backdrop; `kind` is "clip" or "result"."""
    cells = []
    for frame in frames:
        small = cv2.resize(frame, (CELL, CELL), interpolation=cv2.INTER_AREA).astype(np.float32)
        alpha = small[..., 3:] / 255
        cells.append((small[..., :3] * alpha + BACKDROP[kind] * (1 - alpha)).astype(np.uint8))
    return np.concatenate(cells, axis=1)


def _joined(blocks: Sequence[np.ndarray], gap: np.ndarray) -> np.ndarray:
    parts = [part for one in blocks for part in (one, gap)]
    return np.concatenate(parts[:-1], axis=1)
