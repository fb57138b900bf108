"""Make pictures of unseen toys during a training, with the parts that exist so far."""

from collections.abc import Iterable

import numpy as np
from torch import Tensor

from ..errors import MeshError
from ..geometry.mesh import Mesh
from ..media.render import Camera, render, render_frames
from ..presets import Preset
from ..protocol import ReferencePose
from ..stages.correspondence import animate_vertices
from ..stages.motion import synchronised_latents
from ..stages.pictures import encode_frames
from ..stages.reference import Reference, decode_mesh, latent_from_picture, reference_from_mesh
from ..stages.run import Run
from ..toys import ToySequence, make_sequence
from ..toys.rendering import render_toy
from .live_model import LiveModel

SHOWN, CELL = 6, 128
"""Frames in a strip, and the side of each in pixels."""
CAMERA = Camera(half_extent=1.05)


def strip(seed: int, model: LiveModel, preset: Preset) -> np.ndarray:
    """Return a picture (H, W, 3) uint8 with up to four rows.

    The rows are the input; the first frame through the shape VAE; image-to-3D of the first frame; and the first frame's
    mesh animated by the frames, or Stage I's shape of each frame while there is no Stage II. Rows whose parts do not
    exist are left out.

    Args:
        seed: seed of the toy, under a million.
        preset: settings of the stages.
    """
    toy = make_sequence(seed)
    seen = render_toy(toy)
    shown = np.linspace(0, len(seen) - 1, SHOWN).round().astype(int)
    rows = [render_toy(toy, CELL)[shown], *made_rows(toy, seen, shown, model, preset)]
    return np.concatenate([np.concatenate(list(cells(row)), axis=1) for row in rows])


def made_rows(
    toy: ToySequence, seen: np.ndarray, shown: np.ndarray, model: LiveModel, preset: Preset
) -> Iterable[np.ndarray]:
    """Yield rows of up to SHOWN pictures (h, w, 4)."""
    run, has = Run.of(model), model.networks.has
    if not has("vae"):
        return
    reference = reference_from_mesh(run, Mesh(toy.vertices[0], toy.faces), toy.seed)
    yield decoded(run, reference.latent[None], preset)
    if not has("encoder"):
        return
    context = encode_frames(run, seen)
    if has("image_to_3d"):
        yield decoded(run, latent_from_picture(run, context[0], preset, toy.seed)[None], preset)
    if has("temporal"):
        latents = synchronised_latents(run, {0: reference.latent}, 0, context, preset, toy.seed)
        with_mesh = has("autoencoder")
        yield animated(run, toy, reference, latents, shown) if with_mesh else decoded(run, latents[shown], preset)


def animated(run: Run, toy: ToySequence, reference: Reference, latents: Tensor, shown: np.ndarray) -> np.ndarray:
    """Render the toy's own mesh, animated by Stage II."""
    times = [float(frame) for frame in range(len(latents))]
    vertices = animate_vertices(run, reference, latents, 0, times, ReferencePose.CORRECTED)
    return render_frames(vertices[shown], toy.faces, toy.colours, CAMERA, CELL)


def decoded(run: Run, latents: Tensor, preset: Preset) -> np.ndarray:
    """Render the mesh of each latent; blank if it has no surface."""
    return np.stack([picture_of(run, latent, preset) for latent in latents])


def picture_of(run: Run, latent: Tensor, preset: Preset) -> np.ndarray:
    try:
        vertices, faces = decode_mesh(run, latent, preset)
    except MeshError:
        return np.zeros((CELL, CELL, 4), np.uint8)
    return render(vertices, faces, None, CAMERA, CELL)


def cells(row: np.ndarray) -> Iterable[np.ndarray]:
    """Yield SHOWN pictures (CELL, CELL, 3) on white of a row (n, CELL, CELL, 4), blank after its last."""
    for i in range(SHOWN):
        picture = row[i] if i < len(row) else np.zeros((CELL, CELL, 4), np.uint8)
        alpha = picture[..., 3:] / 255
        yield (picture[..., :3] * alpha + 255 * (1 - alpha)).round().astype(np.uint8)
