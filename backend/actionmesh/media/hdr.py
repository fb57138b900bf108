"""Tone mapping of HDR video to standard range: the curves of ITU-R BT.2100, with BT.2020's colours converted to sRGB.

Light up to three quarters of paper white stays the same. Brighter light is compressed towards white and keeps its hue.
"""

from functools import lru_cache

import numpy as np
from av.video.reformatter import ColorTrc

from .shading import to_srgb

CURVES = (ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67)
"""The HDR curves: PQ and HLG."""
PAPER = 203.0
"""Luminance of white paper in HDR, in cd/m2 (ITU-R BT.2408)."""
HLG_PEAK, HLG_GAMMA = 1000.0, 1.2
KNEE = 0.75
"""Brightness, as a share of paper's, above which light is compressed."""
TO_SRGB = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32)
LUMINANCE = np.array([0.2627, 0.6780, 0.0593], np.float32)
"""Weights of BT.2020's colours."""
STRIP = 256
"""Rows that are converted at a time."""


def for_screen(rgba: np.ndarray, curve: int) -> np.ndarray:
    """Convert (H, W, 4) uint16 with a curve of CURVES and BT.2020 colours to (H, W, 4) uint8 sRGB."""
    result = np.empty(rgba.shape, np.uint8)
    for start in range(0, len(rgba), STRIP):
        strip = rgba[start : start + STRIP]
        result[start : start + STRIP, :, :3] = _converted(strip[..., :3], curve)
        result[start : start + STRIP, :, 3] = strip[..., 3] >> 8
    return result


def _converted(codes: np.ndarray, curve: int) -> np.ndarray:
    light = _light(curve)[codes]
    if curve == ColorTrc.ARIB_STD_B67:
        light *= (light @ LUMINANCE)[..., None] ** np.float32(HLG_GAMMA - 1) * np.float32(HLG_PEAK / PAPER)
    light = np.maximum(light @ TO_SRGB.T, 0)
    brightest = light.max(axis=-1, keepdims=True)
    over = brightest > KNEE
    pressed = KNEE + (1 - KNEE) * (1 - np.exp(-(brightest - KNEE) / (1 - KNEE)))
    light *= np.where(over, pressed / np.maximum(brightest, KNEE), 1)
    return _srgb_codes()[np.rint(light * 4095).astype(np.int32).clip(0, 4095)]


@lru_cache(maxsize=2)
def _light(curve: int) -> np.ndarray:
    """Return each code's brightness relative to paper white, (65536,) float32; for HLG, to the scene's peak."""
    signal = np.arange(65536) / 65535
    if curve == ColorTrc.ARIB_STD_B67:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12).astype(np.float32)
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    root = signal ** (1 / m2)
    return ((np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1) * 10000 / PAPER).astype(np.float32)


@lru_cache(maxsize=1)
def _srgb_codes() -> np.ndarray:
    """Return the sRGB code of each brightness from 0 to 1, (4096,) uint8."""
    return np.rint(255 * to_srgb(np.arange(4096) / 4095)).astype(np.uint8)
