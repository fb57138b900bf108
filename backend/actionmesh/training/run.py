"""Train one part of a checkpoint from start to end, or from where it was stopped."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from transformers import Dinov2Model

from ..errors import InputError
from ..models.denoiser import ImageTo3DDenoiser, TemporalDenoiser, initialise_temporal_from_image_to_3d
from ..models.shape_vae import ShapeVAE
from ..models.temporal_autoencoder import TemporalAutoencoder
from ..sizes import SIZES, Sizes
from .devices import make_accelerator
from .draws import Draw, Seen, flow_draw, motion_draw, seen_draw, shape_draw
from .latent_cache import LatentCache
from .loop import Loop
from .objectives import (
    FrozenVAE,
    GeneratedMotionObjective,
    ImageTo3DObjective,
    MotionObjective,
    Objective,
    ShapeObjective,
    TemporalObjective,
)
from .parts import frozen_vae, latent_statistics, load_part, new_encoder, save_part, write_statistics
from .patches import PatchReader
from .recipes import PartRecipe, recipe_of
from .recomputing import recompute_blocks
from .sources import Source, open_source

if TYPE_CHECKING:
    from accelerate import Accelerator

    from .board import Board


@dataclass(frozen=True)
class Job:
    """One part to train: its recipe, its data, the folder of the run, and the accelerator.

    Args:
        latents: folder of latents encoded before, for the denoisers; None encodes them as needed.
        seed: seed of the networks' first weights.
    """

    part: str
    sizes: Sizes
    recipe: PartRecipe
    data: Path
    folder: Path
    accelerator: "Accelerator"
    latents: Path | None = None
    seed: int = 0

    @property
    def device(self) -> torch.device:
        return self.accelerator.device


@dataclass(frozen=True)
class Training:
    """The objective of a part, and the draw of its batches.

    Args:
        parts: the networks to save, by file name.
        after: called by the main process once they are saved.
    """

    objective: Objective
    draw: Draw[Any]
    parts: dict[str, nn.Module]
    after: Callable[[], None] = field(default=lambda: None)


def train(
    part: str,
    data: Path,
    folder: Path,
    sizes: str = "toy",
    recipe: PartRecipe | None = None,
    accelerator: "Accelerator | None" = None,
    latents: Path | None = None,
    board: "Board | None" = None,
) -> None:
    """Train `part` (a key of PARTS) on the sequences in `data`, and save it in `folder` as safetensors.

    Raises:
        InputError: there is no such part, or something that it needs is missing or cannot be used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    recipe = recipe or find_recipe(part, sizes)
    job = Job(part, SIZES[sizes], recipe, data, folder, accelerator or make_accelerator(), latents)
    training = prepare(job)
    if board and job.accelerator.is_main_process:
        board.watch(training.parts, job.folder, sizes, job.device)
    Loop(recipe.loop, training.objective, training.draw, folder, part, job.accelerator, board).run()
    if job.accelerator.is_main_process:
        for name, network in training.parts.items():
            save_part(network, folder, name)
        training.after()
    job.accelerator.wait_for_everyone()


def find_recipe(part: str, sizes: str) -> PartRecipe:
    """Return the recipe of a part; raise InputError if there is none."""
    try:
        return recipe_of(part, sizes)
    except KeyError as error:
        raise InputError(
            f"There is no recipe for {part!r} of the sizes {sizes!r}.", "See `training/recipes.py`."
        ) from error


def prepare(job: Job) -> Training:
    """Return a part's objective with its initial networks, the same in every process."""
    torch.manual_seed(job.seed)
    training = PARTS[job.part](job)
    if job.recipe.recompute:
        recompute_blocks(training.objective)
    return training


def train_vae(job: Job) -> Training:
    """Train the shape VAE, then measure the mean and deviation of its latents' channels."""
    return fit_vae(job, ShapeVAE(job.sizes.vae))


def finetune_vae(job: Job) -> Training:
    """Train the shape VAE further and measure its latents' statistics again."""
    return fit_vae(job, load_part(lambda: ShapeVAE(job.sizes.vae), job.folder, "vae"))


