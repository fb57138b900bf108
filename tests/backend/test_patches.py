"""Patches agree with the pictures themselves, and an encoder's tokens can be read."""

import pytest
import torch

from actionmesh.sizes import PICTURE
from actionmesh.training.batches import patches_of, windows
from actionmesh.training.data import FRAMES, ToyData, make_shard
from actionmesh.training.patches import CHANNELS, PatchReader, Views, project

GRID = 8


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Make four toys without gaps for a patch's mean to fall into, and without mask errors."""
    folder = tmp_path_factory.mktemp("patches")
    make_shard(folder, 1_000_015, pictures=True, count=4)
    return ToyData.load(folder)


@pytest.fixture
def seen(data):
    batch = windows(data, 6, FRAMES, 64, 16, torch.Generator().manual_seed(0))
    return batch, patches_of(data, batch, GRID)


def test_patches_that_show_points_are_those_with_colour(data, seen):
    batch, patches = seen
    rows, frames = batch.rows.repeat_interleave(FRAMES), batch.frame_times.long().flatten()
    pictures = data.pictures[rows, frames]
    cell = PICTURE // GRID
    cells = (pictures.amin(dim=-1) < 240).float().unflatten(1, (GRID, cell)).unflatten(3, (GRID, cell))
    coloured = cells.mean(dim=(2, 4)).flatten(1)
    shown = patches.counts > 0
    assert shown[coloured > 0.25].float().mean() > 0.97
    assert shown[coloured == 0].float().mean() < 0.02


def test_places_of_visible_points_are_on_the_toy(data, seen):
    """The picture is not white at the mean position that a full patch reports."""
    batch, patches = seen
    rows, frames = batch.rows.repeat_interleave(FRAMES), batch.frame_times.long().flatten()
    places, _ = data.views.look(rows, patches.means[..., :3])
    pixels = (places * PICTURE).long().clamp(0, PICTURE - 1)
    colours = data.pictures[rows, frames][torch.arange(len(rows))[:, None], pixels[..., 1], pixels[..., 0]]
    full = patches.counts > 20
    assert (colours[full].amin(dim=-1) < 240).float().mean() > 0.97


def test_hidden_points_are_left_out(data, seen):
    """Visible points are in front: their mean is nearer to the camera than that of all points in the patch."""
    batch, patches = seen
    rows, frames = batch.rows.repeat_interleave(FRAMES), batch.frame_times.long().flatten()
    _, nearness = data.views.look(rows, patches.means[..., :3])
    _, all_nearness = data.views.look(rows, data.points[rows, frames].float())
    full = patches.counts > 20
    assert nearness[full].mean() > all_nearness.mean() + 0.02


def test_perspective_enlarges_what_is_near():
    axes, points = torch.eye(3)[None], torch.tensor([[[0.5, 0.25, 0.0], [0.5, 0.25, 1.0]]])
    plane, nearness = project(points, axes, torch.tensor([4.0]))
    assert torch.allclose(plane[0, 0], torch.tensor([0.5, -0.25])) and torch.allclose(plane[0, 1], plane[0, 0] * 4 / 3)
    flat, _ = project(points, axes, torch.tensor([torch.inf]))
    assert torch.allclose(flat[0, 1], flat[0, 0]) and nearness[0].tolist() == [0.0, 1.0]


def test_reader_learns_from_tokens_that_know(seen):
    _, patches = seen
    torch.manual_seed(0)
    reader = PatchReader(CHANNELS + 1)
    tokens = torch.cat([patches.means, (patches.counts > 0).float()[..., None] * 8 - 4], dim=-1)
    tokens = torch.cat([torch.zeros_like(tokens[:, :1]), tokens], dim=1)
    before = reader.loss(tokens, patches).item()
    with torch.no_grad():
        reader.proj.weight.copy_(torch.eye(CHANNELS + 1))
        reader.proj.bias.zero_()
    assert reader.loss(tokens, patches).item() < 0.01 < 0.1 < before


def test_views_need_no_more_than_cameras_and_points(data):
    assert isinstance(data.views, Views) and len(data.views.sides) == len(data) and (data.views.sides > 1).all()
