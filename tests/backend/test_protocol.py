"""The protocol alone: messages survive a round trip, errors are named, and both sides' tables agree."""

import json
import math
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionmesh import errors, protocol
from actionmesh.protocol import (
    Animate,
    Answer,
    Cancel,
    Failure,
    FrameChoice,
    Initialize,
    Kind,
    KnownShape,
    LogLevel,
    LogNotice,
    Look,
    Memory,
    Notice,
    Ping,
    ProgressNotice,
    ProtocolError,
    ReferencePose,
    Request,
    Rig,
    Shutdown,
    Stage,
    Track,
    Unload,
    decode,
    encode,
    read,
)

numbers = st.integers(-(2**63) + 1, 2**63 - 1)
texts = st.text().filter(lambda text: "\0" not in text)
jobs = st.builds(
    Animate,
    clip=texts,
    out=st.lists(texts).map(tuple),
    mesh=st.none() | texts,
    known=st.lists(st.builds(KnownShape, numbers, texts)).map(tuple),
    frames=st.builds(FrameChoice, start=numbers, count=st.none() | numbers),
    seed=numbers,
    guidance=st.none() | st.floats(-1e299, 1e299),
    image_steps=st.none() | numbers,
    max_faces=st.none() | numbers,
    smallest_part=st.none() | st.floats(-1e299, 1e299),
    reference_pose=st.none() | st.sampled_from(ReferencePose),
    memory=st.sampled_from(Memory),
)
ids = numbers | texts
looks = st.builds(
    Look, clip=texts, out=texts, mask=st.none() | texts, anchor=numbers, fps=st.none() | st.floats(-1e299, 1e299)
)
rigs = st.builds(
    Rig, texts, st.lists(texts).map(tuple), bones=st.none() | numbers, error=st.none() | st.floats(-1e299, 1e299)
)
tracks = st.builds(Track, clip=texts, out=st.lists(texts).map(tuple), masks_from=st.none() | texts, size=numbers)
others = st.builds(Cancel, ids) | st.sampled_from([Initialize(), Ping(), Unload(), Shutdown()])
calls = jobs | looks | tracks | rigs | others
messages = (
    st.builds(Request, ids, calls)
    | st.builds(Notice, st.builds(LogNotice, st.sampled_from(LogLevel), texts))
    | st.builds(
        Notice,
        st.builds(
            ProgressNotice, numbers, st.sampled_from(Stage), numbers, numbers, st.none() | st.floats(0, 1e9), item=texts
        ),
    )
)


@settings(max_examples=50)
@given(messages)
def test_what_is_sent_comes_back_in_one_line(message):
    line = encode(message)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert decode(line) == message


json_values = st.recursive(st.none() | st.booleans() | numbers | st.floats() | st.text(), st.lists, max_leaves=5)


