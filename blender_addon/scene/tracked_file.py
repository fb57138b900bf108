"""Turn one animation of a file into one tracked sequence."""

from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..errors import ArtistError
from ..motion.closed import is_closed, volume
from ..motion.cone import Camera, draw_around, draw_camera
from ..motion.lighting import STUDIO, draw_light
from ..motion.placement import Placement
from ..motion.queries import draw_queries
from ..motion.sampling import carry, sample_triangles, some_vertices
from ..motion.timing import frames_per_second
from ..motion.tracks import Tracks
from ..motion.whole_mesh import whole_mesh
from .clips import play
from .distances import signed_distances
from .importing import Opened, open_alone
from .pictures import Studio, timing_of
from .survey import Passage, Survey
from .track_options import Cameras, Clips, TrackOptions
from .tracking import Moving, read_motion, read_rest
from .viewing import take_pictures

LEAST_INSIDE = 0.15
"""Share of the query points inside a surface with gaps, below which it is a sheet."""


def chosen(survey: Survey, clips: str) -> tuple[Passage, ...]:
    """Return the animations that become sequences: the first, the one of median motion (the lower of two), or all."""
    if clips == Clips.MEDIAN:
        by_amount = sorted(survey.passages, key=lambda passage: passage.amount)
        return tuple(by_amount[(len(by_amount) - 1) // 2 :][:1])
    return survey.passages if clips == Clips.EVERY else survey.passages[:1]


def track_passage(
    path: Path, name: str, digest: str, survey: Survey, passage: Passage, options: TrackOptions
) -> Tracks:
    """Import a file, follow points of its surface through an animation, and take its pictures.

    Args:
        name: of the file in its folder, for the provenance.
        digest: sha256 of the file, hexadecimal; it seeds the random choices.
        survey: of the file.
        passage: one of its animations.

    Raises:
        ArtistError: it cannot be tracked; the message says why.
        FolderError: there is no room for temporary files.
    """
    opened = open_alone(path)
    play(opened.clips[passage.index])
    rng = np.random.default_rng((options.seed, int(digest[:16], 16), *passage.name.encode()))
    frames = np.linspace(*passage.frames, options.frames)
    timing = timing_of(bpy.context.scene)
    with Studio(opened.objects, timing) as studio:
        world = read_motion(studio.scene, frames.tolist())
        resting = read_rest(studio.scene, float(frames[0])) if options.rest else None
    placement = place(world, passage.turn)
    moving, closed = face_outwards(Moving(placement.to_model(world.vertices), world.triangles))
    rest = None if resting is None else placement.to_model(resting)
    surface = followed(moving, options, rng)
    cameras, yaw = draw_cameras(moving, options, rng)
    return Tracks(
        times=seconds(frames, frames_per_second(timing["fps"], timing["fps_base"])),
        **surface,
        **seen(opened, cameras, frames.tolist(), placement, options, rng),
        **(measured(moving, surface["points"], options.queries, closed, rng) if options.queries else {}),
        **(whole(moving, rest) if options.faces else {}),
        provenance={
            "source": path.name,
            "file": name,
            "sha256": digest,
            "rigs": survey.rigs,
            "clip": passage.name,
            "span": passage.span,
            "frames": passage.frames,
            "amount": passage.amount,
            "yaw": yaw,
            **provenance(opened, placement, moving, closed, options),
        },
    )


def seconds(frames: np.ndarray, rate: float) -> np.ndarray:
    """Return the (T,) seconds from 0; for a still file, as if its frames followed each other."""
    moves = frames[-1] > frames[0]
    return (frames - frames[0] if moves else np.arange(len(frames), dtype=np.float64)) / rate


def place(moving: Moving, turn: np.ndarray) -> Placement:
    try:
        return Placement.of(moving.vertices[0], turn)
    except ValueError as error:
        raise ArtistError(str(error), "Fix its meshes.") from error


def face_outwards(moving: Moving) -> tuple[Moving, bool]:
    """Return the motion with normals that point outwards, if that can be known, and whether it is closed.

    It is closed if it is in the first frame and in the last.
    """
    closed = all(is_closed(pose, moving.triangles) for pose in (moving.vertices[0], moving.vertices[-1]))
    if closed and volume(moving.vertices[0], moving.triangles) < 0:
        return Moving(moving.vertices, moving.triangles[:, ::-1]), closed
    return moving, closed


def followed(moving: Moving, options: TrackOptions, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return points of the surface and vertices of the mesh, with normals."""
    try:
        places = sample_triangles(moving.vertices[0], moving.triangles, options.points, rng)
    except ValueError as error:
        raise ArtistError("Its faces have no area in the first frame.", "Fix its meshes.") from error
    points, normals = carry(places, moving.vertices)
    vertices, vertex_normals = some_vertices(moving.vertices, moving.triangles, options.vertices, rng)
    return {
        "points": points,
        "normals": normals.astype(np.float16),
        "vertices": vertices,
        "vertex_normals": vertex_normals.astype(np.float16),
    }


def whole(moving: Moving, rest: np.ndarray | None) -> dict[str, np.ndarray]:
    """Return all vertices and triangles, with one vertex per place.

    Args:
        rest: (1, V, 3) the mesh in its rest pose; None if that is not kept.
    """
    poses = moving.vertices if rest is None else np.concatenate([rest, moving.vertices])
    vertices, faces = whole_mesh(poses, moving.triangles)
    if rest is None:
        return {"mesh_vertices": vertices, "mesh_faces": faces}
    return {"mesh_vertices": vertices[1:], "mesh_faces": faces, "mesh_rest": vertices[0]}


def draw_cameras(moving: Moving, options: TrackOptions, rng: np.random.Generator) -> tuple[list[Camera], float | None]:
    """Return the cameras, and the degrees by which their cone is turned around +Y; None if they stand all around."""
    if options.cameras == Cameras.AROUND:
        return draw_around(moving.vertices, options.views, rng), None
    yaw = rng.uniform(-180, 180) if options.cameras == Cameras.TURNED else 0.0
    return [draw_camera(moving.vertices, rng, np.radians(yaw)) for _ in range(options.views)], float(yaw)


def seen(
    opened: Opened,
    cameras: list[Camera],
    frames: list[float],
    placement: Placement,
    options: TrackOptions,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Return pictures of every frame by every camera, and the cameras."""
    timing, size = timing_of(bpy.context.scene), options.size
    at_random = options.random_light or options.cameras == Cameras.AROUND
    lights = [draw_light(rng) if at_random else STUDIO for _ in cameras]
    pictures = [
        take_pictures(opened.objects, timing, frames, camera, placement, size, light)
        for camera, light in zip(cameras, lights, strict=True)
    ]
    return {
        "pictures": np.array(pictures, np.uint8).reshape(len(cameras), len(frames), size, size, 4),
        "axes": np.array([camera.axes for camera in cameras], np.float32).reshape(-1, 3, 3),
        "distances": np.array([camera.distance for camera in cameras], np.float32),
        "windows": np.array([(*camera.centre, camera.half) for camera in cameras], np.float32).reshape(-1, 3),
        "crops": np.array([covered(view) for view in pictures], np.int64).reshape(-1, 4),
    }


def covered(pictures: np.ndarray) -> tuple[int, int, int, int]:
    """Return (top, left, height, width) of the box around every pixel of (T, h, w, 4) that is not transparent.

    Raises:
        ArtistError: there is no such pixel.
    """
    opaque = pictures[..., 3].max(axis=0) > 0
    rows, columns = np.flatnonzero(opaque.any(axis=1)), np.flatnonzero(opaque.any(axis=0))
    if not len(rows):
        raise ArtistError("Its pictures are transparent everywhere.", "Make its materials opaque.")
    return int(rows[0]), int(columns[0]), int(rows[-1] - rows[0] + 1), int(columns[-1] - columns[0] + 1)


def measured(
    moving: Moving, points: np.ndarray, count: int, closed: bool, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return query points around every pose and their signed distances; nothing for a sheet, which has no inside."""
    asked = np.stack([draw_queries(pose, count, rng) for pose in points])
    told = np.stack(
        [signed_distances(pose, moving.triangles, at, closed) for pose, at in zip(moving.vertices, asked, strict=True)]
    )
    if not closed and (told < 0).mean() < LEAST_INSIDE:
        return {}
    return {"query_points": asked, "signed_distances": told.astype(np.float16)}


def provenance(
    opened: Opened, placement: Placement, moving: Moving, closed: bool, options: TrackOptions
) -> dict[str, Any]:
    return {
        "licence": "",
        "blender": bpy.app.version_string,
        "facing": options.facing,
        "turn": placement.turn.tolist(),
        "centre": placement.centre.tolist(),
        "scale": placement.scale,
        "objects": len(opened.objects),
        "vertices": moving.vertices.shape[1],
        "triangles": len(moving.triangles),
        "closed": closed,
    }
