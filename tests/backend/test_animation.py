"""Poses of frames that do not show the subject."""

import numpy as np
import pytest

from actionmesh.animation import Animation, Provenance, between_neighbours


def animation(known: tuple[int, ...] = ()) -> Animation:
    """Return a triangle in 5 frames, with a pose between every two; pose p has all its coordinates at 1000 + p²."""
    vertices = np.full((9, 3, 3), 1000, np.float32) + np.arange(9, dtype=np.float32)[:, None, None] ** 2
    indices = np.array([0, -1, 1, -1, 2, -1, 3, -1, 4])
    made = Provenance("clip.mp4", None, 0, "demo", "toy", "1", known=known)
    return Animation(vertices, np.array([[0, 1, 2]], np.int32), np.arange(9) / 10, 0, indices, made)


def heights(animation: Animation) -> list[float]:
    return (animation.vertices[:, 0, 0] - 1000).tolist()


def test_frames_that_do_not_show_the_subject_get_poses_between_their_neighbours():
    assert heights(between_neighbours(animation(), (2,))) == [0, 1, 4, 12, 20, 28, 36, 49, 64]
    assert heights(between_neighbours(animation(), (3, 4))) == [0, 1, 4, 9, *[16] * 5]
    assert heights(between_neighbours(animation(), (0,))) == [0, 2, 4, 9, 16, 25, 36, 49, 64], (
        "the reference pose stays"
    )


@pytest.mark.fault("The artist gave the pose of a frame that hides the subject, and it was replaced by one in between")
def test_a_pose_that_the_artist_gave_stays():
    made = animation(known=(2,))
    assert heights(between_neighbours(made, (2, 3))) == [0, 1, 4, 10, 16, 28, 40, 52, 64]


def test_known_frames_are_saved_and_older_results_have_none(tmp_path):
    made = animation(known=(2,))
    made.save(tmp_path / "a.safetensors")
    assert Animation.load(tmp_path / "a.safetensors").provenance == made.provenance
    assert Provenance.from_dict({"clip": "a", "mesh": None, "seed": 0, "preset": "", "checkpoint": "", "version": ""})


def test_nothing_is_copied_if_every_frame_shows_the_subject():
    made = animation()
    assert between_neighbours(made, ()) is made
