"""The subject of an ordinary clip is found without a download, with its doubt, and kept beside the job."""

import logging

import numpy as np
import pytest
from PIL import Image

from actionmesh.errors import Cancelled, MediaError
from actionmesh.media.clip import Clip
from actionmesh.progress import Progress
from actionmesh.protocol import Area, Picks, Spot
from actionmesh.segmentation.choice import Means, cut_out, within
from actionmesh.segmentation.found import Found, coded
from actionmesh.segmentation.hints import picks_by_frame
from actionmesh.segmentation.kept_masks import MaskFolder, key_of
from actionmesh.segmentation.matting import enlarged
from actionmesh.segmentation.motion import motion_between
from actionmesh.segmentation.seeds import find_subject

from .ordinary_clips import HEIGHT, WIDTH, ordinary_clip


def clip_of(frames: np.ndarray) -> Clip:
    count = len(frames)
    return Clip(frames, np.arange(count) / 24, np.arange(count) + 10, False, "walk.mp4")


def overlaps(cut: Clip, truth: np.ndarray) -> np.ndarray:
    """Return the intersection over union of each frame."""
    ours = cut.frames[:][..., 3] >= 128
    return (ours & truth).sum(axis=(1, 2)) / (ours | truth).sum(axis=(1, 2))


@pytest.mark.parametrize("pan", [0.0, 3.0], ids=["still camera", "panning camera"])
def test_what_moves_is_found_before_a_busy_background(pan):
    frames, truth = ordinary_clip(pan=pan)
    events = []
    cut = cut_out(clip_of(frames), progress=Progress(events.append))
    assert overlaps(cut, truth).min() > 0.75
    assert 0 <= cut.doubt < 0.2 and not cut.doubtful and not cut.notes and len(cut.crops) == len(frames)
    assert [event.step for event in events if event.total == 8] == list(range(9))


def test_a_point_chooses_among_two_that_move():
    frames, truth = ordinary_clip()
    upside_down = frames[:, ::-1, ::-1]
    beside = np.concatenate([frames, upside_down], axis=2)
    here, there = (
        np.concatenate([truth, 0 * truth], axis=2) > 0,
        np.concatenate([0 * truth, truth[:, ::-1, ::-1]], 2) > 0,
    )
    for mask in (here, there):
        row, column = (int(axis.mean()) for axis in np.nonzero(mask[0]))
        cut = cut_out(clip_of(beside), picks=Picks(point=(Spot(column, row),)))
        assert overlaps(cut, mask).min() > 0.6


def two_that_move() -> tuple[np.ndarray, np.ndarray]:
    """Return frames (8, HEIGHT, 2 * WIDTH, 4) with two subjects, and the masks of the right one."""
    frames, truth = ordinary_clip()
    turned = truth[:, ::-1, ::-1]
    return np.concatenate([frames, frames[:, ::-1, ::-1]], axis=2), np.concatenate([0 * turned, turned], axis=2) > 0


@pytest.mark.fault("A point outside the subject, in an earlier frame than any on it, makes the search begin there")
def test_the_search_begins_where_the_subject_was_pointed_at():
    frames, there = two_that_move()
    row, column = (int(axis.mean()) for axis in np.nonzero(there[5]))
    picks = Picks(point=(Spot(column, row, 15),), not_point=(Spot(2, 2, 10),))
    assert overlaps(cut_out(clip_of(frames), picks=picks), there).min() > 0.6
    seen, _ = find_subject(lambda number: frames[number, ..., :3], 8, picks_of(picks, frames), lambda: None)
    assert seen.frame == 5


def picks_of(picks: Picks, frames: np.ndarray) -> dict:
    return picks_by_frame(picks, np.arange(len(frames)) + 10, 0, *frames.shape[2:0:-1], "walk.mp4")


@pytest.mark.fault("A look at a frame in which only a point outside the subject lies finds nothing but that")
def test_a_part_of_a_clip_without_a_point_of_the_subject_has_no_picks():
    frames, _ = ordinary_clip(4)
    clip = clip_of(frames)
    there, outside = (Spot(30, 40, 15),), (Spot(1, 1, 12),)
    assert within(Picks(there, outside), clip) == Picks()
    here = Picks((Spot(30, 40), *there), outside)
    assert within(here, clip) == Picks((Spot(30, 40),), outside)


