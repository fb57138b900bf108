"""One animated file becomes one tracked sequence."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..errors import ArtistError
from ..motion.axes import FACINGS
from ..motion.closed import is_closed, volume
from ..motion.cone import draw_camera
from ..motion.placement import Placement
from ..motion.queries import draw_queries
from ..motion.sampling import carry, sample_triangles, some_vertices
from ..motion.timing import frames_per_second
from ..motion.tracks import Tracks
from .distances import signed_distances
from .importing import Opened, open_alone
from .pictures import Studio, timing_of
from .tracking import Moving, read_motion
from .viewing import take_pictures

STILL = 1e-3
"""Model units: a motion in which no vertex ever goes further from where it began is none."""
LEAST = {"frames": 2, "points": 1, "vertices": 1, "views": 0, "size": 4, "seed": 0, "queries": 0}


@dataclass(frozen=True)
class TrackOptions:
    """What can be chosen about tracking.

    Args:
        frames: T, spread evenly over the animation, at least two.
        points: P on the surface.
        vertices: V of the mesh's own.
        views: K cameras; 0 makes no pictures.
        size: pixels of a picture's side.
        facing: the world axis that the subjects face once imported, a name in `axes.FACINGS`.
        seed: of points, cameras and queries, together with the file's own bytes.
        queries: Q points a frame whose signed distance is measured; 0 measures none.
        keep_still: sequences without motion are kept.

    Raises:
        ArtistError: a number is too small, or there is no such facing.
    """

    frames: int = 16
    points: int = 8192
    vertices: int = 1024
    views: int = 1
    size: int = 256
    facing: str = "NEG_Y"
    seed: int = 0
    queries: int = 0
    keep_still: bool = False

    def __post_init__(self) -> None:
        for name, least in LEAST.items():
            if getattr(self, name) < least:
                raise ArtistError(f"--{name} is {getattr(self, name)}.", f"Give at least {least}.")
        if self.facing not in FACINGS:
            raise ArtistError(f"--facing is {self.facing}.", f"Give one of {', '.join(FACINGS)}.")


def track_file(path: Path, digest: str, options: TrackOptions) -> Tracks:
    """Imports a file, follows points of its surface through its animation, and takes its pictures.

    Args:
        digest: sha256 of the file, hexadecimal; it seeds what is random.

    Raises:
        ArtistError: one sentence on why it cannot be tracked.
        FolderError: there is no room for temporary files.
    """
    opened, rng = open_alone(path), np.random.default_rng((options.seed, int(digest[:16], 16)))
    frames = np.linspace(*opened.span, options.frames)
    timing = timing_of(bpy.context.scene)
    with Studio(opened.objects, timing) as studio:
        world = read_motion(studio.scene, frames.tolist())
    placement = place(world, options.facing)
    moving, closed = face_outwards(Moving(placement.to_model(world.vertices), world.triangles))
    require_motion(moving, options.keep_still)
    surface = followed(moving, options, rng)
    return Tracks(
        times=seconds(frames, frames_per_second(timing["fps"], timing["fps_base"])),
        **surface,
        **seen(opened, moving, frames.tolist(), placement, options, rng),
        **(measured(moving, surface["points"], options.queries, rng) if closed and options.queries else {}),
        provenance=provenance(path, digest, opened, placement, moving, closed),
    )


def seconds(frames: np.ndarray, rate: float) -> np.ndarray:
    """(T,) from 0; of a still file, as if its frames followed each other."""
    moves = frames[-1] > frames[0]
    return (frames - frames[0] if moves else np.arange(len(frames), dtype=np.float64)) / rate


def place(moving: Moving, facing: str) -> Placement:
    try:
        return Placement.of(moving.vertices[0], facing)
    except ValueError as error:
        raise ArtistError(str(error), "Mend its meshes.") from error


def require_motion(moving: Moving, keep_still: bool) -> None:
    """Raises ArtistError where nothing moves and that is not asked for."""
    furthest = np.linalg.norm(moving.vertices - moving.vertices[0], axis=-1).max()
    if furthest < STILL and not keep_still:
        raise ArtistError("It does not move.", "Give --keep-still to keep it.")


def face_outwards(moving: Moving) -> tuple[Moving, bool]:
    """The motion, turned inside out where that is known to be wrong; and whether it is closed, first frame and last."""
    closed = all(is_closed(pose, moving.triangles) for pose in (moving.vertices[0], moving.vertices[-1]))
    if closed and volume(moving.vertices[0], moving.triangles) < 0:
        return Moving(moving.vertices, moving.triangles[:, ::-1]), closed
    return moving, closed


def followed(moving: Moving, options: TrackOptions, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Points of the surface and vertices of the mesh, with normals."""
    try:
        places = sample_triangles(moving.vertices[0], moving.triangles, options.points, rng)
    except ValueError as error:
        raise ArtistError("Its faces have no area in the first frame.", "Mend its meshes.") from error
    points, normals = carry(places, moving.vertices)
    vertices, vertex_normals = some_vertices(moving.vertices, moving.triangles, options.vertices, rng)
    return {
        "points": points,
        "normals": normals.astype(np.float16),
        "vertices": vertices,
        "vertex_normals": vertex_normals.astype(np.float16),
    }


