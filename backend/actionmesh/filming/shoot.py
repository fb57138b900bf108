"""Make a clip that is worth animating: up to three takes, each with its own seed, with less memory if it runs out."""

import gc
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from ..errors import Cancelled
from ..failures import explain, is_out_of_memory
from ..progress import Progress
from ..protocol import Stage
from ..segmentation.choice import Means
from .judgement import Verdict, judge
from .offloading import FilmingPlan, filming_needs, fitting_plans
from .pipelines import load_pipeline, types_on
from .take import Shot, reads_all, take
from .video_models import FoundModel

TAKES = 3
CUT_OFF = "The text is longer than the video model reads; its end was left out."
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Footage:
    """What is known of a clip.

    Args:
        seed: that it was made from.
        verdict: what it is good for.
        notes: sentences on what the artist should know.
        retried: whether memory ran out before.
    """

    seed: int
    verdict: Verdict
    notes: tuple[str, ...] = ()
    retried: bool = False


class Camera:
    """A video model on a device, loaded when it is first needed; under a smaller plan once memory runs out.

    Args:
        memory: GB of the card to fit, or "auto".
    """

    def __init__(self, found: FoundModel, shot: Shot, device: torch.device, memory: str, progress: Progress):
        size = shot.width, shot.height
        needs = filming_needs(found.model, found.folder, size, shot.frames, types_on(device))
        self._plans: Sequence[FilmingPlan] = fitting_plans(needs, memory, device)
        self._found, self._shot, self._device, self._progress = found, shot, device, progress
        self._pipeline: Any = None
        self.retried, self.reads_all = False, True

    @property
    def plan(self) -> FilmingPlan:
        return self._plans[0]

    def film(self, seed: int, progress: Progress) -> np.ndarray:
        """Return a take (T, H, W, 3) uint8; an out-of-memory error passes only under the smallest plan."""
        while True:
            try:
                return self._take(seed, progress)
            except Exception as error:
                if not is_out_of_memory(error) or len(self._plans) == 1:
                    raise
            self._lighten()  # only after the error is gone, and with it all that the take held

    def _take(self, seed: int, progress: Progress) -> np.ndarray:
        pipeline = self._loaded()
        self.reads_all = reads_all(pipeline, self._shot)
        return take(pipeline, self._shot, seed, progress)

    def release(self) -> None:
        """Free the model's memory."""
        self._pipeline = None
        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _loaded(self) -> Any:
        if self._pipeline is None:
            from_picture = self._shot.first is not None
            self._pipeline = load_pipeline(self._found, from_picture, self.plan, self._device, self._progress)
        return self._pipeline

    def _lighten(self) -> None:
        self.release()
        self._plans, self.retried = self._plans[1:], True
        log.warning("Memory ran out; continuing with the plan for %s GB.", self.plan.card)
        self._progress.start(Stage.LESS_MEMORY, 1, self.plan.card)()


def shoot(
    found: FoundModel,
    shot: Shot,
    seed: int,
    device: torch.device,
    memory: str,
    means: Means,
    progress: Progress,
    keep: Callable[[np.ndarray], None],
) -> Footage:
    """Make takes until one is worth animating, three at most; keep that, or the best.

    Args:
        seed: of the first take; the others have the next ones.
        memory: GB of the card to fit, or "auto".
        means: what will find the clip's subject.
        keep: called with the first take (T, H, W, 3) uint8 before it is judged, and with each better one; none is lost
            if a later one fails or is cancelled.
    Raises:
        CheckpointError: a file of the model is missing or damaged.
        Cancelled: the user asked to stop.
    """
    camera = Camera(found, shot, device, memory, progress)
    best, notes = Footage(seed, Verdict(separates=False)), []
    try:
        for number, chosen in _seeds(seed):
            part = progress if number == 1 else progress.of_part(number, TAKES)
            try:
                frames = camera.film(chosen, part)
                if number == 1:
                    keep(frames)
                verdict = _judged(frames, means, part)
            except Exception as error:
                if number == 1 or isinstance(error, Cancelled):
                    raise
                log.warning("The clip from seed %s failed", chosen, exc_info=True)
                notes.append(f"The clip from seed {chosen} failed. {explain(error).problem}")
                break
            if verdict.rank > best.verdict.rank:
                best = Footage(chosen, verdict)
                if number > 1:
                    keep(frames)
            if verdict.good:
                break
            notes.append(f"The subject of the clip from seed {chosen} {verdict.faults}.")
        cut_off = () if camera.reads_all else (CUT_OFF,)
        return replace(best, notes=(*cut_off, *notes), retried=camera.retried)
    finally:
        camera.release()


def _seeds(seed: int) -> Iterator[tuple[int, int]]:
    """Yield the number of each take, from 1, and its seed."""
    yield from ((number, (seed + number - 1) % 2**63) for number in range(1, TAKES + 1))


def _judged(frames: np.ndarray, means: Means, progress: Progress) -> Verdict:
    advance = progress.start(Stage.JUDGING_CLIP, 1)
    verdict = judge(frames, means, progress.check)
    advance()
    return verdict
