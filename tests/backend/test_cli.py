"""The command line: arguments become a job, errors one sentence, Ctrl-C a clean end. The pipeline is the fake one."""

import os
import signal
import subprocess
import sys
import termios
import time
from dataclasses import fields

import pytest

from actionmesh import __version__, cli
from actionmesh.errors import MeshError
from actionmesh.memory.plan import PLANS
from actionmesh.protocol import (
    Animate,
    Animated,
    Area,
    Facing,
    FrameChoice,
    KnownShape,
    Match,
    Memory,
    Picks,
    ReferencePose,
    Shape,
    Spot,
)

from .worker_process import FAKES, PATIENCE, WORKER

COMMAND = [sys.executable, "-I", str(FAKES), "cli"]


def job(*arguments):
    return cli.job_of(cli.build_parser().parse_args(cli.joined_axes(["animate", *arguments])))


def run(*arguments):
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE)


def test_defaults_are_those_of_the_protocol():
    assert job("clip.mp4", "-o", "a.glb") == Animate(clip="clip.mp4", out=("a.glb",))


def test_every_argument_reaches_the_job():
    text = (
        "walk/ --mesh m.glb -o a.glb -o b.png --mask masks/ --start 2 --count 9 --step 3 --anchor -1 --fps 24 "
        "--known 3=c.glb --known 5=d.glb --preset fast --seed 7 --in-betweens 2 --steps 5 --guidance 3.5 "
        "--image-steps 40 --max-faces 9000 --smallest-part 0.1 "
        "--device cuda:1 --checkpoint full --memory 8 --reference-pose published --match track "
        "--facing -X --bend --shape relief --colours "
        "--quantise 0.05 --point 3:10,20 --point 1,2 --not-point 5,6 --box 1,2,30,40 "
        "--masks-from kept"
    )
    wanted = Animate(
        clip="walk/",
        out=("a.glb", "b.png"),
        mask="masks/",
        mesh="m.glb",
        known=(KnownShape(3, "c.glb"), KnownShape(5, "d.glb")),
        frames=FrameChoice(2, 9, 3),
        anchor=-1,
        preset="fast",
        seed=7,
        in_betweens=2,
        steps=5,
        guidance=3.5,
        image_steps=40,
        max_faces=9000,
        smallest_part=0.1,
        match=Match.TRACK,
        facing=Facing.LEFT,
        bend=True,
        shape=Shape.RELIEF,
        colours=True,
        reference_pose=ReferencePose.PUBLISHED,
        fps=24.0,
        memory=Memory.GB_8,
        checkpoint="full",
        device="cuda:1",
        quantise=0.05,
        picks=Picks((Spot(10, 20, 3), Spot(1, 2)), (Spot(5, 6),), (Area(1, 2, 30, 40),)),
        masks_from="kept",
    )
    assert job(*text.split()) == wanted
    defaults = Animate(clip="", out=())
    for item in fields(Animate):
        if item.name == "names":  # another computer's names for the files; no option
            continue
        assert getattr(wanted, item.name) != getattr(defaults, item.name), f"{item.name} is not tried here"


@pytest.mark.parametrize(
    ("flags", "pose"),
    [
        ("", None),
        ("--reference-pose corrected", "corrected"),
        ("--keep-reference-pose", "corrected"),
        ("--no-keep-reference-pose", "decoded"),
        ("--keep-reference-pose --reference-pose decoded", "decoded"),
    ],
)
def test_the_reference_pose_has_two_short_names(flags, pose):
    assert job("a.mp4", "-o", "a.glb", *flags.split()).reference_pose == pose


def test_a_reference_pose_that_does_not_exist_is_refused_with_those_that_do(capsys):
    with pytest.raises(SystemExit):
        job("a.mp4", "-o", "a.glb", "--reference-pose", "kept")
    assert "'kept' (choose from 'corrected', 'published', 'decoded')" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ("--image-steps 0", "Stage 0's steps is 0."),
        ("--max-faces -5", "The largest number of faces is -5."),
        ("--smallest-part nan", "The smallest part is nan of the largest."),
        ("--smallest-part 2", "The smallest part is 2.0 of the largest. Use a share from 0 to 1"),
    ],
)
def test_nonsense_about_the_mesh_that_is_made_is_one_sentence(tmp_path, capsys, flags, sentence):
    out = tmp_path / "a.glb"
    assert cli.main(["animate", "nowhere.mp4", "-o", str(out), *flags.split()]) == 2
    shown = capsys.readouterr().err
    assert sentence in shown and shown.count("\n") == 1 and not out.exists()


def test_low_memory_is_the_smallest_plan():
    assert job("a.mp4", "-o", "a.glb", "--low-memory").memory == PLANS[-1].name