def finetune_vae_decoder(job: Job) -> Training:
    """Train only the shape VAE's decoder: latents mean what they meant, so the other parts remain valid."""
    vae = load_part(lambda: ShapeVAE(job.sizes.vae), job.folder, "vae")
    for encoding in (vae.encoder, vae.quant):
        encoding.requires_grad_(False)
    source = open_source(job.data, pictures=False)
    return Training(ShapeObjective(vae), shape_draw(source, job.recipe, job.sizes), {"vae": vae})


def fit_vae(job: Job, vae: ShapeVAE) -> Training:
    """Train a shape VAE on signed distances around single shapes."""
    source = open_source(job.data, pictures=False)

    def after() -> None:
        write_statistics(job.folder, latent_statistics(vae, source, job.sizes, job.device))

    return Training(ShapeObjective(vae), shape_draw(source, job.recipe, job.sizes), {"vae": vae}, after)


def train_image_to_3d(job: Job) -> Training:
    """Train the image-to-3D denoiser and the image encoder on single frames; the encoder also learns from patches."""
    return fit_image_to_3d(job, new_encoder(job.sizes, job.device), ImageTo3DDenoiser(job.sizes.image_to_3d))


def refit_image_to_3d(job: Job) -> Training:
    """Train only the image-to-3D denoiser, on the image encoder as Stage I's training left it."""
    denoiser = load_part(lambda: ImageTo3DDenoiser(job.sizes.image_to_3d), job.folder, "image_to_3d")
    return fit_image_to_3d(job, finished_encoder(job), denoiser)


def fit_image_to_3d(job: Job, encoder: Dinov2Model, denoiser: ImageTo3DDenoiser) -> Training:
    """Train an image-to-3D denoiser by flow matching of single frames' latents."""
    frozen, reader = frozen_vae(job.folder, job.sizes), encoder_task(job, encoder)
    objective = ImageTo3DObjective(denoiser, encoder, reader, frozen)
    draw = flow_draw(windows_of(job, frozen), job.recipe, job.sizes)
    return Training(objective, draw, {"image_to_3d": denoiser} | ({"encoder": encoder} if reader else {}))


def train_temporal(job: Job) -> Training:
    """Train the temporal denoiser, initialised from the image-to-3D one, and the image encoder."""
    image_to_3d = load_part(lambda: ImageTo3DDenoiser(job.sizes.image_to_3d), job.folder, "image_to_3d")
    denoiser = TemporalDenoiser(job.sizes.temporal)
    initialise_temporal_from_image_to_3d(denoiser, image_to_3d)
    return fit_temporal(job, denoiser)


def finetune_temporal(job: Job) -> Training:
    """Train the temporal denoiser further, with more pure noise: the bundled checkpoint samples in one step."""
    return fit_temporal(job, load_part(lambda: TemporalDenoiser(job.sizes.temporal), job.folder, "temporal"))


def fit_temporal(job: Job, denoiser: TemporalDenoiser) -> Training:
    """Train a temporal denoiser and the finished image encoder by flow matching over windows."""
    frozen, encoder = frozen_vae(job.folder, job.sizes), finished_encoder(job)
    reader = encoder_task(job, encoder)
    objective = TemporalObjective(denoiser, encoder, reader, frozen, job.recipe.relative)
    draw = flow_draw(windows_of(job, frozen), job.recipe, job.sizes)
    return Training(objective, draw, {"temporal": denoiser} | ({"encoder": encoder} if reader else {}))


def train_autoencoder(job: Job) -> Training:
    """Train the temporal autoencoder, initialised from the VAE's decoder, on true latents with some noise."""
    frozen, autoencoder = frozen_vae(job.folder, job.sizes), TemporalAutoencoder(job.sizes.autoencoder)
    initialise_autoencoder_from_vae(autoencoder, frozen.vae, frozen.mean, frozen.std)
    return fit_autoencoder(job, MotionObjective(autoencoder, frozen, job.recipe.relative))


