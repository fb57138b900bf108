"""Draw a sheet of characters: the clip, the matched mesh from the camera and from the side, the truth from the side."""

import numpy as np

from ..media.render import Camera, render_frames
from ..memory.model import Model
from ..protocol import Match
from .matches import matched_row
from .sheets import CELL, in_columns, strip
from .subjects import Subject
from .tracked_subjects import Cast, Character
from .variants import MESH_AND_VIDEO

FRAMES = 5
"""Frames shown of each clip, spread evenly from the first to the last."""
ASIDE = 50.0
"""Degrees around +Y from the clip's camera to the other view."""
EXTENT = 0.9


def character_sheet(cast: Cast, model: Model, preset_name: str, columns: int = 3) -> np.ndarray:
    """Return a picture (H, W, 3) uint8 of all characters, `columns` of them side by side."""
    return in_columns([_block(cast.subject(index, model, preset_name)) for index in range(len(cast))], columns)


def _block(subject: Subject[Character]) -> np.ndarray:
    """Draw four rows of one character, (4 CELL, FRAMES CELL, 3) uint8."""
    made, truth = matched_row(subject, MESH_AND_VIDEO, Match.AUTO), subject.toy
    shown = np.linspace(0, len(truth.vertices) - 1, FRAMES).round().astype(int)
    assert made.vertices is not None
    before, aside = (_camera(subject.back, turn) for turn in (0.0, ASIDE))
    rows = [strip(subject.frames[shown], "clip")]
    for vertices, camera in ((made.vertices, before), (made.vertices, aside), (truth.vertices, aside)):
        rows.append(strip(render_frames(vertices[shown], truth.faces, None, camera, CELL), "result"))
    return np.concatenate(rows)


def _camera(back: np.ndarray, turn: float) -> Camera:
    """Return a camera in the direction `back` (3,) of the clip's camera, turned around +Y by `turn` degrees."""
    yaw = float(np.arctan2(back[0], back[2]) + np.radians(turn))
    return Camera(yaw=yaw, pitch=float(np.arcsin(np.clip(back[1], -1, 1))), half_extent=EXTENT)
