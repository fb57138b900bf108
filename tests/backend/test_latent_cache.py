"""Latents encoded once equal those encoded on demand, and are refused if they belong to something else."""

from dataclasses import replace

import pytest
import torch

from actionmesh.errors import InputError
from actionmesh.models.shape_vae import ShapeVAE
from actionmesh.sizes import SIZES
from actionmesh.training import latent_cache, run
from actionmesh.training.batches import Windows, choose_tokens, encode_windows, normalised
from actionmesh.training.data import FRAMES, make_shard
from actionmesh.training.devices import make_accelerator
from actionmesh.training.latent_cache import LatentCache, encode_data_set, shard_path
from actionmesh.training.objectives import FrozenVAE
from actionmesh.training.recipes import RECIPES, LoopConfig, PartRecipe
from actionmesh.training.shares import generator_of
from actionmesh.training.sources import open_source

TINY = SIZES["tiny"]
RECIPE = replace(RECIPES["temporal"], batch=3, frames=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    make_shard(folder / "data", 1_000_004, pictures=True, count=3)
    return folder


@pytest.fixture(scope="module")
def source(folder):
    return open_source(folder / "data")


@pytest.fixture(scope="module")
def vae():
    torch.manual_seed(0)
    return ShapeVAE(TINY.vae)


@pytest.fixture
def filled(tmp_path, source, vae, monkeypatch):
    """Encode latents into two files."""
    monkeypatch.setattr(latent_cache, "CHUNK", 2)
    encode_data_set(tmp_path / "latents", vae, source, TINY, make_accelerator())
    return tmp_path / "latents"


def test_cached_latents_are_those_of_the_vae(filled, source, vae):
    cache = LatentCache.open(filled, vae, source, TINY)
    seen = cache.seen_draw(RECIPE)(generator_of(0, 0, 0))
    assert seen.windows.pictures.shape == (3, 4, 3, 96, 96) and seen.patches.means.shape[:2] == (3, 4)
    frozen = FrozenVAE(vae, torch.full((8,), 0.5), torch.full((8,), 2.0))
    noise = torch.randn(3, 4, TINY.tokens, TINY.latent)
    latents = frozen(seen.windows, noise)
    for row, frames, own, cached in zip(seen.windows.rows, seen.windows.frame_times, noise, latents, strict=True):
        generator = torch.Generator().manual_seed(int(row))
        tracks = source.sequence(int(row), TINY.points, generator)
        tokens = choose_tokens(tracks[:1, :, :3], TINY.tokens, generator)
        window = Windows(tracks[frames.long()][None], None, tokens, None, None, None)
        expected = encode_windows(vae, window, frozen.mean, frozen.std, own[None])[0]
        assert torch.allclose(cached, expected, atol=2e-3) and not torch.allclose(cached[0], expected[1], atol=2e-3)


def test_pictures_of_cached_windows_are_those_of_their_frames(filled, source, vae):
    windows = LatentCache.open(filled, vae, source, TINY).seen_draw(RECIPE)(generator_of(0, 1, 0)).windows
    stored = source.data.pictures[int(windows.rows[1]), int(windows.frame_times[1, 2])].float()
    assert (windows.frame_times.diff(dim=1) > 0).all() and windows.frame_times.max() < FRAMES
    assert torch.equal(windows.pictures[1, 2], normalised(stored))


def test_what_is_encoded_is_left_alone_and_what_is_missing_made(filled, source, vae, monkeypatch):
    before = shard_path(filled, 0).stat().st_mtime_ns
    shard_path(filled, 1).unlink()
    encode_data_set(filled, vae, source, TINY, make_accelerator())
    assert shard_path(filled, 1).exists() and shard_path(filled, 0).stat().st_mtime_ns == before


def test_latents_of_something_else_are_refused(filled, tmp_path, source, vae):
    with pytest.raises(InputError, match="no latents"):
        LatentCache.open(tmp_path / "nowhere", vae, source, TINY)
    with pytest.raises(InputError, match="another VAE"):
        LatentCache.open(filled, ShapeVAE(TINY.vae), source, TINY)
    with pytest.raises(InputError, match="another number of tokens"):
        LatentCache.open(filled, vae, source, replace(TINY, tokens=8))
    make_shard(tmp_path / "others", 1_000_040, pictures=True, count=3)
    with pytest.raises(InputError, match="another data set"):
        LatentCache.open(filled, vae, open_source(tmp_path / "others"), TINY)
    with pytest.raises(InputError, match="16 frames; windows have 17"):
        LatentCache.open(filled, vae, source, TINY).seen_draw(replace(RECIPE, frames=17))(generator_of(0, 0, 0))
    shard_path(filled, 0).write_bytes(b"half")
    with pytest.raises(InputError, match="latents_00000.safetensors is missing or damaged"):
        for step in range(4):
            LatentCache.open(filled, vae, source, TINY).seen_draw(RECIPE)(generator_of(0, step, 0))


def test_a_denoiser_trains_on_cached_latents(folder, tmp_path):
    data, out = folder / "data", tmp_path / "run"
    for part in ("vae", "image_to_3d"):
        run.train(part, data, out, "tiny", PartRecipe(2, 1, LoopConfig(steps=1)))
    frozen = run.frozen_vae(out, TINY)
    encode_data_set(tmp_path / "latents", frozen.vae, open_source(data), TINY, make_accelerator())
    run.train("temporal", data, out, "tiny", PartRecipe(2, 4, LoopConfig(steps=1)), latents=tmp_path / "latents")
    assert (out / "temporal.safetensors").exists() and "flow" in (out / "temporal.csv").read_text()
