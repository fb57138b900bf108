"""Two steps of every part on a few toys, restart, export, and the objectives."""

from dataclasses import replace

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file, save_file
from torch import nn

from actionmesh.errors import InputError
from actionmesh.memory.model import open_model
from actionmesh.models.denoiser import TemporalDenoiser
from actionmesh.models.shape_vae import ShapeVAE
from actionmesh.models.temporal_autoencoder import TemporalAutoencoder
from actionmesh.sizes import SIZES
from actionmesh.toys.shapes import signed_distance
from actionmesh.training import run as parts
from actionmesh.training.__main__ import main
from actionmesh.training.batches import draw_known, encode_windows, shapes, windows
from actionmesh.training.data import FRAMES, ToyData, make_shard, picture_path
from actionmesh.training.devices import make_accelerator
from actionmesh.training.draws import draw_sigmas, known_frames
from actionmesh.training.export import export, unpack
from actionmesh.training.loop import Loop
from actionmesh.training.losses import FlowNoise, Known, image_to_3d_loss, temporal_loss
from actionmesh.training.objectives import Objective
from actionmesh.training.optimisers import Float32Muon, cosine, make_optimisers, orthogonalised
from actionmesh.training.recipes import RECIPES, LoopConfig

TINY = SIZES["tiny"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Make shards of four toys."""
    folder = tmp_path_factory.mktemp("data")
    for seed in (1_000_000, 1_000_002):
        make_shard(folder, seed, pictures=True, count=2)
    return folder


@pytest.fixture(scope="module")
def data(folder):
    return ToyData.load(folder)


def short(part):
    return replace(RECIPES[part], batch=2, loop=LoopConfig(steps=2))


def test_every_part_trains_and_the_checkpoint_loads(folder, tmp_path):
    run, checkpoint = tmp_path / "run", tmp_path / "checkpoint"
    for part in parts.PARTS:
        parts.train(part, folder, run, "tiny", short(part))
    export(run, checkpoint, "tiny")
    networks = open_model(checkpoint, "cpu").networks
    for network in (
        networks.image_encoder,
        networks.image_to_3d,
        networks.shape_vae,
        networks.temporal_denoiser,
        networks.temporal_autoencoder,
    ):
        assert all(torch.isfinite(tensor).all() for tensor in network.state_dict().values())
    trained = load_file(run / "temporal.safetensors")["proj_out.weight"]
    assert torch.allclose(networks.temporal_denoiser.proj_out.weight, trained, atol=1e-3)
    assert networks.loads == 5
    unpack(checkpoint, tmp_path / "again")
    for path in (run / f"{name}.safetensors" for name in ("vae", "encoder", "image_to_3d", "temporal", "autoencoder")):
        again, before = load_file(tmp_path / "again" / path.name), load_file(path)
        assert again.keys() == before.keys() and all(torch.allclose(again[k], before[k], atol=2e-3) for k in before), (
            path.name
        )
    parts.train("finetune_temporal", folder, tmp_path / "again", "tiny", short("finetune_temporal"))


def test_training_the_vae_decoder_leaves_every_latent_as_it_was(folder, tmp_path):
    parts.train("vae", folder, tmp_path, "tiny", short("vae"))
    before, statistics = load_file(tmp_path / "vae.safetensors"), (tmp_path / "latents.json").read_bytes()
    parts.train("finetune_vae_decoder", folder, tmp_path, "tiny", short("finetune_vae_decoder"))
    after = load_file(tmp_path / "vae.safetensors")
    same = {name for name in before if torch.equal(before[name], after[name])}
    assert same == {name for name in before if name.startswith(("encoder.", "quant."))}
    assert (tmp_path / "latents.json").read_bytes() == statistics


def test_shards_are_made_once_and_pictures_can_follow(tmp_path):
    path = make_shard(tmp_path, 7, pictures=False, count=1)
    before = path.stat().st_mtime_ns
    with pytest.raises(FileNotFoundError):
        ToyData.load(tmp_path)
    make_shard(tmp_path, 7, pictures=True, count=1)
    assert picture_path(path).exists() and path.stat().st_mtime_ns == before
    assert ToyData.load(tmp_path).pictures.shape[:2] == (1, FRAMES)


def test_a_shard_of_an_earlier_version_is_named(tmp_path):
    path = make_shard(tmp_path, 7, pictures=False, count=1)
    save_file({name: tensor.clone() for name, tensor in load_file(path).items() if name != "body.boxy"}, path)
    with pytest.raises(InputError, match=path.name):
        ToyData.load(tmp_path, pictures=False)


def test_a_shard_with_what_is_no_number_is_named(tmp_path):
    path = make_shard(tmp_path, 7, pictures=False, count=1)
    shard = {name: tensor.clone() for name, tensor in load_file(path).items()}
    shard["vertices"][0, 3, 5] = float("nan")
    save_file(shard, path)
    with pytest.raises(InputError, match=path.name):
        ToyData.load(tmp_path, pictures=False)


def draw_line(generator):
    return torch.randn(32, 3, generator=generator)


class Line(Objective):
    """The squared error of a network that should sum its inputs."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, batch):
        return {"loss": (self.network(batch).float() - batch.sum(1, keepdim=True)).square().mean()}


class Blocks(nn.Module):
    """A matrix inside a block, and one outside."""

    def __init__(self):
        super().__init__()
        self.blocks, self.out = nn.Sequential(nn.Linear(3, 4), nn.Tanh()), nn.Linear(4, 1)

    def forward(self, x):
        return self.out(self.blocks(x))


@pytest.mark.parametrize("optimiser", ["muon", "adamw"])
def test_a_restarted_training_ends_where_an_unbroken_one_does(tmp_path, optimiser):
    def fit(folder, steps_of_runs):
        for steps in steps_of_runs:
            torch.manual_seed(0)
            network = Blocks()
            config = LoopConfig(steps=6, warmup=2, optimiser=optimiser)
            loop = Loop(config, Line(network), draw_line, folder, "line", make_accelerator())
            while loop.step < steps:
                loop.take_step()
            loop.save()
        loop.use_average()
        return nn.utils.parameters_to_vector(network.parameters()).detach().clone()

    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
    assert torch.equal(fit(tmp_path / "whole", [6]), fit(tmp_path / "broken", [2, 5, 6]))


def test_a_state_of_something_else_is_refused(tmp_path, monkeypatch):
    def begin(network):
        return Loop(LoopConfig(steps=6), Line(network), draw_line, tmp_path, "line", make_accelerator())

    begin(Blocks()).save()
    with pytest.raises(InputError, match="line.state.safetensors is not the state of this training"):
        begin(nn.Linear(3, 1))
    with monkeypatch.context() as patch:
        patch.setattr(Accelerator, "reduce", lambda self, tensor, how: tensor + 1)
        with pytest.raises(InputError, match="Not every process finds"):
            begin(Blocks())
    path = tmp_path / "line.state.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="is not the state of this training"):
        begin(Blocks())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "legs", "DATA", "RUN"], "There is no recipe for 'legs'"),
        (["train", "vae", "DATA", "RUN", "--sizes", "full"], "There is no recipe for 'vae' of the sizes 'full'"),
        (["train", "vae", "DATA", "RUN", "--batch", "7", "--parts", "2"], "a batch of 7 cannot be cut into 2 parts"),
        (["train", "vae", "DATA", "RUN", "--steps", "0"], "0 steps"),
        (["train", "vae", "DATA", "RUN", "--sizes", "tiny"], "DATA has no sequences."),
        (["train", "temporal", "DATA", "RUN"], "image_to_3d.safetensors is missing."),
        (["latents", "DATA", "RUN", "LATENTS"], "DATA has no sequences with pictures."),
        (["data", "DATA", "--template", "dragon"], "There is no template 'dragon'. Choose one of quadruped, biped,"),
    ],
)
def test_the_command_says_what_is_wrong_in_a_sentence(tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["actionmesh.training", *arguments])
    assert main() == 2
    message = capsys.readouterr().err
    assert said in message and message.count("\n") == 1


