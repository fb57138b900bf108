"""Render the bundled clip and its mesh: a toy that is not in the training data."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import trimesh

from ..media.render import render_frames
from ..media.shading import to_linear
from ..output.film import encode_film
from ..toys import make_sequence
from ..toys.rendering import toy_camera_and_light

SIZE = 384
BACKGROUND = (236, 238, 240)


def write_demo(folder: Path, seed: int, template: str | None = None, frames: int = 24) -> None:
    """Write a toy as `clip.mp4` and `mesh.glb`.

    The clip shows the toy on a plain background at its own speed; the mesh is its first frame, with vertex colours.
    """
    toy = make_sequence(seed, frames, template)
    camera, light = toy_camera_and_light(seed)
    pictures = render_frames(toy.vertices, toy.faces, toy.colours, camera, SIZE, light)
    alpha = pictures[..., 3:] / 255
    film = (pictures[..., :3] * alpha + np.array(BACKGROUND) * (1 - alpha)).round().astype(np.uint8)
    rate = Fraction((frames - 1) / float(toy.times[-1])).limit_denominator(1000)
    folder.mkdir(parents=True, exist_ok=True)
    encode_film(film, rate, (SIZE, SIZE), folder / "clip.mp4")
    colours = (to_linear(toy.colours) * 255).round().astype(np.uint8)  # glTF's vertex colours are linear
    trimesh.Trimesh(toy.vertices[0], toy.faces, vertex_colors=colours, process=False).export(folder / "mesh.glb")
