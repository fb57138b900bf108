"""Several sources in one training, each with its share, and each sequence as itself or in the mirror.

A mixture is a JSON file beside its folders:

    {"sources": [{"folder": "toys", "share": 0.5, "mirrored": false}, {"folder": "characters/humanoid", "share": 0.5}],
     "unseen": ["validation"]}

Shares need not sum to 1. Sources are mirrored unless they say otherwise. A rig of a folder in "unseen" that is in a source
ends the training before it begins.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor

from ..errors import InputError
from ..media.preprocess import ImagePreprocessing
from .batches import ShownFrames, Windows
from .losses import Surfaces
from .patches import Patches
from .rigs import require_unseen
from .track_file import read_tracks

if TYPE_CHECKING:
    from .sources import Source

Record = TypeVar("Record", Windows, Surfaces, Patches)
ACROSS = torch.tensor([-1.0, 1.0, 1.0])
"""What the mirror does to a point or a normal."""
PATCH_ACROSS = torch.cat([ACROSS, ACROSS, ACROSS, torch.tensor([-1.0, 1.0])])
"""What it does to a patch's channels: place, normal, place in the first frame, offset in the patch."""


@dataclass(frozen=True)
class Chosen:
    """Rows and frames of some windows, as `ShownFrames`."""

    rows: Tensor
    frame_times: Tensor


