"""Training on tracked files: toys written like the animated files of Blender's script, and read back frame by frame."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from actionmesh.errors import InputError
from actionmesh.media.preprocess import padded_frames, pixel_values
from actionmesh.models.image_preprocessing import ImagePreprocessing
from actionmesh.toys.queries import sample_tracked_points
from actionmesh.toys.rendering import render_toy, toy_camera_and_light
from actionmesh.toys.sequence import make_sequence
from actionmesh.track_file import read_header, read_mesh, read_pictures, read_tracks
from actionmesh.training import tracked
from actionmesh.training.data import make_shard
from actionmesh.training.patches import project
from actionmesh.training.recipes import RECIPES, LoopConfig
from actionmesh.training.rigs import require_unseen, shared_rigs
from actionmesh.training.run import train
from actionmesh.training.sources import Toys, open_source
from actionmesh.training.tracked import TrackedData
from blender_addon.motion.tracks import Tracks, save_tracks

FRAMES, POINTS, GRID = 6, 1600, 8
SEEDS = (11, 12, 13)
CENTRE = ImagePreprocessing(110, (96, 96))
"""Crops as much of the margin as the public weights' preprocessing."""


def write_track(path, seed, views=1, queries=0, points=POINTS, faces=False, **provenance):
    """Write a toy seen by `views` cameras; its "distances" are frame numbers. With `faces`, keep its whole mesh."""
    sequence, rng = make_sequence(seed, FRAMES), np.random.default_rng(seed)
    places, normals = sample_tracked_points(sequence, points, seed)
    vertices = sequence.vertices[:, rng.choice(sequence.vertices.shape[1], 200)]
    camera = toy_camera_and_light(seed)[0]
    taken = np.stack([render_toy(sequence, 128)] * views) if views else np.empty((0, FRAMES, 128, 128, 4), np.uint8)
    rows, columns = np.nonzero(taken[0, ..., 3].max(axis=0)) if views else (np.zeros(1), np.zeros(1))
    crop = (rows.min(), columns.min(), np.ptp(rows) + 1, np.ptp(columns) + 1)
    told = np.broadcast_to(np.arange(FRAMES)[:, None], (FRAMES, queries)).astype(np.float16)
    tracks = Tracks(
        points=places,
        normals=normals.astype(np.float16),
        vertices=vertices.astype(np.float32),
        vertex_normals=np.ones_like(vertices, np.float16),
        times=np.arange(FRAMES) / 8,
        pictures=taken,
        axes=np.array([camera.axes] * views, np.float32).reshape(-1, 3, 3),
        distances=np.array([camera.distance] * views, np.float32),
        windows=np.array([(0, 0, camera.half_extent)] * views, np.float32).reshape(-1, 3),
        crops=np.array([crop] * views, np.int64).reshape(-1, 4),
        query_points=np.zeros((FRAMES, queries, 3), np.float16) if queries else None,
        signed_distances=told if queries else None,
        mesh_vertices=sequence.vertices if faces else None,
        mesh_faces=sequence.faces if faces else None,
        provenance={"source": f"{seed}.glb", "licence": "", **provenance},
    )
    save_tracks(path, tracks)
    return tracks


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tracked")
    (folder / "dataset.json").write_text("{}")
    for seed in SEEDS:
        write_track(folder / "deep" / f"{seed}.glb.safetensors", seed)
    return folder


@pytest.fixture(scope="module")
def data(folder):
    return TrackedData.load(folder)


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


def test_windows_are_frames_of_the_files(folder, data):
    batch = data.windows(5, 4, 64, 16, draw())
    assert batch.tracks.shape == (5, 4, 64, 6) and batch.vertices.shape == (5, 4, 384, 6)
    assert batch.token_indices.shape == (5, 16) and all(len(set(row.tolist())) == 16 for row in batch.token_indices)
    assert batch.pictures.shape == (5, 4, 3, 96, 96) and (batch.frame_times.diff(dim=1) > 0).all()
    assert len(set(batch.rows.tolist())) > 1
    for row, times, tracks in zip(batch.rows.tolist(), batch.frame_times, batch.tracks, strict=True):
        points = torch.from_numpy(load_file(data.tracks[row].path)["points"])
        point = (points[int(times[0])] - tracks[0, 5, :3]).norm(dim=-1).argmin()
        assert torch.equal(points[times.long(), point], tracks[:, 5, :3])


def test_same_seed_same_windows(data):
    one, two, other = (data.windows(3, 4, 64, 16, draw(seed)) for seed in (0, 0, 1))
    assert torch.equal(one.tracks, two.tracks) and torch.equal(one.pictures, two.pictures)
    assert not torch.equal(one.tracks, other.tracks)


