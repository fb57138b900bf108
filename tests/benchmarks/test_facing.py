"""The benchmark of facing: the direction that it compares, and what it counts."""

import numpy as np
import pytest

from actionmesh.progress import Progress
from actionmesh.protocol import Facing
from actionmesh.stages.match import find_standing
from benchmarks.facing import direction, summary, view_of
from tests.backend.matching_film import act


def test_direction_is_that_of_the_camera():
    acted = act(yaw=np.radians(70), frames=2)
    standing = find_standing(acted.vertices[0], acted.faces, acted.crops, 0, Facing.AUTO, Progress())
    assert np.degrees(np.arccos(direction(standing) @ acted.camera.axes[2])) < 3
    found = view_of(acted.vertices[0], acted.faces, acted.crops, acted.camera.axes[2])
    assert found["agrees"] and found["degrees"] < 3 and found["yaw"] < 3 and found["pitch"] < 3
    away = view_of(acted.vertices[0], acted.faces, acted.crops, -acted.camera.axes[2])
    assert away["degrees"] > 177 and away["yaw"] > 177


def view(degrees: float, agrees: bool = True, doubtful: float | None = None) -> dict:
    return {"degrees": degrees, "yaw": degrees, "pitch": 0.5, "agrees": agrees, "doubtful": doubtful}


def test_wrong_views_count_as_told_or_silent():
    found = [
        {"first_pose": view(1), "other_pose": view(2)},
        {"first_pose": view(3), "other_pose": view(90, agrees=False)},
        {"first_pose": view(170, doubtful=10.0), "other_pose": view(150)},
        {"first_pose": view(170)},
    ]
    first, other = summary(found).splitlines()
    assert first == (
        "First pose: 2 of 4 right, yaw 2.00 and pitch 0.50 degrees off (median); 1 of 2 wrong ones with a warning."
    )
    assert other == "Other pose: 1 of 3 warned, 1 wrong without a warning."


@pytest.mark.parametrize("degrees", [0, 19, 21])
def test_a_view_is_right_within_twenty_degrees(degrees):
    told = summary([{"first_pose": view(1)}, {"first_pose": view(degrees)}])
    assert told.startswith(f"First pose: {2 if degrees < 20 else 1} of 2 right")
