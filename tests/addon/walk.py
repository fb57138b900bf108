"""A walking four-legged creature, generated in code: a body and four legs of two bones with smooth skinning."""

import numpy as np

HIPS = ((-0.25, 0.45), (0.25, 0.45), (-0.25, -0.45), (0.25, -0.45))
PHASES = (0.0, 0.5, 0.75, 0.25)
HIP, KNEE, HALF_BLEND = 0.0, -0.5, 0.12


def walk(poses: int = 61, cycles: float = 2.3, rings: int = 24, around: int = 16) -> np.ndarray:
    """Return the walk along Y with Z up, (T, V, 3) float32; V = 5 * rings * around. Pose 0 is in mid-stride too."""
    return np.stack([_pose(2 * np.pi * cycles * index / (poses - 1), rings, around) for index in range(poses)]).astype(
        np.float32
    )


def _pose(phase: float, rings: int, around: int) -> np.ndarray:
    bob = np.array([0.02 * np.sin(phase), 0.0, 0.03 * np.sin(2 * phase)])
    parts = [_tube(rings, around, 0.3, -0.8, 0.8)[:, [0, 2, 1]] + [0, 0, 0.15]]
    parts += [_leg(phase + 2 * np.pi * shift, x, y, rings, around) for (x, y), shift in zip(HIPS, PHASES, strict=True)]
    return _sway(np.concatenate(parts), 0.06 * np.sin(phase)) + bob


def _tube(rings: int, around: int, radius: float, low: float, high: float) -> np.ndarray:
    angles = np.arange(around) * 2 * np.pi / around
    heights = np.repeat(np.linspace(low, high, rings), around)
    return np.stack([np.tile(radius * np.cos(angles), rings), np.tile(radius * np.sin(angles), rings), heights], axis=1)


def _leg(phase: float, x: float, y: float, rings: int, around: int) -> np.ndarray:
    """Swing the hip by 28 degrees each way; bend the knee up to 57 degrees while the leg swings forwards."""
    rest = _tube(rings, around, 0.1, -1.0, 0.1)
    hip, knee = 0.49 * np.sin(phase), -1.0 * max(0.0, np.cos(phase)) ** 2
    shin = _turn(rest, knee, KNEE)
    bent = _blend(rest[:, 2], KNEE)[:, None] * shin + (1 - _blend(rest[:, 2], KNEE))[:, None] * rest
    swung = _turn(bent, hip, HIP)
    weight = _blend(rest[:, 2], HIP)[:, None]
    return weight * swung + (1 - weight) * bent + [x, y, 0.0]


def _blend(heights: np.ndarray, joint: float) -> np.ndarray:
    """Return 1 below the joint and 0 above it."""
    return np.clip((joint - heights) / (2 * HALF_BLEND) + 0.5, 0.0, 1.0)


def _turn(points: np.ndarray, angle: float, height: float) -> np.ndarray:
    cosine, sine = np.cos(angle), np.sin(angle)
    matrix = np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
    return (points - [0, 0, height]) @ matrix.T + [0, 0, height]


def _sway(points: np.ndarray, angle: float) -> np.ndarray:
    matrix = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    return points @ matrix.T
