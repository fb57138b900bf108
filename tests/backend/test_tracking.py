"""The real code of SAM 2.1 and EdgeTAM on tiny random networks: shapes, directions, a session that does not grow."""

import gc

import numpy as np
import pytest
import torch
from transformers import EdgeTamVideoConfig, EdgeTamVideoModel
from transformers.models.edgetam.configuration_edgetam import EdgeTamVisionConfig

from actionmesh.errors import Cancelled, CheckpointError
from actionmesh.media.frame_file import FrameFile
from actionmesh.models.repvit import RepVit, RepVitConfig
from actionmesh.segmentation.hints import FramePicks
from actionmesh.segmentation.tracking import Tracker
from actionmesh.weights.subject_tracking import load_subject_tracker

from .sam_files import SAVED, SIDE

POINT = FramePicks(np.array([[0.5, 0.4]]), np.array([[0.1, 0.1]]), np.zeros((0, 4)))
BOX = FramePicks(np.zeros((0, 2)), np.zeros((0, 2)), np.array([[0.2, 0.2, 0.8, 0.9]]))


@pytest.fixture(scope="module", params=SAVED)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def save(name):
    return SAVED[name]


@pytest.fixture(scope="module")
def network(name, save, tmp_path_factory):
    return load_subject_tracker(save(tmp_path_factory.mktemp(name)), "cpu", torch.float32)


def clip(count: int) -> FrameFile:
    frames, rng = FrameFile(36, 48), np.random.default_rng(0)
    for _ in range(count):
        frames.append(rng.integers(0, 256, (36, 48, 4), np.uint8))
    return frames


