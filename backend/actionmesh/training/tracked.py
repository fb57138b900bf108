"""A data set of tracked sequences, which `blender_addon/dataset.py` makes from animated files.

Headers, cameras and prepared pictures stay in memory; everything else is read from the files for each window. A rig is
drawn first, then one of its sequences, so that characters that share a rig and its motions do not outnumber the rest;
last one of its variants (`variation`).
"""

from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..media.preprocess import padded_crop, pixel_values
from ..media.subject_crops import Box
from ..models.image_preprocessing import ImagePreprocessing
from ..sizes import TOY_PICTURES
from ..track_file import Track, opened, read_frames, read_tracks
from .batches import ShownFrames, Windows, choose_tokens
from .data import POINTS, VERTICES
from .losses import Surfaces
from .patches import Patches, Views, patches_shown
from .placements import Placement, placements_of
from .rigs import rig_numbers
from .tracked_views import views_of
from .variation import AS_THEY_ARE, Variant, Variation, variants_of

KEPT_PICTURES = 5e9
"""Bytes of prepared pictures kept in memory; beyond that, and of variants, they are read and prepared every time."""
WIDEST = 2.5
"""Largest half side of a camera's view, for a subject 1.5 long. In a wider view parts fly apart, so it is left out."""


@dataclass(frozen=True)
class TrackedData:
    """n sequences in V variants, each seen by one camera; a file with several cameras counts as that many sequences.

    Row k * n + i is variant k of sequence i; variant 0 is the sequence as it is. All tuples have n V entries.

    Args:
        tracks, cameras: the file of each sequence and the number of its camera; -1 if no pictures are requested.
        variants: how each sequence is varied, in its file's space; None is as it is.
        placements: the placement of each varied sequence, from its file's space to that of its camera.
        rigs: (n) numbers of the sequences' rigs.
        views: how the varied pictures were taken, in the files' spaces; None without pictures.
        preprocessing: preprocessing of the pictures, the same as at inference.
        prepared: normalised pictures (T, 3, h, w) by sequence, filled on demand.
    """

    tracks: tuple[Track, ...]
    cameras: tuple[int, ...]
    variants: tuple[Variant | None, ...]
    placements: tuple[Placement, ...]
    rigs: Tensor
    views: Views | None
    preprocessing: ImagePreprocessing
    prepared: dict[int, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.tracks)

    @classmethod
    def load(
        cls,
        folder: Path,
        pictures: bool = True,
        preprocessing: ImagePreprocessing = TOY_PICTURES,
        variation: Variation = AS_THEY_ARE,
    ) -> "TrackedData":
        """Load the headers of all sequences below a folder, without those whose parts fly apart.

        Raises:
            InputError: there are none, none with pictures although these are requested, or a file is damaged.
        """
        found = [track for track in read_tracks(folder) if not (track.cameras["windows"][:, 2] > WIDEST).any()]
        if not found:
            cure = "Make them with Blender and `blender_addon/dataset.py`."
            raise InputError(f"{folder} has no tracked sequences.", cure)
        pairs = [(track, view) for track in found for view in (range(track.views) if pictures else (-1,))]
        if not pairs:
            cure = "Make them again with `--views 1`, or train a part that needs no pictures."
            raise InputError(f"The sequences in {folder} have no pictures.", cure)
        looks = [variants_of(track, camera, variation) for track, camera in pairs]
        places = [placements_of(*pair, some) for pair, some in zip(pairs, looks, strict=True)]
        tracks, cameras = zip(*pairs * variation.variants, strict=True)
        variants, placements = (tuple(chain(*zip(*each, strict=True))) for each in (looks, places))
        views = views_of(tracks, cameras, variants, preprocessing) if pictures else None
        rigs = rig_numbers(tracks[: len(pairs)])
        return cls(tracks, cameras, variants, placements, rigs, views, preprocessing)

    def rows(self, batch: int, generator: torch.Generator) -> Tensor:
        """Draw sequences (B): first a rig, all equally likely, then one of its sequences, then a variant."""
        return self._varied(self._draw(batch, 0, 0, 0, generator), generator)

    def windows(self, batch: int, frames: int, points: int, tokens: int, generator: torch.Generator) -> Windows:
        """Draw random windows: `frames` frames of a sequence in order, rarely consecutive.

        Raises:
            InputError: no sequence has enough frames and points, or a file is damaged or gone.
        """
        rows = self._varied(self._draw(batch, frames, points, 0, generator), generator)
        canonical = torch.randint(frames, (batch,), generator=generator)
        order = torch.stack([_in_order(self.tracks[row].frames, frames, generator) for row in rows])
        parts = [
            self._read_tracks(row, some, points, generator) for row, some in zip(rows.tolist(), order, strict=True)
        ]
        tracks, vertices = (torch.stack(part) for part in zip(*parts, strict=True))
        token_indices = choose_tokens(tracks[torch.arange(batch), canonical, :, :3], tokens, generator)
        pictures = torch.empty(0)
        if self.views is not None:
            pictures = torch.stack(
                [self._read_pictures(row, some) for row, some in zip(rows.tolist(), order, strict=True)]
            )
        return Windows(
            tracks=tracks,
            vertices=vertices,
            token_indices=token_indices,
            frame_times=order.float(),
            pictures=pictures,
            rows=rows,
        )

    def patches_of(self, batch: ShownFrames, grid: int) -> Patches:
        """Return what the grid x grid patches of a batch's pictures show, window by window."""
        assert self.views is not None
        each = [
            self._read_shown(row, some.long()) for row, some in zip(batch.rows.tolist(), batch.frame_times, strict=True)
        ]
        points, normals, first = (torch.cat(part) for part in zip(*each, strict=True))
        rows = batch.rows.repeat_interleave(batch.frame_times.shape[1])
        shown = patches_shown(self.views, rows, points, normals, first, grid)
        means = torch.stack(
            [self.placements[row].of_patches(mean) for row, mean in zip(rows.tolist(), shown.means, strict=True)]
        )
        return replace(shown, means=means)

    def pictures_of(self, batch: ShownFrames) -> Tensor:
        """Return the normalised pictures (B, T, 3, h, w) of a batch's frames."""
        pairs = zip(batch.rows.tolist(), batch.frame_times, strict=True)
        return torch.stack([self._read_pictures(row, frames.long()) for row, frames in pairs])

    def sequence(self, row: int, points: int, generator: torch.Generator) -> Tensor:
        """Return random points and their normals (T, P, 6) in all frames of a sequence."""
        return self._read_tracks(row, torch.arange(self.tracks[row].frames), points, generator)[0]

    def shapes(self, batch: int, points: int, tokens: int, query_count: int, generator: torch.Generator) -> Surfaces:
        """Draw random shapes for the VAE, as they are, whose tokens are chosen on another frame of their sequence.

        Raises:
            InputError: no sequence has signed distances, or none has enough points.
        """
        rows = self._draw(batch, 1, points, query_count, generator).tolist()
        each = [self._read_shape(row, points, query_count, generator) for row in rows]
        surface, elsewhere, asked, distances = (torch.stack(part) for part in zip(*each, strict=True))
        return Surfaces(surface, choose_tokens(elsewhere, tokens, generator), asked, distances)

    def frames_of(self, row: int) -> int:
        """Return the number of frames of a sequence."""
        return self.tracks[row].frames

    def _draw(self, batch: int, frames: int, points: int, queries: int, generator: torch.Generator) -> Tensor:
        """Draw sequences (B) with enough data, as they are: first a rig, all equally likely, then a sequence of it."""
        able = torch.tensor(
            [
                track.frames >= frames and track.points >= points and track.queries >= queries
                for track in self.tracks[: len(self.rigs)]
            ]
        ).nonzero()[:, 0]
        if len(able):
            _, rig, count = self.rigs[able].unique(return_inverse=True, return_counts=True)
            return able[torch.multinomial(1.0 / count[rig], batch, replacement=True, generator=generator)]
        needed, cure = f"{frames} frames and {points} points", "Make them again with more."
        if queries:
            needed = f"{points} points and {queries} signed distances a frame, which training the shape VAE needs"
            cure = "Make them again with `--distances`, from surfaces with an inside."
        raise InputError(f"No sequence in {self.tracks[0].path.parent} has {needed}.", cure)

    def _varied(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Draw a variant of each of the rows (B); nothing is drawn if there is only one."""
        count = len(self) // len(self.rigs)
        return rows + len(self.rigs) * torch.randint(count, rows.shape, generator=generator) if count > 1 else rows

    def _read_tracks(self, row: int, frames: Tensor, points: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Read the points (T, P, 6) and vertices (T, V, 6) of a window."""
        track = self.tracks[row]
        on_surface = torch.randperm(track.points, generator=generator)[:points]
        of_mesh = torch.randperm(track.vertices, generator=generator)[torch.arange(VERTICES) % track.vertices]
        with opened(track.path) as file:
            surface = [read_frames(file, name, frames)[:, on_surface] for name in ("points", "normals")]
            mesh = [read_frames(file, name, frames)[:, of_mesh] for name in ("vertices", "vertex_normals")]
        return self._placed(row, torch.cat(surface, dim=-1)), self._placed(row, torch.cat(mesh, dim=-1))

    def _placed(self, row: int, points: Tensor) -> Tensor:
        """Vary and place points with their normals (..., 6)."""
        variant = self.variants[row]
        return self.placements[row].of_oriented(points if variant is None else variant.of_oriented(points))

    def _read_pictures(self, row: int, frames: Tensor) -> Tensor:
        """Return normalised pictures (T, 3, h, w), from memory if they are kept."""
        if len(self) > len(self.rigs):
            return self._prepare_pictures(row, frames)
        height, width = self.preprocessing.crop_size
        each = 4 * 3 * height * width * self.tracks[row].frames
        if row not in self.prepared and (len(self.prepared) + 1) * each > KEPT_PICTURES:
            return self._prepare_pictures(row, frames)
        if row not in self.prepared:
            self.prepared[row] = self._prepare_pictures(row, torch.arange(self.tracks[row].frames))
        return self.prepared[row][frames]

    def _prepare_pictures(self, row: int, frames: Tensor) -> Tensor:
        """Read pictures and normalise them as at inference: (T, 3, h, w)."""
        track, camera = self.tracks[row], self.cameras[row]
        with opened(track.path) as file:
            taken = file.get_slice("pictures")
            rgba = np.concatenate([taken[camera, int(frame) : int(frame) + 1].numpy() for frame in frames])
        rows, columns = Box(*track.cameras["crops"][camera].tolist()).slices()
        crops, variant = rgba[:, rows, columns], self.variants[row]
        varied = crops if variant is None else variant.of_crops(crops)
        return torch.from_numpy(pixel_values([padded_crop(crop) for crop in varied], self.preprocessing))

    def _read_shown(self, row: int, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Read points and normals (T, P, 3) of a window, and the points in the first frame, T times; vary them."""
        with opened(self.tracks[row].path) as file:
            points, normals = (read_frames(file, name, frames)[:, :POINTS] for name in ("points", "normals"))
            first = read_frames(file, "points", torch.zeros(1, dtype=torch.long))[:, :POINTS]
        variant = self.variants[row]
        if variant is not None:
            points, normals, first = variant.of_points(points), variant.of_normals(normals), variant.of_points(first)
        return points, normals, first.expand_as(points)

    def _read_shape(self, row: int, points: int, queries: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Read a random frame.

        Returns:
            surface (P, 6), its points in another frame (P, 3), query points (Q, 3) and their distances (Q).
        """
        track = self.tracks[row]
        frame, other = torch.randint(track.frames, (2, 1), generator=generator)
        chosen = torch.randperm(track.points, generator=generator)[:points]
        asked = torch.randperm(track.queries, generator=generator)[:queries]
        with opened(track.path) as file:
            surface = torch.cat([read_frames(file, name, frame)[0, chosen] for name in ("points", "normals")], dim=-1)
            elsewhere = read_frames(file, "points", other)[0, chosen]
            places, distances = (
                read_frames(file, name, frame)[0, asked] for name in ("query_points", "signed_distances")
            )
        placement = self.placements[row]
        return (
            placement.of_oriented(surface),
            placement.of_points(elsewhere),
            placement.of_points(places),
            placement.scale * distances,
        )


def is_tracked(folder: Path) -> bool:
    """Return whether a folder was made by `blender_addon/dataset.py`, or is inside one that was, or contains one."""
    return any((above / "dataset.json").exists() for above in folder.resolve().parents) or any(
        folder.rglob("dataset.json")
    )


def _in_order(there: int, wanted: int, generator: torch.Generator) -> Tensor:
    return torch.randperm(there, generator=generator)[:wanted].sort().values
