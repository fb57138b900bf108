"""Whether a result can be saved into the artist's own mesh file, found out before the first stage instead of after the last."""

import logging
from pathlib import Path

import numpy as np

from ..animation import Animation, Provenance
from ..errors import MeshError
from ..geometry.mesh_files import load_mesh
from ..geometry.reading import DAMAGED, reason
from .gltf import animated_document, posed_document
from .gltf_source import open_file

log = logging.getLogger(__name__)


def check_source(path: Path) -> tuple[str, ...]:
    """Save the mesh as it is, twice, to nowhere: an animation that stands still needs of the file what every other needs.

    Returns:
        a sentence for each decoration that the result will be without.
    Raises:
        MeshError: the file cannot be read, or nothing can be saved into it.
    """
    mesh = load_mesh(path)
    poses = np.stack([mesh.vertices, mesh.vertices])
    still = Animation(
        poses,
        mesh.faces,
        np.array([0.0, 1.0]),
        0,
        np.arange(2),
        Provenance("", str(path), 0, "", "", ""),
        origin=mesh.origin,
    )
    try:
        source = open_file(still, path, mesh)
        posed_document(source, mesh.vertices).to_glb()
        animated_document(source, still).to_glb()
    except DAMAGED as error:
        log.debug("%s cannot be saved", path, exc_info=True)
        raise MeshError(
            f"{path} is damaged where the result is to be saved{reason(error)}.", "Export it again."
        ) from error
    return tuple(dict.fromkeys(f"{path.name}: {note}" for note in source.document.notes))
