"""ActionBench's folders, the CSV file that survives interruptions, and failures that do not stop the other scenes."""

import csv
import json

import numpy as np
import pytest

from actionmesh import cli
from actionmesh.animation import Animation, Provenance
from actionmesh.errors import InputError
from actionmesh.evaluation import actionbench
from actionmesh.evaluation.actionbench import BenchSettings, evaluate, mesh_paths
from actionmesh.evaluation.alignment import AlignmentSettings
from actionmesh.evaluation.measures import points_of_motion
from actionmesh.evaluation.results_file import ResultsFile, Row
from actionmesh.output.writers import save_animation
from actionmesh.toys import make_sequence

QUICK = BenchSettings(400, AlignmentSettings(points=100, steps=8, starts=2))


@pytest.fixture(scope="module")
def toy():
    return make_sequence(3, 2, "quadruped")


@pytest.fixture(autouse=True)
def fewer_points(monkeypatch):
    monkeypatch.setattr(actionbench, "SAMPLED", 2000)


def animation_of(toy):
    origin = Provenance("clip", None, 0, "demo", "toy", "0")
    return Animation(toy.vertices, toy.faces, toy.times, 0, np.arange(len(toy.vertices)), origin)


def write_truth(folder, toy, uid):
    points = points_of_motion(toy.vertices, toy.faces, 500, 1).points
    (folder / uid).mkdir(parents=True)
    np.save(folder / uid / "surfaces.npy", np.concatenate([points, np.zeros_like(points)], axis=-1))


def write_meshes(folder, toy, names):
    """Write a mesh for each frame, like the published method."""
    save_animation(animation_of(toy), folder)
    for frame, name in enumerate(names):
        (folder / f"frame_{frame:04d}.glb").rename(folder / name)


@pytest.fixture
def bench(tmp_path, toy):
    """Make two scenes: a as meshes, b as an animation of this project."""
    truth, predictions = tmp_path / "truth", tmp_path / "predictions"
    for uid in "ab":
        write_truth(truth, toy, uid)
    predictions.mkdir()
    write_meshes(predictions / "a", toy, ["mesh_0.glb", "mesh_1.glb"])
    animation_of(toy).save(predictions / "b.safetensors")
    return truth, predictions, tmp_path / "results.csv"


def test_both_kinds_of_predictions_are_measured(bench):
    summary = evaluate(*bench, QUICK)
    assert (summary["scenes"], summary["measured"], summary["failed"], summary["without_cd_m"]) == (2, 2, 0, 0)
    rows = list(csv.DictReader(bench[2].open()))
    assert [row["uid"] for row in rows] == ["a", "b"]
    for row in rows:
        assert float(row["cd_3d"]) < 0.12 and float(row["cd_4d"]) < 0.12 and float(row["cd_m"]) < 0.2
    assert float(rows[0]["cd_m"]) == pytest.approx(float(rows[1]["cd_m"]), rel=1e-3), "it is the same animation"
    assert json.loads(bench[2].with_suffix(".json").read_text()) == summary


def test_measured_scenes_are_not_measured_again_and_a_torn_line_is_mended(bench, monkeypatch):
    evaluate(*bench, QUICK)
    whole = bench[2].read_bytes()
    bench[2].write_bytes(whole[:-7])
    asked = []
    measure = actionbench.measure
    monkeypatch.setattr(actionbench, "measure", lambda uid, *rest: (asked.append(uid), measure(uid, *rest))[1])
    evaluate(*bench, QUICK)
    assert asked == ["b"] and bench[2].read_bytes() == whole


def test_a_scene_that_fails_is_told_and_tried_again(bench, toy):
    truth, predictions, output = bench
    (predictions / "b.safetensors").write_bytes(b"nothing")
    summary = evaluate(*bench, QUICK)
    assert summary["measured"] == 1 and summary["failed"] == 1
    assert "b.safetensors cannot be read as an animation" in summary["failures"]["b"]
    animation_of(toy).save(predictions / "b.safetensors")
    assert evaluate(*bench, QUICK)["failed"] == 0


