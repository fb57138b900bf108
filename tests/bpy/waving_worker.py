"""The fake worker of tests/addon with real results: what it is asked to animate waves, and without a mesh it is a tent.

The name of a clip says how its job goes, as there; `wave` is good, `slow` too, but takes 30 seconds; `quick` writes rubbish.
"""

import json
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "backend")]

import numpy as np  # noqa: E402
from safetensors.numpy import save_file  # noqa: E402

from tests.addon import fake_worker  # noqa: E402

POSES = 5
TENT = np.array([(0, 0, 0), (2, 0, 0), (2, 0, 1), (0, 0, 1), (1, 1, 0.5)], np.float32)
SIDES = np.array([(0, 1, 4), (1, 2, 4), (2, 3, 4), (3, 0, 4)], np.int32)


def read_ply(path):
    header, body = Path(path).read_bytes().split(b"end_header\n", 1)
    count, faces = (int(line.split()[-1]) for line in header.splitlines() if line.startswith(b"element"))
    vertices = np.frombuffer(body, "<f4", 3 * count).reshape(count, 3)
    triangles = np.frombuffer(body[12 * count :], [("n", "u1"), ("corners", "<i4", 3)], faces)["corners"]
    return vertices, triangles


def wave(worker, id, job):
    for step in range(3):
        worker.progress(id, "Reading frames", step, 2)
        time.sleep(0.01)


def write_wave(job):
    vertices, faces = read_ply(job.mesh) if job.mesh else (TENT, SIDES)
    poses = np.repeat(vertices[None], POSES, 0).astype(np.float32)
    poses[:, :, 1] += np.sin(np.arange(POSES))[:, None] * np.ptp(vertices[:, 1]) * 0.1 * vertices[:, 0]
    arrays = {
        "vertices": poses,
        "faces": np.ascontiguousarray(faces, np.int32),
        "times": np.arange(POSES) / 24,
        "frame_indices": np.arange(POSES),
    }
    told = {"clip": job.clip, "mesh": job.mesh, "seed": job.seed, "preset": job.preset, "checkpoint": "wave", "version": "0"}
    save_file(arrays, job.out[0], {"reference_frame": "0", "provenance": json.dumps(told)})


def animated(job):
    answer = RUBBISH(job)
    if Path(job.clip).name != "quick":
        write_wave(job)
    return answer


RUBBISH = fake_worker.animated
fake_worker.JOBS["wave"] = fake_worker.JOBS["frames"] = wave
fake_worker.ANSWERS[fake_worker.protocol.Animate] = animated

if __name__ == "__main__":
    fake_worker.main()
