"""Replayed calls: buffers, shapes, limits and fallbacks, on a fake of CUDA graphs; test_cuda.py tests real ones."""

import logging

import pytest
import torch

from actionmesh.acceleration import graphs
from actionmesh.acceleration.graphs import Replayed
from actionmesh.models.denoiser import ImageTo3DDenoiser
from actionmesh.sizes import SIZES

from .fake_graphs import FakeCuda


@pytest.fixture
def cuda(monkeypatch):
    return FakeCuda().install(monkeypatch)


class Counted:
    """The function x -> 2 x + shift, which counts its calls."""

    def __init__(self):
        self.calls = 0
        self.shift = torch.ones(1)

    def __call__(self, x, *others):
        self.calls += 1
        return 2 * x + self.shift


@torch.no_grad()
def test_a_replay_gives_the_result_for_its_own_inputs_and_runs_no_python(cuda):
    function = Counted()
    replayed = Replayed(function)
    results = [replayed(torch.full((3,), value)) for value in (1.0, 5.0, -2.0)]
    assert torch.equal(torch.stack(results)[:, 0], torch.tensor([3.0, 11.0, -3.0]))
    assert function.calls == 3 + 1 and len(cuda.graphs) == 1


@torch.no_grad()
def test_results_are_the_callers_and_inputs_stay_untouched(cuda):
    replayed, x = Replayed(Counted()), torch.ones(3)
    first = replayed(x)
    first.zero_()
    assert (
        torch.equal(replayed(x), torch.full((3,), 3.0))
        and torch.equal(first, torch.zeros(3))
        and torch.equal(x, torch.ones(3))
    )


@torch.no_grad()
def test_what_changes_in_place_is_seen(cuda):
    function = Counted()
    replayed = Replayed(function)
    replayed(torch.ones(3))
    function.shift.fill_(10.0)
    assert torch.equal(replayed(torch.ones(3)), torch.full((3,), 12.0))


@torch.no_grad()
def test_expanded_inputs_are_copied_whole(cuda):
    replayed = Replayed(lambda x, t: x * t[:, None])
    for time in (2.0, 7.0):
        assert torch.equal(replayed(torch.ones(4, 3), torch.tensor(time).expand(4)), torch.full((4, 3), time))


@torch.no_grad()
@pytest.mark.parametrize("other", [torch.ones(4), torch.ones(3, dtype=torch.float64), torch.ones(1, 3)])
def test_other_shapes_and_types_are_recorded_apart_and_share_memory(cuda, other):
    replayed = Replayed(Counted())
    for x in (torch.ones(3), other, 4 * torch.ones(3), 4 * other):
        assert torch.equal(replayed(x), 2 * x + 1)
    first, second = cuda.graphs
    assert second.given_pool == first.pool()


@torch.no_grad()
def test_no_more_shapes_are_recorded_than_allowed(cuda):
    function = Counted()
    replayed = Replayed(function, most_recordings=2)
    for size in (1, 2, 3, 4):
        assert torch.equal(replayed(torch.ones(size)), torch.full((size,), 3.0))
    assert len(cuda.graphs) == 2 and function.calls == 2 * (3 + 1) + 2


@torch.no_grad()
def test_a_failed_recording_is_told_once_and_gives_the_stream_back(cuda, caplog):
    before, replayed = cuda.current, Replayed(lambda x: x * x.sum().item())
    with caplog.at_level(logging.WARNING):
        results = [replayed(torch.full((2,), value)) for value in (1.0, 3.0)]
    assert torch.equal(torch.stack(results)[:, 0], torch.tensor([2.0, 18.0]))
    assert caplog.messages == [
        "Steps run without a CUDA graph: CUDA error: operation not permitted when stream is capturing"
    ]
    assert cuda.current is before and len(cuda.graphs) == 1


@torch.no_grad()
def test_a_failed_graph_is_kept_and_its_stream_is_not(cuda):
    stream = graphs.recording_stream(torch.device("cpu"))
    Replayed(lambda x: x * x.sum().item())(torch.ones(2))
    assert graphs._failed == cuda.graphs and not cuda.graphs[0].operations
    assert graphs.recording_stream(torch.device("cpu")) is not stream


@torch.no_grad()
def test_all_recordings_share_a_stream(cuda):
    for _ in range(3):
        Replayed(Counted())(torch.ones(3))
    assert len({id(stream) for stream in cuda.current.waits_for}) == 1 and len(cuda.graphs) == 3


@torch.no_grad()
def test_shapes_recorded_before_a_failure_are_replayed_on(cuda):
    replayed = Replayed(lambda x: x + 1 if len(x) == 1 else x + x.sum().item())
    for x in (torch.ones(1), torch.ones(2), torch.ones(1), torch.ones(3)):
        assert torch.equal(replayed(x), x + (1 if len(x) == 1 else x.sum()))
    assert len(cuda.graphs) == 2


def test_an_error_of_the_function_itself_reaches_the_caller(cuda):
    def fail(x):
        raise ValueError("an own fault")

    with pytest.raises(ValueError, match="an own fault"), torch.no_grad():
        Replayed(fail)(torch.ones(1))


def test_with_gradients_the_function_is_called_itself(cuda):
    x = torch.ones(3, requires_grad=True)
    Replayed(Counted())(x).sum().backward()
    assert torch.equal(x.grad, torch.full((3,), 2.0)) and not cuda.graphs


def test_recordings_made_in_inference_mode_serve_outside_it(cuda):
    replayed = Replayed(Counted())
    with torch.inference_mode():
        replayed(torch.ones(3))
    with torch.no_grad():
        assert torch.equal(replayed(2 * torch.ones(3)), torch.full((3,), 5.0))
    assert len(cuda.graphs) == 1


@torch.no_grad()
def test_off_the_graph_device_nothing_is_recorded():
    function = Counted()
    replayed = Replayed(function)
    replayed(torch.ones(3))
    replayed(torch.ones(3))
    assert function.calls == 2


def test_no_recordings_are_refused():
    with pytest.raises(ValueError, match="most_recordings is 0"):
        Replayed(Counted(), most_recordings=0)


@torch.no_grad()
def test_the_warm_up_and_the_recording_are_ordered_after_what_was_queued(cuda):
    main, replayed = cuda.current, Replayed(Counted())
    replayed(torch.ones(3))
    (side,) = main.waits_for
    assert side is not main and main in side.waits_for


@torch.no_grad()
def test_a_denoisers_steps_are_replayed(cuda):
    torch.manual_seed(0)
    sizes = SIZES["tiny"].image_to_3d
    denoiser = ImageTo3DDenoiser(sizes).eval()
    cache = denoiser.prepare(torch.randn(1, 5, sizes.cross_attention_dim))
    replayed = Replayed(lambda x, t: denoiser(x, t, cache))
    for time in (900.0, 400.0):
        x, t = torch.randn(1, 6, sizes.in_channels), torch.tensor([time])
        torch.testing.assert_close(replayed(x, t), denoiser(x, t, cache), rtol=0, atol=1e-6)
    assert len(cuda.graphs) == 1
