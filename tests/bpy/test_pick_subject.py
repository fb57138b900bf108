"""Pick Subject: what was pointed at reaches the backend, is tracked through the clip, and belongs to its clip alone."""

from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon import panels
from blender_addon.motion.pointing import Kind, Pick
from blender_addon.process.backend_locator import protocol
from blender_addon.scene import frame_picture
from blender_addon.scene.viewing import read_picture
from blender_addon.session import clip_picks, job_list, panel_state, pointing_state, subject_strip, thumbnail
from blender_addon.session.runner import runner
from blender_addon.workflow import subject, submission
from tests.addon.pictures import png
from tests.bpy.addon import clip, press, selected_cube, tick_until
from tests.bpy.layouts import drawn

OPS = bpy.ops.actionmesh
PANEL = panels.animate.VIEW3D_PT_actionmesh_animate
TAMPERED = pytest.mark.fault("a .blend whose points or boxes were tampered with ends in a traceback")


@pytest.fixture
def settings(addon):
    """Return the scene's settings with a clip chosen."""
    bpy.context.scene.actionmesh.clip = clip(addon)
    return bpy.context.scene.actionmesh


def request():
    return job_list.records(True)[0].request


def strip():
    return subject_strip.current(panel_state.state.strips, bpy.context.scene.actionmesh)


class TestScript:
    """The path without a window."""

    def test_points_are_kept_and_tracked_before_it_returns(self, settings):
        assert OPS.pick_subject(point="30,20; 5:40.5,25", not_point="90,60", box="10,5,70,50") == {"FINISHED"}
        assert clip_picks.picks_of(settings) == (
            Pick(Kind.POINT, 30, 20), Pick(Kind.POINT, 40.5, 25, frame=5), Pick(Kind.NOT_POINT, 90, 60),
            Pick(Kind.BOX, 10, 5, 70, 50),
        )  # fmt: skip
        assert [(shown.position, shown.frame) for shown in strip().shown] == [(n, 3 * n) for n in range(6)]

    def test_the_next_jobs_have_the_picks_and_the_masks(self, settings):
        OPS.pick_subject(point="30,20", box="5:10,5,70,50")
        OPS.animate_from_video()
        expected = protocol.Picks((protocol.Spot(30, 20),), (), (protocol.Area(10, 5, 70, 50, 5),))
        assert request().picks == expected and request().masks_from == strip().masks
        selected_cube()
        OPS.animate_selected()
        assert request().picks == expected

    def test_tracking_without_points_is_possible(self, settings):
        assert OPS.track_subject() == {"FINISHED"}
        assert len(strip().shown) == 6 and strip().masks.endswith("_masks")

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            ({}, "Nothing was pointed at"),
            ({"point": "30"}, "30 names no place in a frame"),
            ({"box": "1,2,3"}, "Write it like 40,20,600,340"),
            ({"not_point": "3,4"}, "Only points outside the subject are given"),
            ({"box": "9,9,3,3"}, "is empty"),
            ({"box": "1,1,9,9; 2,2,9,9"}, "A frame has two boxes"),
            ({"point": "-3,4"}, "point's column is -3"),
            ({"point": "nan,4"}, "point's column is nan"),
        ],
    )
    def test_what_makes_no_sense_changes_nothing(self, settings, words, told):
        OPS.pick_subject(point="30,20")
        with pytest.raises(RuntimeError, match=told):
            OPS.pick_subject(**words)
        assert clip_picks.picks_of(settings) == (Pick(Kind.POINT, 30, 20),)

    def test_points_that_the_backend_refuses_are_not_kept(self, addon, settings):
        settings.clip = clip(addon, "exhaust")
        with pytest.raises(RuntimeError, match="not enough memory"):
            OPS.pick_subject(point="30,20")
        assert not len(settings.picks) and strip() is None

    def test_pictures_of_a_folder_have_picks_too(self, addon, settings):
        folder = addon / "frames"
        folder.mkdir()
        settings.source, settings.images = "IMAGES", str(folder)
        OPS.pick_subject(point="30,20")
        OPS.animate_from_video()
        assert request().picks.point == (protocol.Spot(30, 20),)


