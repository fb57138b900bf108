"""Sequences varied where they are drawn: points, normals, patches and pictures change alike, and always in one way."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from actionmesh.media.render import Camera, render_frames
from actionmesh.models.image_preprocessing import ImagePreprocessing
from actionmesh.sizes import TOY_PICTURES
from actionmesh.toys.sequence import make_sequence
from actionmesh.training.batches import IMAGE_MEAN, IMAGE_STD
from actionmesh.training.mixture import Chosen, Mirrored
from actionmesh.training.sources import open_source
from actionmesh.training.tracked import TrackedData
from actionmesh.training.variation import Variation, colour_change, variants_of

from .test_mixture import write_mixture, write_turned
from .test_tracked import FRAMES, write_track

GRID, COUNT = 8, 5
CAMERAS = {
    "level": {"yaw": 0.3},
    "high": {"yaw": 1.2, "pitch": 0.5},
    "near": {"yaw": -2.0, "pitch": 0.3, "field_of_view": 0.7},
}
ALL_FRAMES = torch.arange(FRAMES).float()[None]


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Write one toy for each of the cameras, all black, so that its outline is sharp."""
    folder = tmp_path_factory.mktemp("varied")
    (folder / "dataset.json").write_text("{}")
    for name, camera in CAMERAS.items():
        path = folder / f"{name}.safetensors"
        write_turned(path, provenance={"yaw": None, "rigs": [name]}, **camera)
        arrays = load_file(path)
        arrays["pictures"][..., :3] = 0
        with safe_open(path, "np") as file:
            metadata = file.metadata()
        save_file(arrays, path, metadata)
    return folder


@pytest.fixture(scope="module")
def data(folder):
    return TrackedData.load(folder, variation=Variation(variants=COUNT))


@pytest.fixture(scope="module")
def plain(folder):
    return TrackedData.load(folder)


def variants_named(data, name):
    """Return the rows of all variants but the first of the file of that name."""
    rows = [row for row, track in enumerate(data.tracks) if track.path.stem == name]
    assert len(rows) == COUNT
    return rows[1:]


def seen_of(data, row, white=0.9):
    """Return which pixels (T, 96, 96) of a row's pictures are less white than that."""
    pictures = data.pictures_of(Chosen(torch.tensor([row]), ALL_FRAMES))[0]
    return ((pictures * IMAGE_STD[:, None, None] + IMAGE_MEAN[:, None, None]).amin(dim=1) < white).numpy()


def in_file(data, row, points):
    """Undo the placement of points."""
    placement = data.placements[row]
    return (points + placement.centre) / placement.scale @ placement.turn


def shot(data, row, name):
    """Return the camera (another lens, the same direction) that sees a stretched body as its pictures show it."""
    camera = Camera(half_extent=1.45, **CAMERAS[name])
    if camera.field_of_view is None:
        return camera
    distance = camera.distance * float(data.variants[row].factors[2])
    return replace(camera, field_of_view=2 * np.arctan(camera.half_extent / distance))


def projected(data, row, name, points):
    """Return positions in the picture (..., 2), 0 to 1 right and down, of points in the file's stretched space."""
    camera = shot(data, row, name)
    right, up, back = np.moveaxis(points.numpy() @ camera.axes.T, -1, 0)
    plane = np.stack([right, -up], axis=-1) / (1 - back / camera.distance)[..., None]
    return (plane - data.views.centres[row].numpy()) / float(data.views.sides[row]) + 0.5


@pytest.mark.parametrize("name", CAMERAS)
def test_a_camera_would_take_the_stretched_picture_of_the_stretched_body(data, name):
    toy = make_sequence(21, FRAMES)
    for row in variants_named(data, name):
        stretched = data.variants[row].of_points(torch.from_numpy(toy.vertices).float()).numpy()
        camera, size = replace(shot(data, row, name), half_extent=3.0), 512
        if camera.field_of_view is not None:
            distance = shot(data, row, name).distance
            camera = replace(camera, field_of_view=2 * np.arctan(3.0 / distance))
        taken = render_frames(stretched, toy.faces, None, camera, size, supersample=1)[..., 3] > 127
        steps = (np.arange(96) + 0.5) / 96 - 0.5
        columns, rows = (
            ((float(middle) + steps * float(data.views.sides[row])) / 6.0 + 0.5) * size
            for middle in data.views.centres[row]
        )
        expected, seen = taken[:, rows.astype(int)][:, :, columns.astype(int)], seen_of(data, row, 0.5)
        assert (expected & seen).sum() / (expected | seen).sum() > 0.93


