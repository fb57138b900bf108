"""The queue: order, cancelling at every stage, every way a worker fails, preparation and memory.

The worker is a fake.
"""

import os
import signal
import threading
import time

import pytest

from blender_addon.errors import ArtistError, BackendMissing, FolderError
from blender_addon.jobs.events import (
    END_OF_JOB,
    BackendChanged,
    Cancelled,
    Finished,
    Looked,
    LookFailed,
    LookProgressed,
    Progressed,
    Started,
    WorkerState,
)
from blender_addon.jobs.past_jobs import history
from blender_addon.jobs.queue import JobQueue
from blender_addon.jobs.record import State, Trouble, read_record
from blender_addon.process.backend_locator import protocol

from ..full_disk import full_disk
from .workers import collect, fake_client, is_running, job, needs_posix, wait_until


class Bench:
    """A queue on the fake worker. `starts` says how each worker begins; `clients` are those that were started."""

    def __init__(self, folder):
        self.folder, self.root = folder, folder / "jobs"
        self.starts, self.clients, self.options = [], [], {}
        self.queue = JobQueue(self._make_client, keep_minutes=None)

    def _make_client(self):
        start = self.starts.pop(0) if self.starts else "ready"
        if isinstance(start, Exception):
            raise start
        self.clients.append(fake_client(self.folder, start, **self.options))
        return self.clients[-1]

    def submit(self, clip="quick", preparation=None, **facts):
        record = job(self.root, clip, **facts)
        self.queue.submit(record, preparation)
        return record

    def run(self, *records):
        """Poll until all of them are over; return all events."""
        events = []

        def over():
            events.extend(self.queue.poll())
            ended = [event.record for event in events if isinstance(event, END_OF_JOB)]
            return all(any(record is other for other in ended) for record in records)

        wait_until(over)
        return events

    def start(self, clip):
        """Start a job that runs in the worker."""
        record = self.submit(clip)
        collect(self.queue.poll, Progressed)
        assert record.state is State.RUNNING
        return record


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    for client in bench.clients:
        client.kill()
    bench.queue.close(0)


def kinds(events):
    return [type(event) for event in events if not isinstance(event, BackendChanged | Progressed | LookProgressed)]


def test_a_job_that_matches_again_is_asked_of_the_worker_as_one(bench):
    rematches = [protocol.Rematch("/jobs/first/result.safetensors", (), clip=clip) for clip in ("quick", "exhaust")]
    done, failed = (bench.submit("crash", rematch=rematch) for rematch in rematches)
    events = bench.run(done, failed)
    assert done.state is State.FINISHED and done.has_result and done.result["fit"]["way"] == "off"
    assert failed.state is State.FAILED and failed.error.kind == "out_of_memory"
    assert [event.notice.stage for event in events if isinstance(event, Progressed)][:1] == ["reading"]
    slow = bench.submit("crash", rematch=protocol.Rematch("r", (), clip="slow"))
    collect(bench.queue.poll, Progressed)
    assert bench.queue.cancel(slow.id)
    bench.run(slow)
    assert slow.state is State.CANCELLED and not slow.has_result


def test_jobs_run_in_order_with_one_worker(bench):
    records = [bench.submit() for _ in range(3)]
    assert bench.queue.records == records
    events = bench.run(*records)
    assert kinds(events) == [Started, Finished] * 3 and len(bench.clients) == 1
    assert [event.record for event in events if isinstance(event, Finished)] == records
    for record in records:
        assert (record.state, record.result["poses"], record.result["seconds"]) == (State.FINISHED, 5, 13.0)
        assert record.has_result and read_record(record.folder) == record
    assert bench.queue.records == []


def test_states_of_the_backend_are_told(bench):
    assert bench.queue.state is WorkerState.STOPPED
    record = bench.submit()
    events = bench.run(record) + collect(bench.queue.poll, BackendChanged, count=0)
    states = [event.state for event in events if isinstance(event, BackendChanged)]
    assert states[:2] == [WorkerState.STARTING, WorkerState.BUSY] or states[:3] == [
        WorkerState.STARTING,
        WorkerState.READY,
        WorkerState.BUSY,
    ]
    assert bench.queue.state is WorkerState.READY and bench.queue.backend.machine.protocol == protocol.VERSION
    bench.queue.stop_backend()
    assert bench.queue.poll() == [BackendChanged(WorkerState.STOPPED)]


