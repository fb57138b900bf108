from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from actionmesh.errors import Cancelled, InputError, MediaError
from actionmesh.media import reader
from actionmesh.media.reader import read_clip
from actionmesh.progress import Progress
from actionmesh.protocol import FrameChoice
from tests.backend.media_files import numbered_frames, numbers_of, save_pictures, write_video

ALL = FrameChoice()


def test_frames_are_shrunk_and_never_enlarged(tmp_path):
    path = write_video(tmp_path / "a.mp4", numbered_frames(3, 60, 100))
    assert read_clip(str(path), ALL, max_side=50).frames.shape == (3, 30, 50, 4)
    assert read_clip(str(path), ALL, max_side=500).frames.shape == (3, 60, 100, 4)


def test_shrinking_keeps_hidden_colours_out_of_the_outline(tmp_path):
    frames = np.zeros((2, 64, 64, 4), np.uint8)
    frames[:, 10:51, 10:51] = (250, 200, 150, 255)
    clip = read_clip(str(save_pictures(tmp_path / "a", frames)), ALL, max_side=16)
    seen = clip.frames[:][clip.frames[:][..., 3] > 8]
    assert len(seen) and np.abs(seen[:, :3].astype(int) - (250, 200, 150)).max() <= 2


def mask_frames(count: int, height: int = 48, width: int = 64) -> np.ndarray:
    masks = np.zeros((count, height, width, 3), np.uint8)
    for number, mask in enumerate(masks):
        mask[8:40, 4 + number : 40 + number] = 255
    return masks


def test_a_mask_is_the_alpha_frame_by_frame(tmp_path):
    masks = mask_frames(20)
    masks[:, 20, 20] = 128
    footage = write_video(tmp_path / "a.mp4", numbered_frames(20))
    clip = read_clip(
        str(footage), FrameChoice(start=2, count=3, step=6), mask=str(save_pictures(tmp_path / "m", masks))
    )
    assert clip.has_alpha
    np.testing.assert_array_equal(clip.frames[:][..., 3], masks[[2, 8, 14], ..., 0])
    assert numbers_of(clip.frames[:]) == [2, 8, 14]


def test_a_mask_video_of_another_size_has_clean_black_and_white(tmp_path):
    footage = save_pictures(tmp_path / "a", numbered_frames(20))
    noise = np.random.default_rng(0).integers(-9, 10, (20, 96, 128, 1))
    noisy = (mask_frames(20, 96, 128).astype(int) + noise).clip(0, 255).astype(np.uint8)
    mask = write_video(tmp_path / "mask.mp4", noisy)
    alpha = read_clip(str(footage), ALL, mask=str(mask)).frames[:][..., 3]
    assert alpha.shape == (20, 48, 64)
    assert (alpha[:, -3:] == 0).all() and (alpha[0, 8:16, 8:16] == 255).all()


def test_a_mask_drawn_on_transparency_is_read_by_what_is_visible(tmp_path):
    masks = np.full((3, 48, 64, 4), 255, np.uint8)
    masks[..., 3] = mask_frames(3)[..., 0]
    footage = save_pictures(tmp_path / "a", numbered_frames(3))
    clip = read_clip(str(footage), ALL, mask=str(save_pictures(tmp_path / "m", masks)))
    np.testing.assert_array_equal(clip.frames[:][..., 3], masks[..., 3])


def test_a_mask_with_another_number_of_frames_is_refused(tmp_path):
    footage = save_pictures(tmp_path / "a", numbered_frames(5))
    mask = save_pictures(tmp_path / "m", mask_frames(4))
    with pytest.raises(MediaError, match=r"has 5 frames, but its mask .* has 4"):
        read_clip(str(footage), ALL, mask=str(mask))


def test_a_mask_of_another_shape_is_refused(tmp_path):
    footage = save_pictures(tmp_path / "a", numbered_frames(3))
    mask = save_pictures(tmp_path / "m", mask_frames(3, 64, 48), "mask_{}.png")
    with pytest.raises(MediaError, match=r"mask_0.png .* 48 x 64 .* 64 x 48"):
        read_clip(str(footage), ALL, mask=str(mask))


