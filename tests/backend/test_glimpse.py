"""One frame of a clip, and the facts about the whole clip."""

import numpy as np
import pytest
from PIL import Image

from actionmesh.errors import InputError, MediaError
from actionmesh.media.glimpse import read_glimpse
from actionmesh.media.reader import open_source
from actionmesh.protocol import FrameChoice

from .media_files import cut, numbered_frames, numbers_of, save_pictures, write_video


@pytest.mark.parametrize(("anchor", "frame"), [(0, 2), (1, 5), (-1, 14)])
def test_the_frame_of_a_video_is_found_by_its_place_among_those_chosen(tmp_path, anchor, frame):
    video = write_video(tmp_path / "clip.mp4", numbered_frames(30), rate=12)
    seen = read_glimpse(str(video), FrameChoice(2, 5, 3), anchor, None, None, 512)
    assert (seen.clip_frames, seen.chosen, seen.frame, seen.width, seen.height) == (30, 5, frame, 64, 48)
    assert seen.fps == pytest.approx(12)
    assert numbers_of(seen.clip.frames[:]) == [frame] and seen.picture.shape == (48, 64, 4)


def test_the_whole_clip_is_told_though_a_part_is_chosen_and_the_picture_is_shrunk(tmp_path):
    video = write_video(tmp_path / "clip.mp4", numbered_frames(200))
    seen = read_glimpse(str(video), FrameChoice(0, 4), 3, None, None, 16)
    assert (seen.clip_frames, seen.chosen, seen.width, seen.height, seen.picture.shape) == (200, 4, 64, 48, (12, 16, 4))


def test_a_mask_is_the_alpha_and_given_frame_rates_count(tmp_path):
    clip = save_pictures(tmp_path / "clip", numbered_frames(4))
    masks = np.zeros((4, 48, 64, 3), np.uint8)
    masks[2, :, :32] = 255
    mask = save_pictures(tmp_path / "mask", masks)
    seen = read_glimpse(str(clip), FrameChoice(), 2, str(mask), 7.5, 512)
    assert seen.fps == 7.5
    assert (seen.picture[:, :32, 3] == 255).all() and (seen.picture[:, 32:, 3] == 0).all()


def test_frames_that_were_not_chosen_are_refused(tmp_path):
    clip = save_pictures(tmp_path / "clip", numbered_frames(4))
    for anchor in (4, -5):
        with pytest.raises(InputError, match=f"{anchor}, and 4 frames"):
            read_glimpse(str(clip), FrameChoice(), anchor, None, None, 512)
    with pytest.raises(MediaError, match="4 frames"):
        read_glimpse(str(clip), FrameChoice(count=9), 0, None, None, 512)


def test_rate_of_a_video_is_the_average_of_its_times(tmp_path):
    video = write_video(tmp_path / "clip.webm", numbered_frames(4), "libvpx-vp9", milliseconds=[0, 100, 250, 600])
    assert open_source(str(video)).rate() == pytest.approx(3 / 0.6)


def test_rate_of_pictures(tmp_path):
    assert open_source(str(save_pictures(tmp_path / "clip", numbered_frames(3)))).rate() == 24
    frames = [Image.fromarray(pixels) for pixels in numbered_frames(4)]
    path = tmp_path / "clip.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=[50, 100, 150, 900])
    assert open_source(str(path)).rate() == pytest.approx(3 / 0.3)
    with pytest.raises(MediaError, match="clip.gif"):
        open_source(str(cut(path, 0.6))).rate()
