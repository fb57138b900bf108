"""Spoilt clips are read, or refused with a sentence. A separate process reads them and leaves nothing if it crashes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(os.name == "nt", reason="the resource module is not on Windows")
@pytest.mark.fault("A damaged clip ended the backend, or was a fault of its own")
def test_spoilt_clips_are_frames_or_a_sentence(tmp_path):
    paths = os.pathsep.join([str(ROOT / "backend"), str(ROOT)])
    command = [sys.executable, "-W", "ignore", "-m", "tests.backend.fuzz_media", str(tmp_path), "25"]
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, f"exit {done.returncode} after {done.stdout.split()}: {done.stderr[-3000:]}"
