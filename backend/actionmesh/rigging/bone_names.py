"""Names for bones by their place: `root`, `bone.001` in the middle, `bone.L.002` and `bone.R.002` at the sides.

The names of two bones that mirror each other differ in their side alone, as Blender's mirrored poses need it.
"""

import numpy as np

MIDDLE = 0.04
"""A bone within this share of the size from the middle has no side."""
ALIKE = 0.08
"""Two bones mirror each other if their middles do, up to this share of the size."""


def named(heads: np.ndarray, tails: np.ndarray, parents: np.ndarray, rest: np.ndarray) -> tuple[str, ...]:
    """Return unique names for bones of which the first is the root.

    Args:
        heads, tails: (B, 3); parents: (B,).
        rest: (V, 3) in axes in which the subject faces +Z, so that its left is at +X.
    """
    low, high = rest.min(axis=0).astype(np.float64), rest.max(axis=0).astype(np.float64)
    size = float(np.linalg.norm(high - low)) or 1.0
    places = ((heads + tails) / 2 - (low + high) / 2) / size
    sides = np.where(np.abs(places[:, 0]) <= MIDDLE, 0, np.sign(places[:, 0])).astype(int)
    partners = _partners(places, sides)
    names, number = ["root"] + [""] * (len(heads) - 1), 0
    for bone in range(1, len(heads)):
        if not names[bone]:
            number += 1
            for each in {bone, partners.get(bone, bone)}:
                names[each] = f"bone{('', '.L', '.R')[sides[each]]}.{number:03d}"
    return tuple(names)


def _partners(places: np.ndarray, sides: np.ndarray) -> dict[int, int]:
    """Return the pairs of bones that mirror each other, both ways; the most alike first."""
    lefts, rights = (np.flatnonzero(sides[1:] == side) + 1 for side in (1, -1))
    mirrored = places[rights] * (-1, 1, 1)
    gaps = np.linalg.norm(places[lefts][:, None] - mirrored[None], axis=2)
    found: dict[int, int] = {}
    for index in np.argsort(gaps, axis=None, kind="stable"):
        row, column = np.unravel_index(index, gaps.shape)
        left, right = int(lefts[row]), int(rights[column])
        if gaps[row, column] <= ALIKE and not {left, right} & found.keys():
            found |= {left: right, right: left}
    return found