def test_frames_of_one_shape_and_two_sizes_are_brought_to_the_first(tmp_path):
    save_pictures(tmp_path, numbered_frames(2))
    Image.fromarray(numbered_frames(3, 96, 128)[2]).save(tmp_path / "walk_2.png")
    frames = read_clip(str(tmp_path), ALL).frames[:]
    assert frames.shape == (3, 48, 64, 4) and numbers_of(frames) == [0, 1, 2]


def test_frames_of_two_shapes_are_refused_by_name(tmp_path):
    save_pictures(tmp_path, numbered_frames(2))
    Image.fromarray(numbered_frames(3, 50, 50)[2]).save(tmp_path / "walk_2.png")
    with pytest.raises(MediaError, match=r"walk_2.png .* 50 x 50 .* walk_0.png, the first, is 64 x 48"):
        read_clip(str(tmp_path), ALL)


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        (FrameChoice(start=6), "has 6 frames, so it has no frame 6"),
        (FrameChoice(start=5), "from frame 5 that leaves 1, but 2 were requested"),
        (FrameChoice(count=7), "has 6 frames: from frame 0 that leaves 6, but 7 were requested"),
        (FrameChoice(start=1, count=4, step=2), "from frame 1 in steps of 2 that leaves 3, but 4"),
        (FrameChoice(spread=7), "leaves 6, but 7 were requested"),
        (FrameChoice(start=3, count=4, spread=2), "leaves 3, but 4 were requested"),
        (FrameChoice(step=6), "leaves 1, but 2 were requested"),
    ],
)
def test_frames_that_are_not_there_are_refused_with_their_number(tmp_path, choice, sentence):
    folder = save_pictures(tmp_path / "a", numbered_frames(6))
    movie = write_video(tmp_path / "a.mp4", numbered_frames(6))
    for source in (folder, movie):
        with pytest.raises(MediaError, match=sentence):
            read_clip(str(source), choice)


def test_a_single_frame_is_refused(tmp_path):
    folder = save_pictures(tmp_path / "a", numbered_frames(1))
    movie = write_video(tmp_path / "a.mp4", numbered_frames(1))
    for source in (folder, movie, folder / "walk_0.png"):
        with pytest.raises(MediaError, match="has 1 frame, but an animation needs at least 2"):
            read_clip(str(source), ALL)


def test_more_frames_than_memory_could_hold_are_refused(tmp_path, monkeypatch):
    folder = save_pictures(tmp_path / "a", numbered_frames(6))
    monkeypatch.setattr(reader, "LARGEST_CLIP", 5 * 48 * 64 * 4)
    with pytest.raises(MediaError, match="with 6 frames") as refusal:
        read_clip(str(folder), ALL)
    assert "spread" in refusal.value.cure
    assert len(read_clip(str(folder), FrameChoice(spread=5)).frames) == 5


def test_what_is_no_clip_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mp4").write_text("this is no video\n" * 100)
    (tmp_path / "text.png").write_text("this is no picture\n" * 100)
    (tmp_path / "nothing.mp4").write_bytes(b"")
    for name, sentence in {
        "missing.mp4": "does not exist",
        "missing/*.png": "cannot be read",
        "empty": "contains no pictures",
        "text.mp4": "is not a video",
        "nothing.mp4": "is not a video",
        "text.png": "not a picture",
        "https://example.org/a.mp4": "does not exist",
    }.items():
        source = name if "://" in name else str(tmp_path / name)
        with pytest.raises(MediaError, match=sentence) as refusal:
            read_clip(source, ALL)
        assert Path(name).name in str(refusal.value) or "missing" in str(refusal.value)
        assert refusal.value.cure


def test_reading_reports_every_frame_and_stops_when_asked(tmp_path):
    folder = save_pictures(tmp_path, numbered_frames(6))
    events = []
    read_clip(str(folder), ALL, progress=Progress(report=events.append))
    assert [event.step for event in events] == list(range(7)) and events[-1].total == 6
    with pytest.raises(Cancelled):
        read_clip(str(folder), ALL, progress=Progress(cancelled=lambda: True))


@pytest.mark.parametrize("numbers", [{"fps": 0.0}, {"fps": float("nan")}, {"max_side": 0}])
def test_numbers_out_of_range_are_refused(tmp_path, numbers):
    with pytest.raises(InputError):
        read_clip(str(tmp_path), ALL, **numbers)
