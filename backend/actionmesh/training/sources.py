"""Open training data through one interface: toys, tracked files, or a mixture of several folders."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from ..errors import InputError
from ..models.image_preprocessing import ImagePreprocessing
from ..sizes import PICTURE, TOY_PICTURES
from . import batches
from .batches import ShownFrames, Windows
from .data import ToyData
from .losses import Surfaces
from .mixture import open_mixture
from .patches import Patches
from .tracked import TrackedData, is_tracked
from .variation import AS_THEY_ARE, Variation


class Source(Protocol):
    """Sequences to draw from; see `batches` for the arguments."""

    def __len__(self) -> int: ...

    def rows(self, batch: int, generator: torch.Generator) -> Tensor:
        """Draw sequences (B) the way `windows` does."""
        ...

    def windows(self, batch: int, frames: int, points: int, tokens: int, generator: torch.Generator) -> Windows: ...

    def patches_of(self, batch: ShownFrames, grid: int) -> Patches: ...

    def pictures_of(self, batch: ShownFrames) -> Tensor: ...

    def sequence(self, row: int, points: int, generator: torch.Generator) -> Tensor: ...

    def shapes(
        self, batch: int, points: int, tokens: int, query_count: int, generator: torch.Generator
    ) -> Surfaces: ...

    def frames_of(self, row: int) -> int:
        """Return the number of frames of a sequence."""
        ...


@dataclass(frozen=True)
class Toys:
    """Procedural creatures."""

    data: ToyData

    def __len__(self) -> int:
        return len(self.data)

    def rows(self, batch: int, generator: torch.Generator) -> Tensor:
        return torch.randint(len(self.data), (batch,), generator=generator)

    def windows(self, batch: int, frames: int, points: int, tokens: int, generator: torch.Generator) -> Windows:
        return batches.windows(self.data, batch, frames, points, tokens, generator)

    def patches_of(self, batch: ShownFrames, grid: int) -> Patches:
        return batches.patches_of(self.data, batch, grid)

    def pictures_of(self, batch: ShownFrames) -> Tensor:
        return batches.pictures_of(self.data, batch)

    def sequence(self, row: int, points: int, generator: torch.Generator) -> Tensor:
        return batches.sequence(self.data, row, points, generator)

    def shapes(self, batch: int, points: int, tokens: int, query_count: int, generator: torch.Generator) -> Surfaces:
        return batches.shapes(self.data, batch, points, tokens, query_count, generator)

    def frames_of(self, row: int) -> int:
        return self.data.points.shape[1]


def open_source(
    folder: Path,
    pictures: bool = True,
    preprocessing: ImagePreprocessing = TOY_PICTURES,
    variation: Variation = AS_THEY_ARE,
) -> Source:
    """Open the sequences of a folder, of either kind, or the mixture that a JSON file describes.

    Args:
        pictures: whether to read pictures too; sequences without them are left out.
        preprocessing: for the pictures of tracked files; those of toys are stored as the bundled weights see them.
        variation: how tracked files are varied; nothing else has variants.

    Raises:
        InputError: a folder of tracked files has no usable file, the pictures of toys have another size, the folder
            has no sequences or none that can be varied, or a mixture cannot be opened.
    """
    if folder.suffix != ".json" and is_tracked(folder):
        return TrackedData.load(folder, pictures, preprocessing, variation)
    if variation.variants > 1:
        raise InputError(f"{folder} has no tracked files, and only these have variants.", "Remove its `variants`.")
    if folder.suffix == ".json":
        return open_mixture(folder, pictures, preprocessing)
    if pictures and preprocessing.crop_size != TOY_PICTURES.crop_size:
        problem = (
            f"The pictures in {folder} have {PICTURE} pixels a side; these sizes need {preprocessing.crop_size[0]}."
        )
        raise InputError(problem, "Train them on tracked files.")
    try:
        return Toys(ToyData.load(folder, pictures))
    except FileNotFoundError as error:
        cure = "Make them with `python -m actionmesh.training data`, or tracked files with `blender_addon/dataset.py`."
        raise InputError(f"{folder} has no sequences{' with pictures' if pictures else ''}.", cure) from error
