"""A checkpoint on unseen toys: shape VAE, image-to-3D, and the true first-frame mesh animated from rendered frames.

python -m actionmesh.evaluation.unseen CHECKPOINT --output docs/unseen_toys.json
"""

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ..errors import MeshError
from ..geometry.mesh import Mesh
from ..geometry.surface import sample_surface
from ..presets import Preset
from ..progress import Progress
from ..stages.correspondence import animate_vertices
from ..stages.motion import synchronised_latents
from ..stages.pictures import encode_frames
from ..stages.reference import Reference, decode_mesh, latent_from_picture, reference_from_mesh
from ..training.data import render_toy
from ..training.toys import ToySequence, make_sequence
from ..weights.store import ModelStore
from .measures import chamfer_distance, vertex_error, volume_iou

FIRST_SEED = 0
QUERIES = 20_000
POINTS = 10_000
QUIET = Progress()


@dataclass(frozen=True)
class Row:
    """Measures of one toy.

    Args:
        iou: volume IoU of the VAE's field and the exact body, in the padded box of the first frame.
        error, still, other: mean vertex error of the animated mesh, of the still mesh, and of the mesh animated from another toy's
            frames.
        chamfer_vae, chamfer_image, chamfer_random: Chamfer distance to the true first-frame surface of the VAE's own mesh, of
            image-to-3D's mesh, and of another toy's true surface; None where no surface came out.
    """

    template: str
    seed: int
    iou: float
    error: float
    still: float
    other: float
    chamfer_vae: float | None
    chamfer_image: float | None
    chamfer_random: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--count", type=int, default=32)
    parser.add_argument("--preset", default="demo")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    summary = evaluate(ModelStore(arguments.checkpoint), arguments.preset, arguments.count)
    text = json.dumps(summary, indent=2)
    print(text)
    if arguments.output:
        arguments.output.write_text(text + "\n", encoding="utf-8")


def evaluate(store: ModelStore, preset_name: str, count: int) -> dict:
    """All measures over `count` unseen toys: means, ratios of means, and by template."""
    preset = store.preset(preset_name)
    toys = [make_sequence(FIRST_SEED + i) for i in range(count)]
    contexts = [encode_frames(render_toy(toy), store, QUIET) for toy in toys]
    rows = [measure(toys[i], toys[i - 1], contexts[i], contexts[i - 1], store, preset) for i in tqdm(range(count), "unseen toys")]
    templates = sorted({row.template for row in rows})
    return {
        "checkpoint": store.checkpoint.name,
        "preset": preset_name,
        "all": summarise(rows),
        "templates": {name: summarise([row for row in rows if row.template == name]) for name in templates},
        "rows": [asdict(row) for row in rows],
    }


def summarise(rows: list[Row]) -> dict[str, float | int]:
    """Means over rows; errors as ratios of means, since nearly still toys have no ratio of their own."""
    still = np.mean([row.still for row in rows])
    return {
        "toys": len(rows),
        "iou": float(np.mean([row.iou for row in rows])),
        "error_of_still": float(np.mean([row.error for row in rows]) / still),
        "other_frames_of_still": float(np.mean([row.other for row in rows]) / still),
        "better_than_still": float(np.mean([row.error < row.still for row in rows])),
        **{name: _mean_of(rows, name) for name in ("chamfer_vae", "chamfer_image", "chamfer_random")},
        "no_surface": sum(row.chamfer_image is None for row in rows),
    }


def _mean_of(rows: list[Row], name: str) -> float:
    values = [getattr(row, name) for row in rows if getattr(row, name) is not None]
    return float(np.mean(values)) if values else float("nan")


def measure(toy: ToySequence, other: ToySequence, context: Tensor, other_context: Tensor, store: ModelStore, preset: Preset) -> Row:
    """One toy; `other` lends its frames and its shape."""
    reference = reference_from_mesh(Mesh(toy.vertices[0], toy.faces), store, toy.seed)
    truth = surface_points(toy)
    drawn = latent_from_picture(context[0], store, preset, toy.seed, QUIET)
    return Row(
        template=toy.template,
        seed=toy.seed,
        iou=reconstruction_iou(toy, reference, store),
        error=vertex_error(animated(reference, context, store, preset), toy.vertices),
        still=vertex_error(toy.vertices[:1], toy.vertices),
        other=vertex_error(animated(reference, other_context, store, preset), toy.vertices),
        chamfer_vae=mesh_chamfer(reference.latent, truth, store, preset),
        chamfer_image=mesh_chamfer(drawn, truth, store, preset),
        chamfer_random=chamfer_distance(surface_points(other), truth),
    )


def animated(reference: Reference, context: Tensor, store: ModelStore, preset: Preset) -> np.ndarray:
    """The reference mesh (frame 0) through Stages I and II: vertices (T, V, 3)."""
    latents = synchronised_latents({0: reference.latent}, 0, context, store, preset, 0, QUIET)
    times = [float(frame) for frame in range(len(context))]
    return animate_vertices(reference, latents, 0, times, True, store, QUIET)


@torch.no_grad()
def reconstruction_iou(toy: ToySequence, reference: Reference, store: ModelStore) -> float:
    """Volume IoU of the VAE's field and the exact body in the first frame's box, padded by a tenth."""
    low, high = toy.vertices[0].min(0), toy.vertices[0].max(0)
    pad = 0.1 * (high - low).max()
    rng = np.random.default_rng(toy.seed)
    queries = torch.from_numpy(rng.uniform(low - pad, high + pad, (QUERIES, 3)).astype(np.float32))
    vae = store.shape_vae
    field = vae.query(queries[None].to(store.device), vae.prepare(store.denormalise(reference.latent[None].to(store.device))))
    inside = (field[0, :, 0] > 0).cpu().numpy()
    return volume_iou(inside, (toy.body.signed_distance(queries, 0) < 0).numpy())


def mesh_chamfer(latent: Tensor, truth: np.ndarray, store: ModelStore, preset: Preset) -> float | None:
    """Chamfer distance of a latent's mesh to the true surface points; None when it has no surface."""
    try:
        vertices, faces = decode_mesh(latent, store, preset, QUIET)
    except MeshError:
        return None
    return chamfer_distance(sample_surface(vertices, faces, POINTS, 0).points, truth)


def surface_points(toy: ToySequence) -> np.ndarray:
    """(POINTS, 3) of the true first-frame surface."""
    return sample_surface(toy.vertices[0], toy.faces, POINTS, 1).points


if __name__ == "__main__":
    main()
