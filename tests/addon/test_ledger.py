"""The ledger of a data set: names that any file system accepts, and rows that are true."""

import json

import pytest

from blender_addon.conversion.ledger import begin, file_names, read_clips, write_clips
from blender_addon.errors import ArtistError


def test_names_are_safe_short_and_different():
    clips = ["Walk", "walk", "WALK", "Armature|Run: fast/loop", "..", "", "Прыжок", "a" * 300]
    names = file_names(clips)
    assert names["Walk"] == "Walk" and names["walk"] == "walk-2" and names["WALK"] == "WALK-3"
    assert names["Armature|Run: fast/loop"] == "Armature_Run__fast_loop" and names["Прыжок"] == "Прыжок"
    assert len({name.lower() for name in names.values()}) == len(clips)
    assert all(name and not set(name) & set('/\\:*?"<>|. ') and len(name) < 70 for name in names.values())


def test_a_file_counts_as_done_while_its_sequences_are_there(tmp_path):
    rows = {
        "a.glb": [
            {"file": "a.glb", "clip": "Walk, slow", "sequence": "a.glb.Walk.safetensors", "problem": ""},
            {"file": "a.glb", "clip": "Pose", "sequence": "", "problem": "It does not move."},
        ]
    }
    write_clips(tmp_path, rows)
    assert read_clips(tmp_path) == {}
    (tmp_path / "a.glb.Walk.safetensors").touch()
    assert read_clips(tmp_path) == rows


def test_options_that_were_not_known_then_had_their_default(tmp_path):
    begin(tmp_path, {"views": 1}, {})
    begin(tmp_path, {"views": 1, "faces": False}, {"faces": False})
    with pytest.raises(ArtistError, match="faces False"):
        begin(tmp_path, {"views": 1, "faces": True}, {"faces": False})
    assert json.loads((tmp_path / "dataset.json").read_text()) == {"views": 1}