def test_progress_tells_stage_and_whole_and_never_falls(bench):
    record = bench.submit(preparation=iter_preparation(3))
    told = [event for event in bench.run(record) if isinstance(event, Progressed)]
    assert [event.notice for event in told[:3]] == [rendering(step, 3) for step in (1, 2, 3)]
    assert told[-1].notice.stage == "reading" and told[-1].notice.seconds_left is not None
    shares = [event.overall for event in told]
    assert shares == sorted(shares) and 0 < shares[0] < shares[-1] <= 1


def rendering(step, total):
    """Return the progress of Blender's own work."""
    return protocol.ProgressNotice(0, protocol.Stage.RENDERING, step, total, None, item="Box")


def iter_preparation(steps, log=None, fail=None, seconds=0.0):
    """Yield the steps of a preparation, and record them in `log`."""
    log = [] if log is None else log
    try:
        for step in range(steps):
            time.sleep(seconds)
            log.append(step)
            yield rendering(step + 1, steps)
        if fail is not None:
            raise fail
        log.append("done")
    finally:
        log.append("tidied")


def test_preparation_goes_one_step_a_poll_and_before_the_job(bench):
    log = []
    record = bench.submit(preparation=iter_preparation(4, log))
    for number in range(4):
        bench.queue.poll()
        assert log == list(range(number + 1)) and record.state is State.PREPARING
        assert read_record(record.folder).state is State.PREPARING
    bench.run(record)
    assert log[4:] == ["done", "tidied"] and record.state is State.FINISHED


def test_preparation_that_waits_for_others_rests(bench):
    def preparation():
        yield rendering(1, 2)
        yield None
        yield rendering(2, 2)

    record = bench.submit(preparation=preparation())
    told, resting = [], []
    for _ in range(3):
        told.append([event.notice.step for event in bench.queue.poll() if isinstance(event, Progressed)])
        resting.append(bench.queue.resting)
    assert told == [[1], [], [2]] and resting == [False, True, False]
    bench.run(record)
    assert record.state is State.FINISHED


def test_timers_that_run_within_a_preparation_do_nothing(bench):
    def preparation():
        yield rendering(1, len(bench.queue.poll()))

    record = bench.submit(preparation=preparation())
    (told,) = [
        event for event in bench.run(record) if isinstance(event, Progressed) and event.notice.stage == "rendering"
    ]
    assert told.notice.total == 0


# Cancel, at every stage.


def test_cancel_of_a_waiting_job_leaves_the_others(bench):
    running = bench.start("slow")
    waiting, last = bench.submit(), bench.submit()
    assert bench.queue.cancel(waiting.id)
    assert kinds(bench.queue.poll())[:1] == [Cancelled] and waiting.state is State.CANCELLED
    assert bench.queue.cancel(running.id) and not bench.queue.cancel(waiting.id)
    bench.run(running, last)
    assert (running.state, last.state, len(bench.clients)) == (State.CANCELLED, State.FINISHED, 1)
    assert not running.has_result


def test_cancel_while_the_worker_starts(bench):
    bench.starts = ["be_silent"]
    record = bench.submit()
    collect(bench.queue.poll, Started)
    bench.queue.poll()
    assert bench.queue.state is WorkerState.STARTING
    bench.queue.cancel(record.id)
    assert kinds(bench.queue.poll()) == [Cancelled] and read_record(record.folder).state is State.CANCELLED


def test_cancel_while_preparing_tidies_up(bench):
    log = []
    record = bench.submit(preparation=iter_preparation(9, log))
    bench.queue.poll()
    bench.queue.cancel(record.id)
    assert kinds(bench.queue.poll()) == [Cancelled]
    assert log == [0, "tidied"] and record.state is State.CANCELLED


def test_cancel_from_within_a_preparation(bench):
    def preparation():
        assert bench.queue.cancel(record.id)
        yield rendering(1, 2)
        raise AssertionError("it went on")

    record = bench.submit(preparation=preparation())
    assert kinds(bench.queue.poll()) == [Started, Cancelled]


