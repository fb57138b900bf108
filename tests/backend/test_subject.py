import cv2
import numpy as np
import pytest

from actionmesh.errors import Cancelled, MediaError
from actionmesh.media.clip import Clip
from actionmesh.media.reader import read_clip
from actionmesh.progress import Progress
from actionmesh.protocol import Area, FrameChoice, Picks, Spot
from actionmesh.segmentation.choice import Means, cut_out
from tests.backend.media_files import save_pictures, write_video

SIDE = 160
WHITE, GREEN, BLUE, BLACK = (255, 255, 255), (40, 177, 70), (30, 60, 190), (0, 0, 0)


def clip_of(frames: np.ndarray, has_alpha: bool = False) -> Clip:
    """Return a clip of (T, H, W, 3 or 4) uint8 that starts at frame 10 of its source."""
    if frames.shape[-1] == 3:
        frames = np.concatenate([frames, np.full_like(frames[..., :1], 255)], axis=-1)
    count = len(frames)
    return Clip(frames, np.arange(count) / 24, np.arange(count) + 10, has_alpha, "walk.mp4")


def creature(count: int = 3, side: int = SIDE) -> np.ndarray:
    """Return (T, side, side, 4) uint8: a shaded, soft-edged body with a hole, a head, a pale belly and a loose ball."""
    scale = max(4 * SIDE, 2 * side) // (4 * SIDE)
    frames = np.zeros((count, 4 * SIDE * scale, 4 * SIDE * scale, 4), np.uint8)
    for number, frame in enumerate(frames):
        x = 250 + 20 * number
        _ellipse(frame, (x, 360), (150, 110), scale, (150, 90, 60, 255))
        _ellipse(frame, (x + 120, 230), (70, 70), scale, (170, 120, 80, 255))
        _ellipse(frame, (x + 30, 380), (50, 40), scale, (232, 226, 215, 255))
        _ellipse(frame, (x - 70, 350), (40, 40), scale, (0, 0, 0, 0))
        _ellipse(frame, (x - 90, 160), (32, 32), scale, (90, 40, 120, 255))
    frames[..., :3] = (frames[..., :3] * np.linspace(1.0, 0.8, frames.shape[1])[:, None, None]).astype(np.uint8)
    premultiplied = frames.astype(np.float32)
    premultiplied[..., :3] *= premultiplied[..., 3:] / 255
    small = np.stack([cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA) for frame in premultiplied])
    small[..., :3] *= 255 / np.maximum(small[..., 3:], 1)
    return np.rint(small).clip(0, 255).astype(np.uint8)


def _ellipse(frame: np.ndarray, centre, radii, scale: int, colour) -> None:
    scaled = [tuple(scale * number for number in numbers) for numbers in (centre, radii)]
    cv2.ellipse(frame, *scaled, 0, 0, 360, colour, -1)


def before(rgba: np.ndarray, background, noise: float = 0.0) -> np.ndarray:
    alpha = rgba[..., 3:] / 255
    composite = rgba[..., :3] * alpha + np.broadcast_to(background, rgba.shape[1:3] + (3,)) * (1 - alpha)
    composite += np.random.default_rng(0).normal(0, noise, composite.shape)
    return np.rint(composite).clip(0, 255).astype(np.uint8)


def overlap(ours: np.ndarray, truth: np.ndarray) -> float:
    """Return the worst frame's intersection over union."""
    ours, truth = ours[..., 3] >= 128, truth[..., 3] >= 128
    return float(((ours & truth).sum(axis=(1, 2)) / (ours | truth).sum(axis=(1, 2))).min())


