"""A job is defined once, in `protocol.job`; what repeats a field, a choice or a limit of it is held against it here."""

import argparse
import math

import pytest

from actionmesh import stage_words
from actionmesh.cli import build_parser
from actionmesh.errors import InputError, require_sound
from actionmesh.job_arguments import job_of
from actionmesh.memory.plan import PLANS
from actionmesh.output.writers import WRITERS
from actionmesh.presets import PRESETS
from actionmesh.protocol import (
    Animate,
    Area,
    FrameChoice,
    Generate,
    KnownShape,
    Number,
    Picks,
    PresetName,
    ProgressNotice,
    Rematch,
    ResultFormat,
    Rig,
    Spot,
    Stage,
    Whole,
    limits,
)
from actionmesh.protocol.limits import is_enum, kinds

NUMBERS = {
    "start": (0, 10_000_000),
    "count": (2, 10_000_000),
    "step": (1, 10_000_000),
    "spread": (2, 10_000_000),
    "anchor": (-10_000_000, 10_000_000),
    "fps": (0.001, 100_000),
    "seed": (0, 2**63 - 1),
    "in_betweens": (0, 1000),
    "steps": (1, 100_000),
    "guidance": (0, 100),
    "image_steps": (1, 100_000),
    "max_faces": (4, 10_000_000),
    "smallest_part": (0, 1),
    "quantise": (0.001, 10),
}
"""The numbers of a job that the command line takes, with the smallest and the largest."""


def options_of(command):
    """Return the arguments of a command, by the name of the field that they set; short forms are left out."""
    (commands,) = (action for action in build_parser()._actions if isinstance(action, argparse._SubParsersAction))
    found = [action for action in commands.choices[command]._actions if not isinstance(action.const, str)]
    return {action.dest: action for action in found}


def job(*words):
    return job_of(build_parser().parse_args(["animate", "a.mp4", "-o", "a.glb", *words]))


@pytest.mark.parametrize(
    ("command", "records"),
    [
        ("animate", (Animate, FrameChoice, Picks)),
        ("generate", (Generate, FrameChoice)),
        ("match", (Rematch,)),
        ("rig", (Rig,)),
    ],
)
def test_the_command_line_has_every_field_with_its_choices(command, records):
    fields = {
        name: kind for record in records for name, kind in kinds(record).items() if name not in ("frames", "picks")
    }
    options = options_of(command)
    del fields["names"]  # of copies on another computer; only `remote` sets it
    elsewhere = {"host", "port", "host_backend", "host_minutes"}
    if command == "generate":
        del fields["mask"], fields["masks_from"]  # there is no clip yet to which masks could belong
    assert set(fields) <= set(options) and set(options) - set(fields) == {"help", "debug", *elsewhere}
    for name, kind in fields.items():
        assert options[name].choices == ([str(choice) for choice in kind] if is_enum(kind) else None)


def test_every_number_has_its_limits():
    found = {
        name: limit
        for record in (Animate, FrameChoice)
        for name, limit in limits(record).items()
        if isinstance(limit, Whole | Number)
    }
    assert {name: (limit.least, limit.most) for name, limit in found.items()} == NUMBERS
    numeric = [
        name for record in (Animate, FrameChoice) for name, kind in kinds(record).items() if kind in (int, float)
    ]
    assert set(numeric) == set(NUMBERS)


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_of_the_command_line_are_refused_beyond_their_limits(name):
    flag, (least, most) = "--" + name.replace("_", "-"), NUMBERS[name]
    step = 1 if kinds(Animate).get(name, int) is int else 0.0001
    for number in (least, most):
        require_sound(job(f"{flag}={number}"))
    for number in (least - step, most + step):
        with pytest.raises(InputError) as caught:
            require_sound(job(f"{flag}={number}"))
        assert str(number) in caught.value.problem and caught.value.cure.startswith("Use a ")


CLIP_NUMBERS = {"clip_frames": (5, 1000), "clip_steps": (1, 1000), "clip_guidance": (0, 100), "clip_side": (64, 4096)}


