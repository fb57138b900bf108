"""Measurements on tracked characters: what is read, what each number means, and that nothing is measured twice."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from actionmesh import cli
from actionmesh.errors import InputError, MeshError
from actionmesh.evaluation import subjects, toybench, tracked_bench, variants
from actionmesh.evaluation.alignment import AlignmentSettings
from actionmesh.evaluation.measures import split_error
from actionmesh.evaluation.tracked_bench import evaluate, rows_of
from actionmesh.evaluation.tracked_subjects import ALL, UNLISTED, Cast
from actionmesh.evaluation.tracked_summary import NETWORK, grouped, summary_of
from actionmesh.evaluation.tracked_table import table
from actionmesh.evaluation.variants import MESH_AND_VIDEO, OTHER, STILL, VIDEO, Answer
from actionmesh.memory.model import open_model
from actionmesh.weights.checkpoints import default_checkpoint

from .test_tracked import FRAMES, write_track

QUICK = AlignmentSettings(points=60, steps=3, starts=1)
MANIFEST = """file,split,body_plan
train/plant/11.glb,train,plant
seen/fish/12.glb,seen,fish
seen/bird/12.glb,seen,bird
"""


def no_surface(*arguments):
    raise MeshError("There is no surface.", "Try another seed.")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Write two characters, and a file without its whole mesh."""
    folder = tmp_path_factory.mktemp("made")
    write_track(folder / "plant" / "11.glb.safetensors", 11, faces=True, file="plant/11.glb", clip="Sway")
    write_track(folder / "fish" / "12.glb.safetensors", 12, faces=True, file="fish/12.glb")
    write_track(folder / "points.safetensors", 13, views=0)
    return folder


@pytest.fixture
def folder(made, tmp_path):
    """Copy the files to a folder that a test may change."""
    return Path(shutil.copytree(made, tmp_path / "tracked"))


@pytest.fixture
def manifest(tmp_path):
    path = tmp_path / "manifest.csv"
    path.write_text(MANIFEST)
    return path


@pytest.fixture
def without_match(monkeypatch):
    """Skip match, which takes seconds per row and has its own tests."""
    monkeypatch.setattr(tracked_bench, "match_rows", dict)


@pytest.fixture
def without_surfaces(monkeypatch, without_match):
    """Skip meshes from pictures, and measure the rest with few points."""
    for module in (subjects, toybench):
        monkeypatch.setattr(module, "POINTS", 300)
    for module in (subjects, variants, toybench):
        monkeypatch.setattr(module, "mesh_of", no_surface)


def test_files_with_their_whole_mesh_are_read_and_found_in_the_manifest(folder, manifest):
    cast = Cast.of(folder, manifest)
    assert len(cast) == 2 and cast.passed_over == 1
    fish, plant = (cast.character(index) for index in range(2))
    assert (fish.name, fish.body_plan, fish.split) == ("fish/12.glb", "fish", "seen")
    assert (plant.name, plant.body_plan, plant.split) == ("plant/11.glb: Sway", "plant", "train")
    assert fish.vertices.shape[0] == FRAMES and np.linalg.norm(fish.back) == pytest.approx(1)
    assert {Cast.of(folder).character(index).body_plan for index in range(2)} == {ALL}


def test_of_two_files_of_one_name_the_folder_decides(tmp_path, manifest):
    write_track(tmp_path / "bird" / "12.glb.safetensors", 12, faces=True)
    write_track(tmp_path / "elsewhere" / "99.glb.safetensors", 11, faces=True, file="99.glb")
    cast = Cast.of(tmp_path, manifest)
    assert [cast.character(index).body_plan for index in range(2)] == ["bird", UNLISTED]


def test_what_cannot_be_used_is_said(tmp_path, folder):
    with pytest.raises(InputError, match="no tracked sequences with their whole mesh"):
        Cast.of(tmp_path / "nowhere")
    (tmp_path / "bad.csv").write_text("name\nx\n")
    with pytest.raises(InputError, match="no rows with a column `file`"):
        Cast.of(folder, tmp_path / "bad.csv")
    with pytest.raises(InputError, match="cannot be read as a table"):
        Cast.of(folder, tmp_path / "missing.csv")


def test_an_error_is_split_along_the_camera_and_across():
    back, across = np.array([0.6, 0, 0.8]), np.array([0.8, 0, -0.6])
    truth = np.zeros((2, 5, 3), np.float32)
    assert split_error(np.broadcast_to(0.3 * back + 0.4 * across, (2, 5, 3)), truth, back) == pytest.approx(
        {"error_in_picture": 0.4, "error_in_depth": 0.3}
    )


