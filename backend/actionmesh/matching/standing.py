"""How a mesh stands before the clip's camera: the side that is seen, from where, and whether it fits the frame.

"Faces +Z" means the side that *the camera sees*. If the mesh stands in the pose of the reference frame, its
silhouette finds that side: of all views around it the right one leaves the smallest distance between the contours,
and of a view and the opposite one the right one has its creases where the picture has edges. Otherwise wrong views
fit as well as the right one, and the file's documented front is used.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..geometry.surface import Normalisation, normalise
from ..protocol import Facing
from .camera import FilmCamera
from .film import Film
from .search import AROUND, FRONT, View, angle_between, explains_alike, find_views, glance

EXTENT = 0.75
"""Half the longest side of a mesh's box in match space: that of the toys on which the search's prior was set."""
SHARPNESS = 2.0
"""Sharpness of the film on which the camera is searched; at the usual size pixel steps hide which of two views is
nearer."""
LARGEST_COST = 0.1
"""Square pixels of the contours' distance above which no view around a mesh is trusted. On tuning sets right views
have at most 0.08, and the best views of a mesh in another frame's pose have at least that."""
CLEAR_COST, CLEARLY, CLEAR_CREASES = 0.2, 3.0, 0.3
"""A view of up to CLEAR_COST is trusted nevertheless if every view elsewhere costs CLEARLY times as much, and the
correlation of its creases is at least CLEAR_CREASES and higher than any other's."""
LEAST_CREASES = 0.15
"""Correlation of creases and edges below which a view is not trusted if another one has more."""
LEAST_AGREEMENT, LARGEST_MISMATCH = 0.94, 0.6
"""Overlap of silhouette and mask below which, and cost above which, a mesh does not stand as the frame shows it."""
LEAST_PIXELS = 64
"""Pixels of the subject, at a film's usual sharpness, below which any mesh can be made to fit the frame from afar."""
CLOSE = 0.7
"""A view that explains the outline as well as the best one, and has this share of its creases, leaves a doubt."""
YAWS = {Facing.FRONT: 0, Facing.RIGHT: 90, Facing.BACK: 180, Facing.LEFT: -90}
"""Degrees around +Y from +Z to the axis that the mesh faces."""


@dataclass(frozen=True)
class Standing:
    """A mesh before the camera.

    Args:
        yaw: degrees around +Y from the file's +Z to the side that the camera sees.
        to_match: from the mesh's coordinates to match space, where that side is at +Z.
        view: the camera of match space and film, and how well it explains the reference frame.
        doubtful: yaw in degrees of another side that explains the frame almost as well; None if there is none.
        legible: whether the frame shows the subject large enough, compared with its size in the other frames.
        unbent: overlap of the mesh as it was, if it was bent into the frame, see `bend`; None if it was not.
    """

    yaw: float
    to_match: Normalisation
    view: View
    doubtful: float | None = None
    legible: bool = True
    unbent: float | None = None

    @property
    def turn(self) -> np.ndarray | None:
        """(3, 3) rotation of the mesh that takes the seen side to +Z; None if it is already there."""
        return self.to_match.turn

    @property
    def agrees(self) -> bool:
        """Whether the mesh stands as the reference frame shows it, of itself or because it was bent."""
        if self.unbent is not None:
            return True
        return self.legible and self.view.overlap >= LEAST_AGREEMENT and self.view.cost < LARGEST_MISMATCH


def stand(
    vertices: np.ndarray, faces: np.ndarray, still: Film, facing: Facing, check: Callable[[], None] = lambda: None
) -> Standing:
    """Return how a mesh stands in the reference frame, with the camera of a film of the usual sharpness.

    Args:
        vertices: (V, 3) float32, in the mesh's own coordinates.
        faces: (F, 3).
        still: the reference frame alone, at SHARPNESS.
        facing: the side that the camera sees; AUTO searches the whole circle for it.
        check: called now and then; what it raises stops the search.
    """
    return replace(_stand(vertices, faces, still, facing, check), legible=is_legible(still))


def possible_stands(
    vertices: np.ndarray, faces: np.ndarray, still: Film, facing: Facing, check: Callable[[], None] = lambda: None
) -> list[Standing]:
    """Return how a mesh in another pose may stand in the reference frame: seen from the front, and from other sides.

    Args: as `stand`. A facing that is given is the only one.
    """
    front = _facing(vertices, faces, still, YAWS.get(facing, 0), check)
    if facing is not Facing.AUTO:
        return [front]
    placed, to_match = normalise(vertices, EXTENT)
    around = [_turned(view, to_match) for view in find_views(placed, faces, still, 0, AROUND, check)]
    return [front, *(each for each in around if abs(wrapped(each.yaw - front.yaw)) > AROUND.apart)]


