"""Write a PC2 point cache, which Blender's Mesh Cache modifier, 3ds Max, Maya and Houdini read.

The file has a header of 32 bytes, then the positions of all points for every sample, float32, little-endian. The header
is the text POINTCACHE2 with a null byte, version 1, number of points, first frame, frames between samples, number of
samples.
"""

import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np

HEADER = struct.Struct("<12siiffi")
SIGNATURE = b"POINTCACHE2\0"
VERSION = 1


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
    points, count = None, 0
    with open(path, "wb") as file:
        file.write(bytes(HEADER.size))
        for sample in samples:
            points = len(sample) if points is None else points
            if sample.shape != (points, 3):
                raise ValueError(
                    f"Sample {count} has the shape {sample.shape}; it must be ({points}, 3), like those before it."
                )
            file.write(np.ascontiguousarray(sample, "<f4").data)
            count += 1
        if points is None:
            raise ValueError("There are no samples to write.")
        file.seek(0)
        file.write(HEADER.pack(SIGNATURE, VERSION, points, start, step, count))
    return count
