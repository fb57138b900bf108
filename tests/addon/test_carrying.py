"""The way back from a shown mesh: links, copies, files; and the shape that a transform gives a mesh. Numbers only."""

from pathlib import Path

import numpy as np
import pytest

from blender_addon.errors import MotionError
from blender_addon.motion.carrying import Carry, Way, load_carry, save_carry
from blender_addon.motion.correspondence import (
    barycentric,
    copies_of,
    joined,
    links_as,
    links_of,
    links_to_surface,
    same_copies,
    share_alive,
    snapped,
)
from blender_addon.motion.world_shape import is_plain, outward, shape_of

MIRROR = np.diag([-1.0, 1, 1])
RNG = np.random.default_rng(0)


def turned(angle, axis):
    one, other = [(1, 2), (2, 0), (0, 1)][axis]
    matrix = np.eye(3)
    matrix[[one, one, other, other], [one, other, one, other]] = (
        np.cos(angle),
        -np.sin(angle),
        np.sin(angle),
        np.cos(angle),
    )
    return matrix


@pytest.mark.parametrize("upright", [True, False])
@pytest.mark.parametrize("linear", [3 * np.eye(3), 0.01 * turned(1.0, 2)])
def test_an_even_scale_and_a_turn_around_the_vertical_leave_the_mesh_as_it_is_modelled(linear, upright):
    assert np.array_equal(shape_of(linear, upright), np.eye(3))


@pytest.mark.parametrize("seed", range(8))
def test_the_world_is_what_is_shown_turned_around_the_vertical(seed):
    linear = np.random.default_rng(seed).normal(size=(3, 3))
    turn = linear @ np.linalg.inv(shape_of(linear, upright=True))
    assert np.allclose(turn @ turn.T, np.eye(3)) and np.linalg.det(turn) > 0 and np.allclose(turn[2], (0, 0, 1))
    turn = linear @ np.linalg.inv(shape_of(linear, upright=False))
    assert np.allclose(turn @ turn.T, np.eye(3)) and np.linalg.det(turn) > 0


def test_a_mesh_that_lies_is_shown_lying_and_one_upside_down_upside_down():
    assert np.allclose(shape_of(turned(np.pi / 2, 0), True), turned(np.pi / 2, 0))
    assert np.allclose(shape_of(turned(np.pi, 0), True), np.diag([1, -1, -1]))
    assert np.array_equal(shape_of(turned(np.pi / 2, 0), False), np.eye(3))


def test_rounding_is_no_shape():
    assert np.array_equal(shape_of(turned(5e-6, 0), True), np.eye(3)) and is_plain(shape_of(turned(5e-6, 0), True))
    assert not is_plain(shape_of(turned(5e-5, 0), True)) and not is_plain(shape_of(np.diag([1, 1, 1.0001]), False))
    assert np.allclose(shape_of(-np.eye(3), False), MIRROR)


def test_an_object_is_flat_from_a_millionth_of_its_longest_stretch():
    assert np.isfinite(shape_of(np.diag([1, 1e-3, 2e-6]), True)).all()


@pytest.mark.parametrize(
    "linear", [np.diag([1.0, 1e-3, 5e-7]), np.diag([1.0, 0, 1]), np.full((3, 3), np.nan), np.zeros((3, 3))]
)
def test_what_is_flat_has_no_shape(linear):
    with pytest.raises(ValueError, match="flat|finite"):
        shape_of(linear, True)


def test_faces_are_turned_outwards_together():
    vertices = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)], np.float32)
    right = np.array([(0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3)], np.int32)
    assert np.array_equal(outward(vertices, right), right) and np.array_equal(outward(vertices, right[:, ::-1]), right)
    away, roof = vertices + np.float32([100, -200, 300]), right[1:]
    assert np.array_equal(outward(away, roof), roof) and np.array_equal(outward(away, roof[:, ::-1]), roof)
    assert np.array_equal(outward(vertices, right[:1]), right[:1])


def test_copies_are_known_by_their_marks_bit_for_bit():
    marks = RNG.random((5, 3), np.float32)
    shown = np.stack([marks[3], (marks[1] + marks[2]) / 2, marks[3], marks[0]])
    assert copies_of(marks, shown).tolist() == [3, -1, 3, 0]


def test_copies_of_another_drawing_are_told_apart_by_their_order():
    first, second = np.array([2, 0, -1, 2, 1, 1]), np.array([0, 2, 1, 2, -1, -1, -1])
    assert same_copies(first, second, 3).tolist() == [1, 0, -1, 3, -1, -1]
    for first, second, same in (
        ([0], [0, 2], [0]),
        ([0, 2], [0], [0, -1]),
        ([0, 1, 1], [0, 1], [0, -1, -1]),
        ([-1, 0], [0, -1], [-1, 0]),
        ([0, 0, 1], [1, 0, 0], [1, 2, 0]),
    ):
        assert same_copies(np.array(first), np.array(second), 3).tolist() == same


