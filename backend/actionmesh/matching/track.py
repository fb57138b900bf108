"""From the still mesh to the clip (track): outward from the anchor, each frame starts from the frames before it.

Tracking follows the optical flow. At first depth stays as in the previous frame, except for what rigidity changes:
pictures alone say little about it. Once all frames have poses, joint passes let rigidity decide on most of the depth.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from .camera import FilmCamera
from .film import Film
from .flow import FlowMatcher, Pose, look
from .graph import Graph
from .solve import Body, Equations, Rest, State, Weights, fitted

WEIGHTS = Weights(rigidity=250.0, rigidity_reach=0.3, picture=0.0, depth=0.5, time=0.5, outline_reach=5.0)
JOINT = replace(WEIGHTS, depth=0.15, time=0.1)
"""The weights of joint passes: each frame has its neighbours, so little needs to hold its depth."""
STEPS_WITH_ANCHOR = 1
"""Steps of a frame that also use the anchor's colours, after one step with only the previous frame's colours."""
JOINT_PASSES = 3
AFTER_REFINING = replace(JOINT, depth=0.5)
"""The weights of joint passes over refined poses, whose depth the networks know something about."""
KEPT_POSES = 4


def track_mesh(
    poses: np.ndarray, anchor: int, known: Collection[int], faces: np.ndarray, film: Film, camera: FilmCamera,
    graph: Graph, advance: Callable[[], None], weights: Weights = WEIGHTS, joint: Weights = JOINT,
    moves_on: bool = True,
) -> np.ndarray:  # fmt: skip
    """Return poses (T, V, 3) float32 of model space: the mesh as the film moves it.

    Args:
        poses: (T, V, 3) model space: the known ones, and the networks' guesses at the others.
        anchor: the frame that shows the mesh as it is, and whose colours it has.
        known: the frames whose poses stay as they are, including the anchor; tracking starts from each.
        advance: called after each step of each frame; what it raises stops the work.
        weights, joint: those of the first pass outward, and of the joint passes after it.
        moves_on: whether a frame may start where the last two frames' motion leads, or the networks' motion; otherwise
            it starts from the previous pose, and the networks' guesses are not used.
    """
    tracker = Tracker(poses, anchor, known, Body(graph, faces), film, camera, moves_on)
    order = outward(known, len(film))
    for frame, before in order:
        tracker.follow(frame, before, weights, advance)
    return _joined(tracker, poses, order, joint, JOINT_PASSES, advance)


def join_poses(
    poses: np.ndarray, anchor: int, known: Collection[int], faces: np.ndarray, film: Film, camera: FilmCamera,
    graph: Graph, advance: Callable[[], None], passes: int = JOINT_PASSES,
) -> np.ndarray:  # fmt: skip
    """Return refined poses (T, V, 3) float32 of model space after joint passes.

    Refining bends each pose from the networks', whose edges may have any length; these passes give edges the lengths
    of the anchor's pose, and frames their neighbours.
    """
    tracker = Tracker(poses, anchor, known, Body(graph, faces), film, camera, False)
    order = outward(known, len(film))
    for frame, _ in order:
        tracker.take(frame)
    return _joined(tracker, poses, order, AFTER_REFINING, passes, advance)


def _joined(
    tracker: "Tracker",
    poses: np.ndarray,
    order: Sequence[tuple[int, int]],
    joint: Weights,
    passes: int,
    advance: Callable[[], None],
) -> np.ndarray:
    for _ in range(passes):
        for frame, before in order:
            tracker.join(frame, before, joint)
            advance()
    joined = poses.astype(np.float32)
    for frame, _ in order:
        joined[frame] = tracker.posed(frame)
    return joined


def steps_of(total: int, known: Collection[int]) -> int:
    """Return how many times `track_mesh` calls `advance` for a film of `total` frames."""
    return (total - len(set(known))) * (1 + STEPS_WITH_ANCHOR + JOINT_PASSES)


def steps_of_joining(total: int, known: Collection[int]) -> int:
    """Return how many times `join_poses` calls `advance` for a film of `total` frames."""
    return (total - len(set(known))) * JOINT_PASSES


def outward(known: Collection[int], total: int) -> list[tuple[int, int]]:
    """Return every unknown frame with its predecessor, nearest frames first.

    The predecessor is the frame before it on the way from the nearest known frame.
    """
    distance = {frame: min(abs(frame - start) for start in known) for frame in range(total)}
    order = sorted((frame for frame in range(total) if distance[frame]), key=lambda frame: (distance[frame], frame))
    return [(frame, min((frame - 1, frame + 1), key=lambda other: distance.get(other, total))) for frame in order]


class Tracker:
    """The states of all frames reached so far. A known frame's pose is given, and its state is the best fit to it."""

    def __init__(
        self,
        poses: np.ndarray,
        anchor: int,
        known: Collection[int],
        body: Body,
        film: Film,
        camera: FilmCamera,
        moves_on: bool,
    ):
        self._anchor, self._body, self._moves_on = anchor, body, moves_on
        self._matcher = FlowMatcher(film, camera, body.faces)
        self._rest = Rest(body, camera.to_film(poses[anchor]))
        self._known: dict[int, np.ndarray] = {frame: poses[frame] for frame in known}
        self._guesses: np.ndarray = poses
        self._states = {frame: self._guess(frame) for frame in self._known}
        self._shown = self._look(anchor)
        self._seen: dict[int, Pose] = {}

    def posed(self, frame: int) -> np.ndarray:
        """Return a frame's vertices (V, 3) of model space."""
        if frame in self._known:
            return self._known[frame]
        return self._matcher.camera.to_model(self._rest.carried(self._states[frame]))

    def take(self, frame: int) -> None:
        """Take a frame's given pose as it is."""
        self._states[frame] = self._guess(frame)

    def follow(self, frame: int, before: int, weights: Weights, advance: Callable[[], None]) -> None:
        """Find a frame's pose from those of the frames before it."""
        depth, nearby = self._states[before].places, self._look_again(before)
        pose = self._start(frame, before)
        for sources in ({before: nearby}, *STEPS_WITH_ANCHOR * ({before: nearby, self._anchor: self._shown},)):
            self._step(frame, pose, sources, weights, depth, None)
            pose = self._look(frame)
            advance()
        self._keep(frame, pose)

    def join(self, frame: int, before: int, weights: Weights) -> None:
        """Take one more step, now that the frames on both sides have poses, which pull at the nodes."""
        near = [self._states[other].places for other in (frame - 1, frame + 1) if other in self._states]
        sources = {before: self._look_again(before), self._anchor: self._shown}
        self._step(frame, self._look(frame), sources, weights, self._states[frame].places, np.mean(near, axis=0))
        self._seen.pop(frame, None)

    def _start(self, frame: int, before: int) -> Pose:
        """Set a frame's state to the previous one's, or to one moved on if that explains the frame better; look at it.

        Fast motion leads too far for optical flow, but is often steady, or known to the networks.
        """
        best, pose, mismatch = self._states[before], self._look_from(frame, self._states[before]), np.inf
        further = list(self._moved_on(frame, before)) if self._moves_on else []
        if further:
            mismatch = self._mismatch(pose, frame)
        for state in further:
            looked = self._look_from(frame, state)
            missed = self._mismatch(looked, frame)
            if missed < mismatch:
                best, pose, mismatch = state, looked, missed
        self._states[frame] = best
        return pose

    def _moved_on(self, frame: int, before: int) -> Iterator[State]:
        """Yield the states to which the last two frames' motion and the networks' motion lead."""
        state, earlier = self._states[before], self._states.get(2 * before - frame)
        if earlier is not None:
            yield state.moved(earlier, state)
        yield state.moved(self._guess(before), self._guess(frame))

    def _look_from(self, frame: int, state: State) -> Pose:
        self._states[frame] = state
        return self._look(frame)

    def _guess(self, frame: int) -> State:
        """Return the state that fits the given pose of a frame best."""
        return fitted(self._rest, self._matcher.camera.to_film(self._guesses[frame]))

    def _mismatch(self, pose: Pose, frame: int) -> float:
        return self._matcher.mismatch(pose, frame, self._shown, self._anchor)

    def _look_again(self, frame: int) -> Pose:
        """Return a frame's pose as it is seen.

        The last few are kept, because tracking alternates between both sides of a known frame.
        """
        if frame == self._anchor:
            return self._shown
        if frame not in self._seen:
            self._keep(frame, self._look(frame))
        return self._seen[frame]

    def _keep(self, frame: int, pose: Pose) -> None:
        if len(self._seen) >= KEPT_POSES:
            del self._seen[next(iter(self._seen))]
        self._seen[frame] = pose

    def _look(self, frame: int) -> Pose:
        return look(self.posed(frame), self._body.faces, self._matcher.camera, self._matcher.film.size)

    def _step(
        self,
        frame: int,
        pose: Pose,
        sources: Mapping[int, Pose],
        weights: Weights,
        depth: np.ndarray,
        smooth: np.ndarray | None,
    ) -> None:
        equations = Equations(self._rest, self._states[frame], self._matcher.camera)
        for source_frame, source in sources.items():
            equations.add_correspondences(self._matcher.correspondences(pose, frame, source, source_frame))
        equations.add_outline(pose, self._matcher.film.outline(frame), weights)
        equations.add_rigidity(weights)
        equations.add_places(depth, np.array([weights.picture, weights.picture, weights.depth]))
        if smooth is not None:
            equations.add_places(smooth, np.full(3, weights.time))
        self._states[frame] = equations.solved()
