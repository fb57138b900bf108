"""Toybench: a balanced set that no training has seen, rows that mean what they say, and sums that add up."""

import json

import numpy as np
import pytest
import torch

from actionmesh import cli
from actionmesh.errors import InputError, MeshError
from actionmesh.evaluation import subjects, toybench, variants
from actionmesh.evaluation.alignment import AlignmentSettings
from actionmesh.evaluation.retrieval import FIRST_TRAINING_SEED, Library
from actionmesh.evaluation.subjects import QUIET, outsiders, toys
from actionmesh.evaluation.toybench import Extent, evaluate, measure_rows, reconstruction_iou
from actionmesh.evaluation.toybench_summary import SHAPES, summarise
from actionmesh.evaluation.toybench_table import table
from actionmesh.evaluation.variants import (
    FRAME_BY_FRAME,
    FULL,
    MESH_AND_VIDEO,
    NO_STAGE_2,
    ONE_NOISE,
    OTHER,
    STILL,
    VIDEO,
    Switches,
)
from actionmesh.stages.motion import synchronised_latents
from actionmesh.training.toys import TEMPLATES
from actionmesh.weights.checkpoints import default_checkpoint
from actionmesh.weights.store import ModelStore

QUICK = AlignmentSettings(points=60, steps=3, starts=1)


def no_surface(*arguments):
    raise MeshError("There is no surface.", "Try another seed.")


@pytest.fixture
def subject(tiny_store):
    return toys(2).subject(0, tiny_store, "demo")


def test_toys_are_balanced_and_unseen():
    members = toys(64).members
    counts = [sum(template == name for template, _ in members) for name in TEMPLATES]
    assert len(members) == 64 == len(set(members)) and max(counts) - min(counts) <= 1
    assert all(seed < FIRST_TRAINING_SEED for _, seed in members)
    assert toys(10).members == members[:10]


def test_outsiders_are_eight_kinds_of_two():
    members = outsiders(16).members
    assert len(set(members)) == 16 and len({kind for kind, _ in members}) == 8


def test_the_whole_variant_is_the_product(subject, tiny_store):
    reference = subject.given
    ours = variants.motion_latents(subject, reference, subject.context)
    product = synchronised_latents({0: reference.latent}, 0, subject.context, tiny_store, subject.preset, 0, QUIET)
    torch.testing.assert_close(ours, product, rtol=0, atol=0)


SWITCHES = [Switches(steps=3), Switches(guidance=3.0), Switches(masked=False), Switches(window=5), Switches(window=5, shared=2)]


@pytest.mark.parametrize("switches", SWITCHES)
def test_every_switch_changes_stage_1(subject, switches):
    plain = variants.motion_latents(subject, subject.given, subject.context)
    switched = variants.motion_latents(subject, subject.given, subject.context, switches)
    assert switched.shape == plain.shape and (switched - plain).abs().max() > 1e-4
    kept = torch.equal(switched[0], subject.given.latent)
    assert kept == switches.masked


def test_the_pose_of_a_given_mesh_is_kept_unless_switched(subject):
    first = subject.toy.vertices[0]
    kept = variants.animated(subject, MESH_AND_VIDEO).vertices
    switched = variants.animated(subject, MESH_AND_VIDEO, switches=Switches(other_pose_keeping=True)).vertices
    np.testing.assert_allclose(kept[0], first, atol=1e-5)
    assert np.abs(switched[0] - first).max() > 1e-3


def test_the_still_mesh_is_measured_as_known(subject):
    still = toybench.measured(variants.still(subject, MESH_AND_VIDEO), subject, MESH_AND_VIDEO, (0, 15))
    motion = np.linalg.norm(subject.toy.vertices - subject.toy.vertices[:1], axis=-1).mean()
    assert still["vertex_error"] == pytest.approx(motion, rel=1e-5)
    assert still["cd_m"] == pytest.approx(2 * motion, rel=0.25)
    assert still["cd_3d"] == still["cd_4d"] < still["cd_m"]


def test_rows_without_surface_have_a_sentence(subject, monkeypatch):
    monkeypatch.setattr(variants, "mesh_of", no_surface)
    records = {record["row"]: record for record in measure_rows(subject, subject, MESH_AND_VIDEO, (0, 15), False)}
    assert list(records) == [FULL, NO_STAGE_2, STILL, OTHER]
    assert records[NO_STAGE_2]["problem"] == "There is no surface. Try another seed."
    assert "problem" not in records[FULL] and records[FULL]["cd_m"] > 0


def test_the_bundled_checkpoint_on_one_toy(monkeypatch):
    monkeypatch.setattr(toybench, "ALIGNMENT", QUICK)
    store = ModelStore(default_checkpoint().path, "cpu")
    subject, other = (toys(2).subject(index, store, "demo") for index in range(2))
    assert reconstruction_iou(subject) > 0.7

    def found(task, row):
        answer = variants.variants_of(task, other, (0,), False)[row](subject, task)
        return toybench.measured(answer, subject, task, (0,))

    full, still, lent = (found(MESH_AND_VIDEO, row) for row in (FULL, STILL, OTHER))
    assert full["vertex_error"] < 0.9 * still["vertex_error"] < lent["vertex_error"]
    assert full["cd_m"] < still["cd_m"]
    assert found(VIDEO, FULL)["cd_m"] > 0
    assert found(VIDEO, FRAME_BY_FRAME)["cd_4d"] > 0


