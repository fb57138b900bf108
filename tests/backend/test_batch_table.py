"""The jobs of a batch: a table's rows and a folder's clips become jobs, and all that is wrong is said at once."""

from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import pytest

from actionmesh import cli
from actionmesh.batch.check import faults_of
from actionmesh.batch.clips_folder import jobs_of_folder
from actionmesh.batch.plan import Planned, read_table
from actionmesh.batch_command import OWN, planned_jobs
from actionmesh.errors import InputError
from actionmesh.protocol import (
    Animate,
    Area,
    Facing,
    KnownShape,
    Match,
    Memory,
    Picks,
    ReferencePose,
    Spot,
    clips_in,
)

from .media_files import numbered_frames, write_video

TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"


def common(*arguments):
    chosen = cli.build_parser().parse_args(["batch", "jobs.csv", *arguments])
    return Namespace(**{name: value for name, value in vars(chosen).items() if name not in OWN})


def table(folder, text, *arguments, encoding="utf-8"):
    (path := folder / "jobs.csv").write_text(text, encoding=encoding)
    return read_table(path, common(*arguments), folder / "out", ".glb")


def jobs(folder, text, *arguments, **options):
    planned, faults = table(folder, text, *arguments, **options)
    assert not faults
    return [each.job for each in planned]


def test_an_empty_cell_is_the_choice_of_the_command_line(tmp_path):
    text = "clip,mesh,Preset,seed\na.mp4,,,\nb/,m.glb,fast,7\n"
    first, second = jobs(tmp_path, text, "--preset", "demo", "--spread", "16")
    base = {"frames": replace(Animate("", ()).frames, spread=16)}
    assert first == Animate(str(tmp_path / "a.mp4"), (str(tmp_path / "out" / "a.glb"),), preset="demo", **base)
    assert (second.clip, second.mesh) == (f"{tmp_path / 'b'}/", str(tmp_path / "m.glb"))
    assert (second.out, second.preset, second.seed) == ((str(tmp_path / "out" / "b_m.glb"),), "fast", 7)


def test_every_option_of_animate_is_a_column(tmp_path):
    header = "clip;output;mask;known;facing;match;colours;keep-reference-pose;in_betweens;--fps;low-memory;guidance"
    header, row = f"{header};masks_from", "a.mp4;r.glb;masks;3=c.glb;-X;track;yes;x;2;24;no;3.5;kept"
    (job,) = jobs(tmp_path, f"{header}\n{row}\n")
    assert job.out == (str(tmp_path / "r.glb"),) and job.mask == str(tmp_path / "masks")
    assert job.masks_from == str(tmp_path / "kept")
    assert job.known == (KnownShape(3, str(tmp_path / "c.glb")),) and job.facing is Facing.LEFT
    assert (job.match, job.colours, job.reference_pose) == (Match.TRACK, True, ReferencePose.CORRECTED)
    assert (job.in_betweens, job.fps, job.memory, job.guidance) == (2, 24.0, "auto", 3.5)


def test_one_cell_may_name_several_outputs_and_known_shapes(tmp_path):
    text = 'clip,output,known\na.mp4,"r.glb; poses/",1=c.glb;2=d.glb\n'
    (job,) = jobs(tmp_path, text)
    assert job.out == (str(tmp_path / "r.glb"), f"{tmp_path / 'poses'}/")
    assert [known.frame for known in job.known] == [1, 2]


@pytest.mark.fault("A row of a table could name one point of its subject, and not two")
def test_two_rows_of_one_clip_are_two_subjects(tmp_path):
    text = 'clip,point,not_point,box\nplay.mp4,"90,120; 12:95,118","400,130",\nplay.mp4,"400,130",,"330,60,470,200"\n'
    dog, cat = jobs(tmp_path, text)
    assert dog.picks == Picks((Spot(90, 120), Spot(95, 118, 12)), (Spot(400, 130),), ())
    assert cat.picks == Picks((Spot(400, 130),), (), (Area(330, 60, 470, 200),))
    assert [Path(job.out[0]).name for job in (dog, cat)] == ["play.glb", "play_2.glb"]


def test_a_point_that_is_none_is_told_with_its_line(tmp_path):
    planned, (fault,) = table(tmp_path, 'clip,point\na.mp4,"90,120; 95"\nb.mp4,"1,2"\n')
    assert fault.place == "line 2" and "'95' is not" in fault.sentence and len(planned) == 1


def test_results_of_one_name_are_numbered_and_named_ones_come_first(tmp_path):
    text = "clip,seed,output\na.mp4,1,\nx/A.mp4,2,\na.mp4,3,out/a.glb\n"
    outs = [Path(job.out[0]).name for job in jobs(tmp_path, text)]
    assert outs == ["a_2.glb", "A_3.glb", "a.glb"]


