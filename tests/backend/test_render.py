"""The renderer against pictures with known content: silhouettes, cosines, colours, texture cells."""

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from actionmesh.media.render import Camera, Light, Texture, render, render_frames

FULL = Light(ambient=0.0, key=1.0, direction=(0, 0, 1))
FLAT = Light(ambient=1.0, key=0.0)
SQUARE = np.array([[-0.5, -0.5, 0], [0.5, -0.5, 0], [0.5, 0.5, 0], [-0.5, 0.5, 0]], np.float32)
SQUARE_FACES = np.array([[0, 1, 2], [0, 2, 3]])


def sphere(radius: float = 0.8, subdivisions: int = 4) -> tuple[np.ndarray, np.ndarray]:
    mesh = trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius)
    return mesh.vertices.astype(np.float32), mesh.faces


def to_linear(values: np.ndarray) -> np.ndarray:
    """Convert sRGB (...) uint8 to linear values, from the curve's definition."""
    values = values / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def centre_of(alpha: np.ndarray) -> tuple[float, float]:
    rows, columns = np.nonzero(alpha > 127)
    return rows.mean(), columns.mean()


def test_a_sphere_covers_the_disc_it_should():
    alpha = render(*sphere(), camera=Camera(half_extent=1.0), size=100)[..., 3]
    assert alpha.sum() / 255 == pytest.approx(np.pi * 40**2, rel=0.01)
    assert 0 < (alpha[(alpha > 0) & (alpha < 255)]).size < 600
    assert centre_of(alpha) == pytest.approx((49.5, 49.5), abs=0.1)


def test_empty_pixels_are_transparent_black():
    picture = render(*sphere(), size=64)
    assert not picture[picture[..., 3] == 0].any()


def test_shading_is_the_cosine_to_the_light():
    picture = render(*sphere(), np.ones((2562, 3)), Camera(half_extent=1.0), 101, FULL)
    column = 50 + np.arange(0, 36, 5)
    cosine = np.sqrt(1 - ((column - 50) / 50.5 / 0.8) ** 2)
    np.testing.assert_allclose(to_linear(picture[50, column, 0]), cosine, atol=0.02)


@pytest.mark.parametrize(
    ("camera", "axis", "place"),
    [
        (Camera(), (1, 0, 0), (0, 1)),
        (Camera(), (0, 1, 0), (-1, 0)),
        (Camera(yaw=np.pi / 2), (0, 0, 1), (0, -1)),
        (Camera(yaw=np.pi), (1, 0, 0), (0, -1)),
        (Camera(pitch=np.pi / 2), (0, 0, 1), (1, 0)),
    ],
)
def test_axes_point_where_the_camera_says(camera, axis, place):
    vertices, faces = sphere(0.2, 2)
    rows, columns = centre_of(render(vertices + np.multiply(axis, 0.7), faces, camera=camera, size=100)[..., 3])
    assert (rows - 49.5, columns - 49.5) == pytest.approx(np.multiply(place, 0.7 / 1.25 * 50), abs=0.5)


def test_what_is_nearer_hides_what_is_behind():
    vertices = np.concatenate([SQUARE + (0, 0, 0.5), SQUARE - (0, 0, 0.5)])
    colours = np.repeat([[1.0, 0, 0], [0, 0, 1.0]], 4, axis=0)
    faces = np.concatenate([SQUARE_FACES, SQUARE_FACES + 4])
    assert render(vertices, faces, colours, light=FLAT)[48, 48, :3].tolist() == [255, 0, 0]
    assert render(vertices, faces, colours, Camera(yaw=np.pi), light=FLAT)[48, 48, :3].tolist() == [0, 0, 255]


def test_perspective_keeps_the_plane_of_the_origin_and_enlarges_what_is_nearer():
    def width(depth: float) -> int:
        camera = Camera(half_extent=1.0, field_of_view=np.deg2rad(60))
        return (render(SQUARE + (0, 0, depth), SQUARE_FACES, camera=camera, size=200)[100, :, 3] > 127).sum()

    distance = 1 / np.tan(np.deg2rad(30))
    assert width(0) == 100
    assert width(0.5) == pytest.approx(100 * distance / (distance - 0.5), abs=2)


def test_a_shape_around_the_perspective_camera_is_drawn():
    vertices, faces = sphere(5.0, 2)
    assert (render(vertices, faces, camera=Camera(field_of_view=1.0), size=16)[..., 3] == 255).all()


def test_ambient_light_is_stronger_from_above():
    vertices, faces = sphere()
    column = to_linear(
        render(vertices, faces, np.ones((len(vertices), 3)), Camera(half_extent=1.0), 101, Light(ambient=0.6, key=0))[
            :, 50, 0
        ]
    )
    assert column[[11, 50, 89]] == pytest.approx((0.8, 0.6, 0.4), abs=0.01)


