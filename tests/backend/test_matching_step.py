"""The deformation graph of match, and the equations of one step on it: small meshes, known motions."""

from dataclasses import replace

import numpy as np
import pytest

from actionmesh.matching.camera import FilmCamera
from actionmesh.matching.film import Outline
from actionmesh.matching.flow import Correspondences, look
from actionmesh.matching.graph import farthest_along, make_graph, surface_graph
from actionmesh.matching.solve import Body, Equations, Rest, State, Weights, cross_matrices, fitted, rotations
from actionmesh.matching.track import outward, steps_of, steps_of_joining

CAMERA = FilmCamera(0.3, -0.2, 0.1, 0.25, 90.0, (4.0, -3.0), (80.0, 70.0))
FLAT = FilmCamera(0.0, 0.0, 0.0, 0.0, 10.0, (0.0, 0.0), (10.0, 10.0))
"""Parallel rays along -Z; ten pixels a unit, and the origin in the middle of 20 x 20 pixels."""
SQUARE = np.array([(-0.5, -0.5, 0), (0.5, -0.5, 0), (0.5, 0.5, 0), (-0.5, 0.5, 0)], np.float32)
HALVES = np.array([(0, 1, 2), (0, 2, 3)], np.int32)
LINE = np.stack([np.arange(9.0), np.zeros(9), np.zeros(9)], axis=1)
"""Nine places one apart, joined by flat triangles: along the surface, distances are differences of numbers."""
TRIPLES = np.array([(place, place + 1, place + 2) for place in range(7)])


def test_nodes_are_the_places_farthest_along_the_surface():
    surface = surface_graph(LINE, TRIPLES)
    nodes, nearest = farthest_along(surface, 3, 4)
    assert nodes.tolist() == [4, 0, 8] and nearest.tolist() == [0, 1, 2, 1, 0, 1, 2, 1, 0]
    assert len(farthest_along(surface, 20, 4)[0]) == 9


def test_a_place_hangs_on_its_nearest_nodes_with_the_published_weights():
    graph = make_graph(LINE, TRIPLES, 3)
    assert graph.nodes.tolist() == [4, 0, 8]
    assert graph.edges.tolist() == [[0, 1], [0, 2], [1, 0], [1, 2], [2, 0], [2, 1]]
    shares = np.array([1, (1 - 4 / 16) ** 2, (1 - 8 / 16) ** 2])
    assert graph.hung[0].tolist() == [1, 0, 2] and graph.weights[0] == pytest.approx(shares / shares.sum())
    every = make_graph(LINE, TRIPLES, 9)
    at = every.hung[4][0]
    assert every.nodes[at] == 4 and every.hung.shape == (9, 4)
    assert sorted(every.nodes[every.edges[every.edges[:, 0] == np.flatnonzero(every.nodes == 0)[0], 1]]) == [
        1,
        2,
        3,
        4,
        5,
        6,
    ]
    assert every.weights[4] == pytest.approx(np.array([1, 0.25, 0.25, 0]) / 1.5)


def test_places_that_coincide_are_joined_nevertheless():
    vertices = np.array([(0, 0, 0), (0, 0, 0), (1, 0, 0)], float)
    assert 0 < surface_graph(vertices, np.array([(0, 1, 2)]))[0, 1] < 1e-6


def test_loose_parts_are_tied_where_they_are_nearest():
    apart = np.concatenate([LINE, LINE + (10.5, 0, 0)])
    surface = surface_graph(apart, np.concatenate([TRIPLES, TRIPLES + 9]))
    assert surface[8, 9] == surface[9, 8] == 2.5 and surface[:9, 9:].nnz == 1
    assert surface[0, 1] == 1 and surface[0, 2] == 2 and surface[0, 3] == 0


def test_rotations_and_cross_products():
    vectors = np.random.default_rng(0).normal(size=(2, 5, 3))
    product = np.einsum("nij,nj->ni", cross_matrices(vectors[0]), vectors[1])
    np.testing.assert_allclose(product, np.cross(vectors[0], vectors[1]), atol=1e-12)
    quarter = rotations(np.array([(0, 0, np.pi / 2), (0, 0, 0)]))
    np.testing.assert_allclose(quarter[0], [(0, -1, 0), (1, 0, 0), (0, 0, 1)], atol=1e-12)
    assert np.array_equal(quarter[1], np.eye(3))


SOFT = Weights(rigidity=1e-3, rigidity_reach=np.inf, picture=0, depth=0, time=0)


def bent_grid():
    """Return the rest of a wavy sheet in film space, with a graph of 12 nodes."""
    rows, columns = np.mgrid[0:7, 0:7]
    vertices = np.stack([columns - 3, rows - 3, np.sin(columns) + np.cos(rows)], axis=-1).reshape(-1, 3) / 4.0
    corners = (rows[:-1, :-1] * 7 + columns[:-1, :-1]).ravel()
    faces = np.concatenate(
        [np.stack([corners, corners + 1, corners + 8], 1), np.stack([corners, corners + 8, corners + 7], 1)]
    )
    return Rest(Body(make_graph(vertices, faces, 12), faces), CAMERA.to_film(vertices)), faces


def test_a_rigid_motion_of_a_sheet_is_carried_exactly_and_found_again():
    rest, _ = bent_grid()
    turn, shift = rotations(np.array([[0.3, -0.5, 0.9]]))[0], np.array([10.0, 20.0, -30.0])
    state = State(np.repeat(turn[None], 12, axis=0), rest.nodes @ turn.T + shift)
    np.testing.assert_allclose(rest.carried(state), rest.vertices @ turn.T + shift, atol=1e-9)
    again = fitted(rest, rest.vertices @ turn.T + shift)
    np.testing.assert_allclose(again.turns, state.turns, atol=1e-6)
    np.testing.assert_allclose(again.places, state.places, atol=1e-9)
    assert np.array_equal(fitted(rest, rest.vertices).places, rest.nodes)