@settings(max_examples=50)
@given(st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_garbage_raises_nothing_but_protocol_errors(line):
    try:
        decode(line)
    except ProtocolError as error:
        assert error.kind in (Kind.PARSE_ERROR, Kind.INVALID_REQUEST)


def test_answers_are_read_by_the_request_they_belong_to():
    sent = protocol.Animated(("a.glb",), 16, 100, 200, 0.6, 0, {Stage.MOTION: 1.0}, 1.5, 3, "8", True)
    received = decode(encode(Answer("job", sent)))
    assert received.id == "job"
    assert read(protocol.ANSWERS[Animate], received.value) == sent


def test_errors_travel_with_kind_sentence_and_cure():
    sent = ProtocolError(Kind.BAD_MESH, "a.glb is empty.", "Export it again.")
    line = encode(Failure(7, sent))
    received = decode(line)
    assert (received.id, received.error.kind) == (7, Kind.BAD_MESH)
    assert (received.error.problem, received.error.cure) == ("a.glb is empty.", "Export it again.")
    assert json.loads(line)["error"]["code"] == Kind.BAD_MESH.code


def test_an_error_of_an_unknown_form_is_still_an_error():
    received = decode(b'{"jsonrpc": "2.0", "id": 1, "error": {"code": -1, "message": "?"}}')
    assert received.error.kind is Kind.INTERNAL and "?" in received.error.problem


def animate_line(**params):
    return json.dumps({"jsonrpc": "2.0", "id": 5, "method": "animate", "params": params}).encode()


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"out": ["a.glb"]}, "'clip'"),
        ({"clip": "a.mp4", "out": "a.glb"}, "animate.out"),
        ({"clip": "a.mp4", "out": ["a.glb", 3]}, "animate.out[1]"),
        ({"clip": "a\0.mp4", "out": []}, "animate.clip"),
        ({"clip": "a.mp4", "out": [], "seed": 1.5}, "animate.seed"),
        ({"clip": "a.mp4", "out": [], "seed": True}, "animate.seed"),
        ({"clip": "a.mp4", "out": [], "seed": 2**70}, "animate.seed"),
        ({"clip": "a.mp4", "out": [], "fps": "25"}, "animate.fps"),
        ({"clip": "a.mp4", "out": [], "fps": 10**400}, "animate.fps"),
        ({"clip": "a.mp4", "out": [], "memory": "7"}, "animate.memory"),
        ({"clip": "a.mp4", "out": [], "memory": 8}, "animate.memory"),
        ({"clip": "a.mp4", "out": [], "memory": None}, "animate.memory"),
        ({"clip": "a.mp4", "out": [], "reference_pose": True}, "animate.reference_pose"),
        ({"clip": "a.mp4", "out": [], "reference_pose": "kept"}, "animate.reference_pose"),
        ({"clip": "a.mp4", "out": [], "keep_reference_pose": True}, "'keep_reference_pose'"),
        ({"clip": "a.mp4", "out": [], "image_steps": True}, "animate.image_steps"),
        ({"clip": "a.mp4", "out": [], "max_faces": 2.5}, "animate.max_faces"),
        ({"clip": "a.mp4", "out": [], "smallest_part": False}, "animate.smallest_part"),
        ({"clip": "a.mp4", "out": [], "frames": {"first": 1}}, "'first'"),
        ({"clip": "a.mp4", "out": [], "frames": [1]}, "animate.frames"),
        ({"clip": "a.mp4", "out": [], "known": [{"frame": 1}]}, "'mesh'"),
    ],
)
def test_wrong_arguments_are_named(params, named):
    with pytest.raises(ProtocolError) as caught:
        decode(animate_line(**params))
    assert caught.value.kind is Kind.INVALID_PARAMS and caught.value.id == 5
    assert named in caught.value.problem


def test_a_reference_pose_travels_by_its_name():
    line = encode(Request(5, Animate("a.mp4", (), reference_pose=ReferencePose.PUBLISHED)))
    assert json.loads(line)["params"]["reference_pose"] == "published"
    assert decode(line).params.reference_pose is ReferencePose.PUBLISHED
    assert [str(pose) for pose in ReferencePose] == ["corrected", "published", "decoded"]


def test_whole_numbers_do_for_fractions():
    fps = decode(animate_line(clip="a.mp4", out=[], fps=25)).params.fps
    assert fps == 25.0 and isinstance(fps, float)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e999"])
def test_numbers_that_are_none_are_refused(text):
    line = animate_line(clip="a.mp4", out=[], fps=12345).replace(b"12345", text.encode())
    with pytest.raises(ProtocolError):
        decode(line)
    with pytest.raises(ValueError):
        encode(Notice(ProgressNotice(1, Stage.MOTION, 0, 1, math.nan)))


def test_methods_are_not_notifications_and_the_other_way_round():
    for line in (b'{"jsonrpc": "2.0", "method": "unload"}', b'{"jsonrpc": "2.0", "id": 1, "method": "progress"}'):
        with pytest.raises(ProtocolError) as caught:
            decode(line)
        assert caught.value.kind is Kind.UNKNOWN_METHOD


def test_look_has_the_fields_and_defaults_of_animate():
    """So it shows what the job will see; only `out` means something else."""
    theirs = {item.name: item for item in fields(Animate)}
    for item in (*fields(Look), *fields(Track)):
        if item.name not in ("out", "size", "to_point_at"):
            assert (item.type, item.default) == (theirs[item.name].type, theirs[item.name].default)


def descendants(cls):
    for child in cls.__subclasses__():
        yield child
        yield from descendants(child)


def test_every_backend_error_has_its_kind_and_every_kind_its_own_number():
    for error in descendants(errors.ActionMeshError):
        assert error.code in list(Kind)
    assert len({kind.code for kind in Kind}) == len(Kind)
