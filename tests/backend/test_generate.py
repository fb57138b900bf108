"""From a text to an animation, with tiny video models of the published ones' classes, on the CPU and offline."""

import inspect
import json
import shutil
import socket
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open

from actionmesh import cli
from actionmesh.animation import Animation
from actionmesh.errors import Cancelled, CheckpointError, InputError, MediaError
from actionmesh.filming import shoot as shooting
from actionmesh.filming.first_picture import BACKGROUNDS, placed, read_subject
from actionmesh.filming.judgement import judge
from actionmesh.filming.offloading import PLANS, FilmingNeeds, Offload, fitting_plans
from actionmesh.filming.prompts import full_prompt
from actionmesh.filming.shoot import CUT_OFF, Camera, shoot
from actionmesh.filming.take import Shot
from actionmesh.filming.video_models import VIDEO_MODELS, find_video_model
from actionmesh.generation import generate
from actionmesh.jobs import KeptModel
from actionmesh.media.reader import read_clip
from actionmesh.output.still import draw_still
from actionmesh.progress import Progress
from actionmesh.protocol import FrameChoice, Generate, KnownShape, Stage
from actionmesh.segmentation.choice import Means
from actionmesh.segmentation.found import Found, coded
from tests.backend.ordinary_clips import ordinary_clip
from tests.backend.tiny_video_models import save_cogvideox, save_wan

PROMPT = "狐が跳ぶ, лиса прыгает, a fox jumps"
SMALL = ("--clip-frames", "9", "--clip-side", "96", "--clip-steps", "2")
"""A clip that takes a second."""
UNSEPARATED = "does not stand apart from the background in every frame"
CPU = torch.device("cpu")


@pytest.fixture(scope="session")
def video_models(tmp_path_factory):
    """Return a folder with all tiny video models, by the names under which the published ones are downloaded."""
    folder = tmp_path_factory.mktemp("video_models")
    save_wan(folder / "Wan2.2-TI2V-5B-Diffusers")
    save_wan(folder / "Wan2.1-T2V-1.3B-Diffusers")
    save_cogvideox(folder / "CogVideoX-2b")
    return folder


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """Refuse every connection."""

    def refuse(*_):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def installed(monkeypatch, video_models):
    monkeypatch.setenv("ACTIONMESH_CHECKPOINTS", str(video_models))


def run(*words):
    return cli.main([str(word) for word in words])


def notes_of(path):
    with safe_open(str(path), framework="np") as file:
        return json.loads(file.metadata()["provenance"])["fit"]["notes"]


def job(tmp_path, **more):
    chosen = {"prompt": PROMPT, "clip_frames": 9, "clip_side": 96, "clip_steps": 2, "video_model": "wan-1.3b"}
    return Generate(str(tmp_path / "a.mp4"), (str(tmp_path / "a.safetensors"),), **chosen | more)


def shot(**more):
    return Shot(**{**{
        "prompt": PROMPT, "first": None, "width": 96, "height": 48, "frames": 9, "steps": 2, "guidance": 5.0,
        "tokens": 512,
    }, **more})  # fmt: skip


def film(video_models, name="wan-1.3b", memory="24", progress=None, **more):
    """Return the footage, and the clip that was kept last."""
    found, kept = find_video_model(name, "first" in more, video_models), []
    footage = shoot(found, shot(**more), 0, CPU, memory, Means(), progress or Progress(), kept.append)
    return footage, kept[-1]


@pytest.mark.fault("Text to animation works only for English prompts")
def test_a_text_in_any_script_becomes_an_animation_and_a_clip_that_can_be_used_again(installed, tmp_path, capsys):
    made = tmp_path / "狐.safetensors"
    assert (
        run("generate", PROMPT, "-o", made, "--video-model", "wan-1.3b", "--preset", "demo", "--spread", "3", *SMALL)
        == 0
    )
    clip = tmp_path / "狐_clip.mp4"
    assert str(clip) in capsys.readouterr().out
    frames = read_clip(str(clip), FrameChoice()).frames
    assert frames.shape == (9, 48, 96, 4)
    middle, corner = frames[4][24, 48, :3].astype(int), frames[4][1, 1, :3].astype(int)
    assert middle[0] > middle[1] + 60 and corner.min() > 180, "a red blob on a pale background"
    assert Animation.load(made).provenance.prompt == PROMPT
    assert notes_of(made)[0] == f"Wan 2.1 T2V 1.3B made the clip with seed 0 from the text: {PROMPT}"


