"""Say how the pictures of tracked sequences were taken, once they are varied and cropped as the networks see them."""

import torch
from torch import Tensor

from ..media.preprocess import PaddedBox
from ..media.subject_crops import Box
from ..models.image_preprocessing import ImagePreprocessing
from ..track_file import Track
from .patches import Views
from .variation import Variant


def views_of(
    tracks: tuple[Track, ...],
    cameras: tuple[int, ...],
    variants: tuple[Variant | None, ...],
    preprocessing: ImagePreprocessing,
) -> Views:
    """Return how each sequence's pictures were taken, with the square of the camera's plane that the crop shows."""
    each = list(zip(tracks, cameras, variants, strict=True))
    squares = [square_in_plane(*one, preprocessing) for one in each]
    depths = torch.tensor([1.0 if variant is None else float(variant.factors[2]) for variant in variants])
    return Views(
        axes=torch.stack([track.cameras["axes"][camera] for track, camera, _ in each]),
        distances=torch.stack([track.cameras["distances"][camera] for track, camera, _ in each]) * depths,
        centres=torch.stack([centre for centre, _ in squares]),
        sides=torch.stack([side for _, side in squares]),
    )


def square_in_plane(
    track: Track, camera: int, variant: Variant | None, preprocessing: ImagePreprocessing
) -> tuple[Tensor, Tensor]:
    """Return centre (2), right and down, and side of the cropped pictures in the camera's plane through the origin."""
    window, crop = track.cameras["windows"][camera], Box(*track.cameras["crops"][camera].tolist())
    pixel = 2 * window[2] / track.size
    middle = torch.tensor([crop.left + crop.width / 2, crop.top + crop.height / 2]) - track.size / 2
    centre, size = window[:2] + pixel * middle, (crop.height, crop.width)
    if variant is not None:
        centre, size = centre * variant.factors[:2], variant.size
    shorter = min(PaddedBox(Box(0, 0, *size)).shape)
    return centre, pixel * shorter * preprocessing.crop_size[0] / preprocessing.shortest_edge