@dataclass(frozen=True)
class Mirrored:
    """A source with every sequence also mirrored left to right: row n + i is row i in the mirror."""

    source: "Source"

    def __len__(self) -> int:
        return 2 * len(self.source)

    def rows(self, batch: int, generator: torch.Generator) -> Tensor:
        rows = self.source.rows(batch, generator)
        return rows + (torch.rand(batch, generator=generator) < 0.5) * len(self.source)

    def windows(self, batch: int, frames: int, points: int, tokens: int, generator: torch.Generator) -> Windows:
        drawn = self.source.windows(batch, frames, points, tokens, generator)
        turned = torch.rand(batch, generator=generator) < 0.5
        return replace(
            drawn,
            tracks=_where(turned, mirrored_points, drawn.tracks),
            vertices=_where(turned, mirrored_points, drawn.vertices),
            pictures=_where(turned, mirrored_pictures, drawn.pictures) if len(drawn.pictures) else drawn.pictures,
            rows=drawn.rows + turned * len(self.source),
        )

    def patches_of(self, batch: ShownFrames, grid: int) -> Patches:
        rows, turned = self._asked(batch.rows)
        shown = self.source.patches_of(Chosen(rows, batch.frame_times), grid)
        each = turned.repeat_interleave(batch.frame_times.shape[1])

        def across(values: Tensor) -> Tensor:
            return values.unflatten(1, (grid, grid)).flip(2).flatten(1, 2)

        return Patches(
            means=_where(each, lambda means: across(means) * PATCH_ACROSS, shown.means),
            counts=_where(each, across, shown.counts),
            weights=_where(each, across, shown.weights),
        )

    def pictures_of(self, batch: ShownFrames) -> Tensor:
        rows, turned = self._asked(batch.rows)
        return _where(turned, mirrored_pictures, self.source.pictures_of(Chosen(rows, batch.frame_times)))

    def sequence(self, row: int, points: int, generator: torch.Generator) -> Tensor:
        original = self.source.sequence(row % len(self.source), points, generator)
        return mirrored_points(original) if row >= len(self.source) else original

    def shapes(self, batch: int, points: int, tokens: int, query_count: int, generator: torch.Generator) -> Surfaces:
        drawn = self.source.shapes(batch, points, tokens, query_count, generator)
        turned = torch.rand(batch, generator=generator) < 0.5
        surface, asked = (_where(turned, mirrored_points, values) for values in (drawn.surface, drawn.points))
        return replace(drawn, surface=surface, points=asked)

    def _asked(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return rows % len(self.source), rows >= len(self.source)


@dataclass(frozen=True)
class Mixture:
    """Some sources: a row of a batch is drawn from each with the probability of its share.

    Args:
        shares: (k) of the sources, above 0.
    """

    sources: tuple["Source", ...]
    shares: Tensor

    def __len__(self) -> int:
        return sum(map(len, self.sources))

    def rows(self, batch: int, generator: torch.Generator) -> Tensor:
        rows = torch.empty(batch, dtype=torch.long)
        for source, first, at in self._chosen(batch, generator):
            rows[at] = source.rows(len(at), generator) + first
        return rows

    def windows(self, batch: int, frames: int, points: int, tokens: int, generator: torch.Generator) -> Windows:
        def draw(source: "Source", first: int, count: int) -> Windows:
            drawn = source.windows(count, frames, points, tokens, generator)
            return replace(drawn, rows=drawn.rows + first)

        return self._drawn(batch, generator, draw)

    def shapes(self, batch: int, points: int, tokens: int, query_count: int, generator: torch.Generator) -> Surfaces:
        def draw(source: "Source", first: int, count: int) -> Surfaces:
            return source.shapes(count, points, tokens, query_count, generator)

        return self._drawn(batch, generator, draw)

    def patches_of(self, batch: ShownFrames, grid: int) -> Patches:
        frames = batch.frame_times.shape[1]
        asked = [(source.patches_of(some, grid).by_window(frames), at) for source, some, at in self._by_source(batch)]
        windows = _in_place(asked)
        return Patches(**{field.name: getattr(windows, field.name).flatten(0, 1) for field in fields(windows)})

    def pictures_of(self, batch: ShownFrames) -> Tensor:
        pictures, places = zip(*((source.pictures_of(some), at) for source, some, at in self._by_source(batch)), strict=True)
        return torch.cat(pictures)[torch.cat(places).argsort()]

    def sequence(self, row: int, points: int, generator: torch.Generator) -> Tensor:
        for source in self.sources:
            if row < len(source):
                return source.sequence(row, points, generator)
            row -= len(source)
        raise IndexError(row)

    def _drawn(self, batch: int, generator: torch.Generator, draw: Callable[["Source", int, int], Record]) -> Record:
        """A batch whose rows are of the sources by their shares; `draw` gets a source, its first row and how many to draw."""
        return _in_place([(draw(source, first, len(at)), at) for source, first, at in self._chosen(batch, generator)])

    def _chosen(self, batch: int, generator: torch.Generator) -> Iterator[tuple["Source", int, Tensor]]:
        """The sources of a batch by their shares: each with its first row, and the places in the batch that it fills."""
        chosen, first = torch.multinomial(self.shares, batch, replacement=True, generator=generator), 0
        for number, source in enumerate(self.sources):
            at = (chosen == number).nonzero()[:, 0]
            if len(at):
                yield source, first, at
            first += len(source)

    def _by_source(self, batch: ShownFrames) -> list[tuple["Source", Chosen, Tensor]]:
        """Each source with its windows of a batch, and where in the batch they are."""
        found, first = [], 0
        for source in self.sources:
            at = ((batch.rows >= first) & (batch.rows < first + len(source))).nonzero()[:, 0]
            if len(at):
                found.append((source, Chosen(batch.rows[at] - first, batch.frame_times[at]), at))
            first += len(source)
        return found


def open_mixture(path: Path, pictures: bool, preprocessing: ImagePreprocessing) -> Mixture:
    """The sources that a JSON file names, in folders relative to it.

    Raises:
        InputError: the file is no mixture, a folder cannot be used, or a rig that is to stay unseen is in one.
    """
    from .sources import open_source
    from .tracked import is_tracked

    told = _read(path)
    folders = [path.parent / one["folder"] for one in told["sources"]]
    if told["unseen"]:
        tracked = [track for folder in folders if is_tracked(folder) for track in read_tracks(folder)]
        for name in told["unseen"]:
            require_unseen(tracked, read_tracks(path.parent / name))
    opened = [open_source(folder, pictures, preprocessing) for folder in folders]
    mirror = [bool(one.get("mirrored", True)) for one in told["sources"]]
    sources = tuple(Mirrored(source) if also else source for source, also in zip(opened, mirror, strict=True))
    return Mixture(sources, torch.tensor([float(one["share"]) for one in told["sources"]]))


def _read(path: Path) -> dict[str, Any]:
    """The file's sources and the folders that must stay unseen, checked."""
    cure = "`training/mixture.py` shows how a mixture is written."
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}.", cure) from error
    sources, unseen = (told.get(key, []) if isinstance(told, dict) else [] for key in ("sources", "unseen"))
    if not sources or not all(isinstance(one, dict) and isinstance(one.get("folder"), str) for one in sources):
        raise InputError(f"{path} names no sources.", cure)
    if not all(isinstance(one.get("share"), int | float) and one["share"] > 0 for one in sources):
        raise InputError(f"{path} has a source without a share above 0.", cure)
    return {"sources": sources, "unseen": unseen}


def mirrored_points(points: Tensor) -> Tensor:
    """Points (..., 3), or points with their normals (..., 6), mirrored left to right."""
    return points * ACROSS.repeat(points.shape[-1] // 3)


def mirrored_pictures(pictures: Tensor) -> Tensor:
    """Pictures (..., h, w) mirrored left to right."""
    return pictures.flip(-1)


def _where(chosen: Tensor, change: Callable[[Tensor], Tensor], values: Tensor) -> Tensor:
    """Values (B, ...) with the chosen rows (B) changed."""
    return torch.where(chosen.view(-1, *[1] * (values.ndim - 1)), change(values), values)


def _in_place(parts: Sequence[tuple[Record, Tensor]]) -> Record:
    """One record of records of some rows each, whose rows come to the places that are given with them."""
    records, places = zip(*parts, strict=True)
    order = torch.cat(places).argsort()
    joined = {field.name: torch.cat([getattr(one, field.name) for one in records]) for field in fields(records[0])}
    return replace(records[0], **{name: tensor[order] if len(tensor) else tensor for name, tensor in joined.items()})