def test_a_mesh_begins_its_own_clip(installed, tmp_path, tiny_checkpoint, mesh_file):
    made = tmp_path / "a.safetensors"
    words = ("-o", made, "--mesh", mesh_file, "--preset", "demo", "--match", "off", "--checkpoint", tiny_checkpoint)
    assert run("generate", PROMPT, *words, *SMALL) == 0
    assert notes_of(made)[0].startswith("Wan 2.2 TI2V 5B")
    with safe_open(str(made), framework="np") as file:
        assert file.get_tensor("vertices").shape[0] == 9


@pytest.fixture
def mesh_file(tmp_path):
    """Return a red box that is twice as wide as it is high."""
    import trimesh

    box = trimesh.creation.box((2, 1, 1))
    box.visual.vertex_colors = np.tile(np.uint8([200, 20, 20, 255]), (len(box.vertices), 1))
    box.export(tmp_path / "box.glb")
    return tmp_path / "box.glb"


def test_a_still_shows_the_side_that_faces(mesh_file):
    front, side = (draw_still(mesh_file, yaw, 64)[..., 3] >= 128 for yaw in (0, 90))
    width, height = (int(front.any(axis=axis).sum()) for axis in (0, 1))
    assert 1.7 < width / height < 2.3
    assert side.any(axis=0).sum() == pytest.approx(side.any(axis=1).sum(), abs=2)
    middle = draw_still(mesh_file, 0, 64)[32, 32].astype(int)
    assert middle[0] > middle[1] + 60 and middle[3] == 255


def test_a_clip_begins_with_the_picture(video_models, tmp_path):
    subject = np.zeros((40, 30, 4), np.uint8)
    subject[5:35, 5:25] = (250, 250, 250, 255)
    Image.fromarray(subject).save(tmp_path / "white.png")
    first = placed(read_subject(tmp_path / "white.png", None, lambda: None), 96, 64)
    assert first.background == "dark grey" and tuple(first.pixels[0, 0]) == BACKGROUNDS["dark grey"]
    rows, columns = np.nonzero((first.pixels == 250).all(axis=2))
    assert rows.mean() == pytest.approx(31.5, abs=1) and columns.mean() == pytest.approx(47.5, abs=1)
    assert np.ptp(rows) + 1 == pytest.approx(0.6 * 64, abs=1)
    _, frames = film(video_models, "wan-5b", first=first, height=64)
    assert frames.shape == (9, 64, 96, 3) and "dark grey" in shot(first=first).text


