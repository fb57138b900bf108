"""Presets: the published numbers, and what a checkpoint may and may not override."""

import json

import pytest

from actionmesh.errors import CheckpointError
from actionmesh.presets import PRESETS, Preset
from actionmesh.sampling.approximate_steps import evaluations_of
from actionmesh.sampling.approximation import Approximation
from actionmesh.sampling.schedules import temporal_schedule
from actionmesh.weights.checkpoints import default_checkpoint
from actionmesh.weights.facts import CheckpointFacts

OWN = {
    "image_steps": 7,
    "image_guidance": 2,
    "solver": "ab2",
    "guidance_interval": [0.25, 1],
    "difference_every": 2,
    "velocity_every": 3,
    "forecast": "last",
    "float8": True,
    "smallest_part": 0,
}


def test_every_value_can_be_a_checkpoints_own():
    preset = PRESETS["quality"].overridden(json.loads(json.dumps(OWN)), "checkpoint.json")
    assert preset.approximation.guidance_interval == (0.25, 1) and preset.image_guidance == 2 and preset.steps == 30
    assert preset.smallest_part == 0
    assert preset == PRESETS["quality"].overridden({**OWN, "guidance_interval": (0.25, 1)}, "checkpoint.json")
    assert preset.overridden({"image_guidance": 1.5}, "checkpoint.json").image_guidance == 1.5


WRONG = {
    "stepps": (3, "no preset has"),
    "approximation": ({"solver": "ab2"}, "no preset has"),
    "steps": (0, "sets steps to 0. Use a number above 0"),
    "image_steps": (2.5, "Use a number above 0"),
    "guidance": (True, "Use a number above 0"),
    "image_guidance": (float("inf"), "Use a number above 0"),
    "velocity_every": (0, "Use a number above 0"),
    "smallest_part": (1.5, "sets smallest_part to 1.5. Use a share from 0 to 1"),
    "solver": ("heun", "sets solver to 'heun'. Use one of euler, ab2, unipc"),
    "forecast": (["last"], "Use one of last, linear"),
    "float8": (1, "Use true or false"),
    "guidance_interval": ([0.9, 0.1], "two rising numbers from 0 to 1"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_value_that_makes_no_sense_is_named_with_its_cure(name):
    value, sentence = WRONG[name]
    with pytest.raises(CheckpointError) as caught:
        PRESETS["fast"].overridden({name: value}, "weights/checkpoint.json")
    assert "weights/checkpoint.json" in str(caught.value) and sentence in str(caught.value)


@pytest.mark.parametrize("interval", [[0.1], "01", [0, 2], [0.5, 0.5], [float("nan"), 1], [False, True], [None, 1]])
def test_an_interval_is_two_numbers_that_rise(interval):
    with pytest.raises(CheckpointError, match="guidance_interval"):
        PRESETS["fast"].overridden({"guidance_interval": interval}, "checkpoint.json")


@pytest.mark.parametrize(
    "values", [{"solver": "heun"}, {"forecast": "taylor"}, {"guidance_interval": (1.0, 0.0)}, {"velocity_every": 0}]
)
def test_approximations_check_themselves(values):
    with pytest.raises(ValueError, match=str(next(iter(values.values()))).replace("(", r"\(").replace(")", r"\)")):
        Approximation(**values)


def test_quality_is_the_published_sampling():
    quality = PRESETS["quality"]
    assert (quality.steps, quality.guidance, quality.image_steps, quality.image_guidance) == (30, 7.5, 100, 7.5)
    assert quality.approximation == Approximation()


def branches(preset: Preset):
    evaluations = evaluations_of(temporal_schedule(preset.steps), preset.guidance, preset.approximation)
    return sum(evaluation.branches for evaluation in evaluations)


def test_presets_rise_in_work():
    work = [branches(preset) for preset in PRESETS.values()]
    assert list(PRESETS) == ["demo", "fast", "balanced", "quality"] and work == sorted(work)
    assert work[2] <= 0.4 * work[3]


def test_the_bundled_checkpoint_samples_exactly_in_every_preset():
    facts = CheckpointFacts(default_checkpoint().path)
    for name in PRESETS:
        preset = facts.preset(name)
        assert (preset.steps, preset.guidance) == (1, 1.0) and preset.approximation == Approximation()
