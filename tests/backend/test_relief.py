"""Reliefs of masks of known shape are closed, smooth, as thick as the equation says, and lie on their clip."""

import cv2
import numpy as np
import pytest
import trimesh

from actionmesh.errors import MediaError, MeshError
from actionmesh.matching.silhouette import Scene, overlap
from actionmesh.media.subject_crops import Box, SubjectCrops
from actionmesh.relief.flat import Flat
from actionmesh.relief.limbs import frame_with_most_limbs
from actionmesh.relief.shape import Relief, relief_from_crop
from actionmesh.relief.trimming import split_edges, without_chords, without_pinches

SIDE = 400
BOX, FRAME = Box(top=50, left=130, height=SIDE, width=SIDE), (520, 700)
ROUNDNESS = 0.9
"""Thickness over width of a long bar, as published with the algorithm."""


def disc(x, y, column=200.0, row=200.0, radius=150.0):
    return (x - column) ** 2 + (y - row) ** 2 < radius**2


def star(x, y):
    """Return a star with five points, of radius 180 and 70."""
    corners = [(r * np.sin(k * np.pi / 5), -r * np.cos(k * np.pi / 5)) for k, r in enumerate([180, 70] * 5)]
    picture = np.zeros((8 * SIDE, 8 * SIDE), np.uint8)
    cv2.fillPoly(picture, [np.int32(np.rint(8 * (np.array(corners) + 200)))], 1)
    return picture[np.clip(8 * y, 0, 8 * SIDE - 1).astype(int), np.clip(8 * x, 0, 8 * SIDE - 1).astype(int)] > 0


SHAPES = {
    "disc": disc,
    "two discs": lambda x, y: disc(x, y, 110, 200, 90) | disc(x, y, 310, 200, 45),
    "ring": lambda x, y: disc(x, y) & ~disc(x, y, radius=80),
    "star": star,
    "thin line": lambda x, y: (np.abs(0.6 * x - 0.8 * y + 40) < 5) & (x > 20) & (x < 380),
    "bar": lambda x, y: (np.abs(y - 200) < 30) & (np.abs(x - 200) < 180),
    "dumbbell": lambda x, y: (
        disc(x, y, 100, 200, 80) | disc(x, y, 300, 200, 80) | (np.abs(y - 200) < 6) & (np.abs(x - 200) < 150)
    ),
}


def mask_of(shape, side=SIDE):
    """Sample a shape at the centres of side x side pixels, as bool."""
    rows, columns = (np.mgrid[0:side, 0:side] + 0.5) * SIDE / side
    return shape(columns, rows)


def crop_of(alpha):
    """Return a crop (h, w, 4) uint8: red from left to right, green from top to bottom, blue outside."""
    alpha = alpha.astype(np.uint8) * 255 if alpha.dtype == bool else alpha
    crop = np.zeros((*alpha.shape, 4), np.uint8)
    crop[..., 0] = np.linspace(0, 255, alpha.shape[1])
    crop[..., 1] = np.linspace(0, 255, alpha.shape[0])[:, None]
    crop[..., 2] = np.where(alpha < 128, 255, 0)
    crop[..., 3] = alpha
    return crop


def relief_of(shape, **choices) -> Relief:
    return relief_from_crop(crop_of(mask_of(shape)), BOX, FRAME, **choices)


def silhouette(relief, box=BOX, side=160):
    """Return the relief's silhouette in its camera, in the crop at `side` pixels."""
    camera = relief.camera.rescaled(side / box.width, (box.left, box.top))
    return Scene(relief.vertices, relief.faces).sight(camera, (side, side)).mask


def height_at(relief, column, row):
    """Return the height of the front at a point of the crop, in pixels of the crop."""
    camera = relief.camera.rescaled(1.0, (BOX.left + column - 0.5, BOX.top + row - 0.5))
    sight = Scene(relief.vertices, relief.faces).sight(camera, (1, 1))
    return float(sight.points(relief.vertices, relief.faces)[0, 2]) * camera.scale


def smallest_angles(relief):
    """Return the smallest angle of each face (F,), in degrees."""
    a, b, c = (relief.vertices[relief.faces[:, k]].astype(np.float64) for k in range(3))
    angles = []
    for at, one, other in ((a, b, c), (b, c, a), (c, a, b)):
        one, other = one - at, other - at
        angles.append(np.degrees(np.arctan2(np.linalg.norm(np.cross(one, other), axis=1), (one * other).sum(axis=1))))
    return np.min(angles, axis=0)


