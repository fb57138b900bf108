"""What the worker does about models: downloads sets of them, and removes what it downloaded."""

from pathlib import Path

from . import protocol
from .progress import Progress


def download(job: protocol.Download, progress: Progress) -> protocol.Downloaded:
    """Download sets of models; see `model_downloads`."""
    from . import model_downloads

    sets, folder = model_downloads.choose_sets(job.sets), Path(job.folder)
    planned = model_downloads.plan(sets, folder)
    size = model_downloads.carry_out(planned, folder, job.accepted, progress)
    place = model_downloads.make_half(sets, folder, progress) if job.half else folder
    revisions = {each.download.name: each.resolved.revision for each in planned if each.resolved is not None}
    return protocol.Downloaded(str(place), size, revisions)


def remove_models(job: protocol.RemoveModels) -> protocol.Removed:
    """Delete what was downloaded of sets of models."""
    from . import model_downloads

    sets = model_downloads.choose_sets(job.sets)
    return protocol.Removed(model_downloads.remove_all(model_downloads.removables(sets, Path(job.folder))))