@pytest.mark.parametrize("name", CAMERAS)
def test_points_are_where_the_picture_shows_them(data, name):
    for row in variants_named(data, name):
        placed = data.sequence(row, 1600, draw())
        places = projected(data, row, name, in_file(data, row, placed[..., :3]))
        seen = seen_of(data, row)
        pixels = (places * 96).astype(int).clip(0, 95)
        assert np.mean(seen[np.arange(FRAMES)[:, None], pixels[..., 1], pixels[..., 0]]) > 0.98
        for points, axis in ((places[..., 0], 1), (places[..., 1], 2)):
            covered = np.nonzero(seen.any(axis=axis).any(axis=0))[0]
            assert abs(points.min() * 96 - covered.min()) < 2.5 and abs(points.max() * 96 - covered.max() - 1) < 2.5


@pytest.mark.parametrize("preprocessing", [TOY_PICTURES, ImagePreprocessing(110, (96, 96))], ids=["whole", "centre"])
def test_patches_show_the_points_that_lie_in_them(folder, preprocessing):
    data = TrackedData.load(folder, preprocessing=preprocessing, variation=Variation(variants=COUNT))
    middles = torch.stack(torch.meshgrid(*[(torch.arange(GRID) + 0.5) / GRID] * 2, indexing="xy"), dim=-1).flatten(0, 1)
    inner = (middles - 0.5).abs().amax(dim=-1) < 0.4  # patches at the edge show what lies beyond, too
    for name in CAMERAS:
        for row in variants_named(data, name):
            patches = data.patches_of(Chosen(torch.tensor([row]), ALL_FRAMES), GRID)
            cells = torch.from_numpy(seen_of(data, row)).float().unflatten(1, (GRID, -1)).unflatten(3, (GRID, -1))
            cells, shown = cells.mean(dim=(2, 4)).flatten(1), patches.counts > 0
            assert shown[cells > 0.3].float().mean() > 0.97 and shown[cells == 0].float().mean() < 0.02
            places = projected(data, row, name, in_file(data, row, patches.means[..., :3]))
            offsets = (torch.from_numpy(places) - middles) * GRID
            inside = shown & inner
            assert (offsets - patches.means[..., 9:])[inside].abs().max() < (0.04 if name == "near" else 1e-5)
            assert offsets[inside].abs().max() < 0.52


def test_the_first_frame_fills_the_box_whatever_the_stretch(data, plain):
    shapes = []
    for row in range(len(data)):
        first = data.sequence(row, 1600, draw())[0, :, :3]
        low, high = first.amin(dim=0), first.amax(dim=0)
        assert (high - low).max() == pytest.approx(1.5, abs=1e-5) and (low + high).abs().max() < 1e-5
        shapes.append(high - low)
    assert len(data) == COUNT * len(plain) and torch.cdist(*[torch.stack(shapes)] * 2).fill_diagonal_(1).min() > 0.01


def test_factors_are_within_the_strengths(data, folder):
    factors = torch.stack([variant.factors for variant in data.variants if variant is not None])
    ratios = factors.amax(dim=1) / factors.amin(dim=1)
    assert ratios.max() < 1.35**2 * 1.03 and ratios.max() > 1.2
    still = TrackedData.load(folder, variation=Variation(variants=COUNT, stretch=1))
    assert all(torch.equal(variant.factors, torch.ones(3)) for variant in still.variants if variant is not None)


