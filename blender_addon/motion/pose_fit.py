"""Find the pose of a rig that brings skinned vertices closest to given places.

Least squares over all free channels at once, by Levenberg-Marquardt with limits (a channel at its limit that wants to
go on is left out of a step: projected Newton, Bertsekas 1982). A bone's channels move everything below it, so both the
gradient and the normal matrix are sums over subtrees of sums over vertices; no Jacobian of the vertices is ever made.

What the vertices do not decide, such as the twist of a thin bone, stays near a given pose by a tiny weight.
"""

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from .joints import LOCATION, ROTATION, SCALE, Joints, Pose, axes_of, euler, forward, limited, with_free
from .skin import Moments

MOST, FINE = 60, 1e-6
"""Steps, and the share by which a step must still lower the error."""
FLOOR = 1e-16
"""Mean squared error, as a share of the squared size, that is exact."""
HOMESICK = np.repeat([1e-6, 1e-7, 1e-7], 3)
"""How much a change of location (per squared length), rotation (squared radian) and scale counts, in vertices that
move by the size of the mesh."""
RESTART, BETTER = 4.0, 0.5
"""A frame this many times worse than the last one is tried again from a new start, which must be better by this."""
LEAST_SCALE = 1e-3


@dataclass(frozen=True, eq=False)
class Fitted:
    """A pose that was found: `error` is the sum of squared distances that it leaves, and the weight of its change."""

    pose: Pose
    error: float


Fitting = Generator[None, None, Fitted]


