"""The stream of frames over lines that are cut: everything arrives once and in order, and nothing waits for ever."""

import io
import os
import random
import threading
import time

import pytest

from actionmesh.remote.channel import ACK, WINDOW, Channel
from actionmesh.remote.frames import CONTROL, Frame, encode, read_frame, read_frames


class Pair:
    """Two channels, and lines between them that can be cut after any number of bytes."""

    def __init__(self):
        self.arrived = [], []
        self.ends = tuple(Channel(lambda frame, side=side: self.arrived[side].append(frame)) for side in (0, 1))
        self.readers = []

    def line(self, cuts=(None, None)):
        """Join both ends by a new line; each direction is cut after so many bytes."""
        said = [end.received for end in self.ends]
        for side, end in enumerate(self.ends):
            reading, writing = os.pipe()
            end.join(os.fdopen(writing, "wb"), said[1 - side])
            reader = threading.Thread(target=self._read, args=(1 - side, reading, cuts[side]), daemon=True)
            self.readers.append(reader)
        for reader in self.readers:
            reader.start()

    def _read(self, side, descriptor, cut):
        with os.fdopen(descriptor, "rb") as pipe:
            file = pipe if cut is None else io.BytesIO(pipe.read(cut))
            for frame in read_frames(file):
                self.ends[side].hear(frame)

    def cut(self):
        for end in self.ends:
            end.leave()
        for reader in self.readers:
            reader.join(10)
        self.readers = []


def until(look):
    end = time.monotonic() + 20
    while not look():
        assert time.monotonic() < end
        time.sleep(0.005)


def told(frames):
    return [(frame.kind, frame.facts.get("at"), frame.payload) for frame in frames]


def test_frames_survive_the_trip():
    frames = [Frame("line", 1, {"a": 1}, b"\n\0{"), Frame(ACK, CONTROL, {"received": 3}), Frame("put", 2)]
    file = io.BytesIO(b"".join(map(encode, frames)))
    assert list(read_frames(file)) == frames


@pytest.mark.parametrize("rubbish", [
    b"[]\n", b"{}\n", b"x\n", b'{"kind": "a", "number": -1, "facts": {}, "size": 0}\n',
    b'{"kind": "a", "number": 1, "facts": {}, "size": 99999999999}\n', b"a" * 70_000,
    b'{"kind": 1, "number": 1, "facts": {}, "size": 0}\n', b'{"kind": "a", "number": true, "facts": {}, "size": 0}\n',
])  # fmt: skip
def test_what_is_no_frame_is_refused(rubbish):
    with pytest.raises(ValueError):
        read_frame(io.BytesIO(rubbish))


@pytest.mark.parametrize("length", [1, 20, 60, 70])
def test_a_frame_that_is_cut_off_is_no_frame(length):
    assert read_frame(io.BytesIO(encode(Frame("put", 1, {}, b"x" * 30))[:length])) is None


@pytest.mark.fault("A line to another computer is cut again and again, in the middle of messages and of files.")
@pytest.mark.parametrize("seed", range(4))
def test_everything_arrives_once_and_in_order_over_lines_that_are_cut(seed):
    random_ = random.Random(seed)
    pair, sent = Pair(), ([], [])
    for _ in range(12):
        pair.line([random_.choice((0, 1, 40, 150, 1000, 5000)) for _ in range(2)])
        for _ in range(random_.randrange(6)):
            side = random_.randrange(2)
            payload = random_.randbytes(random_.randrange(2000))
            sent[side].append(payload)
            pair.ends[side].send("put", payload, at=len(sent[side]))
        time.sleep(0.01)
        pair.cut()
    pair.line()
    until(lambda: [len(arrived) for arrived in pair.arrived] == [len(sent[1]), len(sent[0])])
    for side in (0, 1):
        assert [frame.payload for frame in pair.arrived[1 - side]] == sent[side]
        assert [frame.facts["at"] for frame in pair.arrived[1 - side]] == list(range(1, len(sent[side]) + 1))
    assert all(end.flush(10) for end in pair.ends)
    pair.cut()


def test_a_sender_of_much_waits_for_room_and_can_give_up():
    class Enough(Exception):
        pass

    def give_up():
        raise Enough

    channel = Channel(lambda frame: None)
    with pytest.raises(Enough):
        for _ in range(100):
            channel.send("put", bytes(WINDOW // 10), give_up)
    assert channel._bytes < 1.2 * WINDOW
    channel.send("line", b"a message never waits")


def test_a_side_that_claims_what_was_never_sent_is_refused():
    channel = Channel(lambda frame: None)
    channel.send("line", b"")
    for received in (2, -1):
        with pytest.raises(ValueError):
            channel.join(io.BytesIO(), received)
    with pytest.raises(ValueError):
        channel.hear(Frame("line", 2))


def test_signs_of_life_are_answered():
    pair = Pair()
    pair.line()
    pair.ends[0].heard = 0
    pair.ends[0].beat()
    until(lambda: pair.ends[0].heard > 0)
    assert pair.arrived == ([], [])
    pair.cut()
