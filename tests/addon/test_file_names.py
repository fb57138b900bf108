"""Names that Windows refuses, known on every computer."""

import sys

import pytest

from blender_addon.conversion.ledger import file_names
from blender_addon.errors import FolderError
from blender_addon.file_names import excess, is_device, safe_name
from blender_addon.jobs import folder

RESERVED = pytest.mark.fault("on Windows a mesh that is called CON, or has a colon in its name, cannot be exported")


@RESERVED
@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("Cube", "Cube"), ("größe 走", "größe 走"), ("CON", "_CON"), ("aux", "_aux"), ("Nul.001", "_Nul.001"),
        ("com1", "_com1"),
        ("COM¹", "_COM¹"), ("lpt10", "lpt10"), ("console", "console"), ("a:b", "a_b"),
        ('<a>|"?*/\\', "_a_______"), ("a\0b\n", "a_b_"),
        ("walk. . ", "walk"), (" walk", "walk"), ("...", "x"), ("", "x"), ("a" * 300, "a" * 120), ("\ud800", "_"),
    ],
)  # fmt: skip
def test_names_are_taken_by_every_system(name, safe):
    assert safe_name(name, "x") == safe


def test_long_names_of_other_scripts_fit_into_255_bytes():
    assert len(safe_name("走" * 300).encode()) <= 240 and safe_name("走" * 300).startswith("走走")


@RESERVED
@pytest.mark.parametrize(
    ("name", "device"), [("con.glb", True), ("NUL", True), ("lpt1.tar.gz", True), ("aux. ", True), ("cone.glb", False)]
)
def test_devices_are_known_by_name(name, device):
    assert is_device(name, "win32") is device and not is_device(name, "linux")


@RESERVED
def test_animations_of_a_data_set_never_have_a_devices_name():
    assert file_names(["CON", "con", "nul", "walk"]) == {"CON": "_CON", "con": "_con-2", "nul": "_nul", "walk": "walk"}


@pytest.mark.fault("on Windows a job folder whose path is too long fails after the job, without a reason")
def test_a_job_folder_that_is_too_long_for_windows_is_told_before_the_job(tmp_path, monkeypatch):
    assert excess("C:\\" + "a" * 192, 64, "win32") == 1 and excess("C:\\" + "a" * 191, 64, "win32") == 0
    assert excess("/" + "a" * 900, 64, "linux") == 0
    root = tmp_path / ("a" * 200)
    monkeypatch.setattr(folder.sys, "platform", "win32")
    with pytest.raises(FolderError, match="longer than Windows allows") as caught:
        folder.new_job_folder(root)
    assert "shorter" in caught.value.cure and not root.exists()
    assert sys.platform == "win32"


def test_the_longest_path_within_the_root_is_what_is_counted(tmp_path):
    longest = folder.new_job_folder(tmp_path) / "frames" / "frame_0001.png"
    assert len(str(longest.relative_to(tmp_path))) < 64
    assert len(str((longest.parents[1] / f".part-{'0' * 12}").relative_to(tmp_path))) < 64