@pytest.mark.parametrize("stop", [JobQueue.stop_backend, JobQueue.close])
def test_everything_can_be_stopped_from_within_a_preparation(bench, stop):
    tidied = []

    def preparation():
        try:
            stop(bench.queue)
            yield rendering(1, 2)
            raise AssertionError("it went on")
        finally:
            tidied.append(True)

    record = bench.submit(preparation=preparation())
    events = bench.queue.poll()
    assert bench.queue.records == [] and not any(isinstance(event, Progressed) for event in events)
    assert record.state in (State.CANCELLED, State.INTERRUPTED) and record.error is None and tidied


def test_preparation_that_stops_everything_and_then_fails_is_over(bench):
    def preparation():
        bench.queue.stop_backend()
        raise ArtistError("The source is gone.")
        yield

    record = bench.submit(preparation=preparation())
    assert kinds(bench.queue.poll()) == [Started, Cancelled]
    assert record.state is State.CANCELLED and record.error is None
    bench.run(after := bench.submit())
    assert after.state is State.FINISHED


def test_cancel_of_a_running_job_keeps_the_worker(bench):
    record = bench.start("slow")
    bench.queue.cancel(record.id)
    bench.run(record, after := bench.submit())
    assert (record.state, after.state, len(bench.clients)) == (State.CANCELLED, State.FINISHED, 1)


def test_worker_that_ignores_a_cancel_is_killed_and_the_next_job_gets_a_fresh_one(bench):
    bench.queue.backend.patience = 0.3
    record = bench.start("deaf")
    after = bench.submit()
    bench.queue.cancel(record.id)
    begin = time.monotonic()
    bench.run(record)
    assert record.state is State.CANCELLED and 0.2 < time.monotonic() - begin < 3
    wait_until(lambda: not is_running(bench.clients[0].pid))
    bench.run(after)
    assert after.state is State.FINISHED and len(bench.clients) == 2


def test_cancel_of_what_is_over_or_unknown_finds_nothing(bench):
    record = bench.submit()
    bench.run(record)
    assert not bench.queue.cancel(record.id) and not bench.queue.cancel("nothing")
    assert record.state is State.FINISHED


# Workers that fail.


@needs_posix
def test_killed_worker_fails_its_job_within_two_seconds_and_the_rest_goes_on(bench):
    record, after = bench.start("slow"), bench.submit()
    os.kill(bench.clients[0].pid, signal.SIGKILL)
    begin = time.monotonic()
    bench.run(record)
    assert time.monotonic() - begin < 2
    assert (record.state, record.error.kind) == (State.FAILED, Trouble.WORKER_DIED) and record.error.cure
    bench.run(after)
    assert after.state is State.FINISHED and len(bench.clients) == 2


def test_crash_is_told_with_the_tail_of_the_log(bench):
    record = bench.submit("crash")
    bench.run(record)
    assert record.error.log.endswith("the last words of the backend") and "exit code 3" in record.error.problem
    assert read_record(record.folder).error == record.error


def test_worker_that_stops_answering_is_told_as_silent(bench):
    bench.options = {"patience": 0.4}
    record = bench.submit("mute")
    bench.run(record)
    assert record.error.kind == Trouble.WORKER_SILENT and "did not answer" in record.error.problem
    wait_until(lambda: not is_running(bench.clients[0].pid))


def test_worker_that_never_says_a_word_fails_the_jobs_after_two_attempts(bench):
    bench.starts, bench.options = ["be_silent", "be_silent"], {"start_patience": 0.3}
    records = [bench.submit(), bench.submit()]
    bench.run(*records)
    assert {record.error.kind for record in records} == {Trouble.WORKER_SILENT} and len(bench.clients) == 2


def test_worker_that_dies_once_at_its_start_is_started_again(bench):
    bench.starts = ["die"]
    record = bench.submit()
    bench.run(record)
    assert record.state is State.FINISHED and len(bench.clients) == 2


def test_worker_that_always_dies_at_its_start_fails_all_and_the_next_click_tries_again(bench):
    bench.starts = ["die", "die"]
    log = []
    records = [bench.submit(preparation=iter_preparation(10**6, log, seconds=0.01)), bench.submit()]
    bench.run(*records)
    assert len(bench.clients) == 2 and log[-1] == "tidied"
    for record in records:
        assert record.state is State.FAILED and "ImportError: the backend is broken" in record.error.problem
    assert bench.queue.state is WorkerState.STOPPED and bench.queue.backend.error == records[0].error
    again = bench.submit()
    bench.run(again)
    assert again.state is State.FINISHED