def backdrop() -> np.ndarray:
    """Return a studio backdrop: brighter at the top, darker in the corners."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / (SIDE - 1)
    return np.repeat((235 - 30 * y - 40 * ((x - 0.5) ** 2 + (y - 0.5) ** 2))[..., None], 3, axis=-1)


@pytest.mark.parametrize("noise", [0.0, 3.0, 8.0])
@pytest.mark.parametrize(
    "background", [WHITE, GREEN, BLUE, BLACK, backdrop()], ids=["white", "green", "blue", "black", "studio"]
)
def test_a_plain_background_is_cut_out(background, noise):
    truth = creature()
    cut = cut_out(clip_of(before(truth, background, noise)))
    assert cut.has_alpha and overlap(cut.frames[:], truth) > 0.95
    assert np.abs(cut.frames[:][..., 3].astype(float) - truth[..., 3]).mean() < 0.02 * 255


@pytest.mark.parametrize("background", [WHITE, GREEN, backdrop()], ids=["white", "green", "studio"])
def test_a_compressed_video_is_cut_out(tmp_path, background):
    truth = creature(5)
    path = write_video(tmp_path / "a.mp4", before(truth, background, 2.0), crf="23", preset="medium")
    cut = cut_out(read_clip(str(path), FrameChoice()))
    assert overlap(cut.frames[:], truth) > 0.95


def test_jpeg_pictures_are_cut_out():
    truth = creature(2)
    pictures = [
        cv2.imdecode(cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 70])[1], cv2.IMREAD_COLOR)
        for frame in before(truth, WHITE, 2.0)
    ]
    assert overlap(cut_out(clip_of(np.stack(pictures))).frames[:], truth) > 0.95


def test_holes_stay_open_and_pale_parts_stay_closed():
    truth = creature(1)
    alpha = cut_out(clip_of(before(np.repeat(truth, 2, axis=0), WHITE))).frames[:][0, ..., 3]
    assert alpha[350 // 4, 180 // 4] == 0
    assert alpha[380 // 4, 280 // 4] == 255


def test_the_outline_is_soft_and_free_of_the_background_s_colour():
    truth = creature(2)
    cut = cut_out(clip_of(before(truth, GREEN))).frames[:]
    soft = (cut[..., 3] > 60) & (cut[..., 3] < 200)
    assert soft.sum() > 100
    red, green = cut[soft][:, 0].astype(int), cut[soft][:, 1].astype(int)
    composited = before(truth, GREEN)[soft].astype(int)
    assert (green - red).mean() < (composited[:, 1] - composited[:, 0]).mean() - 60
    assert np.abs(cut[soft][:, 3].astype(float) - truth[soft][:, 3]).mean() < 25


def test_specks_go_and_loose_parts_of_some_size_stay():
    frames = before(creature(2), WHITE)
    frames[:, 20:22, 130:132] = 0
    alpha = cut_out(clip_of(frames)).frames[:][..., 3]
    assert (alpha[:, 15:27, 125:137] == 0).all()
    assert (alpha[0, 160 // 4, 160 // 4]) == 255


def test_a_subject_that_leaves_the_frame_is_cut_out():
    truth = np.roll(creature(2), 60, axis=1)
    truth[:, :60] = 0
    assert truth[:, -1, :, 3].any()
    assert overlap(cut_out(clip_of(before(truth, WHITE, 2.0))).frames[:], truth) > 0.95


def texture(count: int) -> np.ndarray:
    rough = np.random.default_rng(0).integers(0, 256, (12, 12, 3), np.uint8)
    return np.repeat(cv2.resize(rough, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)[None], count, axis=0)


def test_a_network_answers_where_the_background_is_busy():
    truth = creature(3)
    answers = iter(truth[..., 3] / np.float32(255) + np.float32(0.01))
    events = []
    cut = cut_out(
        clip_of(before(truth, texture(1)[0])), Means(lambda image: next(answers)), Progress(report=events.append)
    )
    assert overlap(cut.frames[:], truth) > 0.99
    assert (cut.frames[:][truth[..., 3] == 0][:, 3] == 0).all()
    assert events[-1].step == 3 and cut.has_alpha


def test_the_network_goes_before_a_plain_background():
    """Its mask is taken even where the colour would find another."""
    cut = cut_out(
        clip_of(before(creature(2), WHITE)), Means(lambda image: np.float32(np.indices(image.shape[:2])[0] > 60))
    )
    assert (cut.frames[:][:, 61:, :, 3] == 255).all() and (cut.frames[:][:, :61, :, 3] == 0).all()


def test_the_network_s_mask_is_all_or_nothing_and_without_crumbs():
    """Otsu's threshold lies between the two levels of the map; a part of 196 pixels goes, one of 225 stays."""
    likely = np.full((SIDE, SIDE), 0.1, np.float32)
    likely[40:100, 40:100] = 0.6
    likely[70:80, 70:80] = 0.9
    likely[5:19, 5:19] = 0.6
    likely[140:155, 140:155] = 0.6
    alpha = cut_out(clip_of(before(creature(2), texture(1)[0])), Means(lambda image: likely)).frames[:][..., 3]
    expected = np.where(likely > 0.3, 255, 0)
    expected[5:19, 5:19] = 0
    np.testing.assert_array_equal(alpha, np.stack([expected, expected]))


