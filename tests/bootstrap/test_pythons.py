"""Pythons are found by their names, as Windows starts them and where pyenv keeps them."""

import sys

from backend.bootstrap import pythons
from backend.bootstrap.pythons import SUPPORTED, find_python, version_of


def fake_pythons(monkeypatch, versions):
    """Let commands be found by name only, with the given versions."""
    monkeypatch.setattr(pythons, "version_of", lambda command: versions.get(" ".join(command), ""))


def test_running_python_is_taken_if_it_fits(monkeypatch):
    fake_pythons(monkeypatch, {sys.executable: "3.12", "python3.11": "3.11"})
    assert find_python(SUPPORTED) == [sys.executable]
    assert find_python(["3.11"]) == ["python3.11"]


def test_another_python_is_found(monkeypatch):
    fake_pythons(monkeypatch, {sys.executable: "3.8", "py -3.13": "3.13"})
    assert find_python(SUPPORTED) == ["py", "-3.13"]
    fake_pythons(monkeypatch, {sys.executable: "3.8"})
    assert find_python(SUPPORTED) == []


def test_pyenvs_pythons_are_found_even_where_it_has_them_switched_off(monkeypatch, tmp_path):
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    for version in ("3.13.0", "3.13.2", "3.1.3"):
        python = tmp_path / "versions" / version / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text("#!/bin/sh\necho 3.13\n")
        python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", "no-such-python")
    assert find_python(["3.13"]) == [str(tmp_path / "versions" / "3.13.2" / "bin" / "python")]


def test_versions_are_read_from_the_interpreter_itself():
    assert version_of([sys.executable]) == ".".join(map(str, sys.version_info[:2]))
    assert version_of(["no-such-python"]) == ""
    assert version_of([sys.executable, "--no-such-option"]) == ""
