"""The frame that shows the artist's mesh as it stands is found, and a frame that was chosen is kept."""

import pytest
import trimesh

from actionmesh import jobs
from actionmesh.animation import Animation
from actionmesh.progress import Progress
from actionmesh.protocol import Animate, Facing, Match
from actionmesh.stages import reference_frame
from actionmesh.stages.match import find_standing
from actionmesh.stages.reference_frame import best_frame, spread
from tests.backend.matching_film import FRAMES, act, write_place

LAST = FRAMES - 1


@pytest.fixture(scope="module")
def acted():
    """The arm goes up so far that the last pose does not fit the first frames."""
    return act(amount=2.2)


@pytest.fixture(scope="module")
def place(acted, tmp_path_factory):
    """Make a folder with the clip and the mesh as its *last* frame shows it."""
    folder = tmp_path_factory.mktemp("pose")
    write_place(folder, acted)
    trimesh.Trimesh(acted.vertices[LAST], acted.faces, process=False).export(folder / "last.ply")
    return folder


def run(place, name, mesh="last", **choices):
    out = (str(place / f"{name}.safetensors"),)
    job = Animate(
        str(place / "clip"), out, mesh=str(place / f"{mesh}.ply"), preset="demo", facing=Facing.FRONT, **choices
    )
    jobs.run(job, jobs.KeptModel(), lambda event: None, lambda: False)
    return Animation.load(job.out[0])


@pytest.mark.fault("A mesh in the pose of a later frame was not matched, though that frame shows it as it stands")
def test_the_frame_that_shows_the_mesh_as_it_stands_becomes_the_reference(acted, place):
    found = run(place, "chosen", match=Match.TRACK)
    made = found.provenance
    assert made.anchor == found.reference_frame == LAST and made.fit.agreement > 0.94
    assert f"The reference is frame {LAST}" in made.fit.notes[0] and "the first frame does not" in made.fit.notes[0]
    assert found.vertices[LAST] == pytest.approx(acted.vertices[LAST], abs=1e-5)


def test_a_frame_that_the_artist_chose_stays_the_reference(place):
    made = run(place, "kept", anchor=0).provenance
    assert made.anchor == 0 and "does not stand as the first frame shows it" in made.fit.notes[0]


def test_no_frame_is_tried_for_a_mesh_that_stands_as_the_first_one_shows_it(place, monkeypatch):
    def tried(*arguments):
        raise AssertionError("another frame was tried")

    monkeypatch.setattr("actionmesh.posing.best_frame", tried)
    assert run(place, "first", "mesh", match=Match.OFF).provenance.anchor == 0


def test_frames_that_are_left_out_are_not_taken(acted):
    found = best_frame(acted.vertices[LAST], acted.faces, acted.crops, {LAST}, Facing.FRONT, Progress())
    assert found is not None and found[0] < LAST and not found[1].agrees
    everything = range(FRAMES)
    assert best_frame(acted.vertices[LAST], acted.faces, acted.crops, everything, Facing.FRONT, Progress()) is None


def test_few_frames_are_looked_at_closely(acted, monkeypatch):
    looked = []

    def counted(vertices, faces, crops, frame, facing, progress):
        looked.append(frame)
        return find_standing(vertices, faces, crops, frame, facing, progress)

    monkeypatch.setattr(reference_frame, "find_standing", counted)
    best_frame(acted.vertices[LAST], acted.faces, acted.crops, (), Facing.FRONT, Progress())
    assert len(looked) == 3 and looked[0] == LAST


def test_frames_are_spread_from_the_first_to_the_last():
    assert spread(list(range(16)), 4) == [0, 5, 10, 15]
    assert spread([3, 7], 4) == [3, 7]