class PoseFit:
    """Fits poses one after the other, each from the last one.

    Args:
        joints: the bones.
        size: of the mesh, a length.
    """

    def __init__(self, joints: Joints, size: float):
        self.joints, self.size = joints, size
        self._dofs = np.argwhere(joints.free)
        self._rests_back = np.linalg.inv(joints.rests)
        self._below = joints.below.astype(np.float64)
        self._last: Fitted | None = None

    def deforms(self, pose: Pose) -> np.ndarray:
        """Return (B, 4, 4), what each bone of a pose does to the space around it."""
        matrices: np.ndarray = forward(self.joints, pose)[1] @ self._rests_back
        return matrices

    def next(self, moments: Moments, home: Pose) -> Fitting:
        """Find the pose of the next frame, in slices.

        Args:
            moments: of the vertices.
            home: the artist's pose, which gives the channels that are not free.
        """
        if self._last is None:
            best = yield from self._fit(moments, home, home)
            again = True
        else:
            best = yield from self._fit(moments, home, self._last.pose)
            exact = FLOOR * moments.count * self.size**2
            again = best.error > max(RESTART * self._last.error, 1e6 * exact)
        if again:
            other = yield from self._fit(moments, home, guess(self.joints, moments, home))
            if other.error < best.error * (1 if self._last is None else BETTER):
                best = other
        self._last = best
        return best

    def _fit(self, moments: Moments, home: Pose, start: Pose) -> Fitting:
        pose = with_free(self.joints, start, home)
        best, damping = Fitted(pose, self._error(moments, home, pose)), 1e-4
        exact = FLOOR * moments.count * self.size**2
        for _ in range(MOST if len(self._dofs) else 0):
            gradient, normal = self._equations(moments, home, best.pose)
            before = best.error
            best, damping = self._step(moments, home, best, gradient, normal, damping)
            yield
            if before - best.error <= FINE * best.error + exact:
                break
        return best

    def _step(
        self,
        moments: Moments,
        home: Pose,
        best: Fitted,
        gradient: np.ndarray,
        normal: np.ndarray,
        damping: float,
    ) -> tuple[Fitted, float]:
        """Return a better pose, or the same, and the damping for the next step."""
        bones, channels = self._dofs.T
        values = best.pose.values[bones, channels]
        low, high = self.joints.low[bones, channels], self.joints.high[bones, channels]
        loose = ~(((values <= low) & (gradient > 0)) | ((values >= high) & (gradient < 0)))
        matrix, slope = normal[np.ix_(loose, loose)], gradient[loose]
        steps, spread = np.zeros(len(loose)), np.diag(matrix)
        while damping < 1e6 and loose.any():
            steps[loose] = -np.linalg.solve(matrix + np.diag(damping * spread + 1e-300), slope)
            pose = self._moved(best.pose, steps)
            error = self._error(moments, home, pose)
            if error < best.error:
                return Fitted(pose, error), max(damping / 5, 1e-9)
            damping *= 6
        return best, damping

    def _moved(self, pose: Pose, steps: np.ndarray) -> Pose:
        changes = np.zeros(self.joints.free.shape)
        changes[self.joints.free] = steps
        values = pose.values + changes
        values[:, SCALE] = values[:, SCALE].clip(LEAST_SCALE, None)
        turns = pose.turns @ turned(changes[:, ROTATION])
        return limited(self.joints, Pose(values, turns))

    def _error(self, moments: Moments, home: Pose, pose: Pose) -> float:
        flat = self.deforms(pose)[:, :3].transpose(1, 0, 2).reshape(3, -1)
        pairs = moments.pairs.transpose(0, 2, 1, 3).reshape(flat.shape[1], -1)
        pulls = moments.pulls.transpose(1, 0, 2).reshape(3, -1)
        data = float((flat @ pairs * flat).sum() - 2 * (flat * pulls).sum()) + moments.square
        return max(data, 0.0) + 2 * self._homesickness(home, pose)

    def _homesickness(self, home: Pose, pose: Pose) -> float:
        away = np.where(self.joints.free, pose.values - home.values, 0)
        by_axis = away**2 * self._weights()
        loose = ~self.joints.by_angles & self.joints.free[:, ROTATION].all(axis=1)
        by_axis[loose, ROTATION] = 0
        angles = 3 - np.einsum("bij,bij->b", home.turns, pose.turns)
        return float(by_axis.sum() / 2 + (self._weights()[3] * angles)[loose].sum())

    def _weights(self) -> np.ndarray:
        return HOMESICK * np.repeat([1.0, self.size**2, self.size**2], 3)

    def _equations(self, moments: Moments, home: Pose, pose: Pose) -> tuple[np.ndarray, np.ndarray]:
        """Return half the error's gradient (N,) and the Gauss-Newton matrix (N, N) for the free channels."""
        frames, posed = forward(self.joints, pose)
        deforms = posed @ self._rests_back
        pushed = np.einsum("jrc,jicd->ird", deforms[:, :3], moments.pairs, optimize=True)
        slopes = (pushed - moments.pulls) @ deforms.transpose(0, 2, 1)
        count = len(deforms)
        slopes = (self._below @ slopes.reshape(count, -1)).reshape(slopes.shape)
        both = deforms[:, None] @ moments.pairs @ deforms.transpose(0, 2, 1)[None]
        both = (self._below @ both.reshape(count, -1)).reshape(both.shape).transpose(1, 0, 2, 3)
        both = (self._below @ both.reshape(count, -1)).reshape(both.shape).transpose(1, 0, 2, 3)
        ways, bones = self._ways(pose, frames, posed), self._dofs[:, 0]
        gradient = np.einsum("nrc,nrc->n", ways, slopes[bones])
        carried = np.einsum("mrc,mbcd->mbrd", ways, both[bones], optimize=True)
        normal = np.einsum("mnrd,nrd->mn", carried[:, bones], ways, optimize=True)
        return self._drawn_home(gradient, normal, home, pose)

    def _drawn_home(
        self, gradient: np.ndarray, normal: np.ndarray, home: Pose, pose: Pose
    ) -> tuple[np.ndarray, np.ndarray]:
        away = pose.values - home.values
        loose = ~self.joints.by_angles
        back = np.einsum("bji,bjk->bik", home.turns[loose], pose.turns[loose])
        away[loose, ROTATION] = np.stack(
            [back[:, 2, 1] - back[:, 1, 2], back[:, 0, 2] - back[:, 2, 0], back[:, 1, 0] - back[:, 0, 1]], axis=1
        )
        weights = np.broadcast_to(self._weights(), away.shape)
        normal = normal + np.diag(weights[self.joints.free])
        return gradient + (weights * away)[self.joints.free], normal

    def _ways(self, pose: Pose, frames: np.ndarray, posed: np.ndarray) -> np.ndarray:
        """Return (N, 3, 4), how the space around a bone moves if one of its free channels changes."""
        bones, channels = self._dofs.T
        ways = np.zeros((len(bones), 3, 4))
        slides = channels < 3
        ways[slides, :, 3] = frames[bones[slides], :3, channels[slides]]
        own = np.zeros((len(frames), 6, 3, 3))
        own[:, :3] = cross(pose.turns.transpose(0, 2, 1))
        for bone in np.flatnonzero(self.joints.by_angles):
            own[bone, :3] = cross(axes_of(self.joints.orders[bone], pose.values[bone, ROTATION]))
        for axis in range(3):
            column = pose.turns[:, :, axis]
            own[:, 3 + axis] = column[:, :, None] * column[:, None] / pose.values[:, 6 + axis, None, None]
        linear = frames[bones[~slides], :3, :3] @ own[bones[~slides], channels[~slides] - 3]
        linear = linear @ np.linalg.inv(frames[bones[~slides], :3, :3])
        ways[~slides, :, :3] = linear
        ways[~slides, :, 3] = -np.einsum("nij,nj->ni", linear, posed[bones[~slides], :3, 3])
        return ways