def test_frame_by_frame_every_frame_has_its_own_noise_unless_told_otherwise(subject):
    subject.context[1] = subject.context[0]
    own = [subject.pictured_latent(frame, own_noise=True) for frame in (0, 1)]
    shared = [subject.pictured_latent(frame) for frame in (0, 1)]
    torch.testing.assert_close(own[0], shared[0])
    torch.testing.assert_close(shared[0], shared[1])
    assert not torch.allclose(own[0], own[1], atol=0.1)


def record(template, seed, task, row, **measures):
    return {"template": template, "seed": seed, "task": task, "row": row, **measures}


def test_ratios_are_of_sums_and_the_worst_template_is_named():
    shapes = [{**dict.fromkeys(SHAPES), "template": name, "seed": 0, "iou": iou} for name, iou in (("a", 0.9), ("b", 0.7))]
    task = MESH_AND_VIDEO.name
    records = [
        record("a", 0, task, FULL, vertex_error=0.1, cd_m=0.1),
        record("a", 0, task, STILL, vertex_error=1.0, cd_m=1.0),
        record("b", 0, task, FULL, vertex_error=0.2, cd_m=None),
        record("b", 0, task, STILL, vertex_error=0.2, cd_m=3.0),
        record("b", 0, VIDEO.name, FULL, problem="No surface."),
        record("b", 0, VIDEO.name, FRAME_BY_FRAME, cd_4d=0.3),
    ]
    summary = summarise(shapes, records)
    error = summary["headline"]["vertex_error_over_still"]
    assert error["mean"] == pytest.approx(0.3 / 1.2) and (error["worst"], error["worst_template"]) == (1.0, "b")
    assert summary["headline"]["cd_m_over_still"]["mean"] == pytest.approx(0.1), "only sequences with both count"
    assert summary["headline"]["cd_4d_over_frame_by_frame"]["mean"] is None
    assert summary["headline"]["iou"] == {"mean": pytest.approx(0.8), "worst": 0.7, "worst_template": "b"}
    assert summary["better_than_still"] == 0.5 and summary["no_surface"] == 1
    assert summary["tasks"][VIDEO.name][FULL]["no_surface"] == 1
    assert summary["tasks"][task][FULL]["vertex_error"] == pytest.approx(0.15)


def test_a_measure_that_some_answers_of_a_row_lack_has_no_mean():
    task = VIDEO.name
    records = [
        record("a", 0, task, ONE_NOISE, cd_4d=0.2, cd_m=0.1),
        record("a", 1, task, ONE_NOISE, cd_4d=0.4, cd_m=None),
        record("a", 2, task, ONE_NOISE, problem="No surface."),
    ]
    row = summarise([], records)["tasks"][task][ONE_NOISE]
    assert row["cd_4d"] == pytest.approx(0.3) and row["cd_m"] is None and row["no_surface"] == 1


def test_ablations_are_compared_on_their_own_sequences():
    name = next(iter(variants.ABLATIONS))
    task = MESH_AND_VIDEO.name
    records = [record("a", seed, task, FULL, vertex_error=seed, cd_m=0.0) for seed in (1.0, 3.0)]
    records += [record("a", seed, task, STILL, vertex_error=1.0, cd_m=1.0) for seed in (1.0, 3.0)]
    records += [record("a", 1.0, task, name, vertex_error=5.0, cd_m=0.0)]
    summary = summarise([], records)
    assert summary["tasks"][task][FULL]["vertex_error"] == 2 and name not in summary["tasks"][task]
    assert summary["ablations"][task][FULL]["vertex_error"] == 1 and summary["ablations"][task][name]["vertex_error"] == 5


def test_the_nearest_picture_is_the_own_one():
    library = Library.of(4)
    for index, picture in enumerate(library.pictures):
        assert library.nearest(picture) == FIRST_TRAINING_SEED + index


def test_command_writes_numbers_and_table(tiny_checkpoint, tmp_path, capsys, monkeypatch):
    for module in (subjects, variants, toybench):
        monkeypatch.setattr(module, "mesh_of", no_surface)
    output = tmp_path / "bench.json"
    command = ["evaluate", "toybench", str(tiny_checkpoint), "-o", str(output), "--device", "cpu"]
    assert cli.main([*command, "--count", "2", "--outsiders", "0", "--ablations", "0", "--retrieved", "2"]) == 0
    results = json.loads(output.read_text())
    assert list(results["sets"]) == ["toys"] and len(results["sets"]["toys"]["records"]) == 2 * 9
    assert results["extent"]["toys"] == 2
    shown = output.with_suffix(".md").read_text()
    assert shown == table(results) and shown in capsys.readouterr().out
    assert "### Toys (n = 2)" in shown and FRAME_BY_FRAME in shown
    assert results["sets"]["toys"]["summary"]["no_surface"] == 2 * 6, "no Stage II of the mesh, and all of the video's rows"


SENSELESS = [{"toys": 1}, {"toys": 0, "outsiders": 0}, {"retrieved": -1}, {"frames": (1, 2)}, {"frames": (0, 16)}]


@pytest.mark.parametrize("values", SENSELESS)
def test_senseless_extents_are_refused(values):
    with pytest.raises(InputError):
        Extent(**values)


def test_preset_must_be_known(tiny_store):
    with pytest.raises(InputError, match="no preset"):
        evaluate(tiny_store, "best", Extent(toys=2, outsiders=0, ablations=0, retrieved=0))
