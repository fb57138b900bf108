"""Bones for a finished animation, from request to files; used by the command line and the worker."""

import logging
import time
from collections.abc import Callable
from pathlib import Path

from .errors import InputError, require_sound
from .job_inputs import mesh_of, named_by
from .job_outputs import check_places
from .progress import Progress, ProgressEvent
from .protocol import MOST_BONES, USUAL_BONES, ResultFormat, Rig, Rigged, Stage

FORMATS = (ResultFormat.ANIMATED_MESH, ResultFormat.ARRAYS)
log = logging.getLogger(__name__)


def rig(job: Rig, report: Callable[[ProgressEvent], None], cancelled: Callable[[], bool]) -> Rigged:
    """Find bones for an animation, and write every file of `job.out`, each completely or not at all.

    Raises:
        ActionMeshError: the result cannot be read or rigged, or an output cannot be written; see `check_places`.
    """
    from .animation import Animation
    from .output.gltf_rig import write_rigged_glb
    from .rigging.making import make_rig

    begun, progress = time.perf_counter(), Progress(report, cancelled)
    require_sound(job)
    _check_formats(job.out)
    animation = Animation.load(job.result)
    mesh = mesh_of(animation.provenance.mesh, job.names)
    check_places(job.out, [Path(job.result), *([mesh, *named_by(mesh)] if mesh else [])])
    rest = animation.vertices[animation.reference_frame]
    error = None if job.error is None else job.error / 100
    bones = job.bones or (USUAL_BONES if error is None else MOST_BONES)
    found = make_rig(rest, animation.faces, animation.vertices, bones, error, progress)
    if mesh is not None and not mesh.is_file():
        log.warning("%s no longer exists: the files are written without its materials.", mesh)
        mesh = None
    for path in progress.track(job.out, Stage.SAVING):
        if path.lower().endswith(ResultFormat.ARRAYS):
            found.save(Path(path))
        else:
            write_rigged_glb(animation, found, Path(path), mesh)
    poses, vertices, _ = animation.vertices.shape
    errors = 100 * found.rms, 100 * found.worst
    return Rigged(job.out, len(found.names), poses, vertices, *errors, time.perf_counter() - begun)


def _check_formats(out: tuple[str, ...]) -> None:
    for name in out:
        if not name.lower().endswith(FORMATS):
            raise InputError(f"{name} is not a format for bones.", f"Use {' or '.join(FORMATS)}.")
