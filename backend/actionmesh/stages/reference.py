"""Stage 0: the reference shape, made from one frame's picture or encoded from the artist's mesh.

Both give a mesh in model space and a latent of the same shape.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..errors import MeshError
from ..geometry.cleanup import clean_up
from ..geometry.extraction import extract_surface
from ..geometry.mesh import Mesh
from ..geometry.surface import (
    Normalisation,
    carry,
    farthest_points,
    normalise,
    sample_surface,
    vertex_normals,
    weld,
)
from ..models.denoiser import DenoiserCache
from ..presets import Preset
from ..progress import Progress
from ..protocol import Stage
from ..sampling.sampler import frame_noise, sample
from ..sampling.schedules import image_to_3d_schedule
from ..weights.finite import require_finite, require_finite_weights
from ..weights.store import ModelStore
from .branches import branches_of
from .retry import once_more_with_less


@dataclass(frozen=True)
class Reference:
    """The shape that moves.

    Args:
        vertices: (W, 3) float32 in model space, one for each distinct place.
        normals: (W, 3) float32.
        latent: (N, D) float32 as the denoisers see it.
        mesh: the mesh that the user gets, with V vertices in its own coordinates.
        place_of: (V,) index of the place, of W, of each of the mesh's vertices.
        to_model: from the mesh's coordinates to model space.
    """

    vertices: np.ndarray
    normals: np.ndarray
    latent: Tensor
    mesh: Mesh
    place_of: np.ndarray
    to_model: Normalisation

    def moved(self, places: np.ndarray) -> np.ndarray:
        """Return the mesh's vertices (V, 3), in its own coordinates, for places (W, 3) in model space.

        Vertices whose place has not moved are the mesh's own, bit for bit.
        """
        shift = self.to_model.invert_shift(places - self.vertices)
        return (self.mesh.vertices + shift[self.place_of]).astype(np.float32)


def reference_in_model_space(latent: Tensor, mesh: Mesh) -> Reference:
    """Return the reference whose latent (N, D) was decoded to this mesh."""
    normals, places = vertex_normals(mesh.vertices, mesh.faces), np.arange(len(mesh.vertices))
    return Reference(mesh.vertices, normals, latent, mesh, places, Normalisation(np.zeros(3), 1.0))


@once_more_with_less
@torch.no_grad()
def latent_from_picture(context: Tensor, store: ModelStore, preset: Preset, seed: int, progress: Progress) -> Tensor:
    """Denoise one latent (N, D) with guidance."""
    denoiser = store.denoiser("image_to_3d")

    def velocity(latents: Tensor, time: Tensor, cache: DenoiserCache) -> Tensor:
        return denoiser(latents.to(store.dtype), time, cache).float()

    cache = denoiser.prepare(context[None].to(store.device, store.dtype))
    branches = branches_of(velocity, cache, store.plan.guidance_batch, store.plan.execution.graphs)
    noise = frame_noise((1, store.tokens, denoiser.config.in_channels), seed, store.device)
    schedule = image_to_3d_schedule(preset.image_steps, store.image_to_3d_shift)
    approximation = preset.image_approximation
    guidance = preset.image_guidance
    latent = sample(branches, guidance, noise, schedule, Stage.REFERENCE, progress, approximation=approximation)[
        0
    ].cpu()
    require_finite(latent, f"the latents of Stage 0 at guidance {guidance:g}", store, "image_to_3d")
    return latent


def decode_mesh(latent: Tensor, store: ModelStore, preset: Preset, progress: Progress) -> tuple[np.ndarray, np.ndarray]:
    """Return the cleaned-up surface of a latent (N, D): vertices (V, 3) float32 in model space, faces (F, 3) int32."""
    return clean_up(*decode_surface(latent, store, preset, progress), preset.max_faces, preset.smallest_part)


@once_more_with_less
@torch.no_grad()
def decode_surface(
    latent: Tensor, store: ModelStore, preset: Preset, progress: Progress
) -> tuple[np.ndarray, np.ndarray]:
    """Return the raw surface of a latent (N, D): vertices (V, 3) float32 in model space, faces (F, 3) int32.

    Raises:
        MeshError: the latent has no surface.
    """
    vae = store.shape_vae
    context = vae.prepare(store.denormalise(latent[None].to(store.device)))

    def field(points: Tensor) -> Tensor:
        return vae.query(points[None].to(store.device), context)[0, :, 0]

    # Apple's GPUs do not support float64, which the grid's coordinates need
    device = store.device if store.device.type == "cuda" else torch.device("cpu")
    try:
        return extract_surface(field, preset.resolution, chunk=store.plan.query_rows, progress=progress, device=device)
    except MeshError as error:
        require_finite_weights(store, ("shape_vae",))
        cure = "Try another seed or another reference frame."
        raise MeshError(f"No shape could be made from the reference frame. {error.problem}", cure) from error


@torch.no_grad()
def reference_from_mesh(mesh: Mesh, store: ModelStore, seed: int, turn: np.ndarray | None = None) -> Reference:
    """Return the reference of the artist's mesh, which is welded, brought to model space, and encoded by the VAE.

    Args:
        turn: (3, 3) rotation that takes the side that the camera sees to +Z; None if it is already there.
    Raises:
        MeshError: the mesh has no surface once vertices at the same place are merged.
    """
    places, place_of = weld(mesh.vertices)
    vertices, to_model = normalise(places, store.settings.reference_extent, turn)
    faces = place_of[mesh.faces]
    require_surface(vertices, faces, mesh)
    samples = sample_surface(vertices, faces, store.settings.surface_points, seed)
    latent = encode_surface(samples.points, samples.normals, choose_tokens(samples.points, store, seed), store, seed)
    return Reference(vertices, vertex_normals(vertices, faces), latent, mesh, place_of, to_model)


@torch.no_grad()
def latent_of_pose(reference: Reference, pose: Mesh, store: ModelStore, seed: int) -> Tensor:
    """Return the latent (N, D) of a further known frame.

    If the pose has the reference's topology, the same points of the surface become tokens, so that both latents
    correspond.
    """
    vertices = reference.to_model.apply(pose.vertices)
    if len(vertices) == len(reference.mesh.vertices) and np.array_equal(pose.faces, reference.mesh.faces):
        faces = reference.place_of[pose.faces]
        places = np.zeros_like(reference.vertices)
        places[reference.place_of] = vertices
        samples = sample_surface(reference.vertices, faces, store.settings.surface_points, seed)
        tokens = choose_tokens(samples.points, store, seed)
        points, normals = carry(samples.face_index, samples.barycentric, places, faces)
    else:
        require_surface(vertices, pose.faces, pose)
        samples = sample_surface(vertices, pose.faces, store.settings.surface_points, seed)
        points, normals, tokens = samples.points, samples.normals, choose_tokens(samples.points, store, seed)
    return encode_surface(points, normals, tokens, store, seed)


def require_surface(vertices: np.ndarray, faces: np.ndarray, mesh: Mesh) -> None:
    """Raise MeshError if faces (F, 3) over model-space vertices (V, 3) have no area."""
    corners = vertices[faces].astype(np.float64)
    if not np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).any():
        cure = "Delete stray vertices far from the surface and export again."
        raise MeshError(f"The faces of {mesh.name} are too small for its size.", cure)


def choose_tokens(points: np.ndarray, store: ModelStore, seed: int) -> Tensor:
    """Return the indices (N) of the points, of (P, 3), that become tokens."""
    return farthest_points(torch.from_numpy(points), store.tokens, seed)


@once_more_with_less
def encode_surface(points: np.ndarray, normals: np.ndarray, tokens: Tensor, store: ModelStore, seed: int) -> Tensor:
    """Return a sample (N, D) of the VAE's posterior, as the denoisers see it, for points and normals (P, 3)."""
    surface = torch.from_numpy(np.concatenate([points, normals], axis=1))[None].to(store.device)
    posterior = store.shape_vae.encode(surface, tokens[None].to(store.device))
    sample = posterior.sample(torch.Generator().manual_seed(seed)).float()
    latent = store.normalise(sample)[0].cpu()
    require_finite(latent, "the latents of the mesh", store, "shape_vae")
    return latent
