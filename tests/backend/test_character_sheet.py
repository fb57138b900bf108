"""The sheet of characters: their places, and their views."""

import numpy as np
import pytest

from actionmesh.evaluation import character_sheet as module
from actionmesh.evaluation.character_sheet import _camera, character_sheet
from actionmesh.evaluation.sheets import CELL
from actionmesh.evaluation.tracked_subjects import Cast
from actionmesh.evaluation.variants import Answer

from .test_tracked import write_track

ROWS = 4


@pytest.mark.parametrize("degrees", [-120, 0, 75])
def test_the_first_camera_is_the_clips_own_and_the_other_is_aside(degrees):
    back = np.array([np.sin(np.radians(degrees)) * 0.8, 0.6, np.cos(np.radians(degrees)) * 0.8])
    np.testing.assert_allclose(_camera(back, 0.0).axes[2], back, atol=1e-9)
    aside = _camera(back, 50.0).axes[2]
    assert np.degrees(np.arctan2(aside[0], aside[2])) == pytest.approx(degrees + 50)


def test_what_was_made_is_drawn_above_the_truth(tmp_path, tiny_model, monkeypatch):
    """For a still mesh the last two rows differ; for the true motion they are the same."""
    write_track(tmp_path / "11.safetensors", 11, faces=True)
    cast = Cast.of(tmp_path)
    sheets = {}
    for name, still in (("true", False), ("still", True)):

        def made(subject, task, way, still=still):
            vertices = subject.toy.vertices
            return Answer(np.repeat(vertices[:1], len(vertices), axis=0) if still else vertices, subject.toy.faces)

        monkeypatch.setattr(module, "matched_row", made)
        sheets[name] = character_sheet(cast, tiny_model, "demo", columns=2)
    rows = {name: sheet[:, : module.FRAMES * CELL].reshape(ROWS, CELL, -1, 3) for name, sheet in sheets.items()}
    assert (rows["true"][2] == rows["true"][3]).all() and (rows["still"][3] == rows["true"][3]).all()
    assert (rows["still"][2] != rows["still"][3]).any()
    assert (sheets["true"][:, -module.FRAMES * CELL :] == 255).all()
