"""`build.py`: what it installs and when, the interpreter it finds, and what it tells when something is missing.

The environments here are real; what is installed into them is one tiny wheel made on the spot, so no network is needed.
"""

import ast
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pip
import pytest

import build
from build import FOR_CUDA, TO_DEVELOP, TO_RUN, BuildError, Environment


def make_wheel(folder, version):
    name = f"tiny-{version}"
    with zipfile.ZipFile(folder / f"{name}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny.py", f"version = {version!r}\n")
        wheel.writestr(f"{name}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n")
        wheel.writestr(f"{name}.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{name}.dist-info/RECORD", "")


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository that needs the wheel `tiny` 1.0 to run, and nothing more to develop."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    make_wheel(wheels, "1.0")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    root = tmp_path / "re pository"
    package = root / "backend" / "actionmesh"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (root / TO_RUN).write_text("tiny==1.0\n")
    (root / TO_DEVELOP).write_text("# nothing\n")
    (root / FOR_CUDA).write_text("# nothing\n")
    return root


@pytest.fixture
def quickly_made(monkeypatch):
    """Environments borrow the pip that runs here: unpacking one takes most of the time."""

    def create(self):
        subprocess.run([sys.executable, "-I", "-m", "venv", "--clear", "--without-pip", self.folder], check=True)
        (packages,) = self.folder.glob("**/site-packages")
        (packages / "borrowed.pth").write_text(str(Path(pip.__file__).parents[1]))

    monkeypatch.setattr(Environment, "_create", create)


@pytest.fixture
def installs(monkeypatch, quickly_made):
    """The requirement files of every installation, in order; nothing is installed."""
    seen = []
    monkeypatch.setattr(Environment, "_install", lambda self, names: seen.append(names))
    return seen


def change(requirements):
    requirements.write_text(requirements.read_text() + "# changed\n")


def test_environment_is_made_once_renewed_on_change_and_repaired(repository, installs):
    environment = Environment(repository)
    assert environment.ensure([TO_RUN]) == environment.python
    environment.ensure([TO_RUN])
    assert installs == [[TO_RUN]]
    change(repository / TO_RUN)
    environment.ensure([TO_RUN])
    assert len(installs) == 2
    environment.stamp.unlink()
    environment.ensure([TO_RUN])
    assert len(installs) == 3
    environment.python.unlink()
    environment.ensure([TO_RUN])
    assert len(installs) == 4 and environment.python.exists()


def test_installing_more_keeps_what_was_there_in_step(repository, installs):
    environment = Environment(repository)
    environment.ensure([TO_RUN])
    environment.ensure([TO_RUN, TO_DEVELOP])
    environment.ensure([TO_RUN])
    assert installs[1:] == [[TO_RUN, TO_DEVELOP]]
    change(repository / TO_RUN)
    environment.ensure([TO_RUN])
    assert installs[2:] == [[TO_RUN, TO_DEVELOP]]
    assert set(json.loads(environment.stamp.read_text())) == {TO_RUN, TO_DEVELOP}


def test_failed_installation_is_told_and_tried_again(repository, quickly_made):
    environment = Environment(repository)
    (repository / TO_RUN).write_text("tiny==3.0\n")
    with pytest.raises(BuildError, match="pip could not install"):
        environment.ensure([TO_RUN])
    assert not environment.stamp.exists()


def test_environment_that_cannot_be_made_is_explained(repository, monkeypatch):
    monkeypatch.setattr(subprocess, "call", lambda command, **options: 1)
    with pytest.raises(BuildError, match="could not be made.*python3-venv"):
        Environment(repository).ensure([TO_RUN])


def test_half_made_environment_is_replaced_by_one_that_works(repository, quickly_made):
    environment = Environment(repository)
    environment.python.parent.mkdir(parents=True)
    environment.python.write_text("#!/bin/sh\nexit 1\n")
    environment.python.chmod(0o755)
    environment.stamp.write_text("{")
    code = "import actionmesh, tiny; print(tiny.version)"
    assert subprocess.check_output([environment.ensure([TO_RUN]), "-c", code], text=True, cwd="/") == "1.0\n"


def test_pytorchs_own_index_is_asked_only_when_pip_is_not_configured(repository, monkeypatch):
    environment = Environment(repository)
    monkeypatch.setattr(sys, "platform", "linux")
    answers = iter([":env:.find-links='/wheels'\n", "global.index-url='x'\n", "global.timeout='9'\n"])
    monkeypatch.setattr(subprocess, "check_output", lambda *arguments, **options: next(answers))
    assert environment._index_options([TO_RUN]) == environment._index_options([TO_RUN]) == []
    assert environment._index_options([TO_RUN]) == ["--extra-index-url", build.PYTORCH_CPU_INDEX]
    assert environment._index_options([TO_RUN, FOR_CUDA]) == []


