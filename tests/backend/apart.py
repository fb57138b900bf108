"""Read clips in a separate process, which may crash or fill the memory.

Run as a program with clips as its arguments, it prints a line of JSON for each: the number of frames, or the error's
class and words, and the most MB by which the process has grown since it began.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def read_apart(*clips: object, timeout: float = 100) -> list[dict]:
    """Return what became of each clip; a crash of the process is an AssertionError that names the clip."""
    paths = os.pathsep.join([str(ROOT / "backend"), str(ROOT)])
    command = [sys.executable, "-m", "tests.backend.apart", *map(str, clips)]
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=timeout)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"exit {done.returncode} at {clips[len(answers)]}: {done.stderr[-1500:]}"
    return answers


def main(clips: list[str]) -> None:
    from actionmesh.media.reader import read_clip
    from actionmesh.protocol import FrameChoice
    from tests.backend.peak import peak_megabytes  # not on Windows

    before = peak_megabytes()
    for clip in clips:
        try:
            answer = {"frames": len(read_clip(clip, FrameChoice(), max_side=64).frames)}
        except Exception as error:
            answer = {"error": type(error).__name__, "words": str(error), "cure": getattr(error, "cure", "")}
        print(json.dumps(answer | {"grown": peak_megabytes() - before}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