@pytest.mark.fault("A clip of a few pixels, or a very wide one, ends in an error of the optical flow")
@pytest.mark.parametrize("size", [(8, 8), (11, 11), (7, 288), (3, 288), (288, 5), (12, 12), (12, 288), (1, 40)])
def test_small_and_very_wide_clips_are_searched_too(size):
    frames = np.random.default_rng(0).integers(0, 256, (4, *size, 4), np.uint8)
    frames[..., 3] = 255
    motion = motion_between(*frames[:2, ..., :3])
    assert motion.flow.shape == (*size, 2) and np.isfinite(motion.flow).all() and motion.camera.shape == (2, 3)
    assert cut_out(clip_of(frames), picks=Picks(point=(Spot(size[1] // 2, size[0] // 2),))).frames.shape == frames.shape


@pytest.mark.fault("A subject that is lost for some frames lowers the doubt that is told")
def test_frames_that_do_not_show_the_subject_say_nothing_about_doubt(monkeypatch):
    frames, _ = ordinary_clip(10, hidden=(4, 5))
    monkeypatch.setattr("actionmesh.segmentation.following._confusion", lambda *_: 0.5)
    cut = cut_out(clip_of(frames))
    assert set(cut.absent) == {4, 5} and cut.doubt == 0.5


def test_a_box_holds_the_subject_in_its_frame():
    frames, truth = ordinary_clip()
    rows, columns = np.nonzero(truth[3])
    box = Area(columns.min() - 4, rows.min() - 4, columns.max() + 4, rows.max() + 4, 13)
    cut = cut_out(clip_of(frames), picks=Picks(box=(box,)))
    outside = np.ones_like(truth[3])
    outside[rows.min() - 8 : rows.max() + 8, columns.min() - 8 : columns.max() + 8] = False
    assert overlaps(cut, truth)[3] > 0.75 and not (cut.frames[3][..., 3][outside] >= 128).any()


@pytest.mark.fault("The subject is hidden in some frames of an ordinary clip")
def test_frames_in_which_the_subject_is_hidden_are_named():
    frames, truth = ordinary_clip(10, hidden=(4, 5))
    cut = cut_out(clip_of(frames))
    assert set(cut.absent) == {4, 5}
    assert cut.notes[0] == "Frames 14, 15 do not show the subject; the poses are taken from the frames around them."
    np.testing.assert_array_equal(cut.frames[4], cut.frames[3])
    np.testing.assert_array_equal(cut.frames[5], cut.frames[6])
    assert np.delete(overlaps(cut, truth), (4, 5)).min() > 0.6


@pytest.mark.fault("A subject that looks like its background is cut out as if nothing were wrong")
def test_a_subject_that_looks_like_its_background_is_told(caplog):
    frames, _ = ordinary_clip(alike=True)
    with caplog.at_level(logging.WARNING, logger="actionmesh"):
        cut = cut_out(clip_of(frames))
    assert cut.doubt >= 0.2 and cut.doubtful
    note = f"Along {100 * cut.doubt:.0f}% of its outline, the subject of walk.mp4 looks like its background."
    assert cut.notes[-1].startswith(note) and note in caplog.text


def test_picks_outside_the_frame_or_the_chosen_frames_are_refused():
    frames, _ = ordinary_clip(4)
    with pytest.raises(MediaError, match="point at 128,5 lies outside the frames of walk.mp4, of 128 x 96 pixels"):
        cut_out(clip_of(frames), picks=Picks(point=(Spot(WIDTH, 5),)))
    with pytest.raises(MediaError, match="in frame 30 of walk.mp4, which is not one of the chosen") as caught:
        cut_out(clip_of(frames), picks=Picks(point=(Spot(5, 5, 30),)))
    assert "such as 13" in caught.value.cure


def test_picks_without_a_frame_belong_to_the_reference_frame():
    found = picks_by_frame(Picks((Spot(32, 24), Spot(64, 48, 11))), np.arange(10, 14), 3, WIDTH, HEIGHT, "a")
    assert sorted(found) == [1, 3]
    np.testing.assert_allclose(found[3].on, [[0.25, 0.25]])
    np.testing.assert_allclose(found[1].on, [[0.5, 0.5]])


def test_alpha_goes_before_picks_and_that_is_said():
    frames, truth = ordinary_clip(3)
    frames[..., 3] = 255 * truth
    clip = Clip(frames, np.arange(3) / 24, np.arange(3), True, "walk.mp4")
    cut = cut_out(clip, picks=Picks(point=(Spot(1, 1),)))
    np.testing.assert_array_equal(cut.frames, frames)
    assert "the points and boxes had no effect" in cut.notes[0]


def test_cancelling_stops_the_search():
    frames, _ = ordinary_clip(6)
    events = []
    with pytest.raises(Cancelled):
        cut_out(clip_of(frames), progress=Progress(events.append, lambda: len(events) > 3))
    assert len(events) == 4


class TestKeptMasks:
    """Masks beside the job."""

    @pytest.fixture
    def kept(self, tmp_path):
        frames, _ = ordinary_clip(4)
        means = Means(folder=MaskFolder(tmp_path / "walk_masks"))
        return clip_of(frames), means, cut_out(clip_of(frames), means)

    def test_they_are_written_and_used_again(self, kept, monkeypatch):
        clip, means, first = kept
        names = sorted(path.name for path in means.folder.path.iterdir())
        assert names == [*(f"mask_{number:06d}.png" for number in range(10, 14)), "masks.json"]
        monkeypatch.setattr("actionmesh.segmentation.choice.follow", None)
        again = cut_out(clip, means)
        assert again.doubt == first.doubt
        np.testing.assert_array_equal(again.frames[:], first.frames[:])

    def test_a_mask_that_was_corrected_by_hand_counts(self, kept):
        clip, means, _ = kept
        corrected = np.zeros((HEIGHT, WIDTH), np.uint8)
        corrected[10:30, 20:50] = 255
        Image.fromarray(corrected).save(means.folder.path / "mask_000011.png")
        np.testing.assert_array_equal(cut_out(clip, means).frames[1][..., 3], corrected)

    @pytest.mark.fault("A kept mask was truncated, or its folder belongs to another clip")
    def test_damaged_masks_and_those_of_other_picks_are_made_again(self, kept):
        clip, means, first = kept
        path = means.folder.path / "mask_000012.png"
        path.write_bytes(path.read_bytes()[:40])
        np.testing.assert_array_equal(cut_out(clip, means).frames[:], first.frames[:])
        assert path.stat().st_size > 40
        before = (means.folder.path / "masks.json").read_text()
        cut_out(clip, means, picks=Picks(point=(Spot(50, 48),)))
        assert (means.folder.path / "masks.json").read_text() != before

    @pytest.mark.fault("Masks were corrected by hand, and then a job with other picks wrote its own over them")
    def test_corrected_masks_outlive_a_job_with_other_picks(self, kept):
        clip, means, _ = kept
        path = means.folder.path / "mask_000011.png"
        Image.fromarray(np.full((HEIGHT, WIDTH), 255, np.uint8)).save(path)
        before = {each.name: each.read_bytes() for each in means.folder.path.iterdir()}
        cut = cut_out(clip, means, picks=Picks(point=(Spot(50, 48),)))
        assert {each.name: each.read_bytes() for each in means.folder.path.iterdir()} == before
        assert f"because mask_000011.png in {means.folder.path} was corrected by hand" in cut.notes[-1]

    def test_each_tracker_has_masks_of_its_own(self, kept):
        clip, means, _ = kept
        keys = {key_of(clip, {}, way) for way in ("following", "tracking tiny", "tracking large")}
        assert len(keys) == 3

    def test_a_folder_of_the_user_s_is_left_alone(self, kept, tmp_path):
        clip, _, first = kept
        own = tmp_path / "own_masks"
        own.mkdir()
        (own / "thesis.txt").write_text("mine")
        cut = cut_out(clip, Means(folder=MaskFolder(own)))
        assert [path.name for path in own.iterdir()] == ["thesis.txt"]
        assert "holds something else" in cut.notes[-1]
        np.testing.assert_array_equal(cut.frames[:], first.frames[:])


def test_the_camera_s_motion_is_told_from_the_subject_s():
    frames, truth = ordinary_clip(2, pan=3.0)
    motion = motion_between(frames[0, ..., :3].copy(), frames[1, ..., :3].copy())
    np.testing.assert_allclose(motion.camera, [[1, 0, -3], [0, 1, 0]], atol=0.25)
    assert np.median(motion.own[truth[0]]) > 2 and np.median(motion.own[~truth[0]]) < 0.5


def test_an_enlarged_mask_follows_the_frame_s_edge():
    """The mask's edge is two pixels of the large frame off; the frame's own edge is at column 100."""
    frame = np.zeros((120, 200, 3), np.uint8)
    frame[:, 100:] = 200
    small = np.zeros((30, 50), np.uint8)
    small[:, 25:] = 255
    alpha = enlarged(np.roll(small, 1, axis=1), frame)[20:100, 20:180]
    assert (alpha[:, 40:76] < 128).all() and (alpha[:, 88:] >= 128).all()
    assert enlarged(frame[..., 0], frame) is not None


def test_masks_survive_their_coding():
    mask = np.random.default_rng(0).integers(0, 256, (7, 9), np.uint8)
    np.testing.assert_array_equal(Found([coded(mask)])[0], mask)