def test_a_vertex_that_is_shown_twice_moves_as_the_mean_and_one_on_the_seam_stays_there():
    response = np.stack([np.eye(3), MIRROR, np.diag([0.0, 1, 1])])
    links = links_of(np.array([0, 0, 1]), response, 2)
    carry = Carry(np.zeros((3, 3), np.float32), np.eye(3), 2, links.target, links.source, links.blocks, Way.COPIES)
    assert np.allclose(carry.back(np.array([(1.0, 2, 3), (-3, 4, 3), (5, 6, 7)])), [(2, 3, 3), (0, 6, 7)])
    assert carry.takes_means


@pytest.mark.parametrize(
    ("way", "target", "means"),
    [
        (Way.COPIES, [0, 0, 1], True),
        (Way.FINER, [0, 1, 1], True),
        (Way.COPIES, [0, 1, 2], False),
        (Way.EXACT, [0, 0, 1], False),
        (Way.NEAREST, [0, 0, 1], False),
        (Way.FINER, [], False),
    ],
)
def test_means_are_taken_where_a_vertex_is_shown_several_times(way, target, means):
    links, blocks = np.array(target, np.int32), np.zeros((len(target), 3, 3), np.float32)
    assert Carry(np.zeros((3, 3), np.float32), np.eye(3), 3, links, links, blocks, way).takes_means is means


def test_shifts_are_from_the_reference_pose_or_from_the_mesh_that_was_shown():
    """A mesh that faces -Y: model space's (x, y, z) is its (x, -z, y)."""
    shown = np.array([(1, 2, 3)], np.float32)
    motion = np.array([[(1, 0, 0)], [(5, 7, 9)]], np.float32)
    one = Carry(shown, np.eye(3), 1, np.array([0]), np.array([0]), np.eye(3)[None])
    assert one.shifts(motion, "NEG_Y", 0, True, 1).tolist() == [[4, -9, 7]]
    assert one.shifts(motion, "NEG_Y", 0, False, 1).tolist() == [[4, -11, 4]]


def test_vertices_that_are_not_shown_move_as_others():
    links = links_of(np.array([1, 1, 0]), np.stack([np.eye(3)] * 3), 3)
    alike = links_as(np.array([2]), np.array([1]), links)
    assert (
        alike.target.tolist() == [2, 2] and alike.source.tolist() == [0, 1] and np.allclose(alike.blocks, np.eye(3) / 2)
    )


def test_several_vertices_move_each_as_its_own_model():
    links = links_of(np.array([1, 1, 0]), np.stack([np.eye(3)] * 3), 7)
    alike = links_as(np.array([5, 6, 4]), np.array([0, 1, 3]), links)
    assert alike.target.tolist() == [5, 6, 6] and alike.source.tolist() == [2, 0, 1]
    assert np.allclose(alike.blocks, np.reshape([1, 0.5, 0.5], (3, 1, 1)) * np.eye(3))


def test_weights_on_triangles():
    corners = RNG.normal(size=(20, 3, 3))
    weights = RNG.dirichlet(np.ones(3), 20)
    assert np.allclose(barycentric(np.einsum("pc,pcx->px", weights, corners), corners), weights)
    assert np.allclose(barycentric(np.zeros((1, 3)), np.zeros((1, 3, 3))), [(1, 0, 0)])


def test_a_point_beside_a_triangle_takes_weights_of_its_border():
    """Weights of -2, 2 and 1 are clipped to 0, 1 and 1, those of 1, 1/2 and -1/2 to 1, 1/2 and 0."""
    corners = np.array([[(1, 1, 1), (2, 1, 1), (1, 3, 1)]], float)
    assert np.allclose(barycentric(np.array([(3, 3, 9.0)]), corners), [(0, 0.5, 0.5)])
    assert np.allclose(barycentric(np.array([(1.5, 0, 1)]), corners), [(2 / 3, 1 / 3, 0)])


def test_measured_responses_are_snapped_within_three_times_the_noise():
    off = np.stack([np.eye(3), MIRROR, np.eye(3)])
    off[0, 0, 1], off[1, 2, 2], off[2, 1, 0] = 0.0009, 0.9992, -0.0011
    assert np.array_equal(snapped(off, 0.0), np.stack([np.eye(3), MIRROR, off[2]]))
    off[:, 0, 0] += 0.003
    assert np.array_equal(snapped(off, 0.0), off)
    assert np.array_equal(snapped(off, 0.001), np.stack([np.eye(3), MIRROR, np.eye(3)]))


