"""Several subjects of one clip: each has its own points, strip and masks, and becomes an object or moves a mesh."""

from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon import panels
from blender_addon.errors import ArtistError
from blender_addon.jobs.record import State
from blender_addon.motion.pointing import Kind, Pick
from blender_addon.process.backend_locator import protocol
from blender_addon.session import clip_picks, job_list, panel_state, pick_marks, pointing_state, subject_strip
from blender_addon.session.runner import runner
from blender_addon.workflow import subject
from tests.bpy.addon import clip, keys_of, press, selected_cube, states, tick_until
from tests.bpy.layouts import drawn

OPS = bpy.ops.actionmesh
PANEL = panels.animate.VIEW3D_PT_actionmesh_animate
DOG, CAT, BIRD = Pick(Kind.POINT, 30, 20), Pick(Kind.POINT, 90, 60), Pick(Kind.POINT, 60, 40)


def settings():
    return bpy.context.scene.actionmesh


@pytest.fixture
def two(addon):
    """Point at two subjects of a clip; the second is active."""
    settings().clip = clip(addon)
    OPS.pick_subject(point="30,20")
    OPS.pick_subject(point="90,60", subject=2)
    return addon


@pytest.fixture
def three(two):
    OPS.pick_subject(point="60,40", subject=3)
    return two


def strip(number=None):
    return subject_strip.current(panel_state.state.strips, settings(), number)


def requests():
    """Return the requests of the jobs, by title."""
    return {record.title: record.request for record in job_list.records(True)}


def pointed(pick):
    return protocol.Picks((protocol.Spot(pick.x, pick.y),))


def all_picks():
    return {number: clip_picks.picks_of(settings(), number) for number in clip_picks.pointed_at(settings())}


class TestPicks:
    """Whose picks are whose."""

    def test_each_subject_has_its_own(self, three):
        assert all_picks() == {0: (DOG,), 1: (CAT,), 2: (BIRD,)} and clip_picks.active(settings()) == 2
        OPS.pick_subject(point="1,2; 3,4", subject=1)
        assert len(all_picks()[0]) == 2 and all_picks()[1] == (CAT,)
        assert clip_picks.active(settings()) == 0

    def test_the_active_one_is_meant_unless_one_is_named(self, two):
        OPS.pick_subject(point="91,61")
        assert all_picks() == {0: (DOG,), 1: (Pick(Kind.POINT, 91, 61),)}
        OPS.choose_subject(subject=1)
        OPS.clear_picks()
        assert list(all_picks()) == [1] and clip_picks.active(settings()) == 0

    @pytest.mark.parametrize("operator", [OPS.pick_subject, OPS.choose_subject])
    def test_a_subject_beyond_the_next_is_refused(self, two, operator):
        arguments = {"point": "1,2"} if operator is OPS.pick_subject else {}
        with pytest.raises(RuntimeError, match="There is no subject 4 yet. Give a number up to 3"):
            operator(subject=4, **arguments)
        assert all_picks() == {0: (DOG,), 1: (CAT,)} and clip_picks.active(settings()) == 1

    def test_what_the_backend_refuses_leaves_all_as_it_was(self, two, monkeypatch):
        settings().active_subject = 0
        monkeypatch.setattr(subject, "track", _refuse)
        with pytest.raises(RuntimeError, match="Nothing was tracked"):
            OPS.pick_subject(point="1,2", subject=3)
        assert all_picks() == {0: (DOG,), 1: (CAT,)} and clip_picks.active(settings()) == 0

    @pytest.mark.fault("Points of an earlier version, which knew one subject, were lost")
    def test_points_of_a_file_without_subjects_are_those_of_the_first(self, addon):
        settings().clip = clip(addon)
        OPS.pick_subject(point="30,20; 90,60")
        for item in settings().picks:
            item.property_unset("subject")
        settings().property_unset("active_subject")
        path = str(addon / "earlier.blend")
        bpy.ops.wm.save_as_mainfile(filepath=path)
        bpy.ops.wm.open_mainfile(filepath=path)
        assert all_picks() == {0: (DOG, CAT)} and clip_picks.subject_count(settings()) == 1

    @pytest.mark.fault("Points of a clip's second subject were used for another clip")
    def test_another_clip_begins_with_one_subject(self, two):
        first = settings().clip
        settings().clip = clip(two, "painted")
        assert (clip_picks.subject_count(settings()), clip_picks.active(settings())) == (1, 0)
        settings().clip = first
        assert (clip_picks.subject_count(settings()), clip_picks.active(settings())) == (2, 1)
        settings().clip = clip(two, "painted")
        OPS.pick_subject(point="5,6")
        assert all_picks() == {0: (Pick(Kind.POINT, 5, 6),)}

    def test_a_number_that_no_subject_has_is_one_that_can_be_removed(self, two):
        group = settings().picks[0]
        getter = getattr(group, "bl_system_properties_get", None)
        (getter() if getter else group)["subject"] = 2_000_000_000
        assert clip_picks.subject_count(settings()) == 9 and "actionmesh.remove_subject" in drawn(PANEL)
        OPS.choose_subject(subject=9)
        OPS.remove_subject()
        assert all_picks() == {1: (CAT,)}


