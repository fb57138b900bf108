"""The outline over the clip: a ball whose silhouette is a known disc, in sheets and films."""

import tracemalloc
from dataclasses import replace

import cv2
import numpy as np
import pytest
import trimesh

from actionmesh.animation import Animation, Provenance
from actionmesh.media.subject_crops import SubjectCrops
from actionmesh.output import preview
from actionmesh.output.outline import DARK, LIGHT, Outliner, Window
from actionmesh.output.preview import write_contact_sheet, write_film
from actionmesh.protocol import ClipCamera, Fit

WIDTH, HEIGHT, RADIUS = 320, 240, 60.0
CELL = 160
GAP, LEFT, TOP = CELL // 16, CELL // 8, CELL // 6
TURN = trimesh.transformations.rotation_matrix(0.7, (0.3, 1, 0.2))
PLACE = (200.0, 100.0)
"""Place of the ball's centre, in pixels of the clip."""
BALL = trimesh.creation.icosphere(4, 1.0)
WHOLE = Window((40.0, 0.0), 240.0, 240)
"""A part of the frame, at its own resolution."""


def flat_camera():
    """Return an orthographic camera: a pixel is 1 / 60 units, and a ball at the origin is seen at PLACE."""
    pixel = 1 / RADIUS
    matrix = TURN.copy()
    matrix[:3, 3] = TURN[:3, :3] @ (-(PLACE[0] - WIDTH / 2) * pixel, (PLACE[1] - HEIGHT / 2) * pixel, 9.0)
    return ClipCamera(tuple(matrix.ravel().tolist()), WIDTH, HEIGHT, None, pixel)


def deep_camera(distance=4.0):
    """Return a perspective camera aimed at the ball, whose silhouette is that of the tangent cone."""
    matrix = TURN.copy()
    matrix[:3, 3] = TURN[:3, :3] @ (0, 0, distance)
    return ClipCamera(tuple(matrix.ravel().tolist()), WIDTH, HEIGHT, RADIUS * np.sqrt(distance**2 - 1), None)


def crops_of(places, colour=(90, 90, 90)):
    """Return frames with a disc of the ball's size at these places."""
    crops = SubjectCrops(HEIGHT, WIDTH)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    for number, (column, row) in enumerate(places):
        frame = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
        frame[np.hypot(columns - column, rows - row) < RADIUS] = (*colour[:2], colour[2] + number, 255)
        crops.append(frame)
    return crops


def radii(line, middle):
    return np.linalg.norm(line - middle, axis=1)


def test_the_line_lies_where_the_flat_camera_sees_the_balls_edge():
    drawn = Outliner(BALL.faces, flat_camera(), crops_of([PLACE]), WHOLE)
    (line,) = drawn.lines(BALL.vertices)
    assert np.abs(radii(line, np.array(PLACE) - WHOLE.corner) - RADIUS).max() < 0.8


def test_the_line_lies_where_the_perspective_camera_sees_the_balls_edge():
    drawn = Outliner(BALL.faces, deep_camera(), crops_of([PLACE]), WHOLE)
    (line,) = drawn.lines(BALL.vertices)
    assert np.abs(radii(line, (WIDTH / 2 - 40, HEIGHT / 2)) - RADIUS).max() < 0.8


def test_a_window_enlarges():
    window = Window((180.0, 80.0), 40.0, 200)
    drawn = Outliner(BALL.faces, flat_camera(), crops_of([PLACE]), window)
    (line,) = drawn.lines(BALL.vertices * 0.25)
    assert np.abs(radii(line, (100, 100)) - RADIUS / 4 * 5).max() < 1.5


def test_holes_have_lines_of_their_own():
    ring = trimesh.creation.torus(1.0, 0.3)
    ring.apply_transform(np.block([[TURN[:3, :3], np.zeros((3, 1))], [np.zeros((1, 3)), 1]]))
    lines = Outliner(ring.faces, flat_camera(), crops_of([PLACE]), WHOLE).lines(ring.vertices * 0.7)
    middle = np.array(PLACE) - WHOLE.corner
    assert sorted(round(radii(line, middle).mean() / RADIUS, 1) for line in lines) == [0.5, 0.9]


