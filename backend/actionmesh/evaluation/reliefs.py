"""The row of relief: a clip's outline, inflated and tracked without a network, as by `--shape relief`."""

import numpy as np

from ..animation import Provenance
from ..media.clip import Clip
from ..relief.shape import MAX_FACES
from ..relief_animation import relief_animation
from .matches import crops_of_subject
from .subjects import QUIET, Subject
from .variants import Answer, Task

RELIEF = "relief"
NOWHERE = Provenance(clip="", mesh=None, seed=0, preset="", checkpoint="", version="")


def relief(subject: Subject, task: Task) -> Answer:
    """Return the relief of a subject's clip, inflated from the frame that shows the limbs best."""
    frames = np.arange(len(subject.frames))
    crops, name = crops_of_subject(subject), subject.toy.template
    clip = Clip(subject.frames, frames.astype(np.float64), frames, True, name, crops=crops)
    animation = relief_animation(clip, None, frames.astype(float).tolist(), MAX_FACES, NOWHERE, (), QUIET)
    return Answer(animation.vertices, animation.faces)