def test_python_without_torch_is_one_sentence(bench):
    bench.starts = ["lack_torch"]
    records = [bench.submit(), bench.submit()]
    bench.run(*records)
    for record in records:
        assert record.error.kind == Trouble.BACKEND_MISSING and "No module named 'torch'" in record.error.problem
        assert "preferences" in record.error.cure and "\n" not in record.error.problem
    assert bench.queue.state is WorkerState.NOT_FOUND


def test_missing_backend_fails_all_that_waits_and_is_looked_for_again(bench):
    bench.starts = [BackendMissing("There is no Python.", "Choose one.")]
    records = [bench.submit(), bench.submit()]
    events = bench.run(*records)
    assert [record.error.problem for record in records] == ["There is no Python."] * 2
    assert BackendChanged(WorkerState.NOT_FOUND, records[0].error) in events
    bench.run(found := bench.submit())
    assert found.state is State.FINISHED
    bench.starts = [BackendMissing("There is no Python.", "Choose one.")]
    bench.queue.stop_backend()
    with pytest.raises(BackendMissing):
        bench.queue.start_backend()


def test_log_that_cannot_be_written_is_no_missing_backend(bench):
    (bench.folder / "log").mkdir()
    bench.run(record := bench.submit())
    assert record.error.kind == Trouble.FOLDER and "log cannot be written" in record.error.problem
    assert bench.queue.state is WorkerState.STOPPED and bench.queue.backend.error == record.error
    (bench.folder / "log").rmdir()
    bench.run(after := bench.submit())
    assert after.state is State.FINISHED


def test_worker_that_refuses_and_ends_is_told_by_its_refusal(bench):
    bench.starts = ["refuse"]
    bench.run(record := bench.submit())
    assert record.error.kind == Trouble.BACKEND_MISSING and "protocol 2" in record.error.problem
    assert bench.queue.state is WorkerState.NOT_FOUND and len(bench.clients) == 1


def test_out_of_memory_keeps_its_kind_and_the_log(bench):
    record = bench.submit("exhaust")
    bench.run(record)
    assert record.error.kind == protocol.Kind.OUT_OF_MEMORY and record.error.cure == "Use fewer frames."
    assert "allocating 80 GB" in record.error.log and bench.queue.state is WorkerState.READY


def test_rubbish_from_the_worker_is_survived(bench):
    record = bench.submit("rubbish")
    bench.run(record)
    assert record.state is State.FINISHED


# Preparations and disks that fail.


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (ArtistError("The mesh is empty.", "Add faces."), Trouble.PREPARATION, "The mesh is empty."),
        (FolderError("No room.", "Make some."), Trouble.FOLDER, "No room."),
        (OSError(28, "No space left on device", "/a/target.ply"), Trouble.FOLDER, "/a/target.ply"),
        (ValueError("odd"), Trouble.PREPARATION, "ValueError: odd"),
    ],
)
def test_preparation_that_fails_is_told_and_tidied(bench, error, kind, words):
    log = []
    record, after = bench.submit(preparation=iter_preparation(1, log, error)), bench.submit()
    bench.run(record, after)
    assert (record.state, record.error.kind, log[-1]) == (State.FAILED, kind, "tidied")
    assert words in record.error.problem and record.error.cure and "\n" not in record.error.problem
    assert ("Traceback" in record.error.log) == isinstance(error, ValueError)
    assert after.state is State.FINISHED


def test_preparation_that_cannot_tidy_up_still_ends(bench):
    def preparation():
        try:
            yield rendering(1, 2)
        finally:
            raise RuntimeError("the scene is gone")

    record = bench.submit(preparation=preparation())
    bench.queue.poll()
    bench.queue.cancel(record.id)
    assert kinds(bench.queue.poll()) == [Cancelled]
    assert record.state is State.CANCELLED and "the scene is gone" in record.error.problem


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_full_disk_while_preparing(bench):
    def preparation():
        record.target_path.symlink_to("/dev/full")
        with record.target_path.open("wb", buffering=0) as file:
            file.write(b"ply")
        yield rendering(1, 1)

    record = job(bench.root)
    bench.queue.submit(record, preparation())
    bench.run(record)
    assert record.error.kind == Trouble.FOLDER and "No space left" in record.error.problem


