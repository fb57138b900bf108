"""Joints and weights of a glTF's vertices: shares that sum to 1, and nothing that a weight of 0 names."""

import numpy as np
import pytest

from actionmesh.geometry.gltf_pose import skin_of, weights_of

JOINTS = np.array([(3, 1, 99, 0), (5, 99, 99, 99), (2, 2, 2, 2)], np.uint8)
WEIGHTS = np.array([(1, 2, 0, 1), (0, 0, 0, 0), (0, 0, 0.5, 0)], np.float32)


def skin(joints, weights, count=3):
    arrays = {"j0": joints[:, :4], "w0": weights[:, :4], "j1": joints[:, 4:], "w1": weights[:, 4:]}
    attributes = {"POSITION": "p", "JOINTS_0": "j0", "WEIGHTS_0": "w0"}
    more = {"JOINTS_1": "j1", "WEIGHTS_1": "w1"} if joints.shape[1] > 4 else {}
    return skin_of(attributes | more, arrays.__getitem__, count)


def test_weights_sum_to_one_and_what_has_none_follows_its_first_joint():
    named, share = skin(JOINTS, WEIGHTS)
    assert named.dtype == np.int64 and named.tolist() == [[3, 1, 3, 0], [5, 5, 5, 5], [2, 2, 2, 2]]
    assert share.tolist() == [[0.25, 0.5, 0, 0.25], [1, 0, 0, 0], [0, 0, 1, 0]]


def test_several_sets_of_four_count_together():
    named, share = skin(np.concatenate([JOINTS, JOINTS + 1], axis=1), np.concatenate([WEIGHTS, WEIGHTS], axis=1))
    assert named[0].tolist() == [3, 1, 3, 0, 4, 2, 3, 1] and share[0].tolist() == [0.125, 0.25, 0, 0.125] * 2


@pytest.mark.parametrize("wrong", [-0.5, np.nan, np.inf])
def test_weights_are_numbers_from_0_on(wrong):
    weights = WEIGHTS.copy()
    weights[0, 0] = wrong
    with pytest.raises(ValueError, match="negative or not a number"):
        skin(JOINTS, weights)


def test_every_vertex_has_four_of_each():
    with pytest.raises(ValueError, match="not four for each of 4 vertices"):
        skin(JOINTS, WEIGHTS, 4)
    with pytest.raises(ValueError, match="not four for each of 3 vertices"):
        skin(JOINTS[:, :3], WEIGHTS[:, :3])
    with pytest.raises(ValueError, match="not four for each of 3 vertices"):
        skin_of({"JOINTS_0": "j0"}, {}.__getitem__, 3)


def test_weights_of_morph_targets_are_the_nodes_before_the_meshs():
    gltf = {"meshes": [{"weights": [0.5]}, {}]}
    assert weights_of(gltf, {"mesh": 0, "weights": [1]}) == [1] and weights_of(gltf, {"mesh": 0}) == [0.5]
    assert weights_of(gltf, {"mesh": 1}) == []
    for wrong in ({"mesh": 1, "weights": 3}, {"mesh": 1, "weights": ["1"]}):
        with pytest.raises(TypeError, match="not a list of numbers"):
            weights_of(gltf, wrong)
