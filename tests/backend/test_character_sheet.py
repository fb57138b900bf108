"""The sheet of characters."""

import numpy as np
import pytest

from actionmesh.evaluation.character_sheet import ASIDE, FRAMES, _camera, character_sheet
from actionmesh.evaluation.sheets import CELL
from actionmesh.evaluation.tracked_subjects import Cast
from tests.backend.test_tracked_bench import write_character


@pytest.mark.parametrize("degrees", [-120, 0, 75])
def test_the_first_camera_is_the_clips_own_and_the_other_is_aside(degrees):
    back = np.array([np.sin(np.radians(degrees)) * 0.8, 0.6, np.cos(np.radians(degrees)) * 0.8])
    np.testing.assert_allclose(_camera(back, 0.0).axes[2], back, atol=1e-9)
    aside = _camera(back, ASIDE).axes[2]
    assert np.degrees(np.arctan2(aside[0], aside[2])) == pytest.approx(degrees + ASIDE)