def test_muon_takes_the_matrices_inside_blocks_and_adamw_the_rest():
    parameters = dict(Blocks().named_parameters())
    muon, adamw = make_optimisers(LoopConfig(steps=1), parameters)
    assert isinstance(muon, torch.optim.Muon) and isinstance(adamw, torch.optim.AdamW)
    names = {value: name for name, value in parameters.items()}
    taken = [{names[value] for value in each.param_groups[0]["params"]} for each in (muon, adamw)]
    assert taken == [{"blocks.0.weight"}, {"blocks.0.bias", "out.weight", "out.bias"}]
    with pytest.raises(ValueError, match="neither"):
        LoopConfig(steps=1, optimiser="sgd")
    (alone,) = make_optimisers(LoopConfig(steps=1, optimiser="adamw"), parameters)
    assert len(alone.param_groups[0]["params"]) == len(parameters)


@pytest.mark.parametrize("shape", [(24, 24), (12, 40), (40, 12)])
def test_muon_in_float32_takes_the_steps_of_torchs(shape):
    start, *gradients = torch.randn(4, *shape, generator=torch.Generator().manual_seed(0))
    ends, options = [], {"lr": 0.01, "weight_decay": 0.1, "adjust_lr_fn": "match_rms_adamw"}
    for make in (torch.optim.Muon, Float32Muon):
        weight = nn.Parameter(start.clone())
        optimiser = make([weight], **options)
        for gradient in gradients:
            weight.grad = gradient.clone()
            optimiser.step()
        ends.append((weight.detach(), optimiser.state_dict()["state"][0]["momentum_buffer"]))
    (theirs, their_mean), (ours, our_mean) = ends
    assert (ours - theirs).norm() < 0.02 * (theirs - start).norm()
    assert torch.equal(our_mean, their_mean)
    values = torch.linalg.svdvals(orthogonalised(gradients[0], (3.4445, -4.775, 2.0315), 5, 1e-7))
    assert 0.6 < values.median() and values.max() < 1.3


