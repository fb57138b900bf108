"""Which progress events are sent, and how log records travel."""

import io
import logging

from actionmesh.outbox import LogForwarder, Outbox, Throttle
from actionmesh.progress import ProgressEvent
from actionmesh.protocol import LogLevel, LogNotice, Stage, decode


def test_throttle_passes_first_and_last_and_ten_a_second():
    now = 0.0
    throttle = Throttle(lambda: now)
    passed = []
    for step in range(1001):
        now = step / 500
        if throttle.passes(ProgressEvent(Stage.MOTION, step, 1000, None)):
            passed.append(step)
    assert passed[0] == 0 and passed[-1] == 1000
    assert 15 <= len(passed) <= 22


def test_throttle_passes_the_ends_of_quick_stages():
    throttle = Throttle(lambda: 0.0)
    assert all(
        throttle.passes(ProgressEvent(stage, step, 1, None))
        for stage in (Stage.READING, Stage.MOTION, Stage.SAVING)
        for step in (0, 1)
    )


def test_log_records_become_notices_without_traces():
    written = io.BytesIO()
    outbox = Outbox(written, on_broken=lambda: None)
    log = logging.Logger("a")
    log.addHandler(LogForwarder(outbox))
    log.info("not this")
    log.warning("dark")
    try:
        raise ValueError("secret")
    except ValueError:
        log.exception("it failed")
    outbox.close(5)
    notices = [decode(line).params for line in written.getvalue().splitlines()]
    assert notices == [LogNotice(LogLevel.WARNING, "dark"), LogNotice(LogLevel.ERROR, "it failed")]
