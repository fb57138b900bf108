"""Pip's progress: what is reported about a download, in a terminal and elsewhere. A script stands in for pip."""

import io
import sys

import pytest

from backend.bootstrap import pip_run
from backend.bootstrap.pip_run import Phase, Pip, megabytes_in, show
from backend.bootstrap.requirements import TO_RUN, Size, in_words, size_of

PLAYED = """
import os, sys, time
scratch = os.environ["TMPDIR"]
def grow(folder, megabytes):
    with open(os.path.join(folder, "grown"), "ab") as file:
        file.write(bytes(megabytes * 10**6))
    time.sleep(0.3)
print("Collecting tiny", flush=True)
grow(scratch, 2)
print("Installing collected packages: tiny", flush=True)
time.sleep(0.3)
grow(sys.argv[1], 3)
print("ERROR: No space left.")
sys.exit(1)
"""


@pytest.fixture
def told(monkeypatch):
    lines = []
    monkeypatch.setattr(pip_run, "show", lambda texts: lines.extend(texts))
    monkeypatch.setattr(pip_run, "LOOK_EVERY", 0.05)
    return lines


def test_download_and_unpacking_are_told_apart_and_measured(tmp_path, told):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nexec {sys.executable} -c '{PLAYED}' {tmp_path}\n")
    python.chmod(0o755)
    assert not Pip(python, tmp_path).try_to_install(["tiny"], Size(8, 10))
    downloads = [line for line in told if line.startswith("Downloading: 2 MB")]
    unpacked = [line for line in told if line.startswith("Unpacking: 3 MB")]
    assert downloads and unpacked and told.index(downloads[0]) < told.index(unpacked[0])
    assert all("of about 8 MB" in line for line in downloads) and all("of about 10 MB" in line for line in unpacked)
    assert "$ pip install tiny\nCollecting tiny" in (tmp_path / "install.log").read_text()
    assert not list(tmp_path.glob(".pip-*"))


def test_time_left_is_told_once_it_can_be_guessed():
    now = iter([0.0, 2.0, 10.0, 50.0, 60.0])
    phase = Phase("Downloading", 1200, lambda: next(now))
    assert phase.told(100) == "Downloading: 100 MB of about 1.2 GB"
    assert phase.told(100) == "Downloading: 100 MB of about 1.2 GB, 1:50 left"
    assert phase.told(600) == "Downloading: 600 MB of about 1.2 GB, 0:50 left"
    assert phase.told(1300) == "Downloading: 1.3 GB"


def test_a_terminal_has_one_line_and_a_file_few(monkeypatch, capsys):
    show(iter(["one", "two"]))
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(pip_run, "TELL_EVERY", 0.0)
    show(iter(["one", "two"]))
    assert capsys.readouterr().out == "    one\n    two\n"
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdout", terminal)
    show(iter(["a long line", "short"]))
    shown = terminal.getvalue()
    assert "\n" not in shown and shown.split("\r")[2].rstrip() == "    short" and len(shown.split("\r")[2]) > 70


def test_sizes_are_those_of_whole_folders(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "one").write_bytes(bytes(1_000_000))
    (tmp_path / "deep" / "two").write_bytes(bytes(500_000))
    (tmp_path / "link").symlink_to(tmp_path)
    assert megabytes_in(tmp_path) == pytest.approx(1.5, abs=0.01)
    assert megabytes_in(tmp_path / "gone") == 0


def test_sizes_in_words():
    assert (in_words(7.4), in_words(1000), in_words(1049)) == ("7 MB", "1.0 GB", "1.0 GB")
    both = size_of([TO_RUN, "tests/requirements-bpy-4.5.txt", "tests/requirements-bpy.txt"])
    assert both.disk > size_of([TO_RUN]).disk + 900 and "GB on the disk" in str(both)
    assert str(size_of(["pyproject.toml"])) == "a few KB"
