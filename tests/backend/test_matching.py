"""Match on a creature with known motion and camera."""

import numpy as np
import pytest
import trimesh

from actionmesh.errors import Cancelled
from actionmesh.matching.choice import better, fit, missed, residual, trusted
from actionmesh.matching.film import make_film
from actionmesh.matching.graph import make_graph, surface_graph
from actionmesh.matching.refine import refine_poses
from actionmesh.matching.solve import Body, Rest, State, fitted, rotations
from actionmesh.matching.standing import turn_of, wrapped
from actionmesh.matching.track import join_poses, track_mesh
from actionmesh.media.subject_crops import SubjectCrops
from actionmesh.progress import Progress
from actionmesh.protocol import Facing, Match
from actionmesh.stages.match import find_standing, match_to_clip, mismatch
from tests.backend.matching_film import FRAMES, SIZE, Acted, act

QUIET = Progress()


@pytest.fixture(scope="module")
def acted():
    return act()


@pytest.fixture(scope="module")
def standing(acted):
    return find_standing(acted.vertices[0], acted.faces, acted.crops, 0, Facing.FRONT, QUIET)


@pytest.fixture(scope="module")
def sharp():
    """Two frames of twice the size, for what must be found more exactly than a pixel allows."""
    return act(frames=2, size=2 * SIZE)


@pytest.fixture(scope="module")
def sharp_standing(sharp):
    return find_standing(sharp.vertices[0], sharp.faces, sharp.crops, 0, Facing.FRONT, QUIET)


