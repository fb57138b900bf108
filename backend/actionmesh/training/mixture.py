"""Train on several sources at once, each with a share, and with every sequence mirrored or played backwards too.

A mixture is a JSON file next to its folders:

    {"sources": [{"folder": "toys", "share": 0.5, "mirrored": false},
                 {"folder": "characters/humanoid", "share": 0.5, "backwards": true, "variants": 8}],
     "unseen": ["validation"]}

Shares need not sum to 1. Sources are mirrored unless "mirrored" is false, and half of the windows of a source with
"backwards" are played backwards. Tracked files with "variants" above 1 are
drawn with other proportions and colours too, with the strengths "stretch", "hue", "saturation" and "brightness" (see
`variation.Variation`). Training does not start if a source has a rig that is in a folder of "unseen".
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor

from ..errors import InputError
from ..models.image_preprocessing import ImagePreprocessing
from ..track_file import read_tracks
from .batches import ShownFrames, Windows
from .losses import Surfaces
from .patches import Patches
from .rigs import require_unseen
from .variation import Variation

if TYPE_CHECKING:
    from .sources import Source

Record = TypeVar("Record", Windows, Surfaces, Patches)
ACROSS = torch.tensor([-1.0, 1.0, 1.0])
"""Factors that mirror a point or a normal."""
PATCH_ACROSS = torch.cat([ACROSS, ACROSS, ACROSS, torch.tensor([-1.0, 1.0])])
"""Factors that mirror a patch's channels: position, normal, position in the first frame, offset in the patch."""


@dataclass(frozen=True)
class Chosen:
    """Rows and frames of some windows; a `ShownFrames`."""

    rows: Tensor
    frame_times: Tensor