def test_a_loop_learns_and_keeps_a_log(tmp_path):
    torch.manual_seed(0)
    network = nn.Linear(3, 1)

    config = LoopConfig(steps=300, rate=0.03, warmup=10, average=0.9)
    Loop(config, Line(network), draw_line, tmp_path, "line", make_accelerator()).run()
    rows = (tmp_path / "line.csv").read_text().splitlines()
    assert rows[0] == "step,minutes,loss" and len(rows) == 7
    assert float(rows[-1].split(",")[2]) < 0.1 * float(rows[1].split(",")[2])
    assert torch.allclose(network.weight, torch.ones(1, 3), atol=0.1)


def test_a_loss_that_is_no_number_ends_the_training_before_the_weights_are_lost(tmp_path):
    def draw(generator):
        return torch.full((32, 3), float("inf")) if loop.step == 3 else draw_line(generator)

    network = nn.Linear(3, 1)
    loop = Loop(LoopConfig(steps=6), Line(network), draw, tmp_path, "line", make_accelerator())
    with pytest.raises(InputError, match="step 3 of line"):
        loop.run()
    assert all(value.isfinite().all() for value in [*network.parameters(), *loop.average.values()])


def test_tokens_of_a_window_are_the_same_points_in_every_frame(data):
    generator = torch.Generator().manual_seed(0)
    batch = windows(data, 3, 4, 64, 16, generator)
    assert batch.token_indices.shape == (3, 16) and all(len(set(row.tolist())) == 16 for row in batch.token_indices)
    assert (batch.frame_times.diff(dim=1) > 0).all() and batch.pictures.shape == (3, 4, 3, 96, 96)
    vae = ShapeVAE(TINY.vae)
    latents = encode_windows(vae, batch, torch.zeros(8), torch.ones(8), torch.randn(3, 4, 16, 8))
    assert latents.shape == (3, 4, 16, 8)


def test_vae_batches_hold_exact_distances(data):
    batch = shapes(data, 4, 64, 16, 200, torch.Generator().manual_seed(0))
    assert batch.points.shape == (4, 200, 3) and (batch.distances < 0).any() and (batch.distances > 0).any()
    on_surface = signed_distance(data.bodies[torch.arange(4)], data.points[0, :4].float())
    assert on_surface.abs().mean() < 0.01


