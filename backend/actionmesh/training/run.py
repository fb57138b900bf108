"""One part of the checkpoint, trained from start to end (or from where it was stopped)."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import Dinov2Config, Dinov2Model

from ..models.denoiser import ImageTo3DDenoiser, TemporalDenoiser, initialise_temporal_from_image_to_3d
from ..models.image_encoder import encode_images
from ..models.shape_vae import ShapeVAE
from ..models.temporal_autoencoder import TemporalAutoencoder
from ..weights.load import check_tensors, read_tensors
from .batches import Seen, Windows, choose_tokens, draw_known, encode_windows, patches_of, shapes, windows
from .data import FRAMES, ToyData
from .loop import Loop
from .losses import Surfaces, autoencoder_loss, image_to_3d_loss, temporal_loss, vae_loss
from .patches import Patches, PatchReader
from .recipes import RECIPES, SIZES, PartRecipe, Sizes

KL_WEIGHT = 1e-3
PATCH_WEIGHT = 0.3
QUERIES = 512


@dataclass(frozen=True)
class Job:
    """Where one part finds its data and the parts before it, and where it is put."""

    sizes: Sizes
    recipe: PartRecipe
    data: Path
    folder: Path
    seed: int = 0


def train(part: str, data: Path, folder: Path, sizes: str = "toy", recipe: PartRecipe | None = None) -> None:
    """Trains `part` (a key of RECIPES) on the shards in `data`; finished parts lie in `folder` as safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    job = Job(SIZES[sizes], recipe or RECIPES[part], data, folder)
    PARTS[part](job)


def train_vae(job: Job) -> None:
    """The shape VAE, then the mean and deviation of its latents' channels."""
    torch.manual_seed(job.seed)
    sizes, data, vae = job.sizes, ToyData.load(job.data, pictures=False), ShapeVAE(job.sizes.vae)

    def draw(generator: torch.Generator) -> Surfaces:
        return shapes(data, job.recipe.batch, sizes.points, sizes.tokens, QUERIES, generator)

    def losses_of(batch: Surfaces, generator: torch.Generator) -> dict[str, Tensor]:
        return vae_loss(vae, batch, KL_WEIGHT, generator)

    Loop(job.recipe.loop, vae, job.folder, "vae").run(draw, losses_of)
    save_part(vae, job.folder, "vae")
    statistics = latent_statistics(vae, data, sizes)
    (job.folder / "latents.json").write_text(json.dumps(statistics))


def train_image_to_3d(job: Job) -> None:
    """The image-to-3D denoiser together with the image encoder, on single frames; the encoder also reads patches."""
    torch.manual_seed(job.seed)
    encoder = new_encoder(job.sizes)
    fit_image_to_3d(job, encoder, ImageTo3DDenoiser(job.sizes.image_to_3d), "image_to_3d")
    save_part(encoder, job.folder, "encoder")


def refit_image_to_3d(job: Job) -> None:
    """The image-to-3D denoiser alone, on the image encoder as Stage I's training left it."""
    encoder, denoiser = new_encoder(job.sizes), ImageTo3DDenoiser(job.sizes.image_to_3d)
    load_part(encoder, job.folder, "encoder")
    load_part(denoiser, job.folder, "image_to_3d")
    encoder.requires_grad_(False)
    fit_image_to_3d(job, encoder, denoiser, "refit_image_to_3d")


def fit_image_to_3d(job: Job, encoder: Dinov2Model, denoiser: ImageTo3DDenoiser, name: str) -> None:
    """Flow matching of both networks, or of the one that asks for gradients."""
    sizes, data, vae = job.sizes, ToyData.load(job.data), finished_vae(job)
    mean, std = read_statistics(job.folder)
    reader = PatchReader(sizes.encoder["hidden_size"]) if learns(encoder) else None

    def draw(generator: torch.Generator) -> Seen:
        return seen_windows(data, job.recipe, sizes, generator)

    def losses_of(batch: Seen, generator: torch.Generator) -> dict[str, Tensor]:
        latents = encode_windows(vae, batch.windows, mean, std, generator)[:, 0]
        context = encode_images(encoder, batch.windows.pictures[:, 0])
        losses = image_to_3d_loss(denoiser, latents, context, generator, job.recipe.pure_noise)
        return with_patches(losses, reader, context, batch.patches) if reader else losses

    networks = nn.ModuleDict({"encoder": encoder, "denoiser": denoiser} | ({"reader": reader} if reader else {}))
    Loop(job.recipe.loop, networks, job.folder, name).run(draw, losses_of)
    save_part(denoiser, job.folder, "image_to_3d")


