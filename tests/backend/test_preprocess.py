import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from actionmesh.errors import CheckpointError, MediaError
from actionmesh.media.preprocess import PaddedBox, padded_frames, pixel_values, subject_box
from actionmesh.media.subject_crops import Box
from actionmesh.models.image_preprocessing import ImagePreprocessing
from tests.backend.parity import assert_matches, read


def frames_with_box(top: int, left: int, height: int, width: int, frames: int = 2) -> np.ndarray:
    rgba = np.zeros((frames, top + height + 3, left + width + 2, 4), np.uint8)
    rgba[0, top : top + height, left : left + width] = (200, 100, 50, 255)
    return rgba


def test_squares_match_the_published_ones_exactly():
    tensors, _ = read("image_preprocessing")
    ours = padded_frames(tensors["in.rgba_frames"].numpy())
    np.testing.assert_array_equal(ours, tensors["out.square_frames"].numpy())


def test_pixel_values_match_the_published_ones():
    tensors, _ = read("image_preprocessing")
    expected = tensors["out.dinov2_pixel_values"]
    squares = tensors["out.square_frames"].numpy()[: len(expected)]
    assert_matches(torch.from_numpy(pixel_values(squares)), expected)


def test_the_crop_is_the_union_over_frames_and_any_alpha_counts():
    rgba = np.zeros((3, 40, 50, 4), np.uint8)
    rgba[0, 10, 20, 3] = 255
    rgba[2, 30, 8, 3] = 1
    assert subject_box(rgba) == Box(top=10, left=8, height=21, width=13)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 5), st.integers(0, 5))
def test_both_sides_of_an_axis_get_the_same_padding(height, width, top, left):
    rgba = frames_with_box(top, left, height, width)
    pictures, padded = padded_frames(rgba), PaddedBox(subject_box(rgba))
    longer = max(height, width)
    vertical, horizontal = (longer // 10 + (longer - side) // 2 for side in (height, width))
    assert pictures.shape == (2, height + 2 * vertical, width + 2 * horizontal, 3)
    assert abs(pictures.shape[1] - pictures.shape[2]) <= 1
    rows, columns = np.nonzero((pictures[0] != 255).any(axis=-1))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (
        vertical,
        vertical + height - 1,
        horizontal,
        horizontal + width - 1,
    )
    assert (padded.corner[0] + rows.min(), padded.corner[1] + columns.min()) == (top, left)
    assert (pictures[1] == 255).all()


def test_opaque_colours_survive_compositing_and_half_alpha_is_halfway_to_white():
    rgba = np.zeros((1, 16, 16, 4), np.uint8)
    rgba[0, ..., :3] = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    rgba[..., 3] = 255
    margin = PaddedBox(subject_box(rgba)).padding[0]
    inner = slice(margin, margin + 16)
    np.testing.assert_array_equal(padded_frames(rgba)[0, inner, inner], rgba[0, ..., :3])
    rgba[..., 3] = 128
    assert abs(int(padded_frames(rgba)[0, margin, margin, 0]) - 127) <= 1


def test_a_transparent_clip_is_refused():
    with pytest.raises(MediaError, match="transparent everywhere"):
        padded_frames(np.zeros((2, 8, 8, 4), np.uint8))


def test_pixel_values_are_normalised_per_channel():
    preprocessing = ImagePreprocessing(
        shortest_edge=8, crop_size=(4, 6), image_mean=(0.5, 0.0, 0.0), image_std=(0.5, 1.0, 2.0)
    )
    values = pixel_values(np.full((2, 10, 10, 3), 255, np.uint8), preprocessing)
    assert values.shape == (2, 3, 4, 6) and values.dtype == np.float32
    np.testing.assert_allclose(values[0, :, 0, 0], [1.0, 1.0, 0.5], atol=1e-6)


@pytest.mark.parametrize("size", [(90, 90), (90, 89), (40, 41)])
def test_transformers_reads_what_we_write_and_answers_the_same(tmp_path, size):
    from transformers import AutoImageProcessor

    preprocessing = ImagePreprocessing(shortest_edge=64, crop_size=(48, 48))
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(preprocessing.to_dict()))
    pictures = np.random.default_rng(0).integers(0, 256, (1, *size, 3), np.uint8)
    theirs = AutoImageProcessor.from_pretrained(tmp_path)(list(pictures), return_tensors="np")["pixel_values"]
    ours = pixel_values(pictures, ImagePreprocessing.load(tmp_path / "preprocessor_config.json"))
    assert np.linalg.norm(ours - theirs) / np.linalg.norm(theirs) < 0.02


def test_configuration_survives_json_and_reads_both_forms_of_sizes():
    preprocessing = ImagePreprocessing(shortest_edge=32, crop_size=(28, 26), resample=2)
    assert ImagePreprocessing.from_dict(json.loads(json.dumps(preprocessing.to_dict()))) == preprocessing
    assert ImagePreprocessing.from_dict({"size": 32, "crop_size": 28}).crop_size == (28, 28)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"do_center_crop": False}, "do_center_crop"),
        ({"size": {"shortest_edge": 100}}, "224"),
        ({"size": {"height": 100}}, "shortest_edge"),
        ({"image_std": [0.1, 0.2]}, "deviation"),
        ({"resample": 17}, "17"),
    ],
)
def test_a_configuration_of_another_kind_is_refused(values, named):
    with pytest.raises(CheckpointError, match=named):
        ImagePreprocessing.from_dict(values, "p.json")