def test_crops_have_the_pixels_of_the_source(tmp_path):
    """A frame of 1280 pixels is shrunk to 512 for previews; the crop around the subject in all frames is not."""
    frames = creature(3, 8 * SIDE)
    noise = np.random.default_rng(0).integers(0, 20, frames.shape[:3] + (1,), np.uint8)
    frames[..., :3] = np.where(frames[..., 3:] > 0, frames[..., :3] // 2 + noise, 0)
    clip = read_clip(str(save_pictures(tmp_path / "large", frames)), FrameChoice(), max_side=512)
    cut = cut_out(clip)
    assert cut.frames.shape == (3, 512, 512, 4) and len(cut.crops) == 3
    covered = (frames[..., 3] > 0).any(axis=0)
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    whole = frames[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    for crop, expected in zip(cut.crops, whole, strict=True):
        np.testing.assert_array_equal(crop[..., 3], expected[..., 3])
        seen = expected[..., 3] > 0
        np.testing.assert_array_equal(crop[seen], expected[seen])


def test_a_large_plain_clip_is_cut_out_at_its_own_resolution(tmp_path):
    truth = creature(2, 8 * SIDE)
    grain = np.random.default_rng(1).integers(-6, 7, truth.shape[1:3] + (3,))
    frames = (before(truth, WHITE).astype(int) + grain).clip(0, 255).astype(np.uint8)
    cut = cut_out(read_clip(str(save_pictures(tmp_path / "large", frames)), FrameChoice(), max_side=512))
    box = cut.crops.box
    assert cut.crops.frame_size == (8 * SIDE, 8 * SIDE)
    for crop, original, wanted in zip(cut.crops, frames, truth, strict=True):
        assert overlap(crop[None], wanted[box.slices()][None]) > 0.98
        inside = crop[..., 3] == 255
        np.testing.assert_array_equal(crop[inside, :3], original[box.slices()][inside])


def test_cancelling_stops_the_network():
    calls = []
    frames = before(creature(3), texture(1)[0])

    def remover(image):
        calls.append(1)
        return np.ones(image.shape[:2], np.float32)

    with pytest.raises(Cancelled):
        cut_out(clip_of(frames), Means(remover), Progress(cancelled=lambda: bool(calls)))
    assert len(calls) == 1


def test_the_file_s_own_alpha_is_left_alone():
    frames = creature(2)
    clip = clip_of(frames, has_alpha=True)
    assert cut_out(clip, Means(lambda image: 1 / 0)).frames is frames


@pytest.mark.parametrize("speck", [0, 5])
def test_frames_without_a_subject_take_their_neighbour_s_picture_and_are_named(speck):
    frames = creature(5)
    frames[1:3, ..., 3] = 0
    frames[1:3, :speck, :speck, 3] = 255
    cut = cut_out(clip_of(frames, has_alpha=True))
    assert cut.absent == (1, 2)
    for number, stands_in in enumerate((0, 0, 3, 3, 4)):
        np.testing.assert_array_equal(cut.frames[number], frames[stands_in])
        np.testing.assert_array_equal(cut.crops[number][..., 3], cut.crops[stands_in][..., 3])
    assert cut.notes == ("Frames 11, 12 do not show the subject; the poses are taken from the frames around them.",)


def test_a_keyed_clip_with_an_empty_frame_says_so():
    frames = before(creature(3), GREEN, 3.0)
    frames[2] = before(np.zeros((1, SIDE, SIDE, 4), np.uint8), GREEN, 3.0)[0]
    cut = cut_out(clip_of(frames))
    assert cut.absent == (2,)
    assert cut.notes == ("Frame 12 does not show the subject; the pose is taken from the frames around it.",)


def test_a_clip_that_mostly_shows_no_subject_is_refused():
    frames = creature(4)
    frames[1:, ..., 3] = 0
    with pytest.raises(MediaError, match=r"walk.mp4 shows no subject in frames 11, 12, 13\."):
        cut_out(clip_of(frames, has_alpha=True))


def test_a_subject_cut_off_by_the_edge_is_named():
    truth = np.roll(creature(2), 60, axis=1)
    truth[:, :60] = 0
    (note,) = cut_out(clip_of(truth, has_alpha=True)).notes
    assert note == "The subject reaches beyond the picture's edge in frames 10, 11; what lies outside is guessed."
    assert not cut_out(clip_of(creature(2), has_alpha=True)).notes


def test_many_empty_frames_are_named_in_short():
    frames = np.zeros((30, 16, 16, 4), np.uint8)
    with pytest.raises(MediaError, match=r"frames 10, 11, 12, 13, 14, 15, 16, 17 and others\."):
        cut_out(clip_of(frames, has_alpha=True))


@pytest.mark.fault("A click on the body of a dog before a plain backdrop took the body away, because of its colours")
def test_a_point_that_agrees_with_a_plain_background_leaves_its_clean_outline():
    truth = creature(2)
    clip = clip_of(before(truth, WHITE))
    rows, columns = np.nonzero(truth[0, ..., 3] == 255)
    middle = Spot(float(columns[len(columns) // 2]) + 0.5, float(rows[len(rows) // 2]) + 0.5)
    plain = cut_out(clip).frames[:]
    np.testing.assert_array_equal(cut_out(clip, picks=Picks(point=(middle,))).frames[:], plain)
    whole = Area(0.0, 0.0, float(truth.shape[2]), float(truth.shape[1]))
    np.testing.assert_array_equal(cut_out(clip, picks=Picks(box=(whole,))).frames[:], plain)
    other = cut_out(clip, picks=Picks(point=(middle,), not_point=(Spot(columns[0] + 0.5, rows[0] + 0.5),))).frames[:]
    assert (other != plain).any()