def train_temporal(job: Job) -> None:
    """The temporal denoiser, from the image-to-3D one, together with the image encoder."""
    torch.manual_seed(job.seed)
    image_to_3d, denoiser = ImageTo3DDenoiser(job.sizes.image_to_3d), TemporalDenoiser(job.sizes.temporal)
    load_part(image_to_3d, job.folder, "image_to_3d")
    initialise_temporal_from_image_to_3d(denoiser, image_to_3d)
    fit_temporal(job, denoiser, "temporal")


def finetune_temporal(job: Job) -> None:
    """The temporal denoiser goes on, mostly from pure noise: the bundled checkpoint samples in one step."""
    denoiser = TemporalDenoiser(job.sizes.temporal)
    load_part(denoiser, job.folder, "temporal")
    fit_temporal(job, denoiser, "finetune_temporal")


def fit_temporal(job: Job, denoiser: TemporalDenoiser, name: str) -> None:
    """Flow matching over windows, of the denoiser and of the image encoder that was trained before."""
    sizes, data, vae = job.sizes, ToyData.load(job.data), finished_vae(job)
    mean, std = read_statistics(job.folder)
    encoder = new_encoder(sizes)
    load_part(encoder, job.folder, "encoder")
    reader = PatchReader(sizes.encoder["hidden_size"])

    def draw(generator: torch.Generator) -> Seen:
        return seen_windows(data, job.recipe, sizes, generator)

    def losses_of(batch: Seen, generator: torch.Generator) -> dict[str, Tensor]:
        latents = encode_windows(vae, batch.windows, mean, std, generator)
        tokens = encode_images(encoder, batch.windows.pictures.flatten(0, 1))
        context = tokens.unflatten(0, latents.shape[:2])
        known = draw_known(len(latents), job.recipe.frames, generator)
        times = batch.windows.frame_times
        losses = temporal_loss(denoiser, latents, context, times, known, generator, job.recipe.pure_noise)
        return with_patches(losses, reader, tokens, batch.patches)

    networks = nn.ModuleDict({"encoder": encoder, "denoiser": denoiser, "reader": reader})
    Loop(job.recipe.loop, networks, job.folder, name).run(draw, losses_of)
    save_part(encoder, job.folder, "encoder")
    save_part(denoiser, job.folder, "temporal")


