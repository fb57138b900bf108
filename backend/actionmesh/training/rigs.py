"""Check that no validation character is in the training data, by the identity of rigs, not by file names."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from ..errors import InputError
from ..track_file import Track


def shared_rigs(first: Iterable[Track], second: Iterable[Track]) -> list[tuple[Track, Track]]:
    """Return the sequences of the second set that share a rig with the first, each after one sequence of the first."""
    by_rig = {rig: track for track in first for rig in track.rigs}
    found = ((next((by_rig[rig] for rig in sorted(track.rigs) if rig in by_rig), None), track) for track in second)
    return [(one, other) for one, other in found if one is not None]


def require_unseen(training: Iterable[Track], validation: Iterable[Track]) -> None:
    """Raise InputError if a rig of the validation set is in the training set."""
    pairs = shared_rigs(training, validation)
    if pairs:
        one, other = pairs[0]
        problem = f"{other.path} has the rig of {one.path}, and so do {len(pairs) - 1} more files of its set."
        raise InputError(problem, "Remove one of them from its set.")


def rig_numbers(tracks: Sequence[Track]) -> Tensor:
    """Number sequences by rig (n): those that share a rig, also through others, get the same number.

    Files without rigs get a number each.
    """
    leader: dict[str, str] = {}

    def find(name: str) -> str:
        while leader.setdefault(name, name) != name:
            name = leader[name]
        return name

    first = [min(track.rigs, default=f"file:{track.path}") for track in tracks]
    for track, name in zip(tracks, first, strict=True):
        for other in track.rigs:
            leader[find(other)] = find(name)
    numbers: dict[str, int] = {}
    return torch.tensor([numbers.setdefault(find(name), len(numbers)) for name in first])
