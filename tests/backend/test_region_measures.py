"""J and F of DAVIS, against values worked out by hand."""

import numpy as np
import pytest

from actionmesh.evaluation.region_measures import agreement, boundary_accuracy, outline_of, region_similarity
from actionmesh.evaluation.subject_bench import table


def square(left: int, side: int = 40, size: int = 100) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[30 : 30 + side, left : left + side] = True
    return mask


def test_region_similarity_is_intersection_over_union():
    assert region_similarity(square(20), square(20)) == 1
    assert region_similarity(square(20), square(30)) == pytest.approx(30 / 50)
    assert region_similarity(square(0), square(60)) == 0
    assert region_similarity(square(0) & False, square(0) & False) == 1


def test_boundaries_agree_within_two_pixels_of_a_frame_of_100():
    """0.008 of the diagonal of 141.4 pixels is 1.13, which rounds up to 2."""
    assert boundary_accuracy(square(20), square(20)) == 1
    assert boundary_accuracy(square(20), square(22)) == 1
    assert 0.4 < boundary_accuracy(square(20), square(25)) < 0.7
    assert boundary_accuracy(square(20), square(20) & False) == 0
    assert boundary_accuracy(square(20) & False, square(20) & False) == 1


def test_the_outline_of_a_square_has_its_perimeter():
    assert outline_of(square(20)).sum() == 4 * 40


def test_a_clip_whose_doubt_nobody_told_does_not_count_for_the_mean_of_doubt():
    numbers = {"camera": "still", "way": "alone", "region": 0.5, "boundary": 0.5, "recall": 0.5, "decay": 0.0}
    rows = table([{"name": name, "doubt": doubt, **numbers} for name, doubt in (("a", None), ("b", 0.25))]).split("\n")
    assert rows[2].endswith("| 0.000 |  |") and rows[4].endswith("| 0.000 | 0.250 |")
    assert table([{"name": "a", "doubt": None, **numbers}]).rstrip().endswith("| 0.000 |  |")


def test_agreement_over_time():
    truth = np.stack([square(20)] * 8)
    masks = np.stack([square(20)] * 4 + [square(60)] * 4)
    found = agreement(masks, truth)
    assert found.region == found.recall == 0.5 and found.decay == 1
    assert found.boundary == pytest.approx((4 + 4 * boundary_accuracy(square(60), square(20))) / 8)