def seen(
    opened: Opened, moving: Moving, frames: list[float], placement: Placement, options: TrackOptions, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Pictures of every frame by every camera, and the cameras."""
    cameras = [draw_camera(moving.vertices, rng) for _ in range(options.views)]
    timing, size = timing_of(bpy.context.scene), options.size
    pictures = [take_pictures(opened.objects, timing, frames, camera, placement, size) for camera in cameras]
    return {
        "pictures": np.array(pictures, np.uint8).reshape(len(cameras), len(frames), size, size, 4),
        "axes": np.array([camera.axes for camera in cameras], np.float32).reshape(-1, 3, 3),
        "distances": np.array([camera.distance for camera in cameras], np.float32),
        "windows": np.array([(*camera.centre, camera.half) for camera in cameras], np.float32).reshape(-1, 3),
        "crops": np.array([covered(view) for view in pictures], np.int64).reshape(-1, 4),
    }


def covered(pictures: np.ndarray) -> tuple[int, int, int, int]:
    """(top, left, height, width) of the box around every pixel of (T, h, w, 4) that is not transparent.

    Raises:
        ArtistError: there is none.
    """
    opaque = pictures[..., 3].max(axis=0) > 0
    rows, columns = np.flatnonzero(opaque.any(axis=1)), np.flatnonzero(opaque.any(axis=0))
    if not len(rows):
        raise ArtistError("Its pictures are transparent everywhere.", "Make its materials opaque.")
    return int(rows[0]), int(columns[0]), int(rows[-1] - rows[0] + 1), int(columns[-1] - columns[0] + 1)


def measured(moving: Moving, points: np.ndarray, count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Query points around every pose and their signed distances."""
    asked = np.stack([draw_queries(pose, count, rng) for pose in points])
    told = [signed_distances(pose, moving.triangles, at) for pose, at in zip(moving.vertices, asked, strict=True)]
    return {"query_points": asked, "signed_distances": np.stack(told).astype(np.float16)}


def provenance(
    path: Path, digest: str, opened: Opened, placement: Placement, moving: Moving, closed: bool
) -> dict[str, Any]:
    return {
        "source": path.name,
        "sha256": digest,
        "licence": "",
        "blender": bpy.app.version_string,
        "frames": list(opened.span),
        "facing": placement.facing,
        "centre": placement.centre.tolist(),
        "scale": placement.scale,
        "objects": len(opened.objects),
        "vertices": moving.vertices.shape[1],
        "triangles": len(moving.triangles),
        "closed": closed,
    }
