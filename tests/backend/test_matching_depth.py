"""Depth that is corrected as the film corrects what is seen across the picture."""

import numpy as np
import pytest

from actionmesh.matching.camera import FilmCamera
from actionmesh.matching.depth import carry_into_depth, frames_around, shares_of, stretch
from actionmesh.matching.graph import make_graph

CAMERA = FilmCamera(0.3, -0.2, 0.1, 0.25, 20.0, (1.0, -2.0), (70.0, 20.0))
PHASE = np.linspace(0, 2 * np.pi, 12, endpoint=False)


@pytest.fixture(scope="module")
def rod():
    """A flat strip (120, 3) in model space, its triangles, and its graph."""
    places = np.stack([np.repeat(np.linspace(-1, 1, 40), 3), np.tile([-0.1, 0, 0.1], 40), np.zeros(120)], axis=1)
    row, column = (each.ravel() for each in np.mgrid[0:39, 0:2])
    corner = 3 * row + column
    faces = np.concatenate([np.stack([corner, corner + a, corner + b], axis=1) for a, b in ((1, 4), (4, 3))])
    return places, faces, make_graph(places, faces, 12)


def swung(places: np.ndarray, phase: np.ndarray, amount: float = 0.3) -> np.ndarray:
    """Return the strip (T, V, 3) swung around the origin in all three directions."""
    axis = np.array([0.2, 1.0, 0.7])
    axis /= np.linalg.norm(axis)
    angle = (amount * (np.sin(phase) - np.sin(phase[0])))[:, None, None]
    along = (places @ axis)[:, None] * axis
    return along + np.cos(angle) * (places - along) + np.sin(angle) * np.cross(axis, places)


def seen_right(guess: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the guess with the truth's film x and y: what refining makes of it at best."""
    film = np.stack([CAMERA.to_film(pose) for pose in truth])
    film[..., 2] = np.stack([CAMERA.to_film(pose) for pose in guess])[..., 2]
    return np.stack([CAMERA.to_model(pose) for pose in film])


def errors(poses: np.ndarray, truth: np.ndarray) -> float:
    return float(np.linalg.norm(poses - truth, axis=-1).mean())


@pytest.mark.parametrize("wrong", ["late", "small", "even"])
def test_depth_follows_what_was_seen(rod, wrong):
    places, _, graph = rod
    truth = swung(places, PHASE)
    guess = {
        "late": swung(places, np.concatenate([PHASE[:1], PHASE[1:] - 0.4])),
        "small": swung(places, PHASE, 0.2),
        "even": np.stack([truth[0], *[(truth[i - 1] + truth[i] + truth[(i + 1) % 12]) / 3 for i in range(1, 12)]]),
    }[wrong]
    refined = seen_right(guess, truth)
    carried = carry_into_depth(guess, refined, 0, (0,), graph, CAMERA)
    assert carried.dtype == np.float32 and errors(carried, truth) < 0.25 * errors(refined, truth)
    for pose, before in zip(carried, refined, strict=True):
        seen, where = (CAMERA.pixels(CAMERA.to_film(each)) for each in (pose, before))
        np.testing.assert_allclose(seen, where, atol=1e-3)


def test_known_frames_stay(rod):
    places, _, graph = rod
    truth, guess = swung(places, PHASE), swung(places, PHASE, 0.2)
    guess[[0, 5]] = truth[[0, 5]]
    refined = seen_right(guess, truth)
    carried = carry_into_depth(guess, refined, 0, (0, 5), graph, CAMERA)
    np.testing.assert_array_equal(carried[[0, 5]], refined[[0, 5]].astype(np.float32))
    assert np.abs(carried - refined)[3].max() > 0.01


def test_depth_that_would_stretch_the_mesh_stays(rod):
    """Ten times as much motion is seen as the networks made; ten times as much in depth would draw the strip out."""
    places, _, graph = rod
    front = FilmCamera(0.0, 0.0, 0.0, 0.0, 20.0, (0.0, 0.0), (70.0, 20.0))
    bend = np.sin(PHASE)[:, None, None] * places[:, :1]
    guess, refined = (places + bend * np.array([0, up, 0.2]) for up in (0.02, 0.2))
    assert carry_into_depth(guess, refined, 0, (0,), graph, front) is refined


def test_a_mesh_that_does_not_move_stays(rod):
    places, _, graph = rod
    still = np.repeat(places[None], 3, axis=0)
    moved = still + np.array([[[0, 0, 0]], [[0.1, 0, 0]], [[0.2, 0, 0]]])
    np.testing.assert_allclose(carry_into_depth(still, moved, 0, (0,), graph, CAMERA), moved, atol=1e-6)


def test_frames_around_are_the_nearest_thirty_two():
    assert [list(frames_around(frame, 3)) for frame in (0, 2)] == [[0, 1, 2]] * 2
    for frame, first in ((0, 0), (16, 0), (17, 1), (50, 34), (85, 68), (99, 68)):
        assert list(frames_around(frame, 100)) == list(range(first, first + 32))


def test_shares_make_one_motion_of_others():
    moved = np.array([[1.0, 0, 0, 0], [0, 1, 0, 0]])
    np.testing.assert_allclose(shares_of(moved, moved @ np.eye(4) @ [1, 2, 0, 0] @ moved, np.array([True, False])),
                               [1, 2], atol=0.01)  # fmt: skip
    np.testing.assert_array_equal(shares_of(0 * moved, moved[0], np.array([False, True])), [0, 1])


def test_stretch_is_a_share_of_the_length(rod):
    places, _, graph = rod
    poses = np.stack([places, 1.1 * places, places])
    assert stretch(poses, 0, graph) == pytest.approx(0.1 / 3)
