"""The parts of match, each alone: film, silhouette and flow."""

from dataclasses import replace

import numpy as np
import pytest

from actionmesh.matching.camera import FilmCamera
from actionmesh.matching.choice import better, fit, residual
from actionmesh.matching.film import Film, Outline, contour_of, film_of, make_still, samples
from actionmesh.matching.flow import FlowMatcher, look
from actionmesh.matching.silhouette import Scene, overlap
from actionmesh.media.subject_crops import Box, SubjectCrops
from actionmesh.protocol import Match

FLAT = FilmCamera(0.0, 0.0, 0.0, 0.0, 10.0, (0.0, 0.0), (10.0, 10.0))
"""Parallel rays along -Z; ten pixels a unit, and the origin in the middle of 20 x 20 pixels."""
SQUARE = np.array([(-0.5, -0.5, 0), (0.5, -0.5, 0), (0.5, 0.5, 0), (-0.5, 0.5, 0)], np.float32)
HALVES = np.array([(0, 1, 2), (0, 2, 3)], np.int32)


# The film.


def crop_of(height, width, colour):
    crop = np.zeros((height, width, 4), np.uint8)
    crop[:] = (*colour, 255)
    return crop


@pytest.mark.parametrize(
    ("colour", "background"), [((200, 220, 210), 0), ((60, 20, 30), 255), ((0, 255, 0), 0), ((255, 0, 255), 255)]
)
def test_a_film_has_the_longer_side_of_160_pixels_in_a_margin_of_20(colour, background):
    film = film_of([crop_of(10, 20, colour)], Box(4, 7, 10, 20), (48, 64), 1.0)
    assert film.factor == 8 and film.size == (80 + 40, 160 + 40) and len(film) == 1
    assert film.corner == (7 - 2.5, 4 - 2.5) and film.principal == ((32 - 4.5) * 8, (24 - 1.5) * 8)
    assert film.sharpness == 1 and film.background == background and (film.pictures[0, :20] == background).all()
    assert (film.pictures[0, 25:95, 25:175] == colour).all()
    assert film.masks[0].sum() == 80 * 160 and film.masks[0, 20:100, 20:180].all()


def test_what_is_half_transparent_is_mixed_with_the_background():
    crop = crop_of(20, 20, (60, 20, 30))
    crop[:10, :, 3], crop[:10, :, :3] = 102, (10, 0, 200)
    film = film_of([crop], Box(0, 0, 20, 20), (20, 20), 1.0)
    assert film.background == 255 and np.abs(film.pictures[0, 40, 100] - (157.0, 153, 233)).max() <= 1
    assert not film.masks[0, 40, 100] and film.masks[0, 150, 100]


def test_a_sharper_film_has_more_pixels_and_a_shrunk_one_fewer():
    crops = SubjectCrops(30, 40)
    frame = np.zeros((30, 40, 4), np.uint8)
    frame[4:14, 7:27] = (255, 255, 255, 255)
    crops.append(frame)
    sharp = make_still(crops, 0, 2.0)
    side = 2 * 160 / max(crops.box.height, crops.box.width)
    assert sharp.factor == side and sharp.sharpness == 2
    shrunk = sharp.shrunk(0, 0.5)
    assert shrunk.sharpness == 0.5 and shrunk.factor == side / 4 and shrunk.corner == sharp.corner
    assert shrunk.size == (round(sharp.size[0] / 4), round(sharp.size[1] / 4))
    assert sharp.shrunk(0, 1e-4).size == (1, 1)
    assert shrunk.masks.mean() == pytest.approx(sharp.masks.mean(), abs=0.01)
    assert film_of([crop_of(9, 9, (9, 9, 9))] * 3, Box(0, 0, 9, 9), (9, 9), 1.0).only(2).masks.shape == (1, 200, 200)


def test_a_subject_thinner_than_a_pixel_keeps_its_mask():
    crop = np.zeros((40, 400, 4), np.uint8)
    crop[20, 100:300] = (200, 100, 50, 255)
    film = film_of([crop], Box(0, 0, 40, 400), (40, 400), 1.0)
    assert 0 < film.masks[0].sum() < 200 and film.masks[0, 28, 100]
    crop[..., 3] //= 4
    faint = film_of([crop, np.zeros_like(crop)], Box(0, 0, 40, 400), (40, 400), 1.0)
    assert faint.masks[0].any() and not faint.masks[1].any()
    assert faint.shrunk(0, 0.25).masks.any() and not faint.shrunk(1, 0.25).masks.any()


