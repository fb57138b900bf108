import numpy as np
import pytest

from blender_addon.errors import ArtistError
from blender_addon.motion.compression import compress

from .walk import walk

REFERENCE = 13


@pytest.fixture(scope="module")
def steps():
    poses = walk(61)
    return poses - poses[REFERENCE], diagonal(poses[REFERENCE])


def diagonal(vertices):
    return float(np.linalg.norm(np.ptp(vertices, axis=0)))


def measured_error(displacements, result, size):
    made = np.einsum("tk,kvc->tvc", result.weights, result.keys.astype(np.float64))
    return np.linalg.norm(made - displacements, axis=-1).max() / size


def test_walk_of_61_frames_takes_8_keys_for_half_a_percent(steps):
    displacements, size = steps
    result = compress(displacements, size, max_error=0.005)
    assert (len(result.keys), result.components) == (8, 7)
    assert result.error <= 0.005


@pytest.mark.parametrize("limit", [0.02, 0.005, 0.0005, 0.00002])
def test_error_is_the_measured_one_and_one_component_less_would_not_do(steps, limit):
    displacements, size = steps
    result = compress(displacements, size, max_error=limit)
    assert (
        result.error == pytest.approx(measured_error(displacements, result, size), rel=1e-6) and result.error <= limit
    )
    assert compress(displacements, size, max_keys=len(result.keys) - 1).error > limit


def test_reference_pose_has_weights_of_exactly_zero(steps):
    displacements, size = steps
    result = compress(displacements, size, max_keys=9)
    assert not result.weights[REFERENCE].any()
    assert result.weights.any(axis=1).sum() == 60


def test_directions_of_a_millionth_of_the_strongest_are_kept_and_rounding_is_not():
    """Energies, the squares of lengths, count; the second direction is the third pose's alone."""
    shape = np.zeros((3, 50, 3), np.float32)
    shape[1, :, 0], shape[2, :, 1] = 1, 2e-5
    assert compress(shape, 1.0, max_error=1e-6).components == 2
    shape[2, :, 1] = 5e-6
    assert compress(shape, 1.0, max_error=1e-6).components == 1


def test_weights_fit_the_sliders_of_every_importer(steps):
    result = compress(*steps, max_error=0.001)
    assert result.weights.min() == 0.0 and result.weights.max() == 1.0


def test_more_keys_never_harm(steps):
    errors = [compress(*steps, max_keys=keys).error for keys in (2, 5, 8, 12, 61)]
    assert errors == sorted(errors, reverse=True) and errors[-1] < 1e-5


def test_both_limits_together_give_the_smaller_count(steps):
    assert len(compress(*steps, max_keys=5, max_error=0.005).keys) == 5
    assert len(compress(*steps, max_keys=40, max_error=0.005).keys) == 8


def test_motion_of_one_direction_needs_one_key_and_no_counter_key():
    shape = np.random.default_rng(0).normal(size=(1, 40, 3)).astype(np.float32)
    displacements = np.array([0.0, 0.5, 2.0, 1.0], np.float32)[:, None, None] * shape
    result = compress(displacements, 1.0, max_error=1e-5)
    assert len(result.keys) == result.components == 1
    np.testing.assert_allclose(result.weights[:, 0], [0, 0.25, 1, 0.5], atol=1e-6)


def test_noise_takes_a_key_for_nearly_every_pose():
    displacements = np.random.default_rng(0).normal(size=(12, 300, 3)).astype(np.float32)
    displacements[3] = 0
    result = compress(displacements, 1.0, max_error=1e-3)
    assert result.components == 11 and measured_error(displacements, result, 1.0) < 1e-5


def test_still_mesh_needs_no_key():
    result = compress(np.zeros((4, 10, 3), np.float32), 1.0, max_error=0.01)
    assert result.keys.shape == (0, 10, 3) and result.weights.shape == (4, 0) and result.error == 0.0


def test_loose_limit_on_small_motion_needs_no_key():
    displacements = np.full((3, 10, 3), 1e-4, np.float32)
    assert compress(displacements, 1.0, max_error=0.01).keys.shape == (0, 10, 3)


def test_sizes_of_a_kilometre_and_a_millimetre_give_the_same_keys(steps):
    displacements, size = steps
    for scale in (1e3, 1e-3):
        result = compress(displacements * np.float32(scale), size * scale, max_error=0.005)
        assert len(result.keys) == 8 and result.error <= 0.005


def test_200_000_vertices_need_the_keys_that_a_hundredth_of_them_needs(steps):
    many = np.tile(steps[0], (1, 105, 1))
    result, of_few = (compress(vertices, steps[1], max_error=0.005) for vertices in (many, steps[0]))
    assert many.shape[1] > 200_000 and len(result.keys) == len(of_few.keys) == 8
    assert result.error == pytest.approx(of_few.error, rel=1e-3)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({}, "Neither"),
        ({"max_keys": 0}, "number of keys is 0"),
        ({"max_error": 0.0}, "allowed error is 0.0"),
        ({"max_error": 1.5}, "allowed error is 1.5"),
    ],
)
def test_limits_out_of_range_are_named(steps, arguments, sentence):
    with pytest.raises(ArtistError, match=sentence):
        compress(*steps, **arguments)


def test_mesh_without_extent_and_coordinates_without_value_are_refused(steps):
    with pytest.raises(ArtistError, match="size 0"):
        compress(steps[0], 0.0, max_keys=3)
    broken = steps[0].copy()
    broken[2, 7, 1] = np.nan
    with pytest.raises(ArtistError, match="not finite"):
        compress(broken, steps[1], max_keys=3)
