"""From a mesh that moves to a rig, by the number of bones or by the greatest error."""

import math

import numpy as np

from ..errors import InputError
from ..progress import Progress
from ..protocol import Stage
from .decomposition import ITERATIONS, Skinning, decompose, require_library
from .rig import Rig
from .skeleton import skeleton_of

FIRST_TRY = 4
FALL = 0.6
"""The error falls about as the number of bones to this power."""
LEAST_GROWTH, MOST_GROWTH = 1.25, 3.0
"""From one attempt to the next, the number of bones grows by a factor between these."""


def make_rig(
    rest: np.ndarray,
    faces: np.ndarray,
    poses: np.ndarray,
    bones: int,
    error: float | None = None,
    progress: Progress | None = None,
) -> Rig:
    """Return a rig whose bones move the mesh as the poses do. The same arguments give the same rig.

    Args:
        rest: (V, 3), in axes in which the subject faces +Z and +Y is up; faces: (F, 3); poses: (T, V, 3).
        bones: how many; with `error`, the most.
        error: the greatest error, as a share of the size (see `Rig.rms`): the number of bones is raised until it is
            met, there are as many as allowed, or the motion has no more parts.
    Raises:
        InputError: the library is missing, there are fewer than two poses, or the mesh cannot be rigged.
    """
    require_library()
    _check(rest, faces, poses)
    progress = progress or Progress()
    rest, poses = rest.astype(np.float64), poses.astype(np.float64)
    if error is None:
        return _attempt(rest, faces, poses, bones, progress)
    count, before = min(FIRST_TRY, bones), 0
    while True:
        rig = _attempt(rest, faces, poses, count, progress)
        if rig.rms <= error or count == bones or len(rig.names) <= before:
            return rig
        count, before = min(_more(count, rig.rms / error), bones), len(rig.names)


def _check(rest: np.ndarray, faces: np.ndarray, poses: np.ndarray) -> None:
    if len(poses) < 2:
        raise InputError(f"The animation has {len(poses)} pose.", "Bones need a motion of at least 2.")
    if not (np.isfinite(rest).all() and np.isfinite(poses).all()):
        raise InputError("The vertices of the animation are not all finite numbers.", "Make the animation again.")
    if not len(faces):
        raise InputError("The animation has no faces, so no bones can be found.", "Use a mesh with a surface.")


def _more(count: int, excess: float) -> int:
    """Return how many bones to try next if the error with `count` is `excess` times what is allowed."""
    growth = min(max(excess ** (1 / FALL), LEAST_GROWTH), MOST_GROWTH)
    return max(count + 1, math.ceil(count * growth))


def _attempt(rest: np.ndarray, faces: np.ndarray, poses: np.ndarray, bones: int, progress: Progress) -> Rig:
    advance = progress.measure(Stage.RIGGING, ITERATIONS, item=str(bones))
    return rig_of(decompose(rest, faces, poses, bones, advance, progress.check), rest, faces, poses)


def rig_of(skinning: Skinning, rest: np.ndarray, faces: np.ndarray, poses: np.ndarray) -> Rig:
    """Return the rig of a skinning: its bones in a hierarchy, and its error on the poses (T, V, 3)."""
    skeleton = skeleton_of(skinning, rest, faces)
    number = np.argsort(skeleton.order).astype(np.int32)
    size = float(np.linalg.norm(np.ptp(rest[np.unique(faces)], axis=0))) or 1.0
    apart = np.linalg.norm(skinning.poses(rest) - poses, axis=2) / size
    return Rig(
        names=skeleton.names,
        parents=skeleton.parents,
        heads=skeleton.heads,
        tails=skeleton.tails,
        influences=np.where(skinning.weights > 0, number[skinning.influences], 0).astype(np.int32),
        weights=skinning.weights,
        deforms=skinning.deforms[:, skeleton.order],
        rms=float(np.sqrt((apart**2).mean())),
        worst=float(apart.max()),
    )