def cross(axes: np.ndarray) -> np.ndarray:
    """Return (..., 3, 3), the matrices of the cross product with vectors (..., 3)."""
    return np.cross(axes[..., None, :], np.eye(3)).swapaxes(-1, -2)


def turned(vectors: np.ndarray) -> np.ndarray:
    """Return (N, 3, 3) rotations by vectors (N, 3), whose lengths are angles (Rodrigues)."""
    angles = np.linalg.norm(vectors, axis=1)[:, None, None]
    crossed = cross(vectors)
    return np.eye(3) + np.sinc(angles / np.pi) * crossed + np.sinc(angles / (2 * np.pi)) ** 2 / 2 * crossed @ crossed


def guess(joints: Joints, moments: Moments, home: Pose) -> Pose:
    """Return a pose to start from: each bone in turn, parents first, is laid onto its own vertices (Kabsch 1976).

    A bone that may move away is laid onto all vertices below it; any other turns around its head.
    """
    masses, pulls = moments.pairs.sum(axis=1), moments.pulls
    found, below = home, joints.below
    for bone in range(len(joints.parents)):
        if not joints.free[bone, ROTATION].any():
            continue
        frames, posed = forward(joints, found)
        slides = joints.free[bone, LOCATION].all()
        chosen = below[bone] if slides else np.arange(len(below)) == bone
        mass, pull = masses[chosen].sum(axis=0), pulls[chosen].sum(axis=0)
        if mass[3, 3] <= 1e-6:
            continue
        usual = posed[bone] @ np.linalg.inv(joints.rests[bone])
        rest, place = joints.rests[bone, :3, 3], posed[bone, :3, 3]
        if slides:
            rest, place = mass[3, :3] / mass[3, 3], pull[:, 3] / mass[3, 3]
        spread = pull[:, :3] - np.outer(place, mass[3, :3]) - np.outer(pull[:, 3], rest)
        spread += mass[3, 3] * np.outer(place, rest)
        turn = nearest_rotation(spread + 1e-3 * np.abs(spread).max() * usual[:3, :3] + 1e-300 * np.eye(3))
        found = _laid(joints, found, bone, turn, place - turn @ rest if slides else None, frames[bone])
    return with_free(joints, found, home)


def _laid(joints: Joints, pose: Pose, bone: int, turn: np.ndarray, move: np.ndarray | None, frame: np.ndarray) -> Pose:
    """Return a pose in which a bone is turned, and moved, as a whole from its rest, as far as its channels allow."""
    values, turns = pose.values.copy(), pose.turns.copy()
    turns[bone] = nearest_rotation(np.linalg.inv(frame[:3, :3]) @ turn @ joints.rests[bone, :3, :3])
    if joints.orders[bone]:
        values[bone, ROTATION] = euler(joints.orders[bone], turns[bone], values[bone, ROTATION])
    if move is not None:
        head = turn @ joints.rests[bone, :3, 3] + move
        values[bone, LOCATION] = np.linalg.solve(frame[:3, :3], head - frame[:3, 3])
    return with_free(joints, Pose(values, turns), pose)


def nearest_rotation(matrix: np.ndarray) -> np.ndarray:
    """Return the rotation (3, 3) nearest to a matrix, without a mirror (Kabsch 1978)."""
    left, _stretches, right = np.linalg.svd(matrix)
    sign = np.sign(np.linalg.det(left) * np.linalg.det(right)) or 1.0
    found: np.ndarray = left @ np.diag([1.0, 1.0, sign]) @ right
    return found
