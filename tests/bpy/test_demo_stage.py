"""The demo's stage shows a clip of pictures as it is, each in its frame."""

import importlib.util
from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Vector

ROOT = Path(__file__).resolve().parents[2]
HUSKY = ROOT / "backend" / "actionmesh" / "checkpoints" / "toy" / "demo" / "husky"


@pytest.fixture
def stage():
    spec = importlib.util.spec_from_file_location("demo_stage", ROOT / "docs" / "demo_stage.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def clip_frame(number, size):
    """Return a frame of the clip itself, (size, size, 4), the lowest row first."""
    image = bpy.data.images.load(str(HUSKY / f"husky_{number:02d}.webp"))
    image.scale(size, size)
    return np.array(image.pixels[:], np.float32).reshape(size, size, 4)


def test_a_board_plays_a_folder_of_pictures_without_a_rim(stage, tmp_path):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.frame_end = 16
    stage.show_clip(HUSKY / "husky_01.webp", 16, Vector((3, 0, 1)), 2.0, 1.0)
    stage.set_up_camera_and_light(scene, 64, 64, 2.0, Vector((3, -5, 1)))
    seen = list(stage.rendered(scene, 2))
    ground = seen[0][0, 0, :3]
    for number, other, picture in ((1, 8, seen[0]), (8, 1, seen[1])):
        own, others = clip_frame(number, 64), clip_frame(other, 64)
        shown = np.abs(picture[..., :3] - ground).max(axis=2) > 0.1
        wrong = (shown ^ (own[..., 3] > 0.5)).sum()
        assert wrong < 0.5 * (shown ^ (others[..., 3] > 0.5)).sum(), "the board shows another frame"
        rim = (own[..., 3] > 0.05) & (own[..., 3] < 0.95)
        assert picture[rim, :3].mean() < ground.mean(), "what is transparent shines around the subject"
    path = tmp_path / "sheet.png"
    stage.save_picture(np.concatenate(seen, axis=1), path)
    assert tuple(bpy.data.images.load(str(path)).size) == (128, 64)
