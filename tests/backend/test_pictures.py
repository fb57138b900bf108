import numpy as np
import pytest
from PIL import Image

from actionmesh.errors import MediaError
from actionmesh.media.reader import read_clip
from actionmesh.protocol import FrameChoice
from tests.backend.media_files import cut, numbered_frames, numbers_of, save_pictures, write_video

ALL = FrameChoice()


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_animated_pictures_bring_transparency_and_times(tmp_path, name):
    pictures = []
    for number in range(5):
        pixels = np.zeros((24, 32, 4), np.uint8)
        pixels[6:18, number : number + 12] = (40 * number + 40, 90, 90, 255)
        pictures.append(Image.fromarray(pixels))
    path = tmp_path / name
    options = {"lossless": True} if name == "a.webp" else {"disposal": 2} if name == "a.gif" else {}
    durations = [100, 200, 50, 100, 100]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=durations, loop=0, **options)
    clip = read_clip(str(path), FrameChoice(start=1, count=2, step=2))
    assert clip.has_alpha and clip.indices.tolist() == [1, 3]
    np.testing.assert_allclose(clip.times, [0, 0.25])
    expected = np.stack([np.asarray(pictures[1]), np.asarray(pictures[3])])
    np.testing.assert_array_equal(clip.frames[:][..., 3], expected[..., 3])
    assert np.abs(clip.frames[:].astype(int) - expected)[expected[..., 3] > 0].max() <= 8


def test_a_gif_without_times_runs_at_ten_frames_a_second(tmp_path):
    path = tmp_path / "a.gif"
    pictures = [Image.fromarray(pixels) for pixels in numbered_frames(3)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:])
    np.testing.assert_allclose(read_clip(str(path), ALL).times, [0, 0.1, 0.2])


def test_pictures_come_in_natural_order_at_24_frames_a_second(tmp_path):
    folder = save_pictures(tmp_path / "walk", numbered_frames(12))
    (folder / "notes.txt").write_text("no picture")
    (folder / "._walk_0.png").write_bytes(b"what another system leaves behind")
    clip = read_clip(str(folder), ALL)
    assert numbers_of(clip.frames[:]) == list(range(12))
    np.testing.assert_allclose(clip.times, np.arange(12) / 24)
    np.testing.assert_allclose(read_clip(str(folder), ALL, fps=8).times, np.arange(12) / 8)


def test_patterns_pick_their_pictures(tmp_path):
    folder = save_pictures(tmp_path, numbered_frames(3), "walk_{:04d}.png")
    save_pictures(tmp_path, numbered_frames(13)[10:], "other_{}.png")
    for pattern in ("walk_*.png", "walk_%04d.png", "walk_000?.png", "w*k_%d.png"):
        assert numbers_of(read_clip(str(folder / pattern), ALL).frames[:]) == [0, 1, 2]
    with pytest.raises(MediaError, match="contains no pictures"):
        read_clip(str(folder / "walk_%05d.png"), ALL)


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path):
    path = write_video(tmp_path / "50%d.mp4", numbered_frames(3))
    assert len(read_clip(str(path), ALL).frames) == 3


def picture_of(mode: str) -> Image.Image:
    ramp = np.linspace(0, 255, 32)[None].repeat(16, 0)
    if mode == "I;16":
        return Image.fromarray((ramp * 257).astype(np.uint16))
    grey = Image.fromarray(ramp.astype(np.uint8))
    if mode == "P":
        return grey.convert("RGB").convert("P", palette=Image.Palette.ADAPTIVE)
    return grey.convert("RGB").convert(mode)


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [
        ("I;16", ".png"),
        ("I;16", ".tif"),
        ("L", ".png"),
        ("LA", ".png"),
        ("P", ".png"),
        ("CMYK", ".jpg"),
        ("RGB", ".bmp"),
    ],
)
def test_any_kind_of_picture_becomes_8_bit_rgba(tmp_path, mode, suffix):
    for number in range(2):
        picture_of(mode).save(tmp_path / f"{number}{suffix}")
    frames = read_clip(str(tmp_path), ALL).frames[:]
    np.testing.assert_allclose(frames[0, 8, :, 0], np.linspace(0, 255, 32), atol=6)


def test_the_camera_s_rotation_is_undone(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    for number, pixels in enumerate(numbered_frames(60)[58:]):
        Image.fromarray(pixels).save(tmp_path / f"{number}.jpg", exif=exif)
    frames = read_clip(str(tmp_path), ALL).frames[:]
    assert frames.shape == (2, 64, 48, 4)
    assert frames[0, :12, -8:, 0].max() < 20 < 200 < frames[0, -16:, :, 0].min()


def test_truncated_pictures_are_refused_by_name(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (3, 48, 64, 3), np.uint8)
    cut(save_pictures(tmp_path, noise) / "walk_1.png", 0.5)
    with pytest.raises(MediaError, match=r"walk_1.png is damaged .*frame 1"):
        read_clip(str(tmp_path), ALL)
