"""Half-precision copies of a checkpoint: half the size on disk, read back and compared before they are used.

Whatever the published pipeline computes in float32 stays float32 (see `precision.types_of`), as does any tensor with a
number that float16 cannot hold. The copy is a separate checkpoint and shares unchanged files with the first one.
"""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from ..errors import OutputError
from ..intake import regular_file
from ..models.temporal_autoencoder import TemporalAutoencoderConfig
from ..progress import Progress
from ..protocol import Stage
from .checkpoints import Checkpoint
from .download_record import DownloadRecord, RecordedFile, read_record
from .fetch import digest, unwritable
from .load import readable
from .parts import PARTS
from .precision import FLOAT32, TypeOf, types_of
from .public import Download
from .tensor_file import DTYPES

ROUNDING = 2.0**-11
"""Largest relative error of a normal float16 number; SMALLEST is the step between subnormal ones."""
SMALLEST = 2.0**-24
NAMES = {dtype: name for name, dtype in DTYPES.items()}


def half_types(checkpoint: Checkpoint) -> dict[Path, TypeOf]:
    """Return, for each file of weights, the type of its copy's tensors by the name of a tensor in the file."""
    sizes = TemporalAutoencoderConfig.load(checkpoint.temporal_autoencoder / "config.json")

    def named(name: str) -> TypeOf:
        part, type_of = PARTS[name], types_of(name, torch.float16, sizes)
        return lambda tensor: type_of(part.rename(tensor))

    return {getattr(checkpoint, name) / part.weights: named(name) for name, part in PARTS.items()}


def copy_halved(download: Download, folder: Path, target: Path, types: dict[Path, TypeOf], progress: Progress) -> None:
    """Copy a download from `folder` to `target`, its weights in half precision; existing files are kept.

    Raises:
        OutputError: the disk is full, or a copy does not read back as written.
        CheckpointError: a file of weights is damaged.
    """
    record = read_record(folder) or DownloadRecord.begun(download, "unknown")
    made = read_record(target)
    files = dict(made.files) if made is not None and made.revision == record.revision else {}
    halved = DownloadRecord(
        record.hub_id, record.revision, record.licence, record.licence_link, record.accepted, files, True
    )
    try:
        for file in (file for file in download.files if (folder / file.path).is_file()):
            if file.path in files and (target / file.path).is_file():
                continue
            _copy_one(folder / file.path, target / file.path, types, progress)
            found = digest(target / file.path, progress)
            files[file.path] = RecordedFile(found.bytes, found.sha256, verified=True)
            halved.save(target)
    except OSError as error:
        raise unwritable(target, error) from error


def _copy_one(source: Path, target: Path, types: dict[Path, TypeOf], progress: Progress) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    part.unlink(missing_ok=True)
    try:
        chosen = _chosen(source, types[source]) if source in types else {}
        if torch.float16 in chosen.values():
            _write(source, part, chosen, progress)
            _compare(source, part, chosen)
        else:
            _share(source, part)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def _share(source: Path, part: Path) -> None:
    """Link the file under a second name if the disk can, else copy it; either can be removed without the other."""
    try:
        os.link(source, part)
    except OSError:
        shutil.copyfile(source, part)


def _chosen(source: Path, type_of: TypeOf) -> dict[str, torch.dtype]:
    """Return the type of each tensor in the copy."""
    return {name: _type(tensor, type_of(name)) for name, tensor in _tensors(source)}


def _type(tensor: Tensor, wanted: torch.dtype) -> torch.dtype:
    if tensor.dtype != FLOAT32 or wanted == FLOAT32:
        return tensor.dtype
    return torch.float16 if bool(torch.isfinite(tensor.to(torch.float16)).all()) else FLOAT32


def _tensors(path: Path) -> Iterator[tuple[str, Tensor]]:
    with readable(path), safe_open(str(regular_file(path)), framework="pt") as file:
        for name in sorted(file.keys()):
            yield name, file.get_tensor(name)


def _write(source: Path, part: Path, chosen: dict[str, torch.dtype], progress: Progress) -> None:
    """Write a safetensors file (the header's length, the header, the tensors), one tensor in memory at a time."""
    header, end = {}, 0
    for name, tensor in _tensors(source):
        start, end = end, end + tensor.numel() * chosen[name].itemsize
        header[name] = {"dtype": NAMES[chosen[name]], "shape": list(tensor.shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    advance = progress.measure(Stage.HALVING, end, item=source.parent.name)
    with part.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, tensor in _tensors(source):
            flat = tensor.to(chosen[name]).contiguous().reshape(-1)
            advance(file.write(flat.view(torch.uint8).numpy().tobytes()))


def _compare(source: Path, part: Path, chosen: dict[str, torch.dtype]) -> None:
    """Read the copy back and check that every number is its original, rounded."""
    for (name, original), (other, copy) in zip(_tensors(source), _tensors(part), strict=True):
        same = name == other and copy.dtype == chosen[name] and copy.shape == original.shape
        if same and copy.dtype == original.dtype:
            same = torch.equal(copy, original)
        elif same:
            error = (copy.to(FLOAT32) - original).abs()
            same = bool((error <= original.abs() * ROUNDING + SMALLEST).all())
        if not same:
            raise OutputError(f"The half-precision copy of {name} in {source} differs from the original.", "Try again.")