def error(vertices: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean distance as a share of the still mesh's."""
    return float(np.linalg.norm(vertices - truth, axis=-1).mean() / np.linalg.norm(truth[:1] - truth, axis=-1).mean())


def crops_of_frames(crops: SubjectCrops, frames) -> SubjectCrops:
    """Return the crops of some frames."""
    chosen = SubjectCrops(SIZE, SIZE)
    for frame in frames:
        whole = np.zeros((SIZE, SIZE, 4), np.uint8)
        whole[crops.box.slices()] = crops[frame]
        chosen.append(whole)
    return chosen


def matched(acted, standing, vertices, way, known=(0,), frames=None, nodes=60):
    frames = [float(frame) for frame in range(len(acted.vertices))] if frames is None else frames
    return match_to_clip(vertices, acted.faces, frames, known, known[0], acted.film, standing, way, nodes, QUIET)


# The camera.


def test_the_camera_of_a_true_mesh_is_found(sharp_standing):
    camera = sharp_standing.view.camera
    assert np.degrees(camera.yaw) == pytest.approx(0, abs=0.5)
    assert np.degrees(camera.pitch) == pytest.approx(np.degrees(0.15), abs=0.5)
    assert np.degrees(camera.roll) == pytest.approx(0, abs=0.5)
    assert camera.inverse_distance == pytest.approx(np.tan(0.25) / 1.3, abs=0.03)
    assert sharp_standing.agrees and sharp_standing.view.overlap > 0.98


def test_points_are_seen_where_the_renderer_shows_them(sharp, sharp_standing):
    """The camera's pixel positions in the clip agree with the renderer's own projection."""
    film = sharp.film
    seen = sharp_standing.view.camera.pixels(
        sharp_standing.view.camera.to_film(sharp_standing.to_match.apply(sharp.vertices[0]))
    )
    ours = seen / film.factor + film.corner
    axes = sharp.vertices[0] @ sharp.camera.axes.T
    plane = axes[:, :2] / (1 - axes[:, 2:] / sharp.camera.distance) / sharp.camera.half_extent
    theirs = (plane * (1, -1) + 1) * SIZE
    assert np.linalg.norm(ours - theirs, axis=1).max() < 1.0
    assert np.linalg.norm(ours - theirs, axis=1).mean() < 0.25


# Facing.


@pytest.mark.parametrize("yaw", [-140, 25, 90, 180])
def test_the_side_that_the_camera_sees_is_found(acted, yaw):
    turned = (acted.vertices[0] @ turn_of(-yaw).T).astype(np.float32)
    found = find_standing(turned, acted.faces, acted.crops, 0, Facing.AUTO, QUIET)
    assert abs(wrapped(found.yaw - yaw)) < 1.0 and found.agrees and found.doubtful is None
    np.testing.assert_allclose(turned @ found.turn.T, acted.vertices[0], atol=0.03)


def test_an_axis_that_is_given_is_believed(acted):
    turned = (acted.vertices[0] @ turn_of(-90).T).astype(np.float32)
    found = find_standing(turned, acted.faces, acted.crops, 0, Facing.RIGHT, QUIET)
    assert found.yaw == 90 and found.agrees
    wrong = find_standing(turned, acted.faces, acted.crops, 0, Facing.FRONT, QUIET)
    assert wrong.yaw == 0 and not wrong.agrees


@pytest.mark.fault("Match crashes where the subject is a speck in the reference frame and crosses the whole clip later")
def test_a_speck_in_the_reference_frame_does_not_agree(acted):
    crops = SubjectCrops(400, 400)
    for row in (0, 397):
        frame = np.zeros((400, 400, 4), np.uint8)
        frame[row : row + 2, row : row + 2] = (200, 100, 50, 255)
        crops.append(frame)
    found = find_standing(acted.vertices[0], acted.faces, crops, 0, Facing.AUTO, QUIET)
    assert not found.agrees
    assert "the subject is tiny there" in mismatch(found, 0, left_alone=True)


def test_a_mesh_in_another_pose_is_told_of_and_keeps_its_documented_front(acted):
    other = act(amount=2.2).vertices[-1]
    found = find_standing(other, acted.faces, acted.crops, 0, Facing.AUTO, QUIET)
    assert found.yaw == 0 and not found.agrees
    told = mismatch(found, 0, left_alone=True)
    assert "does not stand as the first frame shows it" in told and "overlap by" in told and "not matched" in told
    told = mismatch(found, 3, left_alone=False)
    assert "frame 3 shows it" in told and "not matched" not in told


# The two ways.


@pytest.mark.parametrize("way", [Match.REFINE, Match.TRACK])
def test_a_still_mesh_is_brought_onto_its_clip(acted, standing, way):
    """Refine starts from still poses, like those of a network that found no motion."""
    still = np.repeat(acted.vertices[:1], FRAMES, axis=0)
    found = matched(acted, standing, still, way)
    assert found.way is way and found.overlap > 0.95
    assert error(found.vertices, acted.vertices) < (0.75 if way is Match.REFINE else 0.35)
    np.testing.assert_array_equal(found.vertices[0], acted.vertices[0])


def test_auto_takes_track_where_the_network_saw_nothing_and_refine_where_it_was_nearly_right(acted, standing):
    still = np.repeat(acted.vertices[:1], FRAMES, axis=0)
    assert matched(acted, standing, still, Match.AUTO).way is Match.TRACK
    nearly = still + 0.75 * (acted.vertices - still)
    found = matched(acted, standing, nearly, Match.AUTO)
    assert found.way is Match.REFINE and error(found.vertices, acted.vertices) < error(nearly, acted.vertices)


def test_the_same_job_gives_the_same_result(acted, standing):
    still = np.repeat(acted.vertices[:1], FRAMES, axis=0)
    one, other = (matched(acted, standing, still, Match.TRACK).vertices for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_in_betweens_follow_their_neighbours(acted, standing):
    frames = [frame / 2 for frame in range(2 * FRAMES - 1)]
    still = np.repeat(acted.vertices[:1], len(frames), axis=0)
    found = matched(acted, standing, still, Match.TRACK, frames=frames).vertices
    whole = matched(acted, standing, still[::2], Match.TRACK).vertices
    np.testing.assert_array_equal(found[::2], whole)
    np.testing.assert_allclose(found[1::2], (whole[:-1] + whole[1:]) / 2, atol=1e-6)


@pytest.mark.parametrize("way", [Match.REFINE, Match.TRACK])
def test_known_frames_stay_and_a_later_reference_frame_works(acted, way):
    late = find_standing(acted.vertices[3], acted.faces, acted.crops, 3, Facing.FRONT, QUIET)
    poses = np.repeat(acted.vertices[3:4], FRAMES, axis=0)
    poses[1] = acted.vertices[1]
    found = matched(acted, late, poses, way, known=(3, 1))
    np.testing.assert_array_equal(found.vertices[[1, 3]], acted.vertices[[1, 3]])
    assert error(found.vertices, acted.vertices) < 0.6 * error(poses, acted.vertices)


def test_vertices_at_one_place_stay_together(acted, standing):
    """The mesh is cut along seams, so that every face has its own corners."""
    corners, faces = acted.faces.reshape(-1), np.arange(3 * len(acted.faces), dtype=np.int32).reshape(-1, 3)
    still = np.repeat(acted.vertices[:1, corners], FRAMES, axis=0)
    times = [float(frame) for frame in range(FRAMES)]
    found = match_to_clip(still, faces, times, (0,), 0, acted.film, standing, Match.TRACK, 60, QUIET).vertices
    first = np.unique(corners, return_index=True)[1]
    np.testing.assert_allclose(found, found[:, first][:, corners], atol=1e-6)


def test_cancelling_ends_the_work(acted, standing):
    calls = []

    def cancelled():
        calls.append(1)
        return len(calls) > 6

    still = np.repeat(acted.vertices[:1], FRAMES, axis=0)
    times = [float(frame) for frame in range(FRAMES)]
    with pytest.raises(Cancelled):
        progress = Progress(cancelled=cancelled)
        match_to_clip(still, acted.faces, times, (0,), 0, acted.film, standing, Match.TRACK, 60, progress)
    with pytest.raises(Cancelled):
        find_standing(acted.vertices[0], acted.faces, acted.crops, 0, Facing.AUTO, Progress(cancelled=lambda: True))


def test_progress_is_told_to_its_end(acted, standing):
    events = []
    progress = Progress(events.append)
    still = np.repeat(acted.vertices[:1], FRAMES, axis=0)
    times = [float(frame) for frame in range(FRAMES)]
    match_to_clip(still, acted.faces, times, (0,), 0, acted.film, standing, Match.AUTO, 60, progress)
    find_standing(acted.vertices[0], acted.faces, acted.crops, 0, Facing.AUTO, progress)
    last = {event.stage: event for event in events}
    assert len(last) == 2 and all(event.step == event.total for event in last.values())


# Pieces.


def test_residual_and_fit_tell_the_right_animation(acted, standing):
    camera, film = standing.view.camera, acted.film
    right, still = acted.vertices, np.repeat(acted.vertices[:1], FRAMES, axis=0)
    right, still = (standing.to_match.apply(poses) for poses in (right, still))
    assert residual(right, 0, acted.faces, film, camera) < 0.5 * residual(still, 0, acted.faces, film, camera)
    assert fit(right, acted.faces, film, camera) > 0.97 > fit(still, acted.faces, film, camera)


def test_motion_that_refining_confirms_is_trusted_and_any_other_is_not(acted, standing):
    camera = standing.view.camera
    rest = 0, acted.faces, acted.film, camera
    poses = standing.to_match.apply(acted.vertices)
    still, mirrored = np.repeat(poses[:1], FRAMES, axis=0), 2 * poses[:1] - poses
    nearly, hardly = (still + share * (poses - still) for share in (0.75, 0.5))
    found = [trusted(these, poses, (0,), *rest) for these in (poses, nearly, hardly, still, mirrored)]
    assert found == [True, True, False, False, False]


def test_what_was_missed_is_counted_across_the_picture(acted, standing):
    """Motion in depth says nothing, because refining all but keeps it."""
    camera = standing.view.camera
    poses = standing.to_match.apply(acted.vertices)
    still = np.repeat(poses[:1], FRAMES, axis=0)
    deeper = poses + np.float32(0.5) * camera.axes[2].astype(np.float32) * np.arange(FRAMES)[:, None, None]
    assert missed(deeper, poses, still, camera) == pytest.approx(0, abs=1e-4)
    assert missed(still + 0.75 * (poses - still), poses, still, camera) == pytest.approx(0.25, abs=1e-4)
    assert missed(poses, still, still, camera) == np.inf


def test_motion_is_counted_from_the_nearest_known_pose(acted, standing):
    """The networks get no credit for motion that known poses explain."""
    camera = standing.view.camera
    rest = 0, acted.faces, acted.film, camera
    poses = standing.to_match.apply(acted.vertices)
    every_second = poses[2 * (np.arange(FRAMES) // 2)]
    given = [frame for frame in range(FRAMES) if frame % 2 == 0]
    assert trusted(every_second, poses, (0,), *rest)
    assert not trusted(every_second, poses, given, *rest)
    assert not trusted(poses, poses, range(FRAMES), *rest), "nothing is left to foresee"


def test_track_is_taken_where_it_explains_the_clip_clearly_better(acted, standing):
    camera, film = standing.view.camera, acted.film
    poses = standing.to_match.apply(acted.vertices)
    still = np.repeat(poses[:1], FRAMES, axis=0)
    ways = [better(*each, 0, acted.faces, film, camera) for each in ((poses, poses), (still, poses), (poses, still))]
    assert ways == [Match.REFINE, Match.TRACK, Match.REFINE]


def test_a_state_moves_on_as_it_moved_before():
    """A node that turns around an axis and moves along it goes on turning by the same angle."""

    def state(times: float) -> State:
        return State(rotations(times * np.array([[0.1, 0.2, -0.3]])), np.array([[1.0, 2.0, 3.0]]) * times)

    found = state(2).moved(state(1), state(2))
    np.testing.assert_allclose(found.turns, state(3).turns, atol=1e-12)
    np.testing.assert_allclose(found.places, state(3).places, atol=1e-12)


@pytest.mark.parametrize("amount", [1.9, 2.0, 2.2])
def test_fast_steady_motion_is_tracked(amount):
    """The arm moves too far from frame to frame for optical flow that starts at the previous pose."""
    fast = act(amount=amount)
    standing = find_standing(fast.vertices[0], fast.faces, fast.crops, 0, Facing.FRONT, QUIET)
    found = matched(fast, standing, np.repeat(fast.vertices[:1], FRAMES, axis=0), Match.TRACK)
    assert found.overlap > 0.9 and error(found.vertices, fast.vertices) < 0.85


def test_a_frame_may_start_where_the_networks_lead():
    """The arm goes up in one leap, which neither flow nor steady motion explains but the networks know roughly."""
    fast = act(amount=2.0)
    leap = Acted(fast.vertices[[0, 4, 4]], fast.faces, fast.camera, crops_of_frames(fast.crops, (0, 4, 4)))
    standing = find_standing(leap.vertices[0], leap.faces, leap.crops, 0, Facing.FRONT, QUIET)
    still = np.repeat(leap.vertices[:1], 3, axis=0)
    roughly = still + 0.8 * (leap.vertices - still)
    lost, found = (
        error(matched(leap, standing, poses, Match.TRACK).vertices, leap.vertices) for poses in (still, roughly)
    )
    assert found < 0.5 * lost


def test_joint_passes_give_edges_the_lengths_of_the_anchor_and_keep_known_frames(acted, standing):
    truth = standing.to_match.apply(acted.vertices)
    swollen = truth.copy()
    swollen[1:] *= 1.06
    graph = make_graph(truth[0].astype(np.float64), acted.faces, 60)
    joined = join_poses(swollen, 0, (0, 2), acted.faces, acted.film, standing.view.camera, graph, lambda: None)
    np.testing.assert_array_equal(joined[[0, 2]], swollen[[0, 2]])
    assert error(joined[[0, 1, 3, 4]], truth[[0, 1, 3, 4]]) < 0.6 * error(swollen[[0, 1, 3, 4]], truth[[0, 1, 3, 4]])


def test_nodes_lie_along_the_surface(acted):
    """Points follow nodes of their own part: the arm's tip is near the body only in space."""
    vertices = acted.vertices[0].astype(np.float64)
    graph = make_graph(vertices, acted.faces, 40)
    np.testing.assert_allclose(graph.weights.sum(axis=1), 1)
    assert len(np.unique(graph.nodes)) == 40 and np.array_equal(np.unique(graph.edges[:, 0]), np.arange(40))
    same = graph.carried(vertices, np.repeat(np.eye(3)[None], 40, axis=0), vertices[graph.nodes])
    np.testing.assert_allclose(same, vertices, atol=1e-12)
    lengths = surface_graph(vertices, acted.faces)
    assert (lengths != lengths.T).nnz == 0 and lengths.data.min() > 0


@pytest.mark.parametrize("way", [Match.REFINE, Match.TRACK])
@pytest.mark.parametrize("shape", ["triangle", "box"])
def test_a_mesh_with_fewer_vertices_than_nodes_is_matched(acted, shape, way):
    box = trimesh.creation.box()
    vertices, faces = np.array(box.vertices, np.float32), np.array(box.faces, np.int32)
    if shape == "triangle":
        vertices, faces = np.float32([[0, 0, 0], [1, 0, 0], [0, 1, 0]]), np.array([[0, 1, 2]], np.int32)
    found = find_standing(vertices, faces, acted.crops, 0, Facing.FRONT, QUIET)
    times = [float(frame) for frame in range(FRAMES)]
    poses = np.repeat(vertices[None], FRAMES, axis=0)
    assert np.isfinite(match_to_clip(poses, faces, times, (0,), 0, acted.film, found, way, 100, QUIET).vertices).all()


def test_a_subject_of_one_colour_is_matched(acted, standing):
    plain = SubjectCrops(SIZE, SIZE)
    for crop in acted.crops:
        frame = np.zeros((SIZE, SIZE, 4), np.uint8)
        frame[acted.crops.box.slices()] = np.where(crop[..., 3:] > 0, (90, 90, 90, 255), 0)
        plain.append(frame)
    still, times = np.repeat(acted.vertices[:1], FRAMES, axis=0), [float(frame) for frame in range(FRAMES)]
    found = match_to_clip(still, acted.faces, times, (0,), 0, make_film(plain), standing, Match.AUTO, 60, QUIET)
    assert np.isfinite(found.vertices).all() and found.overlap > 0.9


def test_a_rigid_motion_is_carried_exactly_and_found_again(acted):
    vertices = acted.vertices[0].astype(np.float64)
    rest = Rest(Body(make_graph(vertices, acted.faces, 30), acted.faces), vertices)
    turn, shift = rotations(np.array([[0.3, -0.5, 0.9]]))[0], np.array([0.1, 0.2, -0.3])
    state = State(np.repeat(turn[None], 30, axis=0), rest.nodes @ turn.T + shift)
    np.testing.assert_allclose(rest.carried(state), vertices @ turn.T + shift, atol=1e-9)
    again = fitted(rest, vertices @ turn.T + shift)
    np.testing.assert_allclose(again.turns, state.turns, atol=1e-6)
    np.testing.assert_allclose(again.places, state.places, atol=1e-9)


def test_the_film_contrasts_with_the_subject(acted):
    film = make_film(acted.crops)
    assert max(film.masks.any(axis=0).any(axis=1).sum(), film.masks.any(axis=0).any(axis=0).sum()) == pytest.approx(
        157, abs=4
    )
    outside = ~film.masks.any(axis=0)
    assert film.background in (0, 255) and (film.pictures[0][outside] == film.background).mean() > 0.95
    assert film.principal == pytest.approx(
        ((SIZE / 2 - film.corner[0]) * film.factor, (SIZE / 2 - film.corner[1]) * film.factor)
    )


def test_every_way_leaves_its_input_alone(acted, standing):
    poses = standing.to_match.apply(np.repeat(acted.vertices[:1], FRAMES, axis=0))
    before = poses.copy()
    graph = make_graph(poses[0].astype(np.float64), acted.faces, 30)
    for way in (refine_poses, join_poses, track_mesh):
        way(poses, 0, (0,), acted.faces, acted.film, standing.view.camera, graph, lambda: None)
        np.testing.assert_array_equal(poses, before)
