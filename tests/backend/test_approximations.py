"""Approximations are measured against their exact run, kept between runs, and judged by the tolerance."""

import json

import numpy as np
import pytest
import trimesh

from actionmesh import cli
from actionmesh.errors import InputError, MeshError
from actionmesh.evaluation import approximations
from actionmesh.evaluation import approximations_table as tables
from actionmesh.evaluation.alignment import AlignmentSettings
from actionmesh.evaluation.approximations import EXACT, EXACT_RUNS, IN_PRESETS, VARIANTS, Run, evaluate, measured
from actionmesh.evaluation.approximations_table import Ratio, accepted, ratios, table
from actionmesh.evaluation.subjects import toys
from actionmesh.evaluation.variants import MESH_AND_VIDEO, VIDEO
from actionmesh.geometry.mesh import Mesh
from actionmesh.presets import PRESETS

FEW = {EXACT: {}, "half": {"steps": 2, "image_steps": 2}, "same": {"solver": "euler"}}
QUICK = {"quick": {"image_steps": 4, "image_guidance": 3.0, "steps": 4, "guidance": 3.0}}


class TwoToys:
    """A stand-in for the plan of Toybench's toys: its first two, made once for all tests."""

    def __init__(self, subjects):
        self.subjects = subjects
        self.members = tuple((subject.toy.template, subject.toy.seed) for subject in subjects)

    def subject(self, index, model, preset_name):
        return self.subjects[index]


@pytest.fixture(scope="module")
def subjects(tiny_model):
    return [toys(2).subject(index, tiny_model, "quality") for index in range(2)]


@pytest.fixture
def few(monkeypatch, subjects):
    """Set up three variants of one short exact run on two toys; a ball replaces image-to-3D's random shape."""
    ball = trimesh.creation.icosphere(subdivisions=2)
    mesh = Mesh(ball.vertices.astype(np.float32), ball.faces.astype(np.int32))
    monkeypatch.setattr(approximations, "toys", lambda count: TwoToys(subjects))
    monkeypatch.setattr(approximations, "mesh_of", lambda latent, model: mesh)
    monkeypatch.setattr(approximations, "POINTS", 500)
    monkeypatch.setattr(approximations, "ALIGNMENT", AlignmentSettings(points=60, steps=3, starts=1))
    for module in (approximations, tables):
        monkeypatch.setattr(module, "VARIANTS", FEW)
        monkeypatch.setattr(module, "EXACT_RUNS", QUICK)
    monkeypatch.setattr(approximations, "IN_PRESETS", {EXACT: {}})


def test_runs_are_the_same_every_time_and_shorter_ones_differ(few, subjects):
    exact, half, same = (measured(Run(MESH_AND_VIDEO, "quick", name), subjects[0]) for name in FEW)
    assert (exact["cd_4d"], exact["cd_m"]) == (same["cd_4d"], same["cd_m"]) != (half["cd_4d"], half["cd_m"])
    assert (exact["evaluations"], half["evaluations"], half["image_evaluations"]) == (8, 4, 4)


def test_a_run_without_surface_has_a_sentence(few, subjects, monkeypatch):
    def no_surface(*arguments):
        raise MeshError("There is no surface.", "Try another seed.")

    monkeypatch.setattr(approximations, "mesh_of", no_surface)
    record = measured(Run(VIDEO, "quick", EXACT), subjects[0])
    assert record["problem"].startswith("There is no surface.") and "cd_m" not in record
    assert not accepted([record], EXACT)


def test_a_run_that_was_cut_off_goes_on(few, tiny_model, tmp_path, monkeypatch):
    output, asked = tmp_path / "found.json", []

    def counted(run, subject):
        asked.append((run.variant, subject.toy.seed))
        return {**run.key(subject), "evaluations": 8, "image_evaluations": 8, "cd_4d": len(asked) / 10, "cd_m": 1.0}

    monkeypatch.setattr(approximations, "measured", counted)
    monkeypatch.setattr(approximations, "IN_PRESETS", {})
    first = evaluate(tiny_model, 2, output)
    assert len(asked) == 6 and json.loads(output.read_text()) == {"records": first}
    assert evaluate(tiny_model, 2, output) == first and len(asked) == 6
    written = [record for record in first if (record["seed"], record["variant"]) != (1, "half")]
    approximations.write_records(output, written)
    again = evaluate(tiny_model, 2, output)
    assert (
        [record for record in again if record in written] == written and len(again) == 6 and asked[6:] == [("half", 1)]
    )
    monkeypatch.setitem(FEW, "half", {"steps": 3})
    changed = evaluate(tiny_model, 2, output)
    assert asked[7:] == [("half", 0), ("half", 1)] and len(changed) == 6
    assert json.loads(output.read_text()) == {"records": changed}
    monkeypatch.setattr(approximations, "digest_of_weights", lambda checkpoint: "others")
    assert len(evaluate(tiny_model, 2, output)) == 6 and len(asked) == 9 + 6


