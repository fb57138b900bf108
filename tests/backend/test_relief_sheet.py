"""The sheet of reliefs: the clip's own frames, and next to them the relief in the same frames, turned."""

import cv2
import numpy as np
import pytest
from PIL import Image

from actionmesh import cli
from actionmesh.evaluation import relief_sheet as sheets

SIZE, ORANGE = 128, (230, 120, 40)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Write four pictures of an orange bar, three times as wide as high, whose ends bend up in the last two."""
    place = tmp_path_factory.mktemp("bar")
    for frame, rise in enumerate((0, 0, 12, 14)):
        picture = np.zeros((SIZE, SIZE, 4), np.uint8)
        line = [(16, 70 - rise), (45, 70), (83, 70), (112, 70 - rise)]
        cv2.polylines(picture, [np.array(line)], False, (*ORANGE, 255), 30, cv2.LINE_AA)
        Image.fromarray(picture).save(place / f"{frame}.png")
    return place


def inked(cell):
    return np.abs(cell.astype(int) - cell[0, 0]).max(axis=-1) > 12


def test_a_row_is_two_frames_and_the_relief_of_each_turned_aside(folder, tmp_path, capsys):
    file = tmp_path / "sheet.png"
    assert cli.main(["evaluate", "reliefs", str(folder), str(folder), "-o", str(file)]) == 0
    picture = np.asarray(Image.open(file))
    assert picture.shape == (2 * sheets.CELL, 8 * sheets.CELL, 3)
    assert np.array_equal(picture[: sheets.CELL], picture[sheets.CELL :]), "the same clip twice"
    cells = picture[: sheets.CELL].reshape(sheets.CELL, 8, sheets.CELL, 3).transpose(1, 0, 2, 3)
    masks = [inked(cell) for cell in cells]
    assert (masks[0] ^ masks[4]).sum() > 0.05 * masks[0].sum(), "two different frames"
    for clip, front, aside, far in (masks[:4], masks[4:]):
        width, *others = (np.ptp(np.flatnonzero(mask.any(axis=0))) for mask in (front, aside, far))
        assert (clip ^ front).sum() < 0.2 * clip.sum(), "the relief lies on the frame next to it"
        assert others[1] < 0.9 * others[0] < 0.9 * 0.95 * width
        assert (front.sum() > aside.sum() > far.sum()) and far.sum() > 0.2 * front.sum()
    colours = [cell[mask].mean(axis=0) for cell, mask in zip(cells[:4], masks[:4], strict=True)]
    assert all(red > green > blue for red, green, blue in colours), colours
    told = capsys.readouterr().out
    assert told.count("fits the clip to 9") == 2 and str(file) in told
