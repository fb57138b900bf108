"""`actionmesh batch` as a user calls it: the bundled weights, small clips, Ray's own processes."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import actionmesh

from .test_planted_code import NAMES
from .worker_process import PATIENCE

pytest.importorskip("ray", reason="Ray is not installed: see backend/requirements-batch.txt")
pytestmark = pytest.mark.skipif(
    not os.environ.get("ACTIONMESH_RAY_TESTS"),
    reason="Set ACTIONMESH_RAY_TESTS=1 to start Ray: it takes minutes on two cores.",
)

DEMO = Path(actionmesh.__file__).parent / "checkpoints" / "toy" / "demo"
QUICK = ("--preset", "demo", "--spread", "4", "--match", "off", "--facing", "+Z")


def batch(folder, *arguments, **options):
    environment = {**os.environ, "PYTHONPATH": str(Path(actionmesh.__file__).parents[1])}
    return subprocess.run(
        [sys.executable, "-P", "-m", "actionmesh", "batch", *map(str, arguments)],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE, **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Return a folder of two clips and two meshes, among planted files that a program might import."""
    folder = tmp_path_factory.mktemp("work")
    for name in ("clips", "meshes"):
        (folder / name).mkdir()
    for name in ("a.mp4", "b.mp4"):
        (folder / "clips" / name).write_bytes((DEMO / "clip.mp4").read_bytes())
    for name in ("one.glb", "two.glb"):
        (folder / "meshes" / name).write_bytes((DEMO / "mesh.glb").read_bytes())
    for name in NAMES:
        (folder / f"{name}.py").write_text(f"open({str(folder / 'ran')!r}, 'a').write('{name} ')\n")
    return folder


@pytest.mark.fault("A numpy.py beside the clips was run by the workers of a batch")
def test_two_clips_meet_two_meshes_and_a_second_run_does_only_what_is_left(work):
    done = batch(work, "clips", "--mesh", "meshes", "-o", "out", *QUICK)
    assert done.returncode == 0, done.stderr
    results = [work / "out" / f"{clip}_{mesh}.glb" for clip in "ab" for mesh in ("one", "two")]
    assert all(result.read_bytes()[:4] == b"glTF" for result in results)
    assert not (work / "ran").exists(), (work / "ran").read_text()
    lines = [line.partition(": ") for line in done.stderr.splitlines()]
    told = [what for title, _, what in lines if title == "a.mp4 + one.glb"]
    assert told[0] == "running" and told[-1] == "done" and len(told) > 2 and "Traceback" not in done.stderr
    report = json.loads((work / "out" / "batch.json").read_text())
    assert [(job["place"], job["state"]) for job in report["jobs"]] == [
        (f"{clip}.mp4 + {mesh}.glb", "done") for clip in "ab" for mesh in ("one", "two")
    ]

    results[0].write_bytes(results[0].read_bytes()[:1000])
    results[1].unlink()
    before = results[3].stat().st_mtime_ns
    again = batch(work, "clips", "--mesh", "meshes", "-o", "out", *QUICK)
    assert again.returncode == 0 and "4 jobs: 2 done, 2 done before" in again.stdout, again.stderr
    assert results[3].stat().st_mtime_ns == before and len(results[0].read_bytes()) == len(results[2].read_bytes())

    last = batch(work, "clips", "--mesh", "meshes", "-o", "out", *QUICK)
    assert last.returncode == 0 and "4 jobs: 4 done before" in last.stdout and "Starting" not in last.stderr


def test_a_failed_job_is_in_the_report_and_in_the_exit_code(work):
    rows = [("clip", "mesh", "count"), ("clips/a.mp4", "meshes/one.glb", "4"), ("clips/a.mp4", "", "5000")]
    with (work / "jobs.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    done = batch(work, "jobs.csv", "-o", "table", *QUICK[:2], "--match", "off", "--facing", "+Z")
    assert done.returncode == 2 and "1 of 2 jobs failed" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    with (work / "table" / "batch.csv").open(newline="") as file:
        good, bad = csv.DictReader(file)
    assert (good["state"], bad["state"], bad["place"]) == ("done", "failed", "line 3")
    assert "frames" in bad["error"] and f"line 3: {bad['error']}" in done.stderr


def test_bad_rows_are_all_told_and_nothing_is_started(work):
    (work / "bad.csv").write_text("clip,preset\nclips/gone.mp4,\nclips/a.mp4,best\nclips/b.mp4,demo\n,\n")
    done = batch(work, "bad.csv", "-o", "never", *QUICK)
    assert done.returncode == 2 and "2 of the 3 jobs" in done.stderr and "Starting" not in done.stderr
    assert "line 2: " in done.stderr and "line 3: " in done.stderr and not (work / "never").exists()


@pytest.mark.parametrize(("address", "sentence"), [
    ("127.0.0.1:9", "No Ray cluster answers at 127.0.0.1:9"), ("local", "'local' is not the address of a Ray cluster"),
])  # fmt: skip
def test_a_cluster_that_does_not_answer_is_one_sentence(work, address, sentence):
    done = batch(work, "clips", "-o", "cluster", "--address", address, *QUICK)
    assert done.returncode == 2 and sentence in done.stderr and "Traceback" not in done.stderr, done.stderr


def test_without_ray_one_sentence_says_how_to_install_it(work, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['ray'] = None\n")
    paths = os.pathsep.join((str(tmp_path), str(Path(actionmesh.__file__).parents[1])))
    environment = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "actionmesh", "batch", "clips"],
        cwd=work, env=environment, capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 2 and "requirements-batch.txt" in done.stderr and done.stderr.count("\n") == 1