def test_weights_are_known_by_every_byte_and_place(tmp_path):
    def digest(name, content):
        folder = tmp_path / name
        (folder / "part").mkdir(parents=True)
        (folder / "part" / "a.safetensors").write_bytes(content[0])
        (folder / "b.safetensors").write_bytes(content[1])
        return approximations.digest_of_weights(folder)

    one = digest("one", (b"xy", b"z"))
    assert digest("same", (b"xy", b"z")) == one and len(one) == 12
    assert (
        len({one, digest("moved", (b"x", b"yz")), digest("swapped", (b"z", b"xy")), digest("changed", (b"xy", b"Z"))})
        == 4
    )


@pytest.mark.parametrize("text", ["", "[]", '{"records": 3}', '{"records": [{}]}', '{"sets": {}}'])
def test_another_file_is_not_overwritten(tiny_model, tmp_path, text):
    output = tmp_path / "other.json"
    output.write_text(text)
    with pytest.raises(InputError, match="other.json"):
        evaluate(tiny_model, 2, output)
    assert output.read_text() == text


def test_one_toy_is_no_comparison(tiny_model, tmp_path):
    with pytest.raises(InputError, match="1 toys"):
        evaluate(tiny_model, 1, tmp_path / "found.json")


def record(seed, variant, cd_4d, cd_m, exact=None, task=MESH_AND_VIDEO):
    names = {
        "template": "a",
        "seed": seed,
        "task": task.name,
        "exact": exact or next(iter(EXACT_RUNS)),
        "variant": variant,
    }
    return {**names, "settings": {}, "evaluations": 60, "image_evaluations": 200, "cd_4d": cd_4d, "cd_m": cd_m}


def test_ratios_are_of_sums_with_the_error_of_leaving_one_out():
    ratio = Ratio.of(np.array([2.0, 4.0, 6.0]), np.array([2.0, 4.0, 4.0]))
    left_out = np.array([10 / 8, 8 / 6, 6 / 6])
    expected = np.sqrt(2 / 3 * ((left_out - left_out.mean()) ** 2).sum())
    assert ratio.value == pytest.approx(1.2) and ratio.error == pytest.approx(expected)
    assert Ratio.of(np.ones(3), np.ones(3)).error == 0


def test_a_variant_is_accepted_by_all_of_its_ratios_or_not_at_all():
    name, second = next(name for name in VARIANTS if name != EXACT), list(EXACT_RUNS)[1]
    exact = [record(seed, EXACT, 1.0, 2.0, run) for seed in (0, 1) for run in EXACT_RUNS]
    good = [record(seed, name, 1.019, 1.8, run) for seed in (0, 1) for run in EXACT_RUNS]
    assert accepted(exact + good, name)
    assert ratios(exact + good, MESH_AND_VIDEO.name, second, name)["cd_m"].value == pytest.approx(0.9)
    for worse in ({"cd_m": 2.4}, {"cd_4d": 1.05}):
        assert not accepted(exact + good[:-1] + [{**good[-1], **worse}], name)
    assert not accepted(exact, name) and not accepted(exact[:1] + good[:1], name), "one toy is not enough"


def test_command_writes_records_and_a_table(few, tiny_checkpoint, tmp_path, capsys):
    output = tmp_path / "found.json"
    assert cli.main(["evaluate", "approximations", str(tiny_checkpoint), "-o", str(output), "--count", "2"]) == 0
    shown = output.with_suffix(".md").read_text()
    assert shown in capsys.readouterr().out and "2 unseen toys" in shown
    assert "| half | 4 | 50% |" in shown and "| same | 8 | 100% | 1.000 ± 0.000 | 1.000 ± 0.000 | yes |" in shown
    records = json.loads(output.read_text())["records"]
    assert shown == table(records, "tiny") and len(records) == 2 * (3 + 1)


def test_the_presets_are_measured_as_they_are():
    for name in ("fast", "balanced"):
        measured_as, preset = IN_PRESETS[f"preset {name}"], PRESETS[name]
        assert (measured_as["steps"], measured_as["image_steps"]) == (preset.steps, preset.image_steps)
        assert preset.changed(measured_as) == preset
        assert {"solver", "guidance_interval", "difference_every", "velocity_every", "float8"} <= measured_as.keys()
