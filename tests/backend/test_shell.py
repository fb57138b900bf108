"""Commands for the user's shell: quoting, continued lines, and which shell it is."""

import shlex
from collections import namedtuple

import pytest

from actionmesh import shell


@pytest.mark.parametrize(
    ("kind", "word", "quoted"),
    [
        (shell.POSIX, "it's", "'it'\"'\"'s'"),
        (shell.POSIX, "$HOME", "'$HOME'"),
        (shell.POWERSHELL, r"C:\models\full", r"C:\models\full"),
        (shell.POWERSHELL, r"C:\my $models\it's", r"'C:\my $models\it''s'"),
        (shell.POWERSHELL, "it\u2019s", "'it\u2019\u2019s'"),
        (shell.CMD, r"C:\models\full", r"C:\models\full"),
        (shell.CMD, r"C:\Tom & Co", '"C:\\Tom & Co"'),
    ],
)
def test_words_are_quoted_for_the_shell(kind, word, quoted):
    assert kind.quote(word) == quoted


def test_a_long_command_goes_on_in_the_next_line_as_the_shell_wants_it():
    groups = [("--include", "x" * 50)] * 3
    for kind, end in ((shell.POSIX, " \\"), (shell.CMD, " ^"), (shell.POWERSHELL, " `")):
        lines = kind.command("hf", ("download", "a/b"), *groups).split("\n")
        assert len(lines) == 3 and all(line.endswith(end) for line in lines[:-1]) and not lines[-1].endswith(end)
    words = shlex.split(shell.POSIX.command("my hf", ("download", "a/b"), *groups).replace("\\\n", ""))
    assert words == ["my hf", "download", "a/b", *(word for group in groups for word in group)]


def test_powershell_calls_a_quoted_program():
    assert shell.POWERSHELL.command(r"C:\my tools\hf.exe", ("download",)) == r"& 'C:\my tools\hf.exe' download"
    assert shell.CMD.command(r"C:\my tools\hf.exe", ("download",)) == '"C:\\my tools\\hf.exe" download'


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["python.exe", "PowerShell.exe", "cmd.exe"], shell.POWERSHELL),
        (["cmd.exe", "powershell.exe"], shell.CMD),
        (["bash", "pwsh"], shell.POSIX),
        (["python", "pwsh", "bash"], shell.POWERSHELL),
        (["init"], shell.POSIX),
    ],
)
def test_the_nearest_shell_is_the_users(monkeypatch, names, wanted):
    processes = [namedtuple("Process", "name")(lambda name=name: name) for name in names]
    monkeypatch.setattr(shell.psutil, "Process", lambda: namedtuple("Process", "parents")(lambda: processes))
    assert shell.users_shell() is wanted
