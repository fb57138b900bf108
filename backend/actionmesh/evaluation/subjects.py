"""The sequences that Toybench measures: unseen toys, and outsiders of other body plans, with what their rows share."""

from dataclasses import dataclass
from functools import cached_property
from typing import Generic, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from ..geometry.cleanup import clean_up
from ..geometry.extraction import extract_surface
from ..geometry.mesh import Mesh
from ..memory.model import Model
from ..progress import Progress
from ..stages.pictures import encode_frames
from ..stages.reference import Reference, latent_from_picture, reference_from_mesh, reference_in_model_space
from ..stages.run import Run
from ..toys import TEMPLATES, make_sequence
from ..toys.rendering import render_toy, small_pictures, toy_camera_and_light
from .measures import points_of_motion
from .outsider_kinds import KINDS
from .outsiders import make_outsider, render_outsider, view_of

FRAMES = 16
POINTS = 10_000
QUERIES = 2000
"""Points of each cloud that are used as queries among the other's POINTS."""
RESOLUTION, COARSE = 48, 24
"""Cells along a side of the fine and the coarse grid for extracting surfaces."""
NOISE_STRIDE = 100_003
QUIET = Progress()


class Truth(Protocol):
    """A mesh with known motion, such as a `ToySequence`.

    Vertices are (T, V, 3) float32 in model space, faces (F, 3) int32.
    """

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
    """A sequence with known truth, with a checkpoint and a preset; values that several rows need are computed once.

    Args:
        toy: the truth.
        frames: (T, H, W, 4) uint8, its clip.
        back: (3,) unit vector in model space from the subject to the clip's camera.
    """

    def __init__(self, toy: TruthT, frames: np.ndarray, back: np.ndarray, model: Model, preset_name: str):
        self.toy, self.frames, self.back = toy, frames, back
        self.run, self.preset = Run.of(model), model.facts.preset(preset_name)
        self.picture = small_pictures(frames[:1])[0]

    @cached_property
    def context(self) -> Tensor:
        """(T, S, C) tokens of the clip's frames."""
        return encode_frames(self.run, self.frames)

    @property
    def key(self) -> dict:
        """What identifies the sequence in the results."""
        return {"template": self.toy.template, "seed": self.toy.seed}

    @cached_property
    def truth(self) -> np.ndarray:
        """(T, POINTS, 3) tracked points of the true surface."""
        return points_of_motion(self.toy.vertices, self.toy.faces, POINTS, 1).points

    @cached_property
    def given(self) -> Reference:
        """The true mesh of frame 0."""
        return reference_from_mesh(self.run, Mesh(self.toy.vertices[0], self.toy.faces), self.toy.seed)

    @cached_property
    def drawn(self) -> Reference:
        """The mesh that image-to-3D makes of frame 0; raises MeshError if it has no surface."""
        latent = self.pictured_latent(0)
        return reference_in_model_space(latent, mesh_of(latent, self.run))

    def pictured_latent(self, frame: int, own_noise: bool = False) -> Tensor:
        """Return image-to-3D's latent (N, D) of one frame, with the same noise for all frames or with its own noise."""
        seed = self.toy.seed + (NOISE_STRIDE * frame if own_noise else 0)
        return latent_from_picture(self.run, self.context[frame], self.preset, seed)


@dataclass(frozen=True)
class Plan:
    """One set of sequences: their templates (or kinds) and seeds, in order."""

    name: str
    members: tuple[tuple[str, int], ...]

    def subject(self, index: int, model: Model, preset_name: str) -> Subject:
        """Make and render one member."""
        template, seed = self.members[index]
        if self.name == "outsiders":
            outsider = make_outsider(template, seed, FRAMES)
            back = view_of(seed).camera.axes[2]
            return Subject(outsider, render_outsider(outsider), back, model, preset_name)
        toy = make_sequence(seed, FRAMES, template)
        back = toy_camera_and_light(seed)[0].axes[2]
        return Subject(toy, render_toy(toy), back, model, preset_name)


def toys(count: int) -> Plan:
    """Return a plan of `count` toys with the seeds 0, 1, ..., which are not in training data; templates take turns."""
    names = list(TEMPLATES)
    return Plan("toys", tuple((names[seed % len(names)], seed) for seed in range(count)))


def outsiders(count: int) -> Plan:
    """Return a plan of `count` outsiders; kinds take turns."""
    names = list(KINDS)
    return Plan("outsiders", tuple((names[i % len(names)], i // len(names)) for i in range(count)))


@torch.no_grad()
def mesh_of(latent: Tensor, model: Model) -> Mesh:
    """Return the VAE's surface of one latent (N, D) on Toybench's grid; raise MeshError if there is none."""
    vae, device = model.networks.shape_vae, model.runtime.device
    context = vae.prepare(model.facts.denormalise(latent[None].to(device)))

    def field(points: Tensor) -> Tensor:
        return vae.query(points[None].to(device), context)[0, :, 0].float()

    vertices, faces = extract_surface(field, RESOLUTION, coarse=COARSE)
    return Mesh(*clean_up(vertices, faces, len(faces)))
