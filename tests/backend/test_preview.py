"""Contact sheets and films, read back as pictures."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import trimesh

from actionmesh.animation import Animation, Provenance
from actionmesh.errors import OutputError
from actionmesh.geometry.mesh_files import load_mesh
from actionmesh.output import film, preview
from actionmesh.output.appearance import read_appearance
from actionmesh.output.gltf_source import open_source
from actionmesh.output.preview import write_contact_sheet, write_film
from tests.backend.gltf_files import TEXTURE, Builder, rich_scene, textured

PROVENANCE = Provenance("clip.mp4", None, 7, "default", "small", "0.1")
SQUARE = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32)
SQUARE_FACES = np.array([[0, 1, 2], [0, 2, 3]])
CELL = 160
GAP, LEFT, TOP = CELL // 16, CELL // 8, CELL // 6


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch):
    monkeypatch.setattr(preview, "SHEET_CELL", CELL)
    monkeypatch.setattr(preview, "FILM_CELL", CELL)


def ball(poses: int, frame_indices: np.ndarray | None = None) -> Animation:
    """Return a ball that climbs."""
    mesh = trimesh.creation.icosphere(subdivisions=2, radius=0.3)
    heights = np.linspace(-0.5, 0.5, poses)[:, None, None] * (0, 1, 0)
    indices = np.arange(poses) if frame_indices is None else frame_indices
    vertices = (mesh.vertices + heights).astype(np.float32)
    return Animation(vertices, mesh.faces.astype(np.int32), np.arange(poses) / 10, 0, indices, PROVENANCE)


def clip(frames: int) -> np.ndarray:
    """Frame k is a disc of red k * 20."""
    pictures = np.zeros((frames, 60, 80, 4), np.uint8)
    for k, picture in enumerate(pictures):
        cv2.circle(picture, (40, 30), 20, (20 * k, 40, 200, 255), -1)
    return pictures


def cell(sheet: np.ndarray, row: int, column: int) -> np.ndarray:
    return sheet[TOP + row * (CELL + GAP) :, LEFT + column * (CELL + GAP) :][:CELL, :CELL]


def read_png(path: Path) -> np.ndarray:
    return cv2.imread(str(path))[..., ::-1]


def read_film(path: Path) -> tuple[list[np.ndarray], float, str]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return (
            [f.to_ndarray(format="rgb24") for f in container.decode(video=0)],
            float(stream.average_rate),
            stream.codec.name,
        )


def rises(cells: list[np.ndarray]) -> bool:
    """Return whether the lump that differs from the background climbs from cell to cell."""
    rows = [np.nonzero(np.abs(c.astype(int) - c[:, :1]).sum(axis=2) > 60)[0].mean() for c in cells]
    return all(later < earlier - 1 for earlier, later in zip(rows, rows[1:], strict=False))


def test_a_sheet_has_the_frames_above_the_result_at_eight_times(tmp_path):
    write_contact_sheet(ball(12), tmp_path / "a.png", None, clip(12))
    sheet = read_png(tmp_path / "a.png")
    assert sheet.shape == (TOP + 3 * (CELL + GAP), LEFT + 8 * (CELL + GAP), 3)
    shown = [cell(sheet, 0, k)[CELL // 2, CELL // 2].tolist() for k in range(8)]
    assert shown == [[20 * k, 40, 200] for k in (0, 2, 3, 5, 6, 8, 9, 11)]
    for row in (1, 2):
        assert rises([cell(sheet, row, k) for k in range(8)])


def test_a_short_sheet_is_as_wide_as_it_must_be(tmp_path):
    write_contact_sheet(ball(3), tmp_path / "a.png", None, None)
    assert read_png(tmp_path / "a.png").shape == (TOP + 2 * (CELL + GAP), LEFT + 3 * (CELL + GAP), 3)


def test_a_sheet_has_captions(tmp_path):
    write_contact_sheet(ball(2), tmp_path / "a.png", None, None)
    sheet = read_png(tmp_path / "a.png").astype(int)
    for strip in (sheet[:TOP, LEFT : LEFT + CELL], sheet[TOP : TOP + CELL, :LEFT]):
        assert 20 < (strip.min(axis=2) < 150).sum() < 1000


def test_a_sheet_leaves_in_betweens_out(tmp_path):
    animation = ball(5, np.array([0, -1, 1, -1, 2]))
    write_contact_sheet(animation, tmp_path / "a.png", None, clip(3))
    sheet = read_png(tmp_path / "a.png")
    shown = [cell(sheet, 0, k)[CELL // 2, CELL // 2, 0] for k in range(3)]
    assert shown == [0, 20, 40] and sheet.shape[1] == LEFT + 3 * (CELL + GAP)


def test_the_subject_of_the_clip_fills_its_cell(tmp_path):
    small = np.pad(clip(2)[:, ::2, ::2], ((0, 0), (300, 10), (10, 500), (0, 0)))
    write_contact_sheet(ball(2), tmp_path / "a.png", None, small)
    shown = cell(read_png(tmp_path / "a.png"), 0, 0)
    rows, columns = np.nonzero(np.abs(shown.astype(int) - shown[:, :1]).sum(axis=2) > 60)
    for found in (rows, columns):
        assert found.min() + found.max() == pytest.approx(CELL, abs=4)
        assert np.ptp(found) == pytest.approx(CELL / 1.08, abs=8)


def test_a_clip_without_a_subject_is_shown_as_it_is(tmp_path):
    write_contact_sheet(ball(2), tmp_path / "a.png", None, np.zeros((2, 20, 30, 4), np.uint8))
    shown = cell(read_png(tmp_path / "a.png"), 0, 0)
    assert np.ptp(shown[CELL // 2]) < 8


def test_no_pose_leaves_its_picture(tmp_path):
    animation = ball(4)
    far = Animation(
        animation.vertices * 50 + np.float32(1000),
        animation.faces,
        animation.times,
        0,
        animation.frame_indices,
        PROVENANCE,
    )
    write_contact_sheet(far, tmp_path / "a.png", None, None)
    sheet = read_png(tmp_path / "a.png").astype(int)
    for row in (0, 1):
        cells = [cell(sheet, row, k) for k in range(4)]
        assert rises(cells)
        for shown in cells:
            edge = np.abs(shown - shown[:, :1])[[0, -1]]
            assert edge.max() < 8


def test_a_texture_shows(tmp_path):
    builder = Builder()
    uv = ((SQUARE[:, :2] + 1) / 2 * (1, -1) + (0, 1)).astype("<f4")
    primitive = textured(builder, builder.primitive(SQUARE, SQUARE_FACES, TEXCOORD_0=uv))
    builder.json |= {"scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}], "meshes": [{"primitives": [primitive]}]}
    source = builder.save(tmp_path / "square.glb")
    mesh = load_mesh(source)
    poses = np.stack([mesh.vertices] * 2)
    animation = Animation(poses, mesh.faces, np.array([0.0, 1.0]), 0, np.arange(2), PROVENANCE)
    write_contact_sheet(animation, tmp_path / "a.png", source, None)
    shown = cell(read_png(tmp_path / "a.png"), 0, 0)
    inside = np.abs(shown.astype(int) - shown[:, :1]).sum(axis=2).any(axis=1).nonzero()[0]
    low, high = inside.min(), inside.max() + 1
    texels = cv2.resize(np.ascontiguousarray(shown[low:high, low:high]), (8, 8), interpolation=cv2.INTER_AREA)
    assert np.corrcoef(texels.ravel(), TEXTURE.ravel())[0, 1] > 0.9


def test_all_surfaces_of_a_scene_are_seen_with_their_own_colours(tmp_path):
    builder = rich_scene()
    builder.json["materials"].append({"pbrMetallicRoughness": {"baseColorFactor": [0.1, 0.2, 0.4, 1]}})
    builder.json["meshes"][0]["primitives"][1]["material"] = 1
    colours = np.full((9, 4), 128, "u1")
    builder.json["meshes"][1]["primitives"][0]["attributes"]["COLOR_0"] = builder.accessor(colours, normalized=True)
    source = builder.save(tmp_path / "scene.glb")
    mesh = load_mesh(source)
    animation = Animation(mesh.vertices[None], mesh.faces, np.zeros(1), 0, np.zeros(1, int), PROVENANCE)
    appearance = read_appearance(open_source(animation, source))
    corners = mesh.vertices[appearance.rows][appearance.faces]
    expected = mesh.vertices[mesh.faces].mean(axis=1)
    np.testing.assert_allclose(np.sort(corners.mean(axis=1), axis=0), np.sort(expected, axis=0), atol=1e-5)
    tints = {tuple(np.round(tint.astype(float), 3).tolist()) for tint in appearance.texture.tint}
    assert tints == {(1.0, 1.0, 1.0), (0.1, 0.2, 0.4), (0.502, 0.502, 0.502)}
    shapes = [image.shape for image in appearance.texture.images]
    assert sorted(shapes) == [(1, 1, 3), (8, 8, 3)]
    textured_faces = appearance.texture.image_of_face == shapes.index((8, 8, 3))
    assert textured_faces.sum() == 18
    np.testing.assert_array_equal(appearance.texture.images[shapes.index((8, 8, 3))], TEXTURE)


def test_strips_fans_and_faces_without_indices_are_read(tmp_path):
    builder = Builder()
    strip = builder.primitive(SQUARE[[0, 1, 3, 2]], np.array([[0, 1, 2, 3]])) | {"mode": 5}
    loose = builder.primitive(SQUARE[[0, 1, 2]] + (3, 0, 0), SQUARE_FACES)
    del loose["indices"]
    fan = builder.primitive(SQUARE + (6, 0, 0), np.array([[0, 1, 2, 3]])) | {"mode": 6}
    primitives = [strip, loose, fan]
    builder.json |= {"scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}], "meshes": [{"primitives": primitives}]}
    source = builder.save(tmp_path / "strip.glb")
    mesh = load_mesh(source)
    animation = Animation(mesh.vertices[None], mesh.faces, np.zeros(1), 0, np.zeros(1, int), PROVENANCE)
    faces = read_appearance(open_source(animation, source)).faces
    expected = [(0, 1, 2), (1, 2, 3), (4, 5, 6), (7, 8, 9), (7, 9, 10)]
    assert sorted(sorted(face) for face in faces.tolist()) == [list(face) for face in expected]
    np.testing.assert_array_equal(faces, mesh.faces)


def test_a_film_plays_at_the_animations_pace(tmp_path):
    write_film(ball(6), tmp_path / "a.mp4", None, clip(6))
    images, rate, codec = read_film(tmp_path / "a.mp4")
    assert (len(images), rate, codec) == (6, 10, "h264")
    size = CELL
    assert images[0].shape == (size, 3 * size, 3)
    reds = [image[size // 2, size // 2, 0] for image in images]
    np.testing.assert_allclose(reds, 20 * np.arange(6), atol=12)
    assert rises([image[:, size : 2 * size] for image in images])


def test_a_film_holds_the_input_during_in_betweens(tmp_path):
    write_film(ball(5, np.array([0, -1, -1, 4, -1])), tmp_path / "a.mp4", None, clip(5))
    reds = [image[CELL // 2, CELL // 2, 0] for image in read_film(tmp_path / "a.mp4")[0]]
    np.testing.assert_allclose(reds, [0, 0, 0, 80, 80], atol=12)


def test_without_h264_a_film_is_mpeg4(tmp_path, monkeypatch):
    monkeypatch.setattr(film, "_has_h264", lambda: False)
    write_film(ball(3), tmp_path / "a.mp4", None, clip(3))
    images, rate, codec = read_film(tmp_path / "a.mp4")
    assert (len(images), rate, codec) == (3, 10, "mpeg4")
    assert rises([image[:, CELL : 2 * CELL] for image in images])


def test_a_video_that_opencv_failed_to_write_is_no_success(tmp_path, monkeypatch):
    class Silent:
        def __init__(self, *arguments: object):
            pass

        write = release = __init__

    monkeypatch.setattr(film, "_has_h264", lambda: False)
    monkeypatch.setattr(film.cv2, "VideoWriter", type("VideoWriter", (Silent,), {"fourcc": staticmethod(lambda *c: 0)}))
    (tmp_path / "a.mp4").write_bytes(b"before")
    with pytest.raises(OutputError, match="a.mp4 could not be written .OpenCV"):
        write_film(ball(3), tmp_path / "a.mp4", None, None)
    assert (tmp_path / "a.mp4").read_bytes() == b"before"
