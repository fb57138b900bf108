"""Meshes of known colours, filmed and then painted from the film alone."""

import numpy as np
import pytest
import trimesh

from actionmesh.errors import Cancelled
from actionmesh.matching.camera import FilmCamera
from actionmesh.matching.silhouette import Scene
from actionmesh.media.subject_crops import SubjectCrops
from actionmesh.painting.atlas import Atlas, atlas_of
from actionmesh.painting.neighbourhood import Neighbourhood
from actionmesh.painting.painting import painted_by_clip
from actionmesh.painting.spreading import spread_colours
from actionmesh.painting.views import best_views

SIZE = (260, 300)
CAMERA = FilmCamera(0.1, 0.05, 0.0, 0.2, 130.0, (4.0, -3.0), (150.0, 130.0))
BACKGROUND = (0, 0, 255)


def turned(vertices, degrees):
    return vertices @ trimesh.transformations.rotation_matrix(np.radians(degrees), (0, 1, 0))[:3, :3].T


def true_colours(points):
    """Return colours (N, 3) of points at rest: red to the right, green upwards, no blue."""
    return np.stack([128 + 120 * points[:, 0], 128 + 120 * points[:, 1], np.zeros(len(points))], axis=1).clip(0, 255)


def filmed(poses, faces, colours, camera=CAMERA):
    """Return crops of frames that show at each pixel the `colours` of the point at rest that is seen there."""
    crops = SubjectCrops(*SIZE)
    for pose in poses:
        sight = Scene(pose, faces).sight(camera, SIZE)
        frame = np.full((SIZE[0] * SIZE[1], 4), (*BACKGROUND, 0), np.uint8)
        frame[sight.pixel, :3] = np.rint(colours(sight.points(poses[0], faces)))
        frame[sight.pixel, 3] = 255
        crops.append(frame.reshape(*SIZE, 4))
    return crops


def painted(coat):
    """Return the texture's colours (N, 3) at many points of the surface, with the points as (face, weights)."""
    height, width = coat.picture.shape[:2]
    sight = Atlas(coat.corner_uv, (height, width)).texels()
    return coat.picture.reshape(-1, 3)[sight.pixel].astype(float), sight


@pytest.fixture(scope="module")
def ball():
    mesh = trimesh.creation.icosphere(4, 0.75)
    vertices = (mesh.vertices * (1, 0.9, 0.8)).astype(np.float32)
    return vertices, mesh.faces.astype(np.int32)


@pytest.fixture(scope="module")
def turning(ball):
    vertices, faces = ball
    poses = np.stack([turned(vertices, angle) for angle in (0, 35, 70)]).astype(np.float32)
    crops = filmed(poses, faces, true_colours)
    return poses, faces, painted_by_clip(poses, faces, CAMERA, crops, anchor=0)


def facing(poses, faces, sight, frame):
    """Return how directly each point faces the camera in a frame; the ball hides only its own back."""
    points = sight.points(poses[frame], faces).astype(float)
    corners = poses[frame][faces[sight.face]].astype(float)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    towards = CAMERA.axes[2] / CAMERA.inverse_distance - points
    return (normals * towards).sum(axis=1) / np.linalg.norm(normals, axis=1) / np.linalg.norm(towards, axis=1)


def test_what_a_frame_shows_has_its_colours(turning):
    poses, faces, coat = turning
    colours, sight = painted(coat)
    expected = true_colours(sight.points(poses[0], faces))
    for frame in (0, 2):
        seen = facing(poses, faces, sight, frame) > 0.4
        assert np.abs(colours - expected)[seen].max(axis=1).mean() < 3
        assert np.quantile(np.abs(colours - expected)[seen].max(axis=1), 0.99) < 12


