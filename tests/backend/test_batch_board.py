"""What a batch shows of its progress, and how many workers it takes of which machines."""

import io
import os
from contextlib import suppress
from threading import Thread

import pytest

from actionmesh.batch.course import Course, State
from actionmesh.batch.plan import Planned
from actionmesh.batch.shape import Shape, shape_of
from actionmesh.protocol import Animate, ProgressNotice, Stage

pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")
pytest.importorskip("rich", reason="rich is not installed: see backend/requirements-batch.txt")

from actionmesh.batch.board import Board, in_minutes  # noqa: E402

GB = 10**9


def course(clip, state, **facts):
    return Course(Planned("line 2", Animate(f"/c/{clip}", ("/o.glb",), mesh="/m/fox.glb")), "key", state, **facts)


def running(clip, step):
    made = course(clip, State.RUNNING, began=100.0)
    made.latest = ProgressNotice(1, Stage.MOTION, step, 4, 7.0)
    return made


def test_without_a_terminal_each_change_is_a_line_once():
    courses, stream = [running("a.mp4", 1), course("[b].mp4", State.FAILED, error="It broke. Mend it.")], io.StringIO()
    with Board(courses, stream) as board:
        board.show(courses[1])
        board.show(None)
        courses[0].latest = ProgressNotice(1, Stage.MOTION, 2, 4, 5.0)
        board.show(None)
    assert stream.getvalue().splitlines() == [
        "[b].mp4 + fox.glb: failed: It broke. Mend it.", "a.mp4 + fox.glb: Stage I: finding the motion",
    ]  # fmt: skip


def shown_on_a_terminal(courses, clock):
    """Return what a terminal receives, up to its last line."""
    ours, theirs = pty.openpty()
    received: list[bytes] = []
    reader = Thread(target=read_all, args=(ours, received))
    reader.start()
    with open(theirs, "w", encoding="utf-8") as stream:
        with Board(courses, stream, clock):
            pass
    reader.join()
    os.close(ours)
    return b"".join(received).decode()


def read_all(terminal, received):
    with suppress(OSError):  # the end of a terminal that was closed
        while part := os.read(terminal, 1 << 16):
            received.append(part)


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in {"TERM": "xterm", "LINES": "20", "COLUMNS": "100"}.items():
        monkeypatch.setenv(name, value)


def test_a_terminal_shows_stage_share_and_time_left(terminal):
    text = shown_on_a_terminal([running("a.mp4", 1), course("b.mp4", State.WAITING)], lambda: 110.0)
    assert "0 of 2 jobs" in text and "Stage I: finding the motion" in text and "25" in text and "7 s" in text


def test_after_one_job_the_time_left_is_that_of_the_whole_job(terminal):
    done = course("b.mp4", State.DONE, seconds=100.0)
    text = shown_on_a_terminal([running("a.mp4", 1), done], lambda: 110.0)
    assert "1:30" in text and "took 1:40" in text and "1 of 2 jobs" in text


def test_a_small_terminal_shows_those_that_run_and_those_that_failed(terminal):
    courses = [course(f"{number}.mp4", State.WAITING) for number in range(50)]
    courses += [course("bad.mp4", State.FAILED, error="It broke."), running("busy.mp4", 2)]
    text = shown_on_a_terminal(courses, lambda: 100.0)
    assert "busy.mp4" in text and "It broke." in text and "and 38 more" in text


@pytest.mark.parametrize(("seconds", "words"), [(6.6, "7 s"), (60, "1:00"), (125, "2:05"), (3725, "1:02:05")])
def test_durations(seconds, words):
    assert in_minutes(seconds) == words


def node(cores, cards=0, memory=64 * GB, alive=True):
    resources = {"CPU": float(cores), "memory": float(memory)} | ({"GPU": float(cards)} if cards else {})
    return {"Alive": alive, "Resources": resources}


@pytest.mark.parametrize(("nodes", "wanted", "weights", "shape"), [
    ([node(2)], None, 0, Shape(1, 2)),
    ([node(16)], None, 0, Shape(4, 4)),
    ([node(16, memory=5 * GB)], None, 0, Shape(2, 8)),
    ([node(16)], None, 14 * GB, Shape(2, 8)),
    ([node(2)], 2, 0, Shape(2, 1)),
    ([node(2)], 5, 0, Shape(5, 1)),
    ([node(16, cards=2)], None, 0, Shape(2, 8, 1.0)),
    ([node(16, cards=2), node(8, cards=1), node(32)], None, 0, Shape(3, 8, 1.0)),
    ([node(16, cards=1)], 2, 0, Shape(2, 8, 0.5)),
    ([node(1), node(1)], 2, 0, Shape(2, 1)),
    ([node(8), node(8, alive=False)], None, 0, Shape(2, 4)),
    ([node(16, cards=2)], 3, 0, Shape(3, 4, 0.5)),
    ([node(64), node(4)], None, 0, Shape(17, 4)),
])  # fmt: skip
def test_workers_fit_their_machines(nodes, wanted, weights, shape):
    assert shape_of(nodes, wanted, weights) == shape
