"""Toybench: a balanced set that is not in training data, rows that measure what they claim, and correct sums."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
import trimesh

from actionmesh import cli
from actionmesh.errors import InputError, MeshError
from actionmesh.evaluation import matches, subjects, toybench, variants
from actionmesh.evaluation.alignment import AlignmentSettings
from actionmesh.evaluation.baselines import FIRST_TRAINING_SEED, Library, relief
from actionmesh.evaluation.outsiders import view_of
from actionmesh.evaluation.subjects import outsiders, toys
from actionmesh.evaluation.toybench import Extent, evaluate, reconstruction_iou, rows_of
from actionmesh.evaluation.toybench_summary import SHAPE, summary_of
from actionmesh.evaluation.toybench_table import table
from actionmesh.evaluation.variants import (
    ABLATIONS,
    FRAME_BY_FRAME,
    FULL,
    MESH_AND_VIDEO,
    MIRRORED,
    NO_STAGE_2,
    ONE_NOISE,
    OTHER,
    STILL,
    VIDEO,
    Switches,
)
from actionmesh.media.render import Camera, render, render_frames
from actionmesh.memory.model import open_model
from actionmesh.stages.motion import synchronised_latents
from actionmesh.stages.pictures import encode_frames
from actionmesh.toys import TEMPLATES
from actionmesh.toys.rendering import toy_camera_and_light
from actionmesh.weights.checkpoints import default_checkpoint

QUICK = AlignmentSettings(points=60, steps=3, starts=1)
WAYS = ["match", "refine", "track"]
GIVEN = [FULL, NO_STAGE_2, STILL, MIRRORED, OTHER, *WAYS]
ALONE = [FULL, NO_STAGE_2, STILL, FRAME_BY_FRAME, ONE_NOISE, "relief"]
SMALL = Extent(toys=2, outsiders=0, ablations=0, retrieved=0)


def no_surface(*arguments):
    raise MeshError("There is no surface.", "Try another seed.")


@pytest.fixture
def without_surfaces(monkeypatch):
    """Skip meshes from pictures and match, and measure the rest with few points."""
    for module in (subjects, toybench):
        monkeypatch.setattr(module, "POINTS", 300)
    for module in (subjects, variants, toybench):
        monkeypatch.setattr(module, "mesh_of", no_surface)
    monkeypatch.setattr(toybench, "relief", variants.still)
    monkeypatch.setattr(toybench, "match_rows", lambda: dict.fromkeys(WAYS, variants.still))


@pytest.fixture
def asked(monkeypatch):
    """Record what is measured: seed, task and row."""
    rows, real = [], toybench.rows_of

    def watched(row, variant):
        return lambda subject, task: rows.append((subject.toy.seed, task.name, row)) or variant(subject, task)

    def watch(*arguments):
        return {row: watched(row, variant) for row, variant in real(*arguments).items()}

    monkeypatch.setattr(toybench, "rows_of", watch)
    return rows


@pytest.fixture
def subject(tiny_model):
    return toys(2).subject(0, tiny_model, "demo")


def test_toys_are_balanced_and_unseen():
    members = toys(64).members
    counts = [sum(template == name for template, _ in members) for name in TEMPLATES]
    assert len(members) == 64 == len(set(members)) and max(counts) - min(counts) <= 1
    assert all(seed < FIRST_TRAINING_SEED for _, seed in members)
    assert toys(10).members == members[:10]


def test_outsiders_are_eight_kinds_of_two():
    members = outsiders(16).members
    assert len(set(members)) == 16 and len({kind for kind, _ in members}) == 8


def test_the_whole_variant_is_the_product(subject, tiny_run):
    reference = subject.given
    ours = variants.motion_latents(subject, reference, subject.context)
    product = synchronised_latents(tiny_run, {0: reference.latent}, 0, subject.context, subject.preset, 0)
    torch.testing.assert_close(ours, product, rtol=0, atol=0)


SWITCHES = [
    Switches(steps=3),
    Switches(guidance=3.0),
    Switches(masked=False),
    Switches(window=5),
    Switches(window=5, shared=2),
]


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


def test_rows_are_those_of_the_networks_the_ways_of_match_and_relief():
    assert list(rows_of(MESH_AND_VIDEO, None, (0,), False)) == GIVEN
    assert list(rows_of(VIDEO, None, (0,), False)) == ALONE
    assert set(rows_of(VIDEO, None, (0,), True)) == {*ALONE, *ABLATIONS}


def test_the_error_is_split_as_the_camera_of_the_clip_sees_it(subject):
    """A mesh that is off only along the viewing direction looks right to the clip's camera."""
    truth = subject.toy.vertices
    answer = variants.Answer((truth + 0.2 * subject.back).astype(np.float32), subject.toy.faces)
    found = toybench.measured(answer, subject, MESH_AND_VIDEO, (0,))
    assert found["error_in_depth"] == pytest.approx(0.2, rel=1e-4) and found["error_in_picture"] < 1e-4
    parallel = replace(toy_camera_and_light(subject.toy.seed)[0], field_of_view=None)
    seen, moved = (render(pose[0], subject.toy.faces, None, parallel, 96)[..., 3] for pose in (truth, answer.vertices))
    assert (seen == moved).mean() > 0.999


