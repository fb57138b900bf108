"""Distances inside masks are exact, so a clip gets the same camera in every run."""

import cv2
import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from actionmesh.matching.film import Outline
from actionmesh.media.mask_distance import mask_distance

SIZES = ((46, 80), (90, 94), (231, 400))


def blot(size):
    """Return a mask (h, w) bool of round spots."""
    noise = cv2.GaussianBlur(np.random.default_rng(3).random(size), (0, 0), 6)
    return noise > np.median(noise)


def exact(mask):
    return np.sqrt(np.rint(distance_transform_edt(mask) ** 2).astype(np.float32))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [bool, np.uint8])
def test_distances_are_exact_and_so_the_same_in_every_run(size, dtype):
    """OpenCV's are not, in the smaller ones of these masks."""
    mask = blot(size).astype(dtype)
    found = mask_distance(mask)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, exact(mask))


@pytest.mark.parametrize("size", SIZES)
def test_an_outline_of_match_is_exact(size):
    mask = blot(size)
    np.testing.assert_array_equal(
        Outline(mask).distance, np.where(mask, np.float32(0.5) - exact(mask), exact(~mask) - np.float32(0.5))
    )
