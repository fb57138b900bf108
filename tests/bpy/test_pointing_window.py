"""The clicks and keys of Pick Subject, with visible fakes of its window: without a screen there is none."""

from types import SimpleNamespace

import bpy
import numpy as np
import pytest

from blender_addon.errors import ArtistError
from blender_addon.motion.pointing import Kind, Pick
from blender_addon.operators import pointing_window
from blender_addon.operators.pointing_window import CANCELLED, FINISHED, PASSED, RUNNING, PointingWindow
from blender_addon.scene import frame_picture
from blender_addon.session import clip_picks, panel_state, picture_window, pointing_state
from blender_addon.session.runner import runner
from blender_addon.workflow import subject
from tests.addon.pictures import png
from tests.bpy.addon import clip, tick_until

WIDTH, HEIGHT = 400, 300
"""Of the fake region, which lies at (100, 50) in its window and shows the whole picture."""


class FakeView:
    def region_to_view(self, x, y):
        return x / WIDTH, y / HEIGHT


class FakeArea:
    type = "IMAGE_EDITOR"

    def __init__(self):
        self.header, self.spaces = None, SimpleNamespace(active=SimpleNamespace(image=None))
        region = SimpleNamespace(type="WINDOW", x=100, y=50, width=WIDTH, height=HEIGHT, view2d=FakeView())
        self.regions = [SimpleNamespace(type="HEADER"), region]

    def header_text_set(self, text):
        self.header = text

    def tag_redraw(self):
        pass


class FakeManager:
    def __init__(self):
        self.timers, self.handlers = [], []

    def event_timer_add(self, _pause, window):
        self.timers.append(window)
        return window

    def event_timer_remove(self, timer):
        self.timers.remove(timer)

    def modal_handler_add(self, operator):
        self.handlers.append(operator)


class Window:
    """The operator in its window, and hands that click."""

    def __init__(self, here):
        self.operator, self.here = PointingWindow(), here
        preferences = SimpleNamespace(system=SimpleNamespace(ui_scale=1.0))
        self.context = SimpleNamespace(
            area=FakeArea(), window="the window", window_manager=FakeManager(), preferences=preferences
        )
        assert self.operator.begin(self.context, here) == RUNNING
        self.operator._fitted = True  # a view is fitted in a real window only

    def send(self, type, value="PRESS", at=(0, 0), ctrl=False):
        x, y = at
        event = SimpleNamespace(type=type, value=value, mouse_x=100 + x, mouse_y=50 + y, ctrl=ctrl, oskey=False)
        return self.operator.modal(self.context, event)

    def click(self, x, y, ctrl=False, value="PRESS"):
        self.send("LEFTMOUSE", value, (x, y), ctrl)
        self.send("MOUSEMOVE", "NOTHING", (x + 2, y), ctrl)
        self.send("LEFTMOUSE", "RELEASE", (x + 2, y), ctrl)

    def drag(self, *places):
        self.send("LEFTMOUSE", "PRESS", places[0])
        for place in places[1:]:
            self.send("MOUSEMOVE", "NOTHING", place)
        self.send("LEFTMOUSE", "RELEASE", places[-1])


@pytest.fixture
def closed(monkeypatch):
    """Return the windows that were closed."""
    windows = []
    monkeypatch.setattr(picture_window, "close_soon", windows.append)
    return windows


@pytest.fixture
def window(addon, closed):
    bpy.context.scene.actionmesh.clip = clip(addon)
    subject.point(bpy.context.scene, None)
    here = pointing_state.current
    tick_until(lambda: here.frame is not None)
    here.picture.parent.mkdir(exist_ok=True)
    here.picture.write_bytes(png(np.full((8, 12, 4), 255, np.uint8)))
    return Window(here)


def kinds(here):
    return [(pick.kind, pick.x, pick.y) for pick in here.picks]


def test_clicks_are_points_in_the_clips_pixels_from_the_top_left(window):
    window.click(100, 225)
    window.click(200, 150, ctrl=True)
    window.click(300, 150, value="DOUBLE_CLICK")
    assert kinds(window.here) == [(Kind.POINT, 30, 20), (Kind.NOT_POINT, 60, 40), (Kind.POINT, 90, 40)]
    assert {pick.frame for pick in window.here.picks} == {3}
    window.click(208, 150, ctrl=True)
    assert len(window.here.picks) == 2, "within reach of the second"


