"""The worker and the command line with the real pipeline, on a tiny checkpoint of random weights."""

import json
import os
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

from actionmesh import cli, machine
from actionmesh.animation import Animation
from actionmesh.protocol import (
    VERSION,
    Animate,
    Cancel,
    Failure,
    FrameChoice,
    Initialize,
    Kind,
    Look,
    Notice,
    ProgressNotice,
    Unload,
)

from .worker_process import WORKER, WorkerProcess

FRAMES = 5
UNTHROTTLED = f"""
import runpy, sys
sys.path.insert(0, {str(WORKER.parents[1])!r})
from actionmesh import outbox
outbox.SECONDS_BETWEEN_NOTICES = 0.0
runpy.run_path({str(WORKER)!r}, run_name="__main__")
"""
"""The worker, which reports every step."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Write a disc that moves across transparent pictures."""
    folder = tmp_path_factory.mktemp("clip")
    y, x = np.mgrid[:48, :48]
    for frame in range(FRAMES):
        picture = np.zeros((48, 48, 4), np.uint8)
        picture[(x - 14 - 5 * frame) ** 2 + (y - 24) ** 2 < 100] = (200, 120, 40, 255)
        Image.fromarray(picture).save(folder / f"{frame}.png")
    return folder


@pytest.fixture(scope="module")
def mesh(tmp_path_factory):
    path = tmp_path_factory.mktemp("mesh") / "ball.glb"
    trimesh.creation.icosphere(subdivisions=2).export(path)
    return path


@pytest.fixture(scope="module")
def worker(tmp_path_factory, tiny_checkpoint):
    environment = {**os.environ, "ACTIONMESH_CHECKPOINTS": str(tiny_checkpoint.parent)}
    with WorkerProcess(tmp_path_factory.mktemp("worker") / "log", env=environment) as process:
        yield process


@pytest.fixture
def job(clip, mesh, tiny_checkpoint, tmp_path):
    return Animate(
        clip=str(clip),
        mesh=str(mesh),
        out=(str(tmp_path / "a.safetensors"),),
        checkpoint=tiny_checkpoint.name,
        device="cpu",
        steps=3,
        fps=10,
    )


def test_initialize_tells_versions_devices_and_checkpoints(worker, tiny_checkpoint):
    answer = worker.call(Initialize())
    assert answer.protocol == VERSION
    assert answer.versions["torch"] == torch.__version__ and {"python", "actionmesh"} <= set(answer.versions)
    cpu = next(device for device in answer.devices if device.name == "cpu")
    assert cpu.memory_total > cpu.memory_free > 0
    tiny = next(checkpoint for checkpoint in answer.checkpoints if checkpoint.name == tiny_checkpoint.name)
    assert tiny.path == str(tiny_checkpoint) and tiny.size > 0 and tiny.missing == ()


def test_client_of_another_version_is_refused(worker):
    assert worker.refused(Initialize(protocol=VERSION + 1)).kind is Kind.OTHER_VERSION


def test_jobs_in_a_row_load_the_models_once(worker, job, tmp_path):
    first = worker.call(job)
    again = replace(job, out=(str(tmp_path / "b.safetensors"), str(tmp_path / "b.glb"), str(tmp_path / "b.png")))
    second = worker.call(again)
    assert first.loads == second.loads > 0
    assert second.out == again.out and all(os.path.getsize(path) > 0 for path in again.out)
    assert (first.poses, first.duration) == (FRAMES, (FRAMES - 1) / 10)
    one, other = Animation.load(first.out[0]), Animation.load(second.out[0])
    assert np.array_equal(one.vertices, other.vertices)
    assert first.vertices == one.vertices.shape[1]
    worker.call(Unload())
    assert worker.call(job).loads > first.loads


def test_every_stage_is_reported_from_its_first_step_to_its_last(worker, job):
    worker.notices.clear()
    done = worker.call(job)
    steps = {}
    for notice in worker.notices:
        steps.setdefault((notice.stage, notice.part), []).append((notice.step, notice.total))
    assert any(total == job.steps for _, total in sum(steps.values(), []))
    for seen in steps.values():
        assert seen == sorted(seen) and seen[0][0] == 0 and seen[-1][0] == seen[-1][1]
    assert list(dict.fromkeys(stage for stage, _ in steps)) == list(done.timings)
    assert 0 <= min(done.timings.values()) and sum(done.timings.values()) <= done.seconds


def test_look_shows_the_subject_of_the_reference_frame_and_keeps_the_models(worker, job, clip, tmp_path):
    loads = worker.call(job).loads
    look = Look(
        str(clip),
        str(tmp_path / "look.png"),
        frames=FrameChoice(1, 3, 1),
        anchor=-1,
        size=24,
        checkpoint=job.checkpoint,
    )
    seen = worker.call(replace(look, device="cpu"))
    assert (seen.clip_frames, seen.chosen, seen.frame, seen.fps) == (FRAMES, 3, 3, 24.0)
    assert (seen.width, seen.height) == (48, 48)
    picture = np.asarray(Image.open(seen.out))
    assert picture.shape == (24, 24, 4)
    disc = picture[..., 3] >= 128
    assert np.argwhere(disc).mean(axis=0) == pytest.approx([12, (14 + 5 * 3) / 2], abs=1)
    assert seen.coverage == pytest.approx(np.pi * 100 / 48**2, rel=0.1) and disc.mean() == pytest.approx(
        seen.coverage, rel=0.1
    )
    assert worker.call(job).loads == loads