class TestOfTheClip:
    """Picks belong to the clip in which they were made."""

    @pytest.mark.fault("Points of one clip were used for another")
    def test_another_clip_has_none_and_the_first_has_them_again(self, addon, settings):
        first, key = settings.clip, thumbnail.source_key(settings)
        OPS.pick_subject(point="30,20")
        pointed = thumbnail.source_key(settings)
        assert pointed != key
        settings.clip = clip(addon, "quick")
        assert clip_picks.picks_of(settings) == () and "Pick Subject (1)" not in told()
        OPS.animate_from_video(filepath=clip(addon, "doubtful"))
        assert not request().picks and request().masks_from is None
        settings.clip = first
        assert len(clip_picks.picks_of(settings)) == 1 and thumbnail.source_key(settings) == pointed
        OPS.animate_from_video(filepath=clip(addon, "doubtful"))
        assert not request().picks and request().masks_from is None, "a clip that is named for one job"

    def test_other_sources_have_none(self, settings):
        OPS.pick_subject(point="30,20")
        settings.source, settings.prompt = "TEXT", "a fox"
        assert clip_picks.key_of(settings) == () and not OPS.pick_subject.poll()
        assert not submission.request_for(bpy.context.scene, "clip.mp4").picks

    def test_they_are_kept_in_the_file_and_found_by_a_relative_path(self, addon, settings):
        path = str(addon / "kept.blend")
        bpy.ops.wm.save_as_mainfile(filepath=path)
        settings.clip = "//wave"
        OPS.pick_subject(point="30,20")
        bpy.ops.wm.save_mainfile()
        bpy.ops.wm.open_mainfile(filepath=path)
        opened = bpy.context.scene.actionmesh
        assert clip_picks.picks_of(opened) == (Pick(Kind.POINT, 30, 20),) and strip() is None
        OPS.animate_from_video()
        assert request().picks.point == (protocol.Spot(30, 20),)

    def test_a_job_that_is_run_again_has_the_masks_of_the_first(self, settings):
        OPS.pick_subject(point="30,20")
        OPS.animate_from_video()
        first = job_list.records(True)[0]
        (first.folder / "result_masks").mkdir()
        OPS.clear_picks()
        assert OPS.rerun(job=first.id) == {"FINISHED"}
        assert request().picks.point == (protocol.Spot(30, 20),)
        assert request().masks_from == str(first.folder / "result_masks")


def told():
    return " ".join(drawn(PANEL))


class TestButtons:
    """The panel and its buttons."""

    def test_poll_says_what_is_missing(self, addon):
        settings = bpy.context.scene.actionmesh
        for operator in (OPS.pick_subject, OPS.track_subject):
            settings.clip = ""
            with pytest.raises(RuntimeError, match="Choose a clip first"):
                operator()
            settings.clip = clip(addon)
            assert operator.poll()
            settings.masks = "/masks"
            with pytest.raises(RuntimeError, match="The chosen masks say what the subject is"):
                operator()
            settings.masks = ""
        with pytest.raises(RuntimeError, match="Nothing was pointed at"):
            OPS.clear_picks()
        with pytest.raises(RuntimeError, match="No subject is being tracked"):
            OPS.cancel_tracking()

    def test_the_strip_is_shown_as_long_as_it_is_true(self, settings):
        assert "actionmesh.pick_subject" in drawn(PANEL) and "actionmesh.clear_picks" not in drawn(PANEL)
        OPS.pick_subject(point="30,20")
        assert drawn(PANEL).count("actionmesh.pick_subject") == 7 and drawn(PANEL).count("picture") == 6
        assert "actionmesh.clear_picks" in drawn(PANEL)
        settings.frame_count += 1
        assert drawn(PANEL).count("actionmesh.pick_subject") == 1
        settings.frame_count -= 1
        assert drawn(PANEL).count("actionmesh.pick_subject") == 7
        OPS.clear_picks()
        assert drawn(PANEL).count("actionmesh.pick_subject") == 1

    def test_tracking_is_shown_and_cancelled(self, addon, settings):
        settings.clip = clip(addon, "slow")
        press(OPS.pick_subject, point="30,20")
        assert "Waiting for the backend" in told()
        tick_until(lambda: runner.state.tracking is not None and runner.state.tracking.notice is not None)
        assert "Reading" in told() and "actionmesh.cancel_tracking" in drawn(PANEL)
        assert OPS.cancel_tracking() == {"FINISHED"}
        assert runner.state.tracking is None and strip() is None and len(settings.picks) == 1
        settings.clip = clip(addon)
        OPS.animate_from_video()
        assert not request().picks

    def test_a_look_takes_the_place_of_a_track(self, addon, settings):
        settings.clip = clip(addon, "slow")
        press(OPS.track_subject)
        settings.clip = clip(addon)
        assert OPS.look() == {"FINISHED"}
        assert runner.state.tracking is None and runner.state.look is not None and strip() is None

    @pytest.mark.fault("A look or a track went on in the panel for ever after the backend was stopped")
    def test_stopping_the_backend_ends_it(self, addon, settings):
        settings.clip = clip(addon, "slow")
        press(OPS.track_subject)
        tick_until(lambda: runner.state.tracking is not None and runner.state.tracking.notice is not None)
        OPS.stop_backend()
        assert runner.state.tracking is None and not runner.state.looking

    def test_a_job_that_waits_runs_after_the_track(self, settings):
        press(OPS.track_subject)
        press(OPS.animate_from_video)
        tick_until(lambda: strip() is not None and not runner.state.records)

    def test_undo_takes_the_points_back(self, settings):
        bpy.ops.ed.undo_push(message="before")
        OPS.pick_subject(point="30,20")
        bpy.ops.ed.undo_push(message="Pick Subject")
        bpy.ops.ed.undo()
        settings = bpy.context.scene.actionmesh
        assert clip_picks.picks_of(settings) == () and settings.picked_clip == ""
        bpy.ops.ed.redo()
        assert clip_picks.picks_of(bpy.context.scene.actionmesh) == (Pick(Kind.POINT, 30, 20),)
        assert "UNDO" in bpy.types.ACTIONMESH_OT_pick_subject.bl_options