@needs_posix
def test_full_disk_for_the_record(bench):
    running = bench.start("slow")
    second, third = bench.submit(), job(bench.root)
    bench.queue.cancel(running.id)
    with full_disk(100):
        with pytest.raises(FolderError, match="cannot be written"):
            bench.queue.submit(third)
        bench.run(running, second)
    assert running.state is State.CANCELLED and not third.folder.exists()
    assert second.error.kind == Trouble.FOLDER and "job.json" in second.error.problem
    assert not [path for path in bench.root.rglob("*") if path.name.startswith(".part")]
    assert {record.id: record.state for record in history(bench.root)}[second.id] is State.INTERRUPTED
    bench.run(last := bench.submit())
    assert last.state is State.FINISHED


# Looks, memory, scripts, ends.


def look(bench, clip="quick"):
    return protocol.Look(clip, str(bench.folder / "look.png"))


def test_look_comes_before_jobs_that_wait_and_the_newest_wins(bench):
    running = bench.start("slow")
    waiting = bench.submit()
    bench.queue.look(look(bench))
    ticket = bench.queue.look(look(bench))
    bench.queue.cancel(running.id)
    events = bench.run(waiting)
    assert kinds(events) == [Cancelled, Started, Looked, Finished] or kinds(events) == [
        Cancelled,
        Looked,
        Started,
        Finished,
    ]
    (seen,) = [event for event in events if isinstance(event, Looked)]
    assert (seen.ticket, seen.value.clip_frames) == (ticket, 48)


def test_look_that_was_dropped_is_not_answered(bench):
    bench.queue.look(look(bench, "slow"))
    wait_until(lambda: bench.queue.poll() is not None and bench.queue.state is WorkerState.BUSY)
    bench.queue._looks.drop()
    record = bench.submit()
    assert kinds(bench.run(record)) == [Started, Finished]


def test_a_track_reports_its_progress_and_is_answered(bench):
    ticket = bench.queue.look(protocol.Track("quick", (str(bench.folder / "0.png"),)))
    events = collect(bench.queue.poll, Looked)
    steps = [event for event in events if isinstance(event, LookProgressed)]
    assert [(event.ticket, event.notice.step) for event in steps] == [(ticket, 0), (ticket, 1), (ticket, 2)]
    (done,) = [event for event in events if isinstance(event, Looked)]
    assert done.ticket == ticket and done.value.frames == (0,)


def test_a_track_that_is_dropped_makes_way(bench):
    bench.queue.look(protocol.Track("slow", (str(bench.folder / "0.png"),)))
    collect(bench.queue.poll, LookProgressed)
    bench.queue.drop_look()
    record = bench.submit()
    assert kinds(bench.run(record)) == [Started, Finished]


def test_look_that_ignores_its_end_holds_no_job_up(bench):
    bench.queue.backend.patience = 0.3
    bench.queue.look(look(bench, "deaf"))
    wait_until(lambda: bench.queue.poll() is not None and bench.queue.state is WorkerState.BUSY)
    bench.queue._looks.drop()
    record = bench.submit()
    assert kinds(bench.run(record)) == [Started, Finished] and len(bench.clients) == 2
    wait_until(lambda: not is_running(bench.clients[0].pid))


@pytest.mark.parametrize(("clip", "kind"), [("exhaust", "out_of_memory"), ("crash", "worker_died")])
def test_look_that_fails_is_told(bench, clip, kind):
    ticket = bench.queue.look(look(bench, clip))
    (failed,) = [event for event in collect(bench.queue.poll, LookFailed) if isinstance(event, LookFailed)]
    assert (failed.ticket, failed.error.kind) == (ticket, kind)
    bench.run(record := bench.submit())
    assert record.state is State.FINISHED


def test_look_without_a_backend_is_told(bench):
    bench.starts = [BackendMissing("There is no Python.", "Choose one.")]
    bench.queue.look(look(bench))
    (failed,) = [event for event in collect(bench.queue.poll, LookFailed) if isinstance(event, LookFailed)]
    assert failed.error.problem == "There is no Python."


