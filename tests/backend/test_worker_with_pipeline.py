"""The worker and the command line with the real pipeline, on a tiny checkpoint of random weights."""

import os
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

from actionmesh import cli
from actionmesh.animation import Animation
from actionmesh.protocol import VERSION, Animate, Cancel, Initialize, Kind, ProgressNotice, Unload

from .worker_process import WorkerProcess

FRAMES = 5


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A disc that moves across transparent pictures."""
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
        steps.setdefault(notice.stage, []).append((notice.step, notice.total))
    assert any(total == job.steps for _, total in sum(steps.values(), []))
    for seen in steps.values():
        assert seen == sorted(seen) and seen[0][0] == 0 and seen[-1][0] == seen[-1][1]
    *stages, total = done.timings.values()
    assert [*steps, "Loading and the rest", "Total"] == list(done.timings)
    assert sum(stages) == pytest.approx(total) and min(stages) >= 0


def test_cancel_takes_effect_within_a_denoising_step(worker, job, tmp_path):
    worker.notices.clear()
    id = worker.send(replace(job, steps=10_000))

    def last_step():
        return max((n.step for n in worker.notices if isinstance(n, ProgressNotice) and n.total == 10_000), default=0)

    while last_step() < 2:
        worker.notices.append(worker.receive().params)
    before, start = last_step(), time.monotonic()
    cancel = worker.send(Cancel(id))
    assert worker.wait(id).error.kind is Kind.CANCELLED
    assert time.monotonic() - start < 2
    worker.wait(cancel)
    assert last_step() < before + 1000
    assert list(tmp_path.iterdir()) == []


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


def test_end_of_input_in_the_middle_of_denoising_ends_the_worker(worker, job, tmp_path):
    """The last one, as the other tests share the worker."""
    worker.notices.clear()
    worker.start_job(replace(job, steps=10_000), steps=FRAMES + 1)
    worker.process.stdin.close()
    assert worker.seconds_to_end() < 2
    assert list(tmp_path.iterdir()) == []
