"""`build.py`: what each command runs, in which versions of Blender, and its message when something is missing."""

import ast
import re
import shutil
import sys
import tomllib
from pathlib import Path

import pytest

import build
from backend.bootstrap import blenders, preflight
from backend.bootstrap.blenders import in_bpy
from backend.bootstrap.environment import Environment
from backend.bootstrap.requirements import TO_DEVELOP, TO_RUN


@pytest.mark.parametrize("code", [0, 3])
def test_bench_runs_the_benchmark_with_what_it_needs(tmp_path, monkeypatch, capfd, code):
    monkeypatch.setenv("ACTIONMESH_TORCH", "cpu")
    asked, checked = [], []
    python = program(tmp_path, "echo asked: $@", code)
    monkeypatch.setattr(Environment, "ensure", lambda self, names: asked.extend(names) or python)
    monkeypatch.setattr(preflight, "check", lambda root, wanted: checked.extend(names for _, names in wanted))
    assert build.bench(tmp_path) == code
    assert asked == [TO_RUN, TO_DEVELOP] == checked[0]
    assert capfd.readouterr().out == f"asked: {tmp_path / 'benchmarks' / 'full_size.py'}\n"


@pytest.fixture
def checks(monkeypatch):
    """Record each check's name, command and variables without running it; its exit code is one of `checks.codes`."""

    class Checks(list):
        codes: dict = {}
        pythons = ["3.11"]
        libraries: list = []
        checked: list = []

        def run(self, name, command, root, variables=None, kept=False):
            self.append((name, command, variables or {}))
            return self.codes.get(name, 0)

    checks = Checks()
    monkeypatch.setattr(build, "run_check", checks.run)
    monkeypatch.setattr(Environment, "ensure", lambda self, names: self.folder / "python")
    found = {"find_python": lambda versions: ["python"] if set(versions) & set(checks.pythons) else []}
    for name, fake in {**found, "missing_libraries": lambda: checks.libraries}.items():
        monkeypatch.setattr(blenders, name, fake)
    monkeypatch.setattr(preflight, "check", lambda root, wanted: checks.checked.extend(each.name for each, _ in wanted))
    monkeypatch.setattr(build, "find_blender", lambda: "")
    monkeypatch.setattr(build, "at_once", lambda: 1)
    return checks


WITHOUT_BLENDER = ["ruff", "format", "mypy", "pytest"]
EVERYWHERE = [*WITHOUT_BLENDER, "bpy 4.2", "bpy 4.5", "bpy 5.0"]


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
    assert checks.checked == [".venv", ".venv-bpy/4.2", ".venv-bpy/4.5", ".venv-bpy/5.0"]
    for version, (_, command, variables) in zip(("4.2", "4.5", "5.0"), checks[len(WITHOUT_BLENDER) :], strict=True):
        assert command[:3] == [str(tmp_path / ".venv-bpy" / version / "python"), "-m", "pytest"]
        assert variables["ACTIONMESH_PYTHON"] == str(tmp_path / ".venv" / "python")
        assert not Path(variables["BLENDER_USER_RESOURCES"]).exists()
    assert len({variables["BLENDER_USER_RESOURCES"] for _, _, variables in checks[len(WITHOUT_BLENDER) :]}) == 3


def ran_in(checks):
    """Return which tests ran in each version of Blender."""
    return {name[4:]: command[3:] for name, command, _ in checks if name.startswith("bpy")}


def test_oldest_and_newest_blender_run_everything_and_those_between_the_smoke_tests(checks, tmp_path, capsys):
    checks.pythons = ["3.11", "3.13"]
    build.test(tmp_path)
    ran = ran_in(checks)
    assert list(ran) == ["4.2", "4.5", "5.0", "5.1", "5.2", "5.3"]
    assert ran["4.2"] == ran["5.3"] == ["tests/bpy"]
    for version in ("4.5", "5.0", "5.1", "5.2"):
        assert len(ran[version]) >= 3 and all((build.ROOT / name).is_file() for name in ran[version])
    assert "Smoke tests only: Blender 4.5, 5.0, 5.1, 5.2; `build.py test --all`" in capsys.readouterr().out


def test_newest_is_that_of_the_pythons_which_are_there(checks, tmp_path, capsys):
    build.test(tmp_path)
    ran = ran_in(checks)
    assert ran["4.2"] == ran["5.0"] == ["tests/bpy"] != ran["4.5"]
    assert "Skipped: Blender 5.1, 5.2, 5.3, because no Python 3.13 was found.\n" in capsys.readouterr().out


def test_all_runs_everything_everywhere(checks, monkeypatch, capsys):
    checks.pythons = ["3.11", "3.13"]
    assert build.main(["test", "--all"]) == 0
    assert len(ran_in(checks)) == 6 and all(ran == ["tests/bpy"] for ran in ran_in(checks).values())
    assert "Smoke" not in capsys.readouterr().out
    with pytest.raises(SystemExit):
        build.main(["demo", "--all"])
    assert "--all can only be used with test" in capsys.readouterr().err


def test_without_a_python_or_the_libraries_of_the_module_its_tests_are_skipped_with_a_reason(checks, tmp_path, capsys):
    checks.pythons = ["3.12"]
    assert build.test(tmp_path) == 0
    assert [name for name, _, _ in checks] == WITHOUT_BLENDER and checks.checked == [".venv"]
    shown = capsys.readouterr().out
    assert "Skipped: Blender 4.2, 4.5, 5.0, because no Python 3.11 was found.\n" in shown
    assert "Skipped: Blender 5.1, 5.2, 5.3, because no Python 3.13 was found.\n" in shown
    checks.pythons, checks.libraries = ["3.11"], ["libSM.so.6"]
    assert build.test(tmp_path) == 0
    assert not ran_in(checks)
    assert (
        "Skipped: Blender 4.2, 4.5, 5.0, 5.1, 5.2, 5.3, because Blender's Python module needs libSM;"
        in capsys.readouterr().out
    )