@pytest.mark.parametrize("background", [(255, 255, 255), (0, 0, 0), LIGHT, DARK, (128, 128, 128)])
def test_the_line_shows_on_any_background(background):
    """All around the ball, some pixel of the line differs clearly from its background."""
    crops = SubjectCrops(HEIGHT, WIDTH)
    crops.append(np.full((HEIGHT, WIDTH, 4), (*background, 255), np.uint8))
    picture = Outliner(BALL.faces, flat_camera(), crops, WHOLE).picture(0, BALL.vertices).astype(int)
    assert (picture[..., 3] == 255).all()
    middle, brightness = np.array(PLACE) - WHOLE.corner, np.array([0.299, 0.587, 0.114])
    for angle in np.linspace(0, 2 * np.pi, 40, endpoint=False):
        steps = np.arange(-6, 7)[:, None] + RADIUS
        columns, rows = (middle + steps * (np.cos(angle), np.sin(angle))).astype(int).T
        across = picture[rows, columns][:, :3] @ brightness
        assert np.abs(across - np.dot(background, brightness)).max() > 70


def test_the_line_has_soft_edges_and_no_steps():
    crops = SubjectCrops(HEIGHT, WIDTH)
    crops.append(np.full((HEIGHT, WIDTH, 4), 255, np.uint8))
    picture = Outliner(BALL.faces, flat_camera(), crops, WHOLE).picture(0, BALL.vertices).astype(int)
    shades = {tuple(colour) for colour in picture[..., :3].reshape(-1, 3).tolist()}
    assert len(shades) > 20


def test_no_line_follows_the_edge_of_a_picture_that_the_mesh_leaves():
    window = Window((200.0, 100.0), 40.0, 160)
    picture = Outliner(BALL.faces, flat_camera(), crops_of([PLACE]), window).picture(0, BALL.vertices)
    assert np.ptp(picture[[0, -1], :, :3].astype(int), axis=(0, 1)).max() < 3 and (picture[..., 3] == 255).all()


def test_what_is_behind_the_camera_is_not_drawn():
    drawn = Outliner(BALL.faces, deep_camera(), crops_of([PLACE]), WHOLE)
    away = TURN[:3, :3] @ (0, 0, 8.0)
    assert drawn.lines(BALL.vertices + away) == []
    through = Outliner(BALL.faces, deep_camera(0.5 + 1), crops_of([PLACE]), WHOLE)
    assert all(np.isfinite(line).all() for line in through.lines(BALL.vertices * 2))


