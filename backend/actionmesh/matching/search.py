"""Finding the camera: the views whose silhouettes overlap the mask best, refined by the distances between contours."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from .camera import FilmCamera
from .creases import crease_agreement
from .film import Film, Outline, contour_of, samples
from .silhouette import Scene, overlap

COARSE = 0.4
"""Sharpness of the film on which views are tried first."""
COARSE_STEPS, FINE_STEPS = 6, 25
COARSE_REACH, FINE_REACH = 8.0, 1.5
"""Film pixels beyond which a contour's distance counts less and less, in the first steps and in the last ones."""
PRIOR_MEAN = np.array([0.0, 0.0, 0.0, 0.2, 0.0, 0.0, 0.0])
PRIOR_WIDTH = np.array([np.radians(14), np.radians(14), np.radians(4), 0.15, np.inf, np.inf, np.inf])
"""Mean and width of the prior on yaw, pitch, roll, 1 / distance (of a subject 1.5 long), scale and shifts."""
PRIOR_WEIGHT = 0.01
ALIKE, ALIKE_PIXELS = 1.6, 0.01
"""A view explains the outline as well as the best one if its cost is at most ALIKE times the best cost plus
ALIKE_PIXELS."""
OVERLAP_PRICE = 0.003
"""Overlap that a unit of the prior costs."""
STEP = np.array([1e-4, 1e-4, 1e-4, 1e-4, 1e-3, 1e-2, 1e-2])


@dataclass(frozen=True)
class View:
    """A camera and how well it explains a frame.

    Args:
        camera: in the film's pixels.
        overlap: intersection over union of the mesh's silhouette and the mask, 0 to 1.
        cost: mean robust square of the distances between the two contours, in pixels of a film of the usual size.
        creases: correlation of the frame's edges with the mesh's creases, -1 to 1.
    """

    camera: FilmCamera
    overlap: float
    cost: float
    creases: float


@dataclass(frozen=True)
class Starts:
    """The views from which a search starts: every yaw with every pitch and every 1 / distance; angles in degrees.

    Args:
        kept, apart: how many of them are refined, and the least angle between them.
        finished, finished_apart: how many of those are finished, and the least angle between them.
        yaw_prior: whether a camera in front is more likely than others.
        opposite: whether the view opposite the best one is finished, too.
    """

    yaws: tuple[int, ...]
    pitches: tuple[int, ...]
    inverse_distances: tuple[float, ...]
    kept: int
    apart: float
    finished: int
    finished_apart: float
    yaw_prior: bool
    opposite: bool


PITCHES = (-14, 0, 12, 26)
BEFORE = (-24, -12, 0, 12, 24)
FRONT = Starts(
    BEFORE, PITCHES, (0.1, 0.25), kept=5, apart=0, finished=2, finished_apart=0, yaw_prior=True, opposite=False
)
CIRCLE = tuple(range(0, 360, 30))
AROUND = Starts(
    CIRCLE, PITCHES, (0.2,), kept=8, apart=20, finished=4, finished_apart=12, yaw_prior=False, opposite=True
)
"""FRONT: a camera before the subject's front, within about 24 degrees. AROUND: a camera anywhere around it."""


def find_views(
    vertices: np.ndarray,
    faces: np.ndarray,
    film: Film,
    frame: int,
    starts: Starts,
    check: Callable[[], None] = lambda: None,
) -> list[View]:
    """Return the finished views of a frame, the best first.

    The best view has the best creases of those with the nearest contours.

    Args:
        vertices: (V, 3) model space, the longest side of their box 1.5 and its centre at the origin.
        faces: (F, 3).
        check: called before each view is tried; what it raises stops the search.
    """
    scene, reach, prior = Scene(vertices, faces), FINE_REACH * film.sharpness, Prior(starts.yaw_prior)
    outline = film.outline(frame)
    better = _glanced(scene, vertices, faces, film, frame, outline, starts, check)

    def finished(camera: FilmCamera) -> View:
        check()
        camera = refine(scene, vertices, faces, outline, camera, FINE_STEPS, reach, prior)
        cost = contour_cost(scene, vertices, faces, outline, camera, reach) / film.sharpness**2
        agreement = overlap(scene.sight(camera, film.size).mask, film.masks[frame])
        return View(camera, agreement, cost, crease_agreement(scene, vertices, faces, film, frame, camera))

    views = [
        finished(camera) for camera in apart([camera for _, camera in better], starts.finished_apart, starts.finished)
    ]
    if starts.opposite:
        best = min(views, key=lambda view: view.cost).camera
        views.append(
            finished(framed(vertices, film, frame, (best.yaw + np.pi, -best.pitch, -best.roll, best.inverse_distance)))
        )
    return ordered(views)


