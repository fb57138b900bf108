"""Vertices without a face change nothing that is boxed, welded, decoded or drawn; they follow what is nearest."""

import cv2
import numpy as np
import pytest

from actionmesh import jobs
from actionmesh.animation import Animation
from actionmesh.geometry.mesh import Mesh
from actionmesh.geometry.strays import with_strays, without_strays
from actionmesh.protocol import Animate, Facing, FrameChoice, Match, Rematch
from actionmesh.toys import make_sequence
from actionmesh.toys.rendering import render_toy

STRAYS = np.array([[0, 50, 0], [-3, 0.2, 80]], np.float32)


def write_obj(path, vertices, faces, strays=()):
    """Write strays first and in between, as the numbers of an OBJ file allow."""
    half = len(vertices) // 2
    places = [*strays[:1], *vertices[:half], *strays[1:], *vertices[half:]]
    numbers = faces + bool(len(strays)) + (faces >= half) * (len(strays) > 1)
    lines = [f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in places] + [f"f {a} {b} {c}" for a, b, c in numbers + 1]
    path.write_text("\n".join(lines))
    return np.unique(numbers)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder, toy = tmp_path_factory.mktemp("strays"), make_sequence(11, 16, "fish")
    (folder / "clip").mkdir()
    for number, frame in enumerate(render_toy(toy)[:3]):
        cv2.imwrite(str(folder / "clip" / f"frame{number}.png"), cv2.cvtColor(frame, cv2.COLOR_RGBA2BGRA))
    write_obj(folder / "plain.obj", toy.vertices[0], toy.faces)
    used = write_obj(folder / "stray.obj", toy.vertices[0], toy.faces, STRAYS)
    names = ("plain", "stray")
    return folder, used, {name: animated(folder, name) for name in names}


def run(job):
    (jobs.run if isinstance(job, Animate) else jobs.rematch)(job, jobs.KeptModel(), lambda event: None, lambda: False)
    return Animation.load(job.out[0])


def animated(folder, name):
    choices = {"match": Match.OFF, "facing": Facing.FRONT, "steps": 2, "preset": "demo", "seed": 3}
    out = (str(folder / f"{name}.safetensors"),)
    return run(Animate(str(folder / "clip"), out, mesh=str(folder / f"{name}.obj"), frames=FrameChoice(), **choices))


@pytest.mark.fault("One unused vertex far away and the whole mesh moves otherwise")
def test_an_unused_vertex_far_away_has_no_effect(place):
    _, used, made = place
    plain, stray = made.values()
    np.testing.assert_array_equal(stray.vertices[:, used], plain.vertices)
    np.testing.assert_array_equal(np.searchsorted(used, stray.faces), plain.faces)
    strays = np.setdiff1d(np.arange(stray.vertices.shape[1]), used)
    size = np.ptp(plain.vertices[0], axis=0).max()
    assert np.abs(stray.vertices[:, strays] - STRAYS).max() < 0.5 * size, "they follow"
    np.testing.assert_array_equal(stray.vertices[0, strays], STRAYS)


@pytest.mark.fault("One unused vertex far away and the mesh does not follow its clip")
def test_an_unused_vertex_far_away_has_no_effect_on_matching(place):
    folder, used, made = place
    way = {"match": Match.TRACK, "facing": Facing.FRONT}
    plain, stray = (
        run(Rematch(str(folder / f"{name}.safetensors"), (str(folder / f"{name}2.safetensors"),), **way))
        for name in made
    )
    np.testing.assert_array_equal(stray.vertices[:, used], plain.vertices)
    np.testing.assert_array_equal(stray.unmatched[:, used], made["plain"].vertices)
    assert stray.provenance.fit == plain.provenance.fit and plain.provenance.fit.overlap > 0.5


def test_strays_follow_the_nearest_vertex():
    faces = np.array([[1, 2, 4]], np.int32)
    rest = np.array([[0, 0, 9], [0, 0, 0], [1, 0, 0], [5, 5, 0], [0, 1, 0]], np.float32)
    mesh = without_strays(Mesh(rest, faces))
    np.testing.assert_array_equal(mesh.vertices, rest[[1, 2, 4]])
    np.testing.assert_array_equal(mesh.faces, [[0, 1, 2]])
    moved = mesh.vertices[None] + np.array([[1, 0, 0], [0, 2, 0], [0, 0, 3]], np.float32)
    whole = with_strays(moved, rest, faces)
    np.testing.assert_array_equal(whole[0, [1, 2, 4]], moved[0])
    np.testing.assert_array_equal(whole[0, 0], [1, 0, 9])
    np.testing.assert_array_equal(whole[0, 3], [5, 7, 0])


def test_a_mesh_without_strays_stays_the_very_same():
    mesh = Mesh(np.eye(3, dtype=np.float32), np.array([[0, 1, 2]], np.int32))
    assert without_strays(mesh) is mesh
    poses = mesh.vertices[None]
    assert with_strays(poses, mesh.vertices, mesh.faces) is poses