def unloads(bench):
    """Return how often the worker was asked to free memory, by its own report."""
    told = []

    def asked():
        bench.queue.poll()
        machine = bench.queue.backend.machine
        told.append(machine and int(machine.versions["unloads"]))
        return bench.queue.state is WorkerState.READY and told[-1]

    wait_until(asked)
    return told[-1]


def test_memory_is_given_back_after_idle_minutes_and_only_once(bench, tmp_path):
    now = 0.0
    bench.queue = JobQueue(bench._make_client, keep_minutes=10, clock=lambda: now)
    bench.run(bench.submit())
    now += 599
    bench.queue.poll()
    assert bench.queue.state is WorkerState.READY
    now += 2
    bench.queue.poll()
    assert bench.queue.state is WorkerState.BUSY and unloads(bench) == 1
    now += 6000
    bench.queue.poll()
    assert bench.queue.state is WorkerState.READY
    bench.run(bench.submit(), bench.submit())
    assert bench.queue.state is WorkerState.READY


def test_memory_is_given_back_at_once_where_nothing_is_kept_but_not_between_jobs(bench):
    bench.queue.backend.keep_minutes = 0
    records = [bench.submit() for _ in range(3)]
    bench.run(*records)
    assert unloads(bench) == 1


def test_memory_is_given_back_when_asked_for_once_the_job_is_over(bench):
    bench.queue.free_memory()
    running = bench.start("slow")
    bench.queue.free_memory()
    bench.queue.cancel(running.id)
    bench.run(running, bench.submit())
    assert unloads(bench) == 1


def test_script_runs_a_job_to_its_end(bench):
    events = []
    record = bench.submit()
    assert bench.queue.run_until_done(record.id, events.append) is record and record.state is State.FINISHED
    assert any(isinstance(event, Progressed) for event in events)
    failing = bench.submit("exhaust")
    assert bench.queue.run_until_done(failing.id).state is State.FAILED


def test_stop_cancels_everything_and_a_later_job_starts_a_fresh_worker(bench):
    running, waiting = bench.start("slow"), bench.submit()
    begin = time.monotonic()
    bench.queue.stop_backend()
    assert time.monotonic() - begin < 0.5
    assert kinds(bench.queue.poll()) == [Cancelled, Cancelled] and bench.queue.state is WorkerState.STOPPED
    assert running.state is waiting.state is State.CANCELLED
    wait_until(lambda: not is_running(bench.clients[0].pid))
    bench.run(after := bench.submit())
    assert after.state is State.FINISHED


# Another backend, as when the preferences name another computer.


@pytest.mark.fault("Another Computer is named while a job runs, and the waiting jobs still go to the computer before")
def test_a_running_job_ends_where_it_is_and_the_next_goes_to_the_new_backend(bench):
    bench.options = {"host": "before"}
    running, waiting = bench.start("steady"), bench.submit()
    bench.options = {"host": "after"}
    bench.queue.renew_backend()
    assert bench.queue.state is WorkerState.BUSY and bench.queue.backend.host == "before"
    bench.run(running)
    assert running.state is State.FINISHED and bench.queue.backend.host in ("", "after")
    bench.run(waiting)
    assert waiting.state is State.FINISHED and bench.queue.backend.host == "after" and len(bench.clients) == 2
    wait_until(lambda: not is_running(bench.clients[0].pid))


@pytest.mark.fault("A click on Port in the preferences cancels the jobs that Blender still prepares")
def test_a_job_that_is_being_prepared_goes_to_the_new_backend(bench):
    bench.options, log = {"host": "before"}, []
    bench.queue.start_backend()
    wait_until(lambda: bench.queue.poll() is not None and bench.queue.state is WorkerState.READY)
    record, waiting = bench.submit(preparation=iter_preparation(3, log)), bench.submit()
    bench.queue.poll()
    bench.options = {"host": "after"}
    bench.queue.renew_backend()
    assert record.state is State.PREPARING and bench.queue.records == [record, waiting]
    bench.run(record, waiting)
    assert log == [0, 1, 2, "done", "tidied"] and bench.queue.backend.host == "after" and len(bench.clients) == 2
    assert record.state is waiting.state is State.FINISHED