@dataclass(frozen=True)
class Doubled:
    """A source of n sequences, each also shown in a second way: row n + i is row i in that way."""

    source: "Source"

    def __len__(self) -> int:
        return 2 * len(self.source)

    def rows(self, batch: int, generator: torch.Generator) -> Tensor:
        rows = self.source.rows(batch, generator)
        return rows + (torch.rand(batch, generator=generator) < 0.5) * len(self.source)

    def frames_of(self, row: int) -> int:
        return self.source.frames_of(row % len(self.source))

    def _asked(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the source's rows, and whether they are shown in the second way."""
        return rows % len(self.source), rows >= len(self.source)


class Mirrored(Doubled):
    """A source whose sequences are also mirrored left to right."""

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


class Backwards(Doubled):
    """A source whose sequences are also played from their last frame to their first.

    A network that has only seen waves that travel one way guesses the way instead of looking.
    """

    def windows(self, batch: int, frames: int, points: int, tokens: int, generator: torch.Generator) -> Windows:
        drawn = self.source.windows(batch, frames, points, tokens, generator)
        turned = torch.rand(batch, generator=generator) < 0.5
        rows = drawn.rows + turned * len(self.source)
        return replace(
            drawn,
            tracks=_where(turned, _from_the_end, drawn.tracks),
            vertices=_where(turned, _from_the_end, drawn.vertices),
            pictures=_where(turned, _from_the_end, drawn.pictures) if len(drawn.pictures) else drawn.pictures,
            frame_times=_where(turned, _from_the_end, self._there(Chosen(rows, drawn.frame_times)).frame_times),
            rows=rows,
        )

    def patches_of(self, batch: ShownFrames, grid: int) -> Patches:
        return self.source.patches_of(self._there(batch), grid)

    def pictures_of(self, batch: ShownFrames) -> Tensor:
        return self.source.pictures_of(self._there(batch))

    def sequence(self, row: int, points: int, generator: torch.Generator) -> Tensor:
        original = self.source.sequence(row % len(self.source), points, generator)
        return original.flip(0) if row >= len(self.source) else original

    def shapes(self, batch: int, points: int, tokens: int, query_count: int, generator: torch.Generator) -> Surfaces:
        return self.source.shapes(batch, points, tokens, query_count, generator)

    def _there(self, batch: ShownFrames) -> Chosen:
        """Return the rows and frames of the source that a batch shows, in the batch's order."""
        rows, turned = self._asked(batch.rows)
        last = torch.tensor([self.source.frames_of(row) - 1 for row in rows.tolist()])[:, None]
        return Chosen(rows, _where(turned, lambda times: last - times, batch.frame_times))


@dataclass(frozen=True)
class Mixture:
    """Several sources: each row of a batch comes from one of them, with probabilities in proportion to the shares.

    Args:
        shares: (k) shares of the sources, above 0.
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
        pictures, places = zip(
            *((source.pictures_of(some), at) for source, some, at in self._by_source(batch)), strict=True
        )
        return torch.cat(pictures)[torch.cat(places).argsort()]

    def sequence(self, row: int, points: int, generator: torch.Generator) -> Tensor:
        for source in self.sources:
            if row < len(source):
                return source.sequence(row, points, generator)
            row -= len(source)
        raise IndexError(row)

    def frames_of(self, row: int) -> int:
        for source in self.sources:
            if row < len(source):
                return source.frames_of(row)
            row -= len(source)
        raise IndexError(row)

    def _drawn(self, batch: int, generator: torch.Generator, draw: Callable[["Source", int, int], Record]) -> Record:
        """Draw a batch from the sources by their shares; `draw` gets a source, its first row and the number to draw."""
        return _in_place([(draw(source, first, len(at)), at) for source, first, at in self._chosen(batch, generator)])

    def _chosen(self, batch: int, generator: torch.Generator) -> Iterator[tuple["Source", int, Tensor]]:
        """Draw the sources of a batch by their shares; yield each with its first row and its places in the batch."""
        chosen, first = torch.multinomial(self.shares, batch, replacement=True, generator=generator), 0
        for number, source in enumerate(self.sources):
            at = (chosen == number).nonzero()[:, 0]
            if len(at):
                yield source, first, at
            first += len(source)

    def _by_source(self, batch: ShownFrames) -> list[tuple["Source", Chosen, Tensor]]:
        """Return each source with its windows of a batch, and their places in the batch."""
        found, first = [], 0
        for source in self.sources:
            at = ((batch.rows >= first) & (batch.rows < first + len(source))).nonzero()[:, 0]
            if len(at):
                found.append((source, Chosen(batch.rows[at] - first, batch.frame_times[at]), at))
            first += len(source)
        return found


def open_mixture(path: Path, pictures: bool, preprocessing: ImagePreprocessing) -> Mixture:
    """Open the sources that a JSON file names; their folders are relative to it.

    Raises:
        InputError: the file is not a mixture, a folder cannot be used, or a source has a rig that must stay unseen.
    """
    from .sources import open_source
    from .tracked import is_tracked

    told = _read(path)
    folders = [path.parent / one["folder"] for one in told["sources"]]
    if told["unseen"]:
        tracked = [track for folder in folders if is_tracked(folder) for track in read_tracks(folder)]
        for name in told["unseen"]:
            require_unseen(tracked, read_tracks(path.parent / name))
    opened = [
        open_source(folder, pictures, preprocessing, variation)
        for folder, variation in zip(folders, told["variations"], strict=True)
    ]
    sources = []
    for source, one in zip(opened, told["sources"], strict=True):
        if one.get("mirrored", True):
            source = Mirrored(source)
        sources.append(Backwards(source) if one.get("backwards", False) else source)
    return Mixture(tuple(sources), torch.tensor([float(one["share"]) for one in told["sources"]]))


def _read(path: Path) -> dict[str, Any]:
    """Read and check the file's sources and the folders that must stay unseen."""
    cure = "See `training/mixture.py` for the format of a mixture."
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}.", cure) from error
    sources, unseen = (told.get(key, []) if isinstance(told, dict) else [] for key in ("sources", "unseen"))
    if not sources or not all(isinstance(one, dict) and isinstance(one.get("folder"), str) for one in sources):
        raise InputError(f"{path} names no sources.", cure)
    if not all(isinstance(one.get("share"), int | float) and one["share"] > 0 for one in sources):
        raise InputError(f"{path} has a source without a share above 0.", cure)
    try:
        names = [each.name for each in fields(Variation)]
        variations = [Variation(**{name: one[name] for name in names if name in one}) for one in sources]
    except ValueError as error:
        raise InputError(f"{path} has a source with {error}.", cure) from error
    return {"sources": sources, "variations": variations, "unseen": unseen}


def mirrored_points(points: Tensor) -> Tensor:
    """Mirror points (..., 3), or points with their normals (..., 6), left to right."""
    return points * ACROSS.repeat(points.shape[-1] // 3)


def mirrored_pictures(pictures: Tensor) -> Tensor:
    """Mirror pictures (..., h, w) left to right."""
    return pictures.flip(-1)


def _from_the_end(windows: Tensor) -> Tensor:
    """Reverse the order of the frames of windows (B, T, ...)."""
    return windows.flip(1)


def _where(chosen: Tensor, change: Callable[[Tensor], Tensor], values: Tensor) -> Tensor:
    """Return values (B, ...) with the chosen rows (B) changed."""
    return torch.where(chosen.view(-1, *[1] * (values.ndim - 1)), change(values), values)


def _in_place(parts: Sequence[tuple[Record, Tensor]]) -> Record:
    """Join records into one, with their rows at the places given with them."""
    records, places = zip(*parts, strict=True)
    order = torch.cat(places).argsort()
    joined = {field.name: torch.cat([getattr(one, field.name) for one in records]) for field in fields(records[0])}
    return replace(records[0], **{name: tensor[order] if len(tensor) else tensor for name, tensor in joined.items()})
