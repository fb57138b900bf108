"""Messages of every kind to the worker: the answer is success or a typed error, and the worker answers the next."""

import json
import os
import signal
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actionmesh.protocol import REQUESTS, Answer, Failure, Kind, Ping, decode

from .worker_process import FAKE, WorkerProcess, fake_job

EXAMPLES = int(os.environ.get("FUZZ", "60"))
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.sampled_from(
    [
        2**62, -1, 10**30, 1e-308, "quick", "/dev/zero", "\ud800", "a\0b", "nowhere.mp4", "*a*a*a*a*b.png",
        "%99999999999999d",
    ]
)  # fmt: skip
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
names = st.sampled_from(
    (
        "clip out mask mesh known frames anchor preset seed in_betweens steps guidance image_steps max_faces "
        "smallest_part match "
        "facing shape colours reference_pose fps memory checkpoint device result size sets folder job protocol brief"
    ).split()
)
methods = (
    st.sampled_from([name for name in REQUESTS if name not in ("shutdown", "download", "remove_models")]) | st.text()
)
sane = {"clip": "quick", "out": ["/proc/a.glb"]}
requests = st.fixed_dictionaries(
    {
        "jsonrpc": st.just("2.0") | values,
        "id": st.integers(1, 9) | values,
        "method": st.just("animate") | methods,
        "params": st.dictionaries(names, values, max_size=4).map(lambda given: {**sane, **given}) | values,
    }
)
lines = requests.map(lambda request: json.dumps(request).encode()) | st.binary(max_size=200).map(
    lambda data: data.replace(b"\n", b" ")
)


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    with WorkerProcess(folder / "log", FAKE, cwd=folder) as process:
        yield process


@pytest.mark.fault("A tampered message or job file ended the worker, or was never answered")
def test_whatever_is_sent_the_next_message_is_answered(worker):
    worker.call(Ping())

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), deadline=None, database=None)
    @given(lines)
    def send(line):
        worker.send_line(line + b"\n")
        number = worker.send(Ping())
        while True:
            message = worker.receive()
            assert message is not None, f"the worker ended: {worker.log.read_text()}"
            if isinstance(message, Answer | Failure) and message.id == number:
                break
        if isinstance(message, Failure):
            assert message.error.kind in (Kind.BUSY, Kind.INVALID_PARAMS)

    send()
    assert "fault of its own" not in worker.log.read_text(), worker.log.read_text()[-3000:]


@pytest.mark.parametrize("number", [
    pytest.param(
        signal.SIGTERM, marks=pytest.mark.fault("kill of a worker that saved poses left a hidden folder for good")
    ),
    pytest.param(
        signal.SIGHUP, marks=pytest.mark.fault("Closing Blender's terminal while poses were saved left a hidden folder")
    ),
])  # fmt: skip
def test_a_worker_that_is_told_to_end_while_saving_leaves_the_old_result(tmp_path, number):
    from dataclasses import replace

    (tmp_path / "poses").mkdir()
    (tmp_path / "poses" / "frame_0000.glb").write_text("old")
    with WorkerProcess(tmp_path / "log", FAKE) as worker:
        worker.send(replace(fake_job("stuck_at_saving", tmp_path), out=(str(tmp_path / "poses"),)))
        while "writing" not in worker.log.read_text():
            with suppress(Exception):
                worker.receive(timeout=0.1)
        worker.process.send_signal(number)
        worker.process.wait(timeout=60)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "poses"]
    assert (tmp_path / "poses" / "frame_0000.glb").read_text() == "old"


def test_the_lines_above_are_messages_and_garbage():
    """The fuzzing relies on this: some of its lines are requests that the protocol accepts."""
    line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "animate", "params": sane}).encode()
    assert decode(line).params.clip == "quick"