def test_samples_are_bilinear_and_counted_from_the_pixels_corners():
    field = np.array([[0, 10], [20, 40]], np.float32)[..., None]
    places = np.array([(0.5, 0.5), (1.5, 0.5), (1, 0.5), (0.5, 1), (1, 1), (-5, -5), (9, 9)])
    np.testing.assert_allclose(samples(field, places)[:, 0], [0, 10, 5, 10, 17.5, 0, 40], atol=0.05)
    assert samples(field, np.zeros((0, 2))).shape == (0, 1) and samples(field, np.ones((40_000, 2))).shape == (
        40_000,
        1,
    )


def test_the_distance_from_an_outline_is_zero_between_the_pixels():
    mask = np.zeros((30, 40), bool)
    mask[:, :15] = True
    outline = Outline(mask)
    np.testing.assert_allclose(outline.distance[10, 12:18], [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5], atol=0.01)
    np.testing.assert_allclose(outline.slope[15, 14:16], [(1, 0), (1, 0)], atol=0.02)
    np.testing.assert_allclose(Outline(mask.T).slope[14:16, 15], [(0, 1), (0, 1)], atol=0.02)
    mask = np.zeros((5, 6), bool)
    mask[1:4, 1:] = True
    ring = mask.copy()
    ring[2, 2:5] = False
    assert np.array_equal(contour_of(mask), ring)
    assert sorted(map(tuple, Outline(mask).contour)) == sorted((x, y) for y, x in np.argwhere(ring))


def test_an_outline_s_distance_is_signed_and_its_slope_points_outward():
    rows, columns = np.mgrid[0:60, 0:60]
    outline = Outline((rows - 30) ** 2 + (columns - 30) ** 2 < 15**2)
    assert outline.distance[30, 30] == pytest.approx(-15, abs=1) and outline.distance[30, 55] == pytest.approx(
        10, abs=1
    )
    np.testing.assert_allclose(outline.slope[30, 50], [1, 0], atol=0.1)
    assert np.abs(np.hypot(*(outline.contour - 30).T) - 14.5).max() < 1


# What is seen.


def test_a_square_is_seen_on_its_own_pixels():
    sight = Scene(SQUARE, HALVES).sight(FLAT, (20, 20))
    expected = np.zeros((20, 20), bool)
    expected[5:15, 5:15] = True
    assert np.array_equal(sight.mask, expected) and sight.cosine == pytest.approx(1)
    rows, columns = np.divmod(sight.pixel, 20)
    points = sight.points(SQUARE, HALVES)
    np.testing.assert_allclose(points[:, 0], (columns + 0.5 - 10) / 10, atol=1e-5)
    np.testing.assert_allclose(points[:, 1], (10 - rows - 0.5) / 10, atol=1e-5)
    assert Scene(SQUARE * 0.3, HALVES).sight(FLAT, (20, 20)).cosine == pytest.approx(1)
    leaning = Scene(SQUARE, HALVES).sight(replace(FLAT, yaw=np.radians(60)), (20, 20))
    assert leaning.cosine == pytest.approx(0.5, abs=1e-5) and leaning.mask.sum() == pytest.approx(50, abs=10)


@pytest.mark.parametrize("near", [1.5, 1.99, 5.0])
def test_rays_of_a_pinhole_spread_from_the_nearest_vertex_on(near):
    """A small triangle outside the picture is the nearest, or behind the eye; the picture is wider than high."""
    camera = FilmCamera(0.0, 0.0, 0.0, 0.5, 40.0, (3.0, -5.0), (60.0, 40.0))
    vertices = np.concatenate([1.5 * SQUARE - np.float32([0, 0, 1]), SQUARE[:3] * 0.01 + np.float32([9, 9, near])])
    faces = np.concatenate([HALVES, [(4, 5, 6)]])
    sight = Scene(vertices, faces).sight(camera, (80, 120))
    assert sight.mask.shape == (80, 120) and sight.mask.sum() == pytest.approx(40**2, rel=0.05)
    rows, columns = np.divmod(sight.pixel, 120)
    seen = camera.pixels(camera.to_film(sight.points(vertices, faces)))
    np.testing.assert_allclose(seen, np.stack([columns + 0.5, rows + 0.5], axis=1), atol=1e-3)
    off = np.hypot(columns + 0.5 - 60, rows + 0.5 - 40) * 0.5 / 40
    np.testing.assert_allclose(sight.cosine, 1 / np.sqrt(1 + off**2), atol=1e-5)


