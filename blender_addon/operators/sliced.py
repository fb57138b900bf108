"""Operators that work in slices, so that the window is drawn in between: no slice holds it for long.

A button starts a modal operator that a timer drives; Escape takes everything back. Scripts and the redo panel call
`execute`, which does all slices at once.
"""

import time
from collections.abc import Generator

import bpy

from ..errors import ArtistError
from ..session import panel_state
from .shared import CANCELLED, FINISHED, refuse, reporting

BUDGET, PAUSE = 0.03, 0.001
"""Seconds that short slices are done one after the other, and seconds until the next ones."""
RUNNING = {"RUNNING_MODAL"}


class Sliced:
    """An operator whose `slices` is a generator; it returns the sentence to report."""

    _slices: Generator[None, None, str]
    _timer: bpy.types.Timer

    def slices(self, context: bpy.types.Context) -> Generator[None, None, str]:
        raise NotImplementedError

    @reporting
    def execute(self, context: bpy.types.Context) -> set[str]:
        self.do_all(context)
        return FINISHED

    def do_all(self, context: bpy.types.Context) -> None:
        """Do all slices at once."""
        panel_state.show(None)
        slices = self.slices(context)
        while not self._advance(slices, float("inf")):
            pass

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if context.window is None:
            return self.execute(context)
        panel_state.show(None)
        self._slices = self.slices(context)
        self._timer = context.window_manager.event_timer_add(PAUSE, window=context.window)
        context.window.cursor_modal_set("WAIT")
        context.window_manager.modal_handler_add(self)  # type: ignore[arg-type]
        return RUNNING

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type == "ESC":
            return self._end(context, CANCELLED)
        if event.type != "TIMER":
            return RUNNING
        try:
            over = self._advance(self._slices, BUDGET)
        except ArtistError as error:
            return self._end(context, refuse(self, error))  # type: ignore[arg-type]
        except BaseException:
            self._end(context, CANCELLED)
            raise
        return self._end(context, FINISHED) if over else RUNNING

    def cancel(self, context: bpy.types.Context) -> None:
        self._end(context, CANCELLED)

    def _advance(self, slices: Generator[None, None, str], budget: float) -> bool:
        """Do one slice, and more for a time; return whether all are done, after reporting."""
        start = time.monotonic()
        while True:
            try:
                next(slices)
            except StopIteration as end:
                self.report({"INFO"}, end.value)  # type: ignore[attr-defined]
                return True
            if time.monotonic() - start >= budget:
                return False

    def _end(self, context: bpy.types.Context, outcome: set[str]) -> set[str]:
        """Stop; slices that are left are not done, and what was done is taken back."""
        self._slices.close()
        context.window_manager.event_timer_remove(self._timer)
        if context.window is not None:
            context.window.cursor_modal_restore()
        return outcome
