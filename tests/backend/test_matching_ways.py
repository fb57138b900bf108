"""The two ways of match on a sheet of 25 vertices, which moves across a film of 140 x 40 pixels by known pixels."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from actionmesh.matching.camera import FilmCamera
from actionmesh.matching.film import Film
from actionmesh.matching.graph import make_graph
from actionmesh.matching.refine import Refiner, refine_poses
from actionmesh.matching.track import join_poses, track_mesh

CAMERA = FilmCamera(0.0, 0.0, 0.0, 0.0, 20.0, (0.0, 0.0), (70.0, 20.0))
"""Parallel rays along -Z; twenty pixels a unit."""
ROWS, COLUMNS = np.mgrid[0:5, 0:5]
SHEET = np.stack([COLUMNS / 4 - 0.5, ROWS / 4 - 0.5, np.zeros((5, 5))], axis=-1).reshape(-1, 3).astype(np.float32)
CORNERS = (5 * ROWS[:-1, :-1] + COLUMNS[:-1, :-1]).ravel()
FACES = np.concatenate(
    [np.stack([CORNERS, CORNERS + a, CORNERS + b], axis=1) for a, b in ((1, 6), (6, 5))], dtype=np.int32
)


def moved(pixels: float, down: float = 0.0) -> np.ndarray:
    """Return the sheet, moved in the picture."""
    return SHEET + np.float32([pixels, -down, 0]) / 20


def filmed(shifts) -> Film:
    """Return a film of the sheet, which begins at column 60 plus each frame's shift; None hides it."""
    pictures, masks = np.zeros((len(shifts), 40, 140, 3), np.uint8), np.zeros((len(shifts), 40, 140), bool)
    y, x = np.mgrid[0:20, 0:20]
    colours = np.stack([120 + 100 * np.sin(x / 2.5) * np.cos(y / 3), 10 * x, 200 - 8 * y], axis=-1)
    for frame, shift in enumerate(shifts):
        if shift is not None:
            pictures[frame, 10:30, 60 + shift : 80 + shift], masks[frame, 10:30, 60 + shift : 80 + shift] = (
                colours,
                True,
            )
    return Film(pictures, masks, (0.0, 0.0), 1.0, (40, 140), 0)


def found_by(way, shifts, poses, known=(0,), **options) -> tuple[np.ndarray, int]:
    """Return a way's poses, and how often it told of a step."""
    graph, calls = make_graph(SHEET.astype(np.float64), FACES, 9), []
    found = way(poses, known[0], known, FACES, filmed(shifts), CAMERA, graph, lambda: calls.append(1), **options)
    return found, len(calls)


def pixels_off(found: np.ndarray, shifts) -> np.ndarray:
    """Return the largest distance of a vertex from where it belongs, in pixels, in each frame."""
    truth = np.stack([moved(shift) for shift in shifts])
    return 20 * np.linalg.norm(found - truth, axis=-1).max(axis=1)


@pytest.mark.parametrize("way", [refine_poses, track_mesh, join_poses])
def test_a_sheet_is_brought_to_where_the_film_shows_it(way):
    shifts = (0, 1, 2, 3)
    found, steps = found_by(way, shifts, np.repeat(moved(0)[None], 4, axis=0))
    assert pixels_off(found, shifts).max() < 0.15 and found.dtype == np.float32
    assert steps == 3 * {refine_poses: 4, track_mesh: 5, join_poses: 3}[way]


@pytest.mark.parametrize("way", [refine_poses, track_mesh, join_poses])
def test_known_poses_stay_and_the_frames_between_them_are_found(way):
    """A known pose lies 3 pixels below what its frame shows; it is believed, and pulls at its neighbours a little."""
    shifts, poses = (0, 2, 4, 6, 8), np.repeat(moved(4)[None], 5, axis=0)
    poses[4] = moved(8, down=3)
    found, steps = found_by(way, shifts, poses, (2, 4))
    np.testing.assert_array_equal(found[[2, 4]], poses[[2, 4]])
    assert pixels_off(found, shifts)[[0, 1, 3]].max() < 0.5
    assert steps == 3 * {refine_poses: 4, track_mesh: 5, join_poses: 3}[way]