def test_the_points_of_a_face_hang_on_the_nodes_of_its_corners():
    body = Body(make_graph(SQUARE.astype(np.float64), HALVES, 4), HALVES)
    by_vertex = np.zeros((4, 4))
    np.put_along_axis(by_vertex, body.graph.hung, body.graph.weights, axis=1)
    for face, corners in enumerate(HALVES):
        found = np.zeros((3, 4))
        np.put_along_axis(
            found, np.repeat(body.carriers.nodes[face][None], 3, axis=0), body.carriers.weights[face], axis=1
        )
        np.testing.assert_allclose(found, by_vertex[corners], atol=1e-12)


def test_a_face_keeps_the_six_nodes_that_carry_most_of_it():
    rest, faces = bent_grid()
    graph, carriers = rest.body.graph, rest.body.carriers
    by_vertex = np.zeros((len(rest.vertices), 12))
    np.put_along_axis(by_vertex, graph.hung, graph.weights, axis=1)
    assert carriers.nodes.shape[1] == 6 and np.allclose(carriers.weights.sum(axis=2), 1)
    for face, corners in enumerate(faces):
        carried = np.sort(by_vertex[corners].sum(axis=0))[::-1][:6]
        found = by_vertex[corners].sum(axis=0)[carriers.nodes[face]]
        np.testing.assert_allclose(found[carried > 0], carried[carried > 0], atol=1e-12)


def test_steps_bring_a_contour_onto_the_outline():
    """The mask lies two pixels right of the square and one below it."""
    mask = np.zeros((20, 20), bool)
    mask[6:16, 7:17] = True
    vertices = SQUARE.astype(np.float64)
    rest = Rest(Body(make_graph(vertices, HALVES, 4), HALVES), FLAT.to_film(vertices))
    state = State.at(rest.nodes)
    for _ in range(6):
        equations = Equations(rest, state, FLAT)
        pose = look(FLAT.to_model(rest.carried(state)), HALVES, FLAT, (20, 20))
        equations.add_outline(pose, Outline(mask), SOFT)
        equations.add_rigidity(replace(SOFT, rigidity=100.0))
        equations.add_places(rest.nodes, np.array([0, 0, 1.0]))
        state = equations.solved()
    np.testing.assert_allclose(state.places - rest.nodes, np.tile((2, -1, 0), (4, 1)), atol=0.35)
    assert np.abs(state.turns - np.eye(3)).max() < 0.05


def test_steps_bring_points_to_where_they_are_seen():
    """Points are seen where a turn and a move of the whole sheet would bring them."""
    rest, faces = bent_grid()
    turn = rotations(np.array([[0.05, -0.08, 0.1]]))[0]
    weights = np.full((len(faces), 3), 1 / 3)
    centres = (rest.vertices @ turn.T + (3, -2, 1))[faces].mean(axis=1)
    found = Correspondences(np.arange(len(faces)), weights, CAMERA.pixels(centres), np.ones(len(faces)))
    state = State.at(rest.nodes)
    missed = []
    for _ in range(4):
        equations = Equations(rest, state, CAMERA)
        equations.add_correspondences(found)
        equations.add_rigidity(replace(SOFT, rigidity=10.0))
        state = equations.solved()
        seen = CAMERA.pixels(rest.carried(state)[faces].mean(axis=1))
        missed.append(np.abs(seen - found.target).max())
    assert missed[0] < 2 and missed[-1] < 0.05
    assert np.abs(state.turns - turn).max() < 0.03


def test_places_pull_each_node_by_their_weights():
    rest, _ = bent_grid()
    prior = rest.nodes + (4, -5, 6)
    for weights, moved in (((1, 1, 1), (4, -5, 6)), ((1, 0, 1), (4, 0, 6))):
        equations = Equations(rest, State.at(rest.nodes), CAMERA)
        equations.add_places(prior, np.array(weights, float))
        equations.add_rigidity(SOFT)
        step = equations.solved().places - rest.nodes
        np.testing.assert_allclose(step, np.broadcast_to(moved, step.shape), atol=0.02)


def test_rigidity_undoes_a_stretch_and_allows_a_turn():
    rest, _ = bent_grid()
    turn = rotations(np.array([[0.3, -0.5, 0.9]]))[0]
    turned = State(np.repeat(turn[None], 12, axis=0), rest.nodes @ turn.T + (1, 2, 3))
    pulled = turned.places.copy()
    pulled[5] += (3, 0, 0)
    for state in (turned, State(turned.turns, pulled)):
        for _ in range(6):
            equations = Equations(rest, state, CAMERA)
            equations.add_rigidity(replace(SOFT, rigidity=1e4))
            equations.add_places(turned.places, np.full(3, 0.01))
            state = equations.solved()
        np.testing.assert_allclose(state.places, turned.places, atol=0.02)
        np.testing.assert_allclose(state.turns, turned.turns, atol=0.01)


def test_every_frame_that_is_not_known_takes_five_steps():
    assert steps_of(5, (0,)) == 20 and steps_of(5, (0, 2, 2)) == 15 and steps_of(3, (0, 1, 2)) == 0
    assert steps_of_joining(5, (0,)) == 12 and steps_of_joining(5, (0, 2, 2)) == 9


def test_frames_are_reached_outward_from_what_is_known():
    assert outward((2,), 5) == [(1, 2), (3, 2), (0, 1), (4, 3)]
    assert outward((0, 4), 5) == [(1, 0), (3, 4), (2, 1)]
    assert outward((0, 1, 2), 3) == []