def film_of(frames, indices=None, camera=None):
    """Return a film in which ball and disc move ten pixels to the right in each frame."""
    indices = np.arange(frames) if indices is None else np.asarray(indices)
    steps = np.interp(np.arange(len(indices)), np.flatnonzero(indices >= 0), indices[indices >= 0])
    poses = np.stack([BALL.vertices + TURN[:3, :3] @ (10 * step / RADIUS, 0, 0) for step in steps]).astype(np.float32)
    fit = Fit(camera=flat_camera() if camera is None else camera)
    provenance = Provenance("clip.mp4", None, 7, "default", "small", "0.1", fit=fit)
    crops = crops_of([(100 + 10 * frame, PLACE[1]) for frame in range(frames)])
    animation = Animation(poses, BALL.faces.astype(np.int32), np.arange(len(indices)) / 10, 0, indices, provenance)
    small = np.zeros((frames, HEIGHT // 2, WIDTH // 2, 4), np.uint8)
    for frame, crop in enumerate(crops):
        whole = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
        whole[crops.box.slices()] = crop
        small[frame] = cv2.resize(whole, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA)
    return animation, small, crops


def moved_camera():
    """Return `flat_camera`, shifted so that the ball's first pose is seen at the first disc."""
    camera = flat_camera()
    matrix = np.reshape(camera.matrix, (4, 4)).copy()
    matrix[:3, 3] += TURN[:3, :3] @ ((PLACE[0] - 100) / RADIUS, 0, 0)
    return replace(camera, matrix=tuple(matrix.ravel().tolist()))


@pytest.fixture
def small_pictures(monkeypatch):
    monkeypatch.setattr(preview, "SHEET_CELL", CELL)
    monkeypatch.setattr(preview, "FILM_CELL", CELL)


def rows_of(path):
    sheet = cv2.imread(str(path))[..., ::-1]
    count = (sheet.shape[0] - TOP) // (CELL + GAP)
    columns = (sheet.shape[1] - LEFT) // (CELL + GAP)
    place = [
        [(TOP + row * (CELL + GAP), LEFT + column * (CELL + GAP)) for column in range(columns)] for row in range(count)
    ]
    return [[sheet[y : y + CELL, x : x + CELL].astype(int) for y, x in row] for row in place]


def yellow(cell):
    """Return the mask of the line's light part."""
    return (cell[..., 0] > 180) & (cell[..., 1] > 140) & (cell[..., 2] < 130)


def test_a_sheet_has_the_outline_on_the_frames_disc(small_pictures, tmp_path):
    animation, frames, crops = film_of(4, camera=moved_camera())
    write_contact_sheet(animation, tmp_path / "a.png", None, frames, crops)
    rows = rows_of(tmp_path / "a.png")
    assert len(rows) == 4
    side = 1.08 * (30 + 2 * RADIUS)
    for frame, (clip, outlined) in enumerate(zip(rows[0], rows[1], strict=True)):
        assert not yellow(clip).any()
        ys, xs = np.nonzero(yellow(outlined))
        middle = CELL / 2 + (10 * frame - 15) * CELL / side
        found = np.hypot(xs + 0.5 - middle, ys + 0.5 - CELL / 2)
        assert len(xs) > 100 and np.abs(found - RADIUS * CELL / side).max() < 2.5


@pytest.mark.parametrize("lacks", ["camera", "crops", "frames", "size"])
def test_the_row_is_left_out_where_something_is_not_known(small_pictures, tmp_path, lacks):
    animation, frames, crops = film_of(2, camera=moved_camera())
    provenance = animation.provenance
    if lacks == "camera":
        animation = replace(animation, provenance=replace(provenance, fit=replace(provenance.fit, camera=None)))
    if lacks == "size":
        larger = replace(provenance.fit.camera, width=2 * WIDTH)
        animation = replace(animation, provenance=replace(provenance, fit=replace(provenance.fit, camera=larger)))
    given = None if lacks == "frames" else frames, None if lacks == "crops" else crops
    write_contact_sheet(animation, tmp_path / "a.png", None, *given)
    assert len(rows_of(tmp_path / "a.png")) == (2 if lacks == "frames" else 3)


def test_an_in_between_has_the_outline_of_the_frame_that_is_shown(small_pictures, tmp_path):
    animation, frames, crops = film_of(3, indices=[0, -1, 1, -1, 2], camera=moved_camera())
    stage = preview.Stage(animation, None, frames, crops, CELL)
    assert stage.captions == ["input", "outline", "front", "three-quarter"]
    np.testing.assert_array_equal(stage.pictures(1)[1], stage.pictures(0)[1])
    assert not np.array_equal(stage.pictures(2)[1], stage.pictures(0)[1])


def test_a_film_has_it_beside_the_input(small_pictures, tmp_path):
    av = pytest.importorskip("av")
    animation, frames, crops = film_of(3, camera=moved_camera())
    write_film(animation, tmp_path / "a.mp4", None, frames, crops)
    with av.open(str(tmp_path / "a.mp4")) as container:
        images = [image.to_ndarray(format="rgb24").astype(int) for image in container.decode(video=0)]
    assert len(images) == 3 and images[0].shape == (CELL, 4 * CELL, 3)
    middles = [np.nonzero(yellow(image[:, CELL : 2 * CELL]))[1].mean() for image in images]
    assert middles[0] + 5 < middles[1] < middles[2] - 5


def test_memory_does_not_grow_with_the_film(small_pictures, tmp_path, monkeypatch):
    def consume(images, rate, shape, part):
        for image in images:
            assert image.shape[:2] == shape
        part.write_bytes(b"")

    monkeypatch.setattr(preview, "encode_film", consume)
    peaks = []
    for frames in (4, 4, 20):  # the first call fills the caches that stay
        animation, small, crops = film_of(frames, camera=moved_camera())
        tracemalloc.start()
        write_film(animation, tmp_path / "a.mp4", None, small, crops)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.1 * peaks[1]
