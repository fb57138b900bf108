"""Measure bones against error and seconds, and draw the skinned mesh below the animation that it stands for.

    python benchmarks/bones.py RESULT.safetensors [--bones 8 16 32] [--picture PICTURE.png]
    python benchmarks/bones.py --side 142 --poses 61

Without a result it measures a waving sheet of side * side vertices. Errors are in percent of the diagonal of the box at
rest. Seconds are those on the clock and those of the processor, the solver's process included; other programs on the
same core affect the first only.
"""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "backend")]

from PIL import Image, ImageDraw  # noqa: E402

from actionmesh.animation import Animation  # noqa: E402
from actionmesh.media.render import Camera, render  # noqa: E402
from actionmesh.rigging.making import make_rig  # noqa: E402
from actionmesh.rigging.rig import Rig  # noqa: E402

CELL, SHOWN = 220, 5
"""Pixels of a picture's cell, and how many poses it shows."""
VIEW = Camera(yaw=0.5, pitch=0.2, half_extent=0.6)


class Motion(NamedTuple):
    """A mesh that moves: rest (V, 3), faces (F, 3), poses (T, V, 3)."""

    rest: np.ndarray
    faces: np.ndarray
    poses: np.ndarray


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("result", nargs="?")
    parser.add_argument("--bones", type=int, nargs="+", default=[8, 16, 32])
    parser.add_argument("--side", type=int, default=142)
    parser.add_argument("--poses", type=int, default=61)
    parser.add_argument("--picture", type=Path)
    chosen = parser.parse_args(arguments)
    motion = read(chosen.result) if chosen.result else waving_sheet(chosen.side, chosen.poses)
    print(f"{motion.poses.shape[1]} vertices, {len(motion.poses)} poses")
    print("| bones | error % | at most % | s | processor s |\n|---|---|---|---|---|", flush=True)
    rigs = [measured(motion, count) for count in chosen.bones]
    if chosen.picture:
        picture_of(motion, rigs).save(chosen.picture)
    return 0


def read(path: str) -> Motion:
    animation = Animation.load(path)
    return Motion(animation.vertices[animation.reference_frame], animation.faces, animation.vertices)


def waving_sheet(side: int, poses: int) -> Motion:
    """Return a sheet from -1 to 1 through which waves run along both sides."""
    index = np.arange(side * side).reshape(side, side)
    corners = (index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:])
    a, b, c, d = (corner.ravel() for corner in corners)
    faces = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
    x, y = (2 * axis.ravel() / (side - 1) - 1 for axis in np.divmod(index, side))
    rest = np.stack([x, y, 0 * x], axis=1)
    phases = 2 * np.pi * np.arange(poses)[:, None] / poses
    lifts = 0.2 * (np.sin(3 * x + phases) - np.sin(3 * x)) + 0.1 * (np.cos(4 * y + phases) - np.cos(4 * y))
    return Motion(rest, faces, rest + lifts[..., None] * (0, 0, 1))


def measured(motion: Motion, count: int) -> Rig:
    """Make a rig, print a row of the table, and return it."""
    begun, before = time.perf_counter(), processor_seconds()
    rig = make_rig(*motion, count)
    seconds, used = time.perf_counter() - begun, processor_seconds() - before
    print(
        f"| {len(rig.names)} | {100 * rig.rms:.3f} | {100 * rig.worst:.2f} | {seconds:.1f} | {used:.1f} |", flush=True
    )
    return rig


def processor_seconds() -> float:
    """Return the processor seconds of this process and those that it has waited for."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def picture_of(motion: Motion, rigs: list[Rig]) -> Image.Image:
    """Return poses of the animation, and below them for each rig the same poses, coloured by bones."""
    low, high = motion.rest.min(axis=0), motion.rest.max(axis=0)
    size = float(np.linalg.norm(high - low))
    shown = np.linspace(0, len(motion.poses) - 1, SHOWN).round().astype(int)
    rows = [[drawn((motion.poses[pose] - (low + high) / 2) / size, motion.faces) for pose in shown]]
    for rig in rigs:
        colours, poses = colours_of(rig), (rig.poses(motion.rest) - (low + high) / 2) / size
        cells = [drawn(poses[pose], motion.faces, colours) for pose in shown]
        for pose, cell in zip(shown, cells, strict=True):
            draw_bones(cell, rig, rig.deforms[pose], (low + high) / 2, size)
        rows.append(cells)
    sheet = Image.new("RGB", (CELL * SHOWN, CELL * len(rows)))
    for row, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            sheet.paste(cell, (CELL * column, CELL * row))
    return sheet


def drawn(vertices: np.ndarray, faces: np.ndarray, colours: np.ndarray | None = None) -> Image.Image:
    rgba = render(vertices.astype(np.float32), faces, colours, VIEW, CELL)
    paper = Image.new("RGBA", (CELL, CELL), "white")
    return Image.alpha_composite(paper, Image.fromarray(rgba)).convert("RGB")


def colours_of(rig: Rig) -> np.ndarray:
    """Return (V, 3) the bones' colours, mixed by their weights."""
    palette = np.random.default_rng(1).uniform(0.25, 1, (len(rig.names), 3))
    return (rig.weights[..., None] * palette[rig.influences]).sum(axis=1)


def draw_bones(cell: Image.Image, rig: Rig, deforms: np.ndarray, centre: np.ndarray, size: float) -> None:
    draw = ImageDraw.Draw(cell)
    for matrix, head, tail in zip(deforms, rig.heads, rig.tails, strict=True):
        ends = [on_paper((matrix[:3, :3] @ point + matrix[:3, 3] - centre) / size) for point in (head, tail)]
        draw.line(ends, fill="black", width=2)
        (x, y), _ = ends
        draw.ellipse([x - 3, y - 3, x + 3, y + 3], fill="red")


def on_paper(point: np.ndarray) -> tuple[float, float]:
    across, up, _ = VIEW.axes @ point
    half = CELL / 2
    return half + half * across / VIEW.half_extent, half - half * up / VIEW.half_extent


if __name__ == "__main__":
    sys.exit(main())
