"""A patterned subject that crosses a patterned background, with known masks; the camera may move too."""

import cv2
import numpy as np

HEIGHT, WIDTH, RADIUS = 96, 128, 20


def pattern(seed: int, height: int, width: int, low: int, high: int, cell: int = 6) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rough = rng.integers(low, high, (height // cell + 2, width // cell + 2, 3)).astype(np.uint8)
    return cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC)


def ordinary_clip(
    count: int = 8, pan: float = 0.0, hidden: tuple[int, ...] = (), alike: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return frames (T, HEIGHT, WIDTH, 4) uint8 and masks (T, HEIGHT, WIDTH) bool; `hidden` frames lack the subject.

    `alike` gives the subject the colours of its background.
    """
    world, skin = pattern(1, HEIGHT, 3 * WIDTH, 30, 150), pattern(2, HEIGHT, WIDTH, 140, 255)
    skin[..., 2] //= 4
    if alike:
        skin = pattern(2, HEIGHT, WIDTH, 30, 150)
    frames, masks = np.full((count, HEIGHT, WIDTH, 4), 255, np.uint8), np.zeros((count, HEIGHT, WIDTH), bool)
    rng = np.random.default_rng(3)
    for number in range(count):
        start = WIDTH + round(pan * number)
        frame = world[:, start : start + WIDTH].copy()
        centre = (44 + 4 * number, 48)
        if number not in hidden:
            disc = np.zeros((HEIGHT, WIDTH), np.uint8)
            cv2.circle(disc, centre, RADIUS, 1, -1)
            masks[number] = disc > 0
            frame[masks[number]] = np.roll(skin, 4 * number, axis=1)[masks[number]]
        noisy = frame + rng.normal(0, 3, frame.shape)
        frames[number, ..., :3] = noisy.clip(0, 255).astype(np.uint8)
    return frames, masks