def _refuse(*_):
    raise ArtistError("Nothing was tracked.", "Try again.")


class TestButtons:
    """The numbered buttons and those beside them."""

    def test_one_subject_has_a_plus_alone(self, addon):
        settings().clip = clip(addon)
        selected_cube()
        told = drawn(PANEL)
        assert "actionmesh.add_subject" in told
        assert not {"actionmesh.choose_subject", "actionmesh.remove_subject", "subject ACTIVE"} & set(told)

    def test_several_have_numbers_and_a_mesh_says_which_it_follows(self, two):
        selected_cube()
        told = drawn(PANEL)
        assert told.count("actionmesh.choose_subject") == 2 and "actionmesh.remove_subject" in told
        assert [line for line in told if line.startswith("subject ")] == ["subject ACTIVE", "subject 1", "subject 2"]
        assert "actionmesh.clear_picks" not in told, "two crosses would be taken for each other"

    def test_plus_adds_one_and_going_back_forgets_it_if_it_was_not_pointed_at(self, addon):
        settings().clip = clip(addon)
        with pytest.raises(RuntimeError, match="Point at the subject first"):
            OPS.add_subject()
        OPS.pick_subject(point="30,20")
        OPS.add_subject()
        assert (clip_picks.subject_count(settings()), clip_picks.active(settings())) == (2, 1)
        with pytest.raises(RuntimeError, match="Point at this subject first"):
            OPS.add_subject()
        OPS.choose_subject(subject=1)
        assert clip_picks.subject_count(settings()) == 1

    def test_nine_are_the_most(self, two):
        for number in range(3, 10):
            OPS.pick_subject(point="1,2", subject=number)
        with pytest.raises(RuntimeError, match="A clip has at most 9 subjects"):
            OPS.add_subject()

    def test_poll_says_what_is_missing(self, addon):
        settings().clip = ""
        for operator in (OPS.choose_subject, OPS.add_subject, OPS.remove_subject):
            with pytest.raises(RuntimeError, match="Choose a clip first"):
                operator()
        settings().clip = clip(addon)
        with pytest.raises(RuntimeError, match="The clip has just one subject"):
            OPS.remove_subject()

    def test_an_open_window_keeps_its_subject(self, two):
        subject.point(bpy.context.scene, None)
        for operator in (OPS.choose_subject, OPS.add_subject, OPS.remove_subject):
            with pytest.raises(RuntimeError, match="Leave Pick Subject first"):
                operator()

    @pytest.mark.fault("Removing a subject made meshes follow another than the one that was chosen")
    def test_removing_one_moves_up_those_after_it_and_who_follows_them(self, three):
        cubes = {name: selected_cube(name) for name in ("ACTIVE", "1", "2", "3")}
        for name, cube in cubes.items():
            cube.actionmesh.subject = name
        OPS.choose_subject(subject=2)
        before = strip(2)
        assert OPS.remove_subject() == {"FINISHED"}
        assert all_picks() == {0: (DOG,), 1: (BIRD,)} and clip_picks.active(settings()) == 1
        follows = {name: cube.actionmesh.subject for name, cube in cubes.items()}
        assert follows == {"ACTIVE": "ACTIVE", "1": "1", "2": "ACTIVE", "3": "2"}
        assert strip() == before, "its strip is still true"
        OPS.remove_subject()
        assert all_picks() == {0: (DOG,)} and clip_picks.active(settings()) == 0

    def test_undo_brings_a_removed_one_back(self, two):
        bpy.ops.ed.undo_push(message="before")
        OPS.remove_subject()
        bpy.ops.ed.undo_push(message="Remove Subject")
        bpy.ops.ed.undo()
        assert all_picks() == {0: (DOG,), 1: (CAT,)} and clip_picks.active(settings()) == 1
        assert strip(0) is not None and strip(1) is not None
        for name in ("choose_subject", "add_subject", "remove_subject"):
            assert "UNDO" in getattr(bpy.types, f"ACTIONMESH_OT_{name}").bl_options


