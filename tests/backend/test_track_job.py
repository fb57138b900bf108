"""The subject of a whole clip, found once: its masks are kept, shown, and used again by the job that follows."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from actionmesh import jobs
from actionmesh.errors import Cancelled, InputError, MediaError
from actionmesh.pipeline import cut_subject
from actionmesh.progress import Progress
from actionmesh.protocol import Animate, FrameChoice, Look, PresetName, Spot, Stage, Track
from actionmesh.protocol.picks import Picks
from actionmesh.track_job import track
from tests.backend.ordinary_clips import ordinary_clip

PICKS = Picks(point=(Spot(44, 48, 0),), not_point=(Spot(100, 10, 0),))
FRAMES = FrameChoice(count=7)


@pytest.fixture(scope="module")
def kept():
    return jobs.KeptModel()


@pytest.fixture
def clip(tmp_path):
    return save(tmp_path / "clip", ordinary_clip(8)[0])


def save(folder, frames):
    folder.mkdir()
    for number, frame in enumerate(frames):
        Image.fromarray(frame[..., :3]).save(folder / f"{number:02d}.png")
    return folder


def request(clip, count=3, **changes):
    out = tuple(str(clip.parent / "tracked" / f"picture_{number}.png") for number in range(count))
    return replace(Track(str(clip), out, picks=PICKS, frames=FRAMES, device="cpu"), **changes)


def run(job, kept, report=lambda event: None, cancelled=lambda: False):
    return track(job, kept, report, cancelled)


def test_pictures_are_spread_over_the_chosen_frames_and_show_the_subject(clip, kept):
    seen = []
    picks = Picks(point=(Spot(48, 48, 1),))
    answer = run(request(clip, picks=picks, frames=FrameChoice(start=1, count=7)), kept, seen.append)
    assert (answer.frames, answer.positions) == ((1, 4, 7), (0, 3, 6))
    assert (answer.width, answer.height) == (128, 96)
    assert {event.stage for event in seen} >= {Stage.READING, Stage.REMOVING_BACKGROUND, Stage.SAVING}
    frames, truth = ordinary_clip(8)
    for number, name in zip(answer.frames, answer.out, strict=True):
        picture = np.array(Image.open(name))
        np.testing.assert_array_equal(picture[..., :3], frames[number, ..., :3])
        found = picture[..., 3] >= 128
        assert (found & truth[number]).sum() / (found | truth[number]).sum() > 0.8


def test_the_animate_job_that_follows_uses_the_masks_and_keeps_a_copy(clip, kept, tmp_path, monkeypatch):
    answer = run(request(clip), kept)
    monkeypatch.setattr("actionmesh.segmentation.choice.follow", None)
    out = tmp_path / "job" / "result.safetensors"
    job = Animate(
        str(clip),
        (str(out),),
        picks=PICKS,
        frames=FRAMES,
        masks_from=answer.masks,
        preset=PresetName.DEMO,
        device="cpu",
    )
    made = jobs.run(job, kept, lambda event: None, lambda: False)
    assert made.poses == 7
    copies = out.with_name("result_masks")
    assert [path.name for path in sorted(copies.iterdir())] == [*(f"mask_{n:06d}.png" for n in range(7)), "masks.json"]
    again = replace(job, masks_from=None)
    jobs.run(again, kept, lambda event: None, lambda: False)  # from its own copy


def test_a_kept_mask_that_was_corrected_by_hand_reaches_the_job(clip, kept, tmp_path):
    answer = run(request(clip), kept)
    corrected = np.zeros((96, 128), np.uint8)
    corrected[10:30, 20:50] = 255
    Image.fromarray(corrected).save(f"{answer.masks}/mask_000001.png")
    job = Animate(str(clip), (str(tmp_path / "a.glb"),), picks=PICKS, frames=FRAMES, masks_from=answer.masks)
    _, cut = cut_subject(job, kept.get(None, "cpu", "auto"), Progress())
    np.testing.assert_array_equal(cut.frames[1][..., 3], corrected)


@pytest.mark.parametrize("changes", [{"picks": Picks(point=(Spot(60, 48),))}, {"frames": FrameChoice(count=6)}])
@pytest.mark.fault("Kept masks of other points or frames were used for a job")
def test_masks_of_other_picks_or_frames_are_not_used(clip, kept, tmp_path, changes, monkeypatch):
    answer = run(request(clip), kept)
    job = Animate(str(clip), (str(tmp_path / "a.glb"),), picks=PICKS, frames=FRAMES, masks_from=answer.masks)
    monkeypatch.setattr("actionmesh.segmentation.choice.follow", None)
    cut_subject(job, kept.get(None, "cpu", "auto"), Progress())
    with pytest.raises(TypeError):
        cut_subject(replace(job, **changes), kept.get(None, "cpu", "auto"), Progress())


def test_a_folder_of_kept_masks_that_is_gone_costs_only_time(clip, kept, tmp_path):
    job = Animate(str(clip), (str(tmp_path / "a.glb"),), picks=PICKS, masks_from=str(tmp_path / "gone"))
    _, cut = cut_subject(job, kept.get(None, "cpu", "auto"), Progress())
    assert cut.has_alpha and (tmp_path / "a_masks" / "masks.json").is_file()


@pytest.mark.fault("Tracking was cancelled and left half of its masks or pictures")
@pytest.mark.parametrize("stage", [Stage.READING, Stage.REMOVING_BACKGROUND, Stage.CUTTING_OUT, Stage.SAVING])
def test_cancelling_leaves_whole_files_only(clip, kept, stage):
    seen = []
    with pytest.raises(Cancelled):
        run(request(clip), kept, seen.append, lambda: any(event.stage is stage and event.step for event in seen))
    place = clip.parent / "tracked"
    left = sorted(path.name for path in place.iterdir()) if place.is_dir() else []
    assert ("picture_0_masks" in left) == (stage is Stage.SAVING) and not any("part" in name for name in left)
    if left:
        assert len(list((place / "picture_0_masks").iterdir())) == 8
        for picture in place.glob("*.png"):
            Image.open(picture).load()


def test_a_clip_with_fewer_frames_than_pictures_repeats_some(tmp_path, kept):
    clip = save(tmp_path / "clip", ordinary_clip(2)[0])
    answer = run(request(clip, 4, frames=FrameChoice()), kept)
    assert answer.frames == (0, 0, 1, 1)


def test_a_frame_without_the_subject_is_shown_as_it_is_and_empty(tmp_path, kept):
    frames, _ = ordinary_clip(8, hidden=(3,))
    clip = save(tmp_path / "clip", frames)
    answer = run(request(clip), kept)
    picture = np.array(Image.open(answer.out[1]))
    assert not picture[..., 3].any() and "Frame 3" in " ".join(answer.notes)
    np.testing.assert_array_equal(picture[..., :3], frames[3, ..., :3])


def test_a_clip_with_alpha_keeps_no_masks(tmp_path, kept):
    frames, truth = ordinary_clip(4)
    frames[..., 3] = 255 * truth
    folder = tmp_path / "clip"
    folder.mkdir()
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"{number}.png")
    answer = run(request(folder, frames=FrameChoice()), kept)
    assert answer.masks is None and "the points and boxes had no effect" in " ".join(answer.notes)


@pytest.mark.parametrize("out", [(), ("a.jpg",), ("a.png", "a.png")])
def test_pictures_that_cannot_be_written_are_refused_before_any_work(clip, kept, out):
    with pytest.raises(InputError):
        run(request(clip, out=out), kept)


class TestLookToPointAt:
    """The picture that an artist points into."""

    def look(self, clip, kept, **changes):
        out = clip.parent / "look.png"
        answer = jobs.look(
            Look(str(clip), str(out), size=1024, to_point_at=True, device="cpu", **changes), kept, lambda: False
        )
        return answer, np.array(Image.open(out))

    def test_its_own_colours_survive_where_there_is_no_subject(self, clip, kept):
        answer, picture = self.look(clip, kept, picks=PICKS, anchor=2)
        np.testing.assert_array_equal(picture[..., :3], ordinary_clip(8)[0][2, ..., :3])
        assert answer.frame == 2 and 0.05 < (picture[..., 3] >= 128).mean() < 0.3

    @pytest.mark.fault("No subject was found, so there was no picture into which to point")
    def test_a_frame_without_a_subject_is_shown_all_the_same(self, tmp_path, kept):
        frames = np.full((4, 60, 80, 4), 255, np.uint8)
        frames[..., :3] = 90
        clip = save(tmp_path / "clip", frames)
        with pytest.raises(MediaError):
            jobs.look(Look(str(clip), str(tmp_path / "plain.png"), device="cpu"), kept, lambda: False)
        answer, picture = self.look(clip, kept)
        assert not picture[..., 3].any() and (picture[..., :3] == 90).all()
        assert answer.coverage == 0 and "shows no subject" in answer.notes[-1]
