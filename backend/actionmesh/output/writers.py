"""Writers for results; the ending of the name decides the format.

.safetensors   all arrays and the provenance, the project's own format
.npz           the same for NumPy, without pickle
.glb           animated, morph targets; see `gltf`
.png, .mp4     the result next to the input frames; see `preview`
a folder       frame_0000.glb, frame_0001.glb, ...: each pose as a separate mesh file, with UVs and materials

For a mesh that was painted here, all formats include its UVs and its picture.
"""

import json
import os
import re
import stat
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from ..animation import Animation
from ..errors import InputError, OutputError
from ..files.atomic import try_place, write_atomically
from ..files.places import fault_of_name
from ..media.frame_file import Frames
from ..media.subject_crops import SubjectCrops
from ..protocol import ResultFormat
from .gltf import pose_files, write_animated_glb
from .preview import write_contact_sheet, write_film

POSE_FILE = "frame_{:04d}.glb"
POSE_PATTERN = re.compile(r"frame_\d{4,}\.glb")
Writer = Callable[[Animation, Path, Path | None, Frames | None, SubjectCrops | None], None]


def save_animation(
    animation: Animation,
    path: str | Path,
    source_mesh: Path | None = None,
    clip_frames: Frames | None = None,
    crops: SubjectCrops | None = None,
    quantise: float | None = None,
) -> None:
    """Write a result in the format that the ending of `path` gives; no ending, or a `/` at the end, means a folder.

    An existing result at `path` is replaced only when the new one is complete.

    Args:
        source_mesh: the mesh that was animated, for its UVs, materials and hierarchy; None for one that the model made.
        clip_frames: (T, H, W, 4) uint8, the chosen frames with straight alpha, for previews.
        crops: the frames' subject at the clip's own resolution, for the outline in previews.
        quantise: for a .glb, see `write_animated_glb`.
    Raises:
        InputError: the format does not exist, or the name is not valid.
        OutputError: the file cannot be written there.
    """
    _check_kind(path)
    writer = _writer(path)
    if writer is _write_glb:
        writer = partial(_write_glb, quantise=quantise)
    writer(animation, Path(path), source_mesh, clip_frames, crops)


def check_output(path: str | Path) -> None:
    """Check, before any work is done, that a result can be saved at `path`: write a file there and remove it again.

    Raises:
        InputError: the format does not exist, or the name is not valid.
        OutputError: the place is not writable, or contains something else that would be lost.
    """
    _check_kind(path)
    try_place(Path(path))


def _check_kind(path: str | Path) -> None:
    """Check a result's name, and that it would not replace anything but a result."""
    if fault := fault_of_name(str(path)):
        raise InputError(f"The result's name {str(path)!r:.200} {fault}.", "Choose another name.")
    writer, target = _writer(path), Path(path)
    try:
        kind = os.stat(target).st_mode
    except (FileNotFoundError, NotADirectoryError):  # `try_place` checks the place before any work
        return
    except OSError as error:
        raise OutputError(
            f"{path} could not be written ({error.strerror}).", "Choose another name or folder."
        ) from error
    if stat.S_ISDIR(kind):
        if writer is not _write_poses:
            raise OutputError(f"{path} is a folder.", "Choose another file name.")
        _check_folder(target)
    elif not stat.S_ISREG(kind):
        raise OutputError(f"{path} is a pipe or a device, not a file.", "Choose another name.")
    elif writer is _write_poses:
        raise OutputError(f"{path} is a file.", "Choose another folder name, or an ending such as .glb.")


def _writer(path: str | Path) -> Writer:
    ending = Path(path).suffix.lower()
    if not ending or str(path).endswith(("/", os.sep)):
        return _write_poses
    if ending not in WRITERS:
        raise InputError(
            f"{path} ends in {ending}, which is not a format for results.", f"Use {', '.join(WRITERS)}, or a folder."
        )
    return WRITERS[ending]


def _check_folder(folder: Path) -> None:
    others = sorted(entry.name for entry in folder.iterdir() if not POSE_PATTERN.fullmatch(entry.name))
    if others:
        raise OutputError(
            f"The folder {folder} contains other files, such as {others[0]}.", "Choose a new or an empty folder."
        )


def _write_safetensors(animation: Animation, path: Path, *_: object) -> None:
    animation.save(path)


def _write_npz(animation: Animation, path: Path, *_: object) -> None:
    arrays: dict = {
        **animation.arrays(),
        "reference_frame": np.int64(animation.reference_frame),
        "provenance": np.str_(json.dumps(asdict(animation.saved_provenance))),
    }

    def write(part: Path) -> None:
        with part.open("wb") as file:  # given a path, savez would append .npz to .NPZ
            np.savez(file, **arrays)

    write_atomically(path, write)


def _write_glb(
    animation: Animation, path: Path, source_mesh: Path | None, *_: object, quantise: float | None = None
) -> None:
    write_animated_glb(animation, path, source_mesh, quantise)


def _write_poses(animation: Animation, path: Path, source_mesh: Path | None, *_: object) -> None:
    def write(folder: Path) -> None:
        folder.mkdir()
        for index, data in enumerate(pose_files(animation, source_mesh)):
            (folder / POSE_FILE.format(index)).write_bytes(data)

    write_atomically(path, write)


WRITERS: dict[str, Writer] = {
    ResultFormat.ARRAYS: _write_safetensors,
    ResultFormat.ANIMATED_MESH: _write_glb,
    ResultFormat.NUMPY_ARRAYS: _write_npz,
    ResultFormat.CONTACT_SHEET: write_contact_sheet,
    ResultFormat.FILM: write_film,
}
