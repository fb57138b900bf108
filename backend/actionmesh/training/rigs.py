"""Whether characters that judge a training were in it: told by what identifies their rigs, not by names of files."""

from collections.abc import Iterable

from ..errors import InputError
from .track_file import Track


def shared_rigs(first: Iterable[Track], second: Iterable[Track]) -> list[tuple[Track, Track]]:
    """Pairs of a sequence of the first set and one of the second that share a rig, one pair for each of the second."""
    by_rig = {rig: track for track in first for rig in track.rigs}
    found = ((next((by_rig[rig] for rig in sorted(track.rigs) if rig in by_rig), None), track) for track in second)
    return [(one, other) for one, other in found if one is not None]


def require_unseen(training: Iterable[Track], validation: Iterable[Track]) -> None:
    """Raises InputError where a rig of the validation set is in the training set."""
    pairs = shared_rigs(training, validation)
    if pairs:
        one, other = pairs[0]
        problem = f"{other.path} has the rig of {one.path}, as have {len(pairs) - 1} more of its set."
        raise InputError(problem, "Take either out of its set.")
