"""Measures against values known by hand, and one toy through all of them."""

import numpy as np
import pytest

from actionmesh.evaluation.measures import chamfer_distance, vertex_error, volume_iou
from actionmesh.evaluation.unseen import evaluate
from actionmesh.weights.checkpoints import default_checkpoint
from actionmesh.weights.store import ModelStore


def test_chamfer_distance_adds_both_directions():
    grid = np.stack(np.meshgrid(*[np.arange(4.0)] * 3), -1).reshape(-1, 3)
    assert chamfer_distance(grid, grid) == 0
    assert chamfer_distance(grid, grid + [0.1, 0, 0]) == pytest.approx(0.2)
    assert chamfer_distance(grid, np.concatenate([grid, [[0, 0, 13.0]]])) == pytest.approx(10 / 65)


def test_volume_iou():
    first, second = np.array([1, 1, 1, 0, 0], bool), np.array([0, 1, 1, 1, 0], bool)
    assert volume_iou(first, second) == 0.5 and volume_iou(first, first) == 1
    assert volume_iou(first, np.zeros(5, bool)) == 0 == volume_iou(np.zeros(5, bool), np.zeros(5, bool))


def test_vertex_error_is_a_mean_distance():
    truth = np.zeros((2, 3, 3))
    assert vertex_error(truth + [3.0, 4.0, 0.0], truth) == 5
    assert vertex_error(truth[:1] + np.eye(3), truth) == 1


def test_the_bundled_checkpoint_on_two_unseen_toys():
    summary = evaluate(ModelStore(default_checkpoint().path, "cpu"), "demo", 2)
    everything = summary["all"]
    assert everything["toys"] == 2 == len(summary["rows"])
    assert everything["iou"] > 0.75
    assert everything["error_of_still"] < 0.9 < everything["other_frames_of_still"]
    assert everything["chamfer_vae"] < everything["chamfer_random"]
