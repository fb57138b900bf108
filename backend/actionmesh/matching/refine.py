"""From the network's poses to the clip (refine): each pose is bent onto its frame, as rigidly as possible."""

from collections.abc import Callable, Collection
from dataclasses import replace

import numpy as np

from .camera import FilmCamera
from .film import Film
from .flow import FlowMatcher, Pose, look
from .graph import Graph
from .solve import Body, Equations, Rest, State, Weights

ITERATIONS = 4
STIFF_AT_FIRST = 4.0
"""Factor on the rigidity in the first iteration."""
WEIGHTS = Weights(rigidity=100.0, rigidity_reach=np.inf, picture=0.05, depth=0.5, time=0.5)


def refine_poses(
    poses: np.ndarray, anchor: int, known: Collection[int], faces: np.ndarray, film: Film, camera: FilmCamera,
    graph: Graph, advance: Callable[[], None],
) -> np.ndarray:  # fmt: skip
    """Return poses (T, V, 3) float32 of model space, bent onto their frames.

    Args:
        poses: (T, V, 3) model space.
        anchor: the frame whose colours the mesh has.
        known: the frames whose poses stay as they are, including the anchor.
        advance: called after each frame of each iteration; what it raises stops the work.
    """
    refiner = Refiner(poses, anchor, Body(graph, faces), film, camera)
    others = [frame for frame in range(len(poses)) if frame not in known]
    for iteration in range(ITERATIONS):
        stiffness = STIFF_AT_FIRST ** (1 - iteration / (ITERATIONS - 1))
        weights = replace(WEIGHTS, rigidity=WEIGHTS.rigidity * stiffness)
        for frame in others:
            refiner.step(frame, weights)
            advance()
    refined = poses.astype(np.float32)
    for frame in others:
        refined[frame] = refiner.posed(frame)
    return refined


class Refiner:
    """The states of all frames. A frame's rest pose is the network's pose, and is rebuilt whenever it is needed."""

    def __init__(self, poses: np.ndarray, anchor: int, body: Body, film: Film, camera: FilmCamera):
        self._poses, self._anchor, self._body = poses, anchor, body
        self._matcher = FlowMatcher(film, camera, body.faces)
        self._source: Pose = look(poses[anchor], body.faces, camera, film.size)
        self._nodes = camera.to_film(poses[:, body.graph.nodes])
        self._states = [State.at(nodes) for nodes in self._nodes]

    def posed(self, frame: int) -> np.ndarray:
        """Return a frame's vertices (V, 3) of model space."""
        return self._matcher.camera.to_model(self._rest(frame).carried(self._states[frame]))

    def step(self, frame: int, weights: Weights) -> None:
        """Take one Gauss-Newton step of a frame."""
        matcher, rest = self._matcher, self._rest(frame)
        pose = look(self.posed(frame), self._body.faces, matcher.camera, matcher.film.size)
        equations = Equations(rest, self._states[frame], matcher.camera)
        equations.add_correspondences(matcher.correspondences(pose, frame, self._source, self._anchor))
        equations.add_outline(pose, matcher.film.outline(frame), weights)
        equations.add_rigidity(weights)
        equations.add_places(rest.nodes, np.array([weights.picture, weights.picture, weights.depth]))
        equations.add_places(rest.nodes + self._moved_nearby(frame), np.full(3, weights.time))
        self._states[frame] = equations.solved()

    def _rest(self, frame: int) -> Rest:
        return Rest(self._body, self._matcher.camera.to_film(self._poses[frame]))

    def _moved_nearby(self, frame: int) -> np.ndarray:
        """Return how far (N, 3) the nodes have moved in the frames before and after, on average."""
        near = [other for other in (frame - 1, frame + 1) if 0 <= other < len(self._states)]
        moved: np.ndarray = np.mean([self._states[other].places - self._nodes[other] for other in near], axis=0)
        return moved
