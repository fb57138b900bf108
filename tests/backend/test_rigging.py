"""Bones from a motion: exact where bones made it, few influences, joints where parts turn, names and refusals."""

import subprocess

import numpy as np
import pytest

from actionmesh.errors import Cancelled, InputError
from actionmesh.progress import Progress
from actionmesh.rigging import decomposition, making
from actionmesh.rigging.bone_names import named
from actionmesh.rigging.clusters import errors_of, nearest_rotations, rigid_parts
from actionmesh.rigging.making import make_rig
from actionmesh.rigging.skeleton import joint

from .bending import bent, turn


@pytest.fixture(scope="module")
def arm():
    """Return a tube along X that bends at x = 0.3, and the rig of its two halves."""
    rest, faces, poses = bent(at=0.3)
    return rest, faces, poses, make_rig(rest, faces, poses, 2)


def test_two_bones_explain_a_bend(arm):
    rest, faces, poses, rig = arm
    assert len(rig.names) == 2 and rig.parents.tolist() == [-1, 0] and rig.rms < 0.003
    size = np.linalg.norm(np.ptp(rest, axis=0))
    apart = np.linalg.norm(rig.poses(rest) - poses, axis=2) / size
    assert np.sqrt((apart**2).mean()) == pytest.approx(rig.rms, rel=1e-6)
    assert apart.max() == pytest.approx(rig.worst, rel=1e-6) and rig.worst < 0.03


def test_bones_meet_where_the_halves_turn(arm):
    rest, *_, rig = arm
    assert np.linalg.norm(rig.heads[1] - (0.3, 0, 0)) < 0.03
    assert rig.heads[0][0] < 0.1 < 0.5 < rig.tails[1][0]  # the longer half is the root
    assert rig.names == ("root", "bone.L.001")
    np.testing.assert_array_equal(rig.tails[0], rig.heads[1])


def test_no_vertex_follows_more_than_four_bones_and_weights_sum_to_one():
    rest, faces, poses = bent(at=0.0, rings=30, around=12, wavy=True)
    rig = make_rig(rest, faces, poses, 8)
    assert len(rig.names) == 8 and len(set(rig.names)) == 8
    assert rig.weights.shape == rig.influences.shape == (len(rest), 4)
    np.testing.assert_allclose(rig.weights.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_array_equal(1024 * rig.weights % 1, 0)
    assert (np.diff(rig.weights, axis=1) <= 0).all()
    assert rig.weights.min() >= 0 and rig.influences.min() >= 0 and rig.influences.max() == 7
    assert (rig.influences[rig.weights == 0] == 0).all()
    assert (rig.parents[1:] < np.arange(1, 8)).all() and rig.parents[0] == -1
    turns = rig.deforms[..., :3, :3]
    np.testing.assert_allclose(turns @ turns.swapaxes(-1, -2), np.broadcast_to(np.eye(3), turns.shape), atol=1e-9)
    assert np.linalg.det(turns).min() > 0.999
    assert (np.linalg.norm(rig.tails - rig.heads, axis=1) > 0.01).all()


def test_the_same_motion_gives_the_same_rig(arm):
    rest, faces, poses, rig = arm
    again = make_rig(rest, faces, poses, 2)
    for name in ("weights", "influences", "deforms", "heads", "tails"):
        np.testing.assert_array_equal(getattr(again, name), getattr(rig, name))


def test_units_and_place_do_not_matter(arm):
    rest, faces, poses, rig = arm
    far = make_rig(1000 * rest + (5e4, 0, -2e4), faces, 1000 * poses + (5e4, 0, -2e4), 2)
    assert far.rms == pytest.approx(rig.rms, rel=1e-3) and far.names == rig.names
    np.testing.assert_allclose(far.heads, 1000 * rig.heads + (5e4, 0, -2e4), atol=1)


def test_seams_strays_and_flat_faces_are_no_obstacle(arm):
    """Split vertices stay together, a vertex without a face follows its neighbour, and nothing is ever NaN."""
    rest, faces, poses, rig = arm
    split = np.concatenate([np.arange(len(rest)), faces[::2].ravel(), [0]])
    corners = faces.copy()
    corners[::2] = len(rest) + np.arange(faces[::2].size).reshape(-1, 3)
    corners = np.concatenate([corners, [[3, 3, 4]]])
    still = rest[split] + np.where(np.arange(len(split)) == len(split) - 1, 0.01, 0)[:, None]
    moving = poses[:, split]
    found = make_rig(still, corners, moving, 2)
    assert found.rms < 0.004 and np.isfinite(found.deforms).all() and np.isfinite(found.weights).all()
    np.testing.assert_array_equal(found.weights[: len(rest)][faces[::2].ravel()], found.weights[len(rest) : -1])
    assert found.influences[-1, 0] == found.influences[0, 0]


def test_vertices_that_part_later_are_not_welded():
    used, index, faces = decomposition.welded(
        np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 0), (1, 0, 0), (0, 1, 0.0)]),
        np.array([(0, 1, 2), (3, 4, 5)]),
        np.stack([np.repeat([0, z], 3)[:, None] * (0, 0, 1.0) for z in (0, 1)]),
    )
    assert used.tolist() == [0, 1, 2, 3, 4, 5] and len(faces) == 2