def test_known_frames_are_one_to_three():
    known = draw_known(500, 8, torch.Generator().manual_seed(0))
    counts = known.sum(1)
    assert set(counts.tolist()) == {1.0, 2.0, 3.0} and (counts == 1).float().mean() > 0.5
    assert known.sum(0).min() > 30


def test_unknown_frames_weigh_one_in_the_mean():
    known = known_frames(50, 8, torch.Generator().manual_seed(0))
    assert known.weights.mean().item() == pytest.approx(1) and not known.weights[known.frames == 1].any()
    assert known.weights[known.frames == 0].unique().numel() == 1
    alone = known_frames(3, 1, torch.Generator().manual_seed(0))
    assert not alone.frames.any() and torch.equal(alone.weights, torch.ones(3, 1))


def test_noise_levels_reach_both_ends():
    sigma = draw_sigmas(4000, torch.Generator().manual_seed(0), 0.2)
    assert 0 <= sigma.min() < 0.02 and 0.15 < (sigma == 1).float().mean() < 0.25
    assert cosine(0.0) == 1.0 and cosine(1.0) == pytest.approx(0.0)


class KnowsTheAnswer(nn.Module):
    """A denoiser that returns the true velocity and records its inputs."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def prepare(self, *arguments):
        self.context = arguments[0]
        return None

    def forward(self, noisy, time, cache, known=None, frame_times=None):
        self.noisy, self.time = noisy, time
        sigma = (time / 1000).reshape(-1, *[1] * (noisy.ndim - 1))
        return (self.answer - noisy) / sigma.clamp_min(1e-3)


def flow_noise(latents):
    generator = torch.Generator().manual_seed(0)
    sigma = draw_sigmas(len(latents), generator, 0.2)
    kept = (torch.rand(len(latents), generator=generator) >= 0.1).float()
    return FlowNoise(sigma, torch.randn(latents.shape, generator=generator), kept)


def test_flow_matching_is_zero_for_the_true_velocity_and_drops_conditions():
    latents, context = torch.randn(400, 16, 8), torch.ones(400, 5, 4)
    oracle = KnowsTheAnswer(latents)
    losses = image_to_3d_loss(oracle, latents, context, flow_noise(latents))
    assert float(losses["loss"]) < 1e-4
    dropped = (oracle.context == 0).all(dim=(1, 2)).float().mean()
    assert 0.05 < dropped < 0.16


def test_known_frames_stay_clean_and_out_of_the_loss():
    latents, context = torch.randn(6, 4, 16, 8), torch.ones(6, 4, 5, 4)
    known = torch.zeros(6, 4)
    known[:, 1] = 1
    wrong_where_known = latents.clone()
    wrong_where_known[:, 1] += 100
    oracle = KnowsTheAnswer(wrong_where_known)
    times = torch.arange(4.0).expand(6, -1)
    losses = temporal_loss(oracle, latents, context, times, Known(known, (1 - known) * 4 / 3), flow_noise(latents))
    assert torch.equal(oracle.noisy[:, 1], latents[:, 1]) and not torch.equal(oracle.noisy[:, 0], latents[:, 0])
    assert float(losses["loss"]) < 1e-4


def test_stage_two_starts_still_and_as_the_vae_decoder(tmp_path):
    torch.manual_seed(0)
    vae, autoencoder = ShapeVAE(TINY.vae), TemporalAutoencoder(TINY.autoencoder)
    mean, std = torch.randn(8), torch.rand(8) + 0.5
    parts.initialise_autoencoder_from_vae(autoencoder, vae, mean, std)
    latents = torch.randn(1, 4, 16, 8)
    assert torch.allclose(autoencoder.post_quant((latents - mean) / std), vae.post_quant(latents), atol=1e-5)
    vertices, alpha = torch.randn(1, 9, 6), torch.zeros(1)
    context = autoencoder.prepare_latents(latents, torch.arange(4.0)[None], alpha, alpha)
    assert torch.equal(autoencoder.field(vertices, context, alpha, alpha), torch.zeros(1, 9, 3))


def test_stage_one_starts_without_the_reference_residual():
    assert not TemporalDenoiser(TINY.temporal).proj_reference.weight.any()
