"""The whole pipeline against the published pipeline's numbers, on a checkpoint with the public layout and names.

The numbers and their clips are in the folder that ACTIONMESH_PIPELINE_PARITY names, or else in `shared/parity_pipeline`
next to the repository; they are not part of it. Each entry of the folder's `manifest.json` names a file of numbers, a
clip and optionally a mesh. Every array in a file is tested: each stage on the published input, and chained from the
pictures. Without the folder, `test_preprocess.py` tests preprocessing on procedural clips with odd and even boxes.

A file does not record the steps of Stage I. The folder's README says 5, but only 3 steps reproduce the numbers of
`panda_mesh`, and its pictures show another clip (a spring) than its row names, so it is tested only on the published
inputs.
"""

import json
import os
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from actionmesh.geometry.mesh import Mesh
from actionmesh.geometry.surface import Normalisation, vertex_normals
from actionmesh.media.preprocess import padded_crop, pixel_values
from actionmesh.media.subject_crops import SubjectCrops
from actionmesh.memory.model import open_model
from actionmesh.models.image_encoder import encode_images
from actionmesh.models.image_preprocessing import ImagePreprocessing
from actionmesh.pipeline import load_subject
from actionmesh.presets import PRESETS
from actionmesh.protocol import Animate, ReferencePose
from actionmesh.stages.correspondence import animate_vertices
from actionmesh.stages.motion import synchronised_latents
from actionmesh.stages.pictures import encode_frames
from actionmesh.stages.reference import Reference, latent_from_picture
from actionmesh.stages.run import Run
from tests.backend.parity import relative_error

FOLDER = Path(os.environ.get("ACTIONMESH_PIPELINE_PARITY") or Path(__file__).parents[3] / "shared" / "parity_pipeline")
STEPS = (5, 3)
"""Possible steps of Stage I in a file, the documented number first."""
PUBLISHED = PRESETS["quality"].overridden({"image_steps": 5}, "the parity data")


@dataclass(frozen=True)
class Entry:
    """One row of the manifest: the published pipeline's results for a clip."""

    numbers: str
    clip: str
    mesh: str | None = None

    @cached_property
    def published(self) -> dict[str, Tensor]:
        return load_file(FOLDER / self.numbers)

    @cached_property
    def crops(self) -> SubjectCrops:
        clip = load_subject(Animate(str(FOLDER / self.clip), out=()), run(), run().progress)
        assert clip.crops is not None
        return clip.crops

    @cached_property
    def context(self) -> Tensor:
        """Our image tokens of the clip."""
        return encode_frames(run(), self.crops)

    @property
    def shows_another_clip(self) -> bool:
        """Return whether this is the one known file whose pictures do not show the clip that its row names."""
        return self.numbers == "panda_mesh.safetensors" and self.published["frames"].shape[1:3] == (559, 559)

    @property
    def kept(self) -> list[int]:
        """Return the frames with pictures in the file: all of a short clip, 0 and 7 of a longer one."""
        count = len(self.published["frames"])
        return list(range(count)) if count == len(self.crops) else [0, 7]


def entries() -> list[Entry]:
    manifest = FOLDER / "manifest.json"
    return [Entry(**row) for row in json.loads(manifest.read_text())] if manifest.is_file() else []


ENTRIES = entries()
pytestmark = pytest.mark.skipif(not ENTRIES, reason=f"no numbers of the published pipeline in {FOLDER}")


def holding(*names: str, pictures: bool = False) -> pytest.MarkDecorator:
    """Parametrise a test by the entries with all these arrays; with `pictures`, only those that show their clip."""
    fitting = [entry for entry in ENTRIES if set(names) <= entry.published.keys()]
    fitting = [entry for entry in fitting if not (pictures and entry.shows_another_clip)]
    return pytest.mark.parametrize("entry", fitting, ids=lambda entry: Path(entry.numbers).stem)


@cache
def run() -> Run:
    return Run.of(open_model(FOLDER / "checkpoint", "cpu"))


def with_noise(monkeypatch: pytest.MonkeyPatch, stage: str, noise: Tensor) -> None:
    """Let a stage start from the published noise instead of its own."""

    def given(shape: tuple[int, ...], seed: int, device: object) -> Tensor:
        return noise.reshape(shape).clone()

    monkeypatch.setattr(f"actionmesh.stages.{stage}.frame_noise", given)


@holding("frames", pictures=True)
def test_preprocessed_frames_are_equal_bit_for_bit(entry):
    ours = [padded_crop(entry.crops[frame]) for frame in entry.kept]
    for picture, published in zip(ours, entry.published["frames"].numpy(), strict=True):
        np.testing.assert_array_equal(picture, published)


@holding("frames", "pixels")
def test_pixels_of_the_published_frames(entry):
    """The public preprocessor makes the same pixels, or the checkpoint's own if the pictures have its size."""
    ours = pixels(entry, list(entry.published["frames"].numpy()))
    assert relative_error(ours, entry.published["pixels"]) < 1e-6


@holding("frames", "pixels", pictures=True)
def test_pixels_of_our_own_frames(entry):
    ours = pixels(entry, [padded_crop(entry.crops[frame]) for frame in entry.kept])
    assert relative_error(ours, entry.published["pixels"]) < 1e-6