@pytest.mark.parametrize("place", [-1.0, 0.0, 1.0])
def test_a_pinhole_sees_a_near_square_larger(place):
    camera = FilmCamera(0.0, 0.0, 0.0, 0.5, 40.0, (3.0, -5.0), (50.0, 50.0))
    moved = SQUARE + np.float32([0, 0, place])
    rows, columns = np.nonzero(Scene(moved, HALVES).sight(camera, (100, 100)).mask)
    corners = camera.pixels(camera.to_film(moved))
    assert (columns.min(), columns.max() + 1) == pytest.approx((corners[:, 0].min(), corners[:, 0].max()), abs=1)
    assert (rows.min(), rows.max() + 1) == pytest.approx((corners[:, 1].min(), corners[:, 1].max()), abs=1)
    assert np.ptp(corners[:, 0]) == pytest.approx(40 / (1 - 0.5 * place))


def test_overlap_is_intersection_over_union():
    one, other = np.array([True, True, False, False]), np.array([False, True, True, False])
    assert overlap(one, other) == 1 / 3 and overlap(one, one) == 1 and overlap(one, ~one) == 0
    assert overlap(one & False, other & False) == 0


def striped(shift=0):
    """Return a film of SQUARE as FLAT sees it, in two frames: coloured by column, then moved by `shift` columns."""
    pictures, masks = np.zeros((2, 20, 24, 3), np.uint8), np.zeros((2, 20, 24), bool)
    colours = np.stack([20 * np.arange(10), 200 - 15 * np.arange(10), np.full(10, 90)], axis=1)
    for frame, left in enumerate((5, 5 + shift)):
        pictures[frame, 5:15, left : left + 10], masks[frame, 5:15, left : left + 10] = colours, True
    return Film(pictures, masks, (0.0, 0.0), 1.0, (20, 24), 0)


def test_a_pose_is_painted_with_the_colours_of_another_frame():
    film = striped(shift=2)
    assert film.sharpness == 1
    pose, source = (look(vertices, HALVES, FLAT, (20, 24)) for vertices in (SQUARE + np.float32([0.2, 0, 0]), SQUARE))
    picture, seen = FlowMatcher(film, FLAT, HALVES).painted(pose, 1, source, 0)
    assert seen.all() and np.abs(picture.astype(int) - film.pictures[1]).max() <= 1
    assert np.isneginf(pose.depth[0]) and pose.depth[pose.sight.pixel] == pytest.approx(0)


def test_what_the_other_frame_hides_or_lacks_is_not_seen_there():
    """In the source frame one wall stands 5 pixels before another, and the mask ends in the middle."""
    film = striped()
    film.masks[0, :, 10:] = False
    walls = np.concatenate([SQUARE, SQUARE + np.float32([0, 0, 0.5])])
    faces = np.concatenate([HALVES, HALVES + 4])
    behind = np.concatenate([SQUARE, SQUARE + np.float32([0, 0, -0.5])])
    source, pose = look(walls, faces, FLAT, (20, 24)), look(behind, faces, FLAT, (20, 24))
    front, back = (FlowMatcher(film, FLAT, faces).painted(each, 1, source, 0)[1] for each in (source, pose))
    assert not back.any() and front.reshape(10, 10)[:, :5].all() and not front.reshape(10, 10)[:, 5:].any()


@pytest.mark.parametrize(("gap", "seen"), [(0.25, True), (0.35, False)])
def test_what_lies_up_to_three_pixels_behind_counts_as_the_same_place(gap, seen):
    """The other wall stands before the square in the source frame, and behind it in the pose."""
    faces = np.concatenate([HALVES, HALVES + 4])
    walls = (np.concatenate([SQUARE, SQUARE + np.float32([0, 0, before])]) for before in (gap, -1))
    source, pose = (look(vertices, faces, FLAT, (20, 24)) for vertices in walls)
    assert (FlowMatcher(striped(), FLAT, faces).painted(pose, 1, source, 0)[1] == seen).all()


def test_the_first_row_and_column_are_part_of_the_picture():
    film, camera = striped(), replace(FLAT, principal=(5.0, 5.0))
    film.masks[:] = True
    pose = look(SQUARE, HALVES, camera, (20, 24))
    picture, seen = FlowMatcher(film, camera, HALVES).painted(pose, 1, pose, 0)
    assert pose.sight.mask[0, 0] and seen.all() and np.array_equal(picture[:10, :10], film.pictures[0, :10, :10])


