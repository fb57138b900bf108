"""The synthetic inputs match their docstrings."""

import numpy as np
import torch

from actionmesh.memory.model import open_model
from actionmesh.sizes import FULL, SIZES
from actionmesh.weights.parts import PARTS
from benchmarks.cases import CASES, SCALES
from benchmarks.random_weights import RandomNetworks, empty_network, write_checkpoint
from benchmarks.workload import TorusVAE, Workload, pictures, torus_field, torus_mesh


def test_reference_mesh_is_a_closed_torus_of_the_published_size():
    workload = SCALES["full"].workload(CASES[0])
    mesh = torus_mesh(workload.rings, workload.segments)
    assert mesh.vertices.shape == (20_000, 3) and mesh.faces.shape == (40_000, 3)
    assert float(torus_field(torch.from_numpy(mesh.vertices)).abs().max()) < 1e-6
    edges = np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]])
    assert len(np.unique(edges, axis=0)) == len(edges)
    assert {tuple(edge) for edge in edges} == {tuple(edge[::-1]) for edge in edges}
    a, b, c = np.moveaxis(mesh.vertices[mesh.faces].astype(np.float64), 1, 0)
    assert np.einsum("fx,fx->", a, np.cross(b, c)) > 0


def test_pictures_show_a_disc():
    frames = pictures(Workload(frames=2, pixels=32))
    assert frames.shape == (2, 32, 32, 4) and frames.dtype == np.uint8
    assert frames[:, 16, 16, 3].min() == 255 and frames[:, 0, 0, 3].max() == 0


@torch.no_grad()
def test_field_is_the_torus_and_the_network_is_asked(monkeypatch):
    monkeypatch.setattr(TorusVAE, "queries", 0)
    vae = RandomNetworks(SCALES["small"].sizes, "cpu", "24").shape_vae
    assert isinstance(vae, TorusVAE)
    points = torch.tensor([[[0.62, 0.0, 0.0], [0.0, 0.0, 0.0]]])
    context = vae.prepare(torch.randn(1, 64, 64))
    torch.testing.assert_close(vae.query(points, context), torch.tensor([[[0.3], [-0.32]]]))
    assert TorusVAE.queries == 2
    vae.decoder.proj_query.weight.fill_(torch.nan)
    assert vae.query(points, context).isnan().all()


def test_full_scale_is_the_public_one():
    assert SCALES["full"].sizes == FULL == SIZES["full"]
    assert {case.frames for case in CASES} == {16, 31}


def test_random_checkpoint_loads_as_a_public_one_does(tmp_path):
    sizes = SCALES["small"].sizes
    size = write_checkpoint(tmp_path, sizes)
    assert size == sum(path.stat().st_size for path in tmp_path.rglob("*.safetensors"))
    networks = open_model(tmp_path, "cpu", "24").networks
    for part in PARTS:
        loaded = sum(tensor.numel() for tensor in getattr(networks, part).state_dict().values())
        assert loaded == sum(tensor.numel() for tensor in empty_network(part, sizes).state_dict().values())
