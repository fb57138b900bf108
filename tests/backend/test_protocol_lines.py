"""The protocol as it stands on the wire: lines, numbers and limits, written out."""

import json
import sys

import pytest

from actionmesh.protocol import (
    ANSWERS,
    Animate,
    Animated,
    Answer,
    Cancel,
    CancelAnswer,
    Checkpoint,
    ClipCamera,
    Device,
    Done,
    Download,
    Downloaded,
    Failure,
    Fit,
    FrameChoice,
    Initialize,
    Initialized,
    Kind,
    KnownShape,
    LogLevel,
    LogNotice,
    Look,
    Looked,
    Match,
    Notice,
    Ping,
    ProgressNotice,
    ProtocolError,
    ReferencePose,
    Removed,
    RemoveModels,
    Request,
    Stage,
    Track,
    Tracked,
    decode,
    encode,
    read,
)
from actionmesh.protocol.limits import is_whole, shown

CODES = {
    "parse_error": -32700,
    "invalid_request": -32600,
    "unknown_method": -32601,
    "invalid_params": -32602,
    "internal": -32603,
    "bad_input": -32001,
    "bad_media": -32002,
    "bad_mesh": -32003,
    "bad_checkpoint": -32004,
    "cannot_write": -32005,
    "out_of_memory": -32006,
    "cancelled": -32007,
    "busy": -32008,
    "bad_install": -32009,
    "other_version": -32010,
    "cannot_download": -32011,
    "cannot_reach": -32012,
}
"""The first five are JSON-RPC's own."""


def test_kinds_of_errors_have_their_numbers():
    assert {str(kind): kind.code for kind in Kind} == CODES


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (Request(7, Ping()), {"id": 7, "method": "ping", "params": {}}),
        (Request("a", Cancel(3)), {"id": "a", "method": "cancel", "params": {"job": 3}}),
        (
            Request(1, Initialize()),
            {"id": 1, "method": "initialize", "params": {"protocol": 11, "brief": False, "first_frame": 0}},
        ),
        (Notice(LogNotice(LogLevel.ERROR, "ü")), {"method": "log", "params": {"level": "error", "message": "ü"}}),
        (
            Notice(ProgressNotice(2, Stage.MOTION, 3, 30, 1.5)),
            {
                "method": "progress",
                "params": {
                    "job": 2,
                    "stage": "motion",
                    "step": 3,
                    "total": 30,
                    "seconds_left": 1.5,
                    "part": 1,
                    "parts": 1,
                }
                | {"item": ""},
            },
        ),
        (
            Request(2, Download(("ACTIONMESH",), "/weights")),
            {"id": 2, "method": "download"}
            | {"params": {"sets": ["ACTIONMESH"], "folder": "/weights", "accepted": [], "half": False}},
        ),
        (
            Request(3, RemoveModels(("RMBG",), "/weights")),
            {"id": 3, "method": "remove_models", "params": {"sets": ["RMBG"], "folder": "/weights"}},
        ),
        (Answer(7, Done()), {"id": 7, "result": {}}),
        (Answer(7, CancelAnswer(True)), {"id": 7, "result": {"running": True}}),
        (Answer("b", Removed(5)), {"id": "b", "result": {"size": 5}}),
        (
            Failure(None, ProtocolError(Kind.BUSY, "A job runs.", "Wait.")),
            {
                "id": None,
                "error": {"code": -32008, "message": "A job runs.", "data": {"kind": "busy", "cure": "Wait."}},
            },
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_messages_are_these_lines(message, line):
    sent = encode(message)
    assert json.loads(sent) == {"jsonrpc": "2.0"} | line and sent.isascii() and sent.endswith(b"}\n")
    assert isinstance(message, Answer | Failure) or decode(sent) == message


def test_a_job_has_the_documented_defaults():
    sent = json.loads(encode(Request(1, Animate("a.mp4", ("a.glb",)))))["params"]
    absent = "checkpoint mask anchor fps mesh steps guidance image_steps max_faces smallest_part reference_pose"
    assert sent == dict.fromkeys([*absent.split(), "quantise", "masks_from"]) | {
        "clip": "a.mp4",
        "out": ["a.glb"],
        "frames": {"start": 0, "count": None, "step": 1, "spread": None},
        "device": "auto",
        "memory": "auto",
        "match": "auto",
        "facing": "auto",
        "shape": "auto",
        "known": [],
        "preset": "quality",
        "seed": 0,
        "in_betweens": 0,
        "bend": False,
        "colours": False,
        "names": {},
        "picks": {"point": [], "not_point": [], "box": []},
    }
    assert json.loads(encode(Request(1, Look("a.mp4", "a.png"))))["params"]["size"] == 256
    assert json.loads(encode(Request(1, Track("a.mp4", ("a.png",)))))["params"]["size"] == 256


FIT = Fit(Match.TRACK, "own", 0.9, 0.8, -90.0, 90.0, ClipCamera((1.0,) * 16, 640, 360, 700.0, None), ("So.",), 0.97)


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (Initialize, Initialized(6, {"torch": "2"}, (Device("cpu", "CPU", 5, None),), ())),
        (Initialize, Initialized(6, {}, (), (Checkpoint("toy", "/toy", "toy", 9, ("a.json",), "MIT"),))),
        (Look, Looked("a.png", 90, 16, 2, 25.0, 640, 360, 0.5)),
        (Track, Tracked(("a.png", "b.png"), (3, 9), (0, 2), 640, 360, "a_masks", 0.25, ("So.",))),
        (Download, Downloaded("toy", 5, {"RMBG": "abc"})),
        (RemoveModels, Removed(5)),
        (Cancel, CancelAnswer(False)),
        (Ping, Done()),
        (Animate, Animated(("a.glb",), 2, 3, 1, 0.5, 0, {Stage.READING: 1.5}, 2.5, 4, "8", True, FIT)),
    ],
    ids=lambda value: getattr(value, "__name__", "answer"),
)
def test_answers_arrive_as_they_were_sent(request_, answer):
    assert read(ANSWERS[request_], decode(encode(Answer(1, answer))).value) == answer


