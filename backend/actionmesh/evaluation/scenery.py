"""Backgrounds like those of photographs, made by code, and subjects with known masks in front of them.

A picture larger than the frame has a sky, a ground and things in between, in colours and textures that a seed draws.
A camera that stands still, pans or is held by hand looks at a part of it. Frames get the noise and compression of a
small camera.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from ..media.clip import resize_rgba
from ..media.subject_crops import box_of

HEIGHT, WIDTH = 288, 432
WIDER = 1.7
"""The background's size over the frame's."""
TALLEST = 0.72
"""The subject's box over the frame's height."""
HAND = np.exp(-0.5 * (np.arange(-4, 5) / 1.5) ** 2) / 2
"""How a hand's tremor is smoothed over frames."""
CAMERAS = ("still", "pan", "hand")


@dataclass(frozen=True)
class Scene:
    """A clip with its truth.

    Args:
        name: for tables.
        camera: one of CAMERAS.
        frames: (T, HEIGHT, WIDTH, 3) uint8.
        truth: (T, HEIGHT, WIDTH) bool.
    """

    name: str
    camera: str
    frames: np.ndarray
    truth: np.ndarray


def make_scene(name: str, subject: np.ndarray, seed: int, camera: str) -> Scene:
    """Put a subject (T, h, w, 4) uint8 in front of a background; the seed draws both their paths and all noise."""
    rng = np.random.default_rng((seed, 17))
    world = _world(rng)
    moves, path = _camera(camera, len(subject), rng), _path(len(subject), rng)
    frames, truth = [], []
    for rgba, move, (x, y) in zip(_sized(subject), moves, path, strict=True):
        picture = cv2.warpAffine(world, move, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        colour, alpha = _placed(rgba, x, y)
        blended = colour + picture * (1 - alpha[..., None])
        frames.append(_sensed(blended, rng))
        truth.append(alpha >= 0.5)
    return Scene(name, camera, np.stack(frames), np.stack(truth))


def _sized(subject: np.ndarray) -> np.ndarray:
    """Crop a subject to its box in all frames, and shrink or enlarge it to TALLEST."""
    box = box_of(np.any(subject[..., 3] > 0, axis=0))
    assert box is not None, "no frame shows the subject"
    crops = subject[:, *box.slices()]
    scale = TALLEST * min(HEIGHT / crops.shape[1], WIDTH / crops.shape[2])
    size = max(1, round(crops.shape[2] * scale)), max(1, round(crops.shape[1] * scale))
    return np.stack([resize_rgba(crop, *size) for crop in crops])


def _placed(rgba: np.ndarray, x: float, y: float) -> tuple[np.ndarray, np.ndarray]:
    """Return premultiplied colours (H, W, 3) and alpha (H, W) float32 of a subject whose centre lies at (x, y)."""
    alpha = rgba[..., 3].astype(np.float32) / 255
    layers = np.dstack([rgba[..., :3] * alpha[..., None], alpha])
    shift = np.array([[1, 0, x - rgba.shape[1] / 2], [0, 1, y - rgba.shape[0] / 2]], np.float32)
    moved = cv2.warpAffine(layers, shift, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)
    return moved[..., :3], moved[..., 3]


def _path(count: int, rng: np.random.Generator) -> np.ndarray:
    """Return the subject's centres (T, 2): through the middle of the frame, at up to two pixels a frame."""
    travel = np.linspace(-0.5, 0.5, count)[:, None]
    middle = np.array([WIDTH, HEIGHT]) * (0.5 + rng.uniform(-0.08, 0.08, 2))
    return middle + travel * rng.uniform(-2.0, 2.0, 2) * count * (1.0, 0.25)


def _camera(kind: str, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Return maps (2, 3) from the frame's pixels to the background's."""
    time = np.arange(count) - count / 2
    pan = rng.uniform(-3, 3, 2) * (1, 0.3) if kind == "pan" else np.zeros(2)
    shake = np.zeros((count, 4))
    if kind == "hand":
        hands = [np.convolve(rng.normal(0, 1, count + 8), HAND, "valid")[:count] for _ in range(4)]
        shake = np.stack(hands, axis=1) * (4.0, 4.0, 0.012, 0.015)
    margin = np.array([WIDTH, HEIGHT]) * (WIDER - 1) / 2
    maps = []
    for step in range(count):
        corner = margin + np.clip(pan * time[step], -0.9 * margin, 0.9 * margin) + shake[step, :2]
        turn, scale = shake[step, 2], 1 + shake[step, 3]
        linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        centre = np.array([WIDTH, HEIGHT]) / 2
        maps.append(np.column_stack([linear, corner + centre - linear @ centre]).astype(np.float32))
    return maps


def _world(rng: np.random.Generator) -> np.ndarray:
    """Return a background (H, W, 3) float32: sky, ground, and trees, walls or rocks, with some depth of field."""
    height, width = round(HEIGHT * WIDER), round(WIDTH * WIDER)
    horizon = rng.uniform(0.35, 0.6) * height
    rows = np.mgrid[:height, :width][0]
    sky, ground = (_material(rng, height, width, roughness) for roughness in (0.15, 0.6))
    edge = horizon + 12 * _noise(rng, height, width, 40)
    picture = np.where((rows > edge)[..., None], ground, sky)
    for _ in range(rng.integers(5, 12)):
        where = SHAPES[rng.integers(len(SHAPES))](rng, height, width, horizon)
        picture = np.where(where[..., None], _material(rng, height, width, rng.uniform(0.2, 1.0)), picture)
    light = 1 + 0.25 * _noise(rng, height, width, 160)[..., None]
    return cv2.GaussianBlur((picture * light).clip(0, 255).astype(np.float32), (0, 0), rng.uniform(0.7, 2.0))


def _blob(rng: np.random.Generator, height: int, width: int, horizon: float) -> np.ndarray:
    """Return a bush or a rock, bool (H, W)."""
    rows, columns = np.mgrid[:height, :width]
    x, y, radius = rng.uniform(0, width), horizon + rng.uniform(-0.2, 0.4) * height, rng.uniform(15, 90)
    ragged = radius * (1 + 0.5 * _noise(rng, height, width, radius / 3))
    return (columns - x) ** 2 + 1.6 * (rows - y) ** 2 < ragged**2


def _wall(rng: np.random.Generator, height: int, width: int, horizon: float) -> np.ndarray:
    """Return a house or a post, bool (H, W)."""
    rows, columns = np.mgrid[:height, :width]
    left, wide, tall = rng.uniform(0, width), rng.uniform(8, 160), rng.uniform(60, 220)
    return (columns > left) & (columns < left + wide) & (rows < horizon + 15) & (rows > horizon - tall)


SHAPES: tuple[Callable[[np.random.Generator, int, int, float], np.ndarray], ...] = (_blob, _blob, _wall)


def _material(rng: np.random.Generator, height: int, width: int, roughness: float) -> np.ndarray:
    """Return a texture (H, W, 3) float32 between two colours, of which fine noise adds most where it is rough."""
    first = (rng.uniform(50, 200) + rng.normal(0, 28, 3)).clip(15, 240)
    second = (first + rng.normal(0, 22, 3)).clip(10, 245)
    coarse, fine = _noise(rng, height, width, rng.uniform(15, 70)), _noise(rng, height, width, rng.uniform(1, 4))
    mixed = (0.5 + 0.5 * coarse).clip(0, 1)[..., None]
    return first * mixed + second * (1 - mixed) + 35 * roughness * fine[..., None]


def _noise(rng: np.random.Generator, height: int, width: int, scale: float) -> np.ndarray:
    """Return smooth noise (H, W) float32 of about unit deviation, with structures of `scale` pixels."""
    small = rng.normal(0, 1, (max(2, round(height / scale)), max(2, round(width / scale)))).astype(np.float32)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def _sensed(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a picture (H, W, 3) as a camera gives it: soft, with grain, compressed; uint8."""
    soft = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 0.6)
    grain = rng.normal(0, 1, picture.shape[:2])[..., None] * 2.0 + rng.normal(0, 2.0, picture.shape)
    noisy = np.rint(soft + grain).clip(0, 255).astype(np.uint8)
    _, coded = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, 88])
    decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded
