"""Write point caches, which Blender's Mesh Cache modifier and many other programs read.

PC2 (3ds Max, Maya, Houdini): a header of 32 bytes, then the positions of all points for every sample, float32,
little-endian. The header is the text POINTCACHE2 with a null byte, version 1, number of points, first frame, frames
between samples, number of samples.

MDD (LightWave, Modo, Cinema 4D, Maya): big-endian; the number of samples and of points, the time of each sample in
seconds, then the positions of all points for every sample, float32. Y is up, as in LightWave.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

HEADER = struct.Struct("<12siiffi")
SIGNATURE = b"POINTCACHE2\0"
VERSION = 1
MDD_HEADER = struct.Struct(">ii")


def write_pc2(path: str | Path, samples: Iterable[np.ndarray], start: float = 0.0, step: float = 1.0) -> int:
    """Write the samples one by one, so that only one at a time is in memory.

    Args:
        samples: arrays (V, 3) of one size; at least one.
        start: frame of the first sample.
        step: frames between two samples.
    Returns:
        The number of samples.
    Raises:
        OSError: the file cannot be written.
        ValueError: there are no samples, or they differ in size.
    """
    points = count = 0
    with open(path, "wb") as file:
        file.write(bytes(HEADER.size))
        for sample in _of_one_size(samples):
            points, count = len(sample), count + 1
            file.write(np.ascontiguousarray(sample, "<f4").data)
        if not count:
            raise ValueError("There are no samples to write.")
        file.seek(0)
        file.write(HEADER.pack(SIGNATURE, VERSION, points, start, step, count))
    return count


def write_mdd(path: str | Path, samples: Iterable[np.ndarray], times: Sequence[float]) -> int:
    """Write the samples one by one, so that only one at a time is in memory.

    Args:
        samples: arrays (V, 3) of one size, Z up; as many as times, and at least one.
        times: seconds, increasing.
    Returns:
        The number of samples.
    Raises:
        OSError: the file cannot be written.
        ValueError: there are no samples, or not as many as times, or they differ in size.
    """
    points = count = 0
    with open(path, "wb") as file:
        file.write(bytes(MDD_HEADER.size))
        file.write(np.asarray(times, ">f4").tobytes())
        for sample in _of_one_size(samples):
            points, count = len(sample), count + 1
            file.write(np.stack([sample[:, 0], sample[:, 2], -sample[:, 1]], axis=1).astype(">f4").tobytes())
        if not count or count != len(times):
            raise ValueError(f"There are {count} samples to write and {len(times)} times.")
        file.seek(0)
        file.write(MDD_HEADER.pack(count, points))
    return count


def _of_one_size(samples: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield arrays (V, 3); raise ValueError at the first that differs in size from those before it."""
    points = None
    for number, sample in enumerate(samples):
        points = len(sample) if points is None else points
        if sample.shape != (points, 3):
            problem = f"Sample {number} has the shape {sample.shape}; it must be ({points}, 3), like those before it."
            raise ValueError(problem)
        yield sample
