"""Many damaged mesh files, read by a process that may end: see `mesh_fuzz`, which runs longer by hand."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of a process's memory is Linux's")
@pytest.mark.fault("A damaged mesh file ends the worker, or fills the memory")
def test_every_damaged_file_is_read_or_refused(tmp_path):
    command = [sys.executable, "-m", "tests.backend.mesh_fuzz", str(tmp_path), "80"]
    places = {"PYTHONPATH": os.pathsep.join([str(ROOT / "backend"), str(ROOT)]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=os.environ | places, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.endswith("read\n"), done.stderr[-3000:]