@pytest.mark.parametrize("name", CLIP_NUMBERS)
def test_numbers_of_a_generated_clip_are_refused_beyond_their_limits(name):
    own = {name: limit for name, limit in limits(Generate).items() if name not in limits(Animate)}
    assert {name for name, limit in own.items() if isinstance(limit, Whole | Number)} == set(CLIP_NUMBERS)
    least, most = CLIP_NUMBERS[name]
    for number in (least, most):
        require_sound(Generate("a.mp4", ("a.glb",), prompt="it waves", **{name: number}))
    for number in (least - 1, most + 1):
        with pytest.raises(InputError, match=f"is {number}"):
            require_sound(Generate("a.mp4", ("a.glb",), prompt="it waves", **{name: number}))


@pytest.mark.parametrize("wrong", [
    {"clip": ""}, {"mask": "a\0"}, {"mesh": 3}, {"preset": ""}, {"match": "wave"}, {"facing": "front"},
    {"shape": None}, {"memory": "7"}, {"reference_pose": "kept"}, {"fps": math.nan}, {"known": (KnownShape(0, ""),)},
    {"picks": Picks((Spot(-1, 3),))}, {"picks": Picks((Spot(1, math.nan),))}, {"picks": Picks((Spot(1, 2, -3),))},
    {"picks": Picks(not_point=(Spot(1, 2),))}, {"picks": Picks(box=(Area(5, 5, 5, 9),))},
    {"picks": Picks(box=(Area(1, 1, 5, 9), Area(2, 2, 5, 9)))}, {"picks": Picks((Spot(1, 2),) * 1001)},
    {"frames": FrameChoice(step=2, spread=3)}, {"known": (KnownShape(1, "a.glb"),) * 1001},
])  # fmt: skip
def test_a_job_finds_its_own_fault(wrong):
    sound = Animate("a.mp4", ("a.glb",), known=(KnownShape(1, "a.glb"),), seed=3)
    require_sound(sound)
    with pytest.raises(InputError) as caught:
        require_sound(Animate(**{**vars(sound), **wrong}))
    assert caught.value.problem and caught.value.cure


def test_picks_of_the_command_line_are_read_with_and_without_a_frame():
    picks = job("--point", "3,4.5", "--point", "12:7,8", "--not-point", "0:1,2", "--box", "5:1,2,30,40").picks
    assert picks == Picks((Spot(3, 4.5), Spot(7, 8, 12)), (Spot(1, 2, 0),), (Area(1, 2, 30, 40, 5),))
    assert not job().picks


@pytest.mark.parametrize("words", [
    ("--point", "3"), ("--point", "3,4,5"), ("--point", "x:3,4"), ("--point", "1.5:3,4"), ("--point", ":3,4"),
    ("--not-point", "a,b"), ("--box", "1,2,3"), ("--box", "1,2,3,4,5"),
])  # fmt: skip
def test_misshapen_picks_are_refused_with_the_right_shape(words, capsys):
    with pytest.raises(SystemExit):
        job(*words)
    assert "such as" in capsys.readouterr().err


def test_presets_plans_and_formats_are_the_choices_of_a_job():
    assert list(PRESETS) == list(PresetName) == ["demo", "fast", "balanced", "quality"]
    assert ["auto", *(plan.name for plan in PLANS)] == list(kinds(Animate)["memory"])
    assert {*WRITERS, ""} == set(ResultFormat) == {".safetensors", ".glb", ".npz", ".png", ".mp4", ""}
    (out,) = (action for name, action in options_of("animate").items() if name == "out")
    assert all(ending in out.help for ending in ResultFormat)


def test_every_stage_has_words_on_the_command_line():
    assert set(stage_words.WORDS) == set(Stage)
    told = {stage_words.in_words(ProgressNotice(1, stage, 0, 1, None, item="12")) for stage in Stage}
    assert len(told) == len(Stage) and not any("{" in words for words in told)
    assert "Memory ran out: continuing as on a card of 12 GB" in told
    second = ProgressNotice(1, Stage.MOTION, 0, 1, None, part=2, parts=3)
    assert stage_words.in_words(second) == "Stage I: finding the motion (2 of 3)"
