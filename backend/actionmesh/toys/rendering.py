"""Pictures of toys: how a toy is seen and lit, and its frames as the networks see them."""

import cv2
import numpy as np

from ..media.preprocess import padded_frames
from ..media.render import Camera, Light, render_frames
from ..sizes import PICTURE
from .sequence import ToySequence

RENDER = 224
CONE, CONE_PITCH = np.radians(15), np.radians(4)
"""Half angle of the cone of cameras around the front, in radians, and the pitch of its axis: a little above."""


def render_toy(sequence: ToySequence, size: int = RENDER) -> np.ndarray:
    """Render a toy as (T, size, size, 4) uint8 RGBA, not antialiased; its seed sets the camera and the light."""
    camera, light = toy_camera_and_light(sequence.seed)
    return render_frames(sequence.vertices, sequence.faces, sequence.colours, camera, size, light, supersample=1)


def toy_camera_and_light(seed: int) -> tuple[Camera, Light]:
    """Draw a camera in a cone around the front, orthographic or with mild perspective, and a light from above."""
    rng = np.random.default_rng((seed, 1))
    around, off = rng.uniform(0, 2 * np.pi), CONE * np.sqrt(rng.random())
    camera = Camera(
        yaw=off * np.cos(around),
        pitch=CONE_PITCH + off * np.sin(around),
        half_extent=1.45,
        field_of_view=np.radians(rng.uniform(15, 40)) if rng.random() < 0.7 else None,
    )
    light = Light(
        direction=(rng.uniform(-1, 1), rng.uniform(0.2, 1), rng.uniform(0.3, 1)),
        ambient=rng.uniform(0.3, 0.6),
        key=rng.uniform(0.4, 0.8),
        wrap=rng.uniform(0, 0.5),
        colour=tuple(1 + rng.uniform(-0.2, 0.2, 3)),
    )
    return camera, light


def small_pictures(frames: np.ndarray) -> np.ndarray:
    """Put RGBA frames (T, H, W, 4) on white and crop them to one common square: (T, PICTURE, PICTURE, 3) uint8."""
    return np.stack(
        [cv2.resize(square, (PICTURE, PICTURE), interpolation=cv2.INTER_AREA) for square in padded_frames(frames)]
    )
