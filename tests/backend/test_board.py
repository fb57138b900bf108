"""TensorBoard gets a training's scalars, and pictures of unseen toys from the parts that exist."""

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from actionmesh.models.denoiser import TemporalDenoiser
from actionmesh.models.shape_vae import ShapeVAE
from actionmesh.presets import Preset
from actionmesh.sizes import SIZES
from actionmesh.training import board as board_module
from actionmesh.training import export, run
from actionmesh.training.board import Board
from actionmesh.training.data import make_shard
from actionmesh.training.live_model import live_model
from actionmesh.training.parts import new_encoder, save_part
from actionmesh.training.recipes import LoopConfig, PartRecipe
from actionmesh.training.unseen_pictures import CELL, SHOWN, strip

TINY, CPU = SIZES["tiny"], torch.device("cpu")
QUICK = {"image_steps": 1, "image_guidance": 1.0, "steps": 1, "guidance": 1.0, "resolution": 16, "max_faces": 500}


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """Make data of two toys, and a run with a VAE and an image encoder."""
    folder = tmp_path_factory.mktemp("board")
    make_shard(folder / "data", 1_000_000, pictures=True, count=2)
    run.train("vae", folder / "data", folder / "run", "tiny", PartRecipe(2, 1, LoopConfig(steps=1)))
    torch.manual_seed(0)
    save_part(new_encoder(TINY), folder / "run", "encoder")
    return folder


def test_scalars_and_pictures_are_written_as_it_goes(begun, tmp_path, monkeypatch):
    monkeypatch.setitem(export.PRESETS, "demo", QUICK)
    monkeypatch.setattr(board_module, "SEEDS", (11,))
    shown = Board(tmp_path / "events", "image_to_3d", minutes=0)
    recipe = PartRecipe(2, 1, LoopConfig(steps=2))
    run.train("image_to_3d", begun / "data", begun / "run", "tiny", recipe, board=shown)
    shown.writer.close()
    events = EventAccumulator(str(tmp_path / "events" / "image_to_3d")).Reload()
    (loss,) = events.Scalars("loss")
    logged = (begun / "run" / "image_to_3d.csv").read_text().splitlines()
    assert loss.step == 2 and loss.value == pytest.approx(float(logged[1].split(",")[2]), abs=1e-4)
    pictures = events.Images("unseen/11")
    assert [picture.step for picture in pictures] == [1, 2]
    assert (pictures[0].width, pictures[0].height) == (SHOWN * CELL, 3 * CELL)


def test_no_pictures_before_it_is_time(tmp_path):
    assert not Board(tmp_path, "vae", minutes=1).due() and Board(tmp_path, "vae", minutes=0).due()


def test_a_strip_has_a_row_for_each_part_that_is_there(begun):
    preset = Preset(**QUICK)
    torch.manual_seed(0)
    vae, temporal, encoder = ShapeVAE(TINY.vae).eval(), TemporalDenoiser(TINY.temporal).eval(), new_encoder(TINY).eval()
    nothing = strip(11, live_model(begun / "nowhere", {}, "tiny", CPU), preset)
    assert nothing.shape == (CELL, SHOWN * CELL, 3) and nothing.min() < 200
    with_shape = strip(11, live_model(begun / "nowhere", {"vae": vae}, "tiny", CPU), preset)
    assert with_shape.shape[0] == 2 * CELL and np.array_equal(with_shape[:CELL], nothing)
    learning = {"vae": vae, "encoder": encoder, "temporal": temporal}
    with_motion = strip(11, live_model(begun / "nowhere", learning, "tiny", CPU), preset)
    assert with_motion.shape[0] == 3 * CELL and np.array_equal(with_motion[: 2 * CELL], with_shape)


def test_the_networks_in_training_are_used_as_they_are(begun):
    vae = ShapeVAE(TINY.vae)
    model = live_model(begun / "run", {"vae": vae}, "tiny", CPU)
    networks = model.networks
    assert networks.shape_vae is vae and model.runtime.dtype == torch.float32 and model.facts.tokens == TINY.tokens
    assert networks.has("vae", "encoder") and not networks.has("vae", "autoencoder")
    assert networks.image_encoder is networks.image_encoder and networks.loads == 1