def _write_raw(item, name, value):
    """Write past the property's own checks, as into the file."""
    getter = getattr(item, "bl_system_properties_get", None)
    (getter() if getter else item)[name] = value


class TestTampered:
    """Values that nobody could have set."""

    @TAMPERED
    def test_values_out_of_bounds_are_the_defaults_again(self, addon, settings):
        OPS.pick_subject(point="30,20; 40,30; 50,30")
        for item, (name, value) in zip(settings.picks, (("x", float("nan")), ("kind", 77), ("frame", -9)), strict=True):
            _write_raw(item, name, value)
        path = str(addon / "tampered.blend")
        bpy.ops.wm.save_as_mainfile(filepath=path)
        bpy.ops.wm.open_mainfile(filepath=path)
        settings = bpy.context.scene.actionmesh
        assert clip_picks.picks_of(settings) == (
            Pick(Kind.POINT, 0, 20), Pick(Kind.POINT, 40, 30), Pick(Kind.POINT, 50, 30)
        )  # fmt: skip

    @TAMPERED
    @pytest.mark.parametrize(
        ("name", "value", "sentence"),
        [
            ("kind", 77, "What was pointed at in the clip is damaged"),
            ("x", float("inf"), "The point's column is inf"),
            ("frame", 2_000_000_000, "frame of a point or box is 2000000000"),
        ],
    )
    def test_a_damaged_pick_is_drawn_and_answers_in_a_sentence(self, settings, name, value, sentence):
        OPS.pick_subject(point="30,20")
        _write_raw(settings.picks[0], name, value)
        assert "actionmesh.clear_picks" in drawn(PANEL)
        for operator in (OPS.look, OPS.track_subject, OPS.animate_from_video):
            with pytest.raises(RuntimeError, match=sentence):
                operator()
        assert OPS.clear_picks() == {"FINISHED"} and OPS.animate_from_video() == {"FINISHED"}