def test_normals_stay_unit_and_perpendicular(data):
    normals = torch.nn.functional.normalize(torch.randn(200, 3, generator=draw()), dim=-1)
    tangents = torch.linalg.cross(normals, torch.randn(200, 3, generator=draw(1)))
    for row in range(len(data)):
        varied = data.sequence(row, 1600, draw())[..., 3:]
        assert (varied.norm(dim=-1) - 1).abs().max() < 2e-3
        variant = data.variants[row]
        if variant is not None:
            turned = variant.of_normals(normals)
            assert (turned.norm(dim=-1) - 1).abs().max() < 1e-5
            assert (turned * variant.of_points(tangents)).sum(dim=-1).abs().max() < 1e-5
            assert (turned * variant.of_points(normals)).sum(dim=-1).min() > 0  # still outwards


def test_vertices_are_stretched_with_the_points(data, plain):
    batch = data.windows(30, 1, 1600, 8, draw())
    for row, tracks, vertices in zip(batch.rows.tolist(), batch.tracks, batch.vertices, strict=True):
        points, corners = tracks[0, :, :3], vertices[0, :, :3]
        assert torch.cdist(corners, points).amin(dim=1).max() < 0.2
        assert (vertices[..., 3:].norm(dim=-1) - (1 if row >= len(plain) else 3**0.5)).abs().max() < 1e-3


def test_the_first_variant_is_the_sequence_as_it_is(data, plain):
    rows = torch.arange(len(plain))
    some = Chosen(rows, ALL_FRAMES.expand(len(plain), -1))
    assert torch.equal(data.pictures_of(some), plain.pictures_of(some))
    with_variants, without = data.patches_of(some, GRID), plain.patches_of(some, GRID)
    assert torch.equal(with_variants.means, without.means) and torch.equal(with_variants.weights, without.weights)
    for row in rows.tolist():
        assert torch.equal(data.sequence(row, 64, draw()), plain.sequence(row, 64, draw()))


def test_a_row_is_the_same_however_it_is_asked_for(folder, tmp_path):
    source = {"folder": str(folder), "share": 1, "variants": COUNT, "stretch": 1.5}
    mixture = open_source(write_mixture(tmp_path, sources=[source]))
    assert len(mixture) == 2 * COUNT * len(CAMERAS)
    batch = mixture.windows(60, 2, 64, 8, draw())
    assert len(set(batch.rows.tolist())) > 20
    assert torch.equal(mixture.pictures_of(batch), batch.pictures)
    patches, again = mixture.patches_of(batch, GRID), open_source(tmp_path / "mixture.json").patches_of(batch, GRID)
    assert torch.equal(patches.means, again.means)
    alone = 0
    for at, (row, times) in enumerate(zip(batch.rows.tolist(), batch.frame_times.long(), strict=True)):
        every = mixture.sequence(row, 1600, draw())
        whole = every[times]
        away = torch.cdist(whole[0, :, :3], batch.tracks[at, 0, :, :3], compute_mode="donot_use_mm_for_euclid_dist")
        assert away.amin(dim=0).max() < 1e-6
        assert torch.allclose(whole[:, away.argmin(dim=0)], batch.tracks[at], atol=1e-6)
        frames, cells = (patches.by_window(2).counts[at] == 1).nonzero(as_tuple=True)
        for frame, mean in zip(frames, patches.by_window(2).means[at, frames, cells], strict=True):
            point = (whole[frame, :, :3] - mean[:3]).norm(dim=-1).argmin()
            expected = torch.cat([whole[frame, point], every[0, point, :3]])
            assert torch.allclose(mean[:9], expected, atol=1e-5)
            alone += 1
    assert alone > 20
    rows = mixture.rows(400, draw())
    assert sorted(set(rows.tolist())) == list(range(len(mixture)))


def test_variants_in_the_mirror_agree(data):
    both, rows = Mirrored(data), torch.tensor([1, 4, 9, 13])
    times = ALL_FRAMES.expand(4, -1)
    there, across = Chosen(rows, times), Chosen(rows + len(data), times)
    assert torch.equal(both.pictures_of(across), data.pictures_of(there).flip(-1))
    counts = data.patches_of(there, GRID).counts.unflatten(1, (GRID, GRID)).flip(2).flatten(1)
    assert torch.equal(both.patches_of(across, GRID).counts, counts)
    for row in rows.tolist():
        one, other = both.sequence(row, 32, draw()), both.sequence(row + len(data), 32, draw())
        assert torch.equal(other, one * torch.tensor([-1.0, 1, 1, -1, 1, 1]))