def glance(
    vertices: np.ndarray,
    faces: np.ndarray,
    film: Film,
    frame: int,
    starts: Starts,
    check: Callable[[], None] = lambda: None,
) -> float:
    """Return the least cost of the views that `find_views` would finish, as in `View`; it is far quicker."""
    found = _glanced(Scene(vertices, faces), vertices, faces, film, frame, film.outline(frame), starts, check)
    return found[0][0] / film.sharpness**2


def _glanced(
    scene: Scene, vertices: np.ndarray, faces: np.ndarray, film: Film, frame: int, outline: Outline, starts: Starts,
    check: Callable[[], None],
) -> list[tuple[float, FilmCamera]]:  # fmt: skip
    """Return the views that are worth finishing with their costs in the film's square pixels, the best first."""
    coarse, reach, prior = film.shrunk(frame, COARSE), FINE_REACH * film.sharpness, Prior(starts.yaw_prior)
    tried = []
    for yaw in starts.yaws:
        for pitch in starts.pitches:
            check()
            for inverse_distance in starts.inverse_distances:
                camera = framed(vertices, coarse, 0, (np.radians(yaw), np.radians(pitch), 0.0, inverse_distance))
                sight = scene.sight(camera, coarse.size).mask
                tried.append((overlap(sight, coarse.masks[0]) - OVERLAP_PRICE * prior.cost(camera), camera))
    tried.sort(key=lambda pair: -pair[0])
    coarse_outline, better = coarse.outline(0), []
    for camera in apart([camera for _, camera in tried], starts.apart, starts.kept):
        check()
        refined = refine(scene, vertices, faces, coarse_outline, camera, COARSE_STEPS, COARSE_REACH * COARSE, prior)
        ratio = film.factor / coarse.factor
        enlarged = refined.rescaled(ratio, (0.0, 0.0))
        better.append((contour_cost(scene, vertices, faces, outline, enlarged, reach), enlarged))
    better.sort(key=lambda pair: pair[0])
    return better


def ordered(views: list[View]) -> list[View]:
    """Return the views in order: first those that explain the outline as well as the best one.

    These are ordered by their creases, the others by their cost.
    """
    alike = [view for view in views if explains_alike(view, views)]
    others = [view for view in views if not explains_alike(view, views)]
    return sorted(alike, key=lambda view: -view.creases) + sorted(others, key=lambda view: view.cost)


def explains_alike(view: View, views: list[View]) -> bool:
    """Return whether a view explains the outline about as well as the best of all."""
    return view.cost <= ALIKE * min(each.cost for each in views) + ALIKE_PIXELS


@dataclass(frozen=True)
class Prior:
    """What is likely before the frame is seen: a camera in front of its subject, level and at some distance."""

    yaw: bool = True

    @property
    def width(self) -> np.ndarray:
        width = PRIOR_WIDTH.copy()
        width[0] = width[0] if self.yaw else np.inf
        return width

    def residuals(self, camera: FilmCamera) -> np.ndarray:
        residuals: np.ndarray = (camera.numbers - PRIOR_MEAN) / self.width
        return residuals

    def cost(self, camera: FilmCamera) -> float:
        return float((self.residuals(camera) ** 2).sum())


def apart(cameras: Sequence[FilmCamera], angle: float, count: int) -> list[FilmCamera]:
    """Return the first `count` cameras that look along axes at least `angle` degrees apart."""
    kept: list[FilmCamera] = []
    for camera in cameras:
        if all(angle_between(camera, other) >= angle for other in kept):
            kept.append(camera)
        if len(kept) == count:
            break
    return kept


def angle_between(one: FilmCamera, other: FilmCamera) -> float:
    """Return the degrees between the axes along which two cameras look."""
    return float(np.degrees(np.arccos(np.clip(one.axes[2] @ other.axes[2], -1, 1))))


def framed(vertices: np.ndarray, film: Film, frame: int, pose: tuple[float, float, float, float]) -> FilmCamera:
    """Return the camera with this yaw, pitch, roll and 1 / distance under which the mesh fills the mask's box."""
    rows, columns = np.nonzero(film.masks[frame])
    low, high = np.array([columns.min(), rows.min()]), np.array([columns.max(), rows.max()]) + 1.0
    camera = FilmCamera(*pose, scale=1.0, shift=(0.0, 0.0), principal=film.principal)
    for _ in range(2):
        seen = camera.pixels(camera.to_film(vertices))
        sides = np.ptp(seen, axis=0)
        scale = camera.scale * float(np.sqrt(((high - low) / np.maximum(sides, 1e-9)).prod()))
        camera = replace(camera, scale=scale)
        seen = camera.pixels(camera.to_film(vertices))
        off = (low + high - seen.min(axis=0) - seen.max(axis=0)) / 2
        camera = replace(camera, shift=(camera.shift[0] + off[0], camera.shift[1] - off[1]))
    return camera


