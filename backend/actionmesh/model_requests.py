"""Handle the worker's requests about models: download sets of them, and remove downloaded ones."""

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
    """Delete the downloaded files of model sets."""
    from . import model_downloads

    sets = model_downloads.choose_sets(job.sets)
    return protocol.Removed(model_downloads.remove_all(model_downloads.removables(sets, Path(job.folder))))
