"""Measure the seconds of match on one core: finding the camera, and each way of following the clip.

    python benchmarks/match.py

The subject is a toy, rendered as in training, with its faces divided until it has the vertices required. The last
column is the ratio to refine in the same run.
"""

import os
import sys
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "backend"))

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import trimesh  # noqa: E402

from actionmesh.evaluation.matches import crops_of  # noqa: E402
from actionmesh.matching.film import make_film  # noqa: E402
from actionmesh.progress import Progress  # noqa: E402
from actionmesh.protocol import Facing, Match  # noqa: E402
from actionmesh.stages.match import find_standing, match_to_clip  # noqa: E402
from actionmesh.toys import make_sequence  # noqa: E402
from actionmesh.toys.rendering import render_toy  # noqa: E402

CASES = ((16, 5_000), (31, 20_000))
"""Frames, and vertices required."""
SEED = 12
NEW_VERTICES = 1.5
"""Vertices that dividing a face adds: one on each edge, which two faces share."""
QUIET = Progress()


def divided(vertices: np.ndarray, faces: np.ndarray, wanted: int) -> tuple[np.ndarray, np.ndarray]:
    """Return poses (T, V, 3) and faces, divided until there are about `wanted` vertices."""
    while vertices.shape[1] < 0.98 * wanted:
        count = min(len(faces), int((wanted - vertices.shape[1]) / NEW_VERTICES) + 1)
        posed = [trimesh.remesh.subdivide(pose, faces, face_index=np.arange(count)) for pose in vertices]
        vertices, faces = np.stack([pose for pose, _ in posed]), posed[0][1]
    return vertices.astype(np.float32), faces.astype(np.int32)


def main() -> None:
    cv2.setNumThreads(1)
    for frames, wanted in CASES:
        toy = make_sequence(SEED, frames, "quadruped")
        crops = crops_of(render_toy(toy))
        vertices, faces = divided(toy.vertices, toy.faces, wanted)
        still = np.repeat(vertices[:1], frames, axis=0)
        seconds = {}
        begun = time.process_time()
        standing = find_standing(vertices[0], faces, crops, 0, Facing.FRONT, QUIET)
        seconds["camera before the front"] = time.process_time() - begun
        begun = time.process_time()
        find_standing(vertices[0], faces, crops, 0, Facing.AUTO, QUIET)
        seconds["camera anywhere around"] = time.process_time() - begun
        film, times = make_film(crops), [float(frame) for frame in range(frames)]
        for way in (Match.REFINE, Match.TRACK):
            begun = time.process_time()
            match_to_clip(still, faces, times, (0,), 0, film, standing, way, 100, QUIET)
            seconds[str(way)] = time.process_time() - begun
        unit = seconds["refine"]
        print(f"{frames} frames, {vertices.shape[1]} vertices, {len(faces)} faces")
        for name, taken in seconds.items():
            print(f"  {name:<24} {taken:6.1f} s of processor time, {taken / unit:5.2f} of refine")


if __name__ == "__main__":
    main()
