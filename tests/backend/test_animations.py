"""Animated pictures: layers and their disposal match what browsers show."""

import numpy as np
import pytest
from PIL import Image

from actionmesh.errors import MediaError
from actionmesh.media.reader import open_source, read_clip
from actionmesh.protocol import FrameChoice

from .animations import BACKGROUND, KEEP, PREVIOUS, Part, apng, gif, shown
from .media_files import numbered_frames, write_video

WIDTH, HEIGHT = 24, 16
ALL = FrameChoice()


def whole(colour: int) -> np.ndarray:
    return np.full((HEIGHT, WIDTH), colour)


def block(colour: int) -> np.ndarray:
    return np.full((6, 8), colour)


def ring(colour: int) -> np.ndarray:
    colours = block(colour)
    colours[1:-1, 1:-1] = -1
    return colours


CLIPS = {
    "over each other": lambda then: [
        Part(whole(1), then=then),
        Part(ring(2), 3, 4, then),
        Part(block(3), 10, 5, then),
        Part(ring(1), 5, 6),
    ],
    "a small one first": lambda then: [Part(block(1), 4, 3, then), Part(ring(2), 3, 4, then), Part(ring(3), 10, 5)],
    "two kinds of after": lambda then: [
        Part(whole(1)),
        Part(block(2), 3, 4, then),
        Part(ring(3), 5, 5),
        Part(ring(2), 1, 1, then),
        Part(ring(1), 7, 7),
    ],
    "instead of what is there": lambda then: [
        Part(whole(1)),
        Part(ring(2), 3, 4, then, over=False),
        Part(ring(3), 5, 5, over=False),
        Part(ring(2), 1, 1),
    ],
}
CASES = [(name, then) for name in CLIPS for then in (KEEP, BACKGROUND, PREVIOUS)]


def require_shown(path, parts) -> None:
    frames = read_clip(str(path), ALL).frames[:]
    expected = np.stack(shown(parts, WIDTH, HEIGHT))
    np.testing.assert_array_equal(frames[..., 3], expected[..., 3])
    np.testing.assert_array_equal(frames[expected[..., 3] > 0], expected[expected[..., 3] > 0])


@pytest.mark.fault("A GIF's pictures were left standing, or on a coloured ground, where browsers take them away")
@pytest.mark.parametrize(("name", "then"), [case for case in CASES if case[0] != "instead of what is there"])
def test_a_gif_is_drawn_as_browsers_draw_it(tmp_path, name, then):
    parts = CLIPS[name](then)
    path = tmp_path / "a.gif"
    path.write_bytes(gif(parts, WIDTH, HEIGHT))
    require_shown(path, parts)


@pytest.mark.fault("A GIF's picture that says nothing of itself was taken away as the one before it was")
def test_a_gif_s_picture_without_a_disposal_stays(tmp_path):
    parts = [Part(whole(1)), Part(block(2), 3, 4, BACKGROUND), Part(block(3), 10, 5), Part(ring(1), 5, 6)]
    (tmp_path / "a.gif").write_bytes(gif(parts, WIDTH, HEIGHT, disposals=[1, 2, 0, 0]))
    require_shown(tmp_path / "a.gif", parts)


@pytest.mark.fault("An APNG's pictures stayed where browsers put back what was there before")
@pytest.mark.parametrize(("name", "then"), CASES)
def test_an_apng_is_drawn_as_browsers_draw_it(tmp_path, name, then):
    parts = CLIPS[name](then)
    path = tmp_path / "a.png"
    path.write_bytes(apng(parts, WIDTH, HEIGHT))
    require_shown(path, parts)


@pytest.mark.fault("An APNG's picture for programs without APNG came as the clip's first frame")
@pytest.mark.parametrize("name", CLIPS)
def test_an_apng_s_hidden_picture_is_no_frame(tmp_path, name):
    parts = CLIPS[name](PREVIOUS)
    path = tmp_path / "a.apng"
    path.write_bytes(apng(parts, WIDTH, HEIGHT, hidden=Part(whole(3))))
    require_shown(path, parts)
    assert open_source(str(path)).rate() == pytest.approx(10)


