"""Several sources in one training: shares, mirroring, placement for cameras all around, and unseen rigs."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from actionmesh.errors import InputError
from actionmesh.media.render import Camera, render_frames
from actionmesh.memory.model import open_model
from actionmesh.toys.queries import sample_tracked_points
from actionmesh.toys.sequence import make_sequence
from actionmesh.track_file import read_tracks
from actionmesh.training.batches import IMAGE_MEAN, IMAGE_STD
from actionmesh.training.data import make_shard
from actionmesh.training.export import export
from actionmesh.training.losses import motion_weights
from actionmesh.training.mixture import Backwards, Chosen, Mirrored, Mixture
from actionmesh.training.patches import patches_shown
from actionmesh.training.recipes import RECIPES, LoopConfig
from actionmesh.training.rigs import rig_numbers
from actionmesh.training.round import SHARES
from actionmesh.training.run import train
from actionmesh.training.sources import Toys, open_source
from actionmesh.training.tracked import TrackedData
from blender_addon.motion.tracks import Tracks, save_tracks

from .test_tracked import FRAMES, write_track

GRID = 8


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mixture")
    make_shard(folder / "toys", 1_000_000, True, count=4)
    (folder / "tracked").mkdir()
    (folder / "tracked" / "dataset.json").write_text("{}")
    for seed in (11, 12, 13):
        write_track(folder / "tracked" / "deep" / f"{seed}.safetensors", seed, rigs=[f"names:{seed}"])
    return folder


def write_mixture(folder, **told):
    path = folder / "mixture.json"
    path.write_text(json.dumps(told))
    return path


def test_a_batch_has_rows_of_every_source_by_its_share(folder):
    mixture = open_source(
        write_mixture(folder, sources=[{"folder": "toys", "share": 3}, {"folder": "tracked/deep", "share": 1}])
    )
    assert isinstance(mixture, Mixture) and len(mixture) == 2 * (4 + 3)
    batch = mixture.windows(400, 3, 32, 8, draw())
    assert 0.68 < (batch.rows < 8).float().mean() < 0.82
    assert sorted(set(batch.rows.tolist())) == list(range(14))
    assert batch.tracks.shape == (400, 3, 32, 6) and batch.pictures.shape[:3] == (400, 3, 3)
    again = mixture.windows(400, 3, 32, 8, draw())
    assert torch.equal(batch.tracks, again.tracks) and torch.equal(batch.rows, again.rows)


@pytest.mark.parametrize("backwards", [False, True])
def test_every_row_of_a_batch_is_what_its_source_says(folder, backwards):
    sources = [{"folder": name, "share": 1, "backwards": backwards} for name in ("toys", "tracked")]
    mixture = open_source(write_mixture(folder, sources=sources))
    batch = mixture.windows(12, 3, 32, 8, draw())
    pictures, patches = mixture.pictures_of(batch), mixture.patches_of(batch, GRID).by_window(3)
    assert torch.equal(pictures, batch.pictures)
    for at, (row, times) in enumerate(zip(batch.rows.tolist(), batch.frame_times.long(), strict=True)):
        whole = mixture.sequence(row, 10_000, draw())[times]
        away = (whole[0, :, None, :3] - batch.tracks[at, 0, None, :, :3]).norm(dim=-1)
        assert away.amin(dim=0).max() < 1e-6
        nearest = away.argmin(dim=0)
        assert torch.allclose(whole[:, nearest], batch.tracks[at], atol=1e-6)
        shown = patches.counts[at] > 0
        seen = patches.means[at][shown][:, :3]
        assert (seen - whole[:, :, :3].flatten(0, 1).mean(dim=0)).abs().max() < 1.5


def test_the_mirror_turns_shape_pictures_and_patches_alike(folder):
    plain = TrackedData.load(folder / "tracked")
    both = Mirrored(plain)
    batch = both.windows(8, 3, 64, 8, draw(1))
    turned = batch.rows >= len(plain)
    assert turned.any() and not turned.all()
    patches = both.patches_of(batch, GRID)
    coloured = (batch.pictures.flatten(0, 1) * IMAGE_STD[:, None, None] + IMAGE_MEAN[:, None, None]).amin(dim=1) < 0.94
    cells = coloured.float().unflatten(1, (GRID, -1)).unflatten(3, (GRID, -1)).mean(dim=(2, 4)).flatten(1)
    shown = patches.counts > 0
    for some in (turned, ~turned):
        rows = some.repeat_interleave(3)
        assert (
            shown[rows][cells[rows] > 0.25].float().mean() > 0.97
            and shown[rows][cells[rows] == 0].float().mean() < 0.02
        )
    columns = (torch.arange(GRID).float() - (GRID - 1) / 2).repeat(GRID)
    for some in (turned, ~turned):
        rows = some.repeat_interleave(3)
        across = [patches.means[row][shown[row], 0] for row in rows.nonzero()[:, 0]]
        places = [columns[shown[row]] for row in rows.nonzero()[:, 0]]
        agreement = np.corrcoef(torch.cat(across).numpy(), torch.cat(places).numpy())[0, 1]
        assert agreement > 0.9  # further right in the picture means further right in space


def test_half_of_all_windows_are_played_backwards_if_asked(folder):
    plain = TrackedData.load(folder / "tracked")
    both = Backwards(plain)
    batch = both.windows(400, 3, 32, 8, draw(1))
    turned = batch.rows >= len(plain)
    assert len(both) == 2 * len(plain) and 0.4 < turned.float().mean() < 0.6
    assert (batch.frame_times.diff(dim=1) > 0).all()
    for row in range(len(plain)):
        there, back = (both.sequence(number, 100, draw()) for number in (row, row + len(plain)))
        assert torch.equal(back, there.flip(0)) and both.frames_of(row + len(plain)) == len(there)
    # What patches show in a frame does not depend on the direction
    rows, times = (
        torch.tensor([0, len(plain)]),
        torch.tensor([[0.0, 1.0, 3.0], [FRAMES - 1.0, FRAMES - 2.0, FRAMES - 4.0]]),
    )
    means = both.patches_of(Chosen(rows, times), GRID).by_window(3).means
    assert torch.equal(means[0], means[1])


def write_turned(path, yaw, provenance, **seen):
    """Write a toy in the middle of the box, seen by a camera at `yaw` radians from the front; `seen` says how else."""
    sequence = make_sequence(21, FRAMES)
    points, normals = sample_tracked_points(sequence, 1600, 0)
    camera = Camera(yaw=yaw, half_extent=1.45, **seen)
    taken = render_frames(sequence.vertices, sequence.faces, sequence.colours, camera, 128, supersample=1)[None]
    rows, columns = np.nonzero(taken[0, ..., 3].max(axis=0))
    tracks = Tracks(
        points=points,
        normals=normals.astype(np.float16),
        vertices=sequence.vertices[:, :300].astype(np.float32),
        vertex_normals=np.ones_like(sequence.vertices[:, :300], np.float16),
        times=np.arange(FRAMES) / 8,
        pictures=taken,
        axes=np.array([camera.axes], np.float32),
        distances=np.array([camera.distance], np.float32),
        windows=np.array([(0, 0, camera.half_extent)], np.float32),
        crops=np.array([(rows.min(), columns.min(), np.ptp(rows) + 1, np.ptp(columns) + 1)], np.int64),
        query_points=None,
        signed_distances=None,
        mesh_vertices=None,
        mesh_faces=None,
        provenance={"source": "21.glb", "licence": "", **provenance},
    )
    save_tracks(path, tracks)


@pytest.mark.parametrize("yaw", [0.0, 1.2, np.pi, -2.0])
def test_what_is_filmed_from_around_is_turned_before_its_camera(tmp_path, yaw):
    (tmp_path / "dataset.json").write_text("{}")
    write_turned(tmp_path / "a.safetensors", yaw, {"yaw": None})
    data = TrackedData.load(tmp_path)
    batch = data.windows(1, FRAMES, 200, 8, draw())
    first = data.placements[0].of_points(torch.from_numpy(load_file(tmp_path / "a.safetensors")["points"][0]))
    low, high = first.amin(dim=0), first.amax(dim=0)
    assert (high - low).max() == pytest.approx(1.5, abs=1e-5) and (low + high).abs().max() < 1e-5
    back = data.placements[0].turn @ data.views.axes[0, 2]
    assert abs(np.arctan2(float(back[0]), float(back[2]))) <= np.radians(15) + 1e-6
    assert torch.allclose(data.placements[0].turn.det(), torch.tensor(1.0), atol=1e-6)
    patches = data.patches_of(batch, GRID)
    columns = (torch.arange(GRID).float() - (GRID - 1) / 2).repeat(GRID)
    shown = patches.counts > 0
    across, places = patches.means[..., 0][shown], columns.expand(FRAMES, -1)[shown]
    assert np.corrcoef(across.numpy(), places.numpy())[0, 1] > 0.85


def test_what_is_filmed_from_the_front_stays_as_it_is_and_from_one_side_is_turned_by_its_angle(tmp_path):
    (tmp_path / "dataset.json").write_text("{}")
    for name, yaw in (("a", 0.0), ("b", 90.0)):
        write_turned(tmp_path / f"{name}.safetensors", np.radians(yaw), {"yaw": yaw})
    front, side = TrackedData.load(tmp_path).placements
    points = torch.from_numpy(load_file(tmp_path / "a.safetensors")["points"][0])
    assert torch.equal(front.of_points(points), points)
    assert torch.allclose(side.turn @ torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 0.0, 1.0]), atol=1e-6)


def test_rows_are_drawn_by_the_same_shares_where_latents_are_kept(folder):
    path = write_mixture(folder, sources=[{"folder": "toys", "share": 3}, {"folder": "tracked", "share": 1}])
    rows = open_source(path).rows(800, draw())
    assert 0.70 < (rows < 8).float().mean() < 0.80 and sorted(set(rows.tolist())) == list(range(14))


def test_what_flies_apart_is_left_out(tmp_path):
    (tmp_path / "dataset.json").write_text("{}")
    write_track(tmp_path / "whole.safetensors", 11)
    arrays = load_file(tmp_path / "whole.safetensors")
    arrays["windows"] = arrays["windows"] * np.float32(4)
    with safe_open(tmp_path / "whole.safetensors", "np") as file:
        save_file(arrays, tmp_path / "apart.safetensors", file.metadata())
    assert [track.path.name for track in TrackedData.load(tmp_path).tracks] == ["whole.safetensors"]


def test_little_motion_counts_as_much_as_much_motion_where_losses_are_relative():
    latents = torch.zeros(2, 8, 4, 3)
    latents[:, ::2] = torch.tensor([1.0, 0.5])[:, None, None, None]
    weights = motion_weights(latents)
    assert weights[1] > 2 * weights[0] and motion_weights(torch.zeros(1, 8, 4, 3))[0] == pytest.approx(0.1 / 0.03)


def test_rigs_are_drawn_before_their_sequences(tmp_path):
    (tmp_path / "dataset.json").write_text("{}")
    for number in range(6):
        write_track(tmp_path / f"{number}.safetensors", 11, rigs=[f"names:{number}", f"lengths:{number < 5}"])
    data = TrackedData.load(tmp_path)
    assert rig_numbers(data.tracks).tolist() == [0, 0, 0, 0, 0, 1]
    drawn = Counter(data.windows(600, 2, 16, 4, draw()).rows.tolist())
    assert 250 < drawn[5] < 350 and all(30 < drawn[row] < 95 for row in range(5))


def test_a_training_does_not_begin_with_a_rig_that_is_to_stay_unseen(folder, tmp_path):
    write_track(tmp_path / "other.safetensors", 14, rigs=["names:12", "mesh:1"])
    sources = [{"folder": "tracked", "share": 1}]
    path = write_mixture(folder, sources=sources, unseen=[str(tmp_path)])
    with pytest.raises(InputError, match=r"other\.safetensors has the rig of .*12\.safetensors"):
        open_source(path)
    assert len(read_tracks(tmp_path)) == 1


@pytest.mark.parametrize(
    "told, said",
    [
        ("{", "cannot be read as JSON"),
        ('{"sources": []}', "names no sources"),
        ("[1]", "names no sources"),
        ('{"sources": [{"folder": "toys", "share": 0}]}', "without a share above 0"),
        ('{"sources": [{"folder": "nothing", "share": 1}]}', "nothing has no sequences"),
        (
            '{"sources": [{"folder": "a", "share": 1, "variants": 0}]}',
            "a source with variants of 0, not a whole number from 1 to 1000",
        ),
        ('{"sources": [{"folder": "a", "share": 1, "variants": 2.5}]}', "a source with variants of 2.5, not a whole"),
        ('{"sources": [{"folder": "a", "share": 1, "variants": "8"}]}', "a source with variants of '8', not a whole"),
        ('{"sources": [{"folder": "a", "share": 1, "stretch": 0.7}]}', "with stretch of 0.7, not a number from 1 to 2"),
        ('{"sources": [{"folder": "a", "share": 1, "hue": NaN}]}', "with hue of nan, not a number from 0 to 180"),
        (
            '{"sources": [{"folder": "a", "share": 1, "brightness": true}]}',
            "brightness of True, not a number from 1 to 4",
        ),
        (
            '{"sources": [{"folder": "toys", "share": 1, "variants": 2}]}',
            "toys has no tracked files, and only these have",
        ),
    ],
)
def test_a_mixture_that_makes_no_sense_is_told_in_a_sentence(tmp_path, told, said):
    path = tmp_path / "mixture.json"
    path.write_text(told)
    with pytest.raises(InputError, match=said):
        open_source(path)


def test_the_parts_train_on_a_mixture(folder, tmp_path):
    from dataclasses import replace

    path = write_mixture(folder, sources=[{"folder": "toys", "share": 1}, {"folder": "tracked", "share": 1}])
    for part in ("vae", "image_to_3d", "temporal", "autoencoder"):
        data = folder / "toys" if part == "vae" else path
        recipe = replace(
            RECIPES[part], batch=3, frames=min(RECIPES[part].frames, 4), loop=LoopConfig(steps=2, warmup=1)
        )
        train(part, data, tmp_path, "tiny", recipe)
        assert (tmp_path / f"{part}.safetensors").exists()


def test_toys_in_the_mirror_are_where_their_pictures_show_them(folder):
    toys = open_source(folder / "toys")
    assert isinstance(toys, Toys)
    both = Mirrored(toys)
    batch = both.windows(4, 2, 256, 8, draw(3))
    rows = batch.rows % len(toys)
    originals = toys.pictures_of(type("Some", (), {"rows": rows, "frame_times": batch.frame_times}))
    for at, row in enumerate(batch.rows.tolist()):
        expected = originals[at].flip(-1) if row >= len(toys) else originals[at]
        assert torch.equal(batch.pictures[at], expected)
    flat = batch.frame_times.long().flatten()
    points = toys.data.points[rows.repeat_interleave(2), flat].float()
    normals = toys.data.normals[rows.repeat_interleave(2), flat].float()
    first = toys.data.points[rows.repeat_interleave(2), 0].float()
    plain = patches_shown(toys.data.views, rows.repeat_interleave(2), points, normals, first, GRID)
    assert both.patches_of(batch, GRID).counts.sum() == plain.counts.sum()


def test_a_round_makes_a_checkpoint_of_a_checkpoint_and_goes_on_where_it_stopped(folder, tmp_path, monkeypatch):
    """The whole command runs as on a GPU, with a few steps on the CPU."""
    from actionmesh.training import run as training_run
    from actionmesh.training.__main__ import main

    first = tmp_path / "first"
    for part in ("vae", "image_to_3d", "temporal", "autoencoder"):
        recipe = replace(
            RECIPES[part], batch=3, frames=min(RECIPES[part].frames, 4), loop=LoopConfig(steps=1, warmup=1)
        )
        train(part, folder / "toys", first, "tiny", recipe)
    export(first, tmp_path / "start", "tiny")
    path = write_mixture(folder, sources=[{"folder": "toys", "share": 1}, {"folder": "tracked", "share": 1}])
    arguments = ["round", path, tmp_path / "run", "--start", tmp_path / "start", "--end", tmp_path / "end"]
    arguments += ["--minutes", "5", "--steps", "2", "--sizes", "tiny", "--device", "cpu"]
    monkeypatch.setattr("sys.argv", ["training", *map(str, arguments)])
    small = {part: replace(RECIPES[part], batch=3, frames=min(RECIPES[part].frames, 4)) for part in SHARES}
    monkeypatch.setattr("actionmesh.training.recipes.RECIPES", {**RECIPES, **small})
    trained = []
    loop = training_run.Loop
    monkeypatch.setattr(training_run, "Loop", lambda *args: trained.append(loop(*args)) or trained[-1])
    assert main() == 0
    assert [one.name for one in trained] == list(SHARES) and [one.step for one in trained] == [2, 2, 2]
    before, after = (
        open_model(tmp_path / name, "cpu").networks.temporal_denoiser.state_dict() for name in ("start", "end")
    )
    assert any(not torch.equal(before[name], after[name]) for name in before)
    del trained[:]
    assert main() == 0 and all(not one.seconds or one.step == 2 for one in trained)
    again = open_model(tmp_path / "end", "cpu").networks.temporal_denoiser.state_dict()
    assert all(torch.equal(again[name], after[name]) for name in after)