def test_answers_of_the_least_have_the_documented_defaults():
    plain = Animated((), 2, 3, 1, 0.5, 0, {}, 2.5, 4)
    assert (plain.plan, plain.retried_for_memory) == ("", False)
    assert plain.fit == Fit(Match.OFF, "own", None, None, 0.0, None, None, (), None)
    assert ReferencePose.by_default(True) is ReferencePose.CORRECTED
    assert ReferencePose.by_default(False) is ReferencePose.DECODED


def line_of(**envelope):
    return json.dumps({"jsonrpc": "2.0"} | envelope).encode()


def refused(line):
    with pytest.raises(ProtocolError) as caught:
        decode(line)
    return caught.value


def test_a_line_has_at_most_a_mebibyte():
    line = line_of(id=1, method="ping", params={})
    assert decode(line.ljust(1 << 20)) == Request(1, Ping())
    error = refused(line.ljust((1 << 20) + 1))
    assert error.kind is Kind.PARSE_ERROR and error.problem == "The line is longer than 1048576 bytes."


def test_an_id_is_a_whole_number_or_a_text_of_up_to_200_characters():
    for sound in (0, -5, "", "x" * 200):
        assert decode(line_of(id=sound, method="ping")).id == sound
    error = refused(line_of(id="x" * 201, method="ping"))
    assert (error.kind, error.id) == (Kind.INVALID_REQUEST, None) and "201 characters" in error.problem
    for wrong in (True, 1.5, [], {}):
        assert refused(line_of(id=wrong, method="ping")).problem == (
            "The message's id is neither a whole number nor a text."
        )