def test_vertex_colours_come_out_as_they_are_in_full_light():
    colours = np.tile(np.array([[10, 120, 250]], np.uint8), (4, 1))
    for surface in (colours, colours / 255):
        picture = render(SQUARE, SQUARE_FACES, surface, light=FLAT)
        assert picture[48, 48].tolist() == [10, 120, 250, 255]


def test_a_texture_lies_with_its_first_row_on_top():
    image = np.zeros((2, 2, 3), np.uint8)
    image[0, 0], image[0, 1], image[1, 0], image[1, 1] = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
    texture = Texture(SQUARE[:, :2] + 0.5, (image,))
    picture = render(SQUARE, SQUARE_FACES, texture, Camera(half_extent=0.5), 64, FLAT)
    corners = picture[16:64:32, 16:64:32, :3]
    np.testing.assert_allclose(corners, image, atol=12)


def test_a_texture_is_interpolated_between_its_pixels():
    image = np.repeat(np.arange(0, 256, 255 // 3, dtype=np.uint8)[None, :, None], 3, axis=2)
    texture = Texture(SQUARE[:, :2] + 0.5, (image,))
    picture = render(SQUARE, SQUARE_FACES, texture, Camera(half_extent=0.5), 64, FLAT)
    between = (np.arange(8, 56) + 0.5) / 64 * 4 - 0.5
    np.testing.assert_allclose(picture[32, 8:56, 0], 85 * between, atol=1.5)


def test_textures_repeat_outside_the_unit_square():
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    uv = SQUARE[:, :2] + 0.5
    near, far = (render(SQUARE, SQUARE_FACES, Texture(uv + shift, (image,))) for shift in (0, (3, -2)))
    np.testing.assert_allclose(near.astype(int), far, atol=1)


def test_faces_take_their_own_picture_and_tint():
    red, green = (np.full((1, 1, 3), colour, np.uint8) for colour in ((255, 0, 0), (0, 255, 0)))
    tint = np.full((4, 3), 0.5)
    texture = Texture(np.zeros((4, 2)), (red, green), np.array([1, 0]), tint)
    picture = render(SQUARE, SQUARE_FACES, texture, light=FLAT)
    below, above = picture[60, 60, :3], picture[36, 36, :3]
    assert to_linear(below) == pytest.approx((0, 0.5, 0), abs=0.01)
    assert to_linear(above) == pytest.approx((0.5, 0, 0), abs=0.01)


def test_both_sides_of_a_surface_are_lit_alike():
    front = render(SQUARE, SQUARE_FACES, light=FULL)
    np.testing.assert_array_equal(front, render(SQUARE, SQUARE_FACES[:, ::-1], light=FULL))
    assert front[48, 48, :3].min() > 150


def test_a_seam_does_not_show():
    vertices, faces = sphere(subdivisions=2)
    split = render(vertices[faces].reshape(-1, 3), np.arange(faces.size).reshape(-1, 3))
    np.testing.assert_allclose(split.astype(int), render(vertices, faces), atol=1)


def test_flat_shading_shows_the_facets():
    vertices, faces = sphere(subdivisions=1)
    flat, smooth = (render(vertices, faces, smooth=choice)[..., 0] for choice in (False, True))
    assert len(np.unique(flat[40:56, 40:56])) < len(np.unique(smooth[40:56, 40:56]))


def test_frames_are_the_single_pictures():
    vertices, faces = sphere(subdivisions=3)
    poses = np.stack([vertices, vertices * 0.5, vertices + (0.4, 0, 0)])
    frames = render_frames(poses, faces, size=48)
    for frame, pose in zip(frames, poses, strict=True):
        np.testing.assert_array_equal(frame, render(pose, faces, size=48))
    assert (frames[1][..., 3] > 0).sum() < (frames[0][..., 3] > 0).sum()


@pytest.mark.parametrize("shift", [(5, 0, 0), (0, -5, 0)])
def test_a_mesh_outside_the_picture_leaves_it_empty(shift):
    vertices, faces = sphere(subdivisions=1)
    assert not render(vertices + shift, faces).any()


def test_a_mesh_without_faces_is_invisible():
    assert not render(SQUARE, np.zeros((0, 3), int)).any()


@settings(max_examples=25, deadline=None)
@given(st.floats(0.1, 0.9), st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.integers(1, 3))
def test_the_part_that_is_traced_holds_the_whole_mesh(radius, x, y, supersample):
    vertices, faces = sphere(radius, 2)
    moved = vertices + (x, y, 0)
    camera = Camera(half_extent=0.8)
    alpha = render(moved, faces, camera=camera, size=40, supersample=supersample)[..., 3]
    corner = np.array(
        [[-0.8, -0.8, -9], [0.8, 0.8, -9]], np.float32
    )  # loose vertices extend the traced area to the whole picture
    whole = render(np.concatenate([moved, corner]), faces, camera=camera, size=40, supersample=supersample)[..., 3]
    np.testing.assert_allclose(alpha.astype(int), whole, atol=255 / supersample**2 / 2)
    assert (alpha > 0).any()
