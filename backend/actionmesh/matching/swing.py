"""A mesh's limbs, turned at their joints across the picture until its silhouette overlaps a frame's mask best.

This finds poses far from the mesh's own, such as arms that hang down from a mesh whose arms are spread, where steps
along the contour lead nowhere. What it leaves is for such steps.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .camera import FilmCamera
from .limb_parts import Limb
from .silhouette import Scene, overlap
from .solve import Rest, State, rotations

ANGLES = np.radians((15, -15, 30, -30, 50, -50, 70, -70, 90, -90, 110, -110))
CLOSER = np.radians((7, -7))
"""Angles that are tried for each limb, and then around the best of them."""
PRICE = 0.06
"""Overlap that a limb's turn of 180 degrees costs; smaller turns cost less by their square."""
LEAST_GAIN = 0.002
"""Overlap by which a turn must improve."""


@dataclass
class Swings:
    """The limbs of a mesh in one frame, and by how much each is turned.

    Args:
        rest: the mesh, in the film space of `camera`.
        faces: (F, 3).
        mask: (h, w) bool, the frame's.
        angles: (L,) radians by which each limb is turned already; they change with the turns found here.
        check: called before each limb; what it raises stops the work.
    """

    rest: Rest
    faces: np.ndarray
    camera: FilmCamera
    mask: np.ndarray
    limbs: Sequence[Limb]
    angles: np.ndarray
    check: Callable[[], None] = lambda: None

    def best(self, state: State) -> State:
        """Return the state with each limb in turn at its best angle."""
        overlap_now = self.overlap(state)
        for number, limb in enumerate(self.limbs):
            self.check()
            for angles in (ANGLES, CLOSER):
                state, overlap_now = self._best_of(state, overlap_now, number, limb, angles)
        return state

    def overlap(self, state: State) -> float:
        """Return the intersection over union of the mesh's silhouette and the mask."""
        vertices = self.camera.to_model(self.rest.carried(state))
        return overlap(Scene(vertices, self.faces).sight(self.camera, self.mask.shape).mask, self.mask)

    def _best_of(self, state: State, before: float, number: int, limb: Limb, angles: np.ndarray) -> tuple[State, float]:
        at = self.angles[number]
        best, best_score, best_overlap, best_angle = state, before - _price(at) + LEAST_GAIN, before, at
        for angle in angles:
            turned = swung(state, limb, angle)
            found = self.overlap(turned)
            if found - _price(at + angle) > best_score:
                best, best_score, best_overlap, best_angle = turned, found - _price(at + angle), found, at + angle
        self.angles[number] = best_angle
        return best, best_overlap


def swung(state: State, limb: Limb, angle: float) -> State:
    """Return the state with a limb turned around its joint by an angle in radians, counterclockwise in the picture."""
    turn = rotations(np.array([[0.0, 0.0, angle]]))[0]
    joint = state.places[limb.hinge].mean(axis=0)
    turns, places = state.turns.copy(), state.places.copy()
    turns[limb.nodes] = turn @ turns[limb.nodes]
    places[limb.nodes] = (places[limb.nodes] - joint) @ turn.T + joint
    return State(turns, places)


def _price(angle: float) -> float:
    return PRICE * (angle / np.pi) ** 2
