"""The progress of a whole job, from the steps of its stages and the time that the stages took before."""

from collections.abc import Callable, Mapping

from ..process.backend_locator import protocol

Stage = protocol.Stage
USUAL_SECONDS = {
    Stage.READING: 0.1,
    Stage.CUTTING_OUT: 0.6,
    Stage.REMOVING_BACKGROUND: 0.6,
    Stage.FINDING_CAMERA: 1.0,
    Stage.ENCODING_FRAMES: 2.0,
    Stage.REFERENCE: 2.0,
    Stage.SURFACE: 1.0,
    Stage.MOTION: 5.0,
    Stage.CORRESPONDENCE: 1.0,
    Stage.FOLLOWING: 8.0,
    Stage.SAVING: 0.1,
}
USUAL_FILMING = {
    Stage.LOADING_VIDEO_MODEL: 30.0,
    Stage.READING_PROMPT: 5.0,
    Stage.FILMING: 200.0,
    Stage.DECODING_CLIP: 20.0,
    Stage.JUDGING_CLIP: 1.0,
}
"""For one job with the bundled weights, and for the clip of a job that makes one from a text. Only the ratios count,
and only until a similar job has run."""
MAKING_A_MESH = {Stage.REFERENCE, Stage.SURFACE}
MATCHING = {Stage.FINDING_CAMERA, Stage.FOLLOWING}
BY_NETWORKS = {*MAKING_A_MESH, Stage.ENCODING_FRAMES, Stage.MOTION, Stage.CORRESPONDENCE}
ON_THE_WAY = {Stage.SENDING, Stage.FETCHING, Stage.WAITING}
"""What only a backend on another computer takes: it says nothing about the stages."""
PREPARATION = 0.2
"""Share of the bar for Blender's own preparation."""
Request = protocol.Animate | protocol.Rematch
EARLIEST = 0.05
"""Share of the remaining work to finish before the time left is estimated."""


def usual_seconds(request: Request) -> dict[protocol.Stage, float]:
    """Return the usual seconds of the stages that a request is expected to have, in order."""
    without = _stages_left_out(request)
    filming = USUAL_FILMING if isinstance(request, protocol.Generate) else {}
    return filming | {stage: seconds for stage, seconds in USUAL_SECONDS.items() if stage not in without}


def _stages_left_out(request: Request) -> set[protocol.Stage]:
    if isinstance(request, protocol.Rematch):
        return BY_NETWORKS
    if request.mesh is None:
        return set() if request.shape == protocol.Shape.RELIEF else MATCHING
    if request.match != protocol.Match.OFF:
        return MAKING_A_MESH
    seeks = request.facing == protocol.Facing.AUTO
    return {*MAKING_A_MESH, Stage.FOLLOWING} if seeks else MAKING_A_MESH | MATCHING


class Experience:
    """The stage times of earlier jobs, by the settings that decide which stages there are and how long they take."""

    def __init__(self) -> None:
        self._seen: dict[tuple[object, ...], dict[protocol.Stage, float]] = {}

    def expected(self, request: Request) -> Mapping[protocol.Stage, float]:
        """Return the expected seconds of each stage; only their ratios are meaningful."""
        return self._seen.get(self._likeness(request)) or usual_seconds(request)

    def learn(self, request: Request, timings: Mapping[protocol.Stage, float]) -> None:
        """Store the timings of a finished job."""
        seen = self._seen[self._likeness(request)] = dict(timings)
        seen.pop(Stage.LESS_MEMORY, None)

    def _likeness(self, request: Request) -> tuple[object, ...]:
        alike = (
            request.match,
            request.facing == protocol.Facing.AUTO,
            request.shape,
            request.checkpoint,
            request.device,
        )
        if isinstance(request, protocol.Rematch):
            return (request.METHOD, *alike, request.memory)
        return (request.METHOD, *alike, request.memory, request.preset, request.mesh is None)


class Overall:
    """The share of a job that is done.

    Args:
        seconds: expected for each stage, in order; other stages do not count.
        prepares: whether Blender prepares something first.
        clock: returns the time in seconds.
    """

    def __init__(self, seconds: Mapping[protocol.Stage, float], prepares: bool, clock: Callable[[], float]):
        self._seconds = dict(seconds)
        self._total = max(sum(self._seconds.values()), 1e-9)
        self._preparation = PREPARATION if prepares else 0.0
        self._clock = clock
        self.share = 0.0
        self._working = False
        self._count_from_here()

    def prepare(self, step: int, total: int) -> float:
        """Return the share done after a step of the preparation."""
        return self._reach(self._preparation * step / max(total, 1))

    def work(self, notice: protocol.ProgressNotice) -> float:
        """Return the share done after a step of one of the backend's stages."""
        if notice.stage in ON_THE_WAY:
            return self.share
        # The time before, for Blender's preparation and the backend's start, says nothing about the stages.
        if not self._working:
            self._working = True
            self._reach(self._preparation)
            self._count_from_here()
        if notice.stage not in self._seconds:
            return self.share
        stages = list(self._seconds)
        before = sum(self._seconds[earlier] for earlier in stages[: stages.index(notice.stage)])
        within = (notice.part - 1 + notice.step / max(notice.total, 1)) / max(notice.parts, 1)
        done = (before + within * self._seconds[notice.stage]) / self._total
        return self._reach(self._preparation + (1 - self._preparation) * done)

    def seconds_left(self, of_stage: float | None = None) -> float | None:
        """Return the seconds left for the whole job, at least `of_stage`; None while it is too early to tell."""
        gained = self.share - self._counted_share
        if gained < EARLIEST * (1 - self._counted_share):
            return None
        return max((self._clock() - self._counted_since) * (1 - self.share) / gained, of_stage or 0.0)

    def _count_from_here(self) -> None:
        self._counted_since, self._counted_share = self._clock(), self.share

    def _reach(self, share: float) -> float:
        self.share = min(max(self.share, share), 1.0)
        return self.share