def missing(truth, predictions, toy):
    (predictions / "b.safetensors").unlink()
    return "no prediction of scene b"


def twice(truth, predictions, toy):
    write_meshes(predictions / "b", toy, ["mesh_0.glb", "mesh_1.glb"])
    return "several predictions of scene b"


def too_long(truth, predictions, toy):
    longer = make_sequence(3, 3, "quadruped")
    animation_of(longer).save(predictions / "b.safetensors")
    return "has 3 frames, the ground truth has 2"


def wrong_shape(truth, predictions, toy):
    np.save(truth / "b" / "surfaces.npy", np.zeros((2, 10, 3)))
    return "not an array of (frames, points, 6)"


def objects(truth, predictions, toy):
    np.save(truth / "b" / "surfaces.npy", np.array([{}], object), allow_pickle=True)
    return "surfaces.npy cannot be read as an array"


def not_finite(truth, predictions, toy):
    np.save(truth / "b" / "surfaces.npy", np.full((2, 10, 6), np.nan))
    return "values that are not numbers"


def cut_off(truth, predictions, toy):
    path = truth / "b" / "surfaces.npy"
    path.write_bytes(path.read_bytes()[:500])
    return "surfaces.npy cannot be read as an array"


@pytest.mark.parametrize("spoil", [missing, twice, too_long, wrong_shape, objects, not_finite, cut_off])
def test_what_is_wrong_is_named(bench, toy, spoil):
    truth, predictions, output = bench
    sentence = spoil(truth, predictions, toy)
    summary = evaluate(*bench, QUICK)
    assert sentence in summary["failures"]["b"] and list(summary["failures"]) == ["b"]


def test_meshes_are_ordered_by_number(tmp_path):
    for name in ("mesh_10.glb", "mesh_9.glb", "mesh_09_old.glb", "mesh_x.glb"):
        (tmp_path / name).touch()
    assert [path.name for path in mesh_paths(tmp_path)] == ["mesh_9.glb", "mesh_10.glb"]


def test_folders_must_be_there(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="missing is not a folder"):
        evaluate(tmp_path / "missing", tmp_path, tmp_path / "a.csv", QUICK)
    with pytest.raises(InputError, match="empty has no scene"):
        evaluate(tmp_path / "empty", tmp_path, tmp_path / "a.csv", QUICK)


def test_other_files_and_other_settings_are_not_mixed(tmp_path):
    path = tmp_path / "rows.csv"
    ResultsFile(path, "one way").append(Row("a", 0.1, 0.2, None))
    assert ResultsFile(path, "one way").rows == {"a": Row("a", 0.1, 0.2, None)}
    with pytest.raises(InputError, match="one way, not with another"):
        ResultsFile(path, "another")
    for text in ("a shopping list\n", "no line's end"):
        path.write_text(text)
        with pytest.raises(InputError, match="not a file of ActionBench results"):
            ResultsFile(path, "one way")
        assert path.read_text() == text
    path.write_text("uid,cd_3d,cd_4d,cd_m,settings\na,much,0.2,,one way\n")
    with pytest.raises(InputError, match="Line 2"):
        ResultsFile(path, "one way")


def test_a_torn_heading_is_mended(tmp_path):
    path = tmp_path / "rows.csv"
    for torn in ("", "uid,cd_"):
        path.write_text(torn)
        assert ResultsFile(path, "any").rows == {}
        assert path.read_text() == "uid,cd_3d,cd_4d,cd_m,settings\n"


def test_command_tells_failures_and_means(bench, capsys):
    truth, predictions, output = bench
    (predictions / "b.safetensors").unlink()
    command = [
        "evaluate",
        "actionbench",
        str(truth),
        str(predictions),
        "-o",
        str(output),
        "--points",
        "100",
        "--steps",
        "3",
    ]
    assert cli.main([*command, "--keep", "2"]) == 0
    shown = capsys.readouterr().out
    assert "b: " in shown and "1 of 2 scenes measured, 1 failed" in shown and "CD-M" in shown
    assert cli.main(command) == 2
    assert "Choose another output file" in capsys.readouterr().err