class TestStrips:
    """Each subject's frames and masks are remembered."""

    def test_the_active_subjects_strip_is_shown(self, two):
        second = strip()
        OPS.choose_subject(subject=1)
        assert strip() is not None and strip().masks != second.masks and drawn(PANEL).count("picture") == 6
        OPS.choose_subject(subject=2)
        assert strip() == second
        OPS.add_subject()
        assert strip() is None and "picture" not in drawn(PANEL)

    def test_no_more_are_remembered_than_there_are_subjects(self, two):
        for point in ("1,1", "2,2", "3,3"):
            OPS.pick_subject(point=point)
        assert len(panel_state.state.strips) == 2
        settings().clip = clip(two, "painted")
        OPS.track_subject()
        assert len(panel_state.state.strips) == 1

    @pytest.mark.fault("Pointing at the next subject ended the tracking of the one before")
    def test_a_subject_whose_tracking_was_cut_short_has_its_turn_later(self, addon, monkeypatch):
        monkeypatch.setattr(subject, "_has_window", lambda: True)
        settings().clip = clip(addon)
        press(OPS.pick_subject, point="30,20")
        press(OPS.pick_subject, point="90,60", subject=2)
        tick_until(lambda: strip(0) is not None and strip(1) is not None)
        tick_until(lambda: runner.state.tracking is None and not runner.state.looking)
        assert len(panel_state.state.strips) == 2

    def test_choosing_another_does_not_end_the_tracking(self, two, monkeypatch):
        monkeypatch.setattr(subject, "_has_window", lambda: True)
        settings().clip = clip(two, "slow")
        press(OPS.pick_subject, point="30,20")
        OPS.add_subject()
        assert runner.state.tracking is not None
        OPS.cancel_tracking()
        OPS.choose_subject(subject=1)
        assert runner.state.looking


class TestWindow:
    """What the window of Pick Subject shows of the others."""

    @pytest.fixture
    def here(self, two):
        OPS.pick_subject(point="90,60; 5:7,8", box="80,50,99,70", subject=2)
        OPS.choose_subject(subject=1)
        OPS.clear_picks()
        subject.point(bpy.context.scene, None)
        tick_until(lambda: pointing_state.current.frame is not None)
        return pointing_state.current

    def test_picks_of_the_others_are_dimmed_numbered_and_not_hit(self, here):
        assert (here.subject, here.picks) == (0, ())
        here.click((0.25, 0.75), False, 3)
        here.draw_box((0.1, 0.9), (0.3, 0.6))
        *others, own, drawing = pick_marks.marks_of(here)
        assert [(pick.kind, label) for pick, _colour, label in others] == [(Kind.POINT, "2"), (Kind.BOX, "2")]
        assert own[0] == Pick(Kind.POINT, 30, 20, frame=3) and own[2] == drawing[2] == ""
        assert max(others[0][1][:3]) < 0.6 * max(own[1][:3]) and own[1] == drawing[1]
        here.box = None
        here.click((90 / 120, 1 - 60 / 80), True, 3)
        assert [pick.kind for pick in here.picks] == [Kind.POINT, Kind.NOT_POINT], "nothing of the other was removed"
        assert len(all_picks()[1]) == 3

    def test_keeping_leaves_the_others_as_they_are(self, here):
        here.click((0.25, 0.75), False, 3)
        settings().active_subject = 1  # as an undo in another window may do
        subject.keep_picks(bpy.context.scene, here.picks, here.subject)
        assert all_picks()[0] == (replace(DOG, frame=3),) and len(all_picks()[1]) == 3
        assert clip_picks.active(settings()) == 0


def reach(target):
    """Return the lowest and the highest corner over all poses, in the world."""
    poses = np.array([[point.co for point in block.data] for block in target.data.shape_keys.key_blocks])
    return poses.min(axis=(0, 1)) + target.location, poses.max(axis=(0, 1)) + target.location


