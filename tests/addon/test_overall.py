"""How far a whole job has come, and how long the user has waited."""

import pytest

from blender_addon.jobs.overall import PREPARATION, USUAL_SECONDS, Experience, Overall, stage_seconds, usual_seconds
from blender_addon.process.backend_locator import protocol
from blender_addon.process.stall_timer import StallTimer

TIMINGS = {
    "Reading frames": 1.0,
    "Extracting the surface, level 1 of 2": 2.0,
    "Extracting the surface, level 2 of 2": 1.0,
    "Stage I: finding the motion (1 of 3)": 4.0,
    "Stage I: finding the motion (2 of 3)": 1.0,
    "Stage I: finding the motion (3 of 3)": 1.0,
    "Loading and the rest": 50.0,
    "Total": 60.0,
}


def test_parts_of_a_stage_are_added_and_loading_is_none():
    seconds = stage_seconds(TIMINGS)
    assert seconds == {"Reading frames": 1.0, "Extracting the surface": 3.0, "Stage I: finding the motion": 6.0}
    assert set(seconds) < set(USUAL_SECONDS)


def test_jobs_that_are_alike_are_expected_to_take_as_long():
    experience, seen = Experience(), protocol.Animate("a.mp4", (), preset="fast")
    experience.learn(seen, TIMINGS)
    assert experience.expected(protocol.Animate("b.mp4", (), preset="fast", seed=7)) == stage_seconds(TIMINGS)
    others = [{"preset": "demo"}, {"mesh": "target.ply"}, {"checkpoint": "full"}, {"device": "cpu"}, {"memory": "8"}]
    others += [{"match": "off"}, {"shape": "relief"}, {"mesh": "target.ply", "facing": "+Z", "match": "off"}]
    for other in others:
        request = protocol.Animate("a.mp4", (), **({"preset": "fast"} | other))
        assert experience.expected(request) == usual_seconds(request) != stage_seconds(TIMINGS)
    rematch = protocol.Rematch("a", ())
    experience.learn(rematch, {"Match: following the clip": 3.0, "Total": 4.0})
    assert experience.expected(protocol.Rematch("b", (), clip="b.mp4")) == {"Match: following the clip": 3.0}
    assert experience.expected(seen) == stage_seconds(TIMINGS)


READING = {"Reading frames", "Cutting out the subject", "Removing the background", "Saving"}
MOTION = {"Looking at the frames", "Stage I: finding the motion", "Stage II: moving the mesh"}
MESH = {"Stage 0: making the reference shape", "Extracting the surface"}
MATCHING = {"Match: finding the camera", "Match: following the clip"}


@pytest.mark.parametrize(
    ("request_", "stages"),
    [
        (protocol.Animate("a", ()), READING | MOTION | MESH),
        (protocol.Animate("a", (), shape=protocol.Shape.RELIEF), READING | MOTION | MESH | MATCHING),
        (protocol.Animate("a", (), mesh="m"), READING | MOTION | MATCHING),
        (
            protocol.Animate("a", (), mesh="m", match=protocol.Match.OFF),
            READING | MOTION | {"Match: finding the camera"},
        ),
        (protocol.Animate("a", (), mesh="m", match=protocol.Match.OFF, facing=protocol.Facing.FRONT), READING | MOTION),
        (protocol.Rematch("r", ()), READING | MATCHING),
    ],
)
def test_stages_that_a_request_cannot_have_are_not_waited_for(request_, stages):
    seconds = usual_seconds(request_)
    assert set(seconds) == stages and list(seconds) == [stage for stage in USUAL_SECONDS if stage in stages]


def test_matching_takes_its_usual_seconds():
    assert USUAL_SECONDS["Match: finding the camera"] == 1.0 and USUAL_SECONDS["Match: following the clip"] == 8.0
    work = Overall({"Match: finding the camera": 1.0, "Match: following the clip": 9.0}, False, lambda: 0.0)
    assert work.work("Match: finding the camera", 60, 60) == pytest.approx(0.1)
    assert work.work("Match: following the clip", 1, 3) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("stage", "step", "total", "share"),
    [
        ("Reading frames", 0, 4, 0.0),
        ("Reading frames", 2, 4, 0.05),
        ("Extracting the surface, level 1 of 2", 0, 8, 0.1),
        ("Extracting the surface, level 2 of 2", 1, 2, 0.1 + 0.3 * 0.75),
        ("Stage I: finding the motion", 1, 2, 0.4 + 0.6 / 2),
        ("Stage I: finding the motion (3 of 3)", 30, 30, 1.0),
        ("Something new", 9, 10, 0.0),
    ],
)
def test_share_is_the_time_of_the_stages_before_and_a_part_of_this_one(stage, step, total, share):
    work = Overall(stage_seconds(TIMINGS), False, lambda: 0.0)
    assert work.work(stage, step, total) == pytest.approx(share)
    prepared = Overall(stage_seconds(TIMINGS), True, lambda: 0.0)
    assert prepared.work(stage, step, total) == pytest.approx(PREPARATION + (1 - PREPARATION) * share)


def test_share_never_falls_and_the_preparation_has_its_part():
    overall = Overall(USUAL_SECONDS, True, lambda: 0.0)
    assert overall.prepare(1, 4) == PREPARATION / 4
    assert overall.prepare(4, 4) == PREPARATION
    ahead = overall.work("Stage I: finding the motion", 1, 1)
    assert overall.work("Reading frames", 0, 1) == ahead == overall.work("Something new", 1, 1)


def test_a_stage_that_is_slower_than_ever_is_not_said_to_be_over_soon():
    now = 0.0
    overall = Overall({"Stage I: finding the motion": 9.0, "Stage II: moving the mesh": 1.0}, False, lambda: now)
    overall.work("Stage I: finding the motion", 0, 10)
    assert overall.seconds_left(5.0) is None
    now += 9
    overall.work("Stage I: finding the motion", 10, 10)
    now += 10
    overall.work("Stage II: moving the mesh", 1, 3)
    assert overall.seconds_left() < 2
    assert overall.seconds_left(20.0) == 20.0 and overall.seconds_left(0.1) == overall.seconds_left()


@pytest.mark.parametrize("prepares", [False, True])
def test_seconds_left_are_told_once_they_can_be_guessed(prepares):
    """This holds however long the backend's start or Blender's own part took before."""
    now = 100.0
    overall = Overall({"Reading frames": 1.0}, prepares, lambda: now)
    now += 600
    if prepares:
        overall.prepare(4, 4)
        now += 60
    overall.work("Reading frames", 0, 100)
    now += 3
    overall.work("Reading frames", 1, 100)
    assert overall.seconds_left() is None
    overall.work("Reading frames", 25, 100)
    assert overall.seconds_left() == pytest.approx(9.0)
    overall.work("Reading frames", 100, 100)
    assert overall.seconds_left() == 0.0


def test_patience_counts_long_pauses_as_short_ones():
    now = 0.0
    patience = StallTimer(lambda: now)
    now += 0.5
    assert patience.waited() == 0.5
    now += 3600
    assert patience.waited() == 1.5
    patience.reset()
    assert patience.waited() == 0.0
