"""The search for the camera and the side that is seen, on a mesh of three boxes in a film of 100 x 100 pixels."""

from dataclasses import replace

import numpy as np
import pytest
import trimesh

from actionmesh.errors import Cancelled
from actionmesh.matching import standing
from actionmesh.matching.camera import FilmCamera
from actionmesh.matching.creases import crease_agreement
from actionmesh.matching.film import Film, Outline
from actionmesh.matching.search import AROUND, FRONT, ContourPairs, Prior, View, contour_cost, find_views, refine
from actionmesh.matching.silhouette import Scene
from actionmesh.matching.standing import stand, turn_of
from actionmesh.protocol import Facing

CAMERA = FilmCamera(0.2, 0.1, 0.03, 0.2, 50.0, (3.0, -2.0), (50.0, 50.0))
FLAT = FilmCamera(0.0, 0.0, 0.0, 0.0, 10.0, (0.0, 0.0), (10.0, 10.0))
"""Parallel rays along -Z; ten pixels a unit, and the origin in the middle of 20 x 20 pixels."""
CLOSE = np.array([0.03, 0.03, 0.01, 0.03, 0.4, 0.3, 0.3])
"""How far the seven numbers of a camera may be off: the outline is known to a pixel."""


def boxes() -> tuple[np.ndarray, np.ndarray]:
    """Return the vertices and faces of a tall box with one on its right and one in front; longest side 1.5."""
    mesh = trimesh.util.concatenate(
        [
            trimesh.creation.box((0.6, 1.5, 0.5)),
            trimesh.creation.box((0.5, 0.2, 0.3)).apply_translation((0.4, 0.3, 0.1)),
            trimesh.creation.box((0.2, 0.3, 0.5)).apply_translation((-0.1, 0.1, 0.4)),
        ]
    )
    vertices = np.array(mesh.vertices, np.float32)
    return vertices - (vertices.max(axis=0) + vertices.min(axis=0)) / 2, np.array(mesh.faces, np.int32)


VERTICES, FACES = boxes()


def filmed(camera: FilmCamera = CAMERA, side: int = 100, sharpness: float = 1.0) -> Film:
    """Return a frame in which each face of the boxes has the colour of its normal."""
    sight = Scene(VERTICES, FACES).sight(camera, (side, side))
    a, b, c = np.moveaxis(VERTICES[FACES[sight.face]], 1, 0)
    normals = np.cross(b - a, c - a)
    picture = np.zeros((side * side, 3), np.uint8)
    picture[sight.pixel] = 127 + 100 * normals / np.linalg.norm(normals, axis=1, keepdims=True)
    frame = round(side / sharpness)
    pictures, masks = picture.reshape(1, side, side, 3), sight.mask[None]
    return Film(pictures, masks, (0.0, 0.0), sharpness, (frame, frame), 0, sharpness)


def off(camera: FilmCamera, truth: FilmCamera = CAMERA) -> np.ndarray:
    """Return by how much the numbers of a camera differ, as shares of CLOSE."""
    apart = camera.numbers - truth.numbers
    apart[0] = (apart[0] + np.pi) % (2 * np.pi) - np.pi
    return np.abs(apart) / CLOSE


# Views.


@pytest.mark.parametrize(("starts", "count", "tried"), [(FRONT, 2, 20 + 5 + 2), (AROUND, 5, 48 + 8 + 5)])
def test_the_camera_is_found_among_the_starts(starts, count, tried):
    calls: list[int] = []
    views = find_views(VERTICES, FACES, filmed(), 0, starts, lambda: calls.append(1))
    assert len(views) == count and len(calls) == tried
    assert off(views[0].camera).max() < 1
    assert views[0].overlap > 0.99 and views[0].cost < 0.03 and views[0].creases > 0.95
    assert all(view.cost > 0.1 and view.overlap < 0.98 and view.creases < 0.5 for view in views[1:])


def test_the_opposite_of_the_best_view_is_among_those_from_around():
    views = find_views(VERTICES, FACES, filmed(), 0, AROUND)
    found = views[0].camera
    opposite = replace(found, yaw=found.yaw + np.pi, pitch=-found.pitch, roll=-found.roll)
    turns = [np.degrees(np.arccos(np.clip(view.camera.axes[2] @ opposite.axes[2], -1, 1))) for view in views]
    assert min(turns) < 10


