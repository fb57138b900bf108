"""Motion of toys: a clock that all joints share, and the waves that move joints, root and volume by it.

Angles are degrees where people write them (templates) and radians in the arrays.
"""

from dataclasses import dataclass

import numpy as np

NEARLY_STILL, STILL = 0.05, 0.02
"""Shares of the clips that hardly move, and among them that do not move at all."""
ONE_OFF = 0.35


@dataclass(frozen=True)
class Clock:
    """The phase that all waves of a toy share.

    Args:
        times: (T,) seconds from the first frame.
        phase: (T,) radians.
        amplitude: factor on every wave; 1 is the template's own.
        loops: whether one more frame would show the first pose again.
    """

    times: np.ndarray
    phase: np.ndarray
    amplitude: float
    loops: bool


@dataclass(frozen=True)
class Wave:
    """The wave size * sin(harmonic * phase - 2 pi delay), or a hop that touches 0 once a period.

    Args:
        size: degrees for a swing, model units for a shift, a fraction for a stretch.
        delay: in periods of this wave.
        harmonic: whole number of periods in one of the clock.
        hop: sin^2 of half the angle, from 0 to 1, in place of the sine.
    """

    size: float
    delay: float = 0.0
    harmonic: int = 1
    hop: bool = False

    def at(self, clock: Clock) -> np.ndarray:
        """Return the values (T,)."""
        angle = self.harmonic * clock.phase - 2 * np.pi * self.delay
        value = np.sin(angle / 2) ** 2 if self.hop else np.sin(angle)
        return clock.amplitude * self.size * value


def random_clock(rng: np.random.Generator, frames: int) -> Clock:
    """Draw a clip of 0.7 to 2 seconds: a loop of one or two periods, or part of a period that eases in and out."""
    times = np.linspace(0, rng.uniform(0.7, 2.0), frames)
    liveliness = rng.random()
    amplitude = rng.uniform(0.8, 1.15) if liveliness > NEARLY_STILL else 0.08 if liveliness > STILL else 0.0
    start = rng.uniform(0, 2 * np.pi)
    if rng.random() < ONE_OFF:
        travel = np.linspace(0, 1, frames)
        eased = travel * travel * (3 - 2 * travel)
        return Clock(times, start + 2 * np.pi * rng.uniform(0.45, 0.85) * eased, amplitude, False)
    periods = 2 if rng.random() < 0.25 else 1
    return Clock(times, start + 2 * np.pi * periods * np.arange(frames) / frames, amplitude, True)


def rotation(axis: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Return right-handed rotations (T, 3, 3) by angles (T,) in radians about a unit axis (3,) (Rodrigues' formula)."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    sine, versine = np.sin(angle)[:, None, None], (1 - np.cos(angle))[:, None, None]
    return np.eye(3) + sine * cross + versine * (cross @ cross)


def rotation_of(axis: np.ndarray, angle: float) -> np.ndarray:
    """Return the rotation (3, 3) by one angle in radians."""
    return rotation(axis, np.array([angle]))[0]
