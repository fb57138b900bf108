"""A mesh that stands as no frame shows it is bent into one, and refused with a picture if that fails."""

from dataclasses import replace

import numpy as np
import pytest
import trimesh
from PIL import Image

from actionmesh import jobs
from actionmesh.animation import Animation
from actionmesh.errors import MeshError
from actionmesh.matching.bend import as_high, bend
from actionmesh.matching.camera import FilmCamera
from actionmesh.matching.film import make_still
from actionmesh.matching.graph import make_graph
from actionmesh.matching.limb_parts import Limb, limbs_of
from actionmesh.matching.solve import State
from actionmesh.matching.standing import SHARPNESS, possible_stands
from actionmesh.matching.swing import swung
from actionmesh.progress import Progress
from actionmesh.protocol import Animate, Facing, Match, Rematch
from actionmesh.stages.bending import bend_into_frame
from tests.backend.matching_film import FRAMES, act, wave, write_place

RAISED = 1.3
"""Radians by which the mesh's arm is raised; the clip raises it by a fifth of that at most."""


@pytest.fixture(scope="module")
def acted():
    return act(amount=RAISED / 5)


@pytest.fixture(scope="module")
def raised(acted):
    """The mesh with its arm as no frame shows it."""
    return wave(acted.vertices[0], RAISED)[-1]


@pytest.fixture(scope="module")
def bent(acted, raised):
    return bend_into_frame(raised, acted.faces, acted.crops, 0, Facing.FRONT, Progress())


