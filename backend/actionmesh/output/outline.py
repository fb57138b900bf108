"""The mesh's outline over the clip, as the clip's camera sees it: a light line in a dark one, for any background."""

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
"""The lines' widths, as shares of the picture's edge."""
FINER = 2
"""Mask pixels along one edge of a picture's pixel."""
AROUND = 8
"""Pixels around the picture that the mask also covers, so that no line follows the picture's edge."""
SHORTEST = 16
"""The shortest line, in pixels of the mask; shorter ones are specks."""
SMOOTHED = 5
"""Points of a line that are averaged to remove steps."""
FRACTION = 4
"""Fractional bits of the coordinates with which OpenCV draws."""


@dataclass(frozen=True)
class Window:
    """A square of the clip's frames.

    Args:
        corner: the upper left corner (x, y), in pixels of the frames.
        side: the side, in pixels of the frames.
        cell: pixels along an edge of the square's picture.
    """

    corner: tuple[float, float]
    side: float
    cell: int

    @property
    def scale(self) -> float:
        return self.cell / self.side


class Outliner:
    """Draws the mesh's outline over the subject in the clip's own pixels.

    Args:
        faces: (F, 3) of the mesh.
        camera: the clip's camera, in the mesh's coordinates.
        crops: the clip's subject.
        window: the part of the frames that is shown.
    """

    def __init__(self, faces: np.ndarray, camera: ClipCamera, crops: SubjectCrops, window: Window):
        self._faces, self._camera, self._crops, self._window = faces, camera, crops, window

    def picture(self, frame: int, vertices: np.ndarray) -> np.ndarray:
        """Return a frame of the clip with the mesh's outline on it, (cell, cell, 4) uint8.

        Args:
            frame: the frame's position among the crops.
            vertices: (V, 3) of the mesh in that frame.
        """
        lines = self.lines(vertices)
        drawn = self._subject(frame).astype(np.float32) / 255
        drawn[..., :3] *= drawn[..., 3:]
        for colour, width in ((DARK, DARK_WIDTH), (LIGHT, LIGHT_WIDTH)):
            stroke = self._stroke(lines, width)[..., None]
            drawn = np.dstack([np.array(colour, np.float32) / 255 * stroke, stroke]) + drawn * (1 - stroke)
        drawn[..., :3] /= np.maximum(drawn[..., 3:], 1e-6)
        return np.rint(255 * drawn).clip(0, 255).astype(np.uint8)

    def lines(self, vertices: np.ndarray) -> list[np.ndarray]:
        """Return the closed lines (N, 2) around the mesh and its holes, in pixels of the picture from its corner."""
        mask = self._mask(vertices).astype(np.uint8)
        found, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        long = [line[:, 0].astype(np.float64) for line in found if len(line) >= SHORTEST]
        return [(_smooth(line) + 0.5) / FINER - AROUND for line in long]

    def _mask(self, vertices: np.ndarray) -> np.ndarray:
        """Return the bool mask of the mesh, FINER times the picture's resolution, with AROUND pixels on every side."""
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
        """Return the window of a frame, (cell, cell, 4) uint8 with straight alpha."""
        box, window = self._crops.box, self._window
        if box is None:
            return np.zeros((window.cell, window.cell, 4), np.uint8)
        shift = (np.array([box.left, box.top]) - window.corner) * window.scale
        return resample(self._crops[frame], window.scale, (float(shift[0]), float(shift[1])), window.cell)

    def _stroke(self, lines: list[np.ndarray], width: float) -> np.ndarray:
        """Return how much of each pixel the lines cover, (cell, cell) float32 from 0 to 1."""
        covered = np.zeros((self._window.cell, self._window.cell), np.uint8)
        points = [np.rint((line - 0.5) * 2**FRACTION).astype(np.int32) for line in lines]
        thick = max(1, round(width * self._window.cell))
        cv2.polylines(covered, points, True, 255, thick, cv2.LINE_AA, FRACTION)
        return covered.astype(np.float32) / 255


def resample(frame: np.ndarray, scale: float, shift: tuple[float, float], cell: int) -> np.ndarray:
    """Return a straight-alpha frame transformed by p -> scale * p + shift, (cell, cell, 4).

    Shrinking averages areas, so that films do not flicker.
    """
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
    """Return a closed line (N, 2) with each point averaged with its neighbours."""
    half = SMOOTHED // 2
    wrapped = np.concatenate([line[-half:], line, line[:half]])
    return np.stack([np.convolve(column, np.full(SMOOTHED, 1 / SMOOTHED), "valid") for column in wrapped.T], axis=1)