def pixels(entry: Entry, frames: list[np.ndarray]) -> Tensor:
    own = run().facts.image_preprocessing()
    fits = own.crop_size == tuple(entry.published["pixels"].shape[-2:])
    return torch.from_numpy(pixel_values(frames, own if fits else ImagePreprocessing()))


@torch.no_grad()
@holding("frames", "pixels", "context")
def test_image_tokens_of_the_published_pixels(entry):
    tokens = encode_images(run().networks.image_encoder, entry.published["pixels"])
    assert relative_error(tokens, entry.published["context"][entry.kept]) < 1e-5


@holding("context", pictures=True)
def test_image_tokens_of_our_own_pictures(entry):
    assert relative_error(entry.context, entry.published["context"]) < 1e-5


@pytest.mark.parametrize("chained", [False, True])
@holding("stage_0_noise", "stage_0_latent", "context", pictures=True)
def test_stage_0_latent(entry, chained, monkeypatch):
    with_noise(monkeypatch, "reference", entry.published["stage_0_noise"])
    context = entry.context if chained else entry.published["context"]
    latent = latent_from_picture(run(), context[0], PUBLISHED, 44)
    assert relative_error(latent, entry.published["stage_0_latent"]) < 1e-4


@torch.no_grad()
@holding("stage_0_latent", "field_points", "field")
def test_the_field_of_the_published_latent(entry):
    vae = run().networks.shape_vae
    context = vae.prepare(run().facts.denormalise(entry.published["stage_0_latent"][None]))
    field = vae.query(entry.published["field_points"][None], context)[0, :, 0]
    assert relative_error(field, entry.published["field"]) < 1e-5


@torch.no_grad()
@holding("points", "point_normals", "tokens", "posterior_noise", "latents")
def test_the_latent_of_an_artist_s_mesh(entry):
    assert relative_error(encoded(entry), entry.published["latents"][0]) < 1e-5


@torch.no_grad()
def encoded(entry: Entry) -> Tensor:
    """Return the posterior's sample for the published points, tokens and noise."""
    surface = torch.cat([entry.published["points"], entry.published["point_normals"]], dim=1)
    posterior = run().networks.shape_vae.encode(surface[None], entry.published["tokens"][None].long())
    return run().facts.normalise(posterior.at(entry.published["posterior_noise"][None]))[0]


@holding("stage_1_noise", "latents", "context")
def test_stage_1_latents_of_the_published_context(entry, monkeypatch):
    anchor = entry.published["latents"][0]
    assert stage_1_error(entry, anchor, entry.published["context"], monkeypatch) < 1e-4


@holding("stage_1_noise", "latents", "context", pictures=True)
def test_stage_1_latents_of_our_own_context(entry, monkeypatch):
    anchor = anchor_latent(entry, monkeypatch)
    assert stage_1_error(entry, anchor, entry.context, monkeypatch) < 1e-4


def stage_1_error(entry: Entry, anchor: Tensor, context: Tensor, monkeypatch: pytest.MonkeyPatch) -> float:
    """Return the relative error at the number of steps that fits the file; at any other number it is about 1."""
    with_noise(monkeypatch, "motion", entry.published["stage_1_noise"])
    errors = []
    for steps in STEPS:
        latents = synchronised_latents(run(), {0: anchor}, 0, context, replace(PUBLISHED, steps=steps), 44)
        errors.append(relative_error(latents, entry.published["latents"]))
    return min(errors)


def anchor_latent(entry: Entry, monkeypatch: pytest.MonkeyPatch) -> Tensor:
    """Return the anchor's latent, from our own pictures or from the mesh's published points."""
    if "points" in entry.published:
        return encoded(entry)
    with_noise(monkeypatch, "reference", entry.published["stage_0_noise"])
    return latent_from_picture(run(), entry.context[0], PUBLISHED, 44)


@pytest.mark.parametrize(("own_normals", "tolerance"), [(False, 1e-4), (True, 1e-3)])
@holding("latents", "reference_vertices", "reference_faces", "reference_normals", "row", "vertices", "times")
def test_stage_2_vertices(entry, own_normals, tolerance):
    """The mesh is the published one, in the pose `published`, with its normals or with our own."""
    published = {name: array.numpy() for name, array in entry.published.items()}
    vertices, faces = published["reference_vertices"], published["reference_faces"]
    normals = vertex_normals(vertices, faces) if own_normals else published["reference_normals"]
    ours = stage_2(entry, vertices, faces, normals)[:, published["row"]]
    size = np.ptp(vertices, axis=0).max()
    assert np.abs(ours - published["vertices"]).max() / size < tolerance


def stage_2(entry: Entry, vertices: np.ndarray, faces: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Return the positions of all vertices in every frame, computed as published."""
    latents, times = entry.published["latents"], entry.published["times"].tolist()
    mesh, places = Mesh(vertices, faces), np.arange(len(vertices))
    reference = Reference(vertices, normals, latents[0], mesh, places, Normalisation(np.zeros(3), 1.0))
    return animate_vertices(run(), reference, latents, 0, times, ReferencePose.PUBLISHED)
