"""What all readers of meshes share: reasons of damage, byte order marks and places far from 0."""

from pathlib import Path

import numpy as np
import pytest

from actionmesh.errors import MeshError
from actionmesh.geometry.reading import centre_if_far, naming_damage, plain, reason


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("line 3: no."), ": line 3: no"),
        (TypeError("a number is a word"), ": a number is a word"),
        (ValueError("x" * 199), ": " + "x" * 199),
        (ValueError("x" * 200), ""),
        (ValueError("two\nlines"), ""),
        (ValueError(""), ""),
        (ValueError(" . "), ""),
        (KeyError("faces"), ""),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), ""),
        (MemoryError("anything"), ": it needs more memory than is available"),
    ],
)
def test_only_our_own_reasons_are_told(error, told):
    assert reason(error) == told


def test_damage_names_the_file_and_its_kind():
    sentence = r"^a\.OBJ is damaged, or is not a \.obj file: line 1: odd\. Export it again\.$"
    with pytest.raises(MeshError, match=sentence), naming_damage(Path("a.OBJ")):
        raise ValueError("line 1: odd")
    with pytest.raises(AssertionError), naming_damage(Path("a.obj")):
        raise AssertionError


def test_a_byte_order_mark_is_left_out():
    assert plain(b"\xef\xbb\xbfsolid") == plain(b"solid") == b"solid"


@pytest.mark.parametrize(
    ("low", "high", "centre"),
    [
        ((15, 0, 0), (16, 1, 1), (0, 0, 0)),
        ((15.5, 0, 0), (16.5, 1, 1), (16, 0.5, 0.5)),
        ((-16.5, 0, 0), (-15.5, 1, 1), (-16, 0.5, 0.5)),
        ((-15.5, 0, 0), (-14.5, 1, 1), (0, 0, 0)),
        ((40, 0, 0), (41, 3, 1), (0, 0, 0)),
        ((50, 0, 0), (51, 3, 1), (50.5, 1.5, 0.5)),
        ((99, 0, 0), (99, 0, 0), (0, 0, 0)),
        ((99, 0, 0), (np.inf, 0, 0), (0, 0, 0)),
    ],
)
def test_what_is_further_than_16_sizes_away_is_centred(low, high, centre):
    assert np.array_equal(centre_if_far(np.array([low, high], float)), centre)


def test_no_points_are_nowhere():
    assert np.array_equal(centre_if_far(np.zeros((0, 3))), np.zeros(3))
