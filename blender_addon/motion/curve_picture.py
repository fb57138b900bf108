"""A small picture of one vertex's path before and after smoothing, drawn with NumPy."""

from dataclasses import dataclass

import numpy as np

from .amounts import sampled

WIDTH, HEIGHT, MARGIN = 256, 128, 8
BEFORE, AFTER = (0.55, 0.55, 0.55, 1.0), (1.0, 0.55, 0.1, 1.0)
THICK = 2.0
"""Pixels of a line's thickness."""


@dataclass(frozen=True)
class Course:
    """One coordinate of a vertex over time, before and after: times (T,), before (T,) and after (T,)."""

    times: np.ndarray
    before: np.ndarray
    after: np.ndarray


def course_of(times: np.ndarray, before: np.ndarray, after: np.ndarray) -> Course:
    """Return the coordinate that smoothing changed most, of poses (T, V, 3) before and after."""
    first, second = sampled(before), sampled(after)
    changed = np.square(second - first).sum(axis=0)
    vertex, axis = np.unravel_index(changed.argmax(), changed.shape)
    return Course(times, first[:, vertex, axis], second[:, vertex, axis])


def draw_course(course: Course) -> np.ndarray:
    """Return the (HEIGHT, WIDTH, 4) float32 picture of a course, rows from the bottom: before grey, after orange."""
    picture = np.zeros((HEIGHT, WIDTH, 4), np.float32)
    both = np.concatenate([course.before, course.after])
    scale = (HEIGHT - 1 - 2 * MARGIN) / max(float(np.ptp(both)), 1e-30)
    edges = np.linspace(course.times[0], course.times[-1], WIDTH - 2 * MARGIN + 1)
    rows = np.arange(HEIGHT)[:, None]
    for values, colour in ((course.before, BEFORE), (course.after, AFTER)):
        heights = MARGIN + scale * (np.interp(edges, course.times, values) - both.min())
        low, high = np.minimum(heights[:-1], heights[1:]), np.maximum(heights[:-1], heights[1:])
        picture[:, MARGIN:-MARGIN][(rows >= low - THICK / 2) & (rows <= high + THICK / 2)] = colour
    return picture
