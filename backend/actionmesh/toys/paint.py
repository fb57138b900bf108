"""Colours of toys: a palette of four matching colours, and a pattern painted on the rest surface."""

import colorsys

import numpy as np

from .rig import Rig

EYE = np.array([0.05, 0.05, 0.07])


def palette(rng: np.random.Generator) -> list[np.ndarray]:
    """Draw four RGB colours in 0..1: main, a lighter one, an accent of another hue, a darker one."""
    hue, saturation, value = rng.random(), rng.uniform(0.15, 0.85), rng.uniform(0.6, 1.0)
    accent = hue + rng.choice([0.08, 0.33, 0.5, 0.66]) + rng.uniform(-0.05, 0.05)
    choices = (
        (hue, saturation, value),
        (hue + rng.uniform(-0.06, 0.06), saturation * 0.45, min(1.0, value * 1.35)),
        (accent, rng.uniform(0.2, 0.85), rng.uniform(0.5, 1.0)),
        (hue + rng.uniform(-0.04, 0.04), saturation, value * rng.uniform(0.35, 0.65)),
    )
    return [np.array(colorsys.hsv_to_rgb(h % 1, s, v)) for h, s, v in choices]


def paint(rig: Rig, vertices: np.ndarray, weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Paint rest vertices (V, 3): blended part colours, a pattern, a light belly, eyes; (V, 3) float32 in 0..1."""
    colours = weights @ rig.part_colours()
    colours = colours * _pattern(vertices, rng)[:, None]
    colours = colours + rng.uniform(0, 0.25) * _belly(vertices)[:, None] * (1 - colours)
    for centre, radius in rig.eyes:
        colours[np.linalg.norm(vertices - centre, axis=1) < radius] = EYE
    return np.clip(colours, 0, 1).astype(np.float32)


def _pattern(vertices: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a brightness (V,): stripes in a random direction, spots, mottling, a checkerboard, patches, or plain."""
    kind, depth = rng.integers(6), rng.uniform(0.25, 0.5)
    direction = rng.normal(size=3) * (0.5, 0.7, 1.5)
    direction /= np.linalg.norm(direction)
    wobble = 0.03 * np.sin(vertices @ rng.uniform(-12, 12, 3))
    if kind == 0:
        stripe = np.sin((vertices @ direction + wobble) * 2 * np.pi / rng.uniform(0.12, 0.25))
        return 1 - depth / (1 + np.exp(-6 * stripe))
    if kind == 1:
        spots = np.prod(np.sin(vertices * 2 * np.pi / rng.uniform(0.18, 0.3) + rng.uniform(0, 6.3, 3)), axis=1)
        return 1 - depth / (1 + np.exp(-14 * (np.abs(spots) - 0.3)))
    if kind == 2:
        waves = np.sin(vertices @ rng.normal(scale=9, size=(3, 3)) + rng.uniform(0, 6.3, 3))
        return 1 + 0.2 * waves.mean(axis=1)
    if kind == 3:
        return 1 - depth * (np.floor(vertices / rng.uniform(0.12, 0.22) + rng.uniform(0, 1, 3)).sum(axis=1) % 2)
    if kind == 4:
        blotches = np.sin(vertices @ rng.normal(scale=6, size=(3, 3)) + rng.uniform(0, 6.3, 3)).sum(axis=1)
        return 1 - depth / (1 + np.exp(-12 * (blotches - 0.6)))
    return np.ones(len(vertices))


def _belly(vertices: np.ndarray) -> np.ndarray:
    """Return (V,) from 1 at the lowest vertex to 0 at middle height."""
    low, high = vertices[:, 1].min(), vertices[:, 1].max()
    return np.clip(1 - 2 * (vertices[:, 1] - low) / (high - low), 0, 1)