def test_pictures_are_what_inference_sees(data):
    batch = data.windows(2, 3, 64, 16, draw())
    for row, times, pictures in zip(batch.rows.tolist(), batch.frame_times.long(), batch.pictures, strict=True):
        whole = padded_frames(load_file(data.tracks[row].path)["pictures"][0])
        assert np.array_equal(pixel_values(whole, tracked.TOY_PICTURES)[times], pictures.numpy())


@pytest.mark.parametrize("preprocessing", [tracked.TOY_PICTURES, CENTRE], ids=["whole", "centre"])
def test_patches_that_show_points_are_those_with_colour(folder, preprocessing):
    data = TrackedData.load(folder, preprocessing=preprocessing)
    batch = data.windows(6, 4, 64, 16, draw())
    patches = data.patches_of(batch, GRID)
    mean, std = (
        torch.tensor(numbers)[:, None, None] for numbers in (preprocessing.image_mean, preprocessing.image_std)
    )
    colours = (batch.pictures.flatten(0, 1) * std + mean).amin(dim=1) < 0.94
    cells = colours.float().unflatten(1, (GRID, -1)).unflatten(3, (GRID, -1)).mean(dim=(2, 4)).flatten(1)
    shown = patches.counts > 0
    assert shown[cells > 0.25].float().mean() > 0.97
    assert shown[cells == 0].float().mean() < 0.02


def test_views_are_exact(data):
    """A drawn point lies at the pixel where its square is, to half a pixel of the square."""
    for row, track in enumerate(data.tracks):
        points = torch.from_numpy(load_file(track.path)["points"])
        plane, _ = project(points.flatten(0, 1)[None], data.views.axes[row][None], data.views.distances[row][None])
        low, high = plane[0].amin(dim=0), plane[0].amax(dim=0)
        pixel = 2 * 1.45 / track.size
        assert ((low + high) / 2 - data.views.centres[row]).abs().max() < 1.5 * pixel
        assert abs(float((high - low).max()) * 1.2 - float(data.views.sides[row])) < 4 * pixel


def test_several_cameras_count_as_several_sequences(tmp_path):
    write_track(tmp_path / "a.safetensors", 11, views=3)
    data = TrackedData.load(tmp_path)
    assert len(data) == 3 and data.cameras == (0, 1, 2) and len(data.views.sides) == 3
    assert len(TrackedData.load(tmp_path, pictures=False)) == 1


def test_files_without_pictures_serve_what_needs_none(tmp_path):
    write_track(tmp_path / "a.safetensors", 11, views=0)
    with pytest.raises(InputError, match="have no pictures.*--views 1"):
        TrackedData.load(tmp_path)
    batch = TrackedData.load(tmp_path, pictures=False).windows(2, 4, 64, 16, draw())
    assert batch.pictures.numel() == 0 and batch.tracks.shape == (2, 4, 64, 6)


def test_vae_is_trained_on_files_with_distances_alone(tmp_path, data):
    with pytest.raises(InputError, match="64 points and 30 signed distances a frame, .* the shape VAE.*--distances"):
        data.shapes(2, 64, 16, 30, draw())
    write_track(tmp_path / "open.safetensors", 11)
    write_track(tmp_path / "closed.safetensors", 12, queries=50)
    both = TrackedData.load(tmp_path, pictures=False)
    batch = both.shapes(8, 64, 16, 30, draw())
    assert batch.surface.shape == (8, 64, 6) and batch.points.shape == (8, 30, 3) and batch.distances.shape == (8, 30)
    points = torch.from_numpy(load_file(tmp_path / "closed.safetensors")["points"])
    for surface, told in zip(batch.surface, batch.distances, strict=True):
        assert (points[int(told[0])] - surface[0, :3]).norm(dim=-1).min() == 0
    assert len(set(batch.distances[:, 0].tolist())) > 1


def test_too_few_frames_or_points_are_named(data):
    with pytest.raises(InputError, match="has 7 frames and 64 points"):
        data.windows(2, 7, 64, 16, draw())
    with pytest.raises(InputError, match="has 2 frames and 1601 points"):
        data.windows(2, 2, 1601, 16, draw())


def test_damaged_files_are_named(tmp_path):
    with pytest.raises(InputError, match="has no tracked sequences"):
        TrackedData.load(tmp_path)
    path = tmp_path / "a.safetensors"
    write_track(path, 11)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="a.safetensors cannot be read"):
        TrackedData.load(tmp_path)
    path.write_bytes(whole)
    arrays = load_file(path)
    save_file(arrays, path)
    with pytest.raises(InputError, match="not a tracked sequence of this version"):
        TrackedData.load(tmp_path)
    metadata = {"format": "actionmesh tracks 1"}
    save_file(arrays | {"points": arrays["points"].astype(np.float16)}, path, metadata)
    with pytest.raises(InputError, match="has no points of 3 axes and type F32"):
        TrackedData.load(tmp_path)
    save_file(arrays | {"axes": arrays["axes"][:, :2].copy()}, path, metadata)
    with pytest.raises(InputError, match=r"has axes of shape \(1, 2, 3\)"):
        TrackedData.load(tmp_path)
    save_file(arrays | {"normals": arrays["normals"][:4].copy()}, path, metadata)
    with pytest.raises(InputError, match="arrays of 4 and 6 frames"):
        TrackedData.load(tmp_path)
    path.write_bytes(whole)
    data = TrackedData.load(tmp_path)
    path.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        data.windows(1, 2, 64, 16, draw())


