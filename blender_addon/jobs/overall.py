"""How far a whole job is, from the steps of its stages and from what the stages took before."""

import re
from collections.abc import Callable, Mapping

from ..backend_files import protocol

USUAL_SECONDS = {
    "Reading frames": 0.1,
    "Cutting out the subject": 0.6,
    "Removing the background": 0.6,
    "Looking at the frames": 2.0,
    "Stage 0: making the reference shape": 2.0,
    "Extracting the surface": 1.0,
    "Stage I: finding the motion": 5.0,
    "Stage II: moving the mesh": 1.0,
    "Saving": 0.1,
}
"""Of one job with the bundled weights; only their ratios count, and only until a job with the same preset was seen."""
NO_STAGES = ("Loading and the rest", "Total")
PREPARATION = 0.2
"""Share of the bar for what Blender itself does before."""
PART = re.compile(r"(?P<stage>.*?)(?:,? \(?(?:level )?(?P<part>\d+) of (?P<parts>\d+)\)?)?")
"""Such as "Extracting the surface, level 1 of 2" and "Stage I: finding the motion (1 of 2)"."""
EARLIEST = 0.05
"""Share of what is left after which the job's end can be guessed."""


def stage_seconds(timings: Mapping[str, float]) -> dict[str, float]:
    """Seconds of each stage, its parts together, from the timings of a job."""
    seconds: dict[str, float] = {}
    for name, passed in timings.items():
        if name not in NO_STAGES:
            stage, _, _ = _split(name)
            seconds[stage] = seconds.get(stage, 0.0) + passed
    return seconds


class Experience:
    """What the stages of jobs took that were alike in preset, checkpoint, device, memory, and in whether a mesh was given."""

    def __init__(self) -> None:
        self._seen: dict[tuple[object, ...], dict[str, float]] = {}

    def expected(self, request: protocol.Animate) -> Mapping[str, float]:
        """Seconds of each stage, to be taken for ratios."""
        return self._seen.get(self._likeness(request), USUAL_SECONDS)

    def learn(self, request: protocol.Animate, timings: Mapping[str, float]) -> None:
        """Takes note of the timings of a job that is done."""
        self._seen[self._likeness(request)] = stage_seconds(timings)

    def _likeness(self, request: protocol.Animate) -> tuple[object, ...]:
        return request.preset, request.mesh is None, request.checkpoint, request.device, request.memory


class Overall:
    """The share of a job that is done.

    Args:
        seconds: expected for each stage, in order; other stages count nothing.
        prepares: whether Blender prepares something first.
        clock: tells seconds.
    """

    def __init__(self, seconds: Mapping[str, float], prepares: bool, clock: Callable[[], float]):
        self._seconds = dict(seconds)
        self._total = max(sum(self._seconds.values()), 1e-9)
        self._preparation = PREPARATION if prepares else 0.0
        self._clock = clock
        self.share = 0.0
        self._working = False
        self._count_from_here()

    def prepare(self, step: int, total: int) -> float:
        """The share after a step of the preparation."""
        return self._reach(self._preparation * step / max(total, 1))

    def work(self, name: str, step: int, total: int) -> float:
        """The share after a step of the stage `name`."""
        stage, part, parts = _split(name)
        if not self._working:  # what passed before, the backend's start and Blender's own part, tells nothing of the stages
            self._working = True
            self._reach(self._preparation)
            self._count_from_here()
        if stage not in self._seconds:
            return self.share
        stages = list(self._seconds)
        before = sum(self._seconds[earlier] for earlier in stages[: stages.index(stage)])
        within = (part - 1 + step / max(total, 1)) / max(parts, 1)
        done = (before + within * self._seconds[stage]) / self._total
        return self._reach(self._preparation + (1 - self._preparation) * done)

    def seconds_left(self, of_stage: float | None = None) -> float | None:
        """Of the whole job, and no less than its stage takes at its own pace; None while it is too early to tell."""
        gained = self.share - self._counted_share
        if gained < EARLIEST * (1 - self._counted_share):
            return None
        return max((self._clock() - self._counted_since) * (1 - self.share) / gained, of_stage or 0.0)

    def _count_from_here(self) -> None:
        self._counted_since, self._counted_share = self._clock(), self.share

    def _reach(self, share: float) -> float:
        self.share = min(max(self.share, share), 1.0)
        return self.share


def _split(name: str) -> tuple[str, int, int]:
    """The stage that a name stands for, and which part of how many."""
    found = PART.fullmatch(name)
    assert found is not None
    return found["stage"], int(found["part"] or 1), int(found["parts"] or 1)
