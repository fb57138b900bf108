"""How far a whole job has come, and how long the user has waited."""

import pytest

from blender_addon.jobs.overall import USUAL_SECONDS, Experience, Overall, usual_seconds
from blender_addon.process.backend_locator import protocol
from blender_addon.process.stall_timer import StallTimer

Stage = protocol.Stage
TIMINGS = {Stage.READING: 1.0, Stage.SURFACE: 3.0, Stage.MOTION: 6.0}


def notice(stage, step, total, part=1, parts=1):
    return protocol.ProgressNotice(1, stage, step, total, None, part, parts)


def test_jobs_that_are_alike_are_expected_to_take_as_long():
    experience, seen = Experience(), protocol.Animate("a.mp4", (), preset="fast")
    experience.learn(seen, TIMINGS)
    assert experience.expected(protocol.Animate("b.mp4", (), preset="fast", seed=7)) == TIMINGS
    others = [{"preset": "demo"}, {"mesh": "target.ply"}, {"checkpoint": "full"}, {"device": "cpu"}, {"memory": "8"}]
    others += [{"match": "off"}, {"shape": "relief"}, {"mesh": "target.ply", "facing": "+Z", "match": "off"}]
    for other in others:
        request = protocol.Animate("a.mp4", (), **({"preset": "fast"} | other))
        assert experience.expected(request) == usual_seconds(request) != TIMINGS
    rematch = protocol.Rematch("a", ())
    experience.learn(rematch, {Stage.FOLLOWING: 3.0})
    assert experience.expected(protocol.Rematch("b", (), clip="b.mp4")) == {Stage.FOLLOWING: 3.0}
    assert experience.expected(seen) == TIMINGS


def test_running_out_of_memory_is_not_expected_again():
    experience, request = Experience(), protocol.Animate("a.mp4", ())
    experience.learn(request, TIMINGS | {Stage.LESS_MEMORY: 0.1})
    assert experience.expected(request) == TIMINGS


READING = {Stage.READING, Stage.CUTTING_OUT, Stage.REMOVING_BACKGROUND, Stage.SAVING}
MOTION = {Stage.ENCODING_FRAMES, Stage.MOTION, Stage.CORRESPONDENCE}
MESH = {Stage.REFERENCE, Stage.SURFACE}
MATCHING = {Stage.FINDING_CAMERA, Stage.FOLLOWING}


@pytest.mark.parametrize(
    ("request_", "stages"),
    [
        (protocol.Animate("a", ()), READING | MOTION | MESH),
        (protocol.Animate("a", (), shape=protocol.Shape.RELIEF), READING | MOTION | MESH | MATCHING),
        (protocol.Animate("a", (), mesh="m"), READING | MOTION | MATCHING),
        (
            protocol.Animate("a", (), mesh="m", match=protocol.Match.OFF),
            READING | MOTION | {Stage.FINDING_CAMERA},
        ),
        (protocol.Animate("a", (), mesh="m", match=protocol.Match.OFF, facing=protocol.Facing.FRONT), READING | MOTION),
        (protocol.Rematch("r", ()), READING | MATCHING),
    ],
)
def test_stages_that_a_request_cannot_have_are_not_waited_for(request_, stages):
    seconds = usual_seconds(request_)
    assert set(seconds) == stages and list(seconds) == [stage for stage in USUAL_SECONDS if stage in stages]


def test_matching_takes_its_usual_seconds():
    assert USUAL_SECONDS[Stage.FINDING_CAMERA] == 1.0 and USUAL_SECONDS[Stage.FOLLOWING] == 8.0
    work = Overall({Stage.FINDING_CAMERA: 1.0, Stage.FOLLOWING: 9.0}, False, lambda: 0.0)
    assert work.work(notice(Stage.FINDING_CAMERA, 60, 60)) == pytest.approx(0.1)
    assert work.work(notice(Stage.FOLLOWING, 1, 3)) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("told", "share"),
    [
        (notice(Stage.READING, 0, 4), 0.0),
        (notice(Stage.READING, 2, 4), 0.05),
        (notice(Stage.SURFACE, 0, 8, 1, 2), 0.1),
        (notice(Stage.SURFACE, 1, 2, 2, 2), 0.1 + 0.3 * 0.75),
        (notice(Stage.MOTION, 1, 2), 0.4 + 0.6 / 2),
        (notice(Stage.MOTION, 30, 30, 3, 3), 1.0),
        (notice(Stage.PAINTING, 9, 10), 0.0),
    ],
)
def test_share_is_the_time_of_the_stages_before_and_a_part_of_this_one(told, share):
    work = Overall(TIMINGS, False, lambda: 0.0)
    assert work.work(told) == pytest.approx(share)
    prepared = Overall(TIMINGS, True, lambda: 0.0)
    assert prepared.work(told) == pytest.approx(0.2 + 0.8 * share)


def test_share_never_falls_and_the_preparation_has_its_part():
    overall = Overall(USUAL_SECONDS, True, lambda: 0.0)
    assert overall.prepare(1, 4) == 0.05
    assert overall.prepare(4, 4) == 0.2
    ahead = overall.work(notice(Stage.MOTION, 1, 1))
    assert overall.work(notice(Stage.READING, 0, 1)) == ahead == overall.work(notice(Stage.PAINTING, 1, 1))


def test_a_stage_that_is_slower_than_ever_is_not_said_to_be_over_soon():
    now = 0.0
    overall = Overall({Stage.MOTION: 9.0, Stage.CORRESPONDENCE: 1.0}, False, lambda: now)
    overall.work(notice(Stage.MOTION, 0, 10))
    assert overall.seconds_left(5.0) is None
    now += 9
    overall.work(notice(Stage.MOTION, 10, 10))
    now += 10
    overall.work(notice(Stage.CORRESPONDENCE, 1, 3))
    assert overall.seconds_left() < 2
    assert overall.seconds_left(20.0) == 20.0 and overall.seconds_left(0.1) == overall.seconds_left()


@pytest.mark.parametrize("prepares", [False, True])
def test_seconds_left_are_told_once_they_can_be_guessed(prepares):
    """This holds however long the backend's start or Blender's own part took before."""
    now = 100.0
    overall = Overall({Stage.READING: 1.0}, prepares, lambda: now)
    now += 600
    if prepares:
        overall.prepare(4, 4)
        now += 60
    overall.work(notice(Stage.READING, 0, 100))
    now += 3
    overall.work(notice(Stage.READING, 1, 100))
    assert overall.seconds_left() is None
    overall.work(notice(Stage.READING, 25, 100))
    assert overall.seconds_left() == pytest.approx(9.0)
    overall.work(notice(Stage.READING, 100, 100))
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