class TestPointing:
    """The state of the window while it is open."""

    @pytest.fixture
    def here(self, settings):
        clip_picks.keep(settings, (Pick(Kind.POINT, 10, 10), Pick(Kind.POINT, 20, 20, frame=7)))
        subject.point(bpy.context.scene, None)
        tick_until(lambda: pointing_state.current.frame is not None)
        return pointing_state.current

    def test_the_reference_frames_picks_are_that_frames_from_now_on(self, here):
        assert (here.frame, here.size, here.is_new) == (3, (120, 80), True), "as the worker says"
        assert [pick.frame for pick in here.picks] == [3, 7]

    def test_each_pick_asks_for_its_mask(self, here):
        asked = []
        here.look = asked.append
        here.click((0.5, 0.5), False, 3)
        here.click((1.5, 0.5), False, 3)  # beside the picture
        here.click((0.5, 0.5), True, 3)  # removes the first
        here.draw_box((0.1, 0.9), (0.6, 0.2))
        here.end_box()
        here.take_back()
        here.take_back()
        here.take_back()  # nothing of this frame is left
        assert len(asked) == 5 and here.picks == (Pick(Kind.POINT, 20, 20, frame=7),)

    def test_a_frame_of_the_strip_opens_as_it_was_tracked(self, settings):
        OPS.pick_subject(point="10,10; 7:20,20")
        subject.point(bpy.context.scene, 2)
        here, shown = pointing_state.current, strip().shown[2]
        assert (here.frame, here.size, here.shown, here.is_new) == (6, (120, 80), shown.picture, True)
        assert [pick.frame for pick in here.picks] == [None, 7] and not runner.state.looking
        settings.frame_step, settings.fit_clip = 2, False
        subject.point(bpy.context.scene, 2)
        assert pointing_state.current.shown is None and runner.state.looking, "the strip is out of date"

    def test_a_look_in_flight_is_superseded(self, here, monkeypatch):
        sent = []
        monkeypatch.setattr(runner, "ask", lambda params, take, failed: sent.append((params, take)))
        here.click((0.25, 0.5), False, 3)
        here.click((0.25, 0.5), True, 3)
        first, last = (params for params, _take in sent)
        assert first.picks.point[-1] == protocol.Spot(30, 40, 3) and len(last.picks.point) == 2
        assert first.to_point_at and first.size == 1024 and first.out == last.out
        pointing_state.end()
        sent[-1][1](protocol.Looked("x.png", 1, 1, 9, 24.0, 5, 5, 0.5))
        assert here.frame == 3, "nobody hears of a window that was closed"

    def test_points_that_make_no_sense_are_told(self, here):
        here.click((10 / 120, 1 - 10 / 80), True, 3)
        here.picks = ()
        here.click((0.5, 0.5), True, 3)
        assert "Only points outside the subject are given" in here.message

    def test_what_the_backend_says_is_told(self, addon, settings):
        settings.clip = clip(addon, "exhaust")
        subject.point(bpy.context.scene, 2)
        tick_until(lambda: "memory" in pointing_state.current.message)
        assert pointing_state.current.frame is None and panel_state.state.problem is None

    @pytest.mark.fault("Another clip was chosen while Pick Subject was open, and got its points")
    def test_another_clip_that_was_chosen_meanwhile_gets_nothing(self, addon, settings, here):
        settings.clip = clip(addon, "quick")
        here.click((0.5, 0.5), False, 3)
        assert "Another clip was chosen meanwhile" in here.message
        with pytest.raises(Exception, match="Another clip"):
            subject.scene_of(here)

    def test_opening_a_file_ends_it_and_leaves_no_picture_that_was_saved_with_it(self, addon, here):
        bpy.data.images.new(frame_picture.NAME, 4, 4).use_fake_user = True
        path = str(addon / "open.blend")
        bpy.ops.wm.save_as_mainfile(filepath=path)
        bpy.ops.wm.open_mainfile(filepath=path)
        assert pointing_state.current is None and not len(bpy.data.images)


class TestPicture:
    """The frame as an image of the file."""

    def test_colours_under_alpha_0_are_read(self, tmp_path):
        pixels = np.random.default_rng(0).integers(0, 256, (3, 5, 4)).astype(np.uint8)
        pixels[..., 3] = [[0, 255, 0, 128, 0]] * 3
        path = tmp_path / "frame.png"
        path.write_bytes(png(pixels))
        np.testing.assert_array_equal(read_picture(path), pixels)
        assert not len(bpy.data.images)

    def test_it_is_one_image_that_is_gone_afterwards(self, tmp_path):
        for size in ((4, 6), (4, 6), (7, 3)):
            path = tmp_path / "frame.png"
            path.write_bytes(png(np.full((*size, 4), 255, np.uint8)))
            image = frame_picture.show(path)
            assert tuple(image.size) == size[::-1] and list(bpy.data.images) == [image]
            assert min(image.pixels) == 1
        frame_picture.forget()
        frame_picture.forget()
        assert not len(bpy.data.images) and Path(path).exists()
