"""What a bare machine lacks is reported before anything is installed, with the one command that installs it."""

import ctypes
import os
import shutil
import sys
from collections import namedtuple

import pytest

from backend.bootstrap import blenders, preflight, pythons, system_packages
from backend.bootstrap.blenders import blender_for_demo, runnable
from backend.bootstrap.environment import Environment
from backend.bootstrap.errors import BuildError
from backend.bootstrap.requirements import TO_RUN
from backend.bootstrap.system_packages import LIBRARIES, missing_libraries

NEEDED = ["X11", "Xrender", "Xfixes", "Xi", "xkbcommon", "SM", "ICE", "Xext", "GL", "gomp"]


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Set up a bare Linux: set its programs, libraries and Pythons, for an ordinary user."""

    class Machine:
        def has(self, programs=("apt-get",), without=(), pythons_=("3.11",), modules=True, offered="3.11", root=False):
            def load(name):
                if name in without:
                    raise OSError(name)

            def succeeds(command):
                return command[-1] == f"python{offered}-venv" if command[0] == "apt-cache" else modules

            def find_python(versions):
                return next(([f"python{each}"] for each in versions if each in pythons_), [])

            monkeypatch.setattr(shutil, "which", lambda name: name if name in programs else None)
            monkeypatch.setattr(ctypes, "CDLL", load)
            monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000)
            for module in (preflight, blenders):
                monkeypatch.setattr(module, "find_python", find_python)
                monkeypatch.setattr(module, "version_of", lambda command: command[0][6:])
            monkeypatch.setattr(preflight, "succeeds", succeeds)

    monkeypatch.setattr(sys, "platform", "linux")
    return Machine()


@pytest.fixture
def disk(monkeypatch):
    """Return a function that sets the free gigabytes."""

    def free(gigabytes):
        usage = namedtuple("usage", "total used free")(0, 0, int(gigabytes * 1e9))
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)

    free(100)
    return free


def test_libraries_are_those_that_blender_loads(machine):
    machine.has(without=list(LIBRARIES))
    assert [name.split(".")[0] for name in missing_libraries()] == [f"lib{name}" for name in NEEDED]
    machine.has()
    assert missing_libraries() == []


def test_libraries_are_not_asked_for_elsewhere(machine, monkeypatch):
    machine.has(without=list(LIBRARIES))
    monkeypatch.setattr(sys, "platform", "darwin")
    assert missing_libraries() == []


@pytest.mark.parametrize(
    ("programs", "root", "command"),
    [
        (["apt-get"], False, "`sudo apt-get install -y libxi6 libgl1`"),
        (["apt-get"], True, "`apt-get install -y libxi6 libgl1`"),
        (["dnf"], False, "`sudo dnf install -y libXi libglvnd-glx`"),
        ([], False, "install them"),
    ],
)
def test_without_its_libraries_the_demo_knows_what_brings_blender(machine, programs, root, command):
    machine.has(programs, without=["libXi.so.6", "libGL.so.1"], root=root)
    version, reason = blender_for_demo()
    assert version == "" and "needs libXi, libGL; " + command in reason
    versions, left_out = runnable()
    assert versions == [] and set(left_out.values()) == {reason}


@pytest.mark.parametrize(
    ("found", "demo", "tested"),
    [
        (["3.11"], "4.5", ["4.2", "4.5", "5.0"]),
        (["3.13"], "5.2", ["5.1", "5.2", "5.3"]),
        (["3.11", "3.13"], "5.2", ["4.2", "4.5", "5.0", "5.1", "5.2", "5.3"]),
        (["3.12"], "", []),
    ],
)
def test_blender_is_one_that_the_python_runs(machine, found, demo, tested):
    machine.has(pythons_=found)
    version, reason = blender_for_demo()
    assert version == demo and bool(reason) == (not demo)
    versions, left_out = runnable()
    assert versions == tested and set(left_out) == {"4.2", "4.5", "5.0", "5.1", "5.2", "5.3"} - set(tested)
    if "4.2" in left_out:
        assert left_out["4.2"] == "no Python 3.11 was found"


def check(root):
    (root / "backend").mkdir(exist_ok=True)
    for name in (TO_RUN, "pyproject.toml"):
        (root / name).touch()
    preflight.check(root, [(Environment(root), [TO_RUN])])


def test_a_machine_that_has_all_is_told_what_comes(machine, disk, tmp_path, capsys):
    machine.has()
    check(tmp_path)
    shown = capsys.readouterr().out
    assert "MB to download, 1.7 GB on the disk; 100.0 GB are free" in shown
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_full_disk_is_told_before_anything_is_made(machine, disk, tmp_path):
    machine.has()
    disk(2.0)
    with pytest.raises(BuildError, match=r"needs 2\.1 GB in .*, but only 2\.0 GB are free"):
        check(tmp_path)
    assert not (tmp_path / ".venv").exists()


def test_missing_python_is_told_with_the_newest_that_the_system_offers(machine, disk, tmp_path):
    machine.has(pythons_=[], without=["libSM.so.6"], offered="3.12")
    wanted = r"needs Python 3\.11 to 3\.13, but .*Run: sudo apt-get install -y python3\.12 python3\.12-venv libsm6$"
    with pytest.raises(BuildError, match=wanted):
        check(tmp_path)
    machine.has(["dnf"], pythons_=[], root=True)
    with pytest.raises(BuildError, match=r"Run: dnf install -y python3\.13$"):
        check(tmp_path)
    for programs in (["apt-get"], []):
        machine.has(programs, pythons_=[], offered="3.9")
        with pytest.raises(BuildError, match=r"Install one from python\.org\.$"):
            check(tmp_path)


def test_missing_venv_is_told_with_the_libraries_in_one_command(machine, disk, tmp_path):
    machine.has(modules=False, without=["libX11.so.6", "libICE.so.6"])
    with pytest.raises(
        BuildError, match=r"lacks .* venv\. Run: sudo apt-get install -y python3\.11-venv libx11-6 libice6$"
    ):
        check(tmp_path)


def test_python_without_ctypes_cannot_tell(monkeypatch):
    monkeypatch.setitem(sys.modules, "ctypes", None)
    assert system_packages.loads("libNothing.so.0")


def test_this_machine_is_looked_at_for_real():
    assert system_packages.loads("libc.so.6") == (sys.platform == "linux") and not system_packages.loads("libNo.so.0")
    assert pythons.succeeds([sys.executable, "-c", ""]) and not pythons.succeeds(
        [sys.executable, "-c", "raise SystemExit(1)"]
    )