def seen_windows(data: ToyData, recipe: PartRecipe, sizes: Sizes, generator: torch.Generator) -> Seen:
    """Random windows, and what the patches of their pictures show."""
    batch = windows(data, recipe.batch, recipe.frames, sizes.points, sizes.tokens, generator)
    return Seen(batch, patches_of(data, batch, sizes.encoder["image_size"] // sizes.encoder["patch_size"]))


def with_patches(losses: dict[str, Tensor], reader: PatchReader, tokens: Tensor, patches: Patches) -> dict[str, Tensor]:
    """Adds the image encoder's second task to the losses."""
    loss = reader.loss(tokens, patches)
    return {"loss": losses["loss"] + PATCH_WEIGHT * loss, "flow": losses["loss"], "patches": loss}


def learns(network: nn.Module) -> bool:
    return any(parameter.requires_grad for parameter in network.parameters())


def train_autoencoder(job: Job) -> None:
    """The temporal autoencoder, from the VAE's decoder, on true latents with some noise."""
    torch.manual_seed(job.seed)
    autoencoder = TemporalAutoencoder(job.sizes.autoencoder)
    initialise_autoencoder_from_vae(autoencoder, finished_vae(job), *read_statistics(job.folder))
    fit_autoencoder(job, autoencoder, "autoencoder", lambda batch, latents, source, generator: latents)


def finetune_autoencoder(job: Job) -> None:
    """The temporal autoencoder goes on, on what Stage I makes of the pictures in one step."""
    autoencoder = TemporalAutoencoder(job.sizes.autoencoder)
    encoder, denoiser = new_encoder(job.sizes), TemporalDenoiser(job.sizes.temporal)
    for network, name in ((autoencoder, "autoencoder"), (encoder, "encoder"), (denoiser, "temporal")):
        load_part(network, job.folder, name)

    @torch.no_grad()
    def generated(batch, latents: Tensor, source: Tensor, generator: torch.Generator) -> Tensor:
        known = torch.nn.functional.one_hot(source, latents.shape[1]).float()
        context = encode_images(encoder, batch.pictures.flatten(0, 1)).unflatten(0, latents.shape[:2])
        noise = torch.randn(latents.shape, generator=generator)
        noisy = torch.where(known[..., None, None].bool(), latents, noise)
        cache = denoiser.prepare(context, batch.frame_times, latents.shape[2])
        velocity = denoiser(noisy, torch.full((len(latents),), 1000.0), cache, known, batch.frame_times)
        return torch.where(known[..., None, None].bool(), latents, noise + velocity.float())

    fit_autoencoder(job, autoencoder, "finetune_autoencoder", generated)


def fit_autoencoder(job: Job, autoencoder: TemporalAutoencoder, name: str, inputs) -> None:
    """MSE from one source frame to three target frames; `inputs` makes the latents that are seen from the true ones."""
    sizes, data, vae = job.sizes, ToyData.load(job.data, pictures=name.startswith("finetune")), finished_vae(job)
    mean, std = read_statistics(job.folder)

    def draw(generator: torch.Generator) -> Windows:
        return windows(data, job.recipe.batch, job.recipe.frames, sizes.points, sizes.tokens, generator)

    def losses_of(batch: Windows, generator: torch.Generator) -> dict[str, Tensor]:
        count, frames = batch.tracks.shape[:2]
        source = torch.randint(frames, (count,), generator=generator)
        targets = torch.randint(frames, (count, 3), generator=generator)
        latents = inputs(batch, encode_windows(vae, batch, mean, std, generator), source, generator)
        is_source = torch.nn.functional.one_hot(source, frames)[..., None, None]
        noise = 0.3 * torch.rand(count, 1, 1, 1, generator=generator) * torch.randn(latents.shape, generator=generator)
        latents = latents + noise * (1 - is_source)
        return autoencoder_loss(autoencoder, latents, batch.frame_times, source, targets, batch.tracks[:, :, : QUERIES // 2])

    Loop(job.recipe.loop, autoencoder, job.folder, name).run(draw, losses_of)
    save_part(autoencoder, job.folder, "autoencoder")


def initialise_autoencoder_from_vae(autoencoder: TemporalAutoencoder, vae: ShapeVAE, mean: Tensor, std: Tensor) -> None:
    """Copies the VAE decoder's first self-attention blocks and its cross-attention block, with the latents' normalisation
    folded into the first linear.

    The output starts at zero: nothing moves.
    """
    for own, block in zip(autoencoder.blocks[:-1], vae.decoder.blocks[:-1], strict=False):
        own.load_state_dict(block.state_dict())
    autoencoder.blocks[-1].load_state_dict(vae.decoder.blocks[-1].state_dict())
    autoencoder.norm_out.load_state_dict(vae.decoder.norm_out.state_dict())
    with torch.no_grad():
        autoencoder.post_quant.weight.copy_(vae.post_quant.weight * std)
        autoencoder.post_quant.bias.copy_(vae.post_quant.bias + vae.post_quant.weight @ mean)
        shared = vae.decoder.proj_query.in_features
        autoencoder.proj_query.weight[:, :shared].copy_(vae.decoder.proj_query.weight)
        for parameter in autoencoder.proj_out.parameters():
            parameter.zero_()


def latent_statistics(vae: ShapeVAE, data: ToyData, sizes: Sizes) -> dict[str, list[float]]:
    """Mean and deviation of every latent channel over 512 shapes."""
    generator = torch.Generator().manual_seed(1)
    rows = torch.randint(len(data), (512,), generator=generator)
    frames = torch.randint(FRAMES, (512,), generator=generator)
    surface = torch.cat([data.points[rows, frames].float(), data.normals[rows, frames].float()], dim=-1)[:, : sizes.points]
    with torch.no_grad():
        latents = vae.encode(surface, choose_tokens(surface[..., :3], sizes.tokens, generator)).mean.flatten(0, 1)
    return {"mean": latents.mean(0).tolist(), "std": latents.std(0).tolist()}


def read_statistics(folder: Path) -> tuple[Tensor, Tensor]:
    values = json.loads((folder / "latents.json").read_text())
    return torch.tensor(values["mean"]), torch.tensor(values["std"])


def new_encoder(sizes: Sizes) -> Dinov2Model:
    """With attention written out, whose backward pass is the faster one on a CPU."""
    encoder = Dinov2Model(Dinov2Config(**sizes.encoder))
    encoder.set_attn_implementation("eager")
    return encoder.train()


def finished_vae(job: Job) -> ShapeVAE:
    vae = ShapeVAE(job.sizes.vae)
    load_part(vae, job.folder, "vae")
    return vae.requires_grad_(False)


def save_part(network: nn.Module, folder: Path, name: str) -> None:
    part = folder / f"{name}.part"
    save_file({key: value.detach().contiguous() for key, value in network.state_dict().items()}, part)
    part.replace(folder / f"{name}.safetensors")


def load_part(network: nn.Module, folder: Path, name: str) -> None:
    tensors = read_tensors(folder / f"{name}.safetensors")
    check_tensors(network.state_dict(), tensors, name)
    network.load_state_dict(tensors)


PARTS = {
    "vae": train_vae,
    "image_to_3d": train_image_to_3d,
    "temporal": train_temporal,
    "finetune_temporal": finetune_temporal,
    "autoencoder": train_autoencoder,
    "refit_image_to_3d": refit_image_to_3d,
    "finetune_autoencoder": finetune_autoencoder,
}
