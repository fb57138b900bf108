"""The sequences that Toybench measures: unseen toys, and outsiders of other body plans; with all that their rows share."""

from dataclasses import dataclass
from functools import cached_property
from typing import Generic, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from ..geometry.cleanup import clean_up
from ..geometry.extraction import extract_surface
from ..geometry.mesh import Mesh
from ..progress import Progress
from ..stages.pictures import encode_frames
from ..stages.reference import Reference, latent_from_picture, reference_from_mesh, reference_in_model_space
from ..training.data import render_toy, small_pictures, toy_camera_and_light
from ..training.toys import TEMPLATES, make_sequence
from ..weights.store import ModelStore
from .outsider_kinds import KINDS
from .outsiders import make_outsider, render_outsider, view_of
from .surface_points import points_of_motion

FRAMES = 16
POINTS = 10_000
QUERIES = 2000
"""Points of either side that are looked up among the other's POINTS."""
RESOLUTION, COARSE = 48, 24
"""Cells a side of the grids on which all surfaces are found."""
NOISE_STRIDE = 100_003
QUIET = Progress()


class Truth(Protocol):
    """A mesh whose motion is known, such as a `ToySequence`: (T, V, 3) float32 vertices in model space, (F, 3) int32 faces."""

    @property
    def template(self) -> str: ...

    @property
    def seed(self) -> int: ...

    @property
    def vertices(self) -> np.ndarray: ...

    @property
    def faces(self) -> np.ndarray: ...


TruthT = TypeVar("TruthT", bound=Truth)


class Subject(Generic[TruthT]):
    """A sequence whose truth is known, seen by a checkpoint at a preset; what several rows need is computed once.

    Args:
        toy: the truth.
        frames: (T, H, W, 4) uint8, its clip.
        back: (3,), of length 1, in model space: from what the clip's camera looks at to the camera.
    """

    def __init__(self, toy: TruthT, frames: np.ndarray, back: np.ndarray, store: ModelStore, preset_name: str):
        self.toy, self.frames, self.back = toy, frames, back
        self.store, self.preset = store, store.preset(preset_name)
        self.picture = small_pictures(frames[:1])[0]

    @cached_property
    def context(self) -> Tensor:
        """(T, S, C) tokens of the clip's frames."""
        return encode_frames(self.frames, self.store, QUIET)

    @property
    def key(self) -> dict:
        """What names it in the results."""
        return {"template": self.toy.template, "seed": self.toy.seed}

    @cached_property
    def truth(self) -> np.ndarray:
        """(T, POINTS, 3) tracked points of the true surface."""
        return points_of_motion(self.toy.vertices, self.toy.faces, POINTS, 1).points

    @cached_property
    def given(self) -> Reference:
        """The true mesh of frame 0."""
        return reference_from_mesh(Mesh(self.toy.vertices[0], self.toy.faces), self.store, self.toy.seed)

    @cached_property
    def drawn(self) -> Reference:
        """The mesh that image-to-3D makes of frame 0; raises MeshError where it has no surface."""
        latent = self.pictured_latent(0)
        return reference_in_model_space(latent, mesh_of(latent, self.store))

    def pictured_latent(self, frame: int, own_noise: bool = False) -> Tensor:
        """(N, D) that image-to-3D makes of one frame, from the same noise for all frames or from noise of its own."""
        seed = self.toy.seed + (NOISE_STRIDE * frame if own_noise else 0)
        return latent_from_picture(self.context[frame], self.store, self.preset, seed, QUIET)


@dataclass(frozen=True)
class Plan:
    """One set: the templates (or kinds) and seeds of its sequences, in order."""

    name: str
    members: tuple[tuple[str, int], ...]

    def subject(self, index: int, store: ModelStore, preset_name: str) -> Subject:
        """Makes and renders one member."""
        template, seed = self.members[index]
        if self.name == "outsiders":
            outsider = make_outsider(template, seed, FRAMES)
            back = view_of(seed).camera.axes[2]
            return Subject(outsider, render_outsider(outsider), back, store, preset_name)
        toy = make_sequence(seed, FRAMES, template)
        back = toy_camera_and_light(seed)[0].axes[2]
        return Subject(toy, render_toy(toy), back, store, preset_name)


def toys(count: int) -> Plan:
    """`count` toys with the seeds 0, 1, ...: no training has them. Templates take turns, as often as each other or once more."""
    names = list(TEMPLATES)
    return Plan("toys", tuple((names[seed % len(names)], seed) for seed in range(count)))


def outsiders(count: int) -> Plan:
    """`count` outsiders, kinds in turn."""
    names = list(KINDS)
    return Plan("outsiders", tuple((names[i % len(names)], i // len(names)) for i in range(count)))


@torch.no_grad()
def mesh_of(latent: Tensor, store: ModelStore) -> Mesh:
    """The VAE's surface of one latent (N, D), on Toybench's own grid; raises MeshError where there is none."""
    vae = store.shape_vae
    context = vae.prepare(store.denormalise(latent[None].to(store.device)))

    def field(points: Tensor) -> Tensor:
        return vae.query(points[None].to(store.device), context)[0, :, 0].float()

    vertices, faces = extract_surface(field, RESOLUTION, coarse=COARSE)
    return Mesh(*clean_up(vertices, faces, len(faces)))
