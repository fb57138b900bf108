"""Curves from a record whose keys are mixed in every pose, as a compressed bake makes them."""

from dataclasses import replace

import numpy as np
import pytest

from blender_addon.motion.weights import Loop
from blender_addon.scene.animation_record import read_record, write_record
from blender_addon.scene.key_blocks import add_pose, coordinates_of, pose_keys, remove_blocks
from blender_addon.scene.meshes import read_basis
from blender_addon.scene.options import WriteOptions
from blender_addon.scene.playback import rebuild_curves
from blender_addon.scene.shape_keys import write_motion

from .scenes import between, dance, evaluated, patchwork

WEIGHTS = ((0.5, -1.0), (-1.0, 0.25), (0.0, 0.0), (1.0, 0.5), (0.25, -0.75))


@pytest.mark.parametrize("strength", [0.0, 1.0, 2.0])
def test_mixed_keys_are_drawn_with_weights_below_zero_and_above_one(strength):
    target, basis = mixed()
    key = target.data.shape_keys
    moved = np.array([coordinates_of(block) for block in pose_keys(key)], np.float64) - basis
    poses = basis + strength * np.einsum("tk,kvc->tvc", WEIGHTS, moved)
    written = rebuild_curves(target, strength=strength, speed=0.5)
    assert (len(written.keys), written.start, written.end) == (2, 10, 18)
    for place in np.arange(0, 4.1, 0.25):
        assert np.abs(evaluated(target, 10 + 2 * place) - between(poses, place)).max() < 2e-5
    assert read_record(key).weights == WEIGHTS


def test_mixed_keys_loop():
    target, _ = mixed()
    first = evaluated(target, 10)
    rebuild_curves(target, loop=Loop.LOOP)
    assert np.abs(evaluated(target, 15) - first).max() < 1e-6 and np.abs(evaluated(target, 20) - first).max() < 1e-6


def mixed():
    """Return an object with two keys for five poses, and its basis."""
    target = patchwork()
    write_motion(target, dance(target), WriteOptions(10, 24))
    key, basis = target.data.shape_keys, read_basis(target.data)
    shapes = [coordinates_of(block) for block in pose_keys(key)[:2]]
    remove_blocks(target, pose_keys(key))
    for index, shape in enumerate(shapes):
        add_pose(target, index, shape)
    write_record(key, replace(read_record(key), weights=WEIGHTS))
    rebuild_curves(target)
    return target, basis
