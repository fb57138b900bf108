"""Measure seconds and peak memory per stage with the bundled checkpoint, against the plain version, in one run.

    .venv/bin/python benchmarks/small_checkpoint.py [--output docs/performance_small.json]

Every measurement is a fresh process, so that its peak memory is its own (a stage's peak is the highest so far). Clips
are toys from the project's generator. Stage I runs the published fast schedule, 15 steps with guidance, because the
bundled preset's single step has nothing to cache between steps. The first measurement is discarded: it reads
libraries and weights from disk. The table shows processor time, summed over threads, which other programs on the same
cores do not affect. The output file also has wall-clock time.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "backend"), str(ROOT)]

from benchmarks.instruments import now, peak_memory, processor_name  # noqa: E402

SEED, TEMPLATE = 5, "bird"
FRAMES = (16, 61)
PRODUCT, PLAIN, MATCHED = "product", "plain", "matched"
NOTHING = {"seconds": 0.0, "processor_seconds": 0.0, "peak_mb": 0.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--preset", default="demo")
    parser.add_argument("--measure", nargs=2, metavar=("CLIP", "VERSION"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(Path(arguments.measure[0]), arguments.measure[1], arguments.preset)))
        return
    report = compare(arguments.preset)
    print(table(report))
    if arguments.output:
        arguments.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def compare(preset: str) -> dict:
    """Return all measurements, each from its own process."""
    with tempfile.TemporaryDirectory() as folder:
        clips = {frames: render_clip(Path(folder) / f"clip_{frames}", frames) for frames in FRAMES}
        measure_alone(clips[FRAMES[0]], PRODUCT, preset)
        rows = {}
        for frames, clip in clips.items():
            for version in (PRODUCT, PLAIN):
                rows[f"{frames} {version}"] = measure_alone(clip, version, preset)
            assert_same(rows[f"{frames} {PRODUCT}"], rows[f"{frames} {PLAIN}"])
    return {"processor": processor_name(), "preset": preset, "rows": rows}


def measure_alone(clip: Path, version: str, preset: str) -> dict:
    """Run `measure` in a fresh process; the version is PRODUCT, PLAIN or MATCHED."""
    command = [sys.executable, __file__, "--preset", preset, "--measure", str(clip), version]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(answer.splitlines()[-1])


def assert_same(product: dict, plain: dict) -> None:
    """Assert that both versions made the same animation, judged by its vertex count and mean box."""
    difference = max(abs(ours - theirs) for ours, theirs in zip(product["mean_box"], plain["mean_box"], strict=True))
    assert product["vertices"] == plain["vertices"] and difference < 1e-3, (product, plain)


def render_clip(folder: Path, frames: int, pixels: int | None = None) -> Path:
    """Render a toy of `frames` frames as PNG files in `folder`, and write its first mesh next to the folder.

    Pictures are scaled to `pixels` a side if that is given.
    """
    import cv2
    import trimesh

    from actionmesh.toys import make_sequence
    from actionmesh.toys.rendering import render_toy

    folder.mkdir()
    toy = make_sequence(SEED, frames, TEMPLATE)
    trimesh.Trimesh(toy.vertices[0], toy.faces, process=False).export(folder.with_suffix(".glb"))
    for i, frame in enumerate(render_toy(toy)):
        if pixels:
            frame = cv2.resize(frame, (pixels, pixels), interpolation=cv2.INTER_LINEAR)
        cv2.imwrite(str(folder / f"{i:03d}.png"), cv2.cvtColor(frame, cv2.COLOR_RGBA2BGRA))
    return folder


def measure(clip: Path, version: str, preset: str) -> dict:
    """Run one job in this process; return wall-clock and processor seconds per stage, and peak memory after it in MB.

    PRODUCT and PLAIN animate the clip alone with the networks; MATCHED animates the clip's own mesh and matches it.
    """
    from contextlib import nullcontext

    from actionmesh.memory.model import open_model
    from actionmesh.pipeline import animate
    from actionmesh.progress import Progress
    from actionmesh.protocol import Animate, Shape
    from actionmesh.stage_words import WORDS
    from actionmesh.weights.checkpoints import default_checkpoint
    from benchmarks.plain import plain

    stages: dict[str, dict[str, float]] = {}
    start = last = now()

    def report(event) -> None:
        nonlocal last
        moment = now()
        passed, last = moment - last, moment
        stage = stages.setdefault(WORDS[event.stage], dict(NOTHING))
        stage["seconds"] += passed[0]
        stage["processor_seconds"] += passed[1]
        stage["peak_mb"] = peak_memory()

    options = Animate(str(clip), out=(), preset=preset, steps=15, guidance=7.5, shape=Shape.NETWORK)
    if version == MATCHED:
        options = replace(options, mesh=str(clip.with_suffix(".glb")), shape=Shape.AUTO)
    model = open_model(default_checkpoint().path, "cpu")
    with plain() if version == PLAIN else nullcontext():
        animation = animate(options, model, Progress(report))
    seconds, processor_seconds = now() - start
    return {
        "seconds": seconds,
        "processor_seconds": processor_seconds,
        "peak_mb": peak_memory(),
        "result_mb": animation.vertices.nbytes / 1e6,
        "vertices": animation.vertices.shape[1],
        "mean_box": (animation.vertices.max(axis=1) - animation.vertices.min(axis=1)).mean(axis=0).tolist(),
        "stages": stages,
    }


def table(report: dict) -> str:
    """Return Markdown with a row per stage, and the ratios of the two versions."""
    rows = report["rows"]
    lines = [
        "| stage | " + " | ".join(f"{name}: processor s / peak MB" for name in rows) + " |",
        "|---" * (len(rows) + 1) + "|",
    ]
    for stage in rows["16 product"]["stages"]:
        lines.append(line(stage, [row["stages"].get(stage, NOTHING) for row in rows.values()]))
    lines.append(line("**all**", list(rows.values())))
    for frames in FRAMES:
        product, plain = (rows[f"{frames} {version}"] for version in ("product", "plain"))
        processor, clock = (plain[kind] / product[kind] for kind in ("processor_seconds", "seconds"))
        told = f"the plain version takes {processor:.2f} times the processor time ({clock:.2f} of wall-clock time)."
        lines.append(f"\n{frames} frames: {told}")
    return "\n".join(lines)


def line(name: str, measured: list[dict]) -> str:
    """Return a row of the table."""
    cells = [f"{each['processor_seconds']:.2f} / {each['peak_mb']:.0f}" for each in measured]
    return f"| {name} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