def test_a_plan_that_does_not_exist_is_refused_with_those_that_do(capsys):
    with pytest.raises(SystemExit):
        job("a.mp4", "-o", "a.glb", "--memory", "7")
    shown = capsys.readouterr().err
    assert "7" in shown and all(plan.name in shown for plan in PLANS)


def test_a_job_that_went_on_with_less_memory_says_so(capsys):
    cli.print_result(Animated(("a.glb",), 2, 3, 1, 0.5, 0, {}, 1.0, 5, plan="8", retried_for_memory=True))
    assert "--memory 8" in capsys.readouterr().out
    cli.print_result(Animated(("a.glb",), 2, 3, 1, 0.5, 0, {}, 1.0, 5, plan="8"))
    assert "emory" not in capsys.readouterr().out


def test_frame_spread_reaches_the_job():
    assert job("a.mp4", "-o", "a.glb", "--spread", "8").frames == FrameChoice(spread=8)


@pytest.mark.parametrize("text", ["3", "=a.glb", "3=", "x=a.glb", "1.5=a.glb"])
def test_known_frames_must_be_frame_and_mesh(text, capsys):
    with pytest.raises(SystemExit) as caught:
        job("a.mp4", "-o", "a.glb", "--known", text)
    assert caught.value.code == 2
    assert "FRAME=MESH" in capsys.readouterr().err


def test_help_shows_every_option_and_examples(capsys):
    with pytest.raises(SystemExit):
        cli.main(["animate", "--help"])
    text = capsys.readouterr().out
    for item in fields(Animate):
        name = "--" + item.name.replace("_", "-")
        assert name in text or item.name in ("clip", "frames", "names", "picks"), name
    assert all(f"--{name.replace('_', '-')}" in text for name in vars(Picks()))
    assert "examples:" in text and "--known 40=landed.glb" in text


def test_examples_can_be_run_and_keep_their_inputs():
    commands = [
        line.split() for line in cli.EXAMPLES.splitlines() if line.startswith("  python -P -m actionmesh animate")
    ]
    assert len(commands) >= 3
    for command in commands:
        example = job(*command[5:])
        assert not {*example.out} & {example.clip, example.mesh, *(known.mesh for known in example.known)}, command


def test_package_runs_as_a_program():
    command = [sys.executable, "-m", "actionmesh", "--version"]
    shown = subprocess.check_output(command, cwd=WORKER.parents[1], text=True)
    assert shown == f"ActionMesh {__version__}\n"


def test_result_names_files_sizes_and_seconds_per_stage(tmp_path):
    out = tmp_path / "a.safetensors"
    done = run("animate", "quick", "-o", out)
    assert done.returncode == 0, done.stderr
    assert out.exists()
    assert f"Wrote {out}" in done.stdout
    assert "2 poses of 3 vertices and 1 faces" in done.stdout
    assert "Reading frames" in done.stdout and "Total" in done.stdout


def test_error_is_one_sentence_without_traceback(tmp_path):
    done = run("animate", "miss", "-o", tmp_path / "a.safetensors")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "/nonexistent/clip.mp4" in done.stderr
    assert "Traceback" not in done.stderr


def test_own_fault_tells_how_to_see_more_and_debug_shows_it(tmp_path):
    quiet = run("animate", "fail", "-o", tmp_path / "a.safetensors")
    assert quiet.returncode == 1
    assert quiet.stderr.count("\n") == 1 and "--debug" in quiet.stderr
    loud = run("animate", "fail", "--debug", "-o", tmp_path / "a.safetensors")
    assert loud.returncode == 1
    assert "Traceback" in loud.stderr and "an own fault" in loud.stderr


def test_problem_and_cure_are_both_told(capsys):
    assert cli.report_failure(MeshError("a.glb is empty.", "Export it again."), debug=False) == 2
    assert capsys.readouterr().err == "actionmesh: a.glb is empty. Export it again.\n"


@pytest.mark.parametrize(("behaviour", "presses"), [("slow", 1), ("deaf", 2)])
def test_ctrl_c_ends_cleanly(tmp_path, behaviour, presses):
    """One Ctrl-C between two steps; two where a step takes long."""
    command = [*COMMAND, "animate", behaviour, "-o", str(tmp_path / "a.safetensors")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "started\n"
    for _ in range(presses):
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
    output, error = process.communicate(timeout=5)
    assert process.returncode == 130, error
    assert error.endswith("Cancelled.\n") and "Traceback" not in error
    assert list(tmp_path.iterdir()) == []


def test_terminal_shows_a_bar_for_each_stage(tmp_path):
    terminal, end = os.openpty()
    termios.tcsetwinsize(end, (24, 100))
    command = [*COMMAND, "animate", "quick", "-o", str(tmp_path / "a.safetensors")]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=end, check=True, timeout=PATIENCE)
    shown = os.read(terminal, 100_000).decode()
    os.close(end)
    os.close(terminal)
    assert "Reading frames: 100%" in shown and "3/3" in shown and "Saving: 100%" in shown
