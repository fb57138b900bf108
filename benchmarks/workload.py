"""What the full-size benchmark computes: synthetic inputs of the published sizes, and the five stages as the product runs them.

Random weights do the same arithmetic as trained ones, but the field that they decode is noise. So the decoded shape is a
torus, to which the network's answer is added zero times: every query is computed, and the surface is one. The reference
mesh of Stage II is the same torus, with 20 000 vertices and 40 000 faces.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor

from actionmesh.geometry.cleanup import clean_up
from actionmesh.geometry.mesh import Mesh
from actionmesh.models.attention import KeysValues
from actionmesh.models.shape_vae import ShapeVAE
from actionmesh.presets import Preset
from actionmesh.progress import Progress
from actionmesh.protocol import ReferencePose
from actionmesh.stages.correspondence import animate_vertices
from actionmesh.stages.motion import synchronised_latents
from actionmesh.stages.pending_reference import PendingReference
from actionmesh.stages.pictures import encode_frames
from actionmesh.stages.reference import Reference, decode_surface, latent_from_picture, reference_in_model_space

TOKENS, IMAGE, DECODE = "image tokens", "image-to-3D", "decode and extract"
MOTION, CLEAN_UP, CORRESPONDENCE = "Stage I", "clean-up", "Stage II"
STAGES = (TOKENS, IMAGE, DECODE, CLEAN_UP, MOTION, CORRESPONDENCE)
"""The mesh is cleaned up while Stage I runs; what is left of that afterwards is a stage here. On the CPU, where that would be a
part of Stage I's processor time, it is waited for first, and is the whole of it."""
RING, TUBE = 0.62, 0.3
"""Radii of the torus, which lies in the plane y = 0 of model space."""
SEED = 0
CAN_DECIMATE = find_spec("fast_simplification") is not None

Around = Callable[[str], AbstractContextManager[Any]]
"""What happens around the stage of some name: it is measured, or its operations are counted."""


@dataclass(frozen=True)
class Workload:
    """How much there is to do.

    Args:
        frames: T of the whole clip.
        pixels: of a side of a picture.
        rings, segments: of the reference mesh, which has rings * segments vertices and twice as many faces.
    """

    frames: int
    pixels: int = 512
    rings: int = 200
    segments: int = 100


def run_stages(store: Any, preset: Preset, workload: Workload, around: Around) -> np.ndarray:
    """Runs the stages one after the other, each within `around(stage)`; returns the animation's vertices (T, V, 3).

    Args:
        store: a ModelStore, or what answers as one.
    """
    progress, anchor = Progress(), 0
    with around(TOKENS):
        context = encode_frames(pictures(workload), store, progress)
    with around(IMAGE):
        latent = latent_from_picture(context[anchor], store, preset, SEED, progress)
    with around(DECODE):
        surface = decode_surface(latent, store, preset, progress)
    with PendingReference(latent, cleaned_up(latent, surface, preset), progress) as pending:
        if store.device.type == "cpu":
            with around(CLEAN_UP):
                pending.ready()
        with around(MOTION):
            latents = synchronised_latents({anchor: latent}, anchor, context, store, preset, SEED, progress)
        if store.device.type != "cpu":
            with around(CLEAN_UP):
                pending.ready()
    reference = reference_in_model_space(latent, torus_mesh(workload.rings, workload.segments))
    times = [float(frame) for frame in range(workload.frames)]
    with around(CORRESPONDENCE):
        return animate_vertices(reference, latents, anchor, times, ReferencePose.DECODED, store, progress)


def cleaned_up(latent: Tensor, surface: tuple[np.ndarray, np.ndarray], preset: Preset) -> Callable[..., Reference]:
    """What cleans a surface up in a thread; leaves it as it is where the library that decimates is not installed."""

    def finish(check: Callable[[], None]) -> Reference:
        mesh = clean_up(*surface, preset.max_faces, preset.smallest_part, check=check) if CAN_DECIMATE else surface
        return reference_in_model_space(latent, Mesh(*mesh))

    return finish


def pictures(workload: Workload) -> np.ndarray:
    """Noise in an opaque disc: (T, pixels, pixels, 4) uint8 RGBA."""
    side = workload.pixels
    frames = np.random.default_rng(SEED).integers(0, 256, (workload.frames, side, side, 4), np.uint8)
    away = np.hypot(*np.meshgrid(*[np.linspace(-1, 1, side)] * 2))
    frames[..., 3] = np.where(away < 0.8, 255, 0)
    return frames


def torus_mesh(rings: int, segments: int) -> Mesh:
    """A torus of rings * segments vertices, its faces turned outward."""
    around, along = np.meshgrid(*[np.arange(n) * 2 * np.pi / n for n in (rings, segments)], indexing="ij")
    from_axis = RING + TUBE * np.cos(along)
    vertices = np.stack([from_axis * np.cos(around), TUBE * np.sin(along), from_axis * np.sin(around)], axis=-1)
    index = np.arange(rings * segments).reshape(rings, segments)
    right, above = np.roll(index, -1, axis=0), np.roll(index, -1, axis=1)
    corner = np.roll(right, -1, axis=1)
    faces = np.concatenate([np.stack(face, axis=-1).reshape(-1, 3) for face in ((index, above, corner), (index, corner, right))])
    return Mesh(vertices.reshape(-1, 3).astype(np.float32), faces.astype(np.int32))


def torus_field(points: Tensor) -> Tensor:
    """Distance to the torus's surface, positive inside: (..., 3) -> (..., 1)."""
    x, y, z = points.float().unbind(-1)
    return (TUBE - torch.hypot(torch.hypot(x, z) - RING, y))[..., None]


class TorusVAE(ShapeVAE):
    """A shape VAE whose field is the torus's, whatever its weights answer; it computes their answer all the same.

    `queries` is how many points were asked for, of all of these networks: a store may drop one and load another.
    """

    queries = 0

    def query(self, points: Tensor, context: KeysValues) -> Tensor:
        TorusVAE.queries += points.shape[0] * points.shape[1]
        return torus_field(points) + 0 * super().query(points, context).float()