def refine(
    scene: Scene, vertices: np.ndarray, faces: np.ndarray, outline: Outline, camera: FilmCamera, steps: int,
    reach: float, prior: Prior,
) -> FilmCamera:  # fmt: skip
    """Return the camera after Gauss-Newton steps on the contours' distances in both directions."""
    damping = 1e-3
    pairs = ContourPairs(scene, vertices, faces, outline, camera)
    cost = pairs.cost(camera, reach) + PRIOR_WEIGHT * prior.cost(camera)
    for _ in range(steps):
        if not pairs.count:
            return camera
        step = pairs.step(camera, reach, prior, damping)
        moved = camera.with_numbers(camera.numbers + step)
        if moved.scale <= 0 or moved.inverse_distance < 0:
            moved = camera.with_numbers(
                np.maximum(moved.numbers, [-np.inf] * 3 + [0.0, camera.scale / 2] + [-np.inf] * 2)
            )
        moved_pairs = ContourPairs(scene, vertices, faces, outline, moved)
        moved_cost = moved_pairs.cost(moved, reach) + PRIOR_WEIGHT * prior.cost(moved)
        if moved_cost < cost:
            small = np.abs(cost - moved_cost) < 1e-4 * cost
            camera, pairs, cost, damping = moved, moved_pairs, moved_cost, damping / 3
            if small:
                break
        else:
            damping *= 8
            if damping > 1e3:
                break
    return camera


def contour_cost(
    scene: Scene, vertices: np.ndarray, faces: np.ndarray, outline: Outline, camera: FilmCamera, reach: float
) -> float:
    """Return the mean robust square of the distances between the mesh's contour and the mask's, in pixels."""
    return ContourPairs(scene, vertices, faces, outline, camera).cost(camera, reach)


class ContourPairs:
    """The mesh's contour as a camera sees it, and its distances from the mask's, in both directions."""

    def __init__(self, scene: Scene, vertices: np.ndarray, faces: np.ndarray, outline: Outline, camera: FilmCamera):
        size = outline.mask.shape
        sight = scene.sight(camera, size)
        on_contour = contour_of(sight.mask).reshape(-1)[sight.pixel]
        self.points = sight.points(vertices, faces)[on_contour].astype(np.float64)
        self.count = len(self.points)
        self._outline = outline
        if not self.count:
            return
        self._targets = outline.contour + 0.5
        seen = camera.pixels(camera.to_film(self.points))
        self._nearest = cKDTree(seen).query(self._targets)[1]
        self._normals = samples(outline.slope, self._targets)
        self._normals /= np.maximum(np.linalg.norm(self._normals, axis=1, keepdims=True), 1e-6)

    def residuals(self, camera: FilmCamera) -> np.ndarray:
        """Return distances in pixels: of the mesh's contour from the mask's, then of the mask's from the mesh's."""
        seen = camera.pixels(camera.to_film(self.points))
        outwards = samples(self._outline.distance[..., None], seen)[:, 0] + 0.5
        across = ((seen[self._nearest] - self._targets) * self._normals).sum(axis=1)
        return np.concatenate([outwards, across])

    @property
    def shares(self) -> np.ndarray:
        """The weight of each residual: each direction counts half."""
        return np.concatenate(
            [np.full(self.count, 0.5 / self.count), np.full(len(self._targets), 0.5 / len(self._targets))]
        )

    def cost(self, camera: FilmCamera, reach: float) -> float:
        if not self.count:
            return np.inf
        return float((self.shares * robust(self.residuals(camera), reach)).sum())

    def step(self, camera: FilmCamera, reach: float, prior: Prior, damping: float) -> np.ndarray:
        """Return the damped Gauss-Newton step of the seven numbers."""
        residuals, numbers = self.residuals(camera), camera.numbers
        scaled = STEP * np.array([1, 1, 1, 1, camera.scale, 1, 1])
        columns = []
        for i in range(7):
            change = np.zeros(7)
            change[i] = scaled[i]
            ahead, behind = (self.residuals(camera.with_numbers(numbers + sign * change)) for sign in (1, -1))
            columns.append((ahead - behind) / (2 * scaled[i]))
        jacobian, weights = np.stack(columns, axis=1), self.shares * robust_weight(residuals, reach)
        matrix = jacobian.T @ (weights[:, None] * jacobian)
        right = jacobian.T @ (weights * residuals)
        width = prior.width
        matrix[np.diag_indices(7)] += PRIOR_WEIGHT / width**2
        right += PRIOR_WEIGHT * prior.residuals(camera) / width
        matrix[np.diag_indices(7)] *= 1 + damping
        return -np.linalg.solve(matrix + 1e-12 * np.eye(7), right)


def robust(residuals: np.ndarray, reach: float) -> np.ndarray:
    """Return Geman and McClure's function (1985): the square of small residuals, and at most reach^2."""
    squares = residuals**2
    return squares * reach**2 / (squares + reach**2)


def robust_weight(residuals: np.ndarray, reach: float) -> np.ndarray:
    """Return the weights under which least squares minimise `robust`."""
    return (reach**2 / (residuals**2 + reach**2)) ** 2
