"""The ledger of a batch: what was done is known again, and only while inputs, choices and results are the same."""

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from actionmesh.batch.course import Course, State
from actionmesh.batch.ledger import NAME, Ledger
from actionmesh.batch.plan import Planned
from actionmesh.batch.report import EVERY, Occasionally, write_report
from actionmesh.errors import OutputError
from actionmesh.protocol import Animate, FrameChoice, KnownShape, Memory
from actionmesh.segmentation.choice import mask_folder
from actionmesh.segmentation.kept_masks import Masks
from tests.full_disk import full_disk


@pytest.fixture
def job(tmp_path):
    for name in ("clip.mp4", "mesh.obj", "known.obj"):
        (tmp_path / name).write_text(f"contents of {name}")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.glb").write_bytes(b"result")
    mesh, clip, out = (str(tmp_path / name) for name in ("mesh.obj", "clip.mp4", "out/a.glb"))
    return Animate(clip, (out,), mesh=mesh, known=(KnownShape(1, str(tmp_path / "known.obj")),))


@pytest.fixture
def done(tmp_path, job):
    """Return the folder of results, with a ledger in which the job is done."""
    ledger = Ledger(tmp_path / "out")
    ledger.note(ledger.key(job), job.out)
    return tmp_path / "out"


def is_done(folder, job):
    ledger = Ledger(folder)
    return ledger.is_done(ledger.key(job))


def test_a_finished_job_is_known_again(done, job):
    assert is_done(done, job)
    assert is_done(done, replace(job, device="cuda", memory=Memory.GB_6))


@pytest.mark.parametrize("changes", [
    {"seed": 1}, {"preset": "fast"}, {"frames": FrameChoice(step=2)}, {"colours": True}, {"mesh": None},
    {"known": ()}, {"anchor": 0}, {"match": "off"},
])  # fmt: skip
def test_another_choice_is_another_job(done, job, changes):
    assert not is_done(done, replace(job, **changes))


@pytest.mark.fault("After a clip or mesh was edited, a batch that ran again kept the old result")
@pytest.mark.parametrize("name", ["clip.mp4", "mesh.obj", "known.obj"])
def test_changed_contents_are_another_job(tmp_path, done, job, name):
    size = (tmp_path / name).stat()
    (tmp_path / name).write_text(f"CONTENTS of {name}")
    os.utime(tmp_path / name, ns=(size.st_atime_ns, size.st_mtime_ns))
    assert not is_done(done, job)


@pytest.mark.fault("A mask that was corrected by hand had no effect, because the job counted as done")
def test_a_corrected_mask_is_another_job(tmp_path, done, job):
    folder, masks = mask_folder(job.out), Masks()
    masks.append(np.zeros((8, 8), np.uint8))
    assert folder.write(masks, None, "key", np.array([0])) is None
    assert is_done(done, job)
    Image.fromarray(np.full((8, 8), 255, np.uint8)).save(folder.path / "mask_000000.png")
    assert not is_done(done, job)


@pytest.mark.fault("A report that was open in a spreadsheet ended a batch and lost the running jobs")
def test_a_report_that_cannot_be_written_now_does_not_stop_the_batch(caplog):
    times, calls = iter([0.0, 0.0, 0.0, 3.0, EVERY, EVERY]), []

    def write():
        calls.append(1)
        raise OutputError("batch.csv is open.", "Close it.")

    report = Occasionally(write, lambda: next(times))
    for _ in range(3):
        report()
    assert len(calls) == 2 and "batch.csv is open" in caplog.text


def test_a_clip_of_pictures_is_known_by_their_order_too(tmp_path):
    for number, shade in ((1, "a"), (2, "b")):
        (tmp_path / "walk").mkdir(exist_ok=True)
        (tmp_path / "walk" / f"{number}.png").write_text(shade)
    job = Animate(str(tmp_path / "walk"), (str(tmp_path / "a.glb"),))
    before = Ledger(tmp_path).key(job)
    assert Ledger(tmp_path).key(job) == before
    (tmp_path / "walk" / "2.png").rename(tmp_path / "walk" / "0.png")
    assert Ledger(tmp_path).key(job) != before


@pytest.mark.fault("A result that was deleted or cut short after a batch counted as done")
def test_a_damaged_result_is_made_again(done, job):
    with open(job.out[0], "r+b") as file:
        file.truncate(3)
    assert not is_done(done, job)
    os.unlink(job.out[0])
    assert not is_done(done, job)


def test_a_folder_of_poses_is_a_result_too(tmp_path, job):
    (poses := tmp_path / "out" / "poses").mkdir()
    for number in range(2):
        (poses / f"frame_{number:04}.glb").write_bytes(b"pose")
    job = replace(job, out=(str(poses) + "/",))
    ledger = Ledger(tmp_path / "out")
    ledger.note(ledger.key(job), job.out)
    assert is_done(tmp_path / "out", job)
    (poses / "frame_0001.glb").unlink()
    assert not is_done(tmp_path / "out", job)


def test_results_may_move_with_their_ledger(tmp_path, done, job):
    shutil.move(done, tmp_path / "elsewhere")
    moved = replace(job, out=(str(tmp_path / "elsewhere" / "a.glb"),))
    assert is_done(tmp_path / "elsewhere", moved)


@pytest.mark.fault("A crash while the ledger was written made a batch forget all that was done")
def test_a_line_that_was_cut_off_costs_that_line_alone(done, job):
    other = replace(job, seed=9)
    with (done / NAME).open("a") as file:
        file.write('{"key": "half')
    ledger = Ledger(done)
    ledger.note(ledger.key(other), other.out)
    assert is_done(done, job) and is_done(done, other)
    with (done / NAME).open("ab") as file:
        file.write(b'\xff\x00\n[1]\n{"key": 5}\n{"key": "a", "out": 7}\n')
    assert is_done(done, job) and is_done(done, other)


def test_a_full_disk_is_told_and_the_rest_of_the_ledger_stays(done, job):
    ledger, other = Ledger(done), replace(job, seed=9)
    key = ledger.key(other)
    with full_disk((done / NAME).stat().st_size + 20):
        with pytest.raises(OutputError, match="will be done again"):
            ledger.note(key, other.out)
    assert is_done(done, job) and not is_done(done, other)
    ledger = Ledger(done)
    ledger.note(key, other.out)
    assert is_done(done, other) and is_done(done, job)


def test_a_full_disk_keeps_the_earlier_report(tmp_path, job):
    course = Course(Planned("line 2", job), "key")
    write_report(tmp_path, [course])
    before = (tmp_path / "batch.json").read_text()
    course.end(State.FAILED, "It broke. " * 1000)
    with full_disk(2000):
        with pytest.raises(OutputError):
            write_report(tmp_path, [course])
    assert (tmp_path / "batch.json").read_text() == before and not list(tmp_path.glob(".part-*"))
