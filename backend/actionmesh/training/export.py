"""Export the trained parts of a run as a checkpoint folder, in the public layout and half precision, and unpack it."""

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import Dinov2Config

from ..models.config import JsonConfig
from ..sampling.approximation import FULL_INTERVAL, Approximation
from ..sizes import SIZES, Sizes
from ..weights.checkpoints import Settings, open_checkpoint
from ..weights.load import read_tensors
from ..weights.names import encoder_name, our_name, their_name
from ..weights.parts import ACTIONMESH_WEIGHTS, TRIPOSG_WEIGHTS
from .parts import read_statistics, write_statistics

EXTENT = 0.75
"""Half the longest side of a toy's first frame: the size of the reference shape in training."""
SAMPLING = {
    "image_guidance": 2.0,
    "steps": 1,
    "guidance": 1.0,
    **asdict(Approximation()),
    "guidance_interval": list(FULL_INTERVAL),
}
"""Sampling settings of every preset. The motion takes one step, so there is nothing to approximate."""
SMALLEST_PART_OF_TOYS = 0.1
"""A network trained on toys alone leaves loose lumps next to an unfamiliar subject."""
PRESETS = {
    "demo": {"image_steps": 16, **SAMPLING, "resolution": 96, "max_faces": 20_000},
    "fast": {"image_steps": 16, **SAMPLING, "resolution": 128, "max_faces": 40_000},
    "balanced": {"image_steps": 32, **SAMPLING, "resolution": 192, "max_faces": 40_000},
    "quality": {"image_steps": 32, **SAMPLING, "resolution": 192, "max_faces": 40_000},
}
LICENCE = (
    "GPL-3.0-or-later, trained by this project on procedural data and on characters in the public domain (CC0); "
    "results are yours, commercial use included"
)


def export(run: Path, folder: Path, sizes_name: str = "toy") -> None:
    """Write the finished parts in `run` to `folder` as a checkpoint.

    Raises:
        CheckpointError: a part is not finished, or its file is damaged.
    """
    triposg, actionmesh = folder / "TripoSG", folder / "ActionMesh"
    write_weights(triposg / "transformer" / TRIPOSG_WEIGHTS, theirs(read_tensors(run / "image_to_3d.safetensors")))
    write_weights(triposg / "vae" / TRIPOSG_WEIGHTS, theirs(read_tensors(run / "vae.safetensors")))
    write_weights(triposg / "image_encoder_dinov2" / ACTIONMESH_WEIGHTS, read_tensors(run / "encoder.safetensors"))
    write_weights(actionmesh / "denoiser" / ACTIONMESH_WEIGHTS, read_tensors(run / "temporal.safetensors"))
    write_weights(actionmesh / "autoencoder" / ACTIONMESH_WEIGHTS, read_tensors(run / "autoencoder.safetensors"))
    write_configs(run, folder, sizes_name)


def write_configs(run: Path, folder: Path, sizes_name: str) -> None:
    """Write everything in a checkpoint except its weights; without statistics in `run`, latents are not normalised."""
    sizes = SIZES[sizes_name]
    write_public_configs(folder, sizes)
    mean, std = read_statistics(run)
    settings = Settings(
        latent_mean=tuple(mean.tolist()),
        latent_std=tuple(std.tolist()),
        reference_extent=EXTENT,
        surface_points=sizes.points,
        toys_only=sizes_name == "toy",
        presets=presets_of(sizes_name),
        licence=Settings.licence if sizes_name == "full" else LICENCE,
    )
    write_json(folder / "checkpoint.json", asdict(settings))


def presets_of(sizes_name: str) -> dict[str, dict]:
    """Return what a checkpoint of these sizes overrides in each preset; the full size runs as published."""
    if sizes_name == "full":
        return {}
    own = {"smallest_part": SMALLEST_PART_OF_TOYS} if sizes_name == "toy" else {}
    return {name: values | own for name, values in PRESETS.items()}


def write_public_configs(folder: Path, sizes: Sizes) -> None:
    """Write the configurations that a public checkpoint also has."""
    triposg, actionmesh = folder / "TripoSG", folder / "ActionMesh"
    write_config(triposg / "transformer", sizes.image_to_3d)
    write_config(triposg / "vae", sizes.vae)
    write_config(actionmesh / "denoiser", sizes.temporal)
    write_config(actionmesh / "autoencoder", sizes.autoencoder)
    encoder = {"model_type": "dinov2", **Dinov2Config(**sizes.encoder).to_diff_dict()}
    write_json(triposg / "image_encoder_dinov2" / "config.json", encoder)
    write_json(triposg / "scheduler" / "scheduler_config.json", {"num_train_timesteps": 1000, "shift": 1.0})
    write_json(triposg / "feature_extractor_dinov2" / "preprocessor_config.json", sizes.preprocessing.to_dict())


def unpack(folder: Path, run: Path) -> None:
    """Turn a checkpoint that `export` wrote back into a run, so that its training can continue."""
    run.mkdir(parents=True, exist_ok=True)
    checkpoint = open_checkpoint(folder)
    weights = {
        "vae": checkpoint.shape_vae / TRIPOSG_WEIGHTS,
        "encoder": checkpoint.image_encoder / ACTIONMESH_WEIGHTS,
        "image_to_3d": checkpoint.image_to_3d / TRIPOSG_WEIGHTS,
        "temporal": checkpoint.temporal_denoiser / ACTIONMESH_WEIGHTS,
        "autoencoder": checkpoint.temporal_autoencoder / ACTIONMESH_WEIGHTS,
    }
    for name, path in weights.items():
        tensors = read_tensors(path, encoder_name if name == "encoder" else our_name)
        save_file({key: tensor.float().contiguous() for key, tensor in tensors.items()}, run / f"{name}.safetensors")
    settings = checkpoint.settings
    write_statistics(run, {"mean": list(settings.latent_mean), "std": list(settings.latent_std)})


def write_config(folder: Path, config: JsonConfig) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    config.save(folder / "config.json")


def write_weights(path: Path, tensors: dict[str, Tensor]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.to(torch.float16).contiguous() for name, tensor in tensors.items()}, path)


def write_json(path: Path, values: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def theirs(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors under TripoSG's names."""
    return {their_name(name): tensor for name, tensor in tensors.items()}
