"""Who does which job, and when: the loop of a batch.

A job whose worker dies goes to another worker, at most `RETRIES` times; a job that fails with a sentence would fail
again, and does not.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..errors import ActionMeshError, InputError
from ..files import parts
from ..protocol import Animated, Answer, Failure, Kind, decode, read
from .course import Course, State
from .crew import Crew, Hand
from .ledger import Ledger

RETRIES = 2
BEAT = 0.4
"""Seconds between two looks at the workers' progress."""
STARTS = 3
"""Workers that may die in a row while they start. Then the batch ends, or goes on with those that run."""
ROOM_PATIENCE = 120.0
"""Seconds to wait for a machine to have room for a worker while there is none."""
STOP_PATIENCE = 60.0
"""Seconds that cancelled jobs get to finish their step."""
log = logging.getLogger(__name__)


class Schedule:
    """Gives the jobs to a crew until all have ended.

    Args:
        courses: the jobs; those that have ended already are left alone.
        crew: the workers.
        ledger: takes down what is done.
        changed: called with a job whenever its state, and with None whenever some progress may have changed.
        cancelled: returning true stops all jobs after their step.
        clock: returns the time in seconds.
    """

    def __init__(
        self,
        courses: list[Course],
        crew: Crew,
        ledger: Ledger,
        changed: Callable[[Course | None], None],
        cancelled: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ):
        self._courses, self._crew, self._ledger = courses, crew, ledger
        self._changed, self._cancelled, self._clock = changed, cancelled, clock
        self._waiting = deque(index for index, course in enumerate(courses) if not course.state.is_end)
        self._failed_starts = 0
        self._idle_since = clock()

    def run(self) -> None:
        """Do all jobs.

        Raises:
            InputError: no worker starts.
        """
        while not all(course.state.is_end for course in self._courses):
            if self._cancelled():
                self._wind_up()
                return
            self._hand_out()
            self._beat()
            self._require_a_worker()

    def _hand_out(self) -> None:
        for hand in self._crew.hands:
            if hand.is_free and self._waiting:
                self._failed_starts = 0
                index = self._waiting.popleft()
                course = self._courses[index]
                course.begin(hand.place, self._clock)
                self._crew.start(hand, index, course.planned.job)
                self._changed(course)

    def _beat(self) -> None:
        self._crew.wait(BEAT)
        self._crew.hear(self._lost, self._done)
        for hand in self._crew.hands:
            if hand.job is not None and hand.latest is not None:
                self._courses[hand.job].latest = hand.latest
        self._changed(None)

    def _done(self, hand: Hand, line: str) -> None:
        assert hand.job is not None
        course, answer = self._courses[hand.job], decode(line.encode())
        if isinstance(answer, Failure):
            if answer.error.kind is Kind.CANCELLED:
                course.end(State.CANCELLED, clock=self._clock)
            else:
                course.end(State.FAILED, _told(answer), self._clock)
        else:
            assert isinstance(answer, Answer)
            done = read(Animated, answer.value)
            course.notes = list(done.fit.notes)
            course.end(State.DONE, clock=self._clock)
            self._note(course)
        self._changed(course)

    def _note(self, course: Course) -> None:
        try:
            self._ledger.note(course.key, course.planned.job.out)
        except ActionMeshError as error:
            course.notes.append(str(error))

    def _lost(self, hand: Hand, reason: str) -> bool:
        """Give a lost worker's job to another; return whether a new worker takes its place."""
        log.warning("A worker was lost: %s", reason)
        if hand.job is None:
            return self._starts_again(reason)
        course = self._courses[hand.job]
        course.deaths += 1
        if course.deaths <= RETRIES:
            course.end(State.WAITING, clock=self._clock)
            self._waiting.appendleft(hand.job)
        else:
            problem = f"{course.deaths} workers died while doing it; the last one was {hand.place}."
            course.end(
                State.FAILED, f"{problem} Use fewer workers, fewer frames or a smaller memory plan.", self._clock
            )
        self._changed(course)
        return True

    def _starts_again(self, reason: str) -> bool:
        """Return whether another worker is started in place of one that died while starting.

        Raises:
            InputError: no worker starts.
        """
        self._failed_starts += 1
        if self._failed_starts < STARTS:
            return True
        if any(hand.starting is None for hand in self._crew.hands):
            return False
        cure = "Run it again with --debug to see more, or with fewer --workers."
        raise InputError(f"No worker starts: {_last_line(reason)}", cure)

    def _require_a_worker(self) -> None:
        """Raise InputError if no worker has been there for long, because no machine has room for one."""
        if any(hand.placing is None for hand in self._crew.hands):
            self._idle_since = self._clock()
        elif self._clock() - self._idle_since > ROOM_PATIENCE:
            problem = f"No machine had room for a worker within {ROOM_PATIENCE:.0f} seconds."
            raise InputError(problem, "Choose fewer --workers, or see whether the cluster's machines are free.")

    def _wind_up(self) -> None:
        """Stop all jobs; those that end with a result all the same keep it."""
        end = self._clock() + STOP_PATIENCE
        while any(hand.job is not None for hand in self._crew.hands) and self._clock() < end:
            self._crew.stop()
            self._crew.wait(BEAT)
            self._crew.hear(lambda hand, reason: False, self._done)
            self._changed(None)

    def close(self) -> None:
        """End the workers, mark what has not ended, and remove what those of this machine left half-written."""
        self._crew.end()
        for course in self._courses:
            if not course.state.is_end:
                course.end(State.CANCELLED, clock=self._clock)
            if course.deaths or course.state is State.CANCELLED:
                for out in course.planned.job.out:
                    with suppress(OSError):
                        parts.sweep(Path(out))


def _told(answer: Failure) -> str:
    if answer.error.kind is Kind.INTERNAL:
        return f"{answer.error.problem} Run it again with --debug to see where."
    return str(answer.error)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"{lines[-1] if lines else 'Ray does not say why':.200}"
