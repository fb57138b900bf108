"""The clip behind its camera: which frame is shown when, and the message where Blender cannot show it."""

from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon.motion.result_file import Motion
from blender_addon.motion.weights import Loop
from blender_addon.scene.clip_camera import add_camera
from blender_addon.scene.options import Playback, WriteOptions
from blender_addon.scene.shape_keys import write_motion

from .scenes import dance, go_to, patchwork
from .test_clip_camera import fit

CLIP = Path(__file__).resolve().parents[2] / "backend" / "actionmesh" / "checkpoints" / "toy" / "demo" / "clip.mp4"
CLIP_RATE = 5551 / 372
"""Frames per second of the bundled clip, which has 24 frames."""


def pictures(folder, numbers, name="walk_{:04d}.png", size=(64, 36)):
    """Write numbered pictures to disk and return their folder."""
    image = bpy.data.images.new("Made", *size)
    folder.mkdir(exist_ok=True)
    for number in numbers:
        image.filepath_raw, image.file_format = str(folder / name.format(number)), "PNG"
        image.save()
    bpy.data.images.remove(image)
    return folder


def filmed(clip, times, start=10, frame=(64, 36), frames=None, fps=None, **playback):
    """Return an animated object's camera and the messages about it; the clip's frames are at `times` seconds."""
    target = patchwork()
    few = dance(target, poses=len(times), reference=0)
    told = {"clip": str(clip), "frames": frames or {"start": 0}, "fps": fps, "fit": fit(frame)}
    motion = Motion(few.vertices, few.faces, np.array(times), 0, np.arange(len(times)), told)
    write_motion(target, motion, WriteOptions(start, 24, playback=Playback(**playback)))
    return add_camera(bpy.context.scene, target)


def shown(camera, scene_frames):
    """Return the numbers of the frames that Blender shows behind a camera, by its own rule and evaluated settings."""
    found = []
    for frame in scene_frames:
        go_to(frame)
        drawn = camera.evaluated_get(bpy.context.evaluated_depsgraph_get())
        user = drawn.data.background_images[0].image_user
        found.append(min(max(frame - user.frame_start + 1, 1), user.frame_duration) + user.frame_offset)
    return found


def test_pictures_at_the_rate_of_the_scene_need_no_curve(tmp_path):
    folder = pictures(tmp_path / "walk", range(8, 24))
    added = filmed(folder, np.arange(16) / 24)
    data = added.object.data
    behind = data.background_images[0]
    assert added.warnings == () and data.show_background_images and data.animation_data is None
    assert (behind.image.source, behind.alpha, behind.display_depth, behind.frame_method) == (
        "SEQUENCE",
        0.5,
        "BACK",
        "FIT",
    )
    assert Path(behind.image.filepath).name == "walk_0008.png"
    user = behind.image_user
    assert (user.frame_start, user.frame_duration, user.frame_offset) == (10, 16, 7)
    assert shown(added.object, [10, 11, 25]) == [8, 9, 23]


def test_pictures_of_another_rate_are_in_time_with_the_poses(tmp_path):
    """Every third of 12 pictures a second, from the second on: a pose per quarter second, six frames of the scene."""
    folder = pictures(tmp_path / "walk", range(1, 21))
    added = filmed(f"{folder}/walk_*.png", np.arange(5) * 3 / 12, frames={"start": 1, "step": 3}, fps=12.0)
    assert shown(added.object, range(10, 35, 6)) == [2, 5, 8, 11, 14]
    assert shown(added.object, [12, 14]) == [3, 4]
    assert added.object.data.animation_data.action.name == "Subject Clip Camera"


def test_a_video_is_in_time_with_the_poses(tmp_path):
    indices = np.array([0, 8, 15, 23])
    added = filmed(CLIP, indices / CLIP_RATE, start=1, frame=(384, 384), frames={"start": 0, "spread": 4})
    image = added.object.data.background_images[0].image
    assert image.source == "MOVIE" and added.warnings == () and not bpy.data.movieclips
    for index in indices:
        (number,) = shown(added.object, [round(1 + 24 * index / CLIP_RATE)])
        assert abs(number - (index + 1)) <= 0.5 * CLIP_RATE / 24 + 0.5
    assert shown(added.object, [1]) == [1] and shown(added.object, [38]) == [24]