def is_legible(still: Film) -> bool:
    """Return whether a frame at SHARPNESS shows the subject large enough to tell how a mesh stands."""
    return bool(np.count_nonzero(still.masks[0]) >= LEAST_PIXELS * SHARPNESS**2)


def cost_at_a_glance(
    vertices: np.ndarray, faces: np.ndarray, still: Film, facing: Facing, check: Callable[[], None] = lambda: None
) -> float:
    """Return about what the best view of a mesh costs in a frame, see `View`, before any view is finished.

    Args: as `stand`.
    """
    if facing is Facing.AUTO:
        return glance(normalise(vertices, EXTENT)[0], faces, still, 0, AROUND, check)
    return glance(normalise(vertices, EXTENT, turn_of(YAWS[facing]))[0], faces, still, 0, FRONT, check)


def _stand(vertices: np.ndarray, faces: np.ndarray, still: Film, facing: Facing, check: Callable[[], None]) -> Standing:
    if facing is not Facing.AUTO:
        return _facing(vertices, faces, still, YAWS[facing], check)
    placed, to_match = normalise(vertices, EXTENT)
    views = find_views(placed, faces, still, 0, AROUND, check)
    if not _trusted(views):
        return _facing(vertices, faces, still, 0, check)
    return replace(_turned(views[0], to_match), doubtful=_second(views))


def _turned(view: View, to_match: Normalisation) -> Standing:
    """Return how a mesh stands that a view from around shows, turned so that the camera is in front of it."""
    yaw = float(np.degrees(view.camera.yaw))
    seen = replace(view, camera=replace(view.camera, yaw=0.0))
    return Standing(wrapped(yaw), replace(to_match, turn=turn_of(yaw)), _usual(seen))


def _facing(vertices: np.ndarray, faces: np.ndarray, still: Film, yaw: float, check: Callable[[], None]) -> Standing:
    placed, to_match = normalise(vertices, EXTENT, turn_of(yaw) if yaw else None)
    return Standing(yaw, to_match, _usual(find_views(placed, faces, still, 0, FRONT, check)[0]))


def _usual(view: View) -> View:
    """Return the view with the camera of a film of the usual sharpness."""
    return replace(view, camera=view.camera.rescaled(1 / SHARPNESS, (0.0, 0.0)))


def _trusted(views: list[View]) -> bool:
    """Return whether the best view shows that the mesh stands as the frame shows it."""
    best = views[0]
    rivals = any(view.creases > LEAST_CREASES for view in views[1:])
    exact = best.cost < LARGEST_COST and not (best.creases < LEAST_CREASES and rivals)
    return exact or _stands_out(
        best, [view for view in views[1:] if angle_between(view.camera, best.camera) > AROUND.apart]
    )


def _stands_out(best: View, elsewhere: list[View]) -> bool:
    """Return whether a view whose outline is not exact is far better than all views from elsewhere."""
    clear = all(view.cost >= CLEARLY * best.cost and view.creases < best.creases for view in elsewhere)
    return best.cost < CLEAR_COST and best.creases >= CLEAR_CREASES and clear


def _second(views: list[View]) -> float | None:
    """Return the yaw, in degrees, of another view that is almost as good as the best."""
    best = views[0]
    for view in views[1:]:
        alike = explains_alike(view, views) and view.creases > CLOSE * best.creases
        if alike and angle_between(view.camera, best.camera) > AROUND.apart:
            return wrapped(float(np.degrees(view.camera.yaw)))
    return None


def turn_of(yaw: float) -> np.ndarray:
    """Return the rotation (3, 3) around +Y that takes what is at `yaw` degrees from +Z to +Z."""
    sin, cos = np.sin(np.radians(yaw)), np.cos(np.radians(yaw))
    return np.array([[cos, 0.0, -sin], [0.0, 1.0, 0.0], [sin, 0.0, cos]])


def wrapped(degrees: float) -> float:
    """Return the same direction as an angle between -180 and 180 degrees."""
    return (degrees + 180.0) % 360.0 - 180.0


def camera_in_mesh(camera: FilmCamera, to_match: Normalisation) -> np.ndarray:
    """Return the matrix (4, 4) from a camera that looks along its -Z, +Y up, to the mesh's own coordinates.

    An orthographic camera has no position, so it is placed three times the mesh's longest side from its centre.
    """
    distance = 1 / camera.inverse_distance if camera.inverse_distance > 0 else 4 * EXTENT + 2 * EXTENT
    film = np.array([-camera.shift[0], -camera.shift[1], distance * camera.scale])
    matrix = np.eye(4)
    axes = camera.axes if to_match.turn is None else camera.axes @ to_match.turn
    matrix[:3, :3] = axes.T
    matrix[:3, 3] = to_match.invert(camera.to_model(film))
    return matrix
