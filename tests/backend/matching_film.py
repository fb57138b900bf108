"""A small creature with known motion and camera, as a film and as crops."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import trimesh

from actionmesh.matching.film import Film, make_film
from actionmesh.media.render import Camera, render_frames
from actionmesh.media.subject_crops import SubjectCrops

SIZE = 256
FRAMES = 5


@dataclass(frozen=True)
class Acted:
    """Moving vertices (T, V, 3) in model space, and a camera's pictures of them."""

    vertices: np.ndarray
    faces: np.ndarray
    camera: Camera
    crops: SubjectCrops

    @property
    def film(self) -> Film:
        return make_film(self.crops)


def creature() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return vertices, faces and colours of an asymmetric body with a head in front, two unequal arms and a tail."""
    parts = [
        (trimesh.creation.icosphere(subdivisions=3, radius=0.3), (0, 0, 0), (0.7, 0.3, 0.2)),
        (trimesh.creation.icosphere(subdivisions=3, radius=0.17), (0.06, 0.36, 0.2), (0.9, 0.8, 0.3)),
        (trimesh.creation.capsule(0.45, 0.07), (-0.66, 0.05, 0.05), (0.2, 0.5, 0.8)),
        (trimesh.creation.capsule(0.25, 0.09), (0.46, 0.0, 0.0), (0.3, 0.7, 0.3)),
        (trimesh.creation.capsule(0.3, 0.05), (0.1, -0.3, -0.5), (0.6, 0.3, 0.7)),
    ]
    along_x = trimesh.transformations.rotation_matrix(np.pi / 2, (0, 1, 0))
    meshes, colours = [], []
    for number, (mesh, place, colour) in enumerate(parts):
        if number in (2, 3):
            mesh.apply_transform(along_x)
        mesh.apply_translation(place)
        meshes.append(mesh)
        stripes = 0.75 + 0.25 * np.sign(np.sin(23 * mesh.vertices @ (1.0, 0.7, 0.4)))
        colours.append(stripes[:, None] * colour)
    whole = trimesh.util.concatenate(meshes)
    vertices = whole.vertices - (whole.vertices.max(axis=0) + whole.vertices.min(axis=0)) / 2
    scale = 1.5 / np.ptp(vertices, axis=0).max()
    return (
        (scale * vertices).astype(np.float32),
        np.array(whole.faces, np.int32),
        np.concatenate(colours).astype(np.float32),
    )


def wave(vertices: np.ndarray, amount: float, frames: int = FRAMES) -> np.ndarray:
    """Raise the left arm over the frames (T, V, 3), by `amount` radians at the end."""
    posed = np.repeat(vertices[None].astype(np.float64), frames, axis=0)
    joint = np.array([-0.3, 0.02, 0.03])
    share = np.clip((joint[0] - vertices[:, 0]) / 0.12, 0, 1)
    for frame in range(frames):
        angle = -amount * frame / (frames - 1) * share
        x, y = (vertices[:, :2] - joint[:2]).T
        posed[frame, :, 0] = joint[0] + np.cos(angle) * x - np.sin(angle) * y
        posed[frame, :, 1] = joint[1] + np.sin(angle) * x + np.cos(angle) * y
    return posed.astype(np.float32)


def act(amount: float = 0.6, yaw: float = 0.0, frames: int = FRAMES, size: int = SIZE) -> Acted:
    """Let the creature wave at a camera that is `yaw` radians around it and a little above."""
    vertices, faces, colours = creature()
    posed = wave(vertices, amount, frames)
    camera = Camera(yaw=yaw, pitch=0.15, half_extent=1.3, field_of_view=0.5)
    pictures = render_frames(posed, faces, colours, camera, size)
    crops = SubjectCrops(size, size)
    for picture in pictures:
        crops.append(picture)
    return Acted(posed, faces, camera, crops)


def write_place(folder: Path, acted: Acted) -> None:
    """Write the creature's clip, `clip/`, and the mesh of its first frame, `mesh.ply`."""
    (folder / "clip").mkdir()
    for frame, crop in enumerate(acted.crops):
        whole = np.zeros((*acted.crops.frame_size, 4), np.uint8)
        whole[acted.crops.box.slices()] = crop
        cv2.imwrite(str(folder / "clip" / f"{frame}.png"), cv2.cvtColor(whole, cv2.COLOR_RGBA2BGRA))
    trimesh.Trimesh(acted.vertices[0], acted.faces, process=False).export(folder / "mesh.ply")
