"""Every number and name of a job: nonsense gets one sentence, never an internal error, and is never accepted."""

import math
from dataclasses import fields

import pytest

from actionmesh.errors import InputError, require_sound
from actionmesh.protocol import Animate, FrameChoice, Kind, KnownShape, ProtocolError, decode


def fault(sentence, *case):
    return pytest.param(*case, marks=pytest.mark.fault(sentence), id=sentence[:50])


@pytest.mark.parametrize(("name", "value"), [
    fault("A guidance of 1e30 gave a result of which no number was one", "guidance", 1e30),
    fault("A guidance that is not a number was accepted", "guidance", math.nan),
    fault("A negative guidance was accepted", "guidance", -5.0),
    fault("A frame rate of 1e-308 gave endless times", "fps", 1e-308),
    fault("A frame rate of infinity was accepted", "fps", math.inf),
    fault("True was taken for a frame rate", "fps", True),
    fault("A billion in-betweens were accepted", "in_betweens", 10**9),
    fault("True was taken for a number of in-betweens", "in_betweens", True),
    fault("Half an in-between was an internal error", "in_betweens", 0.5),
    fault("2^62 steps were accepted", "steps", 2**62),
    fault("2^62 steps of Stage 0 were accepted", "image_steps", 2**62),
    fault("2^62 faces were accepted", "max_faces", 2**62),
    fault("A share of a text was accepted", "smallest_part", "2%"),
    fault("A reference frame beyond 64 bits was an internal error", "anchor", 2**70),
    fault("A reference frame that is no number was an internal error", "anchor", "first"),
    fault("A seed of True was accepted", "seed", True),
    fault("A seed of thousands of digits was an internal error", "seed", 10**5000),
    fault("A known frame beyond 64 bits was an internal error", "known", (KnownShape(2**70, "a.glb"),)),
    fault("A lone surrogate in a mesh's name was an internal error", "mesh", "walk\ud800.glb"),
    fault("A null character in a clip's name was an internal error", "clip", "walk\0.mp4"),
    fault("An empty name of a mask was taken for the current folder", "mask", ""),
])  # fmt: skip
def test_what_makes_no_sense_is_one_sentence(name, value):
    assert name in {item.name for item in fields(Animate)}
    with pytest.raises(InputError) as caught:
        require_sound(Animate(**{"clip": "a.mp4", name: value}, out=()))
    assert caught.value.cure and len(str(caught.value)) < 300 and str(caught.value).isascii()


@pytest.mark.parametrize(("name", "value"), [
    fault("A count of 2^62 frames was accepted", "count", 2**62),
    fault("A step beyond 64 bits was an internal error", "step", 2**70),
    fault("A start beyond 64 bits was an internal error", "start", 2**70),
    fault("A spread of half frames was an internal error", "spread", 2.5),
    fault("True was taken for a count of frames", "count", True),
])  # fmt: skip
def test_frames_that_no_clip_has_are_one_sentence(name, value):
    with pytest.raises(InputError, match="whole number"):
        require_sound(FrameChoice(**{name: value}))


@pytest.mark.parametrize(("line", "kind"), [
    fault("Parameters nested 900 deep ended the worker", b'{"a":' * 900 + b"1" + b"}" * 900, Kind.INVALID_PARAMS),
    fault("A lone surrogate in a message was an internal error", b'{"clip":"\\ud800","out":[]}', Kind.INVALID_PARAMS),
    fault("A number of 5000 digits in a message ended the worker", b'{"seed":' + b"9" * 5000 + b"}", Kind.PARSE_ERROR),
    fault("A frame rate of 1e999 in a message was infinite", b'{"clip":"a","out":[],"fps":1e999}', Kind.INVALID_PARAMS),
    fault(
        "A list in the place of a choice was an internal error",
        b'{"clip":"a","out":[],"match":[]}', Kind.INVALID_PARAMS,
    ),
])  # fmt: skip
def test_hostile_messages_are_typed(line, kind):
    with pytest.raises(ProtocolError) as caught:
        decode(b'{"jsonrpc":"2.0","id":1,"method":"animate","params":' + line + b"}")
    assert caught.value.kind in (kind, Kind.INVALID_REQUEST)


@pytest.mark.fault("A name that is not UTF-8, which Linux allows, was refused")
def test_bytes_of_no_encoding_stay_names():
    line = b'{"jsonrpc":"2.0","id":1,"method":"animate","params":{"clip":"a\\udcff.mp4","out":["b.glb"]}}'
    job = decode(line).params
    require_sound(job)
    assert job.clip == "a\udcff.mp4"