def test_costs_are_in_pixels_of_the_usual_size_and_a_sharper_film_tells_more():
    sharp = replace(CAMERA, scale=100.0, shift=(6.0, -4.0), principal=(100.0, 100.0))
    film = filmed(sharp, 200, 2.0)
    scene, outline = Scene(VERTICES, FACES), film.outline(0)
    for view in find_views(VERTICES, FACES, film, 0, FRONT):
        assert off(view.camera.rescaled(0.5, (0.0, 0.0))).max() < 0.5 and view.cost < 0.01
        assert view.cost == pytest.approx(contour_cost(scene, VERTICES, FACES, outline, view.camera, 3.0) / 4)


def test_a_search_can_be_stopped():
    def check() -> None:
        raise Cancelled()

    with pytest.raises(Cancelled):
        find_views(VERTICES, FACES, filmed(), 0, FRONT, check)


# Steps.


@pytest.mark.parametrize("index", range(7))
@pytest.mark.parametrize("sign", [-1, 1])
def test_steps_undo_a_change_of_each_number(index, sign):
    """On a film as sharp as the search's: at the usual sharpness some steps end a quarter of a pixel away."""
    sharp = standing.SHARPNESS
    film, scene = filmed(CAMERA.rescaled(sharp, (0.0, 0.0)), round(100 * sharp), sharp), Scene(VERTICES, FACES)
    outline = film.outline(0)
    change = np.zeros(7)
    change[index] = sign * (0.12, 0.12, 0.08, 0.1, 4.0, 4.0, 4.0)[index]
    start = CAMERA.with_numbers(CAMERA.numbers + change).rescaled(sharp, (0.0, 0.0))
    coarse = refine(scene, VERTICES, FACES, outline, start, 6, 8.0 * sharp, Prior())
    found = refine(scene, VERTICES, FACES, outline, coarse, 25, 1.5 * sharp, Prior())
    assert off(found.rescaled(1 / sharp, (0.0, 0.0))).max() < 0.5
    assert contour_cost(scene, VERTICES, FACES, outline, found, 1.5 * sharp) / sharp**2 < 0.01


class Farther(Prior):
    """A prior that likes no distance at all: it pulls 1 / distance below 0."""

    def residuals(self, camera: FilmCamera) -> np.ndarray:
        return (camera.numbers - (0, 0, 0, -1, 0, 0, 0)) / self.width


def test_a_camera_goes_no_farther_than_parallel_rays():
    parallel = replace(CAMERA, inverse_distance=0.0)
    film, scene = filmed(parallel), Scene(VERTICES, FACES)
    start = replace(parallel, inverse_distance=0.05)
    found = refine(scene, VERTICES, FACES, film.outline(0), start, 25, 1.5, Farther())
    assert found.inverse_distance == 0 and off(found, parallel).max() < 1


def test_what_is_not_seen_has_no_step_and_no_end_of_cost():
    film, scene = filmed(), Scene(VERTICES, FACES)
    away = replace(CAMERA, shift=(900.0, 0.0))
    assert contour_cost(scene, VERTICES, FACES, film.outline(0), away, 1.5) == np.inf
    assert refine(scene, VERTICES, FACES, film.outline(0), away, 25, 1.5, Prior()) is away


def test_distances_of_contours_are_in_pixels_in_both_directions():
    """A square of 10 pixels stands 2 pixels left of the mask; on the corners' rows the mask's other side is nearer."""
    vertices = np.array([(-0.5, -0.5, 0), (0.5, -0.5, 0), (0.5, 0.5, 0), (-0.5, 0.5, 0)], np.float32)
    faces = np.array([(0, 1, 2), (0, 2, 3)], np.int32)
    mask = np.zeros((20, 20), bool)
    mask[5:15, 7:17] = True
    pairs = ContourPairs(Scene(vertices, faces), vertices, faces, Outline(mask), FLAT)
    residuals = pairs.residuals(FLAT)
    assert pairs.count == 36 and len(residuals) == 72
    columns, rows = np.rint(10 * pairs.points[:, :2].T * [[1], [-1]] + 9.5).astype(int)
    by_place = dict(zip(zip(columns, rows, strict=True), residuals[:36], strict=True))
    assert [by_place[5, row] for row in range(5, 15)] == pytest.approx([2] * 10, abs=0.01)
    assert [by_place[14, row] for row in range(5, 15)] == pytest.approx([0, -1, *[-2] * 6, -1, 0], abs=0.01)
    assert by_place[10, 5] == pytest.approx(0, abs=0.01)
    back = residuals[36:].reshape(-1)
    assert back.max() == pytest.approx(2, abs=0.02) and back.min() == pytest.approx(-2, abs=0.02)
    assert pairs.shares == pytest.approx(np.full(72, 0.5 / 36))
    assert pairs.cost(FLAT, 1e6) == pytest.approx((residuals**2).mean())


