"""The map from the world of a scene into model space, for a whole motion at once: the first frame decides."""

from dataclasses import dataclass

import numpy as np

EXTENT = 0.75
"""Half the longest side of the first frame in model space, as in training of the bundled weights."""


@dataclass(frozen=True, eq=False)
class Placement:
    """The similarity model = (turned world - centre) * scale.

    Args:
        turn: (3, 3) float64 rotation with turned = turn @ world, as from `axes.rotation`.
        centre: (3,) float64 of the first frame's box, in the axes of model space.
        scale: model units per world unit.
    """

    turn: np.ndarray
    centre: np.ndarray
    scale: float

    @classmethod
    def of(cls, first: np.ndarray, turn: np.ndarray) -> "Placement":
        """Return the placement that centres the first frame's vertices (V, 3), with a longest side of 2 EXTENT.

        Raises:
            ValueError: the vertices are all at one place.
        """
        turned = first.astype(np.float64) @ turn.T
        low, high = turned.min(axis=0), turned.max(axis=0)
        if not (high - low).max() > 0:
            raise ValueError("All vertices of the first frame are at one place.")
        return cls(turn, (low + high) / 2, 2 * EXTENT / float((high - low).max()))

    def to_model(self, world: np.ndarray) -> np.ndarray:
        """Return world positions (..., 3) float64 in model space."""
        return (world @ self.turn.T - self.centre) * self.scale

    def to_world(self, model: np.ndarray) -> np.ndarray:
        """Return positions (..., 3) float64 in model space as world positions; the inverse of `to_model`."""
        return (model / self.scale + self.centre) @ self.turn
