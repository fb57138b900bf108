"""Measure time and memory by the length of the clip, with the bundled checkpoint; write a JSON file and a plot.

    .venv/bin/python benchmarks/long_clips.py [--output docs/long_clips] [--frames 16 61 121 241] [--pixels 512]
    [--matched]

Every length is measured in a fresh process, as in `small_checkpoint.py`, with the same schedule for Stage I. The
result, T poses of V vertices, grows with the clip, so it is subtracted from the peak memory.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "backend"), str(ROOT)]

from benchmarks.instruments import processor_name  # noqa: E402
from benchmarks.small_checkpoint import MATCHED, PRODUCT, measure_alone, render_clip  # noqa: E402

FRAMES, PIXELS, PRESET = (16, 61, 121, 241), 512, "demo"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "long_clips", help="without a suffix")
    parser.add_argument("--frames", type=int, nargs="+", default=FRAMES)
    parser.add_argument("--pixels", type=int, default=PIXELS, help="side of a picture (the product uses at most 512)")
    parser.add_argument("--matched", action="store_true", help="animate the clip's own mesh and match it to the clip")
    arguments = parser.parse_args()
    report = measure_lengths(arguments.frames, arguments.pixels, MATCHED if arguments.matched else PRODUCT)
    arguments.output.with_suffix(".json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    draw(report, arguments.output.with_suffix(".png"))
    print(summary(report))


def measure_lengths(lengths: list[int], pixels: int, version: str = PRODUCT) -> dict:
    """Return a row for every length, after a discarded measurement that reads libraries from disk."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for i, frames in enumerate([lengths[0], *lengths]):
            clip = render_clip(Path(folder) / f"clip_{i}", frames, pixels)
            measured = measure_alone(clip, version, PRESET)
            rows.append({"frames": frames, **measured, "beside_result_mb": measured["peak_mb"] - measured["result_mb"]})
            told = f"{frames} frames: {measured['processor_seconds']:.1f} s, {measured['peak_mb']:.0f} MB"
            print(told, file=sys.stderr, flush=True)
    rows = rows[1:]
    return {"processor": processor_name(), "pixels": pixels, "rows": rows, **slopes(rows)}


def slopes(rows: list[dict]) -> dict[str, float]:
    """Fit lines through the rows: the cost of one more frame, and the largest deviation from the line of time."""
    frames = np.array([row["frames"] for row in rows])
    seconds, memory = (np.array([row[name] for row in rows]) for name in ("processor_seconds", "beside_result_mb"))
    line = np.polyfit(frames, seconds, 1)
    return {
        "seconds_a_frame": float(line[0]),
        "furthest_from_line": float(np.abs(np.polyval(line, frames) / seconds - 1).max()),
        "mb_a_frame": float(np.polyfit(frames, memory, 1)[0]),
    }


def summary(report: dict) -> str:
    """Return one sentence about time and one about memory."""
    first, last = report["rows"][0], report["rows"][-1]
    more = last["beside_result_mb"] / first["beside_result_mb"] - 1
    return (
        f"A frame takes {report['seconds_a_frame']:.3f} s; no length is further than "
        f"{report['furthest_from_line']:.0%} from the line.\n"
        f"Without the result, {last['frames']} frames take {more:+.1%} memory compared with "
        f"{first['frames']}: {report['mb_a_frame'] * 1e3:.0f} KB a frame."
    )


def draw(report: dict, path: Path) -> None:
    """Plot time on the left and memory on the right, both from zero."""
    from matplotlib.figure import Figure

    frames = [row["frames"] for row in report["rows"]]
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    time, memory = figure.subplots(1, 2)
    time.plot(frames, [row["processor_seconds"] for row in report["rows"]], "o-")
    time.set(ylabel="processor time (s)", title="Time")
    memory.plot(frames, [row["peak_mb"] for row in report["rows"]], "o--", label="peak")
    memory.plot(frames, [row["beside_result_mb"] for row in report["rows"]], "o-", label="peak less the result")
    memory.set(ylabel="MB", title="Resident memory")
    memory.legend(loc="lower right")
    for axes in (time, memory):
        axes.set(xlabel="frames", xlim=(0, None), ylim=(0, 1.15 * axes.get_ylim()[1]))
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