@pytest.mark.parametrize("away", [(-2, 0), (2, 0), (0, -2), (0, 2)])
def test_what_the_other_frame_shows_outside_its_picture_is_not_seen(away):
    film = striped()
    film.masks[:] = True
    source = look(SQUARE + np.float32([*away, 0]), HALVES, FLAT, (20, 24))
    pose = look(SQUARE, HALVES, FLAT, (20, 24))
    assert not FlowMatcher(film, FLAT, HALVES).painted(pose, 1, source, 0)[1].any()


def test_colours_that_differ_are_trusted_less():
    """Red and blue change, but not the brightness, by a distance of 28, which weighs exp(-(28 / 40)^2 / 2)."""
    film = striped()
    film.pictures[1, 5:15, 5:15] += np.array([10, 0, 0], np.uint8)
    film.pictures[1, 5:15, 5:15] -= np.array([0, 0, 26], np.uint8)
    pose = look(SQUARE, HALVES, FLAT, (20, 24))
    found = FlowMatcher(film, FLAT, HALVES).correspondences(pose, 1, pose, 0)
    assert np.median(found.trust) == pytest.approx(np.exp(-(776 / 1600) / 2), abs=0.02)


def test_at_most_900_points_are_used_from_the_first_to_the_last():
    camera = replace(FLAT, scale=40.0, principal=(30.0, 30.0))
    rows, columns = np.mgrid[:60, :60]
    picture = np.stack([4 * rows, 4 * columns, 2 * (rows + columns)], axis=-1).astype(np.uint8)
    masks = np.zeros((2, 60, 60), bool)
    masks[:, 10:50, 10:50] = True
    film = Film(np.where(masks[..., None], picture, np.uint8(0)), masks, (0.0, 0.0), 1.0, (60, 60), 0)
    pose = look(SQUARE, HALVES, camera, (60, 60))
    found = FlowMatcher(film, camera, HALVES).correspondences(pose, 1, pose, 0)
    assert len(found.face) == 900
    np.testing.assert_allclose(found.target[[0, -1]], [(10.5, 10.5), (49.5, 49.5)], atol=0.05)


def test_frames_that_are_alike_show_every_point_where_it_is():
    pose = look(SQUARE, HALVES, FLAT, (20, 24))
    found = FlowMatcher(striped(), FLAT, HALVES).correspondences(pose, 1, pose, 0)
    assert len(found.face) == 100 and found.trust == pytest.approx(1, abs=1e-3)
    rows, columns = np.divmod(pose.sight.pixel, 24)
    np.testing.assert_allclose(found.target, np.stack([columns + 0.5, rows + 0.5], axis=1), atol=0.01)


def test_the_residual_is_the_share_of_wrong_pixels():
    film, still = striped(shift=5), np.repeat(SQUARE[None], 2, axis=0)
    moved = np.stack([SQUARE, SQUARE + np.float32([0.5, 0, 0])])
    assert residual(moved, 0, HALVES, film, FLAT) == pytest.approx(0, abs=1e-3)
    assert 100 / 150 < residual(still, 0, HALVES, film, FLAT) < 1
    assert fit(moved, HALVES, film, FLAT) == 1 and fit(still, HALVES, film, FLAT) == pytest.approx((1 + 50 / 150) / 2)


def test_a_colour_that_differs_by_40_is_half_wrong():
    film, still = striped(), np.repeat(SQUARE[None], 2, axis=0)
    film.pictures[1, 5:15, 5:15] += np.uint8(23)
    assert residual(still, 0, HALVES, film, FLAT) == pytest.approx(3 * 23**2 / (3 * 23**2 + 1600), abs=1e-3)
    film.masks[:] = False
    assert residual(still + np.float32([99, 0, 0]), 0, HALVES, film, FLAT) == 0


def test_the_way_is_chosen_by_the_residual():
    film, still = striped(shift=5), np.repeat(SQUARE[None], 2, axis=0)
    moved = np.stack([SQUARE, SQUARE + np.float32([0.5, 0, 0])])
    rest = HALVES, film, FLAT
    assert better(moved, still, 0, *rest) is Match.REFINE
    assert better(still, moved, 0, *rest) is Match.TRACK and better(moved, moved, 0, *rest) is Match.REFINE
