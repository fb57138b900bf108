"""The host runs at most one step ahead of a GPU. Events here are a visible fake; `test_cuda.py` has real ones."""

import torch

from actionmesh.sampling.pace import Pace


class Events:
    """Fake events for torch.cuda that record what happens to them."""

    def __init__(self, monkeypatch):
        self.told = []
        monkeypatch.setattr(torch.cuda, "Event", lambda: Event(self.told))
        monkeypatch.setattr(torch.cuda, "current_stream", lambda device: f"stream of {device}")


class Event:
    def __init__(self, told):
        self.told, self.number = told, sum(name == "made" for name, _ in told)
        told.append(("made", self.number))

    def record(self, stream):
        self.told.append((stream, self.number))

    def synchronize(self):
        self.told.append(("waited for", self.number))


def test_a_step_is_given_before_the_one_before_is_waited_for(monkeypatch):
    events, pace = Events(monkeypatch), Pace(torch.device("cuda", 1))
    for _ in range(3):
        pace.step()
    assert [step for step in events.told if step[0] != "made"] == [
        ("stream of cuda:1", 0),
        ("stream of cuda:1", 1),
        ("waited for", 0),
        ("stream of cuda:1", 2),
        ("waited for", 1),
    ]


def test_the_processor_is_not_waited_for(monkeypatch):
    events, pace = Events(monkeypatch), Pace(torch.device("cpu"))
    pace.step()
    assert events.told == []