@pytest.mark.parametrize("step", [30, -30])
@pytest.mark.parametrize("known", [(0, 1), (4, 3)])
def test_steady_motion_is_followed_further_than_flow_leads(step, known):
    """The sheet moves by more than its size from frame to frame, as two known poses show."""
    shifts = [step * frame for frame in range(-2, 3)]
    poses = np.repeat(moved(shifts[known[1]])[None], 5, axis=0)
    poses[known[0]] = moved(shifts[known[0]])
    assert pixels_off(found_by(track_mesh, shifts, poses, known)[0], shifts).max() < 0.5
    assert pixels_off(found_by(track_mesh, shifts, poses, known, moves_on=False)[0], shifts).max() > 15


HIDDEN = [
    ((0, 2, None, 6, 12), (0,), 2, (2, 6)),
    ((0, None, 6, 6, 12), (0,), 1, (0, 6)),
    ((0, 2, 4, None), (0,), 3, (4,)),
    ((None, 2, 4, 8), (1,), 0, (2,)),
]
"""Films in which the sheet is hidden in one frame: shifts, the known frame, that frame, and its neighbours' shifts."""


@pytest.mark.parametrize(("shifts", "known", "hidden", "near"), HIDDEN)
def test_a_frame_without_the_subject_is_tracked_to_the_middle_of_its_neighbours(shifts, known, hidden, near):
    poses = np.repeat(moved(shifts[known[0]])[None], len(shifts), axis=0)
    found, _ = found_by(track_mesh, shifts, poses, known)
    assert pixels_off(found[[hidden]], [np.mean(near)]).max() < 0.25


@pytest.mark.parametrize(("shifts", "known", "hidden", "near"), HIDDEN)
def test_a_frame_without_the_subject_is_refined_like_its_neighbours(shifts, known, hidden, near):
    """Their move weighs ten times as much as the networks' pose, which is where the known pose is."""
    start = shifts[known[0]]
    found, _ = found_by(refine_poses, shifts, np.repeat(moved(start)[None], len(shifts), axis=0), known)
    assert pixels_off(found[[hidden]], [start + 10 / 11 * (np.mean(near) - start)]).max() < 0.25


def test_refining_gives_way_to_the_frame_step_by_step(monkeypatch):
    """Rigidity is four times the usual at first, falls by the same factor and ends at the usual."""
    used, step = [], Refiner.step
    monkeypatch.setattr(Refiner, "step", lambda *inputs: (used.append(inputs[2].rigidity), step(*inputs)))
    found_by(refine_poses, (0, 1), np.repeat(moved(0)[None], 2, axis=0))
    assert used == pytest.approx([400, 400 / 4 ** (1 / 3), 400 / 4 ** (2 / 3), 100])


def test_the_networks_motion_leads_to_a_frame_unless_it_may_not():
    """The sheet leaps by several times its size; the guesses are right but for 3 pixels."""
    shifts = (-40, 30, 30)
    poses = np.stack([moved(-40), moved(27), moved(27)])
    lost = np.repeat(moved(-40)[None], 3, axis=0)
    assert pixels_off(found_by(track_mesh, shifts, poses)[0], shifts).max() < 0.5
    one, other = (found_by(track_mesh, shifts, each, moves_on=False)[0] for each in (poses, lost))
    np.testing.assert_array_equal(one, other)
    assert pixels_off(one, shifts)[1] > 5


def test_a_guess_that_explains_the_frame_worse_is_not_followed():
    """The guesses lie outside the picture, from where nothing leads back."""
    shifts = (0, 1, 2)
    poses = np.stack([moved(0), moved(-300), moved(300)])
    assert pixels_off(found_by(track_mesh, shifts, poses)[0], shifts).max() < 0.15


@pytest.mark.parametrize(("way", "least", "most"), [(refine_poses, 1.3, 3), (track_mesh, 8.5, 12), (join_poses, 6, 9)])
def test_how_far_size_brings_a_sheet_nearer(way, least, most):
    """A sheet at 80 pixels that is seen 1.2 times as large is 80 (1 - 1 / 1.2) = 13.3 pixels nearer, or stretched.

    The networks' depth is all but kept; tracking lets rigidity decide on most of it, and joint passes after refining
    on about half.
    """
    film = filmed((0, None))
    film.pictures[1, 8:32, 58:82] = cv2.resize(film.pictures[0, 10:30, 60:80], (24, 24))
    film.masks[1, 8:32, 58:82] = True
    graph = make_graph(SHEET.astype(np.float64), FACES, 9)
    camera, still = replace(CAMERA, inverse_distance=0.25), np.repeat(SHEET[None], 2, axis=0)
    found = way(still, 0, (0,), FACES, film, camera, graph, lambda: None)
    assert least < 20 * (found[1] - SHEET)[:, 2].mean() < most
