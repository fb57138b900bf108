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
from ..geometry.surface import Normalisation, carry, farthest_points, normalise, sample_surface, vertex_normals, weld
from ..geometry.triangles import face_normals
from ..models.denoiser import DenoiserCache
from ..presets import Preset
from ..protocol import Stage
from ..sampling.sampler import frame_noise, sample
from ..sampling.schedules import image_to_3d_schedule
from ..weights.finite import require_finite, require_finite_weights
from .branches import branches_of
from .retry import once_more_with_less
from .run import Run


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
        moved: np.ndarray = (self.mesh.vertices + shift[self.place_of]).astype(np.float32)
        return moved


def reference_in_model_space(latent: Tensor, mesh: Mesh) -> Reference:
    """Return the reference whose latent (N, D) was decoded to this mesh."""
    normals, places = vertex_normals(mesh.vertices, mesh.faces), np.arange(len(mesh.vertices))
    return Reference(mesh.vertices, normals, latent, mesh, places, Normalisation(np.zeros(3), 1.0))


@once_more_with_less
@torch.no_grad()
def latent_from_picture(run: Run, context: Tensor, preset: Preset, seed: int) -> Tensor:
    """Denoise one latent (N, D) with guidance, for image tokens `context` (S, C)."""
    runtime = run.runtime
    denoiser = run.networks.image_to_3d

    def velocity(latents: Tensor, time: Tensor, cache: DenoiserCache) -> Tensor:
        found: Tensor = denoiser(latents.to(runtime.dtype), time, cache)
        return found.float()

    cache = denoiser.prepare(context[None].to(runtime.device, runtime.dtype))
    branches = branches_of(velocity, cache, runtime.plan.guidance_batch, runtime.plan.execution.graphs)
    noise = frame_noise((1, run.facts.tokens, denoiser.config.in_channels), seed, runtime.device)
    schedule = image_to_3d_schedule(preset.image_steps, run.facts.image_to_3d_shift)
    guidance, approximation = preset.image_guidance, preset.image_approximation
    latents = sample(branches, guidance, noise, schedule, Stage.REFERENCE, run.progress, None, approximation)
    latent = latents[0].cpu()
    require_finite(latent, f"the latents of Stage 0 at guidance {guidance:g}", run.facts.checkpoint, "image_to_3d")
    return latent


def decode_mesh(run: Run, latent: Tensor, preset: Preset) -> tuple[np.ndarray, np.ndarray]:
    """Return the cleaned-up surface of a latent (N, D): vertices (V, 3) float32 in model space, faces (F, 3) int32."""
    return clean_up(*decode_surface(run, latent, preset), preset.max_faces, preset.smallest_part)


@once_more_with_less
@torch.no_grad()
def decode_surface(run: Run, latent: Tensor, preset: Preset) -> tuple[np.ndarray, np.ndarray]:
    """Return the raw surface of a latent (N, D): vertices (V, 3) float32 in model space, faces (F, 3) int32.

    Raises:
        MeshError: the latent has no surface.
    """
    vae, runtime = run.networks.shape_vae, run.runtime
    context = vae.prepare(run.facts.denormalise(latent[None].to(runtime.device)))

    def field(points: Tensor) -> Tensor:
        return vae.query(points[None].to(runtime.device), context)[0, :, 0]

    # Apple's GPUs do not support float64, which the grid's coordinates need
    device = runtime.device if runtime.device.type == "cuda" else torch.device("cpu")
    try:
        return extract_surface(
            field, preset.resolution, chunk=runtime.plan.query_rows, progress=run.progress, device=device
        )
    except MeshError as error:
        require_finite_weights(run.facts.checkpoint, ("shape_vae",))
        cure = "Try another seed or another reference frame."
        raise MeshError(f"No shape could be made from the reference frame. {error.problem}", cure) from error


@torch.no_grad()
def reference_from_mesh(run: Run, mesh: Mesh, seed: int, turn: np.ndarray | None = None) -> Reference:
    """Return the reference of the artist's mesh, which is welded, brought to model space, and encoded by the VAE.

    Args:
        turn: (3, 3) rotation that takes the side that the camera sees to +Z; None if it is already there.
    Raises:
        MeshError: the mesh has no surface once vertices at the same place are merged.
    """
    places, place_of = weld(mesh.vertices)
    vertices, to_model = normalise(places, run.facts.settings.reference_extent, turn)
    faces = place_of[mesh.faces]
    require_surface(vertices, faces, mesh)
    samples = sample_surface(vertices, faces, run.facts.settings.surface_points, seed)
    tokens = choose_tokens(run, samples.points, seed)
    latent = encode_surface(run, samples.points, samples.normals, tokens, seed)
    return Reference(vertices, vertex_normals(vertices, faces), latent, mesh, place_of, to_model)


@torch.no_grad()
def latent_of_pose(run: Run, reference: Reference, pose: Mesh, seed: int) -> Tensor:
    """Return the latent (N, D) of a further known frame.

    If the pose has the reference's topology, the same points of the surface become tokens, so that both latents
    correspond.
    """
    vertices = reference.to_model.apply(pose.vertices)
    if len(vertices) == len(reference.mesh.vertices) and np.array_equal(pose.faces, reference.mesh.faces):
        faces = reference.place_of[pose.faces]
        places = np.zeros_like(reference.vertices)
        places[reference.place_of] = vertices
        samples = sample_surface(reference.vertices, faces, run.facts.settings.surface_points, seed)
        tokens = choose_tokens(run, samples.points, seed)
        points, normals = carry(samples.face_index, samples.barycentric, places, faces)
    else:
        require_surface(vertices, pose.faces, pose)
        samples = sample_surface(vertices, pose.faces, run.facts.settings.surface_points, seed)
        points, normals, tokens = samples.points, samples.normals, choose_tokens(run, samples.points, seed)
    return encode_surface(run, points, normals, tokens, seed)


def require_surface(vertices: np.ndarray, faces: np.ndarray, mesh: Mesh) -> None:
    """Raise MeshError if faces (F, 3) over model-space vertices (V, 3) have no area."""
    if not face_normals(vertices[faces].astype(np.float64)).any():
        cure = "Delete stray vertices far from the surface and export again."
        raise MeshError(f"The faces of {mesh.name} are too small for its size.", cure)


def choose_tokens(run: Run, points: np.ndarray, seed: int) -> Tensor:
    """Return the indices (N) of the points, of (P, 3), that become tokens."""
    return farthest_points(torch.from_numpy(points), run.facts.tokens, seed)


@once_more_with_less
def encode_surface(run: Run, points: np.ndarray, normals: np.ndarray, tokens: Tensor, seed: int) -> Tensor:
    """Return a sample (N, D) of the VAE's posterior, as the denoisers see it, for points and normals (P, 3)."""
    device = run.runtime.device
    surface = torch.from_numpy(np.concatenate([points, normals], axis=1))[None].to(device)
    posterior = run.networks.shape_vae.encode(surface, tokens[None].to(device))
    sample = posterior.sample(torch.Generator().manual_seed(seed)).float()
    latent = run.facts.normalise(sample)[0].cpu()
    require_finite(latent, "the latents of the mesh", run.facts.checkpoint, "shape_vae")
    return latent
