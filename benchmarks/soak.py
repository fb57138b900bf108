"""Main memory and threads of one worker over many jobs, and after it gave its models back.

    .venv/bin/python benchmarks/soak.py [--jobs 150] [--output soak.json]

The worker is the one that Blender starts. Jobs take turns: your own mesh, a clip alone as a relief, a clip alone
through the networks; each has 4 to 7 frames, and every tenth follows an unload. Memory is what the system counts as
resident (RSS), in MB.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "backend"), str(ROOT)]

import psutil  # noqa: E402

from actionmesh import protocol  # noqa: E402
from actionmesh.protocol import Animate, Answer, Failure, FrameChoice, Initialize, Params, Request, Shape, Unload  # noqa: E402

DEMO = ROOT / "backend" / "actionmesh" / "checkpoints" / "toy" / "demo"
WORKER = ROOT / "backend" / "actionmesh" / "worker.py"
SETTLED = 1.0
"""Seconds after an answer until the worker has tidied up."""
EVERY = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=150)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    report = soak(arguments.jobs)
    print(summary(report))
    if arguments.output:
        arguments.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def soak(jobs: int) -> dict[str, Any]:
    """Memory and threads when first idle, after every job, and after every unload."""
    with tempfile.TemporaryDirectory() as folder, Worker() as worker:
        worker.call(Initialize())
        first, after, unloaded = worker.measure(), [], []
        for number in range(jobs):
            worker.call(job(number, Path(folder)))
            after.append(worker.measure())
            if number % EVERY == EVERY - 1 or number == jobs - 1:
                worker.call(Unload())
                unloaded.append(worker.measure())
            print(number, after[-1], flush=True)
    return {"first_idle": first, "after_jobs": after, "after_unload": unloaded}


def job(number: int, folder: Path) -> Animate:
    """The job of this number."""
    mesh = str(DEMO / "mesh.glb") if number % 3 == 0 else None
    shape = Shape.NETWORK if number % 3 == 2 else Shape.AUTO
    out, frames = str(folder / "result.glb"), FrameChoice(count=4 + number % 4)
    return Animate(str(DEMO / "clip.mp4"), (out,), mesh=mesh, shape=shape, frames=frames, preset="demo", device="cpu")


def summary(report: dict[str, Any]) -> str:
    """The figures that a page tells."""
    memory = [row["mb"] for row in report["after_jobs"]]
    tenth = memory[min(9, len(memory) - 1)]
    threads = max(row["threads"] for row in report["after_jobs"])
    return (
        f"first idle {report['first_idle']['mb']:.0f} MB; after job 1: {memory[0]:.0f}, 10: {tenth:.0f}, "
        f"{len(memory)}: {memory[-1]:.0f}, at most {max(memory):.0f} MB; "
        f"after unload {report['after_unload'][0]['mb']:.0f} to {report['after_unload'][-1]['mb']:.0f} MB; "
        f"at most {threads} threads"
    )


class Worker:
    """The worker as a process; use as a context."""

    def __enter__(self) -> "Worker":
        self._log = tempfile.TemporaryFile()
        command = [sys.executable, "-I", str(WORKER)]
        variables = {**os.environ, "HF_HUB_OFFLINE": "1"}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, env=variables
        )
        self._id = 0
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.wait()
        self._log.close()

    def call(self, params: Params) -> None:
        """Send a request and wait for its answer."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._id += 1
        self._process.stdin.write(protocol.encode(Request(self._id, params)))
        self._process.stdin.flush()
        for line in self._process.stdout:
            message = protocol.decode(line)
            if isinstance(message, Failure):
                raise SystemExit(f"{params.METHOD} failed: {message.error}")
            if isinstance(message, Answer) and message.id == self._id:
                return
        raise SystemExit("The worker ended.")

    def measure(self) -> dict[str, float]:
        """Memory and threads once it has tidied up."""
        time.sleep(SETTLED)
        process = psutil.Process(self._process.pid)
        return {"mb": process.memory_info().rss / 2**20, "threads": process.num_threads()}


if __name__ == "__main__":
    main()
