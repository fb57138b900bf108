"""Orders of convergence against the exact flow of a Gaussian target, and functions that solvers integrate exactly."""

from math import inf, log2

import pytest
import torch

from actionmesh.progress import Progress
from actionmesh.protocol import Stage
from actionmesh.sampling.approximation import Approximation
from actionmesh.sampling.guidance import Branches
from actionmesh.sampling.sampler import sample
from actionmesh.sampling.schedules import Schedule, image_to_3d_schedule, temporal_schedule
from actionmesh.sampling.solvers import corrector_weights, make_solver

MEAN, DEVIATION = 0.7, 0.4


def variance(sigma):
    return ((1 - sigma) * DEVIATION) ** 2 + sigma**2


def gaussian_velocity(latents, time):
    """Return E[x0 - noise | x] for x0 with MEAN and DEVIATION."""
    sigma = (time / 1000).view(-1, 1, 1)
    centred = latents - (1 - sigma) * MEAN
    return MEAN + ((1 - sigma) * DEVIATION**2 - sigma) / variance(sigma) * centred


def gaussian_flow(noise, sigma):
    """Return `noise` after the exact flow from s = 1 to `sigma`."""
    return (1 - sigma) * MEAN + variance(sigma) ** 0.5 * noise


def error(solver, schedule):
    noise = torch.linspace(-2, 2, 9, dtype=torch.float64).view(1, 3, 3)
    branches = Branches(gaussian_velocity, gaussian_velocity)
    found = sample(branches, 1.0, noise, schedule, Stage.MOTION, Progress(), approximation=Approximation(solver=solver))
    return float((found - gaussian_flow(noise, schedule.final_time / 1000)).abs().max())


@pytest.mark.parametrize(
    "make", [temporal_schedule, image_to_3d_schedule, lambda steps: image_to_3d_schedule(steps, 2.0)]
)
@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("ab2", 2), ("unipc", 2)])
def test_the_error_falls_by_the_order(solver, order, make):
    """It is averaged over three halvings, because the error of UniPC has two parts of different sign."""
    measured = log2(error(solver, make(80)) / error(solver, make(640))) / 3
    assert order - 0.15 < measured < order + 0.2


@pytest.mark.parametrize("make", [temporal_schedule, image_to_3d_schedule])
@pytest.mark.parametrize("solver", ["ab2", "unipc"])
def test_second_order_is_nearer_than_euler_at_the_same_steps(solver, make):
    for steps in (10, 15, 30):
        assert error(solver, make(steps)) < 0.95 * error("euler", make(steps))


def unequal():
    """Return a schedule with five intermediate noise levels and unequal steps."""
    sigmas = torch.tensor([0.9, 0.7, 0.6, 0.3, 0.2, 0.05], dtype=torch.float64)
    return Schedule(1000 * sigmas[:-1], sigmas[:-1] - sigmas[1:], float(1000 * sigmas[-1])), sigmas.tolist()


def test_adams_bashforth_integrates_lines_exactly_on_unequal_steps():
    """This holds between the first and the last step, which are Euler's."""
    schedule, sigmas = unequal()
    solver, latents = make_solver("ab2", schedule), torch.zeros(1, dtype=torch.float64)
    path = [latents := solver.step(latents, torch.full((1,), 1 - 2 * sigma), i) for i, sigma in enumerate(sigmas[:-1])]
    found = float(path[3] - path[0])
    assert found == pytest.approx((sigmas[1] - sigmas[4]) - (sigmas[1] ** 2 - sigmas[4] ** 2), rel=1e-6)


def test_data_that_stands_still_is_reached_exactly():
    """UniPC's step is exact for a constant x0, however large the step; Euler's is too."""
    schedule, sigmas = unequal()
    noise, clean = torch.tensor([1.5], dtype=torch.float64), torch.tensor([-0.4], dtype=torch.float64)
    for name in ("unipc", "euler"):
        solver, latents = make_solver(name, schedule), (1 - sigmas[0]) * clean + sigmas[0] * noise
        for i in range(5):
            latents = solver.step(latents, clean - noise, i)
        assert torch.allclose(latents, (1 - sigmas[5]) * clean + sigmas[5] * noise, atol=1e-7)


def weighted_mean(power, begin, end):
    """Return the mean of (lambda - begin)^power from begin to end, weighted by e^lambda, by the midpoint rule."""
    nodes = begin + (end - begin) * (torch.arange(100_000, dtype=torch.float64) + 0.5) / 100_000
    weights = torch.exp(nodes - end)
    return float(((nodes - begin) ** power * weights).sum() / weights.sum())


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize(("earlier", "begin", "end"), [(-3.0, -2.0, -1.5), (0.1, 0.3, 1.4), (0.0, 2.0, 5.0)])
def test_the_corrector_integrates_parabolas_of_lambda_exactly(power, earlier, begin, end):
    of_earlier, of_end = corrector_weights(earlier, begin, end)
    found = of_earlier * (earlier - begin) ** power + of_end * (end - begin) ** power
    assert found == pytest.approx(weighted_mean(power, begin, end), rel=1e-6)


def test_the_corrector_has_a_limit_where_the_noise_is_pure():
    far, limit = corrector_weights(-1e7, -1.0, 0.5), corrector_weights(-inf, -1.0, 0.5)
    assert far == pytest.approx(limit, abs=1e-6) and limit[0] == 0


@pytest.mark.parametrize("solver", ["ab2", "unipc"])
def test_after_a_restart_the_next_step_is_eulers(solver):
    schedule, sigmas = unequal()
    stepping, latents = make_solver(solver, schedule), torch.ones(2, dtype=torch.float64)
    latents = stepping.step(stepping.step(latents, torch.ones(2), 0), 2 * torch.ones(2), 1)
    stepping.restart()
    found = stepping.step(latents, -torch.ones(2), 2)
    assert torch.allclose(found, latents - (sigmas[2] - sigmas[3]))


def test_the_flow_starts_from_its_noise():
    """The exact flow that these tests rely on starts at the noise and follows the velocity."""
    noise = torch.linspace(-2, 2, 9, dtype=torch.float64).view(1, 3, 3)
    assert torch.allclose(gaussian_flow(noise, 1.0), noise)
    sigma, step = 0.6, 1e-5
    slope = (gaussian_flow(noise, sigma + step) - gaussian_flow(noise, sigma - step)) / (2 * step)
    time = torch.tensor([1000 * sigma], dtype=torch.float64)
    assert torch.allclose(-slope, gaussian_velocity(gaussian_flow(noise, sigma), time), atol=1e-8)
