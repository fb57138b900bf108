"""Stages I and II over windows, with a tiny checkpoint of random weights."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from actionmesh.errors import Cancelled, InputError, MeshError
from actionmesh.geometry.mesh import Mesh
from actionmesh.progress import Progress
from actionmesh.protocol import ReferencePose
from actionmesh.sampling.windows import sliding_windows
from actionmesh.stages.correspondence import WindowDecoder, animate_vertices, plan_windows
from actionmesh.stages.motion import synchronised_latents
from actionmesh.stages.pictures import encode_frames
from actionmesh.stages.reference import latent_of_pose, reference_from_mesh
from actionmesh.stages.run import Run


def torus(offset=0.0):
    """Return a torus of quads with its first vertex twice (as at a UV seam) and a loose vertex at the end."""
    u, v = np.meshgrid(
        np.linspace(0, 2 * np.pi, 16, endpoint=False), np.linspace(0, 2 * np.pi, 8, endpoint=False), indexing="ij"
    )
    ring = 3 + np.cos(v)
    grid = np.stack([ring * np.cos(u), ring * np.sin(u), np.sin(v) + offset], -1).reshape(-1, 3)
    index = np.arange(128).reshape(16, 8)
    right, down = np.roll(index, -1, 0), np.roll(index, -1, 1)
    both = np.roll(right, -1, 1)
    faces = np.concatenate(
        [np.stack([index, right, both], -1).reshape(-1, 3), np.stack([index, both, down], -1).reshape(-1, 3)]
    )
    faces[-1][faces[-1] == 0] = 128
    vertices = np.concatenate([grid, grid[:1], [[0, 0, 2 + offset]]])
    return Mesh(vertices.astype(np.float32), faces.astype(np.int32))


@pytest.fixture(scope="module")
def reference(tiny_run):
    return reference_from_mesh(tiny_run, torus(), 0)


def animate(run, reference, total, anchor, times, pose=ReferencePose.CORRECTED, progress=None):
    latents = torch.randn(total, run.facts.tokens, 8, generator=torch.Generator().manual_seed(1))
    return animate_vertices(Run.of(run, progress), reference, latents, anchor, times, pose)


@given(st.integers(2, 60), st.data())
def test_every_time_is_decoded_once_from_a_placed_source(total, data):
    anchor, size = data.draw(st.integers(0, total - 1)), data.draw(st.integers(2, 16))
    times = [i / 3 for i in range(3 * total - 2)]
    placed = {anchor}
    seen = []
    for window in plan_windows(total, anchor, size, times):
        assert window.source in placed and window.source in window.frames
        assert all(min(window.frames) <= time <= max(window.frames) for time in window.targets)
        seen += window.targets
        placed |= {int(time) for time in window.targets if time == int(time)}
    assert sorted(seen) == times


@given(st.integers(2, 80), st.data())
def test_windows_reach_every_frame_from_known_ones(total, data):
    anchor, size = data.draw(st.integers(0, total - 1)), data.draw(st.integers(2, 17))
    known = {anchor}
    for window in sliding_windows(total, anchor, size, data.draw(st.integers(1, size - 1))):
        assert known & set(window) and len(set(window)) == len(window) <= size
        known |= set(window)
    assert known == set(range(total))


@pytest.mark.parametrize(
    ("total", "anchor", "size", "slide"), [(5, 5, 16, 15), (5, -1, 16, 15), (20, 0, 8, 8), (20, 0, 8, 0)]
)
def test_impossible_windows_are_refused(total, anchor, size, slide):
    with pytest.raises(InputError):
        sliding_windows(total, anchor, size, slide)


def test_reference_pose_is_kept_bit_for_bit_and_twins_move_together(tiny_run, reference):
    vertices = animate(tiny_run, reference, 20, 5, [float(t) for t in range(20)])
    mesh = reference.mesh
    assert vertices.shape == (20, 130, 3) and vertices.dtype == np.float32
    assert np.array_equal(vertices[5], mesh.vertices)
    assert np.array_equal(vertices[:, 0], vertices[:, 128])
    assert np.abs(vertices - mesh.vertices).max(axis=(1, 2))[[0, 19]].min() > 1e-3


def test_in_betweens_leave_whole_frames_as_they_are(tiny_run, reference):
    whole = animate(tiny_run, reference, 10, 0, [float(t) for t in range(10)])
    dense = animate(tiny_run, reference, 10, 0, [i / 4 for i in range(37)])
    assert np.allclose(dense[::4], whole, atol=1e-5)
    assert np.abs(dense[1::4] - dense[::4][:-1]).max() > 1e-4


def places_of(reference, vertices):
    """Return the places (W, 3) in model space of one pose (V, 3) of the mesh."""
    return reference.to_model.apply(vertices)[np.unique(reference.place_of, return_index=True)[1]]


@pytest.fixture
def said(monkeypatch):
    """Record the calls of Stage II's network: (window, time, queries (W, 3), positions (W, 3))."""
    heard, pose = [], WindowDecoder.pose

    def listening(self, time, queries, advance):
        placed = pose(self, time, queries, advance)
        heard.append((self.window, time, queries[:, :3].numpy(), placed))
        return placed

    monkeypatch.setattr(WindowDecoder, "pose", listening)
    return heard


