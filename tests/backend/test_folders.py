"""Which pictures of a folder are a clip's frames and masks, and what is refused because it is not one clip."""

import os

import numpy as np
import pytest
from PIL import Image

from actionmesh.errors import Cancelled, MediaError
from actionmesh.media.patterns import is_pattern, matcher
from actionmesh.media.reader import read_clip
from actionmesh.progress import Progress
from actionmesh.protocol import FrameChoice

from .media_files import numbered_frames, numbers_of, save_pictures

ALL = FrameChoice()


def masks(count: int) -> np.ndarray:
    frames = np.zeros((count, 48, 64, 3), np.uint8)
    for number, frame in enumerate(frames):
        frame[8:40, 4 + number : 40 + number] = 255
    return frames


BESIDE = "A folder of pictures with their masks beside them came as one clip of pictures and masks in turn"


@pytest.mark.fault(BESIDE)
@pytest.mark.parametrize(
    ("picture", "mask"),
    [
        ("{:02d}_image.png", "{:02d}_mask.png"),
        ("image_{:02d}.png", "mask_{:02d}.png"),
        ("frame_{:04d}.png", "frame_{:04d}_mask.png"),
        ("walk_{:04d}.jpg", "walk_{:04d}-matte.png"),
        ("walk_rgb.{:04d}.png", "walk_alpha.{:04d}.png"),
        ("Image{:04d}.png", "Alpha{:04d}.png"),
        ("{}.png", "{}_mask.png"),
        ("walkColor{:03d}.png", "walkMask{:03d}.png"),
        ("IMG_{}.PNG", "IMG_{}_Segmentation.PNG"),
    ],
)
def test_masks_beside_the_pictures_are_their_alpha(tmp_path, picture, mask):
    save_pictures(tmp_path, numbered_frames(12), picture)
    save_pictures(tmp_path, masks(12), mask)
    clip = read_clip(str(tmp_path), ALL)
    assert numbers_of(clip.frames[:]) == list(range(12)) and clip.has_alpha
    np.testing.assert_array_equal(clip.frames[:][..., 3], masks(12)[..., 0])
    assert numbers_of(read_clip(str(tmp_path / "*"), FrameChoice(start=2, step=3)).frames[:]) == [2, 5, 8, 11]


def test_a_folder_with_both_given_as_a_mask_gives_its_masks(tmp_path):
    footage = save_pictures(tmp_path / "clip", numbered_frames(4))
    both = save_pictures(tmp_path / "both", numbered_frames(4), "{}_image.png")
    save_pictures(both, masks(4), "{}_mask.png")
    clip = read_clip(str(footage), ALL, mask=str(both))
    np.testing.assert_array_equal(clip.frames[:][..., 3], masks(4)[..., 0])


def test_a_mask_that_is_given_replaces_those_beside_the_pictures(tmp_path):
    both = save_pictures(tmp_path / "both", numbered_frames(4), "{}_image.png")
    save_pictures(both, masks(4), "{}_mask.png")
    given = save_pictures(tmp_path / "given", masks(6)[2:])
    np.testing.assert_array_equal(read_clip(str(both), ALL, mask=str(given)).frames[:][..., 3], masks(6)[2:, ..., 0])


@pytest.mark.parametrize("names", ["mask_{}.png", "alpha_{:03d}.png", "{}_matte.png"])
def test_pictures_that_are_all_called_masks_are_pictures(tmp_path, names):
    assert numbers_of(read_clip(str(save_pictures(tmp_path, numbered_frames(3), names)), ALL).frames[:]) == [0, 1, 2]


@pytest.mark.fault("A folder in which one picture has no mask came as a clip of pictures and masks")
@pytest.mark.parametrize(
    ("pictures", "of_masks", "lone"), [(4, 3, "3_image.png has no mask"), (3, 4, "3 pictures and 4 masks")]
)
def test_a_mask_too_few_or_too_many_is_said(tmp_path, pictures, of_masks, lone):
    save_pictures(tmp_path, numbered_frames(pictures), "{}_image.png")
    save_pictures(tmp_path, masks(of_masks), "{}_mask.png")
    with pytest.raises(MediaError, match=lone) as refusal:
        read_clip(str(tmp_path), ALL)
    assert "one mask" in refusal.value.cure


