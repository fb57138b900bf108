"""Measure seconds, operations and memory of every stage at the published sizes, against a plain version, in one run.

    .venv/bin/python benchmarks/full_size.py [--output docs/performance] [--size full|small] [--cases NAME ...]
    [--again]

On an NVIDIA card the networks have full size and random half-precision weights, made on the card; elsewhere they are
small networks of the same architecture. Inputs are synthetic (see `workload.py`); the stages and memory plans are the
product's own. Every case runs in its own process, first with few steps, which compiles and chooses kernels, and then in
full. Each result is written at once, so an interrupted run keeps what it has, and the next run adds what is missing.

The plain version (see `plain.py`) has float32 weights under autocast, separate projections, no caches between steps, a
dense grid (of half the resolution at full size), and marching cubes on the CPU.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
TIME_UP = {"error": "The time ran out. Run the benchmark again."}
sys.path[:0] = [str(ROOT / "backend"), str(ROOT)]

from actionmesh.memory.runtime import choose_device  # noqa: E402
from benchmarks.cases import CASES, SCALES  # noqa: E402
from benchmarks.measuring import LOADING, MACHINE, OPERATIONS, measure  # noqa: E402
from benchmarks.performance_table import insert_tables, read_report, write_report  # noqa: E402


def main() -> None:
    arguments = read_arguments()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, SCALES[arguments.size], arguments.device, arguments.files)))
        return
    device = choose_device(arguments.device).type
    size = arguments.size or ("full" if device == "cuda" else "small")
    deadline = time.monotonic() + 60 * arguments.minutes
    with TemporaryDirectory() as folder:  # made here because a measurement that runs out of time is killed
        child = ["--device", device, "--size", size, "--files", str(arguments.files or folder)]
        run(arguments.output, arguments.cases, size, child, deadline, arguments.again)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [*(case.name for case in CASES), OPERATIONS, LOADING]
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "performance", help="name of the .json and .md")
    parser.add_argument("--device", default="auto", help="auto, cuda, mps or cpu")
    parser.add_argument("--size", choices=SCALES, help="default: full on an NVIDIA card, small elsewhere")
    parser.add_argument("--cases", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--minutes", type=float, default=9.5, help="time limit; the rest waits for another run")
    parser.add_argument("--again", action="store_true", help="measure again what the report already has")
    parser.add_argument("--files", type=Path, help=f"folder for the checkpoint of {LOADING!r} (default: temporary)")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    return parser.parse_args()


def run(output: Path, names: list[str], size: str, child: list[str], deadline: float, again: bool) -> None:
    """Measure what the report lacks, and write it after every case."""
    report = read_report(output)
    machine = measure_alone(MACHINE, child, deadline)
    if "error" in machine:
        raise SystemExit(f"The machine cannot be measured. {machine['error']}")
    entry = report["machines"].setdefault(f"{machine['device']}, {size} networks", {"rows": {}})
    rows, entry["machine"] = entry["rows"], machine
    for name in names:
        place = report if name == OPERATIONS else rows
        if name in place and "error" not in place[name] and not again:
            continue
        measured = measure_alone(name, child, deadline)
        print(f"{name}: {measured.get('error', 'done')}", file=sys.stderr, flush=True)
        if measured == TIME_UP and name in place:
            continue  # an earlier run's result is worth more than a timeout
        place[name] = measured
        write_report(output, report)
    insert_tables(output, report)


def measure_alone(name: str, child: list[str], deadline: float) -> dict:
    """Run `measure` in a fresh process; if it fails, return a row with the error."""
    command = [sys.executable, __file__, "--measure", name, *child]
    try:
        left = max(0.1, deadline - time.monotonic())
        done = subprocess.run(command, capture_output=True, text=True, timeout=left)
    except subprocess.TimeoutExpired:
        return TIME_UP
    sys.stderr.write(done.stderr)  # on success too, because it lists blocks that run uncompiled
    if done.returncode != 0:
        return {"error": (done.stderr.strip().splitlines() or ["It printed nothing."])[-1]}
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