@pytest.mark.fault("The picture of a clip's subject has a busy background, and minutes pass before that is said")
def test_a_picture_whose_subject_cannot_be_cut_out_is_refused_at_once(installed, tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    events = []
    wanted = job(tmp_path, picture=str(tmp_path / "noise.png"), video_model=None)
    with pytest.raises(MediaError, match="cannot be separated from its background"):
        generate(wanted, KeptModel(), events.append, lambda: False)
    assert Stage.LOADING_VIDEO_MODEL not in {event.stage for event in events}


def test_cogvideox_runs_too(video_models):
    _, frames = film(video_models, "cogvideox-2b", width=64, height=64, tokens=226)
    assert frames.shape == (9, 64, 64, 3) and frames.std() > 0


def test_every_memory_plan_makes_the_same_clip(video_models, monkeypatch):
    monkeypatch.setattr(FilmingNeeds, "bytes_of", lambda needs, plan: int(plan.card) * 10**9 * 0.8)
    found = find_video_model("wan-1.3b", False, video_models)
    cameras = [Camera(found, shot(), CPU, memory, Progress()) for memory in ("24", "12", "6")]
    made = [camera.film(0, Progress()) for camera in cameras]
    assert [camera.plan.card for camera in cameras] == ["24", "12", "6"]
    assert not any(camera.retried for camera in cameras)
    assert all(np.array_equal(frames, made[0]) for frames in made[1:])


def test_a_card_gets_the_librarys_own_offloading():
    """The calls that no test can make, for want of a card, exist and take a device."""
    from diffusers import CogVideoXPipeline, WanImageToVideoPipeline, WanPipeline

    for pipeline in (WanPipeline, WanImageToVideoPipeline, CogVideoXPipeline):
        for name in ("enable_model_cpu_offload", "enable_sequential_cpu_offload"):
            assert "device" in inspect.signature(getattr(pipeline, name)).parameters
        assert pipeline.model_cpu_offload_seq.split("->")[-1] == "vae"


def test_the_roomiest_plan_that_fits_is_taken():
    needs = FilmingNeeds({"text_encoder": 11, "transformer": 10, "vae": 3}, denoising=3, decoding=9, decoding_tiles=1)
    assert [needs.bytes_of(plan) for plan in PLANS] == [33, 13, 3]
    big = FilmingNeeds({name: size * 10**9 for name, size in needs.weights.items()}, 3 * 10**9, 9 * 10**9, 10**9)
    assert [plan.offload for plan in fitting_plans(big, "24", CPU)] == [Offload.NETWORKS, Offload.LAYERS]
    assert [plan.offload for plan in fitting_plans(big, "6", CPU)] == [Offload.LAYERS]


@pytest.mark.fault("The card's memory runs out while the clip is made, and all is lost")
def test_memory_that_runs_out_leads_to_a_smaller_plan(video_models, monkeypatch):
    from diffusers import WanTransformer3DModel

    usual, failed = WanTransformer3DModel.forward, []

    def short_of_memory(self, *arguments, **named):
        if not failed:
            failed.append(1)
            raise torch.OutOfMemoryError("CUDA out of memory")
        return usual(self, *arguments, **named)

    monkeypatch.setattr(WanTransformer3DModel, "forward", short_of_memory)
    events = []
    footage, _ = film(video_models, memory="auto", progress=Progress(events.append))
    assert footage.retried
    assert [event.item for event in events if event.stage is Stage.LESS_MEMORY] == ["12", "12"]
    steps = [event.step for event in events if event.stage is Stage.FILMING]
    assert steps == [0, 0, 1, 2], "the take starts again, once"


@pytest.mark.parametrize("at", [(Stage.LOADING_VIDEO_MODEL, 1), (Stage.FILMING, 1), (Stage.DECODING_CLIP, 0)])
@pytest.mark.fault("Cancel waits until the whole clip is made")
def test_a_clip_is_cancelled_at_its_next_step(installed, tmp_path, at):
    events = []
    with pytest.raises(Cancelled):
        generate(job(tmp_path), KeptModel(), events.append, lambda: any((e.stage, e.step) == at for e in events))
    assert (events[-1].stage, events[-1].step) == at
    assert not list(tmp_path.iterdir())


@pytest.mark.fault("No video model is downloaded, and the error does not say which one to get")
@pytest.mark.parametrize(("more", "told"), [
    ({"video_model": None}, "No video model that makes a clip from a text is downloaded. The best is Wan 2.2"),
    ({"video_model": "wan-1.3b"}, "The video model Wan 2.1 T2V 1.3B is not downloaded."),
    ({"video_model": None, "mesh": "box.glb"}, "from a picture and a text is downloaded"),
])  # fmt: skip
def test_missing_weights_are_named_with_the_command_that_gets_them(tmp_path, monkeypatch, mesh_file, more, told):
    monkeypatch.setenv("ACTIONMESH_CHECKPOINTS", str(tmp_path))
    named = {"mesh": str(mesh_file)} if "mesh" in more else {}
    with pytest.raises(CheckpointError, match="actionmesh download wan-") as caught:
        generate(job(tmp_path, **{**more, **named}), KeptModel(), lambda event: None, lambda: False)
    assert told in str(caught.value)


@pytest.mark.parametrize(("more", "told"), [
    ({"prompt": "  "}, "says nothing"), ({"prompt": "a" * 2001}, "2001 characters"),
    ({"clip": "a.webm"}, "is not an .mp4 file"), ({"video_model": "sora"}, "There is no video model 'sora'"),
    ({"picture": "a.png"}, "from a text alone"), ({"clip_frames": 1}, "frame count is 1"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused_before_any_work(installed, tmp_path, more, told):
    events = []
    with pytest.raises(InputError, match=told):
        generate(replace(job(tmp_path), **more), KeptModel(), events.append, lambda: False)
    assert not events


@pytest.mark.fault("generate -o . ends in a fault of the program, because the clip's name follows from the result's")
@pytest.mark.parametrize("out", [".", "", "/"])
def test_a_result_without_a_name_of_its_own_is_refused_in_a_sentence(out, capsys):
    assert run("generate", PROMPT, "-o", out) == 2
    told = capsys.readouterr().err
    assert "no name" in told and "--clip" in told and "Traceback" not in told and "fault of its own" not in told


@pytest.mark.fault("The clip of a text overwrites the artist's picture or result")
def test_a_clip_replaces_no_input_and_no_result(installed, tmp_path):
    with pytest.raises(InputError, match="same place as another output"):
        twice = replace(job(tmp_path), clip=str(tmp_path / "A.mp4"), out=(str(tmp_path / "a.MP4"),))
        generate(twice, KeptModel(), print, lambda: False)
    shutil.copy(__file__, tmp_path / "a.mp4")
    with pytest.raises(InputError, match="would overwrite the input"):
        generate(job(tmp_path, picture=str(tmp_path / "a.mp4"), video_model=None), KeptModel(), print, lambda: False)


@pytest.mark.parametrize("wound", ["truncated", "pickled", "other"])
def test_damaged_weights_are_named(video_models, tmp_path, wound):
    folder = shutil.copytree(video_models / "Wan2.1-T2V-1.3B-Diffusers", tmp_path / "Wan2.1-T2V-1.3B-Diffusers")
    part = folder / "vae" / "diffusion_pytorch_model.safetensors"
    if wound == "other":
        shutil.copy(next((folder / "text_encoder").glob("*.safetensors")), part)
    elif wound == "pickled":
        torch.save({}, part.with_suffix(".bin"))
        part.unlink()
    else:
        part.write_bytes(part.read_bytes()[:-8])
    with pytest.raises(CheckpointError, match="vae"):
        found = find_video_model(str(folder), False, tmp_path)
        shoot(found, shot(), 0, CPU, "24", Means(), Progress(), print)


@pytest.mark.fault("A generated clip shows no subject, and the result is rubbish without a word")
def test_a_clip_without_a_subject_is_tried_again_twice_and_then_refused(tmp_path):
    save_wan(tmp_path / "Wan2.1-T2V-1.3B-Diffusers", blob=False)
    events = []
    wanted = job(tmp_path, video_model=str(tmp_path / "Wan2.1-T2V-1.3B-Diffusers"), seed=7)
    with pytest.raises(MediaError, match="In none of the clips") as caught:
        generate(wanted, KeptModel(), events.append, lambda: False)
    takes = [(event.part, event.parts) for event in events if event.stage is Stage.JUDGING_CLIP and event.step == 1]
    assert takes == [(1, 1), (2, 3), (3, 3)]
    assert (tmp_path / "a.mp4").is_file() and str(tmp_path / "a.mp4") in caught.value.cure


def clip(*places, size=20, colour=(200, 30, 30)):
    """Return frames of 60 x 80 pixels with a square at each place (row, column) on pale grey."""
    frames = np.full((len(places), 60, 80, 3), 214, np.uint8)
    for frame, (row, column) in zip(frames, places, strict=True):
        frame[max(0, row) : row + size, max(0, column) : column + size] = colour
    return frames


@pytest.mark.parametrize(("frames", "faults"), [
    (clip(*((20, 10 + 5 * i) for i in range(8))), ""),
    (clip(*((20, 30) for i in range(8))), "hardly moves"),
    (clip(*((20, 5 + 9 * i) for i in range(8)), size=30), "leaves the picture"),
    (clip(*((20, 10 + 20 * i) for i in range(8))), "leaves the picture"),
    (clip(*((-5, 30) for i in range(8))), "leaves the picture and hardly moves"),
    (np.random.default_rng(0).integers(0, 255, (8, 60, 80, 3), np.uint8), UNSEPARATED),
    (clip(*((20, 30) for i in range(8)), colour=(214, 214, 214)), UNSEPARATED),
])  # fmt: skip
def test_a_clip_is_judged(frames, faults):
    verdict = judge(frames, Means(), lambda: None)
    assert verdict.faults == faults and verdict.good == (not faults)


@pytest.mark.fault("The subject of a generated clip is out of the picture for a while, and the clip is called good")
def test_a_clip_whose_subject_is_away_for_some_frames_is_not_good():
    frames = clip(*((20, 10 + 5 * i) for i in range(8)))
    frames[3:6] = 214
    assert judge(frames, Means(), lambda: None).faults == "leaves the picture"


@pytest.mark.fault("A generated clip with scenery is refused, although SAM 2.1 is there and would find its subject")
def test_a_clip_is_judged_by_the_means_that_the_job_will_use():
    """The subject looks like its background, which leaves all but a network in doubt."""
    frames, truth = ordinary_clip(alike=True)

    class Seer:
        def track(self, frames, picks, advance):
            return Found([coded(np.uint8(255) * mask) for mask in truth])

    assert judge(frames[..., :3], Means(), lambda: None).faults == UNSEPARATED
    assert judge(frames[..., :3], Means(tracker=Seer), lambda: None).good


STILL, MOVING = clip(*((20, 30) for i in range(9))), clip(*((20, 10 + 5 * i) for i in range(9)))


@pytest.fixture
def takes(monkeypatch):
    """Return a function that says what the takes are: a clip, or an exception that is raised instead."""

    def are(*given):
        left = iter(given)

        def take(*_):
            made = next(left)
            if isinstance(made, Exception):
                raise made
            return made

        monkeypatch.setattr(shooting, "take", take)

    return are


def test_a_better_take_replaces_a_still_one(video_models, takes):
    takes(STILL, MOVING)
    footage, frames = film(video_models)
    assert footage.seed == 1 and frames is MOVING
    assert footage.notes == ("The subject of the clip from seed 0 hardly moves.",)


@pytest.mark.fault("A second clip is tried because the first hardly moves, it fails, and the first one is lost too")
@pytest.mark.parametrize(("error", "told"), [
    (InputError("The numbers of the video model overflowed."), "The numbers of the video model overflowed."),
    (torch.OutOfMemoryError("CUDA out of memory"), "There is not enough memory for this job."),
])  # fmt: skip
def test_a_later_take_that_fails_leaves_the_best_one(video_models, takes, error, told):
    takes(STILL, *[error] * 3)
    footage, frames = film(video_models, memory="6")
    assert footage.seed == 0 and frames is STILL
    assert footage.notes[1] == f"The clip from seed 1 failed. {told}"


@pytest.mark.fault("Cancel, while a better clip is made, loses the clip that was made before")
@pytest.mark.parametrize("number", [1, 2])
def test_a_clip_that_was_made_outlives_cancelling(installed, tmp_path, takes, number):
    takes(STILL, MOVING)
    events = []

    def cancelled():
        return any((event.stage, event.part) == (Stage.JUDGING_CLIP, number) for event in events)

    with pytest.raises(Cancelled):
        generate(job(tmp_path), KeptModel(), events.append, cancelled)
    assert read_clip(str(tmp_path / "a.mp4"), FrameChoice()).frames.shape[0] == 9


@pytest.mark.fault("Minutes after a clip was begun, it turns out to be too short for the frames that were asked for")
@pytest.mark.parametrize(("more", "told"), [
    ({"frames": FrameChoice(spread=10)}, "has 9 frames: from frame 0 that leaves 9, but 10 were requested"),
    ({"frames": FrameChoice(start=9)}, "has 9 frames, so it has no frame 9"),
    ({"frames": FrameChoice(count=12)}, "The clip that Wan 2.1 T2V 1.3B makes has 9 frames"),
    ({"frames": FrameChoice(step=2), "anchor": 5}, "The reference frame is 5, and 5 frames were chosen"),
    ({"known": 9}, "The known frame is 9, and 9 frames were chosen"), ({"known": 0}, "Frame 0 has two known shapes"),
])  # fmt: skip
def test_frames_that_the_clip_will_not_have_are_refused_before_it_is_made(installed, tmp_path, mesh_file, more, told):
    if "known" in more:
        more = {"known": (KnownShape(more["known"], str(mesh_file)),)}
    events = []
    with pytest.raises(InputError, match=told):
        generate(job(tmp_path, **more), KeptModel(), events.append, lambda: False)
    assert not events


def test_a_text_that_is_too_long_for_the_model_is_noted(video_models):
    assert CUT_OFF in film(video_models, prompt="ab " * 400, tokens=64)[0].notes
    assert full_prompt("a  fox\njumps", "light grey").endswith(": a fox jumps")


def test_sizes_and_counts_are_those_that_a_model_can_make():
    wan, small, cog = VIDEO_MODELS.values()
    assert [wan.frame_count(count) for count in (None, 5, 16, 17, 18, 999)] == [49, 5, 17, 17, 21, 121]
    assert small.frame_count(999) == 81 and cog.frame_count(999) == 49
    assert wan.size(None) == (1280, 704) and wan.size(640) == (640, 352)
    assert small.size(None) == (832, 480) and small.size(64) == (64, 32) and cog.size(None) == (720, 480)
