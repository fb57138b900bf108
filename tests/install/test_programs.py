"""Which uv and which Python are used: scripted programs cover every case."""

import importlib.util
import io
import os
import sys
from pathlib import Path
from threading import Event

import pytest

from blender_addon.errors import InstallError
from blender_addon.install import locks, programs
from blender_addon.install.child import Cancelled, Children
from blender_addon.install.computer import Computer
from blender_addon.install.messages import Action, Finished, Request
from blender_addon.install.sources import Sources

from .shelf import ended, needs_uv, run

ROOT = Path(__file__).resolve().parents[2]
needs_posix = pytest.mark.skipif(os.name == "nt", reason="needs shell scripts")
LOCKS = [locks.Lock(Path("x"), "cpu", version, 1, 1, "") for version in ("3.11", "3.13")]


@pytest.fixture
def children():
    return Children(Event(), io.StringIO())


def program(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def python(tmp_path, version, wide="True"):
    return program(tmp_path / f"python{version}-{wide}", f'echo "{version} {wide}"')


def uv(tmp_path, found="", downloaded="", wheels=""):
    """Make a uv that finds one Python, and has another after a download."""
    marker = tmp_path / "downloaded"
    text = f"""
case "$1 $2 $*" in
"python install"*) {f"touch {marker}; exit 0" if downloaded else "exit 1"};;
"python find"*--managed-python*) echo {downloaded}; test -e {marker};;
"python find 3.11"*|*"find 3.11"*) echo {found}; test -n "{found}";;
*) exit 1;;
esac"""
    return programs.Uv(Path(program(tmp_path / "uv", text)), Sources(wheels=wheels))


def choose(uv, children, blender="", computer=None):
    return programs.get_python(uv, LOCKS, computer or Computer("linux-x64"), blender, children)


@needs_posix
def test_python_that_the_variable_names_comes_first(tmp_path, children, monkeypatch):
    named = python(tmp_path, "3.13")
    monkeypatch.setenv("ACTIONMESH_BASE_PYTHON", named)
    assert choose(uv(tmp_path, python(tmp_path, "3.11")), children) == (named, LOCKS[1])
    for wrong in (python(tmp_path, "3.9"), python(tmp_path, "3.11", "False"), str(tmp_path / "nothing")):
        monkeypatch.setenv("ACTIONMESH_BASE_PYTHON", wrong)
        with pytest.raises(InstallError, match="ACTIONMESH_BASE_PYTHON names .* not a working Python 3.11 or 3.13"):
            choose(uv(tmp_path), children)


@needs_posix
def test_then_one_that_is_found_then_a_download_then_blenders_own(tmp_path, children, monkeypatch):
    monkeypatch.delenv("ACTIONMESH_BASE_PYTHON", raising=False)
    own, other, blender = python(tmp_path, "3.11"), tmp_path / "loaded", python(tmp_path, "3.13")
    loaded = program(other, "echo 3.11 True")
    assert choose(uv(tmp_path, own, loaded), children, blender) == (own, LOCKS[0])
    assert choose(uv(tmp_path, "", loaded), children, blender) == (loaded, LOCKS[0])
    assert choose(uv(tmp_path, python(tmp_path, "3.9"), loaded), children, blender) == (loaded, LOCKS[0])
    assert choose(uv(tmp_path), children, blender) == (blender, LOCKS[1])
    (tmp_path / "downloaded").unlink()
    assert choose(uv(tmp_path, "", loaded, wheels="/w"), children, blender) == (blender, LOCKS[1])
    assert not (tmp_path / "downloaded").exists(), "a folder of wheels means no network"


@needs_posix
def test_blenders_own_python_is_not_taken_out_of_a_box(tmp_path, children, monkeypatch):
    monkeypatch.delenv("ACTIONMESH_BASE_PYTHON", raising=False)
    for blender, computer in ((python(tmp_path, "3.11"), Computer("linux-x64", box="snap")), ("", None)):
        with pytest.raises(InstallError) as caught:
            choose(uv(tmp_path), children, blender, computer)
        assert "No Python 3.11 or 3.13 was found" in caught.value.problem and "python.org" in caught.value.cure


def test_child_is_ended_by_a_cancel_and_its_secrets_are_not_logged():
    cancelled, log = Event(), io.StringIO()
    children = Children(cancelled, log)
    code = "import time; print('at https://me:word@x/', flush=True); time.sleep(60)"
    with pytest.raises(Cancelled):
        children.run([sys.executable, "-c", code], on_line=lambda line: cancelled.set())
    assert "word" not in log.getvalue().split("$ ")[1].split("\n", 1)[1]
    with pytest.raises(Cancelled):
        children.run([sys.executable, "-c", ""])


def test_child_that_fails_tells_its_code_and_last_lines(children):
    ended = children.run([sys.executable, "-u", "-c", "for n in range(99): print(n)\nraise SystemExit('end')"])
    assert ended.code == 1 and ended.tail.splitlines()[-1] == "end" and len(ended.tail.splitlines()) == 60


@needs_uv
@pytest.mark.parametrize("place", ["blender_addon/wheels", ".wheels"])
def test_wheel_in_the_add_on_is_the_carrier_of_uv(home, shelf, index, monkeypatch, place):
    folder = shelf.folder / place
    folder.mkdir(exist_ok=True)
    (wheel,) = shelf.wheels.glob("uv-*")
    wheel.rename(folder / wheel.name)
    last, _ = ended(run(shelf, Request(Action.INSTALL, online=True, index=index.url), monkeypatch))
    assert isinstance(last, Finished), last
    assert not [path for path, _ in index.asked if "/uv" in path] and (folder / wheel.name).exists()
    assert os.access(home / "installer" / "uv-0.13.9" / "uv", os.X_OK)


def test_version_of_uv_is_the_same_everywhere():
    pin = f"uv=={programs.uv_lock()[0]}"
    assert pin in (ROOT / "backend" / "requirements-dev.txt").read_text().splitlines()
    assert len(programs.uv_lock()[1]) == len(programs.TAGS)


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("docs_locks", ROOT / "docs" / "locks.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["docs_locks"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("name", "platform", "python", "fits"),
    [
        ("numpy-2.4.6-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl", "linux-x64", "3.11", True),
        ("numpy-2.4.6-cp311-cp311-manylinux_2_27_x86_64.whl", "linux-x64", "3.13", False),
        ("numpy-2.4.6-cp311-cp311-musllinux_1_2_x86_64.whl", "linux-x64", "3.11", False),
        ("numpy-2.4.6-cp313-cp313t-manylinux_2_27_x86_64.whl", "linux-x64", "3.13", False),
        ("safetensors-0.8.0-cp310-abi3-win_amd64.whl", "windows-x64", "3.13", True),
        ("safetensors-0.8.0-cp310-abi3-win_arm64.whl", "windows-x64", "3.13", False),
        ("x-1-cp312-abi3-win_amd64.whl", "windows-x64", "3.11", False),
        ("av-18.1.0-cp311-abi3-macosx_14_0_arm64.whl", "macos-arm64", "3.11", True),
        ("tqdm-4-py3-none-any.whl", "macos-arm64", "3.13", True),
        ("uv-0.13.9-py3-none-win_amd64.whl", "windows-x64", "3.11", True),
    ],
)
def test_tags_of_a_wheel_say_where_it_fits(script, name, platform, python, fits):
    assert script.fits(name, script.Target("cpu", platform, "", python)) == fits


def test_table_of_locks_says_what_was_not_resolved(script):
    outcomes = {target.name: "" for target in script.TARGETS} | {"cuda126-linux-x64-py311": "the index was not reached"}
    kept = {"cpu-linux-x64-py311": script.Lock(53, 418_400_000, 1_380_000_000, "cpu")}
    text = script._with_table("head\n<!-- table -->\nold\n<!-- end -->\ntail\n", outcomes, kept)
    assert "old" not in text and text.startswith("head\n") and text.endswith("tail\n")
    assert "| cpu-linux-x64-py311 | 53 | 418 MB | 1 380 MB | resolved |" in text
    assert "| cuda126-linux-x64-py311 |  |  |  | not resolved here: the index was not reached |" in text
    assert "PyTorch has no build for Intel Macs" in text


def test_documented_table_has_every_lock_that_is_shipped(script):
    text = (ROOT / "docs" / "installing.md").read_text()
    for path in (ROOT / "backend" / "locks").glob("*-py*.txt"):
        (row,) = [line for line in text.splitlines() if line.startswith(f"| {path.stem} |")]
        assert row.split("|")[2].strip() == str(len(path.read_text().splitlines()) - 1)