@pytest.mark.fault("Two sequences in one folder came as one clip, the second after the first")
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("walk_{}.png", "run_{}.png"),
        ("walk_{}.png", "walk_{}.jpg"),
        ("a{:03d}.png", "depth{:03d}.png"),
        ("{}.png", "preview.png"),
    ],
)
def test_a_folder_with_other_pictures_is_refused_with_a_pattern(tmp_path, first, second):
    save_pictures(tmp_path, numbered_frames(5), first)
    save_pictures(tmp_path, numbered_frames(3) if "{" in second else numbered_frames(1), second)
    with pytest.raises(MediaError, match="mixes pictures of different names: 5 like") as refusal:
        read_clip(str(tmp_path), ALL)
    pattern = refusal.value.cure.split("such as ")[1].split(",")[0]
    assert is_pattern(pattern) and (tmp_path / pattern).parent == tmp_path


@pytest.mark.parametrize(
    "names",
    [
        ["walk.png", "walk (2).png", "walk (3).png"],
        ["red.png", "green.png", "blue.png"],
        ["f1_a7.png", "f2_c9.png", "f3_e1.png"],
        ["shot 2024-05-01 10.00.01.png", "shot 2024-05-01 10.00.02.png", "shot 2024-05-01 10.00.03.png"],
        ["walk_8.png", "walk_9.png", "walk_10.png"],
        ["w1.png", "w_02.png", "W3.PNG"],
    ],
)
def test_names_that_may_be_one_clip_are_one(tmp_path, names):
    for name, picture in zip(names, numbered_frames(3), strict=True):
        Image.fromarray(picture).save(tmp_path / name)
    assert len(read_clip(str(tmp_path), ALL).frames) == 3


@pytest.mark.parametrize(
    ("pattern", "fitting", "others"),
    [
        ("walk_*.png", ["walk_.png", "walk_1.png", "walk_a.b.png"], ["walk.png", "walk_1.jpg", "a_walk_1.png"]),
        ("walk_%04d.png", ["walk_0001.png", "walk_12345.png"], ["walk_1.png", "walk_.png", "walk_00a1.png"]),
        ("%d.png", ["1.png", "0123.png"], [".png", "a1.png", "1a.png", "\u0661.png"]),
        ("a?c", ["abc", "a?c", "a\U0001f600c"], ["ac", "abbc"]),
        ("*%d*", ["1", "a1", "1a", "a12b"], ["", "ab"]),
        ("*%2d5?", ["a125x", "125x", "1255x"], ["a15x", "125"]),
        ("**", ["", "a"], []),
        ("[a]*.png", ["[a]1.png"], ["a1.png"]),
        ("100%.png*", ["100%.png"], ["100.png"]),
    ],
)
def test_patterns_fit_whole_names(pattern, fitting, others):
    fits = matcher(pattern)
    assert [name for name in fitting if not fits(name)] == [] == [name for name in others if fits(name)]


@pytest.mark.fault("A pattern with many stars kept the program busy for hours over one long name")
@pytest.mark.parametrize(
    "pattern", ["*a" * 60 + "b.png", "%d?" * 40 + "b.png", "*" * 200 + "b.png", "?*" * 90 + "b.png"]
)
def test_a_pattern_of_many_stars_is_answered_at_once(pattern):
    fits = matcher(pattern)
    assert not fits("a" * 250 + ".png") and not fits("1" * 250 + ".png")


@pytest.mark.fault("A pattern with a number of fourteen digits was a fault of the program's own")
@pytest.mark.parametrize("pattern", ["%99999999999999d.png", "%0999999999999999999999999999999d.png", "%256d.png"])
def test_numbers_longer_than_any_name_fit_nothing(tmp_path, pattern):
    save_pictures(tmp_path, numbered_frames(2))
    with pytest.raises(MediaError, match="contains no pictures"):
        read_clip(str(tmp_path / pattern), ALL)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.fault("A pipe or a link to itself among the pictures stopped the program for good")
def test_what_is_no_file_is_left_out_of_a_folder(tmp_path):
    folder = save_pictures(tmp_path / "walk", numbered_frames(3))
    os.mkfifo(folder / "walk_3.png")
    (folder / "walk_4.png").symlink_to(folder / "walk_4.png")
    (folder / "walk_5.png").mkdir()
    (folder / "walk_6.png").symlink_to("/dev/zero")
    assert numbers_of(read_clip(str(folder), ALL).frames[:]) == [0, 1, 2]


def test_a_folder_of_many_files_can_be_left_at_once(tmp_path):
    save_pictures(tmp_path, numbered_frames(9, 8, 8))
    asked = []
    with pytest.raises(Cancelled):
        read_clip(str(tmp_path), ALL, progress=Progress(cancelled=lambda: asked.append(1) or len(asked) == 5))
    assert len(asked) == 5
