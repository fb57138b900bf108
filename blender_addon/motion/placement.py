"""From the world of a scene into model space, for a whole motion at once: the first frame decides."""

from dataclasses import dataclass

import numpy as np

EXTENT = 0.75
"""Half the longest side of the first frame in model space, as in training of the bundled weights."""


@dataclass(frozen=True, eq=False)
class Placement:
    """The similarity model = (turned world - centre) * scale.

    Args:
        turn: (3, 3) float64 rotation with turned = turn @ world, as of `axes.rotation`.
        centre: (3,) float64 of the first frame's box, in the axes of model space.
        scale: model units of one world unit.
    """

    turn: np.ndarray
    centre: np.ndarray
    scale: float

    @classmethod
    def of(cls, first: np.ndarray, turn: np.ndarray) -> "Placement":
        """Puts the box of the first frame's vertices (V, 3) around the origin, its longest side 2 EXTENT.

        Raises:
            ValueError: the vertices are all at one place.
        """
        turned = first.astype(np.float64) @ turn.T
        low, high = turned.min(axis=0), turned.max(axis=0)
        if not (high - low).max() > 0:
            raise ValueError("All vertices of the first frame are at one place.")
        return cls(turn, (low + high) / 2, 2 * EXTENT / float((high - low).max()))

    def to_model(self, world: np.ndarray) -> np.ndarray:
        """(..., 3) float64 world positions -> model space."""
        return (world @ self.turn.T - self.centre) * self.scale

    def to_world(self, model: np.ndarray) -> np.ndarray:
        """(..., 3) float64 positions in model space -> world; the inverse of `to_model`."""
        return (model / self.scale + self.centre) @ self.turn