def test_environment_is_made_anew_for_cuda_and_only_then(repository, installs):
    environment = Environment(repository)
    environment.ensure([TO_RUN, TO_DEVELOP])
    mark = environment.folder / "mark"
    mark.touch()
    environment.ensure([TO_RUN, FOR_CUDA])
    assert not mark.exists() and set(installs[-1]) == {TO_RUN, TO_DEVELOP, FOR_CUDA}
    mark.touch()
    change(repository / FOR_CUDA)
    environment.ensure([TO_RUN, FOR_CUDA])
    assert mark.exists() and len(installs) == 3


def driver(folder, monkeypatch, text):
    """An `nvidia-smi` that answers so."""
    path = folder / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_cuda_is_installed_where_a_card_answers(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("ACTIONMESH_TORCH", raising=False)
    driver(tmp_path, monkeypatch, "echo 580.95.05")
    assert build.to_run() == [TO_RUN, FOR_CUDA]
    driver(tmp_path, monkeypatch, "echo No devices were found; exit 6")
    assert build.to_run() == [TO_RUN]
    assert capsys.readouterr().out == ""
    driver(tmp_path, monkeypatch, "echo 535.54.03")
    assert build.to_run() == [TO_RUN]
    assert "535.54.03 is older than 580" in capsys.readouterr().out
    monkeypatch.setenv("PATH", "")
    assert build.to_run() == [TO_RUN]


def test_variable_decides_over_the_card(tmp_path, monkeypatch):
    driver(tmp_path, monkeypatch, "echo 580.95.05")
    monkeypatch.setenv("ACTIONMESH_TORCH", "cpu")
    assert build.to_run() == [TO_RUN]
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("ACTIONMESH_TORCH", "cuda")
    assert build.to_run() == [TO_RUN, FOR_CUDA]
    monkeypatch.setenv("ACTIONMESH_TORCH", "rocm")
    with pytest.raises(BuildError, match="ACTIONMESH_TORCH is 'rocm'"):
        build.to_run()


def test_cards_requirements_are_the_processors_and_warp():
    lines = (build.ROOT / FOR_CUDA).read_text().splitlines()
    developed = (build.ROOT / TO_DEVELOP).read_text().splitlines()
    (warp,) = (line for line in lines if line.startswith("warp-lang=="))
    assert f"-r {Path(TO_RUN).name}" in lines and warp in developed
    assert any(line.startswith("--extra-index-url") and line.endswith("/cu130") for line in lines)


@pytest.mark.parametrize("code", [0, 3])
def test_bench_runs_the_benchmark_with_what_it_needs(tmp_path, monkeypatch, capfd, code):
    monkeypatch.setenv("ACTIONMESH_TORCH", "cpu")
    asked = []
    python = program(tmp_path, "echo asked: $@", code)
    monkeypatch.setattr(Environment, "ensure", lambda self, names: asked.extend(names) or python)
    assert build.bench(tmp_path) == code
    assert asked == [TO_RUN, TO_DEVELOP]
    assert capfd.readouterr().out == f"asked: {tmp_path / 'benchmarks' / 'full_size.py'}\n"


def fake_pythons(monkeypatch, versions):
    """Lets commands be found by name only, with the given versions."""
    monkeypatch.setattr(build, "version_of", lambda command: versions.get(" ".join(command), ""))


def test_running_python_is_taken_if_it_fits(monkeypatch):
    fake_pythons(monkeypatch, {sys.executable: "3.12", "python3.11": "3.11"})
    assert build.find_python(build.SUPPORTED) == [sys.executable]
    assert build.find_python(["3.11"]) == ["python3.11"]


def test_another_python_is_found(monkeypatch):
    fake_pythons(monkeypatch, {sys.executable: "3.8", "py -3.13": "3.13"})
    assert build.find_python(build.SUPPORTED) == ["py", "-3.13"]


def test_missing_python_is_explained(repository, monkeypatch):
    fake_pythons(monkeypatch, {sys.executable: "3.9"})
    assert build.find_python(build.SUPPORTED) == []
    with pytest.raises(BuildError, match="needs Python 3.11 to 3.13; this is"):
        Environment(repository).ensure([TO_RUN])


def test_versions_are_read_from_the_interpreter_itself():
    assert build.version_of([sys.executable]) == ".".join(map(str, sys.version_info[:2]))
    assert build.version_of(["no-such-python"]) == ""
    assert build.version_of([sys.executable, "--no-such-option"]) == ""


@pytest.fixture
def checks(monkeypatch):
    """Runs no check: records its name, command and variables, and ends it with a code of `checks.codes`."""

    class Checks(list):
        codes: dict = {}
        pythons = ["3.11"]

        def run(self, name, command, root, variables=None):
            self.append((name, command, variables or {}))
            return self.codes.get(name, 0)

    checks = Checks()
    monkeypatch.setattr(build, "run_check", checks.run)
    monkeypatch.setattr(Environment, "ensure", lambda self, names: self.folder / "python")
    monkeypatch.setattr(build, "find_python", lambda versions: ["python"] if set(versions) & set(checks.pythons) else [])
    monkeypatch.setattr(build, "find_blender", lambda: "")
    return checks


EVERYWHERE = ["ruff", "mypy", "pytest", "bpy 4.2", "bpy 4.5", "bpy 5.0"]


def test_every_check_runs_and_the_worst_code_counts(checks, tmp_path, capsys):
    checks.codes = {"ruff": 1, "bpy 4.5": 3}
    assert build.test(tmp_path) == 3
    assert [name for name, _, _ in checks] == EVERYWHERE
    assert "ruff and bpy 4.5 failed" in capsys.readouterr().err


def test_all_well_is_zero(checks, tmp_path, capsys):
    assert build.test(tmp_path) == 0
    assert "failed" not in capsys.readouterr().err


def test_every_blender_module_has_its_environment_and_knows_the_backends_python(checks, tmp_path):
    build.test(tmp_path)
    for version, (_, command, variables) in zip(build.BLENDERS, checks[3:], strict=True):
        assert command == [str(tmp_path / ".venv-bpy" / version / "python"), "-m", "pytest", "tests/bpy"]
        assert variables["ACTIONMESH_PYTHON"] == str(tmp_path / ".venv" / "python")
        assert not Path(variables["BLENDER_USER_RESOURCES"]).exists()
    assert len({variables["BLENDER_USER_RESOURCES"] for _, _, variables in checks[3:]}) == len(build.BLENDERS)


def test_without_the_python_of_the_module_its_tests_are_skipped_with_a_reason(checks, tmp_path, capsys):
    checks.pythons = ["3.13"]
    assert build.test(tmp_path) == 0
    assert [name for name, _, _ in checks] == EVERYWHERE[:3]
    assert "bpy: skipped, since Blender's Python module needs Python 3.11" in capsys.readouterr().out


def test_real_blender_is_used_where_there_is_one(checks, tmp_path, monkeypatch, capsys):
    build.test(tmp_path)
    assert "window: skipped, since there is no Blender" in capsys.readouterr().out
    monkeypatch.setattr(build, "find_blender", lambda: "/opt/blender")
    checks.codes = {"window": 5}
    assert build.test(tmp_path) == 5
    name, command, variables = checks[-1]
    assert name == "window" and command[1:] == ["-m", "pytest", "tests/window"] and variables["BLENDER"] == "/opt/blender"


def test_blender_is_the_one_named_or_the_one_on_the_path(monkeypatch):
    monkeypatch.setattr(shutil, "which", {"blender": "/my apps/blender"}.get)
    monkeypatch.setenv("BLENDER", "/opt/blender")
    assert build.find_blender() == "/opt/blender"
    monkeypatch.delenv("BLENDER")
    assert build.find_blender() == "'/my apps/blender'"
    monkeypatch.setattr(shutil, "which", {}.get)
    assert build.find_blender() == ""


def test_checks_run_in_the_repository_with_their_variables(tmp_path, capfd):
    code = "import os, sys; print(os.getcwd(), os.environ['ONE'], os.environ['PATH'] != ''); sys.exit(-3)"
    assert build.run_check("name", [sys.executable, "-c", code], tmp_path, {"ONE": "1"}) == 253
    assert f"{tmp_path} 1 True" in capfd.readouterr().out


def test_requirements_of_every_blender_are_pinned():
    for version in build.BLENDERS:
        (line,) = (build.ROOT / "tests" / f"requirements-bpy-{version}.txt").read_text().splitlines()
        assert re.fullmatch(rf"bpy=={version}\.\d+", line)
    common = [line for line in (build.ROOT / "tests" / "requirements-bpy.txt").read_text().splitlines() if not line.startswith("#")]
    assert {line.split("==")[0] for line in common} == {"numpy", "safetensors", "pytest", "hypothesis"}


def test_missing_clip_is_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(build, "ROOT", tmp_path)
    assert build.main(["demo"]) == 2
    error = capsys.readouterr().err
    assert "clip.mp4 is missing" in error and error.count("\n") == 1


@pytest.fixture
def demo_repository(tmp_path):
    """What a demo needs of a repository, files empty but for the version."""
    demo = tmp_path / "backend" / "actionmesh" / "checkpoints" / "toy" / "demo"
    demo.mkdir(parents=True)
    for folder in ("blender_addon", "wheels"):
        (tmp_path / folder).mkdir()
    for name in ("LICENSE", "backend/requirements-cpu.txt", "blender_addon/__init__.py"):
        (tmp_path / name).touch()
    (tmp_path / "backend" / "actionmesh" / "__init__.py").write_text('__version__ = "1.0"\n')
    (tmp_path / "blender_manifest.toml").write_text('version = "1.0"\n')
    for name in ("clip.mp4", "mesh.glb"):
        (demo / name).touch()
    (demo / "husky").mkdir()
    return tmp_path


def program(folder, text, code):
    """A program in the place of every Python."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{text}\nexit {code}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("code", [0, 2])
def test_demo_without_blender_runs_the_command_line(demo_repository, monkeypatch, capsys, code):
    text = 'echo asked: $@\nfor each in $@; do case $each in *demo_out*) touch $each;; esac; done'
    python = program(demo_repository, text, code)
    monkeypatch.setattr(Environment, "ensure", lambda self, names: python)
    monkeypatch.setattr(build, "find_python", lambda versions: [])
    assert build.demo(demo_repository) == code
    shown = capsys.readouterr().out
    out, demo = demo_repository / "demo_out", demo_repository / "backend" / "actionmesh" / "checkpoints" / "toy" / "demo"
    asked = [line for line in shown.splitlines() if line.startswith("asked:")]
    runs = [f"{demo / 'clip.mp4'}", f"{demo / 'clip.mp4'} --mesh {demo / 'mesh.glb'}", f"{demo / 'husky'} --shape relief"]
    assert len(asked) == (3 if code == 0 else 1)
    assert all(f"-m actionmesh animate {run} --preset demo " in line for run, line in zip(runs, asked, strict=False))
    told = shown.rpartition("asked:")[2].partition("\n")[2]
    names = [f"{result}.{ending}" for result in ("from_video", "with_mesh", "relief") for ending in ("glb", "png")]
    for name in [*names, "timings.txt"]:
        assert (str(out / name) in told) == (code == 0)
    assert ("relief" in (out / "timings.txt").read_text()) == (code == 0)


@pytest.mark.parametrize("code", [0, 2])
def test_demo_in_blender_installs_the_extension_where_nothing_else_is(demo_repository, monkeypatch, capsys, code):
    text = 'ls "$2" > asked; echo "$1 $3 $4 $5 $6" >> asked; env | grep -E "ACTIONMESH|BLENDER_USER" >> asked'
    text += '; touch "$6/demo.blend"'
    python = program(demo_repository, text, code)
    monkeypatch.setattr(Environment, "ensure", lambda self, names: python)
    monkeypatch.setattr(build, "find_python", lambda versions: ["python3.11"])
    monkeypatch.chdir(demo_repository)
    assert build.demo(demo_repository) == code
    archive, arguments, *variables = (demo_repository / "asked").read_text().splitlines()
    demo = demo_repository / "backend" / "actionmesh" / "checkpoints" / "toy" / "demo"
    script, out = demo_repository / "docs" / "demo.py", demo_repository / "demo_out"
    assert arguments == f"{script} {demo / 'clip.mp4'} {demo / 'mesh.glb'} {demo / 'husky'} {out}"
    assert archive.endswith("actionmesh-1.0.zip") and not Path(archive).exists()
    places = dict(line.split("=", 1) for line in variables)
    assert places["ACTIONMESH_PYTHON"] == str(python)
    assert places["BLENDER_USER_RESOURCES"] == str(Path(archive).parent) == str(Path(places["ACTIONMESH_HOME"]).parent)
    assert (str(out / "demo.blend") in capsys.readouterr().out) == (code == 0)


def test_old_pythons_can_read_it():
    """They must get as far as the explanation."""
    ast.parse(Path(build.__file__).read_text(), feature_version=(3, 8))
    with pytest.raises(SyntaxError):
        ast.parse("match 1:\n    case _: pass\n", feature_version=(3, 8))
