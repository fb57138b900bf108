"""Remeshed toys are closed, on the surface, and move with it."""

import numpy as np
import pytest
import torch
import trimesh
from scipy.spatial import cKDTree

from actionmesh.toys import ToySequence, make_sequence
from actionmesh.toys.meshing import KINDS, reference_vertices, remeshed


@pytest.fixture(scope="module", params=["quadruped", "box"])
def toy(request) -> ToySequence:
    return make_sequence(4, 4, request.param)


@pytest.mark.parametrize("kind", KINDS)
def test_a_mesh_anew_is_closed_faces_outwards_and_has_the_toys_volume(toy, kind):
    vertices, faces = remeshed(toy, np.random.default_rng(1), kind)
    mesh, true = (
        trimesh.Trimesh(vertices[0], faces, process=False),
        trimesh.Trimesh(toy.vertices[0], toy.faces, process=False),
    )
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    forth, back = np.sort(edges @ (1, 1 << 20)), np.sort(edges[:, ::-1] @ (1, 1 << 20))
    assert np.array_equal(forth, back)  # every edge is used equally often in both directions
    assert abs(mesh.volume / true.volume - 1) < 0.12


@pytest.mark.parametrize("kind", KINDS)
def test_new_vertices_stay_on_the_surface_and_beside_the_same_old_ones(toy, kind):
    vertices, _ = remeshed(toy, np.random.default_rng(1), kind)
    distance = toy.body.signed_distance(torch.from_numpy(vertices)).abs()
    assert vertices.dtype == np.float32 and np.quantile(distance.numpy(), 0.98) < 0.02
    gap, neighbour = cKDTree(toy.vertices[0]).query(vertices[0])
    for frame in range(1, len(vertices)):
        later = np.linalg.norm(vertices[frame] - toy.vertices[frame, neighbour], axis=1)
        assert np.quantile(later - gap, 0.99) < 0.03


def test_kinds_differ_in_their_vertices():
    toy = make_sequence(4, 2, "fish")
    counts = {kind: remeshed(toy, np.random.default_rng(2), kind)[0].shape[1] for kind in KINDS}
    assert counts["tracked"] == toy.vertices.shape[1] and len(set(counts.values())) == len(KINDS)


def test_reference_vertices_are_as_many_as_asked_for_and_repeat_only_where_they_must():
    toy = make_sequence(4, 2, "fish")
    few, normals = reference_vertices(toy, 100, np.random.default_rng(0))
    assert few.shape == normals.shape == (2, 100, 3) and len(np.unique(few[0], axis=0)) == 100
    assert np.allclose(np.linalg.norm(normals, axis=-1), 1, atol=1e-5)
    many, _ = reference_vertices(toy, 20_000, np.random.default_rng(0))
    assert many.shape == (2, 20_000, 3)


@pytest.mark.parametrize("seed", [1_002_997, 1_007_100])
def test_toys_with_faces_without_area_have_vertices_all_the_same(seed):
    toy = make_sequence(seed, 16)
    vertices, normals = reference_vertices(toy, 384, np.random.default_rng((seed, 2)))
    assert np.isfinite(vertices).all() and np.isfinite(normals).all()
    assert cKDTree(toy.vertices[0]).query(vertices[0])[0].max() < 0.1