def test_a_drag_is_a_box_and_a_shaky_click_is_a_point(window):
    window.drag((100, 225), (150, 200), (300, 75))
    assert window.here.picks == (Pick(Kind.BOX, 30, 20, 90, 60, 3),) and window.here.box is None
    window.drag((10, 10), (14, 12))
    assert [pick.kind for pick in window.here.picks] == [Kind.BOX, Kind.POINT]


def test_what_is_beside_the_picture_is_no_click(window):
    for x, y in ((-5, 20), (20, -5), (WIDTH + 3, 20), (20, HEIGHT + 3)):
        window.click(x, y)
    assert window.here.picks == ()


def test_backspace_and_ctrl_z_take_the_last_one_back(window):
    window.click(100, 225)
    window.click(200, 150)
    assert window.send("BACK_SPACE") == RUNNING and len(window.here.picks) == 1
    assert window.send("Z", ctrl=True) == RUNNING and window.here.picks == ()
    assert window.send("Z", ctrl=True) == RUNNING


def test_zoom_and_pan_pass_and_other_keys_do_not(window):
    for type in ("WHEELUPMOUSE", "WHEELDOWNMOUSE", "MIDDLEMOUSE", "TRACKPADPAN", "HOME", "MOUSEMOVE", "TIMER"):
        assert window.send(type) == PASSED, type
    for type in ("A", "X", "RIGHTMOUSE", "TAB"):
        assert window.send(type) == RUNNING, type


def test_a_new_picture_and_the_keys_are_shown(window):
    window.send("TIMER")
    area = window.context.area
    assert area.spaces.active.image == frame_picture.bpy.data.images[frame_picture.NAME]
    assert "Enter: track it" in area.header and "Looking" not in area.header
    window.click(100, 225)
    window.send("TIMER")
    assert area.header.startswith("Looking for the subject")


def test_enter_keeps_the_points_and_tracks(window, closed):
    window.click(100, 225)
    window.send("TIMER")
    assert window.send("RET") == FINISHED
    settings = bpy.context.scene.actionmesh
    assert clip_picks.picks_of(settings) == (Pick(Kind.POINT, 30, 20, frame=3),)
    assert (
        closed == ["the window"] and window.context.window_manager.timers == [] and window.context.area.header is None
    )
    assert pointing_state.current is None and not len(bpy.data.images)
    tick_until(lambda: panel_state.state.strips)


def test_escape_changes_nothing(window, closed):
    window.click(100, 225)
    window.send("TIMER")
    assert window.send("ESC") == CANCELLED
    assert not len(bpy.context.scene.actionmesh.picks) and closed == ["the window"]
    assert not len(bpy.data.images) and not runner.state.looking and pointing_state.current is None


def test_a_window_that_is_closed_by_hand_leaves_nothing(window):
    window.send("TIMER")
    window.operator.cancel(window.context)
    assert not len(bpy.data.images) and pointing_state.current is None and window.context.window_manager.timers == []


@pytest.mark.parametrize("change", ["area", "type", "file"])
def test_a_window_that_shows_something_else_ends_it(window, change):
    if change == "file":
        pointing_state.end()
    elif change == "area":
        window.context.area = None
    else:
        window.context.area.type = "VIEW_3D"
    assert window.send("MOUSEMOVE") == CANCELLED and window.context.window_manager.timers == []


def test_points_that_make_no_sense_are_told_and_the_window_stays(window, closed):
    window.click(100, 225, ctrl=True)
    assert window.send("RET") == RUNNING and not closed
    window.send("TIMER")
    assert "Only points outside the subject are given" in window.context.area.header


@pytest.mark.fault("undo in another window while Pick Subject is open ends in a traceback")
def test_a_picture_that_an_undo_took_is_made_again(window):
    window.send("TIMER")
    bpy.data.images.remove(bpy.data.images[frame_picture.NAME])
    window.context.area.spaces.active.image = None
    window.send("TIMER")
    assert window.context.area.spaces.active.image is not None


@pytest.mark.fault("the picture of Pick Subject was deleted before it was shown")
def test_a_picture_that_is_gone_is_told(window):
    window.here.picture.unlink()
    window.send("TIMER")
    assert "cannot be read" in window.context.area.header and window.context.area.spaces.active.image is None


def test_where_no_window_can_be_opened_that_is_said(addon):
    with pytest.raises(ArtistError, match="opens no window"), picture_window.opened():
        raise AssertionError("there is no window in this Blender")


def test_a_bug_leaves_no_window_behind(window, closed, monkeypatch):
    monkeypatch.setattr(pointing_window, "_reach", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        window.click(100, 225)
    assert closed == ["the window"] and pointing_state.current is None
