"""Errors of rows as shares of the still mesh's error: above 1, it is better to move nothing.

Ratios are of sums over sequences, because the ratio of a sequence that hardly moves is meaningless.
"""

from collections.abc import Callable, Hashable, Iterable
from functools import partial

import numpy as np

OVER_STILL = {
    "vertex_error_over_still": "vertex_error",
    "cd_m_over_still": "cd_m",
    "error_in_picture_over_still": "error_in_picture",
    "error_in_depth_over_still": "error_in_depth",
}
"""Ratios, and the measures in their numerators. The denominator is the still mesh's vertex error, or its CD-M."""

Found = dict[Hashable, dict]
"""A row's records by sequence."""
ByRow = dict[str, float | None]


def by_row(records: Iterable[dict], sequence: Callable[[dict], Hashable]) -> dict[str, Found]:
    """Return the records by row and sequence."""
    rows: dict[str, Found] = {}
    for record in records:
        rows.setdefault(record["row"], {})[sequence(record)] = record
    return rows


def over_still(rows: dict[str, Found], still: Found) -> dict[str, ByRow]:
    """Return by row the ratios, the median ratio of single sequences, and the share of sequences better than still."""

    def each(make: Callable[[Found], float | None]) -> ByRow:
        return {row: make(found) for row, found in rows.items()}

    return {
        **{name: each(partial(ratio, below=still, measure=measure)) for name, measure in OVER_STILL.items()},
        "median_vertex_error_over_still": each(lambda found: _median(_ratios(found, still))),
        "better_than_still": each(lambda found: mean(float(own < 1) for own in _ratios(found, still))),
    }


def ratio(above: Found, below: Found, measure: str) -> float | None:
    """Return the ratio of sums over sequences that have both; parts of the vertex error are divided by all of it."""
    unit = "vertex_error" if measure.startswith("error_in") else measure
    both = [
        (record[measure], below[name][unit])
        for name, record in above.items()
        if record.get(measure) is not None and below.get(name, {}).get(unit) is not None
    ]
    total = sum(lower for _, lower in both)
    return sum(upper for upper, _ in both) / total if total else None


def mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of the values that are not None, or None."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _ratios(above: Found, below: Found) -> list[float]:
    """Return the vertex error ratio of each single sequence."""
    each = (ratio({name: record}, below, "vertex_error") for name, record in above.items())
    return [value for value in each if value is not None]


def _median(values: list[float]) -> float | None:
    return float(np.median(values)) if values else None