def test_a_table_of_a_spreadsheet_is_read(tmp_path):
    first, second = jobs(tmp_path, 'clip,mesh\r\n"a, b.mp4",\r\n,\r\nü.mp4,\r\n', encoding="utf-8-sig")
    assert [Path(job.clip).name for job in (first, second)] == ["a, b.mp4", "ü.mp4"]


@pytest.mark.fault("A batch stopped at its first bad row, after hours of work on those before it")
def test_all_bad_rows_are_told_with_their_lines(tmp_path):
    text = 'clip,seed,colours,facing\na.mp4,x,,\n,1,,\nb.mp4,1,maybe,\n"c\n.mp4",1,,up\nd.mp4,1,,,extra\ne.mp4,1,,\n'
    planned, faults = table(tmp_path, text)
    assert [each.place for each in planned] == ["line 8"]
    told = {fault.place: fault.sentence for fault in faults}
    assert list(told) == ["line 2", "line 3", "line 4", "line 6", "line 7"]
    assert "invalid int value: 'x'" in told["line 2"] and told["line 3"] == "it names no clip"
    assert "use yes or no" in told["line 4"] and "'up'" in told["line 6"] and "5 cells" in told["line 7"]


@pytest.mark.parametrize(("text", "sentence"), [
    ("", "is empty"),
    ("clip\n", "no jobs"),
    ("mesh\nm.glb\n", "no column clip"),
    ("clip,colour\na.mp4,yes\n", "column 'colour', which is no option"),
    ("clip,debug\na.mp4,yes\n", "column 'debug'"),
    ("clip,out,output\na.mp4,a.glb,b.glb\n", "two columns output"),
    ('clip\n"a.mp4\n', "not a CSV table"),
])  # fmt: skip
def test_a_table_that_is_none_is_one_sentence(tmp_path, text, sentence):
    with pytest.raises(InputError, match=sentence):
        table(tmp_path, text)


def test_a_table_that_is_not_text_is_refused(tmp_path):
    (path := tmp_path / "jobs.csv").write_bytes(b"\xff\xfe\x00clip\n\x80")
    with pytest.raises(InputError, match="not a CSV table in UTF-8"):
        read_table(path, common(), tmp_path, ".glb")
    with pytest.raises(InputError, match="No such file"):
        read_table(tmp_path / "gone.csv", common(), tmp_path, ".glb")


@pytest.mark.fault("A row of a batch said no to an option of the command line, and the option held all the same")
def test_a_row_may_say_no_to_a_choice_of_the_command_line(tmp_path):
    text = "clip,colours,low-memory\na.mp4,no,no\nb.mp4,,\n"
    first, second = jobs(tmp_path, text, "--colours", "--low-memory")
    assert not first.colours and second.colours
    assert first.memory == Memory.AUTO != second.memory


@pytest.mark.fault("Every job of a batch failed, because its workers looked for weights/mine in another folder")
def test_a_relative_checkpoint_is_made_absolute(clips, monkeypatch):
    monkeypatch.chdir(clips.parent)
    monkeypatch.setattr("actionmesh.batch.check.faults_of", lambda planned, reserved: [])
    for chosen, found in (("weights/mine", str(clips.parent / "weights" / "mine")), ("toy", "toy")):
        asked = cli.build_parser().parse_args(["batch", "clips", "--checkpoint", chosen])
        assert {each.job.checkpoint for each in planned_jobs(asked, Path("clips"), clips.parent / "out")} == {found}


@pytest.fixture
def clips(tmp_path):
    """Return a folder of two clips, results and what is neither."""
    folder = tmp_path / "clips"
    for name in ("walk10", "walk10_mask", "animated", "empty"):
        (folder / name).mkdir(parents=True)
    for name in ("walk2.MP4", "walk10/1.png", "walk10_mask/1.png", "animated/sheet.png", "notes.txt", "still.png"):
        (folder / name).touch()
    for name in ("b.glb", "a.obj"):
        (tmp_path / "meshes").mkdir(exist_ok=True)
        (tmp_path / "meshes" / name).touch()
    return folder


