"""Mask errors change the edge a little, in some sequences, and never lose the subject."""

import numpy as np

from actionmesh.training.masks import with_mask_errors


def disc_frames(count: int = 4, size: int = 224, radius: int = 60) -> np.ndarray:
    row, column = np.mgrid[:size, :size] - size // 2
    frame = np.zeros((size, size, 4), np.uint8)
    frame[row**2 + column**2 < radius**2] = (200, 40, 40, 255)
    return np.stack([frame] * count)


def spoilt_by_seed(frames: np.ndarray, seeds: int = 60) -> list[np.ndarray]:
    return [with_mask_errors(frames, np.random.default_rng(seed)) for seed in range(seeds)]


def test_a_share_of_the_sequences_has_errors_and_the_rest_is_untouched():
    frames = disc_frames()
    changed = [not np.array_equal(spoilt, frames) for spoilt in spoilt_by_seed(frames)]
    assert abs(np.mean(changed) - 0.4) < 0.2


def test_errors_stay_near_the_edge_and_the_area_within_a_fifth():
    frames = disc_frames()
    row, column = np.mgrid[:224, :224] - 112
    away = np.abs(np.hypot(row, column) - 60) > 14
    areas = []
    for spoilt in spoilt_by_seed(frames):
        assert np.array_equal(spoilt[:, away, 3], frames[:, away, 3])
        areas.append((spoilt[..., 3] > 0).sum() / (frames[..., 3] > 0).sum())
    assert 0.8 < min(areas) < 0.97 and 1.03 < max(areas) < 1.2


def test_what_is_wrongly_kept_shows_a_backdrop_and_the_subject_keeps_its_colours():
    frames = disc_frames()
    wider = [spoilt for spoilt in spoilt_by_seed(frames) if ((spoilt[..., 3] > 0) & (frames[..., 3] == 0)).any()]
    for spoilt in wider:
        kept = (spoilt[..., 3] > 0) & (frames[..., 3] == 0)
        assert len(np.unique(spoilt[kept][:, :3], axis=0)) == 1
        inside = frames[..., 3] > 0
        assert np.array_equal(spoilt[inside][:, :3], frames[inside][:, :3])
    assert wider


def test_a_subject_thinner_than_the_error_is_not_lost():
    frames = np.zeros((2, 64, 64, 4), np.uint8)
    frames[:, 30:31, 20:40] = 255
    assert all((spoilt[..., 3] > 0).any(axis=(1, 2)).all() for spoilt in spoilt_by_seed(frames))


def test_an_empty_picture_stays_empty():
    assert not any(spoilt[..., 3].any() for spoilt in spoilt_by_seed(np.zeros((2, 32, 32, 4), np.uint8)))
