"""How much each of some shape keys shows at any frame, as Blender evaluates it."""

from collections.abc import Sequence

import bpy
import numpy as np

from . import fcurves
from .playback import EVAL_TIME


def weights_at(key: bpy.types.Key, frames: np.ndarray, blocks: Sequence[bpy.types.ShapeKey]) -> np.ndarray:
    """Return the (N, K) float64 weights of K keys at N frames, clipped to their sliders.

    Muted keys have weight 0. Curves and their modifiers count; NLA strips and drivers do not.
    """
    return _relative_weights(key, frames, blocks) if key.use_relative else _absolute_weights(key, frames, blocks)


def _relative_weights(key: bpy.types.Key, frames: np.ndarray, blocks: Sequence[bpy.types.ShapeKey]) -> np.ndarray:
    curves = {curve.data_path: curve for curve in fcurves.curves(key) if not curve.mute}
    weights = np.zeros((len(frames), len(blocks)))
    for column, block in enumerate(blocks):
        if block.mute:
            continue
        curve = curves.get(fcurves.value_path(block.name))
        weights[:, column] = block.value if curve is None else [curve.evaluate(frame) for frame in frames]
        weights[:, column] = weights[:, column].clip(block.slider_min, block.slider_max)
    return weights


def _absolute_weights(key: bpy.types.Key, frames: np.ndarray, blocks: Sequence[bpy.types.ShapeKey]) -> np.ndarray:
    """Interpolate linearly from key to key along `eval_time`; what the basis shows needs no weight."""
    curve = fcurves.find(key, EVAL_TIME)
    moments = np.array([key.eval_time if curve is None else curve.evaluate(frame) for frame in frames])
    every = sorted(key.key_blocks, key=lambda block: block.frame)
    places = [block.frame for block in every]
    shown = {block.name: np.interp(moments, places, row) for block, row in zip(every, np.eye(len(every)), strict=True)}
    return np.stack([shown[block.name] for block in blocks], axis=1)
