"""Measure how long writing an animation blocks Blender's window, against a loop over the vertices in Python.

    python benchmarks/shape_keys.py [--side 450] [--poses 31]

Run it with a Python that has bpy. The mesh is a grid of side * side vertices. One run measures reading the file,
writing all shape keys and curves as the extension does, and doing the same vertex by vertex, once in full and once
setting coordinates that are ready. The loops are measured on one key and multiplied by the number of poses. The table
shows wall-clock time and processor time; other programs on the same core do not affect the second.
"""

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import bpy
import numpy as np
from safetensors.numpy import save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from blender_addon.motion.result_file import load_motion  # noqa: E402
from blender_addon.scene.key_blocks import coordinates_of, pose_keys  # noqa: E402
from blender_addon.scene.meshes import read_basis  # noqa: E402
from blender_addon.scene.options import WriteOptions  # noqa: E402
from blender_addon.scene.playback import rebuild_curves  # noqa: E402
from blender_addon.scene.shape_keys import write_motion  # noqa: E402
from blender_addon.scene.targets import check_target, fingerprint  # noqa: E402

LOOP, READY = "one key by a loop in Python", "one key, ready, by a loop in Python"


def make_grid(side: int) -> bpy.types.Object:
    index = np.arange(side * side, dtype=np.int32).reshape(side, side)
    corners = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], axis=-1).reshape(-1)
    places = np.stack(np.divmod(index.ravel(), side), axis=1).astype(np.float32)
    mesh = bpy.data.meshes.new("Grid")
    mesh.vertices.add(side * side)
    mesh.vertices.foreach_set("co", np.pad(places / side, ((0, 0), (0, 1))).ravel())
    mesh.loops.add(len(corners))
    mesh.loops.foreach_set("vertex_index", corners)
    mesh.polygons.add(len(corners) // 4)
    mesh.polygons.foreach_set("loop_start", np.arange(0, len(corners), 4, dtype=np.int32))
    mesh.update(calc_edges=True)
    grid = bpy.data.objects.new("Grid", mesh)
    bpy.context.scene.collection.objects.link(grid)
    return grid


def save_motion(path: Path, vertices: int, poses: int) -> None:
    shape = np.random.default_rng(0).random((vertices, 3), np.float32)
    lifts = np.linspace(0, 1, poses, dtype=np.float32)[:, None, None]
    arrays = {
        "vertices": shape + lifts * shape[:, ::-1],
        "faces": np.zeros((1, 3), np.int32),
        "times": np.arange(poses) / 24,
        "frame_indices": np.arange(poses),
    }
    save_file(arrays, path, {"reference_frame": "0", "provenance": "{}"})


def loop(block: bpy.types.ShapeKey, basis: np.ndarray, vertices: np.ndarray, reference: np.ndarray) -> None:
    """Set one pose vertex by vertex, with displacements and axes; the extension does not do this."""
    rows = zip(block.data, basis.tolist(), vertices.tolist(), reference.tolist(), strict=True)
    for point, (x, y, z), (right, up, front), (right_0, up_0, front_0) in rows:
        point.co = (x + right - right_0, y - front + front_0, z + up - up_0)


def loop_of_ready_coordinates(block: bpy.types.ShapeKey, coordinates: np.ndarray) -> None:
    for point, place in zip(block.data, coordinates.tolist(), strict=True):
        point.co = place


def now() -> np.ndarray:
    return np.array([time.perf_counter(), time.process_time()])


def measure(side: int, poses: int) -> dict[str, np.ndarray]:
    """Return the wall-clock and processor seconds of each step."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    grid, seconds = make_grid(side), {}

    def timed(name, function, *arguments):
        start = now()
        result = function(*arguments)
        seconds[name] = now() - start
        return result

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result.safetensors"
        save_motion(path, side * side, poses)
        motion = timed("reading and checking the file", load_motion, path)
    timed("checking the target", check_target, grid)
    timed("fingerprint of the target", fingerprint, grid)
    timed("writing keys and curves", write_motion, grid, motion, WriteOptions(1, 24))
    timed("writing them again", write_motion, grid, motion, WriteOptions(1, 24))
    timed("changing the strength", rebuild_curves, grid, 0.5)
    block = pose_keys(grid.data.shape_keys)[-1]
    written = coordinates_of(block)
    timed(LOOP, loop, block, read_basis(grid.data), motion.vertices[-1], motion.vertices[motion.reference_frame])
    assert np.allclose(coordinates_of(block), written, rtol=0, atol=1e-6)
    timed(READY, loop_of_ready_coordinates, block, written)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=450)
    parser.add_argument("--poses", type=int, default=31)
    chosen = parser.parse_args()
    seconds = measure(chosen.side, chosen.poses)
    print(f"Blender {bpy.app.version_string}, {chosen.side**2} vertices x {chosen.poses} poses")
    print(f"{'seconds':40}    clock  processor")
    for name, (clock, processor) in seconds.items():
        print(f"{name:40} {clock:8.3f} {processor:10.3f}")
    for name in (LOOP, READY):
        ratio = seconds[name] * chosen.poses / seconds["writing keys and curves"]
        print(
            f"{name}, for all poses, takes {ratio[0]:.0f} (processor: {ratio[1]:.0f}) times as long as writing keys "
            "and curves"
        )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