def test_what_no_frame_shows_has_the_nearest_colours(turning):
    poses, faces, coat = turning
    colours, sight = painted(coat)
    unseen = np.max([facing(poses, faces, sight, frame) for frame in range(3)], axis=0) < -0.2
    assert np.count_nonzero(unseen) > 1000
    assert colours[unseen, 2].max() < 3
    top, bottom = (sight.points(poses[0], faces)[unseen, 1] * sign > 0.4 for sign in (1, -1))
    assert colours[unseen][top, 1].min() > 128 > colours[unseen][bottom, 1].max()


def test_corners_at_a_vertex_agree(turning):
    """Seams do not show: a vertex has about the same colour in all its charts."""
    _, faces, coat = turning
    height, width = coat.picture.shape[:2]
    u, v = coat.corner_uv.reshape(-1, 2).T
    picked = coat.picture[
        np.clip((1 - v) * height, 0, height - 1).astype(int), np.clip(u * width, 0, width - 1).astype(int)
    ]
    order = np.argsort(faces.ravel(), kind="stable")
    starts = np.searchsorted(faces.ravel()[order], np.arange(faces.max() + 1))
    spread = np.maximum.reduceat(picked[order].astype(int), starts) - np.minimum.reduceat(
        picked[order].astype(int), starts
    )
    assert np.quantile(spread.max(axis=1), 0.99) < 16


def test_what_is_hidden_does_not_take_the_colours_of_what_hides_it():
    """A red ball is in front of the middle of a green wall."""
    wall, ball = trimesh.creation.box((1.5, 1.3, 0.1)), trimesh.creation.icosphere(3, 0.3)
    wall = wall.subdivide().subdivide().subdivide().subdivide()
    vertices = np.concatenate([wall.vertices - (0, 0, 0.4), ball.vertices + (0, 0, 0.3)]).astype(np.float32)
    faces = np.concatenate([wall.faces, ball.faces + len(wall.vertices)]).astype(np.int32)
    crops = filmed(vertices[None], faces, lambda points: np.where(points[:, 2:] > -0.1, (250, 0, 0), (0, 250, 0)))
    coat = painted_by_clip(vertices[None], faces, CAMERA, crops, anchor=0)
    colours, sight = painted(coat)
    on_wall = sight.face < len(wall.faces)
    assert colours[on_wall, 0].max() < 20 and colours[on_wall, 1].min() > 230
    assert np.mean(colours[~on_wall, 0] > 230) > 0.95


def test_no_background_where_masks_are_a_little_wide(ball):
    vertices, faces = ball
    crops = SubjectCrops(*SIZE)
    sight = Scene(vertices, faces).sight(CAMERA, SIZE)
    rows, columns = np.divmod(sight.pixel, SIZE[1])
    frame = np.zeros((*SIZE, 4), np.uint8)
    for row, column in ((0, 1), (1, 0), (0, -1), (-1, 0)):
        frame[rows + row, columns + column] = (*BACKGROUND, 255)
    frame[rows, columns] = (200, 200, 0, 255)
    crops.append(frame)
    coat = painted_by_clip(vertices[None], faces, CAMERA, crops, anchor=0)
    assert coat.picture[..., 2].max() < 8


def test_a_mesh_that_no_frame_shows_is_plain(ball):
    vertices, faces = ball
    away = FilmCamera(0.0, 0.0, 0.0, 0.0, 130.0, (900.0, 0.0), (150.0, 130.0))
    crops = SubjectCrops(*SIZE)
    crops.append(np.full((*SIZE, 4), (10, 20, 30, 255), np.uint8))
    coat = painted_by_clip(vertices[None], faces, away, crops, anchor=0)
    np.testing.assert_array_equal(np.unique(coat.picture.reshape(-1, 3), axis=0), [[10, 20, 30]])


def test_the_work_can_be_stopped(ball):
    vertices, faces = ball

    def stop():
        raise Cancelled()

    with pytest.raises(Cancelled):
        painted_by_clip(vertices[None], faces, CAMERA, filmed(vertices[None], faces, true_colours), 0, stop)


