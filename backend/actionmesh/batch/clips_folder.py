"""The jobs of a batch from a folder: each clip in it with each mesh that is given, or alone.

A clip is a video, an animated picture, or a folder that holds pictures.
"""

import argparse
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path

from ..errors import InputError
from ..geometry.mesh_files import READERS
from ..job_arguments import job_of
from ..protocol import clips_in
from ..protocol.clip_names import natural_order
from .plan import Planned, with_outputs


def jobs_of_folder(
    source: Path, meshes: Iterable[str], common: argparse.Namespace, folder: Path, ending: str
) -> list[Planned]:
    """Return a job for each clip and mesh.

    Args:
        source: the folder of clips.
        meshes: mesh files, and folders of them; without any, a mesh is made from each clip.
        common: the choices of the command line, for all jobs.
        folder: where the results go, under the names of clip and mesh.
        ending: of their names.
    Raises:
        InputError: there is no clip, or a folder of meshes holds none, or one of the folders cannot be read.
    """
    with _listing(source):
        clips = [clip for clip in clips_in(source) if clip.resolve() != folder.resolve()]
    if not clips:
        cure = "Name a folder that holds videos, or a folder of pictures for each clip."
        raise InputError(f"{source} holds no clips.", cure)
    chosen: list[Path | None] = [mesh for name in meshes for mesh in _meshes(Path(name))]
    planned = []
    for clip in clips:
        for mesh in chosen or [None]:
            each = copy(common)
            each.clip, each.mesh, each.out = str(clip.absolute()), mesh and str(mesh.absolute()), []
            each.mask, each.known = None, []
            planned.append(Planned(clip.name if mesh is None else f"{clip.name} + {mesh.name}", job_of(each)))
    return with_outputs(planned, folder, ending)


def _meshes(path: Path) -> list[Path]:
    """Return a mesh file, which is opened later, or the meshes of a folder."""
    if not path.is_dir():
        return [path]
    with _listing(path):
        found = [each for each in path.iterdir() if each.suffix.lower() in READERS and not each.name.startswith(".")]
    if not found:
        raise InputError(f"{path} holds no meshes.", f"Known endings are {', '.join(READERS)}.")
    return sorted(found, key=lambda mesh: natural_order(mesh.name))


@contextmanager
def _listing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"The folder {folder} cannot be read ({error.strerror}).", "Check the path.") from error