def test_each_frame_gets_a_mask_whichever_frame_was_pointed_at(network):
    for picks in ({0: POINT}, {4: BOX}, {2: POINT, 5: BOX}, {6: POINT}):
        steps = []
        found = Tracker(network).track(clip(7), picks, lambda steps=steps: steps.append(1))
        assert len(found) == len(steps) == 7 and found.doubt is None
        assert {found[number].shape for number in range(7)} == {(SIDE // 4, SIDE // 4)}
        assert all(found[number].dtype == np.uint8 for number in range(7))


def test_points_reach_the_network_in_its_own_pixels(network):
    prompt = Tracker(network)._prompt(FramePicks(POINT.on, POINT.off, BOX.boxes))
    assert prompt["point_labels"].tolist() == [[[2, 3, 1, 0]]]
    expected = SIDE * np.array([[0.2, 0.2], [0.8, 0.9], [0.5, 0.4], [0.1, 0.1]])
    np.testing.assert_allclose(prompt["point_coords"][0, 0].numpy(), expected, rtol=1e-6)


def test_what_was_pointed_at_decides(network):
    masks = [
        Tracker(network).track(
            clip(1), {0: FramePicks(np.array([at]), np.zeros((0, 2)), np.zeros((0, 4)))}, lambda: None
        )[0]
        for at in ([0.1, 0.1], [0.9, 0.9])
    ]
    assert not np.array_equal(*masks)


@pytest.mark.fault("SAM 2.1 begins in a frame where only a point outside the subject lies, and takes anything for it")
def test_it_begins_where_the_subject_was_pointed_at(network):
    """The other point corrects its own frame, which is reached last, and no other."""
    outside, order = FramePicks(np.zeros((0, 2)), np.array([[0.5, 0.4]]), np.zeros((0, 4))), []
    hook = network.register_forward_pre_hook(lambda *given: order.append(given[2]["frame_idx"]), with_kwargs=True)
    both = Tracker(network).track(clip(6), {0: outside, 3: POINT}, lambda: None)
    hook.remove()
    alone = Tracker(network).track(clip(6), {3: POINT}, lambda: None)
    assert order == [3, 4, 5, 2, 1, 0]
    assert [np.array_equal(both[number], alone[number]) for number in range(6)] == [False, *[True] * 5]


@pytest.mark.fault("A long clip fills the memory while SAM 2.1 follows its subject")
def test_the_session_does_not_grow_over_300_frames(network, monkeypatch):
    """The tensors that are alive after 40 frames and after 300 take the same memory."""
    held, tracker = {}, Tracker(network)

    def count() -> None:
        held[len(held)] = None
        if len(held) in (40, 299):
            gc.collect()
            alive = {each.data_ptr(): each.nbytes for each in gc.get_objects() if type(each) is torch.Tensor}
            held[len(held) - 1] = sum(alive.values())

    tracker.track(clip(300), {0: POINT}, count)
    assert len(held) == 300 and held[39] > 0 and held[298] <= held[39]


def test_a_frame_that_does_not_show_the_subject_has_an_empty_mask(save, tmp_path):
    blind = load_subject_tracker(save(tmp_path, sees=False), "cpu", torch.float32)
    found = Tracker(blind).track(clip(2), {0: POINT}, lambda: None)
    assert not found[0].any() and not found[1].any()


def test_cancelling_stops_between_two_frames(network):
    steps = []

    def advance() -> None:
        steps.append(1)
        if len(steps) == 3:
            raise Cancelled()

    with pytest.raises(Cancelled):
        Tracker(network).track(clip(9), {0: POINT}, advance)
    assert len(steps) == 3


def test_weights_that_are_not_finite_are_refused(save, tmp_path):
    broken = load_subject_tracker(save(tmp_path), "cpu", torch.float32)
    broken.no_memory_embedding.data.fill_(torch.nan)
    with pytest.raises(CheckpointError, match="no finite mask"):
        Tracker(broken).track(clip(2), {0: POINT}, lambda: None)


@pytest.mark.fault("SAM 2.1's download was cut off, or its folder holds another model")
def test_damaged_and_foreign_folders_are_refused_by_name(save, tmp_path):
    with pytest.raises(CheckpointError, match="config.json"):
        load_subject_tracker(tmp_path / "nowhere", "cpu", torch.float32)
    folder = save(tmp_path / "sam")
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match="sam"):
        load_subject_tracker(folder, "cpu", torch.float32)
    (folder / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(CheckpointError, match="not of a SAM 2.1 or EdgeTAM"):
        load_subject_tracker(folder, "cpu", torch.float32)


def test_missing_tensors_are_counted(save, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = save(tmp_path)
    tensors = load_file(folder / "model.safetensors")
    tensors.pop("no_memory_embedding")
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointError, match="lacks 1 tensors, such as no_memory_embedding"):
        load_subject_tracker(folder, "cpu", torch.float32)


REPVIT = (
    (0.01471, 0.76433, -0.29593, -0.97741),
    (0.04815, 1.75081, -1.16545, 2.65177),
    (0.04655, 6.31552, -2.40612, 8.38766),
    (0.07159, 13.6404, -19.10016, 15.46218),
)
"""Mean, deviation and two values of each of its features in timm 1.0.31, with the weights and picture of the test."""


def test_repvit_is_the_one_of_timm():
    network = RepVit().eval()
    for number, (name, values) in enumerate(sorted(network.state_dict().items())):
        if values.is_floating_point():
            wave = torch.sin(torch.arange(values.numel(), dtype=torch.float64) * 0.7 + number)
            filled = 1 + 0.1 * wave if "bn.weight" in name or "running_var" in name else 0.1 * wave
            values.copy_(filled.reshape(values.shape).to(values))
    picture = torch.sin(torch.arange(3 * 64 * 96, dtype=torch.float64) * 0.013).reshape(1, 3, 64, 96).float()
    with torch.inference_mode():
        features = network(picture)
    assert [tuple(each.shape) for each in features] == [
        (1, 48, 16, 24), (1, 96, 8, 12), (1, 192, 4, 6), (1, 384, 2, 3),
    ]  # fmt: skip
    for found, expected in zip(features, REPVIT, strict=True):
        told = found.mean(), found.std(), found[0, 1, 0, 1], found[0, -1, -1, -1]
        np.testing.assert_allclose([float(each) for each in told], expected, rtol=1e-3, atol=1e-4)


def test_edgetam_has_the_published_number_of_parameters():
    """With the library's own sizes: 13.9 million."""
    backbone = {"model_type": RepVitConfig.model_type}
    config = EdgeTamVideoConfig(vision_config=EdgeTamVisionConfig(backbone_config=backbone))
    with torch.device("meta"):
        network = EdgeTamVideoModel(config)
    assert sum(each.numel() for each in network.parameters()) == pytest.approx(13.9e6, rel=0.01)
