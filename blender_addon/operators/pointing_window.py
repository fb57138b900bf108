"""The clicks and keys in the window of Pick Subject."""

import bpy

from ..errors import ArtistError
from ..motion.pointing import Place
from ..scene import frame_picture
from ..session import panel_state, pick_marks, picture_window, pointing_state
from ..session.notices import Problem
from ..session.pointing_state import Pointing
from ..session.runner import runner
from ..workflow import subject
from .shared import CANCELLED, FINISHED

RUNNING, PASSED = {"RUNNING_MODAL"}, {"PASS_THROUGH"}
PAUSE = 0.05
"""Seconds between two looks at whether there is a new picture."""
REACH, DRAG = 12, 6
"""Pixels of the screen around a pick that hit it, and from which a click is a drag."""
VIEWING = ("WHEEL", "MIDDLEMOUSE", "TRACKPAD", "MOUSEPAN", "MOUSEZOOM", "NDOF", "HOME", "MOUSEMOVE", "INBETWEEN")
"""Beginnings of the events that zoom and pan."""
KEYS = (
    "Click: the subject    Ctrl-Click: not the subject, or remove a point    Drag: a box around it    "
    "Backspace: take back    Enter: track it    Esc: leave"
)


class PointingWindow:
    """The modal part of Pick Subject: it runs in the window that the operator opened, with that window's context."""

    _timer: bpy.types.Timer
    _pressed: tuple[int, int, bool] | None
    """Where the mouse button went down in the region, and whether Ctrl was held."""
    _fitted: bool
    _told: str | None

    def begin(self, context: bpy.types.Context, here: Pointing) -> set[str]:
        """Take the clicks and keys of the context's window from now on."""
        here.is_open = True
        self._pressed, self._fitted, self._told = None, False, None
        self._timer = context.window_manager.event_timer_add(PAUSE, window=context.window)
        pick_marks.OVERLAY.attach()
        context.window_manager.modal_handler_add(self)  # type: ignore[arg-type]
        return RUNNING

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        here = pointing_state.current
        if here is None or context.area is None or context.area.type != "IMAGE_EDITOR":
            return self._end(context, CANCELLED)
        try:
            return self._answer(context, event, here)
        except BaseException:
            self._end(context, CANCELLED)
            raise

    def cancel(self, context: bpy.types.Context) -> None:
        """Leave without changes, as when the window is closed or another file is opened."""
        self._end(context, CANCELLED)

    def _answer(self, context: bpy.types.Context, event: bpy.types.Event, here: Pointing) -> set[str]:
        if event.type.startswith("TIMER"):
            self._refresh(context, here)
            return PASSED
        if event.type == "ESC" and _goes_down(event):
            return self._end(context, CANCELLED)
        if event.type in ("RET", "NUMPAD_ENTER") and _goes_down(event):
            return self._accept(context, here)
        if event.type == "BACK_SPACE" or (event.type == "Z" and (event.ctrl or event.oskey)):
            if _goes_down(event):
                here.take_back()
                context.area.tag_redraw()
            return RUNNING
        if event.type == "LEFTMOUSE":
            self._press(context, event, here)
            return RUNNING
        if event.type == "MOUSEMOVE" and self._pressed is not None:
            self._drag(context, event, here)
            return RUNNING
        return PASSED if event.type.startswith(VIEWING) else RUNNING

    def _press(self, context: bpy.types.Context, event: bpy.types.Event, here: Pointing) -> None:
        """Begin a click or a drag over the picture, or end it."""
        region, at = _picture_region(context), (event.mouse_x, event.mouse_y)
        if _goes_down(event) and _is_over(region, at) and here.frame is not None:
            self._pressed = (*at, event.ctrl or event.oskey)
        elif event.value == "RELEASE" and self._pressed is not None:
            *start, removes = self._pressed
            self._pressed = None
            if here.box is not None:
                here.end_box()
            else:
                place = _place(region, *start)
                here.click(place, removes, _reach(context, region, here))
        context.area.tag_redraw()

    def _drag(self, context: bpy.types.Context, event: bpy.types.Event, here: Pointing) -> None:
        assert self._pressed is not None
        x, y, removes = self._pressed
        scale = context.preferences.system.ui_scale
        is_far = max(abs(event.mouse_x - x), abs(event.mouse_y - y)) >= DRAG * scale
        if not removes and (here.box is not None or is_far):
            region = _picture_region(context)
            here.draw_box(_place(region, x, y), _place(region, event.mouse_x, event.mouse_y))
            context.area.tag_redraw()

    def _refresh(self, context: bpy.types.Context, here: Pointing) -> None:
        """Show a new picture, and what the artist should know."""
        space = context.area.spaces.active
        if here.shown is not None and (here.is_new or space.image is None):  # an undo elsewhere takes it away
            here.is_new = False
            try:
                space.image = frame_picture.show(here.shown)
            except ArtistError as error:
                here.message = str(error)
            context.area.tag_redraw()
        if space.image is not None and not self._fitted:
            self._fitted = True
            with context.temp_override(region=_picture_region(context)):
                bpy.ops.image.view_all(fit_view=True)
        waits = "Waiting for the running job" if runner.state.records and runner.state.looking else here.message
        if waits != self._told:
            self._told = waits
            which = f"Subject {here.subject + 1}" if here.others else ""
            context.area.header_text_set("    ".join(filter(None, (waits, which, KEYS))))

    def _accept(self, context: bpy.types.Context, here: Pointing) -> set[str]:
        """Keep the picks and track the subject; stay if they make no sense."""
        if here.frame is None:
            return RUNNING
        try:
            scene = subject.scene_of(here)
            subject.keep_picks(scene, here.picks, here.subject)
        except ArtistError as error:
            here.message = str(error)
            return RUNNING
        self._end(context, FINISHED)
        try:
            subject.track(scene)
        except ArtistError as error:
            panel_state.show(Problem.of(error))
        return FINISHED

    def _end(self, context: bpy.types.Context, outcome: set[str]) -> set[str]:
        """Leave no trace of the window."""
        pick_marks.OVERLAY.detach()
        frame_picture.forget()
        if pointing_state.current is not None:
            pointing_state.end()
            runner.drop_look()
        context.window_manager.event_timer_remove(self._timer)
        if context.area is not None:
            context.area.header_text_set(None)
        picture_window.close_soon(context.window)
        return outcome


def _goes_down(event: bpy.types.Event) -> bool:
    return event.value in ("PRESS", "DOUBLE_CLICK")


def _picture_region(context: bpy.types.Context) -> bpy.types.Region:
    return next(region for region in context.area.regions if region.type == "WINDOW")


def _is_over(region: bpy.types.Region, at: tuple[int, int]) -> bool:
    return 0 <= at[0] - region.x < region.width and 0 <= at[1] - region.y < region.height


def _place(region: bpy.types.Region, x: float, y: float) -> Place:
    """Return the place in the picture, in shares from the bottom left, of a pixel of the window."""
    u, v = region.view2d.region_to_view(x - region.x, y - region.y)
    return float(u), float(v)


def _reach(context: bpy.types.Context, region: bpy.types.Region, here: Pointing) -> float:
    """Return how many pixels of the clip lie within `REACH` on the screen."""
    start, end = (_place(region, x, 0) for x in (0, REACH * context.preferences.system.ui_scale))
    return abs(end[0] - start[0]) * here.size[0]