def test_a_gif_s_pictures_are_clipped_to_the_canvas_that_the_first_needs(tmp_path):
    parts = [Part(whole(1)), Part(block(2), 20, 12)]
    (tmp_path / "a.gif").write_bytes(gif(parts, 1, 1))
    require_shown(tmp_path / "a.gif", parts)


def test_a_gif_without_an_end_mark_or_with_padding_is_whole(tmp_path):
    parts = CLIPS["over each other"](KEEP)
    data = gif(parts, WIDTH, HEIGHT)
    (tmp_path / "a.gif").write_bytes(data[:-1])
    require_shown(tmp_path / "a.gif", parts)
    (tmp_path / "a.gif").write_bytes(data.replace(b"!\xf9", b"\0\0!\xf9"))
    require_shown(tmp_path / "a.gif", parts)


@pytest.mark.fault("A picture of 205 bytes that claims two thousand million frames kept the program busy without end")
@pytest.mark.parametrize("claimed", [2**31, 2**31 - 1, 2**32 - 1])
def test_an_apng_has_the_pictures_that_are_in_it_whatever_it_claims(tmp_path, claimed):
    path = tmp_path / "a.png"
    path.write_bytes(apng([Part(whole(1))], WIDTH, HEIGHT, claimed=claimed))
    with pytest.raises(MediaError, match="has 1 frame, but an animation needs"):
        read_clip(str(path), ALL)
    parts = [Part(whole(1)), Part(block(2), 1, 1)]
    path.write_bytes(apng(parts, WIDTH, HEIGHT, claimed=claimed))
    require_shown(path, parts)


@pytest.mark.parametrize("make", [gif, apng])
def test_an_animation_that_breaks_off_is_read_up_to_there(tmp_path, make):
    data = make(CLIPS["over each other"](KEEP), WIDTH, HEIGHT)
    path = tmp_path / "a.png"
    path.write_bytes(data[: len(data) - 40])
    with pytest.raises(MediaError, match=r"a.png is damaged: it ends early, at frame 3\."):
        read_clip(str(path), ALL)
    assert len(read_clip(str(path), FrameChoice(count=3)).frames) == 3


@pytest.mark.fault("A photograph of a phone with a second picture in it was taken for a clip of two frames")
def test_the_two_pictures_of_one_photograph_are_no_clip(tmp_path):
    pictures = [Image.new("RGB", (32, 24), colour) for colour in ("red", "blue")]
    pictures[0].save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=pictures[1:])
    with pytest.raises(MediaError, match="has 1 frame, but an animation needs"):
        read_clip(str(tmp_path / "a.jpg"), ALL)


@pytest.mark.fault("An animated picture that was turned by its camera's tag came lying on its side")
def test_an_animated_webp_is_turned_as_it_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    pictures = [Image.new("RGB", (32, 24), colour) for colour in ("red", "blue")]
    pictures[0].save(tmp_path / "a.webp", save_all=True, append_images=pictures[1:], exif=exif, duration=50)
    assert read_clip(str(tmp_path / "a.webp"), ALL).frames.shape == (2, 32, 24, 4)


@pytest.mark.fault("An animated picture without any width was a fault of the program's own")
@pytest.mark.parametrize(("width", "height"), [(0, HEIGHT), (WIDTH, 0), (2**31 - 1, 2**31 - 1)])
def test_an_animation_without_pixels_or_with_too_many_is_refused(tmp_path, width, height):
    (tmp_path / "a.png").write_bytes(apng([Part(whole(1)), Part(whole(2))], width, height))
    with pytest.raises(MediaError, match=f"a.png has {width} x {height} pixels"):
        read_clip(str(tmp_path / "a.png"), ALL)


@pytest.mark.fault("The times of a long AVIF clip drifted")
def test_the_times_of_an_avif_do_not_drift(tmp_path):
    path = write_video(tmp_path / "a.avif", numbered_frames(48), "libsvtav1", preset="13")
    np.testing.assert_allclose(read_clip(str(path), ALL).times, np.arange(48) / 24, atol=2e-3)