def test_what_is_no_message_is_told_with_its_id():
    for line in (b"[]", b"7", b"{}", b'{"jsonrpc": "1.0"}'):
        assert "not a JSON-RPC 2.0 object" in refused(line).problem
    error = refused(line_of(id=4))
    assert (error.kind, error.id) == (Kind.INVALID_REQUEST, 4) and "no method, no result and no error" in error.problem
    assert refused(line_of(result={})).kind is Kind.INVALID_REQUEST, "an answer has an id"
    error = refused(line_of(id=4, method="fly"))
    assert (error.kind, error.id) == (Kind.UNKNOWN_METHOD, 4) and error.problem == "There is no method 'fly'."
    assert error.cure.startswith(
        "Use one of initialize, ping, animate, generate, match, look, track, rig, download, remove_models, cancel"
    )
    error = refused(line_of(method="fly"))
    assert error.problem == "There is no notification 'fly'." and error.cure == "Use one of progress, log."
    assert refused(line_of(id=4, method=3)).kind is Kind.UNKNOWN_METHOD
    deep = b'{"jsonrpc": "2.0", "id": 5, "method": "ping", "params": ' + b"[" * 900 + b"]" * 900 + b"}"
    assert refused(deep).kind in (Kind.INVALID_PARAMS, Kind.INVALID_REQUEST, Kind.PARSE_ERROR)


@pytest.mark.parametrize(("number", "sound"), [(2**63 - 1, True), (2**63, False), (1 - 2**63, True), (-(2**63), False)])
def test_whole_numbers_have_64_bits(number, sound):
    line = line_of(id=1, method="animate", params={"clip": "a", "out": [], "seed": number})
    if sound:
        assert decode(line).params.seed == number
    else:
        assert "It must be a smaller number." in refused(line).cure


@pytest.mark.parametrize(("number", "sound"), [(9.9e299, True), (1e300, False), (-9.9e299, True), (-1e300, False)])
def test_fractions_are_below_1e300(number, sound):
    line = line_of(id=1, method="animate", params={"clip": "a", "out": [], "fps": number})
    if sound:
        assert decode(line).params.fps == number
    else:
        assert "It must be a smaller number." in refused(line).cure


def test_wrong_fields_are_named_with_what_belongs_there():
    for value, problem, cure in (
        ({"job": 1, "more": 2}, "answer has no field 'more'.", "Its fields: job."),
        ({}, "answer lacks the field 'job'.", "Add it."),
        ([], "answer is [].", "It must be an object."),
        ({"job": 1.5}, "answer.job is 1.5.", "It must be a text."),
        ({"job": None}, "answer.job is null.", "It must be a text."),
    ):
        with pytest.raises(ProtocolError) as caught:
            read(Cancel, value)
        assert (caught.value.problem, caught.value.cure) == (problem, cure)
    with pytest.raises(ProtocolError) as caught:
        read(Ping, {"x": 1})
    assert caught.value.cure == "Its fields: none."


def test_wrong_values_are_shown_up_to_40_characters():
    assert shown("x" * 40) == "x" * 40 and shown("x" * 41) == "x" * 40 + "..."
    assert shown("ü") == "\\xfc" and shown(10 ** (sys.get_int_max_str_digits() + 1)) == "out of all bounds"


@pytest.mark.parametrize(
    ("value", "whole"), [(2, True), (5, True), (1, False), (6, False), (3.0, False), (True, False)]
)
def test_whole_numbers_lie_within_their_bounds(value, whole):
    assert is_whole(value, 2, 5) is whole


def test_a_fault_of_a_part_is_that_of_the_whole():
    sound = Animate("a.mp4", ())
    assert sound.fault() is None and Animate("a.mp4", (), known=(KnownShape(0, "a.glb"),) * 1000).fault() is None
    many = Animate("a.mp4", (), known=(KnownShape(0, "a.glb"),) * 1001).fault()
    assert many.problem == "More than 1000 additional frames with a known shape are given."
    inner = Animate("a.mp4", (), frames=FrameChoice(count=1)).fault()
    assert inner.problem == "The frame count is 1."
    assert inner.cure == "Use a whole number from 2 to 10000000; an animation needs at least 2 frames."
    both = Animate("a.mp4", (), frames=FrameChoice(step=2, spread=3)).fault()
    assert both.problem == "Both a frame step and a spread were given."
    assert Animate("a.mp4", (), frames=FrameChoice(spread=3)).fault() is None
    known = Animate("a.mp4", (), known=(KnownShape(0, "a.glb"), KnownShape(0, ""))).fault()
    assert known.problem == "The known mesh is , which names nothing." and known.cure == "Use a name or a path."
    share = Animate("a.mp4", (), smallest_part=1.5).fault()
    assert share == ("The smallest part is 1.5 of the largest.", "Use a share from 0 to 1; 0 keeps all.")
