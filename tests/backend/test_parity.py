"""Every network, schedule and sampler against the published code's output on random weights and inputs."""

import json

import torch

from actionmesh.evaluation.measures import chamfer_distance, motion_chamfer
from actionmesh.models.denoiser import ImageTo3DConfig, ImageTo3DDenoiser, TemporalDenoiser, TemporalDenoiserConfig
from actionmesh.models.shape_vae import ShapeVAE, ShapeVAEConfig
from actionmesh.models.temporal_autoencoder import TemporalAutoencoder, TemporalAutoencoderConfig
from actionmesh.progress import Progress
from actionmesh.protocol import Stage
from actionmesh.sampling.guidance import Branches
from actionmesh.sampling.sampler import sample
from actionmesh.sampling.schedules import image_to_3d_schedule, temporal_schedule
from actionmesh.sampling.windows import sliding_windows
from actionmesh.weights.load import build
from actionmesh.weights.names import our_name

from . import parity


def load(make, name):
    tensors, config = parity.read(name)
    renamed = {our_name(key): value for key, value in parity.weights(tensors).items()}
    return build(lambda: make(config), renamed, name, "cpu", torch.float32), tensors


def temporal_denoiser():
    return load(lambda config: TemporalDenoiser(TemporalDenoiserConfig.from_dict(config)), "temporal_denoiser")


@torch.no_grad()
def test_image_to_3d_denoiser():
    network, data = load(lambda config: ImageTo3DDenoiser(ImageTo3DConfig.from_dict(config)), "triposg_dit")
    velocity = network(data["in.latents"], data["in.timestep"], network.prepare(data["in.context"]))
    parity.assert_matches(velocity, data["out.velocity"])


@torch.no_grad()
def test_temporal_denoiser():
    network, data = temporal_denoiser()
    latents, time = data["in.latents"], data["in.diffusion_time"]
    cache = network.prepare(data["in.context"], data["in.framestep"], latents.shape[2])
    parity.assert_matches(network(latents, time, cache, data["in.mask"]), data["out.velocity"])
    parity.assert_matches(network(latents, time, cache), data["out.velocity_no_mask"])


@torch.no_grad()
def test_temporal_denoiser_keeps_samples_apart():
    """With its own time, each sample gives the same output as alone: this would reveal a wrong (b t) order."""
    network, data = temporal_denoiser()
    latents, frames = data["in.latents"], data["in.framestep"]
    time = torch.linspace(100.0, 900.0, len(latents))
    together = network(latents, time, network.prepare(data["in.context"], frames, latents.shape[2]), data["in.mask"])
    for i in range(len(latents)):
        one = slice(i, i + 1)
        cache = network.prepare(data["in.context"][one], frames[one], latents.shape[2])
        parity.assert_matches(network(latents[one], time[one], cache, data["in.mask"][one]), together[one])


@torch.no_grad()
def test_unconditional_branch_equals_zero_context():
    network, data = temporal_denoiser()
    latents, time, tokens = data["in.latents"], data["in.diffusion_time"], data["in.latents"].shape[2]
    zero = network.prepare(torch.zeros_like(data["in.context"]), data["in.framestep"], tokens)
    none = zero.unconditional()
    parity.assert_matches(network(latents, time, none), network(latents, time, zero), 1e-6)


@torch.no_grad()
def test_sampling():
    network, _ = temporal_denoiser()
    (name,) = [path.stem for path in parity.FOLDER.glob("sampling_*_steps.safetensors")]
    data, config = parity.read(name)
    latents, mask, frames = data["in.init_latents"], data["in.mask"], data["in.framestep"]
    conditional = network.prepare(data["in.context"], frames, latents.shape[2])
    unconditional = conditional.unconditional()
    branches = Branches(lambda x, t: network(x, t, conditional, mask), lambda x, t: network(x, t, unconditional, mask))
    schedule = temporal_schedule(config["num_inference_steps"], config["shift"])
    sampled = sample(branches, config["guidance_scale"], latents, schedule, Stage.MOTION, Progress(), known=mask)
    parity.assert_matches(sampled, data["out.latents"])
    parity.assert_matches(schedule.step_sizes, data["out.step_sizes"])
    assert torch.equal(sampled[mask.bool()], latents[mask.bool()])


@torch.no_grad()
def test_shape_vae():
    network, data = load(lambda config: ShapeVAE(ShapeVAEConfig.from_dict(config)), "triposg_vae")
    posterior = network.encode(data["in.surface"], data["in.token_indices"][None])
    parity.assert_matches(posterior.mean, data["out.posterior_mean"])
    parity.assert_matches(posterior.logvar, data["out.posterior_logvar"])
    field = network.query(data["in.query_points"], network.prepare(data["in.latents"]))
    parity.assert_matches(field, data["out.logits"])


@torch.no_grad()
def test_temporal_autoencoder():
    network, data = load(
        lambda config: TemporalAutoencoder(TemporalAutoencoderConfig.from_dict(config)), "temporal_autoencoder"
    )
    residual = TemporalAutoencoderConfig.from_dict({**network.config.to_dict(), "prediction_mode": "residual"})
    vertices, source = data["in.query"], data["in.source_alpha"]
    for i, target in enumerate(data["in.target_alphas"].flatten()):
        context = network.prepare_latents(data["in.latents"], data["in.framestep"], source, target[None])
        field = network.field(vertices, context, source, target[None])
        parity.assert_matches(field, data["out.field"][:, i])
        parity.assert_matches(network.place(vertices, field), data["out.vertices_direct"][:, i])
        network.config, direct = residual, network.config
        parity.assert_matches(network.place(vertices, field), data["out.vertices_residual"][:, i])
        network.config = direct


def test_schedules():
    data, _ = parity.read("schedules")
    for key, expected in data.items():
        part, shift_text, steps_text, quantity = _split(key)
        steps, shift = int(steps_text.removeprefix("steps")), float(shift_text.removeprefix("shift"))
        schedule = (image_to_3d_schedule if part == "image_to_3d" else temporal_schedule)(steps, shift)
        all_times = torch.cat([schedule.times, torch.tensor([schedule.final_time])])
        ours = {
            "sigmas": all_times / 1000,
            "timesteps": schedule.times if len(expected) == steps else all_times,
            "step_sizes": schedule.step_sizes,
        }[quantity]
        parity.assert_matches(ours, expected)


def _split(key: str) -> tuple[str, str, str, str]:
    """Split `temporal.shift3.0.steps15.timesteps` into its four parts (the shift itself has a dot)."""
    part, rest = key.split(".shift", 1)
    shift, rest = rest.split(".steps", 1)
    steps, quantity = rest.split(".", 1)
    return part, shift, steps, quantity


def test_windows():
    for row in json.loads((parity.FOLDER / "windows.json").read_text()):
        if "error" in row:  # the published code does not support this combination; ours may
            continue
        assert sliding_windows(row["total"], row["anchor"], row["size"], row["slide"]) == row["windows"], row


def test_actionbench_measures():
    data, _ = parity.read("actionbench_metrics")
    prediction, truth = data["in.pred"].numpy(), data["in.gt"].numpy()
    chamfer = [chamfer_distance(*frames) for frames in zip(prediction, truth, strict=True)]
    parity.assert_matches(torch.tensor(chamfer), data["out.chamfer_per_frame"])
    parity.assert_matches(torch.tensor([motion_chamfer(prediction, truth)]), data["out.motion_chamfer"])
