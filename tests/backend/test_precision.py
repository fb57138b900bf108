"""A GPU's precision, run on the CPU: the types of tensors, and their effect on an animated mesh."""

import numpy as np
import pytest
import torch

from actionmesh.geometry.mesh_files import load_mesh
from actionmesh.memory.model import open_model
from actionmesh.memory.needs import needs_of
from actionmesh.pipeline import load_subject
from actionmesh.protocol import Animate, ReferencePose
from actionmesh.stages.correspondence import animate_vertices
from actionmesh.stages.motion import synchronised_latents
from actionmesh.stages.pictures import encode_frames
from actionmesh.stages.reference import reference_from_mesh
from actionmesh.stages.run import Run
from actionmesh.weights.checkpoints import default_checkpoint, open_checkpoint
from actionmesh.weights.precision import types_of

HALVES = [torch.bfloat16, torch.float16]


def bundled() -> Run:
    return Run.of(open_model(default_checkpoint().path, "cpu"))


def like_a_card(half: torch.dtype, everything: bool = False) -> Run:
    """Return the bundled checkpoint with its types on a GPU, or with everything in half precision."""
    run = bundled()
    run.runtime.dtype = half
    if everything:
        run.networks.types_of = lambda part: lambda name: half
    return run


@pytest.fixture(scope="module")
def motion():
    """Return the demo's mesh as a reference, and eight frames' latents, both in float32."""
    demo = default_checkpoint().path / "demo"
    run = bundled()
    options = Animate(str(demo / "clip.mp4"), out=(), mesh=str(demo / "mesh.glb"), preset="demo")
    clip = load_subject(options, run, run.progress)
    reference = reference_from_mesh(run, load_mesh(options.mesh), 0)
    context = encode_frames(run, clip.crops)[:8]
    latents = synchronised_latents(run, {0: reference.latent}, 0, context, run.facts.preset("demo"), 0)
    return reference, latents


def face_normals(motion, run: Run) -> np.ndarray:
    reference, latents = motion
    vertices = animate_vertices(run, reference, latents, 0, list(range(8)), ReferencePose.DECODED).astype(np.float64)
    a, b, c = np.moveaxis(vertices[:, reference.mesh.faces], 2, 0)
    normals = np.cross(b - a, c - a)
    return normals / np.linalg.norm(normals, axis=-1, keepdims=True)


@pytest.mark.parametrize("half", HALVES)
def test_a_card_turns_no_normal_by_a_degree_on_average(motion, half):
    exact = face_normals(motion, bundled())

    def degrees(run):
        cosines = (face_normals(motion, run) * exact).sum(axis=-1).clip(-1, 1)
        return np.degrees(np.arccos(cosines)).mean()

    turned = degrees(like_a_card(half))
    assert 0 < turned < 1
    assert degrees(like_a_card(half, everything=True)) > 5 * turned


@pytest.mark.parametrize("half", HALVES)
def test_networks_have_the_published_types(half):
    networks = like_a_card(half).networks
    kept = {"proj_query", "norm_out", "proj_out", "proj_time"}
    for name, tensor in networks.temporal_autoencoder.state_dict().items():
        exact = name.split(".")[0] in kept or name.startswith("blocks.3.")
        assert tensor.dtype == (torch.float32 if exact else half), name
    assert len(networks.temporal_autoencoder.blocks) == 4
    parts = {"image_encoder": torch.float32, "shape_vae": torch.float16, "image_to_3d": half, "temporal_denoiser": half}
    for part, wanted in parts.items():
        assert {tensor.dtype for tensor in getattr(networks, part).state_dict().values()} == {wanted}, part


def test_on_a_cpu_everything_is_float32():
    networks = bundled().networks
    assert {tensor.dtype for tensor in networks.temporal_autoencoder.state_dict().values()} == {torch.float32}
    assert {tensor.dtype for tensor in networks.shape_vae.state_dict().values()} == {torch.float32}


def test_memory_is_counted_with_each_part_s_own_types():
    networks = like_a_card(torch.bfloat16).networks
    counted = needs_of(open_checkpoint(default_checkpoint().path), torch.bfloat16)
    for part, size in counted.weights.items():
        assert sum(tensor.numel() * tensor.element_size() for tensor in getattr(networks, part).parameters()) == size, (
            part
        )
    assert (counted.items["image_encoder"], counted.items["shape_vae"], counted.query_item) == (4, 2, 4)


def test_a_block_of_the_trunk_is_not_taken_for_the_queries(tiny_run):
    """The names of blocks 1 and 16 share a prefix."""
    sizes = type(tiny_run.networks.temporal_autoencoder.config)(num_layers=1)
    type_of = types_of("temporal_autoencoder", torch.bfloat16, sizes)
    assert type_of("blocks.1.x_attn.to_q.weight") == torch.float32
    assert type_of("blocks.16.s_attn.to_q.weight") == type_of("blocks.0.norm_ff.bias") == torch.bfloat16