@pytest.mark.parametrize(
    ("playback", "expected"),
    [
        ({"speed": 1 / 3}, [1, 1, 2, 2, 2, 3, 3, 3, 4, 4]),
        ({"speed": 2.0}, [1, 3]),
        ({"loop": Loop.LOOP}, [1, 2, 3, 4, 1, 2, 3, 4, 1]),
        ({"loop": Loop.PING_PONG}, [1, 2, 3, 4, 3, 2, 1, 2]),
    ],
)
def test_it_follows_speed_and_repeat(tmp_path, playback, expected):
    added = filmed(pictures(tmp_path / "walk", range(1, 5)), np.arange(4) / 24, start=3, **playback)
    assert shown(added.object, range(3, 3 + len(expected))) == expected


def test_numbers_with_gaps_are_followed(tmp_path):
    folder = pictures(tmp_path / "walk", [1, 3, 7, 20])
    assert shown(filmed(folder, np.arange(4) / 24).object, range(10, 14)) == [1, 3, 7, 20]


def test_an_image_of_the_artist_stays_as_it_is(tmp_path):
    folder = pictures(tmp_path / "walk", range(1, 5))
    mine = bpy.data.images.load(str(folder / "walk_0001.png"))
    added = filmed(folder, np.arange(4) / 24)
    assert mine.source == "FILE" and added.object.data.background_images[0].image != mine


def test_pixels_that_are_not_square_are_stretched(tmp_path):
    """The job saw 64 x 36 square pixels, the file has 48 x 36 wide ones."""
    added = filmed(pictures(tmp_path / "walk", range(1, 5), size=(48, 36)), np.arange(4) / 24)
    assert added.object.data.background_images[0].frame_method == "STRETCH" and added.warnings == ()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: folder / "gone.mp4", "gone.mp4 is not where it was"),
        (lambda folder: folder / "gone", "gone is not where it was"),
        (lambda folder: f"{folder}/gone_%04d.png", "is not where it was"),
        (
            lambda folder: pictures(pictures(folder / "w", [1, 2], "a{}.png"), [1, 2], "b{}.png"),
            "differ in more than a number",
        ),
        (lambda folder: pictures(folder / "w", "xy", "{}.png"), "differ in more than a number"),
        (lambda folder: pictures(folder / "w", range(1, 5), size=(36, 64)), "does not turn w as the file asks"),
        (lambda folder: broken(folder / "broken.mp4"), "broken.mp4, so there is no clip"),
    ],
)
def test_what_blender_cannot_show_is_told_and_the_camera_is_there(tmp_path, make, said):
    added = filmed(make(tmp_path), np.arange(4) / 24)
    (warning,) = added.warnings
    assert said in warning and warning.endswith(".")
    assert not added.object.data.background_images and added.object.data.animation_data is None and not bpy.data.images


def broken(path):
    path.write_bytes(b"no video")
    return path


@pytest.mark.fault("Pictures with their masks beside them were not shown behind the camera")
def test_masks_beside_the_pictures_are_not_shown(tmp_path):
    folder = pictures(tmp_path / "walk", range(4), "{:02d}_image.png")
    pictures(folder, range(4), "{:02d}_mask.png")
    added = filmed(folder, np.arange(4) / 24)
    assert added.warnings == ()
    assert Path(added.object.data.background_images[0].image.filepath).name == "00_image.png"
    assert shown(added.object, [10, 13]) == [0, 3]


@pytest.mark.fault("A mirrored phone video stood upside down behind the camera")
def test_a_mirrored_video_is_said_not_to_be_shown(tmp_path):
    data = bytearray(CLIP.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40
    assert data[matrix : matrix + 4] == bytes.fromhex("00010000")
    data[matrix : matrix + 4] = bytes.fromhex("ffff0000")
    (tmp_path / "clip.mp4").write_bytes(data)
    added = filmed(tmp_path / "clip.mp4", np.arange(4) / CLIP_RATE, frame=(384, 384))
    assert len(added.object.data.background_images) == 0
    assert [text for text in added.warnings if "does not mirror clip.mp4" in text]
