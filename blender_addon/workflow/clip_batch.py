"""Many clips on many meshes: a job for each clip and mesh, whose result lands on a copy of the mesh."""

from collections.abc import Generator, Sequence
from contextlib import ExitStack
from pathlib import Path

import bpy
from mathutils import Matrix, Vector

from ..errors import ArtistError
from ..process.backend_locator import protocol
from ..scene.duplicates import duplicate
from ..scene.targets import check_target
from ..session.runner import runner
from .submission import submit

GAP = 1.3
"""Distance between two rows of copies, in depths of the deepest mesh."""


def clips_of(folder: str) -> list[Path]:
    """Return the clips of a folder: videos, and folders of pictures.

    Raises:
        ArtistError: no folder is chosen, it cannot be read, or it holds no clips.
    """
    if not folder:
        raise ArtistError("No folder of clips is chosen.", "Choose one in the panel Batch.")
    path = Path(bpy.path.abspath(folder))
    try:
        clips = protocol.clips_in(path)
    except OSError as error:
        raise ArtistError(f"The folder {path} cannot be read ({error.strerror}).", "Choose it again.") from error
    if not clips:
        cure = "Choose a folder that holds videos, or a folder of pictures for each clip."
        raise ArtistError(f"{path} holds no clips.", cure)
    return clips


def submit_batch(
    context: bpy.types.Context, targets: Sequence[bpy.types.Object], folder: str, seed: int | None, waits: bool
) -> Generator[None, None, list[str]]:
    """Copy each mesh once for each clip, and queue a job for each copy; return the jobs' ids.

    The copies stand in rows behind the meshes, one row for each clip. If anything goes wrong, or the generator is
    closed early, no copy and no job is left.

    Args:
        targets: the meshes; they do not change.
        folder: of the clips.
        seed, waits: see `submit`.
    Raises:
        ArtistError: there are no clips, a mesh cannot be animated, or a job cannot be written.
    """
    clips = clips_of(folder)
    if context.scene.actionmesh.masks:
        cure = "Clear Masks; masks beside the pictures of each clip are used anyway."
        raise ArtistError("Masks are set for one clip and do not fit the others.", cure)
    for target in targets:
        check_target(target)
    depth = _depth(targets)
    jobs: list[str] = []
    with ExitStack() as undo:
        for row, clip in enumerate(clips, start=1):
            for target in targets:
                copy = duplicate(target, undo)
                copy.name = copy.data.name = f"{target.name} {clip.stem}"
                copy.matrix_world = Matrix.Translation((0, row * depth, 0)) @ target.matrix_world
                job = submit(context, [copy], str(clip), seed, waits)[0]
                undo.callback(runner.cancel, job)
                jobs.append(job)
                yield
        undo.pop_all()
    return jobs


def _depth(targets: Sequence[bpy.types.Object]) -> float:
    """Return the distance between rows that lets every mesh stand clear."""
    bpy.context.view_layer.update()
    spans = []
    for target in targets:
        ends = [(target.matrix_world @ Vector(corner)).y for corner in target.bound_box]
        spans.append(max(ends) - min(ends))
    lines = [target.matrix_world.translation.y for target in targets]
    return GAP * (max(spans) + max(lines) - min(lines))
