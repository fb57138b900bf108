"""Which networks are on the device, and what happens to those that leave it."""

import weakref

import pytest
import torch
from torch import nn

from actionmesh.acceleration.float8 import Float8Linear
from actionmesh.memory import residence
from actionmesh.memory.residence import Residence, Waiting

CPU = torch.device("cpu")


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(16, 16), nn.BatchNorm1d(16), Float8Linear(torch.randn(32, 16), torch.randn(32))
    ).eval()


def tensors(network):
    return [*network.parameters(), *network.buffers()]


@torch.no_grad()
def test_a_network_comes_back_as_it_left():
    sleeper, x = network(), torch.randn(4, 16)
    before, names, first = sleeper(x), list(sleeper.state_dict()), tensors(sleeper)
    places = [tensor.data_ptr() for tensor in first]
    waiting = Waiting(sleeper)
    waiting.enter(CPU)
    assert [tensor.data_ptr() for tensor in tensors(sleeper)] == places, "it was there already"
    for _ in range(2):
        waiting.leave()
        copies = [tensor.data_ptr() for tensor in tensors(sleeper)]
        assert not set(copies) & set(places), "the device's memory is not held"
        waiting.leave()
        waiting.enter(CPU)
        assert torch.equal(sleeper(x), before) and list(sleeper.state_dict()) == names
    waiting.leave()
    assert [tensor.data_ptr() for tensor in tensors(sleeper)] == copies, "there is one copy, made once"


@pytest.fixture
def card(monkeypatch):
    """A visible fake of a card: its networks are in main memory all the time."""
    kept = Residence(torch.device("cuda"))
    monkeypatch.setattr(residence, "release_memory", lambda device: None)
    for name in ("first", "second"):
        kept.add(name, network())
    return kept


def test_networks_wait_where_main_memory_has_room(card, monkeypatch):
    monkeypatch.setattr(residence, "free_main_memory", lambda: 1 << 30)
    place = next(card.enter("first").parameters()).data_ptr()
    card.leave_room("second")
    assert sorted(card.held()) == ["first", "second"]
    assert next(card.enter("second").parameters()).data_ptr() != place
    monkeypatch.setattr(residence, "free_main_memory", lambda: 0)
    card.leave_room("second")
    assert "first" in card, "what waits already takes no more"


def test_networks_are_dropped_where_it_has_none(card, monkeypatch):
    monkeypatch.setattr(residence, "free_main_memory", lambda: 1000)
    card.leave_room("second")
    assert list(card.held()) == ["second"]


def test_from_main_memory_itself_networks_are_dropped():
    kept = Residence(CPU)
    kept.add("first", network())
    kept.add("second", network())
    kept.leave_room("second")
    assert "first" not in kept and "second" in kept and kept.held()["second"] > 0
    kept.clear()
    assert kept.held() == {}


@pytest.mark.parametrize("waits", [True, False])
def test_a_network_is_dropped_wherever_it_is(card, monkeypatch, waits):
    monkeypatch.setattr(residence, "free_main_memory", lambda: 1 << 30)
    monkeypatch.setattr(torch.accelerator, "empty_host_cache", lambda: None)
    if waits:
        card.leave_room("second")
    dropped = weakref.ref(card._networks["first"])
    card.drop("first")
    card.drop("third")
    assert list(card.held()) == ["second"] and dropped() is None
    card.add("first", network())
    assert card.enter("first") is not None, "another of its name is on the device"


def test_clearing_gives_pinned_memory_back_once_nothing_waits(card, monkeypatch):
    monkeypatch.setattr(residence, "free_main_memory", lambda: 1 << 30)
    card.leave_room("second")
    waiting, found = weakref.ref(card._waiting["first"]), []
    monkeypatch.setattr(torch.accelerator, "empty_host_cache", lambda: found.append(waiting()))
    card.clear()
    assert found == [None] and card.held() == {}