def test_an_outsider_has_the_camera_that_drew_it(tiny_model):
    outsider = outsiders(2).subject(1, tiny_model, "demo")
    assert outsider.back == pytest.approx(view_of(outsider.toy.seed).camera.axes[2]) and outsider.back[2] > 0.8


def test_the_bundled_checkpoint_on_one_toy(monkeypatch):
    monkeypatch.setattr(toybench, "ALIGNMENT", QUICK)
    model = open_model(default_checkpoint().path, "cpu")
    subject, other = (toys(2).subject(index, model, "demo") for index in range(2))
    held = subject.toy.body.signed_distance
    assert reconstruction_iou(subject, lambda points: held(points, 0).numpy() < 0) > 0.7

    def found(task, row):
        variant = rows_of(task, lambda: other, (0,), False)[row]
        return toybench.measure_row(lambda: subject, task, variant, (0,))

    full, still, lent, matched = (found(MESH_AND_VIDEO, row) for row in (FULL, STILL, OTHER, "match"))
    assert full["vertex_error"] < 0.9 * still["vertex_error"] < lent["vertex_error"]
    assert full["cd_m"] < still["cd_m"]
    assert matched["error_in_picture"] < 0.9 * full["error_in_picture"]
    assert found(VIDEO, FULL)["cd_m"] > 0
    assert found(VIDEO, FRAME_BY_FRAME)["cd_4d"] > 0


def test_the_mirrored_row_mirrors_mesh_and_clip_and_the_answer_back(subject, monkeypatch):
    seen = []

    def moved(of, reference, context, reference_pose):
        seen.append((reference.mesh, context))
        return np.repeat(reference.mesh.vertices[None], 16, axis=0)

    monkeypatch.setattr(variants, "moved", moved)
    answer = rows_of(MESH_AND_VIDEO, lambda: subject, (0,), False)[MIRRORED](subject, MESH_AND_VIDEO)
    (mesh, context), first = seen[0], subject.toy.vertices[0]
    assert np.array_equal(answer.vertices[5], first) and np.array_equal(mesh.vertices, first * (-1, 1, 1))
    volumes = [
        trimesh.Trimesh(*parts, process=False).volume for parts in ((mesh.vertices, mesh.faces), (first, answer.faces))
    ]
    assert volumes[0] == pytest.approx(volumes[1]) and volumes[0] > 0
    assert torch.equal(context, encode_frames(subject.run, np.flip(subject.frames, axis=2).copy()))