LENGTHS = pytest.mark.parametrize(("total", "anchor"), [(5, 0), (5, 2), (12, 0), (12, 11), (20, 9)])
"""Clips of one window of 8 frames, and of two or more."""


@LENGTHS
def test_published_departs_from_decoded_at_the_anchor_alone(tiny_run, reference, said, total, anchor):
    times, others = [float(frame) for frame in range(total)], [frame for frame in range(total) if frame != anchor]
    decoded = animate(tiny_run, reference, total, anchor, times, ReferencePose.DECODED)
    assert sorted(time for _, time, _, _ in said) == times
    for window, time, queries, placed in said:
        source = reference.vertices if window.source == anchor else places_of(reference, decoded[window.source])
        np.testing.assert_allclose(queries, source, atol=1e-5)  # an earlier window put it there
        np.testing.assert_allclose(places_of(reference, decoded[int(time)]), placed, atol=1e-5)
    assert np.abs(decoded[anchor] - reference.mesh.vertices).max() > 1e-3
    said.clear()
    published = animate(tiny_run, reference, total, anchor, times, ReferencePose.PUBLISHED)
    assert sorted(time for _, time, _, _ in said) == others
    np.testing.assert_array_equal(published[anchor], reference.mesh.vertices)
    np.testing.assert_array_equal(published[others], decoded[others])


@LENGTHS
def test_corrected_takes_off_what_is_wrong_at_each_windows_source(tiny_run, reference, said, total, anchor):
    corrected = animate(
        tiny_run, reference, total, anchor, [float(frame) for frame in range(total)], ReferencePose.CORRECTED
    )
    np.testing.assert_array_equal(corrected[anchor], reference.mesh.vertices)
    wrong = {tuple(window.frames): placed - queries for window, time, queries, placed in said if time == window.source}
    assert (len(wrong) > 1) == (total > 8) and len(said) == total - 1 + len(wrong)
    for window, time, _, placed in said:
        expected = placed - wrong[tuple(window.frames)]
        np.testing.assert_allclose(places_of(reference, corrected[int(time)]), expected, atol=1e-5)
    assert min(np.abs(error).max() for error in wrong.values()) > 1e-3


@pytest.mark.parametrize("kind", list(ReferencePose))
def test_progress_of_stage_two_ends_at_its_total(tiny_run, reference, kind):
    events = []
    animate(tiny_run, reference, 12, 3, [i / 2 for i in range(23)], kind, Progress(events.append))
    assert [event.step for event in events] == list(range(events[0].total + 1))


def test_stage_two_obeys_cancellation(tiny_run, reference):
    events = []
    progress = Progress(events.append, cancelled=lambda: len(events) > 2)
    with pytest.raises(Cancelled):
        animate(tiny_run, reference, 10, 0, [float(t) for t in range(10)], progress=progress)
    assert len(events) == 3


@pytest.mark.parametrize(("total", "anchor"), [(2, 1), (5, 2), (23, 0), (23, 22), (23, 10)])
def test_known_frames_come_back_untouched_whatever_the_length(tiny_run, reference, total, anchor):
    context = torch.randn(total, 5, 32, generator=torch.Generator().manual_seed(0))
    other = (anchor + 1) % total
    known = {anchor: reference.latent, other: torch.ones_like(reference.latent)}
    latents = synchronised_latents(tiny_run, known, anchor, context, tiny_run.facts.preset("demo"), 0)
    assert latents.shape == (total, tiny_run.facts.tokens, 8) and torch.isfinite(latents).all()
    assert torch.equal(latents[anchor], known[anchor]) and torch.equal(latents[other], known[other])


def test_latents_depend_on_the_seed_alone(tiny_run, reference):
    context = torch.randn(12, 5, 32, generator=torch.Generator().manual_seed(0))

    def run(seed):
        return synchronised_latents(tiny_run, {0: reference.latent}, 0, context, tiny_run.facts.preset("demo"), seed)

    assert torch.equal(run(3), run(3)) and not torch.equal(run(3), run(4))


def test_a_known_pose_of_the_same_topology_is_encoded_in_step(tiny_run, reference):
    same = latent_of_pose(tiny_run, reference, torus(), 0)
    moved = latent_of_pose(tiny_run, reference, torus(offset=0.4), 0)
    assert torch.allclose(same, reference.latent, atol=1e-4)
    assert 1e-3 < float((moved - same).abs().max())


def test_a_surface_that_is_a_speck_beside_a_stray_vertex_is_refused(tiny_run):
    vertices = np.float32([[0, 0, 0], [1e-6, 0, 0], [0, 1e-6, 0], [1e6, 0, 0]])
    with pytest.raises(MeshError, match="too small"):
        reference_from_mesh(tiny_run, Mesh(vertices, np.int32([[0, 1, 2]])), 0)


def test_frames_become_tokens_one_by_one(tiny_run):
    frames = np.zeros((6, 40, 50, 4), np.uint8)
    frames[:, 10:30, 15:35] = np.random.default_rng(0).integers(100, 255, (6, 20, 20, 4))
    events = []
    tokens = encode_frames(Run.of(tiny_run, Progress(events.append)), frames)
    assert tokens.shape == (6, 1 + 8 * 8, 32)
    later = encode_frames(tiny_run, frames[::-1].copy())
    assert torch.allclose(later.flip(0), tokens, atol=1e-5) and not torch.allclose(later, tokens, atol=1e-3)
    assert events[-1].step == events[-1].total == 2
