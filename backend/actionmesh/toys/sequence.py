"""A toy in motion: a mesh tracked through T frames, with the exact body that it is made from."""

from dataclasses import dataclass

import numpy as np
import torch

from .creatures import TEMPLATES, grow, template_of
from .motion import Clock, random_clock, rotation_of
from .paint import paint
from .rig import Pose, Rig, Y
from .shapes import BlendedBody
from .skin import pulled_onto, rest_mesh, skin_weights, skinned

SIZE = 1.5
LIMIT = 0.985
CALMER = 0.8


@dataclass(frozen=True)
class ToySequence:
    """A tracked toy in model space. The first frame's box is centred, its longest side SIZE; all frames fit [-1, 1]^3.

    Args:
        template: name in `creatures.TEMPLATES` or `creatures.TRAINING_ONLY`.
        seed: the seed that it is made from.
        loops: whether one more frame would show the first pose again.
        body: the blended body in every frame; its zero level is the surface.
        vertices: (T, V, 3) float32.
        faces: (F, 3) int32, outward.
        colours: (V, 3) float32 in 0..1.
        times: (T,) seconds from the first frame.
    """

    template: str
    seed: int
    loops: bool
    body: BlendedBody
    vertices: np.ndarray
    faces: np.ndarray
    colours: np.ndarray
    times: np.ndarray


def make_sequence(seed: int, frames: int = 16, template: str | None = None) -> ToySequence:
    """Return the toy of a seed, the same on every call; without a name, the seed also chooses the template."""
    rng = np.random.default_rng(seed)
    drawn = str(rng.choice(list(TEMPLATES)))
    name = template or drawn
    rig = grow(name, rng)
    clock, turn = random_clock(rng, frames), _heading(name, rng)
    rest, faces = rest_mesh(rig)
    weights = skin_weights(rig, rest)
    body, vertices = _posed_within_box(rig, clock, turn, rest, weights)
    colours = paint(rig, rest, weights, rng)
    return ToySequence(name, seed, clock.loops, body, vertices, faces, colours, clock.times)


def _heading(name: str, rng: np.random.Generator) -> np.ndarray:
    template = template_of(name)
    yaw = rng.choice([-1, 1]) * template.base_yaw + rng.uniform(-1, 1) * template.yaw_spread
    return rotation_of(Y, np.radians(yaw))


def _posed_within_box(
    rig: Rig, clock: Clock, turn: np.ndarray, rest: np.ndarray, weights: np.ndarray
) -> tuple[BlendedBody, np.ndarray]:
    """Return the posed body and vertices (T, V, 3), with the motion reduced until all frames fit the box."""
    while True:
        pose = rig.pose(clock).turned(turn)
        vertices = skinned(rig, pose, rest, weights)
        scale, shift = framing(vertices[0])
        if np.abs(scale * vertices + shift).max() < LIMIT:
            return _on_surface(rig, pose, rest, weights)
        clock = Clock(clock.times, clock.phase, clock.amplitude * CALMER, clock.loops)


def _on_surface(rig: Rig, pose: Pose, rest: np.ndarray, weights: np.ndarray) -> tuple[BlendedBody, np.ndarray]:
    """Pull the vertices onto the posed body, and frame both by the first frame's box."""
    body = rig.body(pose)
    vertices = pulled_onto(body.batch(), torch.from_numpy(skinned(rig, pose, rest, weights))).numpy()
    scale, shift = framing(vertices[0])
    return rig.body(pose.turned(np.eye(3), scale, shift), scale), (scale * vertices + shift).astype(np.float32)


def framing(first: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the scale and shift that centre the first frame (V, 3) and make its box SIZE long."""
    low, high = first.min(axis=0), first.max(axis=0)
    scale = SIZE / (high - low).max()
    return scale, -scale * (low + high) / 2
