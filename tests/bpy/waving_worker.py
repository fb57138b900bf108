"""The fake worker of tests/addon with real results: what it is asked to animate waves, and without a mesh it is a tent.

The name of a clip says how its job goes, as there. `wave` is good; `slow` is good too, but takes 30 seconds; `quick`
writes rubbish; `doubtful` is good, but the mesh may be seen from another side; `otherwise` shows no frame as the mesh
stands, so only a bent mesh is matched, and into `misfit` it cannot be bent; `painted` brings colours for what it
makes, and for an artist's mesh where they are asked for. A result that is matched again waves twice as high, and has
other colours.
"""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "backend")]

import numpy as np  # noqa: E402
from safetensors import safe_open  # noqa: E402
from safetensors.numpy import save_file  # noqa: E402

from tests.addon import fake_worker  # noqa: E402
from tests.addon.fake_worker import protocol  # noqa: E402
from tests.addon.pictures import png  # noqa: E402

POSES = 5
YAWS = {"+Z": 0.0, "+X": 90.0, "-Z": 180.0, "-X": -90.0}
TENT = np.array([(0, 0, 0), (2, 0, 0), (2, 0, 1), (0, 0, 1), (1, 1, 0.5)], np.float32)
SIDES = np.array([(0, 1, 4), (1, 2, 4), (2, 3, 4), (3, 0, 4)], np.int32)


def read_ply(path):
    header, body = Path(path).read_bytes().split(b"end_header\n", 1)
    count, faces = (int(line.split()[-1]) for line in header.splitlines() if line.startswith(b"element"))
    vertices = np.frombuffer(body, "<f4", 3 * count).reshape(count, 3)
    kinds = [("n", "u1"), ("corners", "<i4", 3)]
    kinds += [("polygon", "<i4")] * (b" polygon" in header) + [("m", "u1"), ("uv", "<f4", (3, 2))] * (
        b" texcoord" in header
    )
    rows = np.frombuffer(body[12 * count :], kinds, faces)
    return vertices, rows["corners"], {name: rows[name] for name in ("polygon", "uv") if name in rows.dtype.names}


def coat_of(faces, vertices, told, shade):
    """Return UVs (the mesh's own, else a row of the picture per polygon) and a picture of one shade."""
    picture = np.full((16, 32, 3), shade, np.uint8)
    uv = told.get("uv")
    if uv is None:
        polygon = told.get("polygon", np.arange(len(faces)))
        along = vertices[faces][..., 0] + 0.1 * vertices[faces][..., 1]
        rows = (polygon[:, None] + 0.5 * (vertices[faces][..., 2] > vertices[:, 2].mean()) + 0.2) / (polygon.max() + 1)
        uv = np.stack([(along - along.min()) / np.ptp(along), rows], axis=-1)
    return {"corner_uv": uv.astype(np.float32), "picture_png": np.frombuffer(png(picture), np.uint8)}


def wave(worker, id, job):
    for step in range(3):
        worker.progress(id, protocol.Stage.READING, step, 2)
        time.sleep(0.01)


def write_wave(job):
    vertices, faces, corners = read_ply(job.mesh) if job.mesh else (TENT, SIDES, {})
    poses = np.repeat(vertices[None], POSES, 0).astype(np.float32)
    poses[:, :, 1] += np.sin(np.arange(POSES))[:, None] * np.ptp(vertices[:, 1]) * 0.1 * vertices[:, 0]
    arrays = {
        "vertices": poses,
        "faces": np.ascontiguousarray(faces, np.int32),
        "times": np.arange(POSES) / 24,
        "frame_indices": np.arange(POSES),
    }
    if Path(job.clip).name == "painted" and (job.colours or not job.mesh):
        arrays |= coat_of(faces, vertices, corners, 40 + 10 * job.seed)
    told = {
        "clip": job.clip,
        "mesh": job.mesh,
        "seed": job.seed,
        "preset": job.preset,
        "checkpoint": "wave",
        "version": "0",
    }
    told |= {
        "frames": asdict(job.frames),
        "fps": job.fps,
        "fit": asdict(fit_of(job, job.clip, "own" if job.mesh else "network")),
    }
    save_file(arrays, job.out[0], {"reference_frame": "0", "provenance": json.dumps(told)})


def fit_of(job, clip, shape):
    """Return a fit whose camera stands 5 units in front of the side that it sees."""
    if shape == "network" and isinstance(job, protocol.Animate):
        return protocol.Fit(shape=shape)
    yaw = 90.0 if job.facing == "auto" else YAWS[job.facing]
    name = Path(clip).name
    doubtful = name == "doubtful" and job.facing == "auto"
    bent = name == "otherwise" and getattr(job, "bend", False)
    if name == "otherwise" and not bent:
        return protocol.Fit(shape=shape, agreement=0.7, notes=("The mesh does not stand as the first frame shows it.",))
    sin, cos = np.sin(np.radians(yaw)), np.cos(np.radians(yaw))
    matrix = (cos, 0, sin, 5 * sin, 0, 1, 0, 0, -sin, 0, cos, 5 * cos, 0, 0, 0, 1)
    return protocol.Fit(
        way=protocol.Match.REFINE if job.match == "auto" else job.match,
        shape=shape,
        agreement=0.96,
        overlap=None if job.match == "off" else 0.974,
        facing=yaw,
        doubt=-88.0 if doubtful else None,
        camera=protocol.ClipCamera(tuple(map(float, matrix)), 640, 360, 700.0, None),
        notes=("Seen from the other side it fits as well.",) if doubtful else (),
        bent=0.93 if bent else None,
    )


def matched_again(job):
    with safe_open(job.result, "numpy") as file:
        arrays, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()
    told = json.loads(metadata["provenance"])
    still = arrays["vertices"][0]
    arrays["vertices"] = still + 2 * (arrays["vertices"] - still)
    if "corner_uv" in arrays:
        arrays |= {
            "corner_uv": arrays["corner_uv"][..., ::-1].copy(),
            "picture_png": np.frombuffer(png(np.full((8, 8, 3), 200, np.uint8)), np.uint8),
        }
    told["clip"] = job.clip or told["clip"]
    told["fit"] = asdict(fit_of(job, told["clip"], told["fit"]["shape"]))
    save_file(arrays, job.out[0], metadata | {"provenance": json.dumps(told)})
    return fake_worker.animated(job, write=False)


def animated(job):
    answer = RUBBISH(job)
    if Path(job.clip).name != "quick":
        write_wave(job)
    return answer


RUBBISH = fake_worker.animated
fake_worker.JOBS |= dict.fromkeys(("wave", "frames", "doubtful", "painted", "otherwise"), wave)
fake_worker.ANSWERS[protocol.Animate], fake_worker.ANSWERS[protocol.Rematch] = animated, matched_again

if __name__ == "__main__":
    fake_worker.main()
