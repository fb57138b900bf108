"""A mesh bent into the pose that a frame shows, seen by a camera that is found along the way.

First its limbs swing at their joints (`swing`), then all of it follows the contour as rigidly as possible (`solve`).
Between the steps the camera is refined on the bent mesh. The frame says nothing about depth: a limb stays where
turning in the picture and rigidity leave it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from .camera import FilmCamera
from .creases import crease_agreement
from .film import Film
from .flow import look
from .graph import NODES, make_graph
from .limb_parts import limbs_of
from .search import COARSE, COARSE_REACH, COARSE_STEPS, Prior, contour_cost, refine
from .silhouette import Scene, overlap
from .solve import Body, Equations, Rest, State, Weights
from .swing import Swings

SWEEPS = 3
"""How often all limbs swing; the camera is refined after each."""
STEPS, STEPS_A_CAMERA = 16, 4
"""Steps along the contour, and those after each of which the camera is refined again."""
STIFF_AT_FIRST = 10.0
"""Factor on the rigidity in the first step; it falls to 1 at three quarters of the steps."""
WEIGHTS = Weights(
    rigidity=40.0, rigidity_reach=0.5, picture=0.02, depth=0.3, time=0.0, outline_reach=8.0, outline_end=30.0
)
CAMERA_STEPS, CAMERA_REACH = 5, 3.0
"""Steps of the camera between those along the contour, and the film pixels beyond which a distance counts less."""


@dataclass(frozen=True)
class Bent:
    """A mesh that was bent into a frame.

    Args:
        vertices: (V, 3) float32 in match space.
        camera: of the film of the usual sharpness.
        overlap: intersection over union of silhouette and mask.
        cost, creases: of the bent mesh, see `View`.
        strain: radians by which neighbouring nodes are turned against each other, on average.
    """

    vertices: np.ndarray
    camera: FilmCamera
    overlap: float
    cost: float
    creases: float
    strain: float


class Bender:
    """A mesh on its way into a frame: the state of its nodes, in the film space of a camera that changes.

    Args:
        vertices: (V, 3) match space; faces: (F, 3).
        camera: of a film of any sharpness.
    """

    def __init__(self, vertices: np.ndarray, faces: np.ndarray, camera: FilmCamera):
        self._mesh, self.faces, self.camera = vertices, faces, camera
        self.graph = make_graph(vertices.astype(np.float64), faces, NODES)
        self._body = Body(self.graph, faces)
        self.rest = Rest(self._body, camera.to_film(vertices))
        self.state = State.at(self.rest.nodes)

    @property
    def vertices(self) -> np.ndarray:
        """(V, 3) of match space."""
        return self.camera.to_model(self.rest.carried(self.state))

    def see_by(self, camera: FilmCamera) -> None:
        """Take another camera; the mesh stays where it is in match space."""
        turn = camera.axes @ self.camera.axes.T
        places = camera.to_film(self.camera.to_model(self.state.places))
        self.state = State(turn @ self.state.turns @ turn.T, places)
        self.rest, self.camera = Rest(self._body, camera.to_film(self._mesh)), camera

    def refine_camera(self, film: Film, steps: int, reach: float) -> None:
        """Refine the camera on the bent mesh and the only frame of a film of the camera's sharpness."""
        bent = self.vertices
        scene, outline = Scene(bent, self.faces), film.outline(0)
        self.see_by(refine(scene, bent, self.faces, outline, self.camera, steps, reach, Prior(yaw=False)))

    def step(self, film: Film, weights: Weights) -> None:
        """Take one Gauss-Newton step along the contour of the only frame of a film."""
        pose = look(self.vertices, self.faces, self.camera, film.size)
        equations = Equations(self.rest, self.state, self.camera)
        equations.add_outline(pose, film.outline(0), weights)
        equations.add_rigidity(weights)
        held = np.array([weights.picture, weights.picture, weights.depth])
        equations.add_places(self.state.places, held)
        self.state = equations.solved()

    @property
    def strain(self) -> float:
        """Radians by which neighbouring nodes are turned against each other, on average."""
        starts, ends = self.graph.edges.T
        between = np.einsum("eij,eij->e", self.state.turns[starts], self.state.turns[ends])
        return float(np.arccos(np.clip((between - 1) / 2, -1, 1)).mean())

    def overlap(self, film: Film) -> float:
        """Return the intersection over union of the silhouette and the mask of the only frame of a film."""
        return overlap(Scene(self.vertices, self.faces).sight(self.camera, film.size).mask, film.masks[0])


