"""Answers without a network: the relief of a clip's outline, and the training toy whose picture is nearest."""

from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from ..animation import Provenance
from ..geometry.surface import sample_surface
from ..media.clip import Clip
from ..relief.shape import MAX_FACES
from ..relief_animation import relief_animation
from ..toys import make_sequence
from ..toys.rendering import render_toy, small_pictures
from .matches import crops_of_subject
from .measures import chamfer_distance
from .subjects import POINTS, QUERIES, QUIET, Subject
from .variants import Answer, Task

RELIEF = "relief"
NOWHERE = Provenance(clip="", mesh=None, seed=0, preset="", checkpoint="", version="")
FIRST_TRAINING_SEED = 1_000_000


def relief(subject: Subject, task: Task) -> Answer:
    """Return the relief of a subject's clip, inflated from the frame that shows the limbs best and tracked."""
    frames = np.arange(len(subject.frames))
    crops, name = crops_of_subject(subject), subject.toy.template
    clip = Clip(subject.frames, frames.astype(np.float64), frames, True, name, crops=crops)
    animation = relief_animation(clip, None, frames.astype(float).tolist(), MAX_FACES, NOWHERE, (), QUIET)
    return Answer(animation.vertices, animation.faces)


@dataclass(frozen=True)
class Library:
    """First frames of training toys with the seeds FIRST_TRAINING_SEED, ...: pictures (M, h, w, 3) uint8."""

    pictures: np.ndarray

    @classmethod
    def of(cls, count: int) -> "Library":
        """Render the first frames of `count` training toys."""
        seeds = tqdm(range(FIRST_TRAINING_SEED, FIRST_TRAINING_SEED + count), "training pictures", disable=None)
        return cls(np.stack([small_pictures(render_toy(make_sequence(seed, frames=1)))[0] for seed in seeds]))

    def nearest(self, picture: np.ndarray) -> int:
        """Return the seed of the toy whose picture has the least squared difference to `picture` (h, w, 3) uint8."""
        difference = (self.pictures.astype(np.int32) - picture.astype(np.int32)) ** 2
        return FIRST_TRAINING_SEED + int(difference.reshape(len(self.pictures), -1).sum(axis=1).argmin())

    def chamfer(self, picture: np.ndarray, truth: np.ndarray) -> float:
        """Return the Chamfer distance of the nearest toy's first frame to the true points (P, 3), without alignment."""
        toy = make_sequence(self.nearest(picture), frames=1)
        return chamfer_distance(sample_surface(toy.vertices[0], toy.faces, POINTS, 0).points, truth, QUERIES)
