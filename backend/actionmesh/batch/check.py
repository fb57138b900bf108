"""Everything that can be found wrong with the jobs of a batch before any work is done."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

from ..errors import ActionMeshError, InputError, require_sound
from ..failures import explain
from ..files.places import same_place
from ..geometry.mesh_files import load_mesh
from ..job_inputs import checkpoint_folder, files_of_artist
from ..job_outputs import check_outputs, replaced_inputs
from ..jobs import check_mesh
from ..media.opening import open_sources
from ..presets import PRESETS
from ..protocol import Animate
from ..weights.checkpoints import open_checkpoint
from .plan import Planned, Refusal

ONE_CARD = re.compile(r"cuda:\d+")


def faults_of(planned: list[Planned], reserved: Iterable[Path]) -> list[Refusal]:
    """Return what is wrong with the jobs, at most one fault for each.

    Clips and meshes are opened, checkpoints and presets looked up, and a small file is written at each output's place
    and removed again. No output may replace an input or an output of any job.

    Args:
        reserved: files that the batch itself writes.
    """
    opened = Opened()
    found = {index: sentence for index, each in enumerate(planned) if (sentence := _told(each.job, opened))}
    sound = [index for index in range(len(planned)) if index not in found]
    for index, sentence in _meetings([(index, planned[index]) for index in sound], reserved):
        found.setdefault(index, sentence)
    return [Refusal(planned[index].place, found[index]) for index in sorted(found)]


class Opened:
    """Opens each clip, mesh and checkpoint once, however many jobs name it; what was raised is raised again."""

    def __init__(self) -> None:
        self.clip = _once(lambda clip, mask: open_sources(clip, mask)[0].count(2))
        self.mesh = _once(lambda path: load_mesh(path))
        self.checkpoint = _once(lambda name: open_checkpoint(checkpoint_folder(name)))


def _once(work: Callable[..., object]) -> Callable[..., None]:
    @cache
    def outcome(*arguments: object) -> Exception | None:
        try:
            work(*arguments)
        except Exception as error:
            return error
        return None

    def again(*arguments: object) -> None:
        if (error := outcome(*arguments)) is not None:
            raise error

    return again


def _told(job: Animate, opened: Opened) -> str:
    """Return what is wrong with one job by itself, in one sentence; empty if nothing is."""
    try:
        _check(job, opened)
    except ActionMeshError as error:
        return f"{error.problem} {error.cure}".strip()
    except Exception as error:
        return str(explain(error))
    return ""


def _check(job: Animate, opened: Opened) -> None:
    require_sound(job)
    if job.preset not in PRESETS:
        raise InputError(f"There is no preset {job.preset!r:.40}.", f"Use one of {', '.join(PRESETS)}.")
    if ONE_CARD.fullmatch(job.device):
        raise InputError(
            f"A job of a batch cannot choose {job.device}.", "Use cuda: each worker has a card of its own."
        )
    opened.checkpoint(job.checkpoint)
    opened.clip(job.clip, job.mask)
    for mesh in (job.mesh, *(known.mesh for known in job.known)):
        if mesh is not None:
            opened.mesh(mesh)
    check_outputs(job)
    check_mesh(job)


def _meetings(planned: list[tuple[int, Planned]], reserved: Iterable[Path]) -> Iterator[tuple[int, str]]:
    """Yield what is wrong between jobs: one's output is another's output or input, or a file of the batch itself."""
    places = {same_place(path): "a file of the batch itself" for path in reserved}
    for index, each in planned:
        for out in each.job.out:
            if (before := places.get(same_place(out))) is not None:
                yield index, f"{out} is also {before}. Name each output once."
            places.setdefault(same_place(out), f"an output of {each.place}")
    outputs = {same_place(out): each for _, each in planned for out in each.job.out}
    for index, each in planned:
        for out in each.job.out:
            if holder := next(filter(None, (outputs.get(same_place(path)) for path in Path(out).parents)), None):
                yield index, f"{out} is inside an output of {holder.place}. Name another folder."
    of_output = {out: index for index, each in planned for out in each.job.out}
    inputs = [path for _, each in planned for path in files_of_artist(each.job)]
    for out, lost in replaced_inputs(of_output, inputs):
        yield of_output[out], f"Writing {out} would overwrite the input {lost}. Choose another name for the output."
