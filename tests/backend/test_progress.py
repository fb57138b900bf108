"""Progress of work whose number of steps is only roughly known."""

import pytest

from actionmesh.errors import Cancelled
from actionmesh.progress import Progress
from actionmesh.protocol import Stage


@pytest.mark.parametrize("calls", [0, 3, 10, 25])
def test_a_bar_ends_full_whatever_the_work_takes(calls):
    events = []
    with Progress(events.append).about(Stage.FINDING_CAMERA, 10) as check:
        for _ in range(calls):
            check()
        assert events[-1].step == min(calls, 9), "it is not full before the work is done"
    steps = [event.step for event in events]
    assert steps == sorted(steps) and steps[-1] == 10 and {event.total for event in events} == {10}


def test_cancelled_work_ends_at_its_next_check_and_its_bar_is_not_filled():
    events, asked = [], []
    progress = Progress(events.append, lambda: bool(asked))
    with pytest.raises(Cancelled), progress.about(Stage.FINDING_CAMERA, 10) as check:
        check()
        asked.append(True)
        check()
    assert events[-1].step == 1