def test_every_clip_of_a_folder_meets_every_mesh(clips, tmp_path):
    planned = jobs_of_folder(clips, [str(tmp_path / "meshes")], common("--seed", "5"), clips / "animated", ".glb")
    pairs = [(Path(each.job.clip).name, Path(each.job.mesh).name) for each in planned]
    assert pairs == [("walk2.MP4", "a.obj"), ("walk2.MP4", "b.glb"), ("walk10", "a.obj"), ("walk10", "b.glb")]
    assert {each.job.seed for each in planned} == {5}
    assert planned[0].job.out == (str(clips / "animated" / "walk2_a.glb"),)
    alone = jobs_of_folder(clips, [], common(), clips / "animated", ".mp4")
    assert [Path(each.job.out[0]).name for each in alone] == ["walk2.mp4", "walk10.mp4"]
    assert all(each.job.mesh is None for each in alone)


def test_clips_are_known_by_their_names(clips):
    assert [path.name for path in clips_in(clips)] == ["animated", "walk2.MP4", "walk10"]


@pytest.mark.fault("A batch left out alpha_wolf.mp4 as masks, or refused all clips for one folder that it may not open")
def test_only_masks_of_another_clip_are_left_out(tmp_path):
    for name in ("alpha_wolf.mp4", "mask dance.mp4", "walk.mp4", "walk-matte.mov", "masks.mp4"):
        (tmp_path / name).touch()
    (tmp_path / "lost+found").mkdir(mode=0o000)
    assert [path.name for path in clips_in(tmp_path)] == ["alpha_wolf.mp4", "mask dance.mp4", "walk.mp4"]


def test_a_folder_without_clips_or_meshes_is_one_sentence(clips, tmp_path):
    with pytest.raises(InputError, match="holds no clips"):
        jobs_of_folder(clips / "empty", [], common(), tmp_path, ".glb")
    with pytest.raises(InputError, match="holds no meshes"):
        jobs_of_folder(clips, [str(clips / "empty")], common(), tmp_path, ".glb")


@pytest.fixture
def sound(tmp_path):
    """Return a function that makes a job whose clip and mesh exist."""
    clip = write_video(tmp_path / "clip.mp4", numbered_frames(4))
    (mesh := tmp_path / "mesh.obj").write_text(TRIANGLE)

    def make(line, out="{line}.glb", **changes):
        job = Animate(str(clip), (str(tmp_path / out.format(line=line)),), mesh=str(mesh))
        return Planned(f"line {line}", replace(job, **changes))

    return make


def test_sound_jobs_have_no_faults_and_leave_no_file(sound, tmp_path):
    before = set(tmp_path.iterdir())
    assert faults_of([sound(2), sound(3, "deep/{line}.png")], []) == [] and set(tmp_path.iterdir()) == before


def test_what_is_wrong_is_found_before_any_work(sound, tmp_path):
    (damaged := tmp_path / "damaged.glb").write_bytes(b"glTF")
    (text := tmp_path / "text.mp4").write_text("not a video")
    planned = [
        sound(2, clip=str(tmp_path / "gone.mp4")), sound(3, mesh=str(damaged)), sound(4, preset="best"),
        sound(5, device="cuda:1"), sound(6, seed=-1), sound(7, "{line}.abc"), sound(8, clip=str(text)), sound(9),
    ]  # fmt: skip
    told = {fault.place: fault.sentence for fault in faults_of(planned, [])}
    wanted = {
        "line 2": "gone.mp4 does not exist", "line 3": "damaged.glb", "line 4": "no preset 'best'",
        "line 5": "cannot choose cuda:1", "line 6": "The seed is -1", "line 7": ".abc", "line 8": "text.mp4",
    }  # fmt: skip
    assert told.keys() == wanted.keys() and all(part in told[place] for place, part in wanted.items())


@pytest.mark.fault("A job of a batch overwrote the mesh that another job was to read")
def test_no_job_may_write_what_another_reads_or_writes(sound, tmp_path):
    other = str(write_video(tmp_path / "other.mp4", numbered_frames(4)))
    report = tmp_path / "batch.mp4"
    planned = [
        sound(2, "same.glb"), sound(3, "Same.GLB"), sound(4, clip=other), sound(5, "other.mp4"),
        sound(6), sound(7, "6.glb"), sound(8, "batch.mp4"),
    ]  # fmt: skip
    told = {fault.place: fault.sentence for fault in faults_of(planned, [report])}
    assert told.keys() == {"line 3", "line 5", "line 7", "line 8"}
    assert "also an output of line 2" in told["line 3"] and "overwrite the input" in told["line 5"]
    assert "also a file of the batch itself" in told["line 8"]


@pytest.mark.fault("A result of a batch went into the folder that was another job's result, and one of the two failed")
def test_no_output_lies_in_the_folder_that_another_job_writes(sound):
    told = faults_of([sound(2, "walk/"), sound(3, "walk/b.glb"), sound(4, "walks/b.glb")], [])
    assert [(fault.place, "inside an output of line 2" in fault.sentence) for fault in told] == [("line 3", True)]
