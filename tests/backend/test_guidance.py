"""Which branches are computed at which step, what replaces the others, and that known frames stay."""

from math import ceil

import pytest
import torch

from actionmesh.progress import Progress
from actionmesh.protocol import Stage
from actionmesh.sampling.approximate_steps import ApproximateSteps, evaluations_of
from actionmesh.sampling.approximation import Approximation
from actionmesh.sampling.guidance import Branches
from actionmesh.sampling.sampler import sample
from actionmesh.sampling.schedules import image_to_3d_schedule, temporal_schedule

STEPS = 12


class Counted:
    """Branches of a smooth field, with the number of calls of each."""

    def __init__(self, together=False):
        self.conditional = self.unconditional = self.pairs = 0
        self.branches = Branches(self._conditional, self._unconditional, self._together if together else None)

    def _conditional(self, latents, time):
        self.conditional += 1
        return 0.5 - latents * torch.cos(time / 400).view(-1, *[1] * (latents.ndim - 1))

    def _unconditional(self, latents, time):
        self.unconditional += 1
        return -0.2 * latents + (time / 1000).view(-1, *[1] * (latents.ndim - 1))

    def _together(self, latents, time):
        self.pairs += 1
        return self._conditional(latents, time), self._unconditional(latents, time)


def noise():
    return torch.randn(1, 3, 4, 2, generator=torch.Generator().manual_seed(0))


def run(counted, approximation, guidance=3.0, known=None, schedule=None):
    schedule = schedule or temporal_schedule(STEPS)
    return sample(counted.branches, guidance, noise(), schedule, Stage.MOTION, Progress(), known, approximation)


def written_out(guidance, known=None):
    """Run the published sampler line by line: Euler on v_uncond + g (v_cond - v_uncond), restoring known frames."""
    counted, schedule, latents = Counted(), temporal_schedule(STEPS), noise()
    for time, size in zip(schedule.times, schedule.step_sizes, strict=True):
        conditional = counted.branches.conditional(latents, time.expand(1))
        unconditional = counted.branches.unconditional(latents, time.expand(1))
        velocity = conditional if guidance == 1 else unconditional + guidance * (conditional - unconditional)
        latents = latents + size * velocity
        if known is not None:
            latents = torch.where(known.bool()[..., None, None], noise(), latents)
    return latents


@pytest.mark.parametrize("guidance", [1.0, 7.5])
def test_without_approximation_it_is_the_published_sampler_bit_for_bit(guidance):
    known, counted = torch.tensor([[0.0, 1, 0]]), Counted()
    assert torch.equal(run(counted, Approximation(), guidance, known), written_out(guidance, known))
    assert (counted.conditional, counted.unconditional) == (STEPS, 0 if guidance == 1 else STEPS)


@pytest.mark.parametrize("guidance", [1.0, 7.5])
def test_approximate_steps_approximate_nothing_unless_asked(guidance):
    schedule, latents = temporal_schedule(STEPS), noise()
    step = ApproximateSteps(Counted().branches, guidance, schedule, Approximation())
    for i in range(STEPS):
        latents = step(latents, schedule.times[i].expand(1), i)
    assert torch.equal(latents, written_out(guidance))


def test_numbers_of_8_bits_leave_the_steps_as_they_are():
    assert not Approximation(float8=True).changes_the_steps
    assert torch.equal(run(Counted(), Approximation(float8=True)), written_out(3.0))


@pytest.mark.parametrize(
    "approximation",
    [
        Approximation(solver="ab2"),
        Approximation(guidance_interval=(0.0, 0.9)),
        Approximation(difference_every=2),
        Approximation(velocity_every=2, forecast="last"),
    ],
)
def test_each_approximation_changes_the_result(approximation):
    assert not torch.allclose(run(Counted(), approximation), written_out(3.0), atol=1e-3)


@pytest.mark.parametrize(
    "interval", [(-0.5, 0.5), (0.5, 1.5), (0.5, 0.5), (0.6, 0.4), (0.5,), ("0", "1"), (False, True)]
)
def test_an_interval_rises_within_0_and_1(interval):
    with pytest.raises(ValueError, match="it must rise within 0 and 1"):
        Approximation(guidance_interval=interval)
    assert Approximation(guidance_interval=[0, 1]).guidance_interval == [0, 1]


def test_sampling_keeps_no_gradients():
    weight = torch.ones(1, requires_grad=True)
    branches = Branches(lambda latents, time: weight * latents, lambda latents, time: -weight * latents)
    found = sample(branches, 3.0, noise(), temporal_schedule(2), "Stage I", Progress())
    assert not found.requires_grad


def test_both_branches_go_as_one_where_that_is_possible():
    counted = Counted(together=True)
    assert torch.equal(run(counted, Approximation()), written_out(3.0))
    assert counted.pairs == STEPS