def test_the_prior_counts_each_number_by_its_width():
    """The widths are 14, 14 and 4 degrees and 0.15; scale and shift are free, and yaw is where no side is known."""
    camera = FilmCamera(*np.radians((14.0, 28.0, -4.0)), 0.35, 90.0, (4.0, -3.0), (0.0, 0.0))
    assert Prior().residuals(camera) == pytest.approx([1, 2, -1, 1, 0, 0, 0])
    assert Prior().cost(camera) == pytest.approx(7) and Prior(yaw=False).cost(camera) == pytest.approx(6)


# Creases.


def roof(ridge: float, height: float = 0.4) -> tuple[np.ndarray, np.ndarray]:
    """Return a square of two units that folds along `ridge`."""
    places = [(x, y, height * (x == ridge)) for x in (-1, ridge, 1) for y in (-1, 1)]
    return np.array(places, np.float32), np.array([(0, 2, 1), (1, 2, 3), (2, 4, 3), (3, 4, 5)], np.int32)


def two_colours(edge: int, one: int = 90, other: int = 200, outside: int = 0) -> Film:
    """Return a frame of 44 x 40 pixels whose subject of 20 x 20 pixels changes its colour at a column."""
    picture, mask = np.full((1, 40, 44, 3), outside, np.uint8), np.zeros((1, 40, 44), bool)
    mask[0, 10:30, 10:30] = True
    picture[0, 10:30, 10:edge], picture[0, 10:30, edge:30] = one, other
    return Film(picture, mask, (0.0, 0.0), 1.0, (40, 44), 0)


def agreement(ridge: float, film: Film, height: float = 0.4, size: float = 1.0) -> float:
    vertices, faces = roof(ridge, height)
    camera = replace(FLAT, scale=10.0 * size, principal=(20.0, 20.0))
    return crease_agreement(Scene(vertices, faces), vertices, faces, film, 0, camera)


def test_edges_agree_with_the_creases_where_they_lie():
    assert agreement(0.0, two_colours(20)) > 0.97 and agreement(0.3, two_colours(23)) > 0.97
    assert 0.3 < agreement(0.0, two_colours(21)) < 0.95
    assert -0.4 < agreement(0.0, two_colours(24)) < 0 and -0.4 < agreement(0.3, two_colours(17)) < 0


def test_faces_may_be_wound_either_way():
    vertices, faces = roof(0.0)
    camera, film = replace(FLAT, principal=(20.0, 20.0)), two_colours(20)
    wound = np.concatenate([faces[:2, ::-1], faces[2:]])
    one, other = (crease_agreement(Scene(vertices, each), vertices, each, film, 0, camera) for each in (faces, wound))
    assert one == pytest.approx(other, abs=1e-6)


def test_the_outline_s_own_edge_does_not_count():
    assert agreement(0.0, two_colours(20, outside=255)) == pytest.approx(agreement(0.0, two_colours(20)), abs=0.03)


def test_there_is_no_agreement_without_creases_edges_or_pixels():
    """The mesh fills the picture, and then only 10 or 12 of its columns."""
    film, plain = (two_colours(20, 90, other) for other in (200, 90))
    film.masks[:], plain.masks[:] = True, True
    film.pictures[:, :, :20], film.pictures[:, :, 20:], plain.pictures[:] = 90, 200, 90
    assert agreement(0.0, film, size=2.5) > 0.97
    assert agreement(0.0, film, height=0.0, size=2.5) == 0 and agreement(0.0, plain, size=2.5) == 0
    assert agreement(0.0, film, size=0.5) == 0 and agreement(0.0, film, size=0.6) > 0.8


# Which side is seen.


def seen(yaw: float, cost: float, creases: float) -> View:
    camera = FilmCamera(np.radians(yaw), 0.0, 0.0, 0.2, 80.0, (6.0, -4.0), (60.0, 60.0))
    return View(camera, 0.97, cost, creases)