def test_the_number_of_bones_grows_until_the_error_is_met():
    rest, faces, poses = bent(at=0.0, rings=30, around=12, wavy=True)
    tried = []
    progress = Progress(lambda event: tried.append(int(event.item)) if event.step == 0 else None)
    coarse = make_rig(rest, faces, poses, 2)
    rig = make_rig(rest, faces, poses, 64, error=0.004, progress=progress)
    assert rig.rms <= 0.004 < coarse.rms and tried == sorted(set(tried)) and tried[0] == 4
    few = make_rig(rest, faces, poses, 5, error=1e-6)
    assert few.rms > 1e-6 and len(few.names) == 5  # as many as allowed, and the rig says what was reached


def test_a_mesh_that_moves_as_one_has_one_bone():
    rest, faces, _ = bent(at=0.0)
    poses = np.stack([rest @ turn(angle).T + (angle, 0, 0) for angle in (0.0, 0.4, 0.9)])
    rig = make_rig(rest, faces, poses, 6)
    assert rig.names == ("root",) and rig.worst < 1e-9
    np.testing.assert_allclose(rig.deforms[2, 0, :3, :3], turn(0.9), atol=1e-9)


def test_parts_that_touch_nothing_hang_on_the_nearest():
    rest, faces, poses = bent(at=0.0)
    away = np.concatenate([rest, rest + (0, 0, 3)])
    rising = rest + (0, 0, 3) + np.linspace(0, 1, len(poses))[:, None, None] * (0, 2, 0)
    moving = np.concatenate([poses, rising], axis=1)
    rig = make_rig(away, np.concatenate([faces, faces + len(rest)]), moving, 3)
    assert len(rig.names) == 3 and rig.rms < 0.003 and (rig.parents < 0).sum() == 1


def test_cancelling_ends_the_solver(monkeypatch):
    started, popen = [], subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)) or started[-1])
    with pytest.raises(Cancelled):
        make_rig(*bent(at=0.0), 2, progress=Progress(cancelled=lambda: bool(started)))
    assert len(started) == 1 and started[0].returncode not in (0, None)


def test_a_missing_library_is_named_with_its_cure(monkeypatch):
    monkeypatch.setattr(decomposition, "LIBRARY", "no_such_library")
    with pytest.raises(InputError, match=r"lacks.* Install the backend with Python 3.11 or 3.12"):
        make_rig(*bent(at=0.0), 2)


