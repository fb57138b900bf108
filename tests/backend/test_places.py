"""Names of results, for every system: pure functions, so that Linux tests the faults of Windows and macOS."""

from pathlib import PureWindowsPath

import pytest

from actionmesh import jobs
from actionmesh.errors import InputError
from actionmesh.files.places import fault_of_name, reachable, same_place
from actionmesh.output.writers import check_output
from actionmesh.protocol import Animate


def named(sentence, *case):
    return pytest.param(*case, marks=pytest.mark.fault(sentence), id=sentence[:40])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        named("On Windows, a result named like a device (CON, NUL) vanished", "C:\\clips\\NUL", "device"),
        named("On Windows, aux.glb was written to a device", "aux.glb", "device"),
        named("On Windows, a folder of the result was named like a device", "C:\\com1\\walk.glb", "device"),
        named("On Windows, com with a raised one was not known for a device", "COM\u00b9.glb", "device"),
        named("On Windows, a trailing space of a folder was dropped", "C:\\clips \\walk.glb", "Windows drops"),
        named("On Windows, C:walk.glb was written to wherever drive C was last", "C:walk.glb", "without a backslash"),
        named("On Windows, a colon wrote the result into a hidden stream", "walk.glb:stream", "not allow"),
        named("On Windows, a question mark in the name failed after the job", "C:\\clips\\walk?.glb", "not allow"),
    ],
)
def test_what_windows_cannot_name_is_told_before_the_work(name, said):
    assert said in fault_of_name(name, "win32")


@pytest.mark.parametrize(
    "name", ["C:\\clips\\walk.glb", "walk.glb", "..\\walk.glb", "\\\\server\\share\\console\\nullify.glb"]
)
def test_what_windows_can_name_is_taken(name):
    assert fault_of_name(name, "win32") == ""
    assert fault_of_name("aux.glb", "linux") == "", "it is a name elsewhere"


@pytest.mark.fault("On Windows, a result in a folder deeper than 260 characters failed after the job")
def test_long_windows_paths_are_opened_behind_their_prefix():
    deep = PureWindowsPath("C:\\" + "deep\\" * 60 + "walk.glb")
    assert str(reachable(deep, "win32")) == f"\\\\?\\{deep}"
    assert reachable(reachable(deep, "win32"), "win32") == reachable(deep, "win32")
    share = PureWindowsPath("\\\\server\\share\\" + "deep\\" * 60 + "walk.glb")
    assert str(reachable(share, "win32")).startswith("\\\\?\\UNC\\server\\share\\deep")
    short = PureWindowsPath("C:\\walk.glb")
    assert reachable(short, "win32") is short and reachable(deep, "linux") is deep


@pytest.mark.parametrize(
    ("name", "said"),
    [
        named("A lone surrogate in a result's name was an internal error", "walk\ud800.glb", "no file name can have"),
        named("A null character in a result's name was an internal error", "walk\0.glb", "null"),
        named("An empty name of a result was taken for the current folder", "  ", "empty"),
        named("A result's name ended in a dot and became a folder", "walk.glb.", "dot or a space"),
        named("A name of 300 characters failed after all the work", "w" * 296 + ".glb", "300 characters"),
        named("A path of 5000 characters failed after all the work", "deep/" * 1000 + "walk.glb", "longer than"),
    ],
)
def test_what_no_system_can_name_is_told_before_the_work(name, said, tmp_path):
    with pytest.raises(InputError, match=said) as caught:
        check_output(name)
    assert caught.value.cure


@pytest.mark.parametrize(
    ("one", "other"),
    [
        named("Two results that differ in case only were one file on Windows", "walk.glb", "WALK.glb"),
        named(
            "Two results whose names differ in Unicode's form only were one file on macOS",
            "caf\u00e9.glb",
            "cafe\u0301.glb",
        ),
    ],
)
def test_two_results_that_some_system_takes_for_one_are_refused(tmp_path, monkeypatch, one, other):
    monkeypatch.chdir(tmp_path)
    assert same_place(one) == same_place(other) != same_place("run.glb")
    with pytest.raises(InputError, match="has the same place as another output"):
        jobs.check_outputs(Animate("clip.mp4", (one, other)))