@pytest.mark.parametrize(
    ("change", "kind", "named"),
    [
        ({"clip": "/no/such/clip.mp4"}, Kind.BAD_MEDIA, "/no/such/clip.mp4"),
        ({"anchor": FRAMES}, Kind.BAD_INPUT, f"{FRAMES} frames"),
        ({"frames": FrameChoice(count=99)}, Kind.BAD_MEDIA, f"{FRAMES} frames"),
        ({"size": 0}, Kind.BAD_INPUT, "0 pixels"),
        ({"out": "/proc/look.png"}, Kind.CANNOT_WRITE, "/proc"),
        ({"out": "clip/0.png"}, Kind.BAD_INPUT, "overwrite"),
    ],
)
def test_what_a_look_cannot_see_is_typed_and_named(worker, job, clip, tmp_path, change, kind, named):
    look = Look(str(clip), str(tmp_path / "look.png"), checkpoint=job.checkpoint, device="cpu")
    if change.get("out", "").startswith("clip"):
        change = {"out": str(clip / "0.png")}
    error = worker.refused(replace(look, **change))
    assert error.kind is kind, error
    assert named in error.problem and error.cure


def test_cancel_takes_effect_within_a_denoising_step(job, tiny_checkpoint, tmp_path):
    """Every step is reported and messages keep their order, so those after the answer to `cancel` came after it."""
    log, results = tmp_path / "log", tmp_path / "results"
    job = replace(job, steps=10_000, out=(str(results / "a.safetensors"),), checkpoint=str(tiny_checkpoint))
    with WorkerProcess(log, [sys.executable, "-I", "-c", UNTHROTTLED]) as worker:
        id = worker.start_job(job, steps=FRAMES + 1)
        steps = [notice.step for notice in worker.notices if notice.total == job.steps]
        assert steps == list(range(len(steps))), "a step was not told"
        cancel = worker.send(Cancel(id))
        assert worker.wait(cancel, timeout=10).value["running"]
        late = []
        while isinstance(message := worker.receive(timeout=10), Notice):
            late.append(message.params)
        assert isinstance(message, Failure) and message.error.kind is Kind.CANCELLED
    assert sum(isinstance(notice, ProgressNotice) for notice in late) <= 2
    assert list(tmp_path.iterdir()) == [log]


@pytest.mark.parametrize(
    ("change", "kind", "named"),
    [
        ({"clip": "/no/such/clip.mp4"}, Kind.BAD_MEDIA, "/no/such/clip.mp4"),
        ({"clip": __file__}, Kind.BAD_MEDIA, "test_worker_with_pipeline.py"),
        ({"mesh": "/no/such/mesh.glb"}, Kind.BAD_MESH, "/no/such/mesh.glb"),
        ({"mesh": __file__}, Kind.BAD_MESH, "test_worker_with_pipeline.py"),
        ({"checkpoint": "/no/such/folder"}, Kind.BAD_CHECKPOINT, "/no/such/folder"),
        ({"device": "abacus"}, Kind.BAD_INPUT, "abacus"),
        ({"preset": "perfect"}, Kind.BAD_INPUT, "perfect"),
        ({"anchor": 99}, Kind.BAD_INPUT, "99"),
        ({"out": ("a.docx",)}, Kind.BAD_INPUT, "a.docx"),
        ({"out": ("/proc/a.glb",)}, Kind.CANNOT_WRITE, "/proc"),
    ],
)
def test_what_the_user_can_cause_is_typed_and_named(worker, job, change, kind, named):
    error = worker.refused(replace(job, **change))
    assert error.kind is kind, error
    assert named in error.problem and error.cure
    assert "\n" not in str(error)


def test_command_line_animates_and_describes_the_machine(job, tiny_checkpoint, monkeypatch, capsys):
    monkeypatch.setenv("ACTIONMESH_CHECKPOINTS", str(tiny_checkpoint.parent))
    arguments = f"animate {job.clip} --mesh {job.mesh} -o {job.out[0]} --checkpoint tiny --steps 2 --in-betweens 1"
    assert cli.main(arguments.split()) == 0
    assert f"Wrote {job.out[0]}" in capsys.readouterr().out
    assert len(Animation.load(job.out[0]).vertices) == 2 * FRAMES - 1
    assert cli.main(["info"]) == 0
    told = capsys.readouterr().out
    assert "cpu" in told and str(tiny_checkpoint) in told and "complete" in told
    _, _, after = told.partition(str(tiny_checkpoint))
    licence = json.loads((tiny_checkpoint / "checkpoint.json").read_text())["licence"]
    assert after.splitlines()[1].strip() == f"licence: {licence}"


def test_damaged_checkpoint_hides_no_other(tiny_checkpoint, tmp_path, monkeypatch):
    shutil.copytree(tiny_checkpoint, tmp_path / "damaged")
    (tmp_path / "damaged" / "checkpoint.json").write_text("{")
    monkeypatch.setenv("ACTIONMESH_CHECKPOINTS", str(tmp_path))
    *others, damaged = machine.checkpoints()
    assert damaged.name == "damaged" and "checkpoint.json" in damaged.missing[0] and not damaged.licence
    assert others and all(other.licence for other in others if not other.missing)


def test_end_of_input_in_the_middle_of_denoising_ends_the_worker(worker, job, tmp_path):
    """This is the last test, because the others share the worker."""
    worker.notices.clear()
    worker.start_job(replace(job, steps=10_000), steps=FRAMES + 1)
    worker.process.stdin.close()
    assert worker.seconds_to_end() < 30
    assert list(tmp_path.iterdir()) == []