def continue_autoencoder(job: Job) -> Training:
    """Train the temporal autoencoder further on true latents with some noise."""
    autoencoder = load_part(lambda: TemporalAutoencoder(job.sizes.autoencoder), job.folder, "autoencoder")
    return fit_autoencoder(job, MotionObjective(autoencoder, frozen_vae(job.folder, job.sizes), job.recipe.relative))


def finetune_autoencoder(job: Job) -> Training:
    """Train the temporal autoencoder further, on what Stage I generates from the pictures in one step."""
    autoencoder = load_part(lambda: TemporalAutoencoder(job.sizes.autoencoder), job.folder, "autoencoder")
    denoiser = load_part(lambda: TemporalDenoiser(job.sizes.temporal), job.folder, "temporal")
    frozen = frozen_vae(job.folder, job.sizes)
    seen = (denoiser, finished_encoder(job), frozen)
    return fit_autoencoder(job, GeneratedMotionObjective(autoencoder, *seen, job.recipe.relative), pictures=True)


def fit_autoencoder(job: Job, objective: MotionObjective, pictures: bool = False) -> Training:
    """Train a temporal autoencoder by the MSE from one source frame to some target frames."""
    source = open_source(job.data, pictures, job.sizes.preprocessing)
    return Training(objective, motion_draw(source, job.recipe, job.sizes), {"autoencoder": objective.autoencoder})


def finished_encoder(job: Job) -> Dinov2Model:
    return load_part(lambda: new_encoder(job.sizes, job.device), job.folder, "encoder")


def encoder_task(job: Job, encoder: Dinov2Model) -> PatchReader | None:
    """Return the image encoder's second task; if the encoder does not learn, freeze it and return None."""
    if job.recipe.learn_encoder:
        return PatchReader(job.sizes.encoder["hidden_size"])
    encoder.requires_grad_(False)
    return None


def windows_of(job: Job, frozen: FrozenVAE) -> Draw[Seen]:
    """Return the draw of the denoisers' windows, with or without latents encoded before."""
    source: Source = open_source(job.data, True, job.sizes.preprocessing)
    if job.latents is None:
        return seen_draw(source, job.recipe, job.sizes)
    return LatentCache.open(job.latents, frozen.vae, source, job.sizes).seen_draw(job.recipe)


def initialise_autoencoder_from_vae(autoencoder: TemporalAutoencoder, vae: ShapeVAE, mean: Tensor, std: Tensor) -> None:
    """Initialise the autoencoder with the VAE decoder's first self-attention blocks and its cross-attention block.

    The latents' normalisation is folded into the first linear layer. The output starts at zero: with "residual"
    prediction nothing moves.
    """
    for own, block in zip(autoencoder.blocks[:-1], vae.decoder.blocks[:-1], strict=False):
        own.load_state_dict(block.state_dict())
    autoencoder.blocks[-1].load_state_dict(vae.decoder.blocks[-1].state_dict())
    autoencoder.norm_out.load_state_dict(vae.decoder.norm_out.state_dict())
    with torch.no_grad():
        autoencoder.post_quant.weight.copy_(vae.post_quant.weight * std)
        autoencoder.post_quant.bias.copy_(
            vae.post_quant.bias + vae.post_quant.weight @ mean.expand(vae.config.latent_channels)
        )
        shared = vae.decoder.proj_query.in_features
        autoencoder.proj_query.weight[:, :shared].copy_(vae.decoder.proj_query.weight)
        for parameter in autoencoder.proj_out.parameters():
            parameter.zero_()


PARTS: dict[str, Callable[[Job], Training]] = {
    "vae": train_vae,
    "finetune_vae": finetune_vae,
    "finetune_vae_decoder": finetune_vae_decoder,
    "image_to_3d": train_image_to_3d,
    "temporal": train_temporal,
    "finetune_temporal": finetune_temporal,
    "autoencoder": train_autoencoder,
    "continue_autoencoder": continue_autoencoder,
    "refit_image_to_3d": refit_image_to_3d,
    "finetune_autoencoder": finetune_autoencoder,
}