def test_rows_are_the_network_still_the_ways_of_match_and_another_clip():
    with_mesh = [NETWORK, STILL, "match", "refine", "track", OTHER]
    assert list(rows_of(MESH_AND_VIDEO, None)) == with_mesh and list(rows_of(VIDEO, None)) == [NETWORK, STILL]


def record(file, task, row, **values):
    return {"file": file, "body_plan": file[0], "split": "new", "track": "t", "task": task, "row": row, **values}


def test_ratios_are_of_sums_by_row():
    task = MESH_AND_VIDEO.name
    records = [
        record("a1", task, NETWORK, vertex_error=0.1, cd_m=0.3, error_in_picture=0.06, error_in_depth=0.08),
        record("a1", task, STILL, vertex_error=0.4, cd_m=0.6),
        record("b1", task, NETWORK, vertex_error=0.9, cd_m=0.5, error_in_picture=0.54, error_in_depth=0.72),
        record("b1", task, STILL, vertex_error=0.6, cd_m=0.4),
        record("b1", task, OTHER, vertex_error=1.2, cd_m=0.4),
        record("b1", task, "track", vertex_error=0.3, cd_m=0.2),
        record("a1", VIDEO.name, NETWORK, problem="There is no surface."),
        record("b1", VIDEO.name, NETWORK, cd_3d=0.1, cd_4d=0.2, cd_m=0.3),
        record("a1", "image-to-3D", NETWORK, chamfer_image=None, chamfer_random=0.5, chamfer_vae=0.1, iou=0.8),
        record("b1", "image-to-3D", NETWORK, chamfer_image=0.2, chamfer_random=0.3, chamfer_vae=0.1),
    ]
    found = summary_of(records)
    given = found["mesh_and_video"]
    assert given["vertex_error_over_still"] == pytest.approx({NETWORK: 1.0, "track": 0.5})
    assert given["cd_m_over_still"] == pytest.approx({NETWORK: 0.8, "track": 0.5})
    assert given["error_in_picture_over_still"][NETWORK] == pytest.approx(0.6)
    assert given["error_in_depth_over_still"] == {NETWORK: pytest.approx(0.8), "track": None}
    assert given["better_than_still"] == {NETWORK: 0.5, "track": 1.0}
    assert given["median_vertex_error_over_still"][NETWORK] == pytest.approx((0.25 + 1.5) / 2)
    assert given["other_clip_vertex_error_over_still"] == {NETWORK: pytest.approx(2.0)}
    assert found["video"]["cd_m"] == {NETWORK: 0.3} and found["no_surface"] == 1 and found["characters"] == 2
    assert found["image_to_3d"] == pytest.approx(
        {"chamfer": 0.2, "chamfer_of_another": 0.4, "chamfer_of_vae": 0.1, "iou_of_vae": 0.8}
    )
    by_plan = grouped(records, "body_plan")
    assert by_plan["a"]["mesh_and_video"]["vertex_error_over_still"] == {NETWORK: pytest.approx(0.25)}


def test_still_is_measured_as_known_and_another_clip_may_have_other_frames(
    tiny_model, folder, tmp_path, monkeypatch, without_match
):
    monkeypatch.setattr(toybench, "ALIGNMENT", QUICK)
    cast = Cast.of(folder)
    subject = cast.subject(0, tiny_model, "demo")
    other = cast.subject(1, tiny_model, "demo")
    rows = rows_of(MESH_AND_VIDEO, lambda: other)
    found = tracked_bench.measure_row(lambda: subject, MESH_AND_VIDEO, rows[STILL])
    truth = subject.toy.vertices
    assert found["vertex_error"] == pytest.approx(np.linalg.norm(truth - truth[:1], axis=-1).mean(), rel=1e-5)
    assert found["error_in_picture"] < found["vertex_error"] < found["error_in_picture"] + found["error_in_depth"]
    other.context = other.context[[0, 2, 5]]
    lent = rows[OTHER](subject, MESH_AND_VIDEO)
    assert lent.vertices.shape == truth.shape
    own = rows[NETWORK](subject, MESH_AND_VIDEO)
    assert np.abs(own.vertices - lent.vertices).max() > 1e-4


