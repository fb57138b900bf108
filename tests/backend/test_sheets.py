"""Contact sheets have the clip and the results of every sequence, even if there is no surface."""

import numpy as np
import pytest
from PIL import Image

from actionmesh import cli
from actionmesh.errors import MeshError
from actionmesh.evaluation import sheets
from actionmesh.evaluation.subjects import toys


@pytest.fixture
def subject(tiny_model):
    return toys(2).subject(0, tiny_model, "demo")


def rows_of(picture):
    return [picture[row * sheets.CELL : (row + 1) * sheets.CELL] for row in range(len(picture) // sheets.CELL)]


def inked(row):
    """Return the share of the row that differs from its backdrop."""
    return (np.abs(row.astype(int) - row[0, 0]).max(axis=-1) > 8).mean()


def test_a_block_shows_the_clip_and_the_mesh_in_the_clips_colours(subject):
    clip, given, _ = rows_of(sheets.block(subject))
    assert clip.shape == (sheets.CELL, len(sheets.SHOWN) * sheets.CELL, 3)
    assert inked(clip) > 0.01 and inked(given) > 0.01
    hues = [row[np.abs(row.astype(int) - row[0, 0]).max(axis=-1) > 30].mean(axis=0) for row in (clip, given)]
    assert np.abs(hues[0] - hues[1]).max() < 60


def test_where_the_clip_alone_gives_no_shape_its_row_is_empty(subject, monkeypatch):
    def no_surface(one, task):
        raise MeshError("There is no surface.", "Try another seed.")

    animated = sheets.animated
    monkeypatch.setattr(sheets, "animated", lambda one, task: (animated if task.given_mesh else no_surface)(one, task))
    clip, given, drawn = rows_of(sheets.block(subject))
    assert inked(given) > 0.01 and inked(drawn) == 0


def test_the_command_writes_a_picture_of_all_sequences(tiny_checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(sheets, "block", lambda subject: np.zeros((3 * sheets.CELL, 6 * sheets.CELL, 3), np.uint8))
    file = tmp_path / "sheet.png"
    assert (
        cli.main(["evaluate", "sheet", str(tiny_checkpoint), "-o", str(file), "--count", "2", "--outsiders", "3"]) == 0
    )
    assert Image.open(file).size == (2 * 6 * sheets.CELL + sheets.CELL // 4, 3 * 3 * sheets.CELL)
