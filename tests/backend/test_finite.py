"""If any network returns values that are not finite, the job fails, names the file to blame and writes nothing."""

import shutil

import numpy as np
import pytest
import trimesh
from PIL import Image
from safetensors.torch import load_file, save_file

from actionmesh import jobs
from actionmesh.errors import CheckpointError, InputError
from actionmesh.protocol import Animate, Facing, Match, Shape


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Write a disc that moves across transparent pictures."""
    folder = tmp_path_factory.mktemp("clip")
    y, x = np.mgrid[:48, :48]
    for frame in range(3):
        picture = np.zeros((48, 48, 4), np.uint8)
        picture[(x - 18 - 3 * frame) ** 2 + (y - 24) ** 2 < 100] = (200, 120, 40, 255)
        Image.fromarray(picture).save(folder / f"{frame}.png")
    return folder


PARTS = {
    "ActionMesh/denoiser": True,
    "ActionMesh/autoencoder": True,
    "TripoSG/vae": True,
    "TripoSG/image_encoder_dinov2": True,
    "TripoSG/transformer": False,
}
"""The folders of the networks, and whether a job with a mesh needs them."""


@pytest.mark.fault("NaN in a weight file: the job was a success, and no vertex of the mesh was anywhere")
@pytest.mark.parametrize("part", PARTS)
def test_a_job_with_weights_that_are_no_numbers_names_their_file(tiny_checkpoint, clip, tmp_path, part):
    copy = shutil.copytree(tiny_checkpoint, tmp_path / "tiny")
    (path,) = (copy / part).glob("*.safetensors")
    tensors = {
        name: tensor * float("nan") if tensor.is_floating_point() else tensor
        for name, tensor in load_file(path).items()
    }
    save_file(tensors, path)
    trimesh.creation.icosphere(subdivisions=2).export(tmp_path / "ball.glb")
    out = tuple(str(tmp_path / name) for name in ("a.safetensors", "a.glb"))
    mesh = str(tmp_path / "ball.glb") if PARTS[part] else None
    job = Animate(
        str(clip), out, mesh=mesh, shape=Shape.NETWORK, preset="demo", steps=2, image_steps=2, checkpoint=str(copy),
        device="cpu", match=Match.OFF, facing=Facing.FRONT,
    )  # fmt: skip
    with pytest.raises(CheckpointError) as caught:
        jobs.run(job, jobs.KeptModel(), lambda event: None, lambda: False)
    assert str(path) in caught.value.problem and "not finite" in caught.value.problem and caught.value.cure
    assert not list(tmp_path.glob("a.*"))


@pytest.mark.fault("A guidance of 1e30 on the command line: success, and no number of the result was one")
def test_a_guidance_beyond_all_bounds_is_refused_before_the_work(clip, tmp_path):
    job = Animate(str(clip), (str(tmp_path / "a.glb"),), guidance=1e30)
    with pytest.raises(InputError, match="guidance is 1e\\+30"):
        jobs.run(job, jobs.KeptModel(), lambda event: None, lambda: False)
