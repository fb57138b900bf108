"""Steps are timed and listed in a table; the output of programs goes to the log."""

import os
import re
import sys

import pytest

from tests.fresh.log import Log, ProofError, Step, in_words, installations

PRINTED = """== Installing .venv: about 420 MB to download, 1.7 GB on the disk
    Downloading: 120 MB
Installed in 74 s; pip's log is /home/x/.venv/install.log.
== Installing .venv-bpy/4.5: about 380 MB to download, 1.1 GB on the disk
Installed in 131 s; pip's log is /home/x/.venv-bpy/4.5/install.log.
"""


@pytest.fixture
def log(tmp_path):
    made = Log(tmp_path / "out" / "proof.log")
    yield made
    made.close()


def test_every_line_of_a_program_is_in_the_log_with_its_time(log, capsys):
    code = "import os, sys; print('one', flush=True); print(sorted(os.environ), file=sys.stderr)"
    printed = log.run([sys.executable, "-I", "-c", code], {"ONLY": "this"})
    assert printed.startswith("one\n") and "ONLY" in printed and "PATH" not in printed
    assert re.search(r"^\d\d:\d\d:\d\d     one$", log.path.read_text(), re.MULTILINE)
    assert "    one\n" in capsys.readouterr().out


def test_code_that_was_not_expected_is_told(log):
    command = [sys.executable, "-c", "raise SystemExit(2)"]
    assert log.run(command, code=2) == ""
    with pytest.raises(ProofError, match="ended with 2; 0 was expected"):
        log.run(command)


def test_table_has_the_steps_that_came_to_their_end(log):
    with log.step("first") as step:
        step.note = "well"
    with pytest.raises(ProofError), log.step("second"):
        raise ProofError("no")
    log.steps.append(Step("third", 185))
    rows = log.table().splitlines()
    assert rows[2:5] == ["| first | 0 s | well |", "| third | 3 min 05 s |  |", "| **all** | 3 min 05 s | |"]


def test_table_says_whether_the_machine_was_busy(log):
    cores = os.cpu_count()
    log.steps.append(Step("idle", 1, load=cores))
    assert log.table().splitlines()[-1].startswith(f"{cores} cores") and "other programs" not in log.table()
    log.steps.append(Step("busy", 1, load=cores + 2.5))
    assert f"other programs used them too (load up to {cores + 2.5:.1f})" in log.table()


def test_times_in_words():
    assert [in_words(each) for each in (0.4, 119, 120, 3725.6)] == ["0 s", "119 s", "2 min 00 s", "62 min 06 s"]


def test_what_build_py_installed_is_told():
    assert installations(PRINTED) == "of it .venv 74 s, of it .venv-bpy/4.5 2 min 11 s"
    assert installations("everything is installed") == ""