def test_an_atlas_covers_every_face_once(ball):
    vertices, faces = ball
    atlas = atlas_of(vertices, faces)
    assert atlas.corner_uv.shape == (len(faces), 3, 2) and atlas.corner_uv.dtype == np.float32
    assert atlas.corner_uv.min() >= 0 and atlas.corner_uv.max() <= 1
    one, other = (atlas.corner_uv[:, k] - atlas.corner_uv[:, 0] for k in (1, 2))
    areas = np.abs(one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]).astype(float) / 2 * atlas.size[0] * atlas.size[1]
    assert areas.min() > 1
    texels = np.bincount(atlas.texels().face, minlength=len(faces))
    assert np.abs(texels - areas).max() < 0.25 * areas.mean() + 8  # no triangle overlaps another
    corners = vertices[faces].astype(float)
    true = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    ratio = areas / true
    assert ratio.max() < 6 * ratio.min()


def test_texels_count_rows_from_the_top():
    """One triangle is at the lower left of an 8 x 4 texture."""
    atlas = Atlas(np.array([[[0, 0], [0.5, 0], [0, 0.5]]], np.float32), (4, 8))
    texels = atlas.texels()
    assert texels.mask[3, 0] and not texels.mask[0].any() and not texels.mask[:, 4:].any()


def test_known_colours_stay_and_others_are_like_those_beside_them():
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:, :20], picture[:, 40:] = (200, 0, 0), (0, 200, 0)
    known = np.zeros((40, 60), bool)
    known[5:35, :20] = known[5:35, 40:] = True
    spread = spread_colours(picture, known)
    np.testing.assert_array_equal(spread[known], picture[known])
    assert spread[20, 22, 0] > 140 > 60 > spread[20, 22, 1]
    assert spread[20, 37, 1] > 140 > 60 > spread[20, 37, 0]
    assert spread[0, 10, 0] > 190
    one = np.zeros_like(known)
    one[39, 59] = True
    np.testing.assert_array_equal(spread_colours(picture, one), np.broadcast_to(picture[39, 59], picture.shape))


def same(values):
    return values


def test_another_frame_is_used_only_where_it_is_much_better():
    """Frame 1 shows the second of four vertices a little better, the third much better, and only it shows the last."""
    scores = np.array([[0.9, 0.7, 0.3, 0.0], [0.9, 0.8, 0.9, 0.5], [0.9, 0.8, 0.91, 0.0]])
    views = best_views(scores, np.ones(4), 0, same)
    assert list(views) == [0, 1]
    np.testing.assert_array_equal(views[0], [1, 1, 0, 0])
    np.testing.assert_array_equal(views[1], [0, 0, 1, 1])
    assert list(best_views(scores, np.array([1, 1, 1e-4, 1e-4]), 0, same)) == [0]


def test_filling_goes_along_the_surface():
    """In a strip bent like a hairpin, the free end is near the known end in space, but far along the surface."""
    bend = np.linspace(0, np.pi, 21)
    line = np.concatenate([
        np.stack([np.linspace(-2, 0, 20), np.full(20, 0.1)], axis=1)[:-1],
        np.stack([0.1 * np.sin(bend), 0.1 * np.cos(bend)], axis=1),
        np.stack([np.linspace(0, -2, 20), np.full(20, -0.1)], axis=1)[1:],
    ])  # fmt: skip
    vertices = np.concatenate([np.c_[line, np.zeros(len(line))], np.c_[line, np.full(len(line), 0.2)]])
    low = np.arange(len(line) - 1)
    up = low + len(line)
    faces = np.concatenate([np.stack([low, low + 1, up], axis=1), np.stack([low + 1, up + 1, up], axis=1)])
    known, colours = np.zeros(len(vertices), bool), np.zeros((len(vertices), 3))
    known[[0, len(line)]], known[[len(line) // 2, len(line) // 2 + len(line)]] = True, True
    colours[[0, len(line)]] = 255
    filled = Neighbourhood(vertices, faces).filled(colours, known, np.zeros(3))
    assert filled[len(line) - 1].max() < 10 and filled[2].min() > 200