def test_guidance_is_on_in_its_interval_alone():
    schedule, counted = image_to_3d_schedule(10), Counted()
    run(counted, Approximation(guidance_interval=(0.3, 0.8)), schedule=schedule)
    assert (counted.conditional, counted.unconditional) == (10, 6), "s = 0.8, 0.7, 0.6, 0.5, 0.4, 0.3"
    evaluations = evaluations_of(schedule, 3.0, Approximation(guidance_interval=(0.3, 0.8)))
    assert [e.guided for e in evaluations] == [False] * 2 + [True] * 6 + [False] * 2
    assert [i for i, e in enumerate(evaluations) if e.turns] == [2, 8]
    at_once = evaluations_of(schedule, 3.0, Approximation(guidance_interval=(0.0, 0.95)))
    assert [i for i, e in enumerate(at_once) if e.turns] == [1]


@pytest.mark.parametrize("every", [2, 3])
def test_the_difference_of_the_branches_is_computed_every_nth_step(every):
    counted = Counted()
    run(counted, Approximation(difference_every=every))
    assert (counted.conditional, counted.unconditional) == (STEPS, ceil(STEPS / every))


@pytest.mark.parametrize("every", [2, 3])
def test_the_network_rests_between_every_nth_step_after_the_first_third(every):
    counted, third = Counted(), STEPS // 3
    run(counted, Approximation(velocity_every=every))
    asked = third + (STEPS - third) // every
    assert (counted.conditional, counted.unconditional) == (asked, asked)


MIXED = [
    Approximation(solver="unipc", guidance_interval=(0.4, 0.9), difference_every=2, velocity_every=2),
    Approximation(solver="ab2", guidance_interval=(0.0, 0.6), velocity_every=3, forecast="last"),
    Approximation(difference_every=3, velocity_every=2, float8=True),
]


@pytest.mark.parametrize("approximation", MIXED)
@pytest.mark.parametrize("guidance", [1.0, 7.5])
def test_the_plan_says_what_the_network_does(approximation, guidance):
    counted = Counted()
    run(counted, approximation, guidance)
    planned = evaluations_of(temporal_schedule(STEPS), guidance, approximation)
    assert counted.conditional + counted.unconditional == sum(e.branches for e in planned) < 2 * STEPS
    assert all(e.computed for before, e in zip(planned, planned[1:], strict=False) if e.guided != before.guided)


@pytest.mark.parametrize(
    "approximation", [*MIXED, Approximation(), Approximation(solver="unipc"), Approximation(solver="ab2")]
)
def test_known_frames_stay_bit_for_bit(approximation):
    seen = []

    def velocity(latents, time):
        seen.append(latents[:, 1].clone())
        return latents + 1

    branches, known = Branches(velocity, velocity), torch.tensor([[0.0, 1, 0]])
    found = sample(branches, 3.0, noise(), temporal_schedule(STEPS), Stage.MOTION, Progress(), known, approximation)
    assert all(torch.equal(frame, noise()[:, 1]) for frame in [*seen, found[:, 1]])
    assert not torch.allclose(found[:, 0], noise()[:, 0], atol=0.1)


def constant_difference(latents, time):
    """Return a branch that is 0.3 below that of `Counted` everywhere."""
    return Counted().branches.conditional(latents, time) - 0.3


def test_a_difference_that_does_not_change_may_be_reused():
    branches, schedule = Branches(Counted().branches.conditional, constant_difference), temporal_schedule(STEPS)

    def found(approximation):
        return sample(branches, 7.5, noise(), schedule, Stage.MOTION, Progress(), approximation=approximation)

    assert torch.allclose(found(Approximation(difference_every=4)), found(Approximation()), atol=1e-5)


def test_forecasts_are_exact_where_they_should_be():
    """The linear forecast is exact for a velocity linear in time, and the last value for a constant one."""

    def found(velocity, approximation):
        branches = Branches(velocity, velocity)
        return sample(
            branches, 1.0, noise(), temporal_schedule(STEPS), Stage.MOTION, Progress(), approximation=approximation
        )

    for forecast, power in (("linear", 1), ("last", 0)):

        def velocity(latents, time, power=power):
            return torch.ones_like(latents) * (time / 1000).view(-1, 1, 1, 1) ** power

        skipped = found(velocity, Approximation(velocity_every=3, forecast=forecast))
        assert torch.allclose(skipped, found(velocity, Approximation()), atol=1e-6)


def test_a_linear_forecast_beats_the_last_velocity():
    exact, errors = run(Counted(), Approximation()), {}
    for forecast in ("last", "linear"):
        skipped = run(Counted(), Approximation(velocity_every=2, forecast=forecast))
        errors[forecast] = float((skipped - exact).abs().max())
    assert 0 < errors["linear"] < 0.5 * errors["last"]
