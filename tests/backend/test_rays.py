"""Rays against a mesh: the fallback hits what Embree hits."""

import numpy as np
import pytest
import trimesh

from actionmesh.matching.camera import FilmCamera
from actionmesh.matching.silhouette import Scene
from actionmesh.media import rays
from actionmesh.media.render import Camera, render

CAMERAS = [
    FilmCamera(0.4, 0.2, 0.1, 0.25, 40.0, (3.0, -2.0), (50.0, 40.0)),
    FilmCamera(-2.0, -0.3, 0.0, 0.0, 40.0, (0.0, 0.0), (47.0, 40.0)),
    FilmCamera(1.0, 0.1, -0.2, 0.6, 30.0, (-40.0, -60.0), (90.0, -20.0)),
]


def knot() -> tuple[np.ndarray, np.ndarray]:
    """Make a torus with a ball in front: surfaces that hide each other, and faces of many sizes."""
    torus = trimesh.creation.torus(0.6, 0.22, major_sections=40, minor_sections=16)
    ball = trimesh.creation.icosphere(subdivisions=1, radius=0.2)
    ball.apply_translation((0.4, 0.1, 0.5))
    both = trimesh.util.concatenate([torus, ball])
    return np.array(both.vertices, np.float32), np.array(both.faces, np.int32)


@pytest.mark.parametrize("camera", CAMERAS)
def test_the_stand_in_meets_what_embree_meets(camera, monkeypatch):
    vertices, faces = knot()
    with_embree = Scene(vertices, faces).sight(camera, (80, 100))
    monkeypatch.setattr("actionmesh.matching.silhouette.RayScene", lambda v, f: rays.RayScene(v, f, plain=True))
    plain = Scene(vertices, faces).sight(camera, (80, 100))
    assert len(with_embree.pixel) > 500
    both, one, other = np.intersect1d(with_embree.pixel, plain.pixel, return_indices=True)
    assert len(both) >= max(len(with_embree.pixel), len(plain.pixel)) - 3  # rays that graze an edge
    points = [sight.points(vertices, faces)[rows] for sight, rows in ((with_embree, one), (plain, other))]
    apart = np.linalg.norm(points[0] - points[1], axis=1)
    assert np.quantile(apart, 0.99) < 1e-4
    np.testing.assert_allclose(np.median(np.abs(with_embree.cosine[one] - plain.cosine[other])), 0, atol=1e-4)


@pytest.mark.parametrize("field_of_view", [None, 0.6])
def test_a_picture_is_the_same_without_embree(field_of_view, monkeypatch):
    vertices, faces = knot()
    camera = Camera(yaw=0.5, pitch=0.3, field_of_view=field_of_view)
    expected = render(vertices, faces, camera=camera, size=64)
    monkeypatch.setattr("actionmesh.media.render.RayScene", lambda v, f: rays.RayScene(v, f, plain=True))
    found = render(vertices, faces, camera=camera, size=64)
    assert (expected[..., 3] > 0).sum() > 500
    assert (np.abs(expected.astype(int) - found).max(axis=-1) > 2).sum() <= 4


def test_a_ray_that_misses_everything_says_so():
    vertices, faces = knot()
    origins, directions = np.array([[0, 0, 5], [0, 5, 5]], np.float32), np.array([[0, 0, -1]] * 2, np.float32)
    for plain in (False, True):
        assert (rays.RayScene(vertices, faces, plain).hits(origins, directions, None).face == rays.MISS).all()
