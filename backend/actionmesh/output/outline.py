"""The mesh's outline over the clip, where the clip's camera sees it: a light line within a dark one, for any background."""

from dataclasses import dataclass

import cv2
import numpy as np

from ..clip_camera import seen_at
from ..matching.camera import FilmCamera
from ..matching.silhouette import Scene
from ..media.subject_crops import SubjectCrops
from ..protocol import ClipCamera

LIGHT, DARK = (255, 214, 48), (24, 24, 28)
LIGHT_WIDTH, DARK_WIDTH = 1 / 160, 1 / 70
"""Of the lines, in edges of the picture."""
FINER = 2
"""Pixels of the mask along one of the picture."""
AROUND = 8
"""Pixels around the picture in which the mesh is looked for too, so that no line follows the picture's edge."""
SHORTEST = 16
"""Pixels of the mask; what is shorter is a speck."""
SMOOTHED = 5
"""Pixels of a line over which it is averaged, so that it has no steps."""
FRACTION = 4
"""Binary digits of a pixel's fraction with which OpenCV draws."""


@dataclass(frozen=True)
class Window:
    """A square of the clip's own frames: its left upper corner (x, y), its side, and the pixels along an edge of its picture."""

    corner: tuple[float, float]
    side: float
    cell: int

    @property
    def scale(self) -> float:
        return self.cell / self.side


class Outliner:
    """Draws the mesh's outline over the subject as the clip's own pixels show it.

    Args:
        faces: (F, 3) of the mesh.
        camera: in the mesh's coordinates.
        crops: the clip's subject.
        window: what of the frames is shown.
    """

    def __init__(self, faces: np.ndarray, camera: ClipCamera, crops: SubjectCrops, window: Window):
        self._faces, self._camera, self._crops, self._window = faces, camera, crops, window

    def picture(self, frame: int, vertices: np.ndarray) -> np.ndarray:
        """Return (cell, cell, 4) uint8: a frame of the clip, and on it the outline of the mesh's vertices (V, 3) in that frame."""
        lines = self.lines(vertices)
        drawn = self._subject(frame).astype(np.float32) / 255
        drawn[..., :3] *= drawn[..., 3:]
        for colour, width in ((DARK, DARK_WIDTH), (LIGHT, LIGHT_WIDTH)):
            stroke = self._stroke(lines, width)[..., None]
            drawn = np.dstack([np.array(colour, np.float32) / 255 * stroke, stroke]) + drawn * (1 - stroke)
        drawn[..., :3] /= np.maximum(drawn[..., 3:], 1e-6)
        return np.rint(255 * drawn).clip(0, 255).astype(np.uint8)

    def lines(self, vertices: np.ndarray) -> list[np.ndarray]:
        """Return the closed lines (N, 2) around the mesh and its holes, in pixels of the picture; (0, 0) is a corner."""
        mask = self._mask(vertices).astype(np.uint8)
        found, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        long = [line[:, 0].astype(np.float64) for line in found if len(line) >= SHORTEST]
        return [(_smooth(line) + 0.5) / FINER - AROUND for line in long]

    def _mask(self, vertices: np.ndarray) -> np.ndarray:
        """Where the mesh is seen: bool, FINER pixels to one of the picture, with AROUND more on every side."""
        places = seen_at(self._camera, vertices)
        scale, corner = FINER * self._window.scale, np.array(self._window.corner)
        seen = (places[:, :2] - corner) * scale + FINER * AROUND
        size = FINER * (self._window.cell + 2 * AROUND)
        mask = np.zeros((size, size), bool)
        faces = self._faces[(places[:, 2] > 0)[self._faces].all(axis=1)]
        used = seen[faces.ravel()]
        if not len(used):
            return mask
        left, top = np.floor(used.min(axis=0)).clip(0, size).astype(int)
        right, bottom = np.ceil(used.max(axis=0)).clip(0, size).astype(int)
        if left < right and top < bottom:
            from_above = FilmCamera(0.0, 0.0, 0.0, 0.0, 1.0, (0.0, 0.0), (-float(left), -float(top)))
            flat = np.concatenate([seen * (1, -1), np.zeros((len(seen), 1))], axis=1)
            mask[top:bottom, left:right] = Scene(flat, faces).sight(from_above, (bottom - top, right - left)).mask
        return mask

    def _subject(self, frame: int) -> np.ndarray:
        """(cell, cell, 4) uint8, straight alpha: the window of a frame."""
        box, window = self._crops.box, self._window
        if box is None:
            return np.zeros((window.cell, window.cell, 4), np.uint8)
        shift = (np.array([box.left, box.top]) - window.corner) * window.scale
        return resample(self._crops[frame], window.scale, (float(shift[0]), float(shift[1])), window.cell)

    def _stroke(self, lines: list[np.ndarray], width: float) -> np.ndarray:
        """(cell, cell) float32, 0 to 1: how much of each pixel the lines cover."""
        covered = np.zeros((self._window.cell, self._window.cell), np.uint8)
        points = [np.rint((line - 0.5) * 2**FRACTION).astype(np.int32) for line in lines]
        thick = max(1, round(width * self._window.cell))
        cv2.polylines(covered, points, True, 255, thick, cv2.LINE_AA, FRACTION)
        return covered.astype(np.float32) / 255


def resample(frame: np.ndarray, scale: float, shift: tuple[float, float], cell: int) -> np.ndarray:
    """Return a straight-alpha frame under p -> scale * p + shift, shrunk by area so that it does not flicker: (cell, cell, 4)."""
    premultiplied: np.ndarray = frame.astype(np.float32)
    premultiplied[..., :3] *= premultiplied[..., 3:] / 255
    if scale < 1:
        size = (max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale)))
        premultiplied = cv2.resize(premultiplied, size, interpolation=cv2.INTER_AREA)
        scale = 1.0
    half = (scale - 1) / 2  # OpenCV puts a pixel's centre, not its edge, at its index
    matrix = np.array([[scale, 0, shift[0] + half], [0, scale, shift[1] + half]])
    moved: np.ndarray = cv2.warpAffine(premultiplied, matrix, (cell, cell), flags=cv2.INTER_LINEAR)
    moved[..., :3] *= 255 / np.maximum(moved[..., 3:], 1)
    return moved.round().clip(0, 255).astype(np.uint8)


def _smooth(line: np.ndarray) -> np.ndarray:
    """A closed line (N, 2), each point the mean of those around it."""
    half = SMOOTHED // 2
    wrapped = np.concatenate([line[-half:], line, line[:half]])
    return np.stack([np.convolve(column, np.full(SMOOTHED, 1 / SMOOTHED), "valid") for column in wrapped.T], axis=1)
