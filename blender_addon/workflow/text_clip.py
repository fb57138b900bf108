"""A clip made from a text: the artist's wish, and the render of a mesh with which its clip begins."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Vector

from ..errors import ArtistError, TargetChanged
from ..jobs.queue import Preparation
from ..jobs.record import CLIP_FILE, FRAMES_FOLDER, JobRecord
from ..menus import AUTO_VIDEO
from ..motion.axes import FACINGS
from ..process.backend_locator import protocol
from ..scene.pictures import timing_of, usual_engine
from ..scene.source_objects import name_of, require_baked, shown_objects
from ..scene.source_render import Plan, counted, render
from ..scene.targets import find_target
from .delivery import Writing, scene_of

SIDE = 768
"""Pixels along each edge of a mesh's render."""
LONGEST_TITLE = 40
FIRST = f"{FRAMES_FOLDER}/frame_0001.png"
"""Where a render is put, relative to the job's folder."""
STRAIGHT = 0.99
"""Cosine of the largest angle between a mesh's front and the world's axis from which it is rendered."""
USUAL_SIDE = "NEG_Y"


def title_of(prompt: str) -> str:
    """Return a text as a short title on one line."""
    line = " ".join(prompt.split())
    return line if len(line) <= LONGEST_TITLE else f"{line[:LONGEST_TITLE].rstrip()}..."


def wish_of(settings: bpy.types.PropertyGroup) -> dict[str, Any]:
    """Return the fields of a request that make its clip.

    Raises:
        ArtistError: no text was written, or the picture does not exist.
    """
    if not settings.prompt.strip():
        raise ArtistError("No text was written.", "Write what happens, such as: a fox jumps.")
    picture = bpy.path.abspath(settings.clip_picture) if settings.clip_picture else None
    if picture is not None and not Path(picture).is_file():
        raise ArtistError(f"The picture {picture} does not exist.", "Choose it again, or leave it empty.")
    model = None if settings.video_model == AUTO_VIDEO else settings.video_model
    return {"prompt": settings.prompt, "picture": picture, "video_model": model}


def generating(request: protocol.Animate, wish: dict[str, Any]) -> protocol.Generate:
    """Return a request that first makes its clip, in the job's folder."""
    return protocol.Generate(**vars(request) | {"clip": CLIP_FILE} | wish)


@dataclass(frozen=True)
class MeshPicture:
    """A render of a job's mesh with its materials, as it is in the frame in which the job was submitted.

    Args:
        frame: of the scene.
        side: the world axis that it is seen from, one of `motion.axes.FACINGS`.
        is_front: whether that is the side that the mesh faces.
    """

    frame: int
    side: str
    is_front: bool

    @classmethod
    def of(cls, target: bpy.types.Object, facing: str) -> "MeshPicture":
        """Return the render of a mesh from the local axis that it faces, or AUTO: then -Y of the world is its front."""
        frame = bpy.context.scene.frame_current
        if facing not in FACINGS:
            return cls(frame, USUAL_SIDE, True)
        front = (target.matrix_world.to_3x3().normalized() @ Vector(FACINGS[facing][0])).normalized()
        cosines = {axis: float(np.dot(front, way)) for axis, (way, up) in FACINGS.items() if up == (0, 0, 1)}
        side = max(cosines, key=lambda axis: cosines[axis])
        return cls(frame, side, True) if cosines[side] >= STRAIGHT else cls(frame, USUAL_SIDE, False)

    def prepare(self, record: JobRecord) -> Preparation:
        """Put the picture into the job's folder; yield its progress.

        Raises:
            ArtistError: the mesh is gone or was edited since the job was submitted, or it cannot be rendered.
        """
        writing = Writing.of(record)
        try:
            target = find_target(writing.target or {})
        except TargetChanged as error:
            raise ArtistError(error.problem, "Start the job again.") from error
        scene = scene_of(writing, target)
        shown = shown_objects(target, scene)
        require_baked(shown)
        plan = Plan(target.name, timing_of(scene), (self.frame,), SIDE, self.side, usual_engine())
        record.frames_path.mkdir(mode=0o700)
        yield from counted(target.name, render(plan, [name_of(item) for item in shown], record.frames_path))
