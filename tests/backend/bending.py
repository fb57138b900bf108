"""A tube along X that bends at one place, or waves: motions whose bones are known."""

import numpy as np


def turn(angle):
    """Return the rotation (3, 3) about Z."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([(cos, -sin, 0), (sin, cos, 0), (0, 0, 1.0)])


def bent(at, rings=20, around=8, frames=7, angle=1.2, soft=0.1, wavy=False):
    """Return rest (V, 3) from x = -1 to 1, faces (F, 3) and poses (T, V, 3) float64.

    What lies beyond `at` turns about the Z axis there by up to `angle`; between `at` ± `soft` the turn grows evenly. A
    wavy tube bends evenly over its whole length instead.
    """
    angles = 2 * np.pi * np.arange(around) / around
    rest = np.array([(x, 0.2 * np.cos(a), 0.2 * np.sin(a)) for x in np.linspace(-1, 1, rings) for a in angles])
    faces = []
    for ring in range(rings - 1):
        for side in range(around):
            one, other = ring * around + side, ring * around + (side + 1) % around
            faces += [(one, other, one + around), (other, other + around, one + around)]
    share = (rest[:, 0] - at + soft) / (2 * soft) if soft else (rest[:, 0] > at).astype(float)
    share = (rest[:, 0] + 1) / 2 if wavy else share.clip(0, 1)
    poses = []
    for part in np.linspace(0, 1, frames):
        turns = np.stack([turn(part * angle * each) for each in share])
        poses.append(np.einsum("vij,vj->vi", turns, rest - (at, 0, 0)) + (at, 0, 0))
    return rest, np.array(faces), np.array(poses)