def check_closed(relief):
    """Check that every edge is in two faces of opposite direction, each part faces outward, and no place is double."""
    edges = np.concatenate([relief.faces[:, [0, 1]], relief.faces[:, [1, 2]], relief.faces[:, [2, 0]]])
    directed, times = np.unique(edges, axis=0, return_counts=True)
    assert (times == 1).all()
    assert set(map(tuple, directed)) == set(map(tuple, directed[:, ::-1]))
    assert len(np.unique(relief.vertices, axis=0)) == len(relief.vertices) == relief.faces.max() + 1
    parts = trimesh.Trimesh(relief.vertices, relief.faces, process=False).split(only_watertight=False)
    assert all(part.volume > 0 for part in parts)


def check_unfolded(relief):
    """Check that, from the front, front faces turn one way and back faces the other, and none is seen edge on."""
    a, b, c = (relief.vertices[relief.faces[:, k]].astype(np.float64) for k in range(3))
    facing = np.cross(b - a, c - a)[:, 2]
    middle = (a + b + c)[:, 2]
    assert (facing * middle > 0).all()


@pytest.mark.parametrize("name", SHAPES)
def test_a_relief_is_closed_and_fits_its_mask(name):
    relief = relief_of(SHAPES[name])
    check_closed(relief)
    check_unfolded(relief)
    assert 4000 < len(relief.faces) <= 12_000
    assert overlap(silhouette(relief), mask_of(SHAPES[name], 160)) >= 0.98
    angles = smallest_angles(relief)
    assert angles.min() > 4 and np.median(angles) > 35


def test_model_space_and_camera():
    relief = relief_of(SHAPES["two discs"])
    low, high = relief.vertices.min(axis=0), relief.vertices.max(axis=0)
    np.testing.assert_allclose(low + high, 0, atol=1e-5)
    assert (high - low).max() == pytest.approx(1.5, abs=1e-5)
    camera = relief.camera
    assert (camera.yaw, camera.pitch, camera.roll, camera.inverse_distance) == (0, 0, 0, 0)
    assert camera.principal == (350, 260)
    seen = camera.pixels(camera.to_film(relief.vertices))
    np.testing.assert_allclose(seen.min(axis=0), (BOX.left + 20, BOX.top + 110), atol=0.6)
    np.testing.assert_allclose(seen.max(axis=0), (BOX.left + 355, BOX.top + 290), atol=0.6)


def test_a_disc_becomes_half_an_ellipsoid():
    """The equation's solution is sqrt((R^2 - r^2) / 2) times the roundness."""
    relief = relief_of(disc)
    for away in (0, 75, 120):
        expected = ROUNDNESS * np.sqrt((150**2 - away**2) / 2)
        assert height_at(relief, 200 + away, 200) == pytest.approx(expected, rel=0.03)
    volume = trimesh.Trimesh(relief.vertices, relief.faces).volume * relief.camera.scale**3
    assert volume == pytest.approx(ROUNDNESS / np.sqrt(2) * 4 / 3 * np.pi * 150**3, rel=0.02)


def test_a_bar_is_round():
    relief = relief_of(SHAPES["bar"])
    assert height_at(relief, 200, 200) == pytest.approx(ROUNDNESS * 30, rel=0.02)
    assert height_at(relief, 200, 218) == pytest.approx(ROUNDNESS * np.sqrt(30**2 - 18**2), rel=0.03)


def test_a_ring_keeps_its_hole():
    """Its height halfway between the circles is that of the equation's solution between two circles."""
    relief = relief_of(SHAPES["ring"])
    assert trimesh.Trimesh(relief.vertices, relief.faces).euler_number == 0
    inner, outer, at = 80.0, 150.0, 115.0
    potential = (outer**2 - at**2 + (outer**2 - inner**2) * np.log(at / outer) / np.log(outer / inner)) / 4
    assert height_at(relief, 200 + at, 200) == pytest.approx(ROUNDNESS * np.sqrt(2 * potential), rel=0.03)


