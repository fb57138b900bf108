"""Values that do not change between denoising steps, target times or chunks of queries are computed once."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh

from actionmesh.geometry.mesh import Mesh
from actionmesh.models import denoiser as denoiser_module
from actionmesh.models.attention import Attention
from actionmesh.models.decoder import LatentDecoder
from actionmesh.models.denoiser import TemporalDenoiser
from actionmesh.models.shape_vae import ShapeVAE
from actionmesh.progress import Progress
from actionmesh.protocol import ReferencePose, Stage
from actionmesh.sampling.guidance import Branches
from actionmesh.sampling.sampler import sample
from actionmesh.sampling.schedules import temporal_schedule
from actionmesh.sizes import SIZES
from actionmesh.stages.correspondence import animate_vertices
from actionmesh.stages.motion import synchronised_latents
from actionmesh.stages.reference import reference_from_mesh

TINY = SIZES["tiny"]


@pytest.fixture
def calls(monkeypatch):
    """Count projections of context, RoPE tables made, and self-attention of decoder latents."""
    counts = {"project_context": 0, "rope_table": 0, "prepare": 0}

    def counted(owner, name):
        original = getattr(owner, name)

        def wrapper(*args, **kwargs):
            counts[name] += 1
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, wrapper)

    counted(Attention, "project_context")
    counted(denoiser_module, "rope_table")
    counted(LatentDecoder, "prepare")
    return counts


@torch.no_grad()
def test_denoising_projects_the_context_and_makes_rope_tables_once(calls):
    network = TemporalDenoiser(TINY.temporal)
    latents, times = torch.randn(1, 3, 16, 8), torch.arange(3.0)[None]
    conditional = network.prepare(torch.randn(1, 3, 5, 32), times, 16)
    unconditional = conditional.unconditional()
    known = torch.tensor([[1.0, 0, 0]])
    branches = Branches(
        lambda x, t: network(x, t, conditional, known, times), lambda x, t: network(x, t, unconditional, known, times)
    )
    sample(branches, 7.5, latents, temporal_schedule(6), Stage.MOTION, Progress(), known)
    assert calls == {"project_context": TINY.temporal.num_layers, "rope_table": 1, "prepare": 0}


@torch.no_grad()
def test_decoder_latents_attend_to_themselves_once(calls):
    vae = ShapeVAE(TINY.vae)
    context = vae.prepare(torch.randn(1, 16, 8))
    for _ in range(5):
        vae.query(torch.randn(1, 7, 3), context)
    assert calls == {"project_context": 1, "rope_table": 0, "prepare": 1}


def test_the_stages_prepare_each_window_once(calls, tiny_run):
    """Twelve frames make two windows, each with four guided steps in Stage I and two dozen poses in Stage II."""
    run, total = tiny_run, 12
    context = torch.randn(total, 5, 32)
    preset = replace(run.facts.preset("demo"), steps=4, guidance=3.0)
    synchronised_latents(run, {0: torch.randn(16, 8)}, 0, context, preset, 0)
    assert calls == {"project_context": 2 * TINY.temporal.num_layers, "rope_table": 2, "prepare": 0}
    ball = trimesh.creation.icosphere(subdivisions=2)
    mesh = Mesh(ball.vertices.astype(np.float32), ball.faces.astype(np.int32))
    reference = reference_from_mesh(run, mesh, 0)
    before = calls["prepare"]
    times = [i / 4 for i in range(4 * total - 3)]
    animate_vertices(run, reference, torch.randn(total, 16, 8), 0, times, ReferencePose.CORRECTED)
    assert calls["prepare"] - before == 2
