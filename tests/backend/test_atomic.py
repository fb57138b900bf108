"""Results on disk: complete or unchanged, however the writer ends, with no other files left."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from threading import Barrier, Thread

import numpy as np
import pytest

from actionmesh.animation import Animation, Provenance
from actionmesh.errors import Cancelled, OutputError
from actionmesh.files import parts
from actionmesh.files.atomic import write_atomically
from actionmesh.job_outputs import save_all
from actionmesh.output import writers
from actionmesh.output.writers import check_output, save_animation
from actionmesh.progress import Progress
from tests.backend.gltf_files import grid

from .worker_process import FAKES, PATIENCE

BACKEND = Path(parts.__file__).parents[2]


@pytest.fixture
def animation():
    vertices, faces = grid(4)
    poses = np.stack([vertices, vertices * np.float32(2)])
    provenance = Provenance("clip.mp4", None, 7, "demo", "small", "0.1")
    return Animation(poses, faces.astype(np.int32), np.array([0.0, 1.0]), 0, np.array([0, 1]), provenance)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.fault("A result with a name of 240 to 255 characters was lost after all the work")
@pytest.mark.parametrize("length", [200, 240, 255])
@pytest.mark.parametrize("ending", [".safetensors", ".png", ""])
def test_names_up_to_the_longest_are_written(animation, tmp_path, length, ending):
    name = "w" * (length - len(ending)) + ending
    check_output(tmp_path / name)
    save_animation(animation, tmp_path / name)
    assert names(tmp_path) == [name]


@pytest.mark.fault("Writing through a link replaced the link and left its file as it was")
def test_a_link_stays_and_what_it_points_to_is_replaced(animation, tmp_path):
    (tmp_path / "shelf").mkdir()
    (tmp_path / "walk.safetensors").symlink_to("shelf/real.safetensors")
    (tmp_path / "poses").symlink_to("shelf/poses")
    for _ in range(2):
        save_animation(animation, tmp_path / "walk.safetensors")
        save_animation(animation, tmp_path / "poses")
    assert (tmp_path / "walk.safetensors").is_symlink() and (tmp_path / "poses").is_symlink()
    assert names(tmp_path / "shelf") == ["poses", "real.safetensors"]
    assert names(tmp_path / "shelf" / "poses") == ["frame_0000.glb", "frame_0001.glb"]


@pytest.mark.fault("A link that leads to itself as a result was an internal error")
def test_a_link_in_a_circle_is_refused(tmp_path):
    (tmp_path / "a.glb").symlink_to("b.glb")
    (tmp_path / "b.glb").symlink_to("a.glb")
    with pytest.raises(OutputError, match="a.glb"):
        check_output(tmp_path / "a.glb")


@pytest.mark.fault("A pipe in the place of the result was replaced or blocked the job")
def test_a_pipe_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "a.glb")
    with pytest.raises(OutputError, match="pipe"):
        check_output(tmp_path / "a.glb")


@pytest.mark.fault("Two jobs that wrote one folder of poses left a temporary folder for good")
def test_two_writers_of_a_folder_both_succeed_and_leave_nothing(tmp_path):
    start, failed = Barrier(4), []

    def write(number):
        def fill(folder):
            folder.mkdir()
            (folder / "frame_0000.glb").write_text(str(number))

        start.wait()
        try:
            for _ in range(60):
                write_atomically(tmp_path / "poses", fill)
        except Exception as error:
            failed.append(error)

    threads = [Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed and names(tmp_path) == ["poses"] and names(tmp_path / "poses") == ["frame_0000.glb"]


def writer(tmp_path, before_end):
    """Run a process that is killed while it writes the folder `poses` and the file `a.glb`."""
    code = f"""
        import os, signal, sys
        sys.path.insert(0, {str(BACKEND)!r})
        from pathlib import Path
        from actionmesh.files import atomic
        place = Path({str(tmp_path)!r})
        def stuck(part):
            if part.suffix:
                part.write_text("half")
            else:
                part.mkdir()
                (part / "frame_0000.glb").write_text("half")
            {before_end}
        for name in sys.argv[1:]:
            atomic.write_atomically(place / name, stuck)
    """
    return [sys.executable, "-I", "-c", textwrap.dedent(code)]


@pytest.mark.fault("A killed writer left its half-written files for good")
def test_what_a_kill_left_is_swept_at_the_next_writing_of_the_same_result_only(animation, tmp_path):
    command = writer(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)")
    for name in ("poses", "a.safetensors", "other.glb"):
        subprocess.run([*command, name], check=False)
    (tmp_path / ".part-notes.txt").write_text("mine")
    assert len(names(tmp_path)) == 4
    save_animation(animation, tmp_path / "poses")
    save_animation(animation, tmp_path / "a.safetensors")
    left = names(tmp_path)
    assert ".part-notes.txt" in left and left[-2:] == ["a.safetensors", "poses"]
    assert [name for name in left if name.endswith(".glb")] and len(left) == 4, (
        "another result's part is left to its own writing"
    )


@pytest.mark.fault("A writer that still ran had its half-written files swept away by another")
def test_parts_of_living_writers_are_kept(animation, tmp_path):
    with subprocess.Popen([*writer(tmp_path, "print('ready', flush=True); sys.stdin.read()"), "a.safetensors"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as living:  # fmt: skip
        living.stdout.readline()
        save_animation(animation, tmp_path / "a.safetensors")
        kept = [name for name in names(tmp_path) if name.startswith(".part-")]
        living.kill()
    assert len(kept) == 1
    foreign = parts.new_part(tmp_path / "a.safetensors").name.split("-")
    foreign[2], foreign[3] = "00000000", "4194303"
    (tmp_path / "-".join(foreign)).write_text("of another machine")
    save_animation(animation, tmp_path / "a.safetensors")
    assert [name for name in names(tmp_path) if name.startswith(".part-")] == ["-".join(foreign)]


@pytest.mark.fault("A kill between two steps of replacing a folder of poses lost the old result")
def test_a_folder_that_a_dead_writer_moved_aside_comes_back(animation, tmp_path):
    save_animation(animation, tmp_path / "poses")
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    aside = parts.new_part(tmp_path / "poses", parts.ASIDE).name.replace(f"-{os.getpid()}-", f"-{dead.pid}-")
    os.rename(tmp_path / "poses", tmp_path / aside)
    parts.sweep(tmp_path / "poses")
    assert names(tmp_path) == ["poses"] and len(names(tmp_path / "poses")) == 2


@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param(
            signal.SIGTERM, 143, marks=pytest.mark.fault("kill while poses were saved left a hidden folder for good")
        ),
        pytest.param(
            signal.SIGHUP, 129, marks=pytest.mark.fault("Closing the terminal at saving left a hidden folder for good")
        ),
        pytest.param(
            signal.SIGINT, 130, marks=pytest.mark.fault("Ctrl-C twice while poses were saved left a hidden folder")
        ),
    ],
)
def test_a_signal_while_saving_leaves_the_old_result_and_nothing_else(tmp_path, number, code):
    command = [sys.executable, "-I", str(FAKES), "cli", "animate", "stuck_at_saving", "-o", str(tmp_path / "poses")]
    (tmp_path / "poses").mkdir()
    (tmp_path / "poses" / "frame_0000.glb").write_text("old")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stdout.readline() == "writing\n"
        program.send_signal(number)
        if number == signal.SIGINT:
            assert program.stderr.readline() == "\n" and "again" in program.stderr.readline()
            program.send_signal(number)
        _, told = program.communicate(timeout=PATIENCE)
    assert program.returncode == code, told
    assert "Traceback" not in told and told.strip().count("\n") == 0 and told.strip().endswith(".")
    assert names(tmp_path) == ["poses"] and (tmp_path / "poses" / "frame_0000.glb").read_text() == "old"


@pytest.mark.fault("Ctrl-C while the program still started was a traceback")
def test_ctrl_c_while_starting_is_one_sentence(tmp_path):
    code = f"""
        import sys
        sys.path.insert(0, {str(BACKEND)!r})
        class Slow:
            def find_spec(self, name, path=None, target=None):
                if name == "actionmesh.cli":
                    print("importing", flush=True)
                    import time
                    time.sleep(60)
        sys.meta_path.insert(0, Slow())
        from actionmesh.__main__ import main
        main()
    """
    command = [sys.executable, "-I", "-c", textwrap.dedent(code)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stdout.readline() == "importing\n"
        program.send_signal(signal.SIGINT)
        _, told = program.communicate(timeout=PATIENCE)
    assert (program.returncode, told.strip()) == (130, "Cancelled.")


@pytest.mark.fault("A name that the terminal cannot show made a finished job a failure")
@pytest.mark.parametrize("name", ["würfel.safetensors", os.fsdecode(b"w\xff.safetensors")])
def test_any_name_can_be_told(tmp_path, name):
    command = [sys.executable, "-I", str(FAKES), "cli", "animate", "quick", "-o", str(tmp_path / name)]
    done = subprocess.run(
        ["env", "PYTHONUTF8=0", "LC_ALL=C", "PYTHONCOERCECLOCALE=0", *command], capture_output=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    assert names(tmp_path) == [name] and b"Wrote" in done.stdout


@pytest.mark.fault("A finished job was a failure where whoever read its words had left")
def test_nobody_has_to_read_what_is_told(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-I", str(FAKES), "cli", "animate", "quick", "-o", str(tmp_path / "a.safetensors")]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, timeout=PATIENCE)
    os.close(writing)
    assert done.returncode == 0 and b"Error" not in done.stderr, done.stderr
    assert names(tmp_path) == ["a.safetensors"]


class Subject:
    frames = crops = None


@pytest.mark.fault("One result that could not be written threw away the finished job and the other results")
def test_the_other_results_are_written_and_the_animation_is_kept(animation, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "temporary"))
    out = (str(tmp_path / "a.npz"), str(tmp_path / "gone" / "b.glb"), str(tmp_path / "c.png"))
    (tmp_path / "gone").write_text("a file that came while the job ran")
    with pytest.raises(OutputError) as caught:
        save_all(animation, out, None, Subject(), Progress())
    assert "b.glb could not be written" in caught.value.problem and out[0] in caught.value.problem and caught.value.cure
    assert names(tmp_path) == ["a.npz", "c.png", "gone"], "an array file is there already: nothing else is kept"
    with pytest.raises(OutputError) as caught:
        save_all(animation, out[1:], None, Subject(), Progress())
    (kept,) = (tmp_path / "temporary" / "actionmesh-kept").iterdir()
    assert str(kept) in caught.value.problem
    np.testing.assert_array_equal(Animation.load(kept).vertices, animation.vertices)


@pytest.mark.fault("A fault of our own in writing one format threw away the finished job")
def test_an_internal_fault_of_a_writer_keeps_the_animation(animation, tmp_path, monkeypatch):
    def faulty(*given):
        raise KeyError("a material that is none")

    monkeypatch.setitem(writers.WRITERS, ".glb", faulty)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "temporary"))
    with pytest.raises(OutputError, match="b.glb could not be written: .*KeyError.*not lost"):
        save_all(animation, (str(tmp_path / "b.glb"),), None, Subject(), Progress())
    assert len(list((tmp_path / "temporary").rglob("*.safetensors"))) == 1


@pytest.mark.fault("A disk that was full already was noticed only when the result was saved")
def test_a_full_disk_is_noticed_before_the_work(tmp_path):
    from tests.full_disk import full_disk

    with full_disk(100), pytest.raises(OutputError, match="does not accept new files"):
        check_output(tmp_path / "new" / "a.glb")
    assert names(tmp_path) == []


def test_a_discarded_part_is_gone_while_its_thread_still_writes(tmp_path):
    going = [True]

    def endless(folder):
        folder.mkdir()
        while going[0]:
            (folder / str(time.monotonic_ns())).touch()

    thread = Thread(target=lambda: pytest.raises(Cancelled, write_atomically, tmp_path / "poses", endless))
    thread.start()
    while not names(tmp_path):
        time.sleep(0.01)
    parts.discard_all()
    going[0] = False
    thread.join()
    assert names(tmp_path) == []
    write_atomically(tmp_path / "poses", lambda folder: folder.mkdir())
    assert names(tmp_path) == ["poses"], "what is begun later is written"