@pytest.fixture(scope="module")
def place(acted, raised, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bending")
    write_place(folder, acted)
    trimesh.Trimesh(raised, acted.faces, process=False).export(folder / "raised.ply")
    trimesh.creation.box((3.0, 0.02, 0.02)).export(folder / "rod.ply")
    return folder


def run(place, mesh, name, **choices):
    out = (str(place / f"{name}.safetensors"),)
    job = Animate(
        str(place / "clip"), out, mesh=str(place / mesh), preset="demo", facing=Facing.FRONT, anchor=0, **choices
    )
    jobs.run(job, jobs.KeptModel(), lambda event: None, lambda: False)
    return Animation.load(out[0])


def away(vertices, wanted):
    """Return the mean distance of vertices after the shift that makes their centres meet."""
    return np.linalg.norm(vertices - vertices.mean(axis=0) - wanted + wanted.mean(axis=0), axis=1).mean()


def test_a_mesh_is_bent_into_a_frame(acted, raised, bent):
    assert not replace(
        bent.standing, unbent=None, view=replace(bent.standing.view, overlap=bent.standing.unbent)
    ).agrees
    assert bent.fits and bent.standing.agrees and bent.standing.view.overlap > 0.95 > bent.standing.unbent
    assert away(bent.vertices, acted.vertices[0]) < 0.5 * away(raised, acted.vertices[0])


def test_parts_that_fit_keep_their_lengths(acted, raised, bent):
    edges = trimesh.Trimesh(raised, acted.faces, process=False).edges_unique
    before, after = (np.linalg.norm(np.diff(these[edges], axis=1), axis=-1) for these in (raised, bent.vertices))
    stretched = np.abs(after / before - 1)
    assert np.median(stretched) < 0.05 and np.quantile(stretched, 0.9) < 0.3


def test_the_delivered_poses_are_those_of_the_clip_and_match_again_keeps_them(acted, raised, place):
    found = run(place, "raised.ply", "bent", bend=True, match=Match.TRACK)
    fit = found.provenance.fit
    assert fit.agreement < 0.94 and fit.bent > 0.95 and fit.way is Match.TRACK and fit.overlap > 0.93
    assert "it was bent into" in fit.notes[0] and "stays the basis" in fit.notes[0]
    errors = [
        away(pose, truth) / away(raised, truth) for pose, truth in zip(found.vertices, acted.vertices, strict=True)
    ]
    assert np.mean(errors) < 0.5
    again = str(place / "again.safetensors")
    jobs.rematch(
        Rematch(str(place / "bent.safetensors"), (again,), match=Match.TRACK, facing=Facing.FRONT),
        jobs.KeptModel(), lambda event: None, lambda: False,
    )  # fmt: skip
    same = Animation.load(again)
    assert same.provenance.fit.bent == pytest.approx(fit.bent, abs=0.02)
    assert same.provenance.fit.agreement == fit.agreement and same.provenance.fit.overlap > 0.93


def test_without_the_choice_nothing_is_bent(place):
    made = run(place, "raised.ply", "unbent").provenance
    assert made.fit.bent is None and "does not stand as the first frame shows it" in made.fit.notes[0]


@pytest.mark.fault("A mesh that cannot be bent into its clip is refused, and a picture shows how it fits")
def test_a_mesh_that_cannot_be_bent_is_refused_with_a_picture(place):
    with pytest.raises(MeshError, match=r"rod.ply cannot be bent .*clip shows: .* 85% are needed") as refused:
        run(place, "rod.ply", "rod", bend=True)
    picture = place / "rod_misfit.png"
    assert str(picture) in refused.value.problem and "without bending" in refused.value.cure
    assert Image.open(picture).size == (512, 512) and not (place / "rod.safetensors").exists()
    line = (np.asarray(Image.open(picture)).astype(int) - (255, 214, 48)).__abs__().sum(axis=-1) < 40
    assert line.sum() > 200


# Pieces.


def test_limbs_are_the_arms_and_their_outer_halves(acted):
    vertices = acted.vertices[0].astype(np.float64)
    graph = make_graph(vertices, acted.faces, 100)
    places = vertices[graph.nodes]
    limbs = limbs_of(graph, places)
    tip = places[:, 0].argmin()
    arms = [limb for limb in limbs if tip in limb.nodes]
    assert len(arms) >= 2 and all(len(limb.nodes) < 30 for limb in limbs)
    assert (places[arms[0].nodes, 0] < -0.2).all() and places[arms[0].hinge, 0].mean() > -0.5
    assert set(arms[-1].nodes) < set(arms[0].nodes)


def test_a_limb_swings_around_its_joint_and_the_rest_stays():
    state = State.at(np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [4.0, 0.0, 1.0]]))
    found = swung(state, Limb(np.array([1, 2]), np.array([0, 1])), np.pi / 2)
    np.testing.assert_allclose(found.places, [[0, 0, 0], [1, 1, 0], [1, 3, 1]], atol=1e-12)
    np.testing.assert_allclose(found.turns[2] @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    np.testing.assert_array_equal(found.turns[0], np.eye(3))
    np.testing.assert_array_equal(state.places[1], [2, 0, 0])


def test_a_camera_as_high_as_the_mask_shows_the_mesh_as_high_as_it(acted):
    still = make_still(acted.crops, 0, 1.0)
    camera = FilmCamera(0.0, 0.0, 0.0, 0.0, 1.0, (40.0, 30.0), still.principal)
    found = as_high(acted.vertices[0], still, camera)
    rows = np.flatnonzero(still.masks[0].any(axis=1))
    down = found.pixels(found.to_film(acted.vertices[0]))[:, 1]
    assert (down.min(), down.max()) == pytest.approx((rows[0], rows[-1] + 1), abs=1e-6)


def test_a_mesh_that_fits_is_hardly_bent(acted):
    still = make_still(acted.crops, 0, SHARPNESS)
    (front,) = possible_stands(acted.vertices[0], acted.faces, still, Facing.FRONT)
    found = bend(front.to_match.apply(acted.vertices[0]), acted.faces, still, front.view.camera)
    assert found.overlap > 0.97 and found.strain < 0.1
    assert away(front.to_match.invert(found.vertices), acted.vertices[0]) < 0.02


def test_a_mesh_may_stand_on_any_side_unless_its_facing_is_given(acted):
    still = make_still(acted.crops, FRAMES - 1, SHARPNESS)
    every = possible_stands(acted.vertices[0], acted.faces, still, Facing.AUTO)
    assert len(every) > 2 and every[0].yaw == 0 and every[0].turn is None
    assert all(abs(each.yaw) > 20 for each in every[1:])
    (right,) = possible_stands(acted.vertices[0], acted.faces, still, Facing.RIGHT)
    assert right.yaw == 90
