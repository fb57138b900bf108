"""Operations of the full-size networks, counted without memory.

They are fewer than the plain version's, and match the budget.
"""

from dataclasses import replace

import pytest

from actionmesh.presets import PRESETS
from actionmesh.sizes import FULL
from benchmarks.operations import count_operations, decode_operations
from benchmarks.plain import plain
from benchmarks.workload import CORRESPONDENCE, IMAGE, MOTION, TOKENS, Workload

PETA = 1e15
COARSE = 16


def counted(name):
    """Count the operations of a preset at full size with 16 frames; only the surface's grid is coarse."""
    return count_operations(FULL, replace(PRESETS[name], resolution=COARSE), Workload(16, pixels=32))


@pytest.fixture(scope="module")
def exact():
    return counted("quality")


@pytest.fixture(scope="module")
def straightforward():
    with plain():
        return counted("quality")


@pytest.mark.parametrize("stage", [IMAGE, MOTION])
def test_exact_plan_saves_at_least_two_percent(exact, straightforward, stage):
    assert exact[stage] <= 0.98 * straightforward[stage]


def test_what_has_no_guidance_takes_as_many_operations(exact, straightforward):
    assert all(exact[stage] == straightforward[stage] for stage in (TOKENS, CORRESPONDENCE))


def test_stage_one_and_the_decode_are_within_the_budget(straightforward):
    assert straightforward[MOTION] == pytest.approx(16.3 * PETA, rel=0.02)
    assert decode_operations(FULL, 257**3) == pytest.approx(0.5 * PETA, rel=0.02)


def test_image_to_3d_is_four_percent_above_the_budget_when_plain(straightforward, exact):
    """The budget of 1.2 leaves out the cross-attention to a zero context, as the exact plan does."""
    assert straightforward[IMAGE] == pytest.approx(1.25 * PETA, rel=0.01)
    assert exact[IMAGE] == pytest.approx(1.2 * PETA, rel=0.04)


def test_stage_two_is_the_budget_for_one_more_time_and_its_queries(exact):
    """The budget of 1.25 covers latents of 15 times; the product adds the reference frame and the vertex queries."""
    assert 15 / 16 * (exact[CORRESPONDENCE] - query_operations()) == pytest.approx(1.25 * PETA, rel=0.02)


def query_operations():
    """Count operations for 20 000 vertices at 16 times: projections, feed-forward, attention to all frames' tokens."""
    width, keys = FULL.autoencoder.width, 16 * (FULL.temporal.num_tokens_nominal + 1)
    return 16 * 20_000 * (2 * (54 + 10 * width + 3) * width + 4 * keys * width)


@pytest.mark.parametrize(("preset", "motion", "image"), [("balanced", 0.40, 0.50), ("fast", 0.285, 0.25)])
def test_presets_take_their_share_of_the_denoising(exact, preset, motion, image):
    counts = counted(preset)
    assert counts[MOTION] == pytest.approx(motion * exact[MOTION], rel=0.01)
    assert counts[IMAGE] == pytest.approx(image * exact[IMAGE], rel=0.01)
    assert counts[CORRESPONDENCE] == exact[CORRESPONDENCE]
