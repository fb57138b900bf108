"""Outsiders are exact, in the box, in motion, and seen unlike training data."""

import numpy as np
import pytest
import torch

from actionmesh.evaluation.outsider_kinds import KINDS
from actionmesh.evaluation.outsiders import make_outsider, render_outsider, view_of
from actionmesh.toys import TEMPLATES


@pytest.mark.parametrize("kind", KINDS)
def test_an_outsider_moves_on_its_body_within_the_box(kind):
    thing = make_outsider(kind, 0, 3)
    assert thing.template == kind and kind not in TEMPLATES
    assert np.abs(thing.vertices).max() < 1
    assert np.ptp(thing.vertices[0], axis=0).max() == pytest.approx(1.5, abs=1e-4)
    assert np.linalg.norm(thing.vertices[-1] - thing.vertices[0], axis=-1).mean() > 0.02
    distance = thing.body.signed_distance(torch.from_numpy(thing.vertices[2]), 2).abs()
    assert distance.mean() < 0.003


def test_the_same_seed_gives_the_same_thing_and_another_another():
    first, again, other = (make_outsider("crab", seed, 2) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.vertices, again.vertices)
    np.testing.assert_array_equal(first.colours, again.colours)
    assert first.vertices.shape != other.vertices.shape or np.abs(first.vertices - other.vertices).max() > 0.01


def test_it_is_seen_whole_and_lit_from_elsewhere():
    frames = render_outsider(make_outsider("windmill", 1, 2), 64)
    seen = frames[..., 3] > 0
    assert 0.02 < seen.mean() < 0.6
    assert not seen[:, [0, -1]].any() and not seen[:, :, [0, -1]].any()
    assert frames[seen][:, :3].std() > 20
    for seed in range(8):
        view = view_of(seed)
        assert view.light.direction[2] < 0.3, "the toys' key light always comes from the camera's side"
