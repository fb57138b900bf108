"""How much each of the animation's shape keys shows at any frame, as Blender evaluates it."""

import bpy
import numpy as np

from . import fcurves
from .key_blocks import pose_keys
from .playback import EVAL_TIME


def weights_at(key: bpy.types.Key, frames: np.ndarray) -> np.ndarray:
    """Return the (N, K) float64 weights of the animation's K keys at N frames, clipped to their sliders.

    Muted keys have weight 0. Curves and their modifiers count; NLA strips and drivers do not.
    """
    return _relative_weights(key, frames) if key.use_relative else _absolute_weights(key, frames)


def _relative_weights(key: bpy.types.Key, frames: np.ndarray) -> np.ndarray:
    curves = {curve.data_path: curve for curve in fcurves.curves(key) if not curve.mute}
    blocks = pose_keys(key)
    weights = np.zeros((len(frames), len(blocks)))
    for column, block in enumerate(blocks):
        if block.mute:
            continue
        curve = curves.get(fcurves.value_path(block.name))
        weights[:, column] = block.value if curve is None else [curve.evaluate(frame) for frame in frames]
        weights[:, column] = weights[:, column].clip(block.slider_min, block.slider_max)
    return weights


def _absolute_weights(key: bpy.types.Key, frames: np.ndarray) -> np.ndarray:
    """Interpolate linearly from key to key along `eval_time`; what the basis shows needs no weight."""
    curve = fcurves.find(key, EVAL_TIME)
    moments = np.array([key.eval_time if curve is None else curve.evaluate(frame) for frame in frames])
    blocks = sorted(key.key_blocks, key=lambda block: block.frame)
    places = [block.frame for block in blocks]
    shown = {
        block.name: np.interp(moments, places, row) for block, row in zip(blocks, np.eye(len(blocks)), strict=True)
    }
    return np.stack([shown[block.name] for block in pose_keys(key)], axis=1)
