"""The work of the full-size benchmark: synthetic inputs of the published sizes, and the product's own stages.

Random weights do the same arithmetic as trained ones, but they decode noise. So the decoded field is that of a torus,
plus zero times the network's output: every query is computed, and there is a surface. The reference mesh of Stage II
is the same torus, with 20 000 vertices and 40 000 faces.
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
from actionmesh.memory.model import Model
from actionmesh.models.attention import KeysValues
from actionmesh.models.shape_vae import ShapeVAE
from actionmesh.presets import Preset
from actionmesh.protocol import ReferencePose
from actionmesh.stages.correspondence import animate_vertices
from actionmesh.stages.motion import synchronised_latents
from actionmesh.stages.pending_reference import PendingReference
from actionmesh.stages.pictures import encode_frames
from actionmesh.stages.reference import Reference, decode_surface, latent_from_picture, reference_in_model_space
from actionmesh.stages.run import Run

TOKENS, IMAGE, DECODE = "image tokens", "image-to-3D", "decode and extract"
MOTION, CLEAN_UP, CORRESPONDENCE = "Stage I", "clean-up", "Stage II"
STAGES = (TOKENS, IMAGE, DECODE, CLEAN_UP, MOTION, CORRESPONDENCE)
"""The mesh is cleaned up while Stage I runs; the clean-up stage is the time still needed afterwards.

On the CPU, where it would count as Stage I's processor time, the clean-up finishes first, and the stage is all of it.
"""
RING, TUBE = 0.62, 0.3
"""Radii of the torus, which lies in the plane y = 0 of model space."""
SEED = 0
CAN_DECIMATE = find_spec("fast_simplification") is not None

Around = Callable[[str], AbstractContextManager[Any]]
"""Returns a context for a stage, by name, in which it is measured or its operations are counted."""


@dataclass(frozen=True)
class Workload:
    """The amount of work.

    Args:
        frames: number of frames T of the whole clip.
        pixels: side of a picture.
        rings, segments: size of the reference mesh, which has rings * segments vertices and twice as many faces.
    """

    frames: int
    pixels: int = 512
    rings: int = 200
    segments: int = 100


def run_stages(model: Model, preset: Preset, workload: Workload, around: Around) -> np.ndarray:
    """Run the stages one after the other, each within `around(stage)`; return the animation's vertices (T, V, 3)."""
    run, anchor = Run.of(model), 0
    on_cpu = run.runtime.device.type == "cpu"
    with around(TOKENS):
        context = encode_frames(run, pictures(workload))
    with around(IMAGE):
        latent = latent_from_picture(run, context[anchor], preset, SEED)
    with around(DECODE):
        surface = decode_surface(run, latent, preset)
    with PendingReference(latent, cleaned_up(latent, surface, preset), run.progress) as pending:
        if on_cpu:
            with around(CLEAN_UP):
                pending.ready()
        with around(MOTION):
            latents = synchronised_latents(run, {anchor: latent}, anchor, context, preset, SEED)
        if not on_cpu:
            with around(CLEAN_UP):
                pending.ready()
    reference = reference_in_model_space(latent, torus_mesh(workload.rings, workload.segments))
    times = [float(frame) for frame in range(workload.frames)]
    with around(CORRESPONDENCE):
        return animate_vertices(run, reference, latents, anchor, times, ReferencePose.DECODED)


def cleaned_up(latent: Tensor, surface: tuple[np.ndarray, np.ndarray], preset: Preset) -> Callable[..., Reference]:
    """Return a function that cleans a surface up in a thread, or leaves it as it is if decimation is not installed."""

    def finish(check: Callable[[], None]) -> Reference:
        mesh = clean_up(*surface, preset.max_faces, preset.smallest_part, check=check) if CAN_DECIMATE else surface
        return reference_in_model_space(latent, Mesh(*mesh))

    return finish


def pictures(workload: Workload) -> np.ndarray:
    """Return noise in an opaque disc: (T, pixels, pixels, 4) uint8 RGBA."""
    side = workload.pixels
    frames = np.random.default_rng(SEED).integers(0, 256, (workload.frames, side, side, 4), np.uint8)
    away = np.hypot(*np.meshgrid(*[np.linspace(-1, 1, side)] * 2))
    frames[..., 3] = np.where(away < 0.8, 255, 0)
    return frames


def torus_mesh(rings: int, segments: int) -> Mesh:
    """Return a torus of rings * segments vertices, with outward faces."""
    around, along = np.meshgrid(*[np.arange(n) * 2 * np.pi / n for n in (rings, segments)], indexing="ij")
    from_axis = RING + TUBE * np.cos(along)
    vertices = np.stack([from_axis * np.cos(around), TUBE * np.sin(along), from_axis * np.sin(around)], axis=-1)
    index = np.arange(rings * segments).reshape(rings, segments)
    right, above = np.roll(index, -1, axis=0), np.roll(index, -1, axis=1)
    corner = np.roll(right, -1, axis=1)
    faces = np.concatenate(
        [np.stack(face, axis=-1).reshape(-1, 3) for face in ((index, above, corner), (index, corner, right))]
    )
    return Mesh(vertices.reshape(-1, 3).astype(np.float32), faces.astype(np.int32))


def torus_field(points: Tensor) -> Tensor:
    """Return the distance (..., 1) of points (..., 3) to the torus's surface, positive inside."""
    x, y, z = points.float().unbind(-1)
    return (TUBE - torch.hypot(torch.hypot(x, z) - RING, y))[..., None]


class TorusVAE(ShapeVAE):
    """A shape VAE whose field is the torus's, although it still computes the output of its weights.

    `queries` counts the points of all such networks, because a store may drop one and load another.
    """

    queries = 0

    def query(self, points: Tensor, context: KeysValues) -> Tensor:
        TorusVAE.queries += points.shape[0] * points.shape[1]
        return torus_field(points) + 0 * super().query(points, context).float()