class TestNewObjects:
    """Animate from Video."""

    def test_each_subject_becomes_an_object_from_its_own_points_and_masks(self, two):
        assert OPS.animate_from_video(seed=7) == {"FINISHED"}
        asked = requests()
        assert set(asked) == {"wave 1", "wave 2"} == {item.name for item in bpy.data.objects}
        assert (asked["wave 1"].picks, asked["wave 2"].picks) == (pointed(DOG), pointed(CAT))
        assert [asked[name].masks_from for name in ("wave 1", "wave 2")] == [strip(0).masks, strip(1).masks]
        assert {request.seed for request in asked.values()} == {7}
        assert all(keys_of(item) == 5 for item in bpy.data.objects)

    @pytest.mark.fault("The objects of a clip's subjects lay inside each other")
    def test_they_stand_side_by_side_in_all_poses(self, three):
        OPS.animate_from_video()
        bpy.context.view_layer.update()
        places = sorted((reach(item) for item in bpy.data.objects), key=lambda place: place[0][0])
        assert len(places) == 3
        assert all(left[1][0] < right[0][0] for left, right in zip(places, places[1:], strict=False))

    @pytest.mark.fault("A new object was put where one that was there already walks in later frames")
    def test_a_neighbour_is_avoided_wherever_it_goes(self, addon):
        settings().clip = clip(addon)
        OPS.animate_from_video()
        first = bpy.data.objects["wave"]
        for block in first.data.shape_keys.key_blocks[3:]:
            for point in block.data:
                point.co.x += 11
        OPS.animate_from_video()
        assert bpy.data.objects["wave.001"].location.x > 11

    def test_one_that_was_not_pointed_at_is_left_out(self, two):
        OPS.remove_subject()
        OPS.add_subject()
        OPS.animate_from_video()
        assert {title: request.picks for title, request in requests().items()} == {"wave": pointed(DOG)}

    def test_another_clip_and_masks_have_no_subjects(self, two):
        OPS.animate_from_video(filepath=clip(two, "painted"))
        settings().masks = str(two)
        OPS.animate_from_video()
        assert sorted(requests()) == ["painted", "wave"] and not requests()["painted"].picks

    def test_all_are_checked_before_the_first_is_queued(self, two):
        item = next(item for item in settings().picks if item.subject == 1)
        item.kind = "NOT_POINT"
        with pytest.raises(RuntimeError, match="Only points outside the subject"):
            OPS.animate_from_video()
        assert states() == [] and not runner.state.records

    def test_a_click_queues_all_and_each_can_be_made_again(self, two):
        press(OPS.animate_from_video)
        assert states() == [State.WAITING] * 2
        tick_until(lambda: states() == [State.WRITTEN] * 2)
        (job,) = (record.id for record in job_list.records(True) if record.title == "wave 1")
        OPS.rerun(job=job)
        assert sorted(record.title for record in job_list.records(True)) == ["wave 1", "wave 1", "wave 2"]
        assert "wave 1.001" in bpy.data.objects


class TestMeshes:
    """Animate Selected, Transfer Motion and Animate with Every Clip."""

    def test_a_mesh_follows_the_subject_that_was_chosen_for_it_or_the_active_one(self, two):
        first, second = selected_cube("First"), selected_cube("Second", location=(4, 0, 0))
        first.select_set(True)
        first.actionmesh.subject = "1"
        assert OPS.transfer_motion() == {"FINISHED"}
        asked = {title: request.picks for title, request in requests().items()}
        assert asked == {"wave 1 to First": pointed(DOG), "wave 2 to Second": pointed(CAT)}
        assert keys_of(first) == keys_of(second) == 5
        assert requests()["wave 1 to First"].masks_from == strip(0).masks

    def test_a_subject_that_was_not_pointed_at_is_told_before_anything_is_queued(self, two):
        first, second = selected_cube("First"), selected_cube("Second", location=(4, 0, 0))
        first.select_set(True)
        second.actionmesh.subject = "3"
        with pytest.raises(RuntimeError, match="Second follows subject 3, which was not pointed at"):
            OPS.animate_selected()
        second.actionmesh.subject = "ACTIVE"
        OPS.add_subject()
        with pytest.raises(RuntimeError, match="follows subject 3, which was not pointed at"):
            OPS.animate_selected()
        assert states() == [] and not runner.state.records

    def test_a_clip_with_one_subject_moves_every_mesh(self, addon):
        settings().clip = clip(addon)
        OPS.pick_subject(point="30,20")
        selected_cube().actionmesh.subject = "2"
        OPS.animate_selected()
        assert {title: request.picks for title, request in requests().items()} == {"wave to Cube": pointed(DOG)}

    @pytest.mark.fault("Animate with Every Clip used the points of the chosen clip for all clips of the folder")
    def test_a_batch_uses_the_points_for_their_own_clip_alone(self, two):
        folder = two / "clips"
        for name in ("wave", "painted"):
            (folder / name).mkdir(parents=True)
            (folder / name / "1.png").touch()
        settings().source, settings().images = "IMAGES", str(folder / "wave")
        OPS.pick_subject(point="30,20")
        OPS.pick_subject(point="90,60", subject=2)
        selected_cube().actionmesh.subject = "1"
        assert OPS.batch(directory=str(folder)) == {"FINISHED"}
        asked = {Path(request.clip).name: request.picks for request in requests().values()}
        assert asked == {"wave": pointed(DOG), "painted": protocol.Picks()} and states() == [State.WRITTEN] * 2

    def test_a_tampered_choice_is_the_active_one(self, two):
        cube = selected_cube()
        cube.actionmesh.subject = "1"
        getter = getattr(cube, "bl_system_properties_get", None)
        (getter() if getter else cube)["actionmesh"]["subject"] = 77
        drawn(PANEL)
        OPS.animate_selected()
        assert list(requests()) == ["wave 2 to Cube"]