def test_a_relief_of_a_small_picture_moves_as_the_clip_does(subject, monkeypatch):
    """Seen from the front and aligned in the picture, its outline is the toy's in every frame."""
    monkeypatch.setattr(subject, "frames", np.stack([cv2.resize(frame, (112, 112)) for frame in subject.frames]))
    answer = relief(subject, VIDEO)
    assert answer.vertices.shape[0] == 16 and len(answer.faces) > 1000
    seen = np.stack(
        [boxed(frame[..., 3]) for frame in render_frames(answer.vertices, answer.faces, None, Camera(), 112)]
    )
    drawn = np.stack([boxed(frame[..., 3]) for frame in subject.frames])
    overlap = (seen & drawn).sum() / (seen | drawn).sum()
    assert overlap > 0.8, overlap


def boxed(alpha):
    """Return the covered area in its own box, as 64 x 64 pixels."""
    rows, columns = np.nonzero(alpha > 127)
    box = (alpha > 127)[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].astype(np.uint8)
    return cv2.resize(box, (64, 64), interpolation=cv2.INTER_AREA) > 0


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
    task = MESH_AND_VIDEO.name
    records = [
        record("a", 0, SHAPE, FULL, iou=0.9),
        record("b", 0, SHAPE, FULL, iou=0.7),
        record("a", 0, task, FULL, vertex_error=0.1, cd_m=0.1),
        record("a", 0, task, STILL, vertex_error=1.0, cd_m=1.0),
        record("b", 0, task, FULL, vertex_error=0.2, cd_m=None),
        record("b", 0, task, STILL, vertex_error=0.2, cd_m=3.0),
        record("b", 0, VIDEO.name, FULL, problem="No surface."),
        record("b", 0, VIDEO.name, FRAME_BY_FRAME, cd_4d=0.3),
    ]
    summary = summary_of(records)
    error = summary["headline"]["vertex_error_over_still"]
    assert error["mean"] == pytest.approx(0.3 / 1.2) and (error["worst"], error["worst_template"]) == (1.0, "b")
    assert summary["headline"]["cd_m_over_still"]["mean"] == pytest.approx(0.1), "only sequences with both count"
    assert summary["headline"]["cd_4d_over_frame_by_frame"]["mean"] is None
    assert summary["headline"]["iou"] == {"mean": pytest.approx(0.8), "worst": 0.7, "worst_template": "b"}
    assert summary["better_than_still"] == 0.5 and summary["no_surface"] == 1 and summary["sequences"] == 2
    assert summary["tasks"][VIDEO.name][FULL]["no_surface"] == 1 and list(summary["tasks"]) == [task, VIDEO.name]
    assert summary["tasks"][task][FULL]["vertex_error"] == pytest.approx(0.15)


def test_match_is_compared_with_the_network_by_template():
    task = MESH_AND_VIDEO.name
    errors = {"a": {FULL: 0.4, "match": 0.2, "track": 0.9}, "b": {FULL: 0.2, "match": 0.3, "track": 0.2}}
    records = [
        record(
            name,
            0,
            task,
            row,
            vertex_error=error,
            cd_m=2 * error,
            error_in_picture=0.6 * error,
            error_in_depth=0.8 * error,
        )
        for name, rows in errors.items()
        for row, error in rows.items()
    ]
    records += [record(name, 0, task, STILL, vertex_error=0.5, cd_m=4.0) for name in errors]
    match = summary_of(records)["match"]
    assert match["vertex_error_over_still"] == pytest.approx({FULL: 0.6, "match": 0.5, "track": 1.1})
    assert match["error_in_picture_over_still"]["match"] == pytest.approx(0.3)
    assert match["error_in_depth_over_still"]["match"] == pytest.approx(0.4)
    assert match["cd_m_over_still"]["match"] == pytest.approx(1.0 / 8)
    assert match["better_than_still"] == {FULL: 1.0, "match": 1.0, "track": 0.5}
    assert match["worst"] == {FULL: "a", "match": "b", "refine": None, "track": "a"}
    assert match["worse_than_network"] == ["b"]
    assert match["templates"]["b"] == pytest.approx({FULL: 0.4, "match": 0.6, "track": 0.4})


