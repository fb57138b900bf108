"""Check before the first stage, not after the last, that a result can be saved into the artist's own mesh file."""

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
    """Check that an animation can be saved into a mesh file, by saving two still poses in memory.

    Returns:
        a sentence for each decoration that the result will lack.
    Raises:
        MeshError: the file cannot be read, or no result can be saved into it.
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
            f"{path} is damaged, so no result can be saved into it{reason(error)}.", "Export it again."
        ) from error
    return tuple(dict.fromkeys(f"{path.name}: {note}" for note in source.document.notes))
