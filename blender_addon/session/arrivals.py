"""Finished results that wait for a moment when they can be written, and what the artist sees of that moment."""

import time
import traceback
from collections.abc import Callable

import bpy

from ..errors import ArtistError
from ..jobs.record import JobRecord, Purpose, State
from . import blend_identity, job_list, panel_state, selection
from .interruption import is_occupied
from .notices import Problem
from .panel_state import show
from .windows import in_a_window, redraw_panels


class Arrivals:
    """Results in the order of their arrival. They are written while no other operator is in the middle of something.

    Args:
        deliver: write a job's result into the scene and return its object; set by `Runner.attach`.
        waiting: the jobs whose results are not written yet.
    """

    deliver: Callable[[JobRecord], bpy.types.Object]

    def __init__(self) -> None:
        self.waiting: list[JobRecord] = []
        self._since = 0.0
        self._selected: dict[str, tuple] = {}
        self._playing: set[str] = set()

    def expect(self, job: str, plays: bool) -> None:
        """Remember what is selected when a job is submitted, and whether to play its result."""
        self._selected[job] = selection.selection(bpy.context)
        if plays:
            self._playing.add(job)

    def add(self, job: JobRecord) -> None:
        self._since = self._since if self.waiting else time.monotonic()
        self.waiting.append(job)

    def must_wait(self) -> bool:
        """Return whether the results have to wait for the artist or for Blender."""
        return is_occupied(time.monotonic() - self._since)

    def write(self) -> None:
        """Write all results. What goes wrong is shown, and the result can be brought back from History."""
        while self.waiting:
            job = self.waiting.pop(0)
            if not blend_identity.is_ours(job):
                cure = "Open the file and bring it back from History."
                show(Problem(f"{job.title} is done, but its file is not open.", cure))
                continue
            try:
                made = self.deliver(job)
            except ArtistError as error:
                show(Problem.of(error, job))
            except Exception as error:
                traceback.print_exc()
                fault = f"a bug in ActionMesh ({type(error).__name__}: {error})"
                problem = f"{job.title} is done, but writing it to the scene failed because of {fault}."
                show(
                    Problem(problem, "Try Bring Back, and report this with the system console's text.", finished=job.id)
                )
            else:
                note_written(job)
                panel_state.show_end(job)
                with in_a_window():
                    self._present(job, made)
                    selection.undo_step(f"ActionMesh: {job.title}")
        job_list.forget()
        redraw_panels()

    def _present(self, job: JobRecord, made: bpy.types.Object) -> None:
        """Select a new object and show the result, unless the artist changed the selection while the job ran."""
        before, now = self._selected.pop(job.id, None), selection.selection(bpy.context)
        plays = job.id in self._playing
        self._playing.discard(job.id)
        if before != now:
            return
        if is_new := job.purpose is Purpose.NEW_OBJECT:
            selection.present(bpy.context, made)
            for id in [id for id, kept in self._selected.items() if kept == now]:
                self._selected[id] = selection.selection(bpy.context)
        selection.bring_into_view(bpy.context, made, closer=is_new)
        if plays:
            selection.play(bpy.context)

    def clear(self) -> None:
        for kept in (self.waiting, self._selected, self._playing):
            kept.clear()


def note_written(job: JobRecord) -> None:
    """Record that a result was written. A full disk does not undo what is in the scene."""
    job.state = State.WRITTEN
    blend_identity.keep_file_id()
    job_list.forget()
    try:
        job.save()
    except ArtistError as error:
        show(Problem.of(error))
