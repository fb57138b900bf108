"""A cleaned surface is closed and small, has no crumbs, and faces outward."""

import numpy as np
import pytest
import torch
import trimesh
from hypothesis import given
from hypothesis import strategies as st

from actionmesh.errors import MeshError
from actionmesh.geometry.cleanup import (
    clean_up,
    decimate,
    drop_degenerate,
    drop_small_parts,
    drop_unused,
    orient,
    parts,
)
from actionmesh.geometry.extraction import extract_surface
from tests.backend.test_extraction import capsule, is_closed, sphere, torus, volume


def ball(subdivisions: int, radius: float = 1.0, centre=(0, 0, 0)) -> tuple[np.ndarray, np.ndarray]:
    """Make a ball with 20 * 4^subdivisions faces."""
    mesh = trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius)
    return np.array(mesh.vertices + centre, np.float32), np.array(mesh.faces, np.int32)


def together(*meshes: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    starts = np.cumsum([0, *(len(vertices) for vertices, _ in meshes)])
    faces = [faces + start for (_, faces), start in zip(meshes, starts, strict=False)]
    return np.concatenate([vertices for vertices, _ in meshes]), np.concatenate(faces).astype(np.int32)


def creature(points: torch.Tensor) -> torch.Tensor:
    """Return a body with thin limbs, and a crumb next to it."""
    limbs = [capsule(points, (-0.5, 0.0, z), (-0.5 + x, -0.8, z), 0.03) for x in (-0.2, 0.9) for z in (-0.15, 0.15)]
    body = capsule(points, (-0.5, 0.0, 0.0), (0.5, 0.1, 0.0), 0.2)
    return torch.stack([body, *limbs, sphere(points, (0.8, 0.8, 0.8), 0.04)]).amax(dim=0)


@pytest.mark.parametrize(("field", "faces_wanted"), [(creature, 4000), (torus, 1000), (sphere, 500)])
def test_a_decimated_surface_stays_closed_and_in_shape(field, faces_wanted):
    found = extract_surface(field, 96)
    vertices, faces = clean_up(*found, max_faces=faces_wanted)
    assert 0.9 * faces_wanted < len(faces) <= faces_wanted
    assert is_closed(faces)
    assert vertices.dtype == np.float32 and faces.dtype == np.int32
    assert np.array_equal(np.unique(faces), np.arange(len(vertices)))
    assert volume(vertices, faces) == pytest.approx(volume(*found), rel=0.02)
    assert field(torch.from_numpy(vertices)).abs().max() < 0.02


def test_no_face_is_turned_over_by_decimation():
    vertices, faces = clean_up(*extract_surface(torus, 96), max_faces=2000)
    corners = vertices[faces].astype(np.float64)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    centres = corners.mean(axis=1)
    ring = centres * (1, 0, 1)
    ring *= 0.6 / np.linalg.norm(ring, axis=1, keepdims=True)
    assert ((normals * (centres - ring)).sum(axis=1) > 0).all()


def test_the_crumb_goes_and_the_limbs_stay():
    found = extract_surface(creature, 96)
    assert found[0].max() > 0.8
    vertices, _ = clean_up(*found, max_faces=4000, smallest_part=0.05)
    assert vertices.max() < 0.8 and vertices.min() < -0.8


def test_a_small_surface_is_not_decimated():
    vertices, faces = ball(3)
    cleaned = clean_up(vertices, faces, max_faces=1280)
    np.testing.assert_array_equal(cleaned[0], vertices)
    np.testing.assert_array_equal(cleaned[1], faces)


def test_a_triangle_soup_becomes_one_part():
    vertices, faces = ball(3)
    soup = vertices[faces].reshape(-1, 3)
    cleaned, joined = clean_up(soup, np.arange(len(soup)).reshape(-1, 3))
    assert len(cleaned) == len(vertices) and is_closed(joined) and not parts(joined).any()


@pytest.mark.parametrize(("share", "kept"), [(1 / 16, 1360), (0.0624, 1360), (0.0626, 1280)])
def test_parts_are_measured_by_their_faces(share, kept):
    """80 of 1280 faces are exactly 1/16; the position and the size of a part do not matter."""
    _, faces = together(ball(1, 9.0, (30, 0, 0)), ball(3, 0.1))
    assert len(drop_small_parts(faces, share)) == kept


def test_two_percent_is_the_smallest_part():
    big, small, crumb = ball(4), ball(2, 0.1, (5, 0, 0)), ball(1, 0.1, (0, 5, 0))
    vertices, faces = clean_up(*together(crumb, big, small))
    assert len(faces) == 5120 + 320
    assert vertices[:, 0].max() > 5 and vertices[:, 1].max() < 2


def test_parts_are_connected_by_an_edge_and_not_by_a_vertex():
    faces = np.array([[0, 1, 2], [2, 1, 3], [3, 4, 5], [6, 7, 8]])
    one, other, touching, apart = parts(faces)
    assert one == other and len({int(one), int(touching), int(apart)}) == 3


def test_a_crumb_that_touches_the_body_at_a_vertex_goes():
    vertices, faces = together(ball(4), ball(1, 0.1, (0, 5, 0)))
    at_body, at_crumb = faces[0, 0], faces[-1, 0]
    faces[faces == at_crumb] = at_body
    assert len(drop_small_parts(faces, 0.02)) == 5120


def test_degenerate_and_duplicate_faces_go():
    faces = np.array([[0, 1, 2], [3, 3, 4], [5, 4, 5], [2, 0, 1], [4, 6, 6], [2, 1, 0], [0, 1, 3]])
    np.testing.assert_array_equal(drop_degenerate(faces), [[0, 1, 2], [0, 1, 3]])


@given(st.booleans(), st.tuples(*[st.floats(-50, 50)] * 3))
def test_the_outside_is_out_wherever_the_mesh_is(turned, centre):
    vertices, faces = ball(1, centre=centre)
    found = orient(vertices, faces[:, ::-1] if turned else faces)
    np.testing.assert_array_equal(found, faces)


def test_a_hollow_stays_hollow():
    outer, (inner, inner_faces) = ball(3), ball(3, 0.5)
    vertices, faces = together(outer, (inner, inner_faces[:, ::-1]))
    for given_faces in (faces, faces[:, ::-1]):
        cleaned = clean_up(vertices, given_faces)
        assert volume(*cleaned) == pytest.approx(4 / 3 * np.pi * (1 - 0.5**3), rel=0.02)


def test_unused_vertices_go():
    vertices, faces = drop_unused(np.arange(18, dtype=np.float32).reshape(6, 3), np.array([[5, 1, 3]]))
    np.testing.assert_array_equal(vertices[:, 0], [3, 9, 15])
    np.testing.assert_array_equal(faces, [[2, 0, 1]])


def test_decimation_has_a_limit_not_a_goal():
    vertices, faces = ball(2)
    assert decimate(vertices, faces, 320)[1] is faces
    assert len(decimate(vertices, faces, 319)[1]) <= 319


def test_a_surface_as_small_as_a_point_is_refused():
    with pytest.raises(MeshError, match="as small as a point"):
        clean_up(np.ones((3, 3), np.float32), np.array([[0, 1, 2]], np.int32))