def test_relief_is_compared_with_the_networks():
    records = [
        record("a", 0, VIDEO.name, FULL, cd_4d=0.1, cd_m=0.2),
        record("a", 0, VIDEO.name, "relief", cd_4d=0.15, cd_m=0.1),
        record("b", 0, VIDEO.name, FULL, problem="No surface."),
        record("b", 0, VIDEO.name, "relief", cd_4d=0.9, cd_m=0.9),
    ]
    headline = summary_of(records)["headline"]
    assert headline["relief_cd_4d_over_full"]["mean"] == pytest.approx(1.5), "b has nothing to compare with"
    assert headline["relief_cd_m_over_full"]["mean"] == pytest.approx(0.5)


def test_a_measure_that_some_answers_of_a_row_lack_has_no_mean():
    task = VIDEO.name
    records = [
        record("a", 0, task, ONE_NOISE, cd_4d=0.2, cd_m=0.1),
        record("a", 1, task, ONE_NOISE, cd_4d=0.4, cd_m=None),
        record("a", 2, task, ONE_NOISE, problem="No surface."),
    ]
    row = summary_of(records)["tasks"][task][ONE_NOISE]
    assert row["cd_4d"] == pytest.approx(0.3) and row["cd_m"] is None and row["no_surface"] == 1


def test_ablations_are_compared_on_their_own_sequences():
    name = next(iter(variants.ABLATIONS))
    task = MESH_AND_VIDEO.name
    records = [record("a", seed, task, FULL, vertex_error=seed, cd_m=0.0) for seed in (1.0, 3.0)]
    records += [record("a", seed, task, STILL, vertex_error=1.0, cd_m=1.0) for seed in (1.0, 3.0)]
    records += [record("a", 1.0, task, name, vertex_error=5.0, cd_m=0.0)]
    summary = summary_of(records)
    assert summary["tasks"][task][FULL]["vertex_error"] == 2 and name not in summary["tasks"][task]
    assert (
        summary["ablations"][task][FULL]["vertex_error"] == 1 and summary["ablations"][task][name]["vertex_error"] == 5
    )


def test_what_is_measured_is_not_measured_again(tiny_model, tmp_path, without_surfaces, asked):
    output = tmp_path / "bench.json"
    results = evaluate(tiny_model, "demo", SMALL, output)
    assert len(asked) == 2 * (len(GIVEN) + len(ALONE)) and json.loads(output.read_text()) == results
    asked.clear()
    assert evaluate(tiny_model, "demo", SMALL, output) == results and not asked
    rest = [record for record in results["records"] if (record["seed"], record["row"]) != (1, OTHER)]
    output.write_text(json.dumps(results | {"records": rest}))
    assert evaluate(tiny_model, "demo", SMALL, output) == results and asked == [(1, MESH_AND_VIDEO.name, OTHER)]


def test_a_change_of_match_measures_its_rows_alone(tiny_model, tmp_path, without_surfaces, asked, monkeypatch):
    output = tmp_path / "bench.json"
    before = evaluate(tiny_model, "demo", SMALL, output)
    asked.clear()
    monkeypatch.setattr(toybench, "match_rows", lambda: dict.fromkeys(WAYS, matches.as_animated))
    after = evaluate(tiny_model, "demo", SMALL, output, ["match", "track"])
    assert asked == [(seed, MESH_AND_VIDEO.name, row) for seed in (0, 1) for row in ("match", "track")]
    ways, old_ways = after["sets"]["toys"]["match"]["vertex_error_over_still"], before["sets"]["toys"]["match"]
    assert ways["match"] == ways[FULL] != 1 and ways["refine"] == 1 == old_ways["vertex_error_over_still"]["match"]