def test_results_are_kept_and_only_what_is_new_is_measured(
    tiny_model, folder, manifest, tmp_path, monkeypatch, without_surfaces
):
    output, asked = tmp_path / "bench.json", []
    real = tracked_bench.rows_of

    def watched(task, other, more=()):
        rows = {**real(task, other), **dict.fromkeys(more if task.given_mesh else (), variants.still)}

        def watch(row, variant):
            return lambda subject, task: asked.append((subject.toy.name, task.name, row)) or variant(subject, task)

        return {row: watch(row, variant) for row, variant in rows.items()}

    monkeypatch.setattr(tracked_bench, "rows_of", watched)
    results = evaluate(tiny_model, "demo", Cast.of(folder, manifest), output)
    assert len(asked) == 2 * 5 and json.loads(output.read_text()) == results
    assert list(results["body_plans"]) == ["fish", "plant"] and list(results["splits"]) == ["seen", "train"]
    assert results["passed_over"] == 1 and results["summary"]["no_surface"] == 2 * 2
    asked.clear()
    again = evaluate(tiny_model, "demo", Cast.of(folder, manifest), output)
    assert not asked and again == results
    assert evaluate(tiny_model, "demo", Cast.of(folder, manifest), output, [OTHER]) == results
    assert [row for _, _, row in asked] == [OTHER, OTHER]
    asked.clear()
    monkeypatch.setattr(tracked_bench, "rows_of", lambda task, other: watched(task, other, ["match"]))
    more = evaluate(tiny_model, "demo", Cast.of(folder, manifest), output)
    assert [row for _, _, row in asked] == ["match", "match"]
    assert more["files"]["fish/12.glb"]["mesh_and_video"]["vertex_error_over_still"]["match"] == pytest.approx(1)
    write_track(folder / "fish" / "12.glb.safetensors", 13, faces=True, file="fish/12.glb")
    asked.clear()
    evaluate(tiny_model, "demo", Cast.of(folder, manifest), output)
    assert {name for name, _, _ in asked} == {"fish/12.glb"} and len(asked) == 6, "the file was made again"


def test_what_was_measured_before_it_was_cut_off_stays(tiny_model, folder, tmp_path, monkeypatch, without_surfaces):
    output = tmp_path / "bench.json"
    evaluate(tiny_model, "demo", Cast.of(folder), output)
    whole = json.loads(output.read_text())

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(tracked_bench, "measured", stop)
    dropped = [r for r in whole["records"] if not (r["file"].startswith("plant") and r["row"] == OTHER)]
    output.write_text(json.dumps(whole | {"records": dropped[::-1]}))
    with pytest.raises(KeyboardInterrupt):
        evaluate(tiny_model, "demo", Cast.of(folder), output)
    assert len(json.loads(output.read_text())["records"]) == len(dropped)


def test_other_runs_are_not_mixed(tiny_model, folder, tmp_path, without_surfaces):
    output = tmp_path / "bench.json"
    evaluate(tiny_model, "demo", Cast.of(folder), output)
    with pytest.raises(InputError, match="results of another run .preset demo."):
        evaluate(tiny_model, "fast", Cast.of(folder), output)
    output.write_text('{"records": 3}')
    with pytest.raises(InputError, match="holds no results on tracked files"):
        evaluate(tiny_model, "demo", Cast.of(folder), output)
    (folder / "fish" / "12.glb.safetensors").unlink()
    with pytest.raises(InputError, match="Use at least 2"):
        evaluate(tiny_model, "demo", Cast.of(folder), tmp_path / "new.json")


def test_command_writes_numbers_and_table(tiny_checkpoint, folder, manifest, tmp_path, capsys, without_surfaces):
    output = tmp_path / "deep" / "bench.json"
    command = [
        "evaluate",
        "tracked",
        str(folder),
        str(tiny_checkpoint),
        "--output",
        str(output),
        "--manifest",
        str(manifest),
    ]
    assert cli.main(command) == 0
    results, shown = json.loads(output.read_text()), output.with_suffix(".md").read_text()
    assert shown == table(results) and shown in capsys.readouterr().out
    assert "2 characters" in shown and "| fish | 1 | network |" in shown and "plant/11.glb: Sway" in shown
    assert "1 tracked files without the whole mesh" in shown and "n/a" in shown


def test_the_bundled_checkpoint_moves_a_toy_of_a_file(folder):
    """The whole path from a file gives a result nearer to the truth than the still mesh."""
    model, cast = open_model(default_checkpoint().path, "cpu"), Cast.of(folder)
    subject = cast.subject(0, model, "demo")
    rows = rows_of(MESH_AND_VIDEO, lambda: cast.subject(1, model, "demo"))
    full, still, lent = (
        tracked_bench.measure_row(lambda: subject, MESH_AND_VIDEO, rows[row]) for row in (NETWORK, STILL, OTHER)
    )
    assert full["vertex_error"] < 0.9 * still["vertex_error"] and full["vertex_error"] < lent["vertex_error"]
    assert tracked_bench.iou_with_character(subject) > 0.7


def test_an_answer_is_any_motion_of_the_mesh(folder, tiny_model):
    """A new row must return vertices of the given mesh, in the mesh's order."""
    subject = Cast.of(folder).subject(0, tiny_model, "demo")
    truth = subject.toy
    exact = tracked_bench.measure_row(
        lambda: subject, MESH_AND_VIDEO, lambda subject, task: Answer(truth.vertices, truth.faces)
    )
    assert exact["vertex_error"] == exact["error_in_depth"] == 0
