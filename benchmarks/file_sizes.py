"""Measure how much smaller quantised and sparse morph targets make an animated .glb, and how far its vertices are off.

    python benchmarks/file_sizes.py demo_out/demo.glb demo_out/relief.glb [--error 0.05 0.2]

Each file is one with morph targets as floats, as `animate` writes it. A .glb without targets, such as a character with
bones, is animated first: it sways, at 24 poses. The table is the one in `docs/mesh_files.md`.
"""

import argparse
import json
import struct
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[1] / "backend")]

from actionmesh.animation import Animation, Provenance  # noqa: E402
from actionmesh.geometry.mesh_files import load_mesh  # noqa: E402
from actionmesh.output.gltf import write_animated_glb  # noqa: E402
from actionmesh.quantising import USUAL_ERROR, compact  # noqa: E402

POSES = 24


def has_targets(data: bytes) -> bool:
    (length,) = struct.unpack_from("<I", data, 12)
    gltf = json.loads(data[20 : 20 + length])
    return any(part.get("targets") for mesh in gltf["meshes"] for part in mesh["primitives"])


def swaying(path: Path, folder: Path) -> bytes:
    """Return the animated file of a mesh that bends to the sides, most at its top."""
    mesh = load_mesh(path)
    height = mesh.vertices[:, 1] - mesh.vertices[:, 1].min()
    share = height / height.max()
    poses = []
    for phase in np.linspace(0, 2 * np.pi, POSES):
        angle = 0.5 * np.sin(phase) * share
        x, y, z = mesh.vertices.astype(np.float64).T
        poses.append(np.stack([x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle), z], 1))
    made = Provenance("none", str(path), 0, "none", "none", "0")
    times = np.arange(POSES) / 24
    animation = Animation(np.array(poses, np.float32), mesh.faces, times, 0, np.arange(POSES), made)
    write_animated_glb(animation, folder / "swaying.glb", path)
    return (folder / "swaying.glb").read_bytes()


def main(files: list[Path], errors: list[float]) -> None:
    print("| file | as floats | error asked for | size | smaller by | farthest vertex | seconds |")
    print("|---|---|---|---|---|---|---|")
    for path in files:
        with tempfile.TemporaryDirectory() as folder:
            data = path.read_bytes()
            data = data if has_targets(data) else swaying(path, Path(folder))
        for error in errors:
            begun = time.perf_counter()
            small = compact(data, error)
            seconds = time.perf_counter() - begun
            print(
                f"| {path.stem} | {len(data) / 1e6:.2f} MB | {error:g} % | {len(small.data) / 1e6:.2f} MB "
                f"| {len(data) / len(small.data):.2f} | {small.error:.3f} % | {seconds:.1f} |"
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure the size of quantised results.")
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--error", type=float, nargs="+", default=[USUAL_ERROR, 0.2])
    chosen = parser.parse_args()
    main(chosen.files, chosen.error)