def test_what_has_no_motion_or_surface_is_refused_in_one_sentence():
    rest, faces, poses = bent(at=0.0)
    with pytest.raises(InputError, match="has 1 pose"):
        make_rig(rest, faces, poses[:1], 2)
    with pytest.raises(InputError, match="has no faces"):
        make_rig(rest, faces[:0], poses, 2)
    with pytest.raises(InputError, match="no faces with an area"):
        make_rig(rest, faces[:, [0, 0, 1]], poses, 2)
    poses[1, 2, 0] = np.nan
    with pytest.raises(InputError, match="not all finite"):
        make_rig(rest, faces, poses, 2)


def test_a_solver_that_answers_rubbish_is_one_sentence(monkeypatch):
    rubbish = [np.full((2, 3), np.nan), np.zeros((2, 2, 4, 4))]
    monkeypatch.setattr(decomposition, "run_beside", lambda *_: rubbish)
    with pytest.raises(InputError, match="no finite numbers"):
        make_rig(*bent(at=0.0), 2)

    def died(*_):
        raise OSError("it exited with -11: ")

    monkeypatch.setattr(decomposition, "run_beside", died)
    with pytest.raises(InputError, match="could not be found: it exited with -11"):
        make_rig(*bent(at=0.0), 2)


def test_a_joint_is_the_point_that_both_bones_move_alike():
    centre = np.array([0.2, -0.4, 1.0])
    still = np.broadcast_to(np.eye(4), (5, 4, 4))
    turning = still.copy()
    for pose, angle in zip(turning, np.linspace(0, 1, 5), strict=True):
        pose[:3, :3] = turn(angle)
        pose[:3, 3] = centre - turn(angle) @ centre
    found = joint(still, turning, centre + (0.1, 0.1, 0.5))
    np.testing.assert_allclose(found, centre + (0, 0, 0.5), atol=1e-3)  # along the axis it stays where it was
    np.testing.assert_allclose(joint(still, still, centre), centre)


def test_mirrored_bones_share_a_number():
    heads = np.array([(0, 0, 0), (0.5, 0, 0), (0, 1, 0), (-0.5, 0, 0.02), (-0.4, 1.5, 0)])
    tails = heads + (0, 0.1, 0)
    box = np.array([(-1, -1, -1), (1, 2, 1.0)])
    names = named(heads, tails, np.array([-1, 0, 0, 0, 2]), box)
    assert names == ("root", "bone.L.001", "bone.002", "bone.R.001", "bone.R.003")


def test_rigid_parts_are_those_that_were_made():
    rest, _, poses = bent(at=0.3, rings=20, soft=0.0)
    labels, motions = rigid_parts(rest, poses, 2)
    assert len(set(labels[rest[:, 0] < 0.3])) == len(set(labels[rest[:, 0] > 0.3])) == 1 and labels.max() == 1
    assert motions.shape == (len(poses), 2, 4, 4)


def test_errors_are_squared_distances():
    rng = np.random.default_rng(0)
    rest, poses = rng.random((7, 3)), rng.random((4, 7, 3))
    motions = np.tile(np.eye(4), (4, 2, 1, 1))
    motions[:, 1, :3, :3], motions[:, :, :3, 3] = turn(0.7), rng.random((4, 2, 3))
    moved = np.einsum("tbij,vj->tvbi", motions[..., :3, :3], rest) + motions[:, None, :, :3, 3]
    expected = ((moved - poses[:, :, None]) ** 2).sum(axis=(0, 3))
    np.testing.assert_allclose(errors_of(rest, poses, motions), expected, atol=1e-12)


def test_a_reflection_becomes_the_nearest_rotation():
    assert np.linalg.det(nearest_rotations(np.diag([1.0, 1.0, -0.2]))) == pytest.approx(1)


def test_growth_follows_the_error_within_bounds():
    assert making._more(4, 1.01) == 5 and making._more(8, 1.01) == 10
    assert making._more(8, 1.5) == 16 and making._more(8, 100.0) == 24
