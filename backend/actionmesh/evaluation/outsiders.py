"""Sequences unlike the training data: other body plans, with stripes, lights and views that no toy has.

Their rigs use the toys' building blocks, so the truth is equally exact, but no template, pattern, light or camera of
the training data.
"""

from dataclasses import dataclass

import numpy as np
import torch

from ..media.render import Camera, Light, render_frames
from ..toys.motion import Clock, rotation_of
from ..toys.rig import Rig, Y
from ..toys.sequence import CALMER, LIMIT, ToySequence, framing
from ..toys.shapes import BlendedBody
from ..toys.skin import pulled_onto, rest_mesh, skin_weights, skinned
from .outsider_kinds import KINDS

RENDER = 224


@dataclass(frozen=True)
class View:
    """The camera and the light of an outsider's clip."""

    camera: Camera
    light: Light


def make_outsider(kind: str, seed: int, frames: int = 16) -> ToySequence:
    """Make an outsider in motion, the same on every call.

    It is framed like a toy: the first frame's box is SIZE long, and all frames fit [-1, 1]^3.
    """
    rng = np.random.default_rng((list(KINDS).index(kind), seed))
    rig = KINDS[kind].grow(rng)
    rest, faces = rest_mesh(rig)
    weights = skin_weights(rig, rest)
    turn = rotation_of(Y, np.radians(KINDS[kind].yaw + rng.uniform(-20, 20)))
    clock = _clock(rng, frames)
    body, vertices = _posed(rig, clock, turn, rest, weights)
    return ToySequence(kind, seed, clock.loops, body, vertices, faces, _stripes(rig, rest, weights, rng), clock.times)


def view_of(seed: int) -> View:
    """Draw a camera from below or well above, with strong perspective, and a hard light from the side or behind."""
    rng = np.random.default_rng((seed, 7))
    camera = Camera(
        yaw=np.radians(rng.choice([-1, 1]) * rng.uniform(12, 22)),
        pitch=np.radians(rng.choice([-12, 26]) + rng.uniform(-3, 3)),
        half_extent=1.45,
        field_of_view=np.radians(rng.uniform(45, 60)),
    )
    side = float(rng.choice([-1, 1]))
    light = Light(direction=(side, rng.uniform(-0.2, 0.5), rng.uniform(-0.2, 0.25)), ambient=0.18, key=1.1, rim=0.3)
    return View(camera, light)


def render_outsider(sequence: ToySequence, size: int = RENDER) -> np.ndarray:
    """Render an outsider with the view of its seed, as (T, size, size, 4) uint8 RGBA."""
    view = view_of(sequence.seed)
    return render_frames(sequence.vertices, sequence.faces, sequence.colours, view.camera, size, view.light)


def _clock(rng: np.random.Generator, frames: int) -> Clock:
    """Draw a clock for part of a period that starts slowly and speeds up, a rhythm that no toy has."""
    travel = np.linspace(0, 1, frames)
    phase = rng.uniform(0, 2 * np.pi) + 2 * np.pi * rng.uniform(0.6, 0.9) * travel**1.5
    return Clock(travel * rng.uniform(1, 2), phase, 1.0, False)


def _posed(
    rig: Rig, clock: Clock, turn: np.ndarray, rest: np.ndarray, weights: np.ndarray
) -> tuple[BlendedBody, np.ndarray]:
    """Return the framed body and its vertices (T, V, 3), with the motion reduced until all frames fit the box."""
    while True:
        pose = rig.pose(clock).turned(turn)
        vertices = pulled_onto(rig.body(pose).batch(), torch.from_numpy(skinned(rig, pose, rest, weights))).numpy()
        scale, shift = framing(vertices[0])
        framed = (scale * vertices + shift).astype(np.float32)
        if np.abs(framed).max() < LIMIT:
            return rig.body(pose.turned(np.eye(3), scale, shift), scale), framed
        clock = Clock(clock.times, clock.phase, clock.amplitude * CALMER, clock.loops)


def _stripes(rig: Rig, rest: np.ndarray, weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return colours (V, 3) float32 in 0..1: those of the parts, with tilted stripes that change the hue too."""
    own = weights @ rig.part_colours()
    direction, pitch = np.array([0.6, 1.0, 0.35]), rng.uniform(0.16, 0.24)
    striped = np.sin(rest @ direction * 2 * np.pi / pitch) > 0.55
    other = np.array([np.roll(colour, 1) for colour in own]) * 0.8 + 0.1
    return np.clip(np.where(striped[:, None], other, own), 0, 1).astype(np.float32)