def test_variants_depend_on_file_camera_and_number_alone(tmp_path, folder):
    write_track(tmp_path / "a.safetensors", 11, views=2)
    write_track(tmp_path / "deep" / "a.safetensors", 11)
    write_track(tmp_path / "b.safetensors", 11)
    data = TrackedData.load(tmp_path, variation=Variation(variants=3))
    names = [(track.path.stem, camera) for track, camera in zip(data.tracks, data.cameras, strict=True)]
    found = {}
    for row, (name, variant) in enumerate(zip(names, data.variants, strict=True)):
        if variant is not None:
            found.setdefault((*name, row // 4), set()).add(tuple(variant.colours.flatten().tolist()))
    assert len(found) == 6 and all(len(looks) == 1 for looks in found.values())
    assert len(set.union(*found.values())) == 6


def test_files_are_varied_without_pictures_too(folder):
    bare = TrackedData.load(folder, pictures=False, variation=Variation(variants=COUNT))
    boxes = []
    for row in range(len(bare)):
        first = bare.sequence(row, 1600, draw())[0, :, :3]
        boxes.append(first.amax(dim=0) - first.amin(dim=0))
    assert len(bare) == COUNT * len(CAMERAS)
    assert all(box.max() == pytest.approx(1.5, abs=1e-5) for box in boxes[len(CAMERAS) :])
    assert len({tuple(box.tolist()) for box in boxes}) == 1 + (COUNT - 1) * len(CAMERAS)  # the same toy thrice


def test_shapes_with_distances_are_as_they_are(tmp_path):
    write_track(tmp_path / "a.safetensors", 11, queries=50)
    data = TrackedData.load(tmp_path, pictures=False, variation=Variation(variants=4))
    points = torch.from_numpy(load_file(tmp_path / "a.safetensors")["points"])
    batch = data.shapes(12, 64, 16, 30, draw())
    for surface, told in zip(batch.surface, batch.distances, strict=True):
        assert (points[int(told[0])] - surface[0, :3]).norm(dim=-1).min() == 0


def test_pictures_of_variants_fill_no_memory(data, plain):
    data.windows(20, 2, 16, 4, draw())
    plain.windows(20, 2, 16, 4, draw())
    assert not data.prepared and len(plain.prepared) == 3


def test_colours_turn_around_the_greys():
    assert np.allclose(colour_change(0, 1, 1), np.eye(3))
    assert np.allclose(colour_change(2 * np.pi / 3, 1, 1) @ [1, 0, 0], [0, 1, 0])  # red to green
    assert np.allclose(colour_change(1.0, 3.0, 0.5) @ [0.6, 0.6, 0.6], [0.3, 0.3, 0.3])
    assert np.allclose(colour_change(0, 0.5, 1) @ [0.9, 0.3, 0.3], [0.7, 0.4, 0.4])


def test_colours_of_all_frames_change_alike_and_alpha_stays(data):
    variant = replace(variants_of(data.tracks[0], 0, Variation(variants=2, stretch=1))[1])
    height, width = variant.size
    crops = np.zeros((2, height, width, 4), np.uint8)
    crops[..., :3], crops[..., 3] = (120, 80, 40), np.random.default_rng(0).integers(1, 256, (height, width))
    changed = variant.of_crops(crops)
    assert np.array_equal(changed[..., 3], crops[..., 3]) and np.array_equal(changed[0], changed[1])
    opaque = changed[crops[..., 3] == 255]
    assert np.allclose(opaque[:, :3], (variant.colours @ [120, 80, 40]).clip(0, 255), atol=0.51)


def test_a_mixture_says_how_much_each_source_varies(folder, tmp_path):
    sources = [{"folder": str(folder), "share": 1, "mirrored": False, **told} for told in ({}, {"variants": 3})]
    path = tmp_path / "mixture.json"
    path.write_text(json.dumps({"sources": sources}))
    assert [len(source) for source in open_source(path).sources] == [3, 9]