def test_real_blender_is_used_where_there_is_one(checks, tmp_path, monkeypatch, capsys):
    build.test(tmp_path)
    assert "Skipped: tests/window, because there is no Blender" in capsys.readouterr().out
    monkeypatch.setattr(build, "find_blender", lambda: "/opt/blender")
    checks.codes = {"window": 5}
    assert build.test(tmp_path) == 5
    assert "Skipped: tests/window" not in capsys.readouterr().out
    name, command, variables = checks[-1]
    assert (
        name == "window" and command[1:] == ["-m", "pytest", "tests/window"] and variables["BLENDER"] == "/opt/blender"
    )


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
    assert build.run_check("kept", [sys.executable, "-c", code], tmp_path, {"ONE": "2"}, kept=True) == 253
    assert capfd.readouterr().out == f"== kept\n{tmp_path} 2 True\n"


def test_requirements_of_every_blender_are_pinned():
    for version in ("4.2", "4.5", "5.0", "5.1", "5.2", "5.3"):
        bpy, common = (build.ROOT / name for name in reversed(in_bpy(version)))
        assert re.fullmatch(rf"bpy=={version}\.\d+\n", bpy.read_text())
    pins = [re.fullmatch(r"([a-z]+)==[\d.]+(; .*)?", line) for line in common.read_text().splitlines()[1:]]
    assert {pin.group(1) for pin in pins} == {"numpy", "safetensors", "pytest", "hypothesis"}


def test_extras_pin_what_the_requirement_files_pin():
    extras = tomllib.loads((build.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    pinned = {
        name: (build.ROOT / "backend" / f"requirements-{name}.txt").read_text().split("\n")
        for name in ("dev", "cuda", "batch")
    }
    assert set(extras["dev"]) | set(extras["train"]) <= set(pinned["dev"])
    assert set(extras["cuda"]) <= set(pinned["cuda"])
    assert set(extras["batch"]) == {line for line in pinned["batch"] if line and line[0] not in "#-"}
    assert set(extras["batch"]) <= set(pinned["dev"]), "the tests of batches need them"


def test_missing_clip_is_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(build, "ROOT", tmp_path)
    assert build.main(["demo"]) == 2
    error = capsys.readouterr().err
    assert "clip.mp4 is missing" in error and error.count("\n") == 1


@pytest.fixture
def demo_repository(tmp_path):
    """Make the parts of a repository that a demo needs; files that do not state the version are empty."""
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
    """Make a program that stands in for every Python."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{text}\nexit {code}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def bare(monkeypatch):
    """Check and install nothing; set which Blender the demo has, or why it has none."""
    monkeypatch.setattr(preflight, "check", lambda root, wanted: None)
    return lambda version, reason="": monkeypatch.setattr(build, "blender_for_demo", lambda: (version, reason))


@pytest.mark.parametrize("code", [0, 2])
def test_demo_without_blender_runs_the_command_line_and_says_why(demo_repository, bare, monkeypatch, capsys, code):
    text = "echo asked: $@\nfor each in $@; do case $each in *demo_out*) touch $each;; esac; done"
    python = program(demo_repository, text, code)
    monkeypatch.setattr(Environment, "ensure", lambda self, names: python)
    bare("", "it lacks libSM")
    assert build.demo(demo_repository) == code
    shown = capsys.readouterr().out
    assert shown.splitlines()[-1] == "This was without Blender: it lacks libSM."
    out, demo = (
        demo_repository / "demo_out",
        demo_repository / "backend" / "actionmesh" / "checkpoints" / "toy" / "demo",
    )
    asked = [line for line in shown.splitlines() if line.startswith("asked:")]
    runs = [
        f"{demo / 'clip.mp4'}",
        f"{demo / 'clip.mp4'} --mesh {demo / 'mesh.glb'}",
        f"{demo / 'husky'} --shape relief",
    ]
    assert len(asked) == (3 if code == 0 else 1)
    assert all(f"-m actionmesh animate {run} --preset demo " in line for run, line in zip(runs, asked, strict=False))
    told = shown.rpartition("asked:")[2].partition("\n")[2]
    names = [f"{result}.{ending}" for result in ("from_video", "with_mesh", "relief") for ending in ("glb", "png")]
    for name in [*names, "timings.txt"]:
        assert (str(out / name) in told) == (code == 0)
    assert ("relief" in (out / "timings.txt").read_text()) == (code == 0)


@pytest.mark.parametrize("code", [0, 2])
def test_demo_in_blender_installs_the_extension_where_nothing_else_is(demo_repository, bare, monkeypatch, capsys, code):
    text = 'ls "$2" > asked; echo "$1 $3 $4 $5 $6" >> asked; env | grep -E "ACTIONMESH|BLENDER_USER" >> asked'
    text += '; touch "$6/demo.blend"'
    python = program(demo_repository, text, code)
    monkeypatch.setattr(Environment, "ensure", lambda self, names: python)
    bare("4.5")
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
    """They must reach the explanation, with nothing to install."""
    for path in [Path(build.__file__), *(build.ROOT / "backend" / "bootstrap").glob("*.py")]:
        tree = ast.parse(path.read_text(), feature_version=(3, 8))
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
            tops = {name.split(".")[0] for name in names}
            assert tops <= set(sys.stdlib_module_names) | {"backend"}, f"{path}:{node.lineno}"
    with pytest.raises(SyntaxError):
        ast.parse("match 1:\n    case _: pass\n", feature_version=(3, 8))
