"""Matched results can be matched again, and so can reliefs, which no network makes."""

import numpy as np
import pytest
import trimesh

from actionmesh import cli, jobs
from actionmesh.animation import Animation
from actionmesh.errors import InputError
from actionmesh.protocol import Animate, FrameChoice, Match, Rematch, Shape
from tests.backend.matching_film import FRAMES, act, write_place


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Make a folder with a clip and the mesh of its first frame."""
    folder, acted = tmp_path_factory.mktemp("rematch"), act()
    write_place(folder, acted)
    return folder


def run(job) -> Animation:
    work = jobs.run if isinstance(job, Animate) else jobs.rematch
    answer = work(job, jobs.KeptModel(), lambda event: None, lambda: False)
    animation = Animation.load(job.out[0])
    assert answer.fit == animation.provenance.fit
    return animation


@pytest.fixture(scope="module")
def tracked(place):
    """Animate the mesh, with match by track."""
    mesh, out = str(place / "mesh.ply"), (str(place / "a.safetensors"),)
    return run(Animate(str(place / "clip"), out, mesh=mesh, preset="demo", match=Match.TRACK))


@pytest.fixture(scope="module")
def relief(place):
    """Animate the clip alone as a relief, because the bundled weights know only toys."""
    return run(Animate(str(place / "clip"), (str(place / "relief.safetensors"),), preset="demo"))


def test_a_result_says_how_it_fits_and_keeps_the_networks_poses(tracked):
    fit = tracked.provenance.fit
    assert fit.way is Match.TRACK and fit.shape == "own" and fit.agreement > 0.97 and fit.overlap > 0.95
    assert fit.camera is not None and abs(fit.facing) < 1 and not fit.notes
    assert tracked.unmatched is not None and not np.array_equal(tracked.unmatched, tracked.vertices)


def test_matching_again_starts_from_the_networks_poses(place, tracked):
    off = run(Rematch(str(place / "a.safetensors"), (str(place / "off.safetensors"),), match=Match.OFF))
    np.testing.assert_array_equal(off.vertices, tracked.unmatched)
    assert off.provenance.fit.way is Match.OFF and off.unmatched is None
    again = run(Rematch(str(place / "off.safetensors"), (str(place / "again.safetensors"),), match=Match.TRACK))
    np.testing.assert_allclose(again.vertices, tracked.vertices, atol=1e-5)


def test_a_clip_alone_becomes_a_textured_relief_where_the_weights_are_small(relief):
    fit = relief.provenance.fit
    assert fit.shape == Shape.RELIEF and fit.way is Match.TRACK and fit.overlap > 0.9
    assert "small weights" in fit.notes[0]
    assert relief.appearance is not None and fit.camera.focal is None and fit.camera.pixel > 0
    assert relief.reference_frame == relief.provenance.anchor and len(relief.vertices) == FRAMES
    assert trimesh.Trimesh(relief.vertices[0], relief.faces, process=False).is_watertight


@pytest.mark.parametrize(("chosen", "used"), [(None, 2), (0, 0), (1, 1)])
def test_the_reference_frame_of_a_relief_is_found_unless_it_was_chosen(place, monkeypatch, chosen, used):
    monkeypatch.setattr("actionmesh.relief_animation.frame_with_most_limbs", lambda crops, check: 2)
    job = Animate(str(place / "clip"), (str(place / "chosen.safetensors"),), preset="demo", anchor=chosen)
    assert run(job).provenance.anchor == used


def test_a_relief_that_is_matched_again_is_made_again(place, relief):
    again = run(Rematch(str(place / "relief.safetensors"), (str(place / "relief2.safetensors"),)))
    np.testing.assert_array_equal(again.faces, relief.faces)
    np.testing.assert_allclose(again.vertices, relief.vertices, atol=1e-5)
    assert again.provenance.fit.camera == relief.provenance.fit.camera


@pytest.mark.parametrize(
    ("result", "shape", "words"), [("relief", Shape.NETWORK, "Only the networks"), ("a", Shape.RELIEF, "own")]
)
def test_a_shape_that_needs_more_than_the_result_is_refused(place, tracked, relief, result, shape, words):
    with pytest.raises(InputError, match=words):
        run(Rematch(str(place / f"{result}.safetensors"), (str(place / "no.safetensors"),), shape=shape))
    assert not (place / "no.safetensors").exists()


def test_a_result_that_would_be_overwritten_is_refused(place, tracked):
    with pytest.raises(InputError, match="overwrite"):
        run(Rematch(str(place / "a.safetensors"), (str(place / "a.safetensors"),)))


def test_a_clip_with_other_frames_is_refused(place, tmp_path):
    result, two = tmp_path / "two.safetensors", FrameChoice(count=2)
    run(Animate(str(place / "clip"), (str(result),), preset="demo", shape=Shape.RELIEF, frames=two))
    longer = Animation.load(place / "relief.safetensors")
    longer.provenance.frames.update(count=2)
    longer.save(tmp_path / "wrong.safetensors")
    with pytest.raises(InputError, match="gives 2 frames, but the result has 5"):
        run(Rematch(str(tmp_path / "wrong.safetensors"), (str(tmp_path / "b.safetensors"),)))


def test_the_command_matches_again(place, tracked, tmp_path, capsys):
    out = tmp_path / "c.safetensors"
    command = ["match", str(place / "a.safetensors"), "--match", "refine", "--facing", "+Z", "-o", str(out)]
    assert cli.main(command) == 0
    assert "Fits the clip" in capsys.readouterr().out and Animation.load(out).provenance.fit.way is Match.REFINE
