"""A result to match again may come from anywhere.

What is not an animation is reported as an error, and files that a result names are only read.
"""

import json
import os

import numpy as np
import pytest
from safetensors.numpy import save

from actionmesh import jobs
from actionmesh.animation import Animation, Provenance
from actionmesh.errors import ActionMeshError, InputError
from actionmesh.job_outputs import require_finite_result
from actionmesh.protocol import ClipCamera, Fit, Rematch

MADE = {"clip": "clip.mp4", "mesh": None, "seed": 0, "preset": "demo", "checkpoint": "toy", "version": "0.1"}


def fault(sentence, *case):
    return pytest.param(*case, marks=pytest.mark.fault(sentence), id=sentence[:50])


def arrays(**change):
    vertices = np.zeros((2, 3, 3), np.float32)
    vertices[:, 1, 0] = vertices[:, 2, 1] = 1
    given = {"vertices": vertices, "faces": np.array([[0, 1, 2]], np.int32), "times": np.array([0.0, 1.0]),
             "frame_indices": np.array([0, 1])}  # fmt: skip
    return {**given, **change}


def result(path, change=None, made=None, reference="0", text=None):
    metadata = {"reference_frame": reference, "provenance": text or json.dumps({**MADE, **(made or {})})}
    path.write_bytes(save(arrays(**(change or {})), metadata))
    return path


@pytest.mark.parametrize("given", [
    fault("A result with NaN in it was matched", {"change": {"vertices": np.full((2, 3, 3), np.nan, np.float32)}}),
    fault(
        "A result whose faces name no vertices crashed the match",
        {"change": {"faces": np.array([[0, 1, 99]], np.int32)}},
    ),
    fault("A result with negative faces was matched", {"change": {"faces": np.array([[0, 1, -1]], np.int32)}}),
    fault("A result without space was an internal error", {"change": {"vertices": np.zeros((2, 3), np.float32)}}),
    fault("A result with other times than poses was an internal error", {"change": {"times": np.zeros(7)}}),
    fault("A result with a strange array was an internal error", {"change": {"strange": np.zeros(7)}}),
    fault("A result whose reference frame is none was an internal error", {"reference": "99"}),
    fault("A result whose reference frame is a text was an internal error", {"reference": "first"}),
    fault("A result made of nothing was an internal error", {"text": "[]"}),
    fault("A result whose making is nested deep was an internal error", {"text": "[" * 100_000}),
    fault("A result whose clip is a number was an internal error", {"made": {"clip": 7}}),
    fault("A result whose frames are a list was an internal error", {"made": {"frames": [1]}}),
    fault("A result whose frames are texts was an internal error", {"made": {"frames": {"start": "a"}}}),
    fault("A result whose reference frame is infinite was an internal error", {"made": {"anchor": 1e999}}),
    fault("A result whose camera is no camera was an internal error", {"made": {"fit": {"camera": {"matrix": 3}}}}),
])  # fmt: skip
def test_what_is_no_animation_is_told(tmp_path, given):
    path = result(tmp_path / "a.safetensors", **given)
    with pytest.raises(InputError, match="cannot be read as an animation"):
        Animation.load(path)


def test_what_older_versions_wrote_is_read(tmp_path):
    loaded = Animation.load(result(tmp_path / "a.safetensors", made={"of a newer version": 3}))
    assert loaded.provenance.fit == Fit() and loaded.provenance.frames == {}


@pytest.mark.fault("A pipe in the place of a result blocked the match for good")
def test_a_pipe_is_no_result(tmp_path):
    os.mkfifo(tmp_path / "a.safetensors")
    with pytest.raises(InputError, match="cannot be read"):
        Animation.load(tmp_path / "a.safetensors")


@pytest.mark.parametrize("made", [
    fault("A result that names a device as its mesh never ended", {"mesh": "/dev/zero"}),
    fault("A result that names a device as its clip never ended", {"clip": "/dev/zero"}),
    fault("A result with 2^62 frames was an internal error", {"frames": {"count": 2**62}}),
    fault("A result with a frame rate of 1e-308 gave endless times", {"fps": 1e-308}),
])  # fmt: skip
def test_what_a_result_names_is_checked_as_a_job_is(tmp_path, made):
    path = result(tmp_path / "a.safetensors", made=made)
    with pytest.raises(ActionMeshError) as caught:
        jobs.rematch(Rematch(str(path), (str(tmp_path / "b.glb"),)), jobs.KeptModel(), print, lambda: False)
    assert caught.value.cure


@pytest.mark.parametrize(("change", "fit", "said"), [
    fault(
        "A result without finite vertices was a success",
        {"vertices": np.full((2, 3, 3), np.inf, "f4")}, Fit(), "vertices",
    ),
    fault("A result with endless times was a success", {"times": np.array([0.0, np.inf])}, Fit(), "times"),
    fault(
        "A camera that is nowhere was never answered",
        {}, Fit(camera=ClipCamera((np.nan,) * 16, 8, 8, 1.0, None)), "camera",
    ),
    fault("A fit that is no number was never answered", {}, Fit(overlap=float("nan")), "fit"),
])  # fmt: skip
def test_a_result_is_finite_or_the_job_fails(change, fit, said):
    animation = Animation(**arrays(**change), reference_frame=0, provenance=Provenance(**MADE, fit=fit))
    with pytest.raises(InputError, match=f"The {said} .*not all finite"):
        require_finite_result(animation)