def bend(
    vertices: np.ndarray, faces: np.ndarray, still: Film, camera: FilmCamera, check: Callable[[], None] = lambda: None
) -> Bent:
    """Return a mesh bent into a frame.

    Args:
        vertices: (V, 3) match space, one per place.
        faces: (F, 3).
        still: the frame alone, at the sharpness at which creases are compared.
        camera: a view of the mesh as it is, of the film of the usual sharpness.
        check: called now and then; what it raises stops the work.
    """
    coarse, film = still.shrunk(0, COARSE), still.shrunk(0, 1.0)
    started = []
    for start in (camera, as_high(vertices, film, camera)):
        bender = Bender(vertices, faces, start)
        bender.see_by(start.rescaled(COARSE, (0.0, 0.0)))
        _swing(bender, coarse, check)
        bender.see_by(bender.camera.rescaled(1 / COARSE, (0.0, 0.0)))
        started.append(bender)
    bender = max(started, key=lambda each: each.overlap(film))
    for number in range(STEPS):
        check()
        softness = min(1.0, number / (0.75 * STEPS))
        bender.step(film, replace(WEIGHTS, rigidity=WEIGHTS.rigidity * STIFF_AT_FIRST ** (1 - softness)))
        if number % STEPS_A_CAMERA == STEPS_A_CAMERA - 1:
            bender.refine_camera(film, CAMERA_STEPS, CAMERA_REACH)
    bent = bender.vertices
    scene = Scene(bent, faces)
    cost = contour_cost(scene, bent, faces, film.outline(0), bender.camera, CAMERA_REACH / 2)
    sharp = bender.camera.rescaled(still.sharpness, (0.0, 0.0))
    creases = crease_agreement(scene, bent, faces, still, 0, sharp)
    return Bent(bent.astype(np.float32), bender.camera, bender.overlap(film), cost, creases, bender.strain)


def as_high(vertices: np.ndarray, film: Film, camera: FilmCamera) -> FilmCamera:
    """Return the camera with the scale and shift at which a mesh is as high as the mask, and in the middle of it.

    Spread arms make a mesh wide, but not higher.
    """
    rows, columns = np.nonzero(film.masks[0])
    across, down = camera.pixels(camera.to_film(vertices)).T
    camera = replace(camera, scale=camera.scale * float((np.ptp(rows) + 1) / max(np.ptp(down), 1e-9)))
    across, down = camera.pixels(camera.to_film(vertices)).T
    right = float(np.median(columns)) + 0.5 - float(np.median(across))
    lower = float(rows.min() + rows.max() + 1 - down.min() - down.max()) / 2
    return replace(camera, shift=(camera.shift[0] + right, camera.shift[1] - lower))


def _swing(bender: Bender, film: Film, check: Callable[[], None]) -> None:
    """Turn the limbs where they overlap the frame best, and refine the camera after each sweep over all limbs."""
    limbs = limbs_of(bender.graph, bender.rest.nodes)
    angles = np.zeros(len(limbs))
    for _ in range(SWEEPS):
        swings = Swings(bender.rest, bender.faces, bender.camera, film.masks[0], limbs, angles, check)
        bender.state = swings.best(bender.state)
        bender.refine_camera(film, COARSE_STEPS, COARSE_REACH * COARSE)
