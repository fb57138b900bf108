"""From the still mesh to the clip (track): outward from the anchor each frame starts from the one before, and is followed by flow.

Depth is what the frame before had, but for what rigidity makes of it: pictures alone say little about it.
"""

from collections.abc import Callable, Mapping

import numpy as np

from .camera import FilmCamera
from .film import Film
from .flow import FlowMatcher, Pose, look
from .graph import Graph
from .solve import Body, Equations, Rest, State, Weights

WEIGHTS = Weights(rigidity=150.0, rigidity_reach=0.3, picture=0.0, depth=0.1, time=0.5)
STEPS_WITH_ANCHOR = 2
"""Of a frame on the way outward, after one step that has the colours of the frame before alone."""


def track_mesh(
    vertices: np.ndarray, anchor: int, faces: np.ndarray, film: Film, camera: FilmCamera, graph: Graph, advance: Callable[[], None]
) -> np.ndarray:
    """Return poses (T, V, 3) float32 of model space: the mesh as the film moves it.

    Args:
        vertices: (V, 3) model space, as the anchor frame shows the mesh.
        advance: called after each step of each frame; what it raises ends the work.
    """
    tracker = Tracker(vertices, anchor, Body(graph, faces), film, camera)
    order = outward(anchor, len(film))
    tracker.begin()
    for frame, before in order:
        if before == anchor:
            tracker.begin()
        tracker.follow(frame, before, advance)
    tracker.begin()
    for frame, before in order:
        if before == anchor:
            tracker.begin()
        tracker.smooth(frame, before)
        advance()
    return np.stack([tracker.posed(frame) for frame in range(len(film))]).astype(np.float32)


def steps_of(total: int) -> int:
    """Return how often `track_mesh` advances for a film of `total` frames."""
    return (total - 1) * (1 + STEPS_WITH_ANCHOR + 1)


def outward(anchor: int, total: int) -> list[tuple[int, int]]:
    """Return every frame but the anchor with the one towards it, in the order in which they are reached."""
    after = [(frame, frame - 1) for frame in range(anchor + 1, total)]
    return after + [(frame, frame + 1) for frame in range(anchor - 1, -1, -1)]


class Tracker:
    """The states of all frames that were reached. Two poses are kept: the anchor's, and that of the frame before."""

    def __init__(self, vertices: np.ndarray, anchor: int, body: Body, film: Film, camera: FilmCamera):
        self._anchor, self._body, self._vertices = anchor, body, vertices
        self._matcher = FlowMatcher(film, camera, body.faces)
        self._rest = Rest(body, camera.to_film(vertices))
        self._states = {anchor: State.at(self._rest.nodes)}
        self._shown = look(vertices, body.faces, camera, film.size)
        self._before = self._shown

    def begin(self) -> None:
        """Go back to the anchor: the next frame is beside it."""
        self._before = self._shown

    def posed(self, frame: int) -> np.ndarray:
        """Return a frame's vertices (V, 3) of model space."""
        if frame == self._anchor:
            return self._vertices
        return self._matcher.camera.to_model(self._rest.carried(self._states[frame]))

    def follow(self, frame: int, before: int, advance: Callable[[], None]) -> None:
        """Find a frame's pose from that of the frame before."""
        self._states[frame] = self._states[before]
        depth = self._states[before].places
        for sources in ({before: self._before}, *STEPS_WITH_ANCHOR * ({before: self._before, self._anchor: self._shown},)):
            self._step(frame, self._look(frame), sources, depth, None)
            advance()
        self._before = self._look(frame)

    def smooth(self, frame: int, before: int) -> None:
        """Take one more step, now that the frames on both sides have their poses; they pull at the nodes."""
        near = [self._states[other].places for other in (frame - 1, frame + 1) if other in self._states]
        sources = {before: self._before, self._anchor: self._shown}
        self._step(frame, self._look(frame), sources, self._states[frame].places, np.mean(near, axis=0))
        self._before = self._look(frame)

    def _look(self, frame: int) -> Pose:
        return look(self.posed(frame), self._body.faces, self._matcher.camera, self._matcher.film.size)

    def _step(
        self, frame: int, pose: Pose, sources: Mapping[int, Pose], depth: np.ndarray, smooth: np.ndarray | None
    ) -> None:
        equations = Equations(self._rest, self._states[frame], self._matcher.camera)
        for source_frame, source in sources.items():
            equations.add_correspondences(self._matcher.correspondences(pose, frame, source, source_frame))
        equations.add_outline(pose, self._matcher.film.outline(frame), WEIGHTS)
        equations.add_rigidity(WEIGHTS)
        equations.add_places(depth, np.array([WEIGHTS.picture, WEIGHTS.picture, WEIGHTS.depth]))
        if smooth is not None:
            equations.add_places(smooth, np.full(3, WEIGHTS.time))
        self._states[frame] = equations.solved()