IN_FRONT = seen(3, 0.05, 0.0)


@pytest.fixture
def stands(monkeypatch):
    """Return how the boxes stand if the search around them finds the given views."""

    def stand_with(*views: View, facing: Facing = Facing.AUTO):
        monkeypatch.setattr(
            standing, "find_views", lambda *inputs: list(views) if inputs[4] is AROUND else [IN_FRONT, seen(9, 1, 1)]
        )
        return stand(VERTICES, FACES, filmed(), facing)

    return stand_with


@pytest.mark.parametrize(
    "views",
    [
        (seen(40, 0.099, 0.0),),
        (seen(40, 0.099, 0.1), seen(220, 0.099, 0.14)),
        (seen(40, 0.099, 0.16), seen(220, 0.2, 0.9)),
        (seen(40, 0.101, 0.3), seen(220, 0.31, 0.29)),
        (seen(40, 0.199, 0.3), seen(61, 0.6, 0.29), seen(220, 0.6, 0.29)),
        (seen(40, 0.199, 0.3), seen(55, 0.2, 0.4)),
    ],
)
def test_a_view_is_trusted_that_is_exact_or_stands_out(stands, views):
    found = stands(*views)
    assert found.yaw == pytest.approx(40) and found.view.camera.yaw == 0
    np.testing.assert_allclose(found.turn, turn_of(40), atol=1e-12)
    assert found.view.camera.scale == 40 and found.view.camera.shift == (3, -2)


@pytest.mark.parametrize(
    "views",
    [
        (seen(40, 0.099, 0.1), seen(220, 0.099, 0.16)),
        (seen(40, 0.101, 0.29),),
        (seen(40, 0.201, 0.9),),
        (seen(40, 0.101, 0.3), seen(220, 0.30, 0.29)),
        (seen(40, 0.101, 0.3), seen(61, 0.30, 0.29)),
        (seen(40, 0.101, 0.3), seen(220, 0.31, 0.31)),
    ],
)
def test_any_other_view_is_not_and_the_documented_front_is_taken(stands, views):
    found = stands(*views)
    assert found.yaw == 0 and found.turn is None and found.doubtful is None
    assert found.view.camera == IN_FRONT.camera.rescaled(0.5, (0.0, 0.0))


def test_yaws_are_told_between_half_turns(stands):
    found = stands(seen(200, 0.05, 0.9), seen(350, 0.05, 0.8))
    assert found.yaw == pytest.approx(-160) and found.doubtful == pytest.approx(-10)


@pytest.mark.parametrize(
    ("other", "doubted"),
    [
        (seen(220, 0.089, 0.71), True),
        (seen(220, 0.091, 0.71), False),
        (seen(220, 0.05, 0.69), False),
        (seen(59, 0.05, 0.9), False),
        (seen(61, 0.05, 0.9), True),
    ],
)
def test_a_side_that_explains_the_frame_as_well_leaves_a_doubt(stands, other, doubted):
    """As well means up to 1.6 times the cost plus 0.01, with more than 0.7 of the creases, over 20 degrees away."""
    found = stands(seen(40, 0.05, 1.0), other)
    assert found.yaw == pytest.approx(40) and (found.doubtful is not None) == doubted


@pytest.mark.parametrize(("facing", "yaw"), [("FRONT", 0), ("RIGHT", 90), ("BACK", 180), ("LEFT", -90)])
def test_a_side_that_is_given_is_turned_to_the_front(stands, facing, yaw):
    found = stands(facing=Facing[facing])
    assert found.yaw == yaw and found.doubtful is None
    turned = VERTICES @ (np.eye(3) if found.turn is None else found.turn).T
    np.testing.assert_allclose(turned, VERTICES @ turn_of(yaw).T, atol=1e-6)
    assert np.ptp(found.to_match.apply(3 * VERTICES + 5), axis=0).max() == pytest.approx(4.5, rel=0.3)


@pytest.mark.parametrize(
    ("overlap", "cost", "agrees"), [(0.94, 0.59, True), (0.939, 0.1, False), (0.99, 0.6, False), (0.99, 0.0, True)]
)
def test_a_mesh_stands_as_shown_if_its_silhouette_and_outline_fit(stands, overlap, cost, agrees):
    found = replace(stands(facing=Facing.FRONT), view=View(FLAT, overlap, cost, 0.0))
    assert found.agrees == agrees
