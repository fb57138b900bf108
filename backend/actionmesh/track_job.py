"""The subject of a clip in all chosen frames, from request to kept masks and pictures; used by the worker.

The masks are complete before the first picture is written, so that a job that is cancelled leaves whole masks or none.
"""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from .errors import InputError, require_sound
from .job_outputs import check_outputs
from .jobs import KeptModel, save_picture
from .progress import Progress, ProgressEvent
from .protocol import Animate, ResultFormat, Source, Stage, Track, Tracked


def track(
    job: Track, kept: KeptModel, report: Callable[[ProgressEvent], None], cancelled: Callable[[], bool]
) -> Tracked:
    """Find the subject in all chosen frames, keep its masks, and write pictures of some frames.

    Raises:
        ActionMeshError: an error that the user can cause; pictures that cannot be written are refused before any work.
    """
    import numpy as np

    from .pipeline import cut_subject, own_picture
    from .segmentation.choice import mask_folder

    _check_pictures(job)
    progress = Progress(report, cancelled)
    options = Animate(**{item.name: getattr(job, item.name) for item in fields(Source)}, out=job.out)
    check_outputs(options)
    require_sound(options)
    clip, cut = cut_subject(options, kept.get(job.checkpoint, job.device, job.memory), progress)
    positions = np.linspace(0, len(clip.frames) - 1, len(job.out)).round().astype(int).tolist()
    for position, path in progress.track(list(zip(positions, job.out, strict=True)), Stage.SAVING):
        save_picture(own_picture(clip, cut, position), Path(path), job.size)
    folder = mask_folder(job.out)
    masks = str(folder.path) if folder is not None and folder.path.is_dir() else None
    frames = tuple(int(clip.indices[position]) for position in positions)
    height, width = clip.own_size()
    return Tracked(job.out, frames, tuple(positions), width, height, masks, cut.doubt, cut.notes)


def _check_pictures(job: Track) -> None:
    for name in job.out:
        if Path(name).suffix.lower() != ResultFormat.CONTACT_SHEET or job.size < 1:
            raise InputError(f"{name} of {job.size} pixels cannot be written.", "Name a .png of at least 1 pixel.")
