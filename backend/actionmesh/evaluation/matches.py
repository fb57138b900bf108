"""The rows of match: the network's animation of the true mesh, matched to its clip and estimated camera as in a job."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np

from ..matching.film import make_film
from ..matching.graph import NODES
from ..matching.standing import Standing
from ..media.subject_crops import SubjectCrops
from ..protocol import Facing, Match
from ..stages.match import Matched, find_standing, match_to_clip
from .subjects import QUIET, Subject
from .variants import Answer, Task, Variant, animated

Made = TypeVar("Made")
MATCH_ROWS: dict[Match, str] = {Match.AUTO: "match", Match.REFINE: "refine", Match.TRACK: "track"}


def match_rows() -> dict[str, Variant]:
    """Return the rows by name: each way of match, and the way that a job would take."""
    return {name: partial(matched_row, way=way) for way, name in MATCH_ROWS.items()}


def as_animated(subject: Subject, task: Task) -> Answer:
    """Return the network's own animation, which all ways of match start from."""
    return remembered(subject, task.name, lambda: animated(subject, task))


def matched_row(subject: Subject, task: Task, way: Match) -> Answer:
    """Return the animation matched in one way; AUTO does not change a mesh that does not stand as frame 0 shows it."""
    network = as_animated(subject, task)
    vertices, faces = network.vertices, network.faces
    assert vertices is not None and faces is not None
    crops = crops_of_subject(subject)
    standing = remembered(subject, "standing", lambda: find_standing(vertices[0], faces, crops, 0, Facing.AUTO, QUIET))
    if way is Match.AUTO and not standing.agrees:
        return network
    chosen = remembered(subject, Match.AUTO, lambda: _matched(network, crops, standing, Match.AUTO))
    if way not in (Match.AUTO, chosen.way):
        chosen = remembered(subject, way, lambda: _matched(network, crops, standing, way))
    return Answer(chosen.vertices, faces)


def _matched(network: Answer, crops: SubjectCrops, standing: Standing, way: Match) -> Matched:
    assert network.vertices is not None and network.faces is not None
    frames = [float(frame) for frame in range(len(network.vertices))]
    film = make_film(crops)
    return match_to_clip(network.vertices, network.faces, frames, (0,), 0, film, standing, way, NODES, QUIET)


def crops_of_subject(subject: Subject) -> SubjectCrops:
    """Return a subject's frames as a job stores them; computed once."""
    return remembered(subject, "crops", lambda: crops_of(subject.frames))


def crops_of(frames: np.ndarray) -> SubjectCrops:
    """Return frames (T, H, W, 4) uint8 as a job stores them."""
    crops = SubjectCrops(*frames.shape[1:3])
    for frame in frames:
        crops.append(frame)
    return crops


def remembered(subject: Subject, name: str, make: Callable[[], Made]) -> Made:
    """Return the result of `make`, computed once per subject: its rows share the network's answer and the camera."""
    kept = subject.__dict__.setdefault("_matches", {})
    if name not in kept:
        kept[name] = make()
    return kept[name]
