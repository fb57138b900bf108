"""The job type for Flamenco: its tasks, by Node.js, and the Python in its settings, as its add-on evaluates it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "docs" / "flamenco" / "actionmesh.js"
NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="Node.js is not installed")

# What Flamenco's Manager offers a script: `author`, `path` and `print`.
MANAGER = """
const author = {
    Task: (name, type) => ({name, type, commands: [], addCommand(command) { this.commands.push(command); }}),
    Command: (name, parameters) => ({name, parameters}),
};
const posix = require("path");
const path = {
    join: posix.posix.join,
    stem: file => posix.posix.parse(file).name,
    basename: posix.posix.basename,
    dirname: posix.posix.dirname,
};
const print = () => {};
%s
const job = {settings: %s, tasks: [], addTask(task) { this.tasks.push(task); }};
let refused = "";
try { compileJob(job); } catch (reason) { refused = `${reason}`; }
console.log(JSON.stringify({type: JOB_TYPE, tasks: job.tasks, refused}));
"""
USUAL = {"output": "/shared/out", "format": "glb", "preset": "fast", "seed": 3, "options": ""}


def compiled(**settings):
    code = MANAGER % (SCRIPT.read_text(encoding="utf-8"), json.dumps(USUAL | settings))
    done = subprocess.run([NODE, "-"], input=code, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_its_syntax_is_sound():
    done = subprocess.run([NODE, "--check", str(SCRIPT)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_every_clip_and_mesh_is_one_task_whose_command_our_program_understands():
    from actionmesh.cli import build_parser
    from actionmesh.job_arguments import job_of

    clips, meshes = "/shared/a walk.mp4\n/shared/run.mov", "/shared/fox.glb\n/shared/Fox.obj"
    tasks = compiled(clips=clips, meshes=meshes, meshes_folder="/shared", options="--spread 16  --match track")["tasks"]
    assert [task["name"] for task in tasks] == ["a walk_fox", "a walk_Fox_2", "run_fox", "run_Fox_2"]
    assert {task["type"] for task in tasks} == {"actionmesh"}
    (command,) = tasks[0]["commands"]
    assert (command["name"], command["parameters"]["exe"]) == ("exec", "{actionmesh}")
    job = job_of(build_parser().parse_args(command["parameters"]["args"]))
    assert (job.clip, job.mesh, job.out) == ("/shared/a walk.mp4", "/shared/fox.glb", ("/shared/out/a walk_fox.glb",))
    assert (job.preset, job.seed, job.frames.spread, job.match) == ("fast", 3, 16, "track")


def test_without_meshes_there_is_a_task_for_each_clip():
    tasks = compiled(clips="/shared/walk.mp4", meshes="")["tasks"]
    assert [task["name"] for task in tasks] == ["walk"] and "--mesh" not in tasks[0]["commands"][0]["parameters"][
        "args"
    ]


@pytest.mark.parametrize(("settings", "sentence"), [
    ({"clips": "", "clips_folder": "/shared"}, "There are no clips in /shared."),
    ({"clips": "/a.mp4", "meshes": "", "meshes_folder": "/m"}, "There are no meshes in /m."),
])  # fmt: skip
def test_an_empty_folder_is_one_sentence(settings, sentence):
    told = compiled(**settings)
    assert told["refused"] == sentence and not told["tasks"]


def test_folders_are_listed_by_the_expressions_of_the_settings(tmp_path):
    for name in ("b.mp4", "a.MOV", "notes.txt", ".hidden.mp4", "fox.glb"):
        (tmp_path / name).touch()
    settings = {each["key"]: each for each in compiled(clips="/a.mp4")["type"]["settings"]}
    listed = [
        evaluated(settings[key]["eval"], clips_folder=str(tmp_path), meshes_folder="") for key in ("clips", "meshes")
    ]
    assert listed == [f"{tmp_path / 'a.MOV'}\n{tmp_path / 'b.mp4'}", ""]


EVALUATION = """
import json, sys
from pathlib import Path
from types import SimpleNamespace
names = {"settings": SimpleNamespace(**json.loads(sys.argv[2])), "Path": Path, "abspath": Path}
print(json.dumps(eval(sys.argv[1], {}, names)))
"""


def evaluated(expression, **settings):
    """Evaluate an expression as Flamenco's add-on does, with names that are only local, in another process."""
    command = [sys.executable, "-I", "-c", EVALUATION, expression, json.dumps(settings)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
