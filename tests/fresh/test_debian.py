"""A root's mounts end with it, for any reason, and files that a user left outside the home are found.

Mounting needs root. Only the proofs make the Debian itself.
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from build import ROOT
from tests.fresh import lent, prove
from tests.fresh.debian import HOME, Root
from tests.fresh.log import Log

LEND = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.fresh.debian import Root
from tests.fresh.log import Log
folder, lent = Path(sys.argv[2]), Path(sys.argv[3])
root = Root(folder / "debian", Log(folder / "log"), {})
root.lend(lent)
root.lend(lent / "file")
assert root.inside(lent / "file").read_text() == "precious"
try:
    (root.inside(lent) / "file").write_text("spoilt")
except OSError as error:
    print("refused", error.errno, flush=True)
time.sleep(600)
"""


def can_make_namespaces():
    return lent.is_root() and shutil.which("unshare") and subprocess.call([*prove.NAMESPACES, "true"]) == 0


needs_root = pytest.mark.skipif(not lent.is_root(), reason="needs root")
needs_namespaces = pytest.mark.skipif(not can_make_namespaces(), reason="needs root and namespaces")


@pytest.fixture
def world(tmp_path):
    """Return a folder with a place for a root and a folder to lend it."""
    (tmp_path / "debian").mkdir()
    (tmp_path / "lent").mkdir()
    (tmp_path / "lent" / "file").write_text("precious")
    return tmp_path


def start(world):
    """Start the process that lends, and wait until it has."""
    command = [*prove.NAMESPACES, sys.executable, "-c", LEND, str(ROOT), str(world), str(world / "lent")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.startswith("refused"):
            return process
    raise AssertionError("it did not lend anything")


@needs_namespaces
def test_lent_files_are_read_alone_and_outlive_the_root(world):
    process = start(world)
    assert str(world) not in Path("/proc/self/mountinfo").read_text(), "nobody else sees the mounts"
    process.kill()
    process.communicate()
    shutil.rmtree(world / "debian")
    assert (world / "lent" / "file").read_text() == "precious"


@needs_namespaces
def test_what_runs_inside_ends_with_the_program(world):
    """Send SIGTERM to the program that waits outside, as a closed terminal or a CI timeout does."""
    inside = f"import os; print('ready', flush=True); os.execvp('sleep', ['sleep', '{600 + os.getpid()}'])"
    outside = "import sys; from tests.fresh import prove; prove.run_to_its_end(prove.NAMESPACES + sys.argv[1:])"
    command = [sys.executable, "-c", outside, sys.executable, "-c", inside]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.stdout.read() == "", "the pipe is closed once nobody holds it"
    process.wait(30)


@needs_root
def test_what_a_user_left_outside_the_home_is_found(tmp_path):
    root = Root(tmp_path, Log(tmp_path / "log"), {})
    for name in (f"{HOME}/.config/mine", "/srv/stray", "/srv/others", "/tmp/scratch", "/dev/shm/scratch"):
        path = root.inside(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        if not name.endswith("others"):
            os.chown(path, 54321, 54321)
    os.chown(root.inside(HOME), 54321, 54321)
    assert root.strays() == ["/srv/stray"]


def test_the_user_has_a_home_and_programs_and_nothing_of_this_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/mine")
    root = Root(tmp_path, Log(tmp_path / "log"), {"https_proxy": "http://proxy:3128"})
    variables = root.variables(DISPLAY=":7")
    assert variables["HOME"] == HOME and variables["DISPLAY"] == ":7"
    assert set(variables) == {"HOME", "USER", "LOGNAME", "PATH", "LANG", "SHELL", "https_proxy", "DISPLAY"}


def test_what_is_lacking_is_one_sentence_with_its_cure(monkeypatch, capsys):
    monkeypatch.setattr(lent, "is_root", lambda: False)
    assert prove.main(["clone"]) == 2
    assert capsys.readouterr().err == "prove.py: This needs root on Linux. Run it with `sudo -E`.\n"
    monkeypatch.setattr(lent, "is_root", lambda: True)
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "debootstrap" else f"/bin/{name}")
    assert prove.main(["zip"]) == 2
    assert "This needs debootstrap. Run: apt-get install -y debootstrap\n" in capsys.readouterr().err


def test_folder_of_something_else_is_left_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(prove, "lacking", lambda: "")
    (tmp_path / "mine").touch()
    assert prove.main(["clone", "--root", str(tmp_path)]) == 2
    assert "holds something else" in capsys.readouterr().err and (tmp_path / "mine").exists()


def test_help_names_both_proofs_and_needs_no_root(capsys):
    with pytest.raises(SystemExit) as ended:
        prove.main(["--help"])
    told = capsys.readouterr().out
    assert ended.value.code == 0 and "prove.py clone" in told and "prove.py zip" in told and "--inside" not in told