def test_parts_have_their_own_thickness():
    relief = relief_of(SHAPES["two discs"])
    assert len(trimesh.Trimesh(relief.vertices, relief.faces).split()) == 2
    for column, radius in ((110, 90), (310, 45)):
        assert height_at(relief, column, 200) == pytest.approx(ROUNDNESS * radius / np.sqrt(2), rel=0.03)


def test_a_thin_neck_stays_thin():
    relief = relief_of(SHAPES["dumbbell"])
    assert height_at(relief, 200, 200) == pytest.approx(ROUNDNESS * 6, rel=0.15)
    assert height_at(relief, 100, 200) == pytest.approx(ROUNDNESS * 80 / np.sqrt(2), rel=0.03)


def test_a_slanted_edge_has_no_steps():
    """The mask has whole pixels, but the relief's edge is straight."""
    relief = relief_of(lambda x, y: (y > 100 + 0.13 * x) & (y < 300 + 0.13 * x) & (x > 50) & (x < 350))
    camera = relief.camera
    column, row = (camera.pixels(camera.to_film(relief.vertices)) - (BOX.left, BOX.top)).T
    edge = (np.abs(relief.vertices[:, 2]) < 1e-7) & (column > 60) & (column < 340) & (row < 200)
    assert np.count_nonzero(edge) > 30
    off = row[edge] - (100 + 0.13 * column[edge])
    assert np.std(off) < 0.2 and np.abs(off).max() < 0.6


def test_a_soft_mask_is_cut_at_half():
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] + 0.5
    alpha = np.clip(128 + 25 * (120.3 - np.hypot(columns - 200, rows - 200)), 0, 255).astype(np.uint8)
    relief = relief_from_crop(crop_of(alpha), BOX, FRAME)
    on_rim = relief.vertices[np.abs(relief.vertices[:, 2]) < 1e-7]
    seen = relief.camera.pixels(relief.camera.to_film(on_rim)) - (BOX.left + 200, BOX.top + 200)
    np.testing.assert_allclose(np.linalg.norm(seen, axis=1), 120.3, atol=0.25)


def test_specks_and_pinholes_go():
    def shape(x, y):
        return (disc(x, y) & ~disc(x, y, 180, 200, 3)) | disc(x, y, 20, 20, 8)

    relief = relief_of(shape)
    solid = trimesh.Trimesh(relief.vertices, relief.faces)
    assert solid.body_count == 1 and solid.euler_number == 2
    assert len(trimesh.Trimesh(*mesh_of(relief_of(shape, smallest_part=0.0))).split()) == 2


def mesh_of(relief):
    return relief.vertices, relief.faces


@pytest.mark.parametrize("max_faces", [120, 1000, 40_000])
def test_the_number_of_faces_is_kept(max_faces):
    relief = relief_of(star, max_faces=max_faces)
    assert 0.5 * max_faces < len(relief.faces) <= max_faces
    check_closed(relief)


def test_an_outline_that_needs_more_faces_says_so():
    with pytest.raises(MeshError, match="more than 12 faces"):
        relief_of(SHAPES["ring"], max_faces=12)


def test_an_empty_mask_says_so():
    with pytest.raises(MediaError, match="shows no subject"):
        relief_from_crop(crop_of(np.zeros((40, 40), bool)), Box(0, 0, 40, 40), (40, 40))


@pytest.mark.parametrize("seed", range(8))
def test_whatever_the_mask_the_relief_is_closed(seed):
    random = np.random.default_rng(seed)
    height, width = random.integers(8, 250, 2)
    noise = cv2.GaussianBlur(random.normal(size=(height, width)), (0, 0), random.uniform(1.5, 12))
    alpha = np.clip(128 + noise / noise.std() * (60 if seed % 2 else 1e6), 0, 255).astype(np.uint8)
    relief = relief_from_crop(crop_of(alpha), Box(3, 4, int(height), int(width)), (300, 300))
    check_closed(relief)
    assert smallest_angles(relief).min() > 0.5


@pytest.mark.parametrize("alpha", [np.full((3, 3), 255), np.full((1, 1), 255), np.full((1, 60), 255), np.eye(40) * 255])
def test_tiny_masks(alpha):
    check_closed(relief_from_crop(crop_of(alpha.astype(np.uint8)), Box(0, 0, *alpha.shape), (100, 100)))