def test_the_whole_mesh_is_read_where_it_is_kept(tmp_path):
    write_track(tmp_path / "with.safetensors", 11, faces=True, rigs=["names:a"])
    write_track(tmp_path / "without.safetensors", 11)
    whole, points = (read_header(tmp_path / f"{name}.safetensors") for name in ("with", "without"))
    assert whole.has_mesh and not points.has_mesh and whole.rigs == {"names:a"} and points.rigs == frozenset()
    vertices, faces = read_mesh(whole)
    toy = make_sequence(11, FRAMES)
    assert np.array_equal(vertices, toy.vertices) and np.array_equal(faces, toy.faces)
    assert np.array_equal(read_pictures(whole, 0), load_file(whole.path)["pictures"][0])


def test_damaged_meshes_are_named(tmp_path):
    path = tmp_path / "a.safetensors"
    write_track(path, 11, faces=True)
    arrays, metadata = load_file(path), {"format": "actionmesh tracks 1", "provenance": "{}"}
    save_file(arrays | {"mesh_vertices": arrays["mesh_vertices"][:3].copy()}, path, metadata)
    with pytest.raises(InputError, match="arrays of 3 and 6 frames"):
        read_header(path)
    save_file(arrays | {"mesh_faces": arrays["mesh_faces"].astype(np.int64)}, path, metadata)
    with pytest.raises(InputError, match="no mesh_faces of 2 axes and type I32"):
        read_header(path)
    save_file(arrays | {"mesh_faces": arrays["mesh_faces"] + np.int32(10**6)}, path, metadata)
    with pytest.raises(InputError, match="a.safetensors has faces of missing vertices"):
        read_mesh(read_header(path))
    save_file(arrays, path, metadata | {"provenance": "{no json"})
    with pytest.raises(InputError, match="provenance in .*a.safetensors is not valid JSON"):
        read_header(path)


def test_rigs_of_a_validation_set_are_told(tmp_path):
    write_track(tmp_path / "train" / "a.safetensors", 11, views=0, rigs=["lengths:1", "names:1"])
    write_track(tmp_path / "train" / "old.safetensors", 12, views=0)
    write_track(tmp_path / "new" / "b.safetensors", 12, views=0, rigs=["lengths:2", "names:2"])
    write_track(tmp_path / "new" / "old.safetensors", 12, views=0)
    train, new = (read_tracks(tmp_path / name) for name in ("train", "new"))
    assert shared_rigs(train, new) == []
    require_unseen(train, new)
    write_track(tmp_path / "new" / "c.safetensors", 13, views=0, rigs=["lengths:3", "names:1"])
    new = read_tracks(tmp_path / "new")
    assert [(one.path.name, other.path.name) for one, other in shared_rigs(train, new)] == [
        ("a.safetensors", "c.safetensors")
    ]
    with pytest.raises(InputError, match="c.safetensors has the rig of .*a.safetensors"):
        require_unseen(train, new)


def test_a_folder_tells_its_kind(folder, tmp_path):
    assert isinstance(open_source(folder), TrackedData)
    make_shard(tmp_path, 5, pictures=False, count=2)
    toys = open_source(tmp_path, pictures=False)
    assert isinstance(toys, Toys) and len(toys) == 2
    assert toys.windows(2, 4, 64, 16, draw()).tracks.shape == (2, 4, 64, 6)
    assert toys.shapes(2, 64, 16, 30, draw()).distances.shape == (2, 30)


def test_every_kind_of_part_trains_on_them(tmp_path):
    data, run = tmp_path / "data" / "first", tmp_path / "run"
    for seed in SEEDS[:2]:
        write_track(data / f"{seed}.safetensors", seed, queries=512)
    (data / "dataset.json").write_text("{}")
    for part in ("vae", "image_to_3d", "temporal", "autoencoder"):
        recipe = replace(RECIPES[part], batch=2, frames=min(RECIPES[part].frames, 3), loop=LoopConfig(steps=1))
        train(part, data.parent, run, "tiny", recipe)
    for name in ("vae", "encoder", "image_to_3d", "temporal", "autoencoder"):
        assert all(np.isfinite(tensor).all() for tensor in load_file(run / f"{name}.safetensors").values())
