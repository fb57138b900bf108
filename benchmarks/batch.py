"""Measure the throughput of `actionmesh batch` with one worker and with two, on the bundled weights.

    python benchmarks/batch.py [--rounds N] [--json FILE]

A round does the same four jobs (two clips, two meshes, 16 frames, preset demo) with one worker, then with two. The time
of a batch is that from the first job's start to the last one's end, without the start of Ray and of the workers, which
is told apart. The ratio compares the best round of each.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / "backend" / "actionmesh" / "checkpoints" / "toy" / "demo"
OPTIONS = ("--preset", "demo", "--spread", "16")
CLIPS, MESHES = ("a.mp4", "b.mp4"), ("one.glb", "two.glb")
BEGUN = re.compile(r": running$")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", metavar="N", type=int, default=2)
    parser.add_argument("--json", type=Path, help="file for the numbers of every round")
    chosen = parser.parse_args()
    found: list[dict] = []
    with tempfile.TemporaryDirectory() as folder:
        work = prepared(Path(folder))
        for number in range(chosen.rounds):
            for workers in (1, 2):
                found.append({"workers": workers} | measured(work, workers, f"{number}-{workers}"))
                print(
                    "{workers} workers: {seconds:.1f} s of work, {start:.1f} s to start".format(**found[-1]), flush=True
                )
    print(summary(found))
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def prepared(folder: Path) -> Path:
    """Copy the clips and the meshes into a folder and return it."""
    for kind, names, source in (("clips", CLIPS, "clip.mp4"), ("meshes", MESHES, "mesh.glb")):
        (folder / kind).mkdir()
        for name in names:
            (folder / kind / name).write_bytes((DEMO / source).read_bytes())
    return folder


def measured(work: Path, workers: int, name: str) -> dict[str, float]:
    """Run the batch; return its seconds of work and those before the first job."""
    command = [sys.executable, "-P", "-m", "actionmesh", "batch", "clips", "--mesh", "meshes", "-o", name, *OPTIONS]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "backend")}
    began, first, last = time.monotonic(), 0.0, 0.0
    process = subprocess.Popen(
        [*command, "--workers", str(workers)], cwd=work, env=environment, stderr=subprocess.PIPE, text=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        now = time.monotonic()
        first = first or (now if BEGUN.search(line.strip()) else 0.0)
        last = now if line.rstrip().endswith(": done") else last
    if process.wait() or not first:
        raise SystemExit(f"The batch failed with code {process.returncode}.")
    return {"seconds": last - first, "start": first - began}


def summary(found: list[dict]) -> str:
    best = {count: min(each["seconds"] for each in found if each["workers"] == count) for count in (1, 2)}
    jobs = len(CLIPS) * len(MESHES)
    return (
        f"one worker: {3600 * jobs / best[1]:.0f} jobs an hour; two: {3600 * jobs / best[2]:.0f}; "
        f"ratio {best[1] / best[2]:.2f} on {os.cpu_count()} cores"
    )


if __name__ == "__main__":
    main()