@pytest.mark.parametrize("begun", [WorkerState.STARTING, WorkerState.READY])
def test_a_backend_that_does_nothing_ends_at_once_for_a_new_one(bench, begun):
    bench.queue.start_backend()
    wait_until(lambda: begun is WorkerState.STARTING or bench.queue.poll() or bench.queue.state is begun)
    bench.queue.renew_backend()
    assert bench.queue.state is WorkerState.STOPPED
    wait_until(lambda: not is_running(bench.clients[0].pid))
    bench.run(record := bench.submit())
    assert record.state is State.FINISHED and len(bench.clients) == 2


def test_a_backend_that_was_not_found_is_looked_for_anew(bench):
    bench.starts = [BackendMissing("There is no Python.", "Install it.")]
    bench.run(bench.submit())
    assert bench.queue.state is WorkerState.NOT_FOUND
    bench.queue.renew_backend()
    assert bench.queue.state is WorkerState.STOPPED


def test_close_leaves_jobs_interrupted_and_no_process(bench):
    log = []
    running, waiting = bench.start("slow"), bench.submit(preparation=iter_preparation(3, log))
    bench.queue.close()
    assert not is_running(bench.clients[0].pid) and kinds(bench.queue.poll()) == []
    assert {record.state for record in history(bench.root)} == {State.INTERRUPTED}
    assert not running.is_live and not waiting.is_live


def test_backend_can_be_started_before_there_is_a_job(bench):
    bench.queue.start_backend()
    wait_until(lambda: bench.queue.poll() is not None and bench.queue.state is WorkerState.READY)
    bench.queue.start_backend()
    assert len(bench.clients) == 1


def test_room_is_made_after_a_job(bench):
    old = bench.submit()
    bench.run(old)
    old.state = State.WRITTEN
    old.save()
    (old.folder / "large").write_bytes(bytes(100_000))
    bench.queue.size_limit = 50_000
    new = bench.submit()
    bench.run(new)
    wait_until(lambda: bench.queue.poll() == [] and not old.folder.exists())
    assert new.has_result


@pytest.mark.fault("Blender crashes as a result arrives, now and then, where there are many jobs")
def test_a_result_is_told_before_anything_else_is_begun(bench):
    """Delivery calls operators for a window, which crash Blender up to 5.0 while one of our threads runs."""
    bench.queue.size_limit = 0
    first, second = bench.submit(), bench.submit()
    told = [event.record for event in collect(bench.queue.poll, Finished) if isinstance(event, Finished)]
    assert told == [first] and bench.queue.state is WorkerState.READY and second.state is State.WAITING
    assert not any("limit" in thread.name for thread in threading.enumerate())
    bench.run(second)


def test_two_queues_at_once_share_nothing_but_the_root(bench, tmp_path):
    (tmp_path / "other").mkdir()
    other = Bench(tmp_path / "other")
    other.root = bench.root
    try:
        slow, ours = bench.start("slow"), [bench.submit() for _ in range(2)]
        theirs = [other.submit() for _ in range(3)]
        other.run(*theirs)
        assert all(record.state is State.FINISHED for record in theirs) and slow.state is State.RUNNING
        assert bench.clients[0].pid != other.clients[0].pid
        other.queue.close()
        bench.queue.cancel(slow.id)
        bench.run(slow, *ours)
        states = {record.id: record.state for record in history(bench.root)}
        assert len(states) == 6 and list(states.values()).count(State.FINISHED) == 5
    finally:
        other.queue.close(0)


@needs_posix
def test_unicode_and_long_paths(tmp_path):
    folder = tmp_path / "ünïcödé 模型 🐫" / "/".join(["x" * 100] * 6)
    folder.mkdir(parents=True)
    bench = Bench(folder)
    try:
        bench.run(record := bench.submit(blend_file="骆驼"))
        assert record.has_result and len(str(record.folder)) > 600
        assert history(bench.root, "骆驼") == [record]
    finally:
        bench.queue.close(0)


def test_poll_is_quick_whatever_the_worker_does(bench):
    bench.starts = ["be_silent"]
    longest = 0.0
    bench.submit(clip="x" * 100_000)
    for _ in range(100):
        begin = time.thread_time()
        bench.queue.poll()
        longest = max(longest, time.thread_time() - begin)
        time.sleep(0.001)
    assert longest < 0.05