def test_a_large_crop_is_worked_on_at_a_bounded_size():
    alpha = cv2.resize(mask_of(star).astype(np.uint8) * 255, (3000, 3000), interpolation=cv2.INTER_CUBIC)
    box = Box(0, 0, 3000, 3000)
    relief = relief_from_crop(crop_of(alpha), box, (3000, 3000))
    assert max(relief.coat.picture.shape) <= 2048 and len(relief.faces) <= 12_000
    assert overlap(silhouette(relief, box), mask_of(star, 160)) >= 0.98


def test_the_front_shows_the_frame_and_the_back_its_mirror():
    relief = relief_of(disc)
    height, width = relief.coat.picture.shape[:2]
    camera = relief.camera
    column, row = (camera.pixels(camera.to_film(relief.vertices[relief.faces])) - (BOX.left, BOX.top)).reshape(-1, 2).T
    u, v = relief.coat.corner_uv.reshape(-1, 2).T
    picked = relief.coat.picture[
        np.clip((1 - v) * height, 0, height - 1).astype(int), np.clip(u * width, 0, width - 1).astype(int)
    ]
    deep = np.hypot(column - 200, row - 200) < 145
    np.testing.assert_allclose(picked[deep, 0], column[deep] / SIDE * 255, atol=2)
    np.testing.assert_allclose(picked[deep, 1], row[deep] / SIDE * 255, atol=2)
    assert relief.vertices[:, 2].min() < -0.1 < 0.1 < relief.vertices[:, 2].max()


def test_no_background_is_in_the_picture():
    """The pixels at the mask's rim are as blue as the background, as in a mask that is a little wide."""
    mask = mask_of(disc)
    crop = crop_of(mask)
    crop[..., 2] = np.where(cv2.erode(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0, 0, 255)
    relief = relief_from_crop(crop, BOX, FRAME)
    assert relief.coat.picture[..., 2].max() < 20


def test_a_thin_part_keeps_its_own_colour():
    crop = crop_of(mask_of(lambda x, y: disc(x, y, 100, 200, 80) | (np.abs(y - 200) < 2) & (x > 100) & (x < 380)))
    crop[..., :3] = np.where(np.arange(SIDE) > 180, 250, 20)[None, :, None]
    picture = relief_from_crop(crop, BOX, FRAME).coat.picture
    assert picture[len(picture) // 2, -30, 0] == 250


def test_the_frame_with_most_limbs():
    """One leg is in front of the body, then both legs are apart, then they are close together."""
    crops = SubjectCrops(SIDE, SIDE)
    for apart in (0, 90, 30):
        crops.append(
            crop_of(mask_of(lambda x, y, apart=apart: disc(x, y, 200, 150, 100) | leg(x, y, -apart) | leg(x, y, apart)))
        )
    assert frame_with_most_limbs(crops) == 1


def leg(x, y, at):
    return (np.abs(x - 200 - at) < 18) & (y > 150) & (y < 390)


def test_pinches_lose_their_smaller_fan():
    """A third triangle touches two others in only one point."""
    triangles = np.array([[0, 1, 2], [0, 2, 3], [0, 4, 5]])
    np.testing.assert_array_equal(without_pinches(triangles), triangles[:2])


def test_chords_get_a_point():
    """The mesh is a square of two triangles, and a triangle without neighbours."""
    points = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [5, 5], [6, 5], [5, 6]], float)
    flat = without_chords(points, np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6]]))
    assert isinstance(flat, Flat) and len(flat.triangles) == 4
    np.testing.assert_array_equal(flat.points[~flat.rim], [[0.5, 0.5]])


@pytest.mark.parametrize("cut", [(), (0,), (1,), (2,), (0, 1), (1, 2), (0, 2), (0, 1, 2)])
def test_cut_triangles_cover_the_same(cut):
    points = np.array([[0, 0], [4, 0], [1, 3], [2, 0], [2.5, 1.5], [0.5, 1.5]], float)
    middle = np.array([[3 + k if k in cut else -1 for k in range(3)]])
    pieces = points[split_edges(np.array([[0, 1, 2]]), middle, points)]
    one, other = pieces[:, 1] - pieces[:, 0], pieces[:, 2] - pieces[:, 0]
    areas = (one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]) / 2
    assert len(areas) == 1 + len(cut) and (areas > 0).all() and areas.sum() == pytest.approx(6)