def test_a_run_that_is_cut_off_while_it_measures_again_goes_on(
    tiny_model, tmp_path, without_surfaces, asked, monkeypatch
):
    output = tmp_path / "bench.json"
    evaluate(tiny_model, "demo", SMALL, output)
    asked.clear()

    def stop(subject, task):
        if subject.toy.seed == 1:
            raise KeyboardInterrupt
        return variants.still(subject, task)

    monkeypatch.setattr(toybench, "match_rows", lambda: dict.fromkeys(WAYS, stop))
    with pytest.raises(KeyboardInterrupt):
        evaluate(tiny_model, "demo", SMALL, output, ["match"])
    asked.clear()
    monkeypatch.setattr(toybench, "match_rows", lambda: dict.fromkeys(WAYS, variants.still))
    evaluate(tiny_model, "demo", SMALL, output)
    assert asked == [(1, MESH_AND_VIDEO.name, "match")]


def test_other_runs_and_unknown_rows_are_refused(tiny_model, tmp_path, without_surfaces):
    output = tmp_path / "bench.json"
    evaluate(tiny_model, "demo", SMALL, output)
    with pytest.raises(InputError, match="results of another run .preset demo."):
        evaluate(tiny_model, "fast", SMALL, output)
    with pytest.raises(InputError, match="results of another run .extent"):
        evaluate(tiny_model, "demo", Extent(toys=3, outsiders=0, ablations=0, retrieved=0), output)
    with pytest.raises(InputError, match="There is no row 'macth'. Rows are: .*match; .*relief"):
        evaluate(tiny_model, "demo", SMALL, output, ["relief", "macth"])
    output.write_text('{"sets": {}}')
    with pytest.raises(InputError, match="holds no results on Toybench"):
        evaluate(tiny_model, "demo", SMALL, output)


def test_the_nearest_picture_is_the_own_one():
    library = Library.of(4)
    for index, picture in enumerate(library.pictures):
        assert library.nearest(picture) == FIRST_TRAINING_SEED + index


def test_command_writes_numbers_and_table(tiny_checkpoint, tmp_path, capsys, without_surfaces):
    output = tmp_path / "bench.json"
    command = ["evaluate", "toybench", str(tiny_checkpoint), "-o", str(output), "--device", "cpu"]
    command += ["--count", "2", "--outsiders", "2", "--ablations", "0", "--retrieved", "2"]
    assert cli.main(command) == 0
    results = json.loads(output.read_text())
    assert list(results["sets"]) == ["toys", "outsiders"] and results["extent"]["toys"] == 2
    assert len(results["records"]) == 4 * (1 + len(GIVEN) + len(ALONE))
    shown = output.with_suffix(".md").read_text()
    assert shown == table(results) and shown in capsys.readouterr().out
    assert "### Toys (n = 2)" in shown and FRAME_BY_FRAME in shown
    assert "| mesh + video, over still | full | match | refine | track |" in shown
    assert "| sequences better than still |" in shown and "| relief | n/a |" in shown
    assert results["sets"]["toys"]["no_surface"] == 2 * 7, "no Stage II of the mesh, and all of the video's rows"
    shapes = [record for record in results["records"] if record["task"] == SHAPE]
    assert [shape["chamfer_image"] for shape in shapes] == [None] * 4 and all(shape["iou"] >= 0 for shape in shapes)
    assert cli.main([*command, "--again", "macth"]) != 0 and "There is no row 'macth'" in capsys.readouterr().err


SENSELESS = [{"toys": 1}, {"toys": 0, "outsiders": 0}, {"retrieved": -1}, {"frames": (1, 2)}, {"frames": (0, 16)}]


@pytest.mark.parametrize("values", SENSELESS)
def test_senseless_extents_are_refused(values):
    with pytest.raises(InputError):
        Extent(**values)


def test_preset_must_be_known(tiny_model, tmp_path):
    with pytest.raises(InputError, match="no preset"):
        evaluate(tiny_model, "best", SMALL, tmp_path / "bench.json")