def test_copies_that_hardly_move_are_dead():
    response = np.stack([np.eye(3), 0.005 * np.eye(3), 0.007 * np.eye(3), np.eye(3)])
    assert share_alive(np.array([0, 1, 2, -1]), response) == pytest.approx(2 / 3)
    assert share_alive(np.array([-1] * 4), response) == 0


@pytest.mark.parametrize("response", [2 * np.eye(3), MIRROR, turned(0.7, 1) @ turned(0.4, 2)])
def test_a_vertex_follows_its_point_of_the_surface_through_the_inverse_response(response):
    weights = np.array([(0.2, 0.3, 0.5), (1, 0, 0)])
    links = links_to_surface(np.array([4, 1]), np.array([(0, 1, 2), (2, 1, 0)]), weights, np.stack([response] * 3))
    assert links.target.tolist() == [4, 4, 4, 1, 1, 1] and links.source.tolist() == [0, 1, 2, 2, 1, 0]
    assert np.allclose(links.blocks, weights.reshape(-1, 1, 1) * np.linalg.inv(response))
    own = links_of(np.array([-1, 1, -1]), np.stack([np.eye(3), response, np.eye(3)]), 2)
    assert own.target.tolist() == own.source.tolist() == [1] and np.allclose(own.blocks, [np.linalg.inv(response)])
    both = joined([links, links_of(np.array([3]), np.eye(3)[None], 5)])
    assert both.target.tolist() == [4, 4, 4, 1, 1, 1, 3] and both.source.tolist() == [0, 1, 2, 2, 1, 0, 0]
    assert np.array_equal(both.blocks, np.concatenate([links.blocks, [np.eye(3)]]))


def test_the_inverse_of_a_mean_response_is_that_of_least_squares():
    """The corners' responses differ; along X, where the surface hardly moves, the vertex stays."""
    responses = np.stack([np.diag([1e-3, 1, 2]), np.diag([1e-3, 3, 2]), np.eye(3)])
    links = links_to_surface(np.array([0]), np.array([(0, 1, 2)]), np.array([(0.5, 0.5, 0)]), responses)
    assert np.allclose(links.blocks, [0.5 * np.diag([0, 0.5, 0.5])] * 2 + [np.zeros((3, 3))])


def carry():
    blocks = np.stack([np.eye(3)] * 2).astype(np.float32)
    numbers = np.array([0, 1], np.int32)
    return Carry(np.zeros((2, 3), np.float32), np.eye(3), 2, numbers, numbers, blocks, Way.FINER, ("Mirror", "Größer"))


def test_the_way_back_is_kept_in_a_file(tmp_path):
    path = tmp_path / "carry.npz"
    assert load_carry(path) is None
    save_carry(path, carry())
    kept = load_carry(path)
    assert (kept.way, kept.through, kept.count) == (Way.FINER, ("Mirror", "Größer"), 2) and np.array_equal(
        kept.blocks, carry().blocks
    )


@pytest.mark.parametrize(
    "change",
    [
        {"count": 1},
        {"blocks": np.full((2, 3, 3), np.inf, np.float32)},
        {"source": np.array([0, 2], np.int32)},
        {"target": np.array([-1, 0], np.int32)},
        {"target": np.array([0.5, 0])},
        {"shown": np.zeros((2, 2), np.float32)},
        {"way": "sideways"},
    ],
)
@pytest.mark.fault("A tampered file of a job ends in a traceback")
def test_a_file_that_does_not_fit_is_told(tmp_path, change):
    path = tmp_path / "carry.npz"
    save_carry(path, carry())
    with np.load(path) as kept:
        arrays = dict(kept)
    np.savez(path, **(arrays | change))
    with pytest.raises(MotionError, match="carry.npz does not say how the mesh was shown"):
        load_carry(path)


def test_a_file_with_a_pickle_is_refused_and_the_pickle_not_read(tmp_path):
    path, trap = tmp_path / "carry.npz", tmp_path / "trap"

    class Planted:
        def __reduce__(self):
            return Path.touch, (trap,)

    save_carry(path, carry())
    with np.load(path) as kept:
        arrays = dict(kept)
    np.savez(path, **(arrays | {"way": np.array([Planted()], object)}))
    with pytest.raises(MotionError):
        load_carry(path)
    assert not trap.exists()


@pytest.mark.parametrize("size", [0, 10, 300])
@pytest.mark.fault("A file of a job that is cut off ends in a traceback")
def test_a_file_that_is_cut_off_is_told(tmp_path, size):
    path = tmp_path / "carry.npz"
    save_carry(path, carry())
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(MotionError):
        load_carry(path)
